"""What OpenAPI says of the service's routes beside the bodies' models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from classifier.model.registry import VERSION
from classifier.serving.http import schemas as models
from classifier.serving.http.requests import DEADLINE_HEADER

DESCRIPTION = """Says which category a message belongs to, and which words decided.

Every error is `{"error": {"code", "message"}}`. A 503 says in `Retry-After` when to come back: the queue is
full (`overloaded`), or the model is not loaded, or the service stops (`unavailable`)."""

_MEANINGS: dict[int, tuple[str, str, str]] = {
    401: ("unauthorised", "The token is missing or wrong.", "send the service's token"),
    403: ("token_required", "The service has no token, so models cannot be changed.", "a token must be set"),
    404: (
        "unknown_version",
        "There is no such version, or no registry.",
        "no version 20260101T000000Z-abcdef",
    ),
    409: ("broken_model", "The model cannot be loaded; nothing changed.", "manifest.sha256 is missing"),
    413: ("too_large", f"The body has more than {models.MAX_BODY_BYTES} bytes.", "send fewer texts at once"),
    415: ("not_json", "The body is not JSON.", "send JSON, with Content-Type: application/json"),
    422: (
        "invalid_input",
        "The request cannot be used.",
        f"texts: send 1 to {models.MAX_TEXTS} texts at once",
    ),
    500: ("internal", "The service made a mistake.", "the service made a mistake: its log says more"),
    503: ("overloaded", "No answer now; come back later.", "The classifier's queue is full."),
    504: (
        "timeout",
        "The answer was not ready in time.",
        "no answer within the time that the request allows",
    ),
}
_BODY = (413, 415, 422)
_ALWAYS = (500, 503, 504)
_HEADERS: dict[int, Any] = {
    401: {"WWW-Authenticate": {"description": "Bearer", "schema": {"type": "string"}}},
    503: {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}},
}
_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "description": "FINGERPOST_CLASSIFIER_TOKEN of the service. Where none is set, none is asked for, and "
    "models cannot be changed.",
}
_DEADLINE = {
    "name": DEADLINE_HEADER,
    "in": "header",
    "description": "Seconds after which the client waits no longer; the service gives up then, too.",
    "schema": {"type": "number", "exclusiveMinimum": 0},
    "example": 2.5,
}
_VERSION = {
    "name": "version",
    "in": "path",
    "required": True,
    "description": "One of those that GET /v1/models names.",
    "schema": {"type": "string", "pattern": f"^{VERSION.pattern}$"},
    "example": "20261121T101500Z-ab12cd",
}


def responses(answer: type[BaseModel], statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """Document the answer of a route, and the errors that it may give in its place."""
    return {200: {"model": answer}, **{status: _error(status) for status in sorted(statuses)}}


def statuses_of(*, body: bool, token: bool, changes: bool, own: Iterable[int]) -> set[int]:
    """The statuses of a route's errors.

    Args:
        body: whether a body is sent.
        token: whether the token is asked for.
        changes: whether it is refused where the service has no token.
        own: the route's own.
    """
    return {
        422,
        *own,
        *_ALWAYS,
        *(_BODY if body else ()),
        *((401,) if token else ()),
        *((403,) if changes else ()),
    }


def request(body: type[BaseModel] | None, *, token: bool, version: bool) -> dict[str, Any]:
    """Document what a route is sent: headers, path, body, token."""
    extra: dict[str, Any] = {"parameters": [_DEADLINE, _VERSION] if version else [_DEADLINE]}
    if token:
        extra["security"] = [{"token": []}]
    if body is not None:
        content = {"application/json": {"schema": body.model_json_schema()}}
        extra["requestBody"] = {"required": True, "content": content}
    return extra


def add_security(described: dict[str, Any]) -> None:
    """Add the token's description where a route asks for it."""
    if any("security" in operation for path in described["paths"].values() for operation in path.values()):
        described["components"]["securitySchemes"] = {"token": _TOKEN}


def _error(status: int) -> dict[str, Any]:
    code, meaning, message = _MEANINGS[status]
    described: dict[str, Any] = {
        "model": models.ErrorAnswer,
        "description": meaning,
        "content": {"application/json": {"example": {"error": {"code": code, "message": message}}}},
    }
    if status in _HEADERS:
        described["headers"] = _HEADERS[status]
    return described
