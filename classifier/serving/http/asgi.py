"""The classifier over HTTP: /v1/classify and the rest of `service_routes`, for any server of ASGI."""

from __future__ import annotations

import time

from starlette.types import Message, Receive, Scope, Send

from classifier.contract import Classifier, ModelControl
from classifier.serving.http.metrics import ServiceMetrics
from classifier.serving.http.operations import Operations
from classifier.serving.http.requests import Requests
from classifier.serving.http.responses import Answer
from classifier.serving.http.routes import CLASSIFY, create_app

TIMEOUT_SECONDS = 10.0
_UNKNOWN = "unknown"
"""The route of requests for which there is none: their paths are anybody's choice, and no label."""


class ClassifierService:
    """An ASGI application around a classifier, which stays its caller's to close.

    Messages to classify do not pass through the framework: its routing, middleware and dependencies cost
    several times what is left. It documents that route and answers all others.
    """

    def __init__(
        self, classifier: Classifier | None, token: str | None, control: ModelControl | None, timeout: float
    ) -> None:
        self.metrics = ServiceMetrics()
        self._do = Operations(classifier, control, self.metrics)
        self._requests = Requests(token, timeout, self.metrics)
        self._app = create_app(self._requests, self._do, token=token is not None)

    @property
    def warm(self) -> bool:
        """Whether there is a model to answer with."""
        return self._do.classifier is not None

    def provide(self, classifier: Classifier, control: ModelControl | None = None) -> None:
        """Name the classifier that answers from now on: it is loaded and warm."""
        self._do.classifier, self._do.control = classifier, control

    def drain(self) -> None:
        """Be ready no more; what comes is still answered."""
        self._do.draining = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        self.metrics.running += 1
        route, status = _UNKNOWN, 500
        try:
            if scope["path"] == CLASSIFY and scope["method"] == "POST":
                route = CLASSIFY
                answer = await self._requests.answer(scope, receive, self._do.classify)
                status = answer.status
                await _send(answer, send)
            else:

                async def watched(message: Message) -> None:
                    nonlocal status
                    if message["type"] == "http.response.start":
                        status = message["status"]
                    await send(message)

                await self._app(scope, receive, watched)
                route = getattr(scope.get("route"), "path", _UNKNOWN)
        finally:
            self.metrics.running -= 1
            self.metrics.record(route, status, time.perf_counter() - started)


async def _send(answer: Answer, send: Send) -> None:
    length = (b"content-length", str(len(answer.body)).encode())
    await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers, length]})
    await send({"type": "http.response.body", "body": answer.body})


def create_service(
    classifier: Classifier | None,
    token: str | None,
    control: ModelControl | None = None,
    *,
    timeout: float = TIMEOUT_SECONDS,
) -> ClassifierService:
    """Build the service around a classifier.

    Args:
        classifier: what answers; None until `provide` names one: it answers 503 meanwhile.
        token: clients must send it as `Authorization: Bearer ...`; None asks for nothing, and then models
            cannot be changed over HTTP.
        control: lets another model version answer; None where there is one version alone.
        timeout: seconds after which the service gives up; clients may say fewer.
    """
    return ClassifierService(classifier, token, control, timeout)
