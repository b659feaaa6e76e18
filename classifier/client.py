"""RemoteClassifier: the classifier contract over HTTP. Imports no torch."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import httpx

from classifier.contract import (
    ClassifierError,
    ClassifierOverloaded,
    ClassifierTimeout,
    ClassifierUnavailable,
    Explanation,
    ExplanationMethod,
    InvalidInput,
    ModelInfo,
    Picture,
    Prediction,
)
from classifier.wire import unpack_explanation, unpack_model, unpack_picture, unpack_prediction

_Answer = TypeVar("_Answer")

_CONNECT_SECONDS = 3.0
_TEXTS_A_REQUEST = 128
"""Larger calls go in parts, well below the service's limits."""


class RemoteClassifier:
    """Asks a classifier service."""

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        timeout: float = 10.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Point at a service; nothing is connected before the first call.

        Args:
            base_url: such as http://classifier:8600.
            token: the service's token, where it has one.
            timeout: seconds until an answer must be there.
            transport: in place of the network, for tests.
        """
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=httpx.Timeout(timeout, connect=min(_CONNECT_SECONDS, timeout)),
            transport=transport,
        )

    async def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Answer each text, in order."""
        predictions: list[Prediction] = []
        for at in range(0, len(texts), _TEXTS_A_REQUEST):
            part = list(texts[at : at + _TEXTS_A_REQUEST])
            read = functools.partial(_predictions, len(part))
            predictions += await self._ask("POST", "/v1/classify", {"texts": part}, read)
        return predictions

    async def explain(self, text: str, method: ExplanationMethod = "leave_one_out") -> Explanation:
        """Say which words decided."""
        return await self._ask(
            "POST",
            "/v1/explain",
            {"text": text, "method": method},
            lambda body: unpack_explanation(body["explanation"]),
        )

    async def picture(self, text: str, *, title: str = "", dark: bool = False) -> Picture:
        """Draw the words that decided."""
        asked = {"text": text, "title": title, "dark": dark}
        return await self._ask("POST", "/v1/picture", asked, lambda body: unpack_picture(body["picture"]))

    async def model(self) -> ModelInfo:
        """Say which model answers now."""
        return await self._ask("GET", "/v1/model", None, lambda body: unpack_model(body["model"]))

    async def close(self) -> None:
        """Give back the connections."""
        await self._client.aclose()

    async def _ask(
        self, method: str, path: str, content: Any, read: Callable[[Mapping[str, Any]], _Answer]
    ) -> _Answer:
        if self._client.is_closed:
            raise ClassifierUnavailable("the classifier is closed")
        try:
            response = await self._client.request(method, path, json=content)
        except httpx.TimeoutException as error:
            raise ClassifierTimeout from error
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise ClassifierUnavailable(
                f"no classifier service answers at {self._client.base_url} ({type(error).__name__})"
            ) from error
        if response.status_code != HTTPStatus.OK:
            raise _error(response)
        try:
            return read(response.json())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ClassifierUnavailable("the classifier service answered with something else") from error


def _predictions(expected: int, body: Mapping[str, Any]) -> list[Prediction]:
    predictions = [unpack_prediction(fields) for fields in body["predictions"]]
    if len(predictions) != expected:
        raise ValueError("another number of answers than of texts")
    return predictions


def _error(response: httpx.Response) -> ClassifierError:
    """The contract's error for a response; only what a later try may mend is ClassifierUnavailable."""
    try:
        described = response.json()["error"]
        code, message = str(described["code"]), str(described["message"])
    except (KeyError, TypeError, ValueError):
        code, message = "", f"the classifier service answered with status {response.status_code}"
    status = response.status_code
    if status in (
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.BAD_REQUEST,
    ):
        return InvalidInput(message)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return ClassifierError("the classifier service refused the token: set FINGERPOST_CLASSIFIER_TOKEN")
    if status == HTTPStatus.GATEWAY_TIMEOUT:
        return ClassifierTimeout(message)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        kind = ClassifierOverloaded if code == "overloaded" else ClassifierUnavailable
        try:
            seconds = float(response.headers.get("retry-after", "1"))
        except ValueError:  # it may also be a date
            seconds = 1.0
        return kind(message, retry_after=seconds)
    return ClassifierError(f"{message}: check the address of the classifier service")
