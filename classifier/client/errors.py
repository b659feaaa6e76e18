"""What a response that is no answer means to the caller of a RemoteClassifier."""

from __future__ import annotations

import math
from http import HTTPStatus

import httpx
import orjson

from classifier.client.resilience import Transient
from classifier.contract import (
    BrokenModel,
    ClassifierError,
    ClassifierOverloaded,
    ClassifierTimeout,
    ClassifierUnavailable,
    InvalidInput,
    UnknownVersion,
)

_BY_CODE: dict[str, type[ClassifierError]] = {
    "unknown_version": UnknownVersion,
    "broken_model": BrokenModel,
    "token_required": ClassifierError,
    "no_registry": ClassifierError,
}
_BY_STATUS: dict[int, type[ClassifierError]] = {
    HTTPStatus.BAD_REQUEST: InvalidInput,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: InvalidInput,
    HTTPStatus.UNPROCESSABLE_ENTITY: InvalidInput,
    HTTPStatus.GATEWAY_TIMEOUT: ClassifierTimeout,
}


def error_of(response: httpx.Response) -> ClassifierError | Transient:
    """Return the contract's error for a response; only what a later try may mend is ClassifierUnavailable."""
    status = response.status_code
    try:
        described = orjson.loads(response.content)["error"]
        code, message = str(described["code"]), str(described["message"])
    except (KeyError, TypeError, ValueError):
        code, message = "", f"the classifier service answered with status {status}"
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status)
    if kind is not None:
        return kind(message)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return ClassifierError("the classifier service refused the token: set FINGERPOST_CLASSIFIER_TOKEN")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
        return _unavailable(response, code, message)
    return ClassifierError(f"{message}: check the address of the classifier service")


def _unavailable(response: httpx.Response, code: str, message: str) -> ClassifierError | Transient:
    """Only a 503 promises that nothing was done yet and that another attempt is welcome."""
    try:
        seconds = float(response.headers.get("retry-after", "1"))
    except ValueError:  # it may also be a date
        seconds = 1.0
    seconds = seconds if 0 <= seconds < math.inf else 1.0
    kind = ClassifierOverloaded if code == "overloaded" else ClassifierUnavailable
    error = kind(message, retry_after=seconds)
    return Transient(error, seconds) if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE else error
