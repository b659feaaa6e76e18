"""What the service answers with, and how each error looks as HTTP.

Every error is {"error": {"code": ..., "message": ...}}; a 503 says in Retry-After when to come back.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from http import HTTPStatus

import orjson
from pydantic import ValidationError

from classifier.contract import (
    BrokenModel,
    ClassifierError,
    ClassifierOverloaded,
    ClassifierTimeout,
    ClassifierUnavailable,
    InvalidInput,
    UnknownVersion,
)

Headers = tuple[tuple[bytes, bytes], ...]

CLIENT_GONE = 499
"""Status in the metrics of a request whose client went away; nobody is there to receive it."""

_JSON = (b"content-type", b"application/json")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response.

    Attributes:
        status: of HTTP.
        body: JSON.
        headers: all but the length.
        code: the error's code; empty where all went well.
    """

    status: int
    body: bytes
    headers: Headers = (_JSON,)
    code: str = ""


class Refused(Exception):
    """The request is not carried out; holds the answer that says why."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.answer = problem(status, code, message, headers)


def problem(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    """Return an error as an answer; underscores in the headers' names are hyphens."""
    more = ((name.replace("_", "-").lower().encode(), v.encode()) for name, v in (headers or {}).items())
    # a message may quote what came in, half of a character included
    readable = message.encode("utf-8", "replace").decode()
    body = orjson.dumps({"error": {"code": code, "message": readable}})
    return Answer(int(status), body, (_JSON, *more), code)


def problem_of(error: Exception) -> Answer:
    """Return what a client is told of an error; one that nobody foresaw is logged."""
    if isinstance(error, Refused):
        return error.answer
    if isinstance(error, ValidationError):
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", _first(error))
    if isinstance(error, ClassifierError):
        return _problem_of_classifier(error)
    if isinstance(error, TimeoutError):
        message = "no answer within the time that the request allows: try again shortly"
        return problem(HTTPStatus.GATEWAY_TIMEOUT, "timeout", message)
    _log.error("a request failed", exc_info=error)
    message = f"the service made a mistake ({type(error).__name__}): its log says more"
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", message)


def _problem_of_classifier(error: ClassifierError) -> Answer:
    if isinstance(error, ClassifierTimeout):
        return problem(HTTPStatus.GATEWAY_TIMEOUT, "timeout", str(error))
    if isinstance(error, ClassifierUnavailable):
        code = "overloaded" if isinstance(error, ClassifierOverloaded) else "unavailable"
        seconds = {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, code, str(error), seconds)
    if isinstance(error, UnknownVersion):
        return problem(HTTPStatus.NOT_FOUND, "unknown_version", str(error))
    if isinstance(error, InvalidInput):
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", str(error))
    if isinstance(error, BrokenModel):
        return problem(HTTPStatus.CONFLICT, "broken_model", str(error))
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "classifier_error", str(error))


def _first(error: ValidationError) -> str:
    """The first thing that is wrong with a body, without the body's content."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "body"
    return f"{place[:200]}: {first['msg']}"
