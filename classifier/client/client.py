"""RemoteClassifier: the classifier contract over HTTP. Imports no torch."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import httpx
import orjson

from classifier.client.errors import error_of
from classifier.client.json_codec import unpack_explanation, unpack_model, unpack_picture, unpack_prediction
from classifier.client.resilience import CircuitBreaker, Retries, Transient
from classifier.contract import (
    ClassifierTimeout,
    ClassifierUnavailable,
    Explanation,
    ExplanationMethod,
    ModelInfo,
    Picture,
    Prediction,
    UnknownVersion,
    Versions,
)
from classifier.model.registry import VERSION

_Answer = TypeVar("_Answer")

_CONNECT_SECONDS = 3.0
# an idle connection is kept for a shorter time than the service keeps it
_CONNECTIONS = httpx.Limits(max_connections=128, max_keepalive_connections=64, keepalive_expiry=30.0)
_CHANGE_SECONDS = 300.0
"""For another model to be loaded."""
_TEXTS_A_REQUEST = 128
"""Larger calls go in parts, well below the service's limits."""
_CHARACTERS_A_REQUEST = 500_000
"""The same; as JSON a character has six bytes at most."""
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


class RemoteClassifier:
    """Asks a classifier service; repeats what failed on the way, and stops asking one that is gone."""

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        timeout: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
        retries: Retries | None = None,
        breaker: CircuitBreaker | None = None,
    ) -> None:
        """Point at a service; nothing is connected before the first call.

        Args:
            base_url: such as http://classifier:8600.
            token: the service's token, where it has one.
            timeout: seconds until an answer must be there, repetitions included.
            transport: in place of the network, for tests.
            retries: how questions are repeated. Changes of the model never are.
            breaker: when not to ask at all.
        """
        self._timeout = timeout
        self._retries = retries or Retries()
        self._breaker = breaker or CircuitBreaker()
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            limits=_CONNECTIONS,
            transport=transport,
        )

    async def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Answer each text, in order."""
        predictions: list[Prediction] = []
        for part in _parts(texts):
            read = functools.partial(_predictions, len(part))
            predictions += await self._ask("POST", "/v1/classify", {"texts": part}, read)
        return predictions

    async def explain(
        self, text: str, method: ExplanationMethod = "leave_one_out", *, seconds: float | None = None
    ) -> Explanation:
        """Say which words decided; the service is told how long it has."""
        return await self._ask(
            "POST",
            "/v1/explain",
            {"text": text, "method": method},
            lambda body: unpack_explanation(body["explanation"]),
            seconds,
        )

    async def picture(
        self, text: str, *, title: str = "", dark: bool = False, seconds: float | None = None
    ) -> Picture:
        """Draw the words that decided."""
        asked = {"text": text, "title": title, "dark": dark}
        return await self._ask(
            "POST", "/v1/picture", asked, lambda body: unpack_picture(body["picture"]), seconds
        )

    async def model(self) -> ModelInfo:
        """Say which model answers now."""
        return await self._ask("GET", "/v1/model", None, lambda body: unpack_model(body["model"]))

    async def versions(self) -> Versions:
        """Say which model versions the service has."""
        return await self._ask("GET", "/v1/models", None, _versions)

    async def activate(self, version: str) -> str:
        """Let another version answer; asked once, as it may have happened although no answer came."""
        if not VERSION.fullmatch(version):
            raise UnknownVersion(f"{version!r} is no version")
        return await self._change(f"/v1/models/{version}/activate")

    async def rollback(self) -> str:
        """Let the version before answer; asked once: asking twice could go back two versions."""
        return await self._change("/v1/models/rollback")

    async def close(self) -> None:
        """Give back the connections."""
        await self._client.aclose()

    async def _change(self, path: str) -> str:
        try:
            return await self._attempt("POST", path, None, lambda body: str(body["version"]), _CHANGE_SECONDS)
        except Transient as failed:
            raise failed.error from failed.__cause__

    async def _ask(
        self,
        method: str,
        path: str,
        content: Any,
        read: Callable[[Mapping[str, Any]], _Answer],
        seconds: float | None = None,
    ) -> _Answer:
        clock = self._retries.clock
        deadline = clock() + min(self._timeout, seconds or self._timeout)
        body = None if content is None else _encoded(content)

        async def attempt() -> _Answer:
            return await self._attempt(method, path, body, read, max(deadline - clock(), 0.001))

        return await self._retries.run(attempt, deadline)

    async def _attempt(
        self,
        method: str,
        path: str,
        body: bytes | None,
        read: Callable[[Mapping[str, Any]], _Answer],
        seconds: float,
    ) -> _Answer:
        """One request.

        Raises:
            Transient: another one may succeed.
            ClassifierError: none would, or nobody knows.
        """
        if self._client.is_closed:
            raise ClassifierUnavailable("the classifier is closed")
        with self._breaker.call():
            response = await self._send(method, path, body, seconds)
            if response.status_code != HTTPStatus.OK:
                raise error_of(response)
            try:
                return read(orjson.loads(response.content))
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise ClassifierUnavailable("the classifier service answered with something else") from error

    async def _send(self, method: str, path: str, body: bytes | None, seconds: float) -> httpx.Response:
        headers = {"Fingerpost-Timeout": f"{seconds:.3f}"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        limits = httpx.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds))
        try:
            # httpx limits each step; this limits all of them together
            async with asyncio.timeout(seconds):
                return await self._client.request(method, path, content=body, headers=headers, timeout=limits)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout, httpx.PoolTimeout) as error:
            raise ClassifierTimeout from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            url = self._client.base_url  # without a user's name and password: people read this
            where = f"{url.scheme}://{url.netloc.decode('ascii')} ({type(error).__name__})"
            raise Transient(ClassifierUnavailable(f"no classifier service answers at {where}")) from error


def _encoded(content: Mapping[str, Any]) -> bytes:
    """The content as JSON. Half a character, which JSON cannot hold, becomes a space, as in a model."""
    try:
        return orjson.dumps(content)
    except TypeError:
        return orjson.dumps({key: _whole(value) for key, value in content.items()})


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF_CHARACTER.sub(" ", value)
    return [_whole(one) for one in value] if isinstance(value, list) else value


def _parts(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in requests that the service takes."""
    part: list[str] = []
    characters = 0
    for text in texts:
        if part and (len(part) == _TEXTS_A_REQUEST or characters + len(text) > _CHARACTERS_A_REQUEST):
            yield part
            part, characters = [], 0
        part.append(text)
        characters += len(text)
    if part:
        yield part


def _predictions(expected: int, body: Mapping[str, Any]) -> list[Prediction]:
    predictions = [unpack_prediction(fields) for fields in body["predictions"]]
    if len(predictions) != expected:
        raise ValueError("another number of answers than of texts")
    return predictions


def _versions(body: Mapping[str, Any]) -> Versions:
    active = body["active"]
    return Versions(
        tuple(str(model["version"]) for model in body["models"]), None if active is None else str(active)
    )
