"""From a request to its answer: token, deadline, body, and a client that may go away meanwhile.

Plain ASGI: the framework's way costs more than everything else that the service does for a message.
"""

from __future__ import annotations

import asyncio
import hmac
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from enum import Enum
from http import HTTPStatus
from typing import TypeVar

from starlette.types import Receive, Scope

from classifier.serving.http.metrics import ServiceMetrics
from classifier.serving.http.responses import CLIENT_GONE, Answer, Refused, problem_of
from classifier.serving.http.schemas import MAX_BODY_BYTES

_Result = TypeVar("_Result")
Work = Callable[[bytes], Awaitable[bytes]]
"""From a request's body to its answer's."""

DEADLINE_HEADER = "Fingerpost-Timeout"
"""Seconds that a client waits for its answer."""

_DEADLINE = DEADLINE_HEADER.lower().encode()
_NUMBER = re.compile(rb"\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,3})?")


class Access(Enum):
    """Who may ask."""

    OPEN = "everybody"
    KNOWN = "who knows the token, where there is one"
    CHANGES = "who knows the token, and nobody where there is none"


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


class Requests:
    """Answers requests: refuses what it must, gives up when it is time, and counts."""

    def __init__(self, token: str | None, timeout: float, metrics: ServiceMetrics) -> None:
        """Answer with a token and a deadline.

        Args:
            token: what clients must send as `Authorization: Bearer ...`; None asks for nothing.
            timeout: seconds for a request at most.
            metrics: what counts refusals.
        """
        self._token = None if token is None else token.encode()
        self._timeout = timeout
        self._metrics = metrics

    async def answer(
        self,
        scope: Scope,
        receive: Receive,
        work: Work,
        *,
        access: Access = Access.KNOWN,
        reads: bool = True,
        longest: float | None = None,
    ) -> Answer:
        """Carry out a request; every error becomes an answer.

        Args:
            scope: of ASGI.
            receive: of ASGI.
            work: what is to be done; cancelled at the deadline, and when the client goes away.
            access: who may ask.
            reads: whether the request has a body.
            longest: seconds at most, in place of the service's own limit.
        """
        try:
            headers = dict(scope["headers"])
            if access is not Access.OPEN:
                self._authorise(headers, needed=access is Access.CHANGES)
            async with asyncio.timeout(_seconds(headers, longest or self._timeout)):
                body = await _body(headers, receive) if reads else b""
                return Answer(HTTPStatus.OK, await unless_gone(receive, work(body)))
        except ClientGone:
            answer = Answer(CLIENT_GONE, b"", code="client_gone")
        except Exception as error:  # noqa: BLE001 - whatever happens, the client is told in the one form
            answer = problem_of(error)
        self._metrics.refuse(answer.code)
        return answer

    def seconds(self, scope: Scope) -> float:
        """Seconds that a request may take: as many as its client says, within the service's limit."""
        return _seconds(dict(scope["headers"]), self._timeout)

    def _authorise(self, headers: Mapping[bytes, bytes], *, needed: bool) -> None:
        if self._token is None:
            if needed:
                raise Refused(
                    HTTPStatus.FORBIDDEN,
                    "token_required",
                    "a token must be set before models can be changed: set FINGERPOST_CLASSIFIER_TOKEN",
                )
            return
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(given, self._token):
            raise Refused(
                HTTPStatus.UNAUTHORIZED,
                "unauthorised",
                "send the service's token",
                WWW_Authenticate="Bearer",
            )


def _seconds(headers: Mapping[bytes, bytes], longest: float) -> float:
    """Seconds that this request may take: as many as its client says, within the service's limit."""
    given = headers.get(_DEADLINE)
    if given is None:
        return longest
    seconds = float(given) if _NUMBER.fullmatch(given) else 0.0
    if seconds <= 0 or math.isinf(seconds):
        message = f"{DEADLINE_HEADER}: send a number of seconds above 0"
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", message)
    return min(seconds, longest)


async def _body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """The body, refused as soon as it is too large, whatever its Content-Length says."""
    message = await receive()
    received: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts = bytearray(received)
        while message.get("more_body") and len(parts) <= MAX_BODY_BYTES:
            message = await receive()
            parts += message.get("body", b"")
        received = bytes(parts)
    if message["type"] == "http.disconnect":
        raise ClientGone
    if len(received) > MAX_BODY_BYTES:
        raise Refused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too_large",
            f"the body has more than {MAX_BODY_BYTES} bytes: send fewer texts at once",
        )
    kind = headers.get(b"content-type", b"application/json")
    if received and kind.partition(b";")[0].strip().lower() != b"application/json":
        raise Refused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "not_json", "send JSON, with Content-Type: application/json"
        )
    return received


async def unless_gone(receive: Receive, work: Awaitable[_Result]) -> _Result:
    """Await work whose request has been read; cancel it when the client goes away.

    Raises:
        ClientGone: it did.
    """
    owner = asyncio.current_task()
    gone = False

    async def look() -> None:
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        if owner is not None:
            owner.cancel()

    looking = asyncio.create_task(look())
    try:
        return await work
    except asyncio.CancelledError:
        # a deadline or the server may have cancelled as well: then it is theirs to say so
        if gone and owner is not None and owner.uncancel() == 0:
            raise ClientGone from None
        raise
    finally:
        looking.cancel()
