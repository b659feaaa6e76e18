"""The classifier over HTTP: POST /v1/classify, /v1/explain, /v1/picture; GET /v1/model, /healthz, /readyz.

Every error is {"error": {"code": ..., "message": ...}}; a 503 says in Retry-After when to come back.
"""

from __future__ import annotations

import hmac
import math
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException

from classifier.contract import (
    Classifier,
    ClassifierError,
    ClassifierOverloaded,
    ClassifierUnavailable,
    ExplanationMethod,
    InvalidInput,
)
from classifier.wire import pack_explanation, pack_model, pack_picture, pack_prediction

MAX_BODY_BYTES = 4 * 1024 * 1024
MAX_TEXTS = 512
MAX_CHARACTERS = 100_000
"""Of one text; Slack's longest message has 40,000."""

_Text = Annotated[str, Field(max_length=MAX_CHARACTERS)]


class ClassifyRequest(BaseModel):
    """Body of POST /v1/classify."""

    model_config = ConfigDict(extra="forbid")
    texts: list[_Text] = Field(max_length=MAX_TEXTS)


class ExplainRequest(BaseModel):
    """Body of POST /v1/explain."""

    model_config = ConfigDict(extra="forbid")
    text: _Text
    method: ExplanationMethod = "leave_one_out"


class PictureRequest(BaseModel):
    """Body of POST /v1/picture."""

    model_config = ConfigDict(extra="forbid")
    text: _Text
    title: Annotated[str, Field(max_length=200)] = ""
    dark: bool = False


class _TooLarge(Exception):
    """The body is larger than the service takes."""


class _Unauthorised(Exception):
    """The request names no token, or a wrong one."""


def create_service(classifier: Classifier, token: str | None) -> FastAPI:
    """Build the service around a classifier, which stays its caller's to close.

    Args:
        classifier: what answers.
        token: clients must send it as `Authorization: Bearer ...`; None asks for nothing.
    """
    app = FastAPI(title="Fingerpost classifier", docs_url=None, redoc_url=None)

    def authorise(request: Request) -> None:
        given = request.headers.get("authorization", "")
        if token is not None and not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise _Unauthorised

    @app.post("/v1/classify")
    async def classify(request: Request) -> dict[str, Any]:
        authorise(request)
        body = ClassifyRequest.model_validate_json(await _body(request))
        predictions = await classifier.classify(body.texts)
        return {"predictions": [pack_prediction(prediction) for prediction in predictions]}

    @app.post("/v1/explain")
    async def explain(request: Request) -> dict[str, Any]:
        authorise(request)
        body = ExplainRequest.model_validate_json(await _body(request))
        return {"explanation": pack_explanation(await classifier.explain(body.text, body.method))}

    @app.post("/v1/picture")
    async def picture(request: Request) -> dict[str, Any]:
        authorise(request)
        body = PictureRequest.model_validate_json(await _body(request))
        drawn = await classifier.picture(body.text, title=body.title, dark=body.dark)
        return {"picture": pack_picture(drawn)}

    @app.get("/v1/model")
    async def model(request: Request) -> dict[str, Any]:
        authorise(request)
        return {"model": pack_model(await classifier.model())}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        return {"status": "ready", "version": (await classifier.model()).version}

    _describe_errors(app)
    return app


async def _body(request: Request) -> bytes:
    """The body, refused as soon as it is too large, whatever its Content-Length says."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > MAX_BODY_BYTES:
            raise _TooLarge
    return bytes(received)


def _describe_errors(app: FastAPI) -> None:
    @app.exception_handler(ClassifierError)
    async def classifier_error(_: Request, error: ClassifierError) -> JSONResponse:
        if isinstance(error, ClassifierUnavailable):
            code = "overloaded" if isinstance(error, ClassifierOverloaded) else "unavailable"
            seconds = str(max(1, math.ceil(error.retry_after)))
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, code, str(error), {"Retry-After": seconds})
        if isinstance(error, InvalidInput):
            return _error(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", str(error))
        return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "classifier_error", str(error))

    @app.exception_handler(ValidationError)
    async def invalid(_: Request, error: ValidationError) -> JSONResponse:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        return _error(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", f"{place}: {first['msg']}")

    @app.exception_handler(_TooLarge)
    async def too_large(_: Request, __: _TooLarge) -> JSONResponse:
        message = f"the body has more than {MAX_BODY_BYTES} bytes: send fewer texts at once"
        return _error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", message)

    @app.exception_handler(_Unauthorised)
    async def unauthorised(_: Request, __: _Unauthorised) -> JSONResponse:
        headers = {"WWW-Authenticate": "Bearer"}
        return _error(HTTPStatus.UNAUTHORIZED, "unauthorised", "send the service's token", headers)

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> JSONResponse:
        status = HTTPStatus(error.status_code)
        return _error(status, status.name.lower(), str(error.detail), dict(error.headers or {}))


def _error(
    status: HTTPStatus, code: str, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    content = {"error": {"code": code, "message": message}}
    return JSONResponse(content, status_code=status, headers=headers)
