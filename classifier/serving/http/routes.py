"""The service's routes, in one table."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from classifier.serving.http import openapi
from classifier.serving.http import schemas as models
from classifier.serving.http.metrics import CONTENT_TYPE
from classifier.serving.http.operations import Operations
from classifier.serving.http.requests import Access, Requests
from classifier.serving.http.responses import Answer, problem

CLASSIFY = "/v1/classify"
CONTROL_SECONDS = 300.0
"""A change of the model is waited for so long at most; loading a large one takes its time."""

_TO_MEASURE = 0.6
"""Of a request's time, for an explanation: the rest is for its last passes, a picture and the way back."""

Operation = Callable[[Request, bytes], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Route:
    """A route and its description.

    Attributes:
        method: of HTTP.
        path: with {version} where one is named.
        name: the operation's id.
        summary: in a few words.
        says: in a sentence.
        answer: documents the answer's body.
        work: what is done.
        body: documents the request's body; None: there is none.
        access: who may ask.
        errors: statuses besides those that every route of its kind has.
        longest: seconds at most, in place of the service's limit.
    """

    method: str
    path: str
    name: str
    summary: str
    says: str
    answer: type[BaseModel]
    work: Operation
    body: type[BaseModel] | None = None
    access: Access = Access.KNOWN
    errors: tuple[int, ...] = ()
    longest: float | None = None


def routes(requests: Requests, do: Operations) -> tuple[Route, ...]:
    """Return every route that answers in JSON."""
    change = functools.partial(
        Route,
        "POST",
        answer=models.ActivatedAnswer,
        access=Access.CHANGES,
        longest=CONTROL_SECONDS,
        errors=(404, 409),
    )
    return (
        Route(
            "POST",
            CLASSIFY,
            "classify",
            "Classify messages",
            'One prediction a text, in order. An empty text gets an honest "not sure".',
            models.ClassifyAnswer,
            lambda _, body: do.classify(body),
            models.ClassifyRequest,
        ),
        Route(
            "POST",
            "/v1/explain",
            "explain",
            "Say which words decided",
            "Scores of the words, and the probability that was measured without the top ones: the best that "
            "fits the request's time and the service's limit, see cut_short.",
            models.ExplainAnswer,
            lambda request, body: do.explain(body, _TO_MEASURE * requests.seconds(request.scope)),
            models.ExplainRequest,
        ),
        Route(
            "POST",
            "/v1/picture",
            "picture",
            "Draw the words that decided",
            "The text with its words shaded by what they did to the decision.",
            models.PictureAnswer,
            lambda request, body: do.picture(body, _TO_MEASURE * requests.seconds(request.scope)),
            models.PictureRequest,
        ),
        Route(
            "GET",
            "/v1/model",
            "model",
            "Describe the model that answers",
            "Its version, its labels and its thresholds.",
            models.ModelAnswer,
            lambda *_: do.model(),
        ),
        Route(
            "GET",
            "/v1/models",
            "versions",
            "List the model versions",
            "Those on disk, oldest first, and which one is active.",
            models.VersionsAnswer,
            lambda *_: do.versions(),
            errors=(404,),
        ),
        change(
            "/v1/models/{version}/activate",
            "activate",
            "Let a version answer",
            "It is loaded and warm before it takes over, so no request waits or fails. A change that began "
            "is finished, also after a 504.",
            work=lambda request, _: do.activate(request.path_params["version"]),
        ),
        change(
            "/v1/models/rollback",
            "rollback",
            "Let the version before answer",
            "Goes back to the version that answered before the active one, in the same way.",
            work=lambda *_: do.rollback(),
        ),
        Route(
            "GET",
            "/healthz",
            "health",
            "Does the process run?",
            "Yes, wherever this answers.",
            models.HealthAnswer,
            lambda *_: do.health(),
            access=Access.OPEN,
        ),
        Route(
            "GET",
            "/readyz",
            "ready",
            "Is the model warm?",
            "503 before the model is loaded and while the service stops.",
            models.ReadyAnswer,
            lambda *_: do.ready(),
            access=Access.OPEN,
        ),
    )


def create_app(requests: Requests, do: Operations, *, token: bool) -> FastAPI:
    """Build the framework's app around the operations.

    Args:
        requests: answers requests.
        do: what they ask for.
        token: whether the service has one, for the documentation.
    """
    app = FastAPI(
        title="Fingerpost classifier",
        version="1",
        description=openapi.DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a path that is not there is an error like others
    )
    for route in routes(requests, do):
        _add(app, requests, route, token=token)

    @app.get(
        "/metrics",
        operation_id="metrics",
        summary="Count for Prometheus",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        """Requests, times, queue and model, in Prometheus' text format. Asks for no token."""
        return Response(await do.metrics(), headers={"Content-Type": CONTENT_TYPE})

    @app.exception_handler(HTTPException)
    async def other(_: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        answer = problem(status, status.name.lower(), str(error.detail))
        return Response(answer.body, answer.status, {**_names(answer), **(error.headers or {})})

    openapi.add_security(app.openapi())
    return app


def _add(app: FastAPI, requests: Requests, route: Route, *, token: bool) -> None:
    async def endpoint(request: Request) -> Response:
        answer = await requests.answer(
            request.scope,
            request.receive,
            lambda body: route.work(request, body),
            access=route.access,
            reads=route.body is not None,
            longest=route.longest,
        )
        return Response(answer.body, answer.status, _names(answer))

    changes = route.access is Access.CHANGES
    asks = changes or (token and route.access is Access.KNOWN)
    statuses = openapi.statuses_of(body=route.body is not None, token=asks, changes=changes, own=route.errors)
    app.add_api_route(
        route.path,
        endpoint,
        methods=[route.method],
        operation_id=route.name,
        summary=route.summary,
        description=route.says,
        response_model=None,
        responses=openapi.responses(route.answer, statuses),
        openapi_extra=openapi.request(route.body, token=asks, version="{version}" in route.path),
    )


def _names(answer: Answer) -> Mapping[str, str]:
    return {name.decode(): value.decode() for name, value in answer.headers}
