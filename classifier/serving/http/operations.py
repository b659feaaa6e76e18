"""What the service does, from body to body: the routes call these."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import orjson
from pydantic import ValidationError

from classifier.client.json_codec import pack_explanation, pack_model, pack_picture, pack_prediction
from classifier.contract import Classifier, ClassifierError, ClassifierUnavailable, ModelControl
from classifier.serving.http.metrics import ServiceMetrics
from classifier.serving.http.responses import Refused
from classifier.serving.http.schemas import MAX_TEXTS, ClassifyRequest, ExplainRequest, PictureRequest

_LOOK_SECONDS = 1.0
"""For the model's name in the metrics, which are told also where a classifier is stuck."""


class Operations:
    """Asks a classifier, which may be named later: until then every answer is "not yet"."""

    def __init__(
        self, classifier: Classifier | None, control: ModelControl | None, metrics: ServiceMetrics
    ) -> None:
        self.classifier = classifier
        self.control = control
        self.draining = False
        self._metrics = metrics

    async def classify(self, body: bytes) -> bytes:
        """POST /v1/classify."""
        asked = _classify_request(body)
        predictions = await self._warm().classify(asked.texts)
        self._metrics.classified(len(predictions))
        packed = [pack_prediction(one, top=asked.top, embedding=asked.embedding) for one in predictions]
        return _dump({"predictions": packed})

    async def explain(self, body: bytes, seconds: float) -> bytes:
        """POST /v1/explain, within so many seconds."""
        asked = ExplainRequest.model_validate_json(body)
        explanation = await self._warm().explain(asked.text, asked.method, seconds=seconds)
        return _dump({"explanation": pack_explanation(explanation)})

    async def picture(self, body: bytes, seconds: float) -> bytes:
        """POST /v1/picture, measured within so many seconds."""
        asked = PictureRequest.model_validate_json(body)
        picture = await self._warm().picture(asked.text, title=asked.title, dark=asked.dark, seconds=seconds)
        return _dump({"picture": pack_picture(picture)})

    async def model(self) -> bytes:
        """GET /v1/model."""
        return _dump({"model": pack_model(await self._warm().model())})

    async def versions(self) -> bytes:
        """GET /v1/models."""
        found = await self._controlled().versions()
        models = [{"version": name, "active": name == found.active} for name in found.names]
        return _dump({"models": models, "active": found.active})

    async def activate(self, version: str) -> bytes:
        """POST /v1/models/{version}/activate."""
        return _dump({"version": await self._controlled().activate(version)})

    async def rollback(self) -> bytes:
        """POST /v1/models/rollback."""
        return _dump({"version": await self._controlled().rollback()})

    async def ready(self) -> bytes:
        """GET /readyz."""
        if self.draining:
            raise ClassifierUnavailable("the service stops: ask another one", retry_after=5.0)
        return _dump({"status": "ready", "version": (await self._warm().model()).version})

    async def health(self) -> bytes:
        """GET /healthz."""
        return b'{"status":"ok"}'

    async def metrics(self) -> bytes:
        """GET /metrics."""
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                model = await self._warm().model()
        except (ClassifierError, TimeoutError):
            model = None
        return self._metrics.text(self.classifier, model)

    def _warm(self) -> Classifier:
        if self.classifier is None:
            raise ClassifierUnavailable("the model is being loaded: try again shortly", retry_after=1.0)
        return self.classifier

    def _controlled(self) -> ModelControl:
        self._warm()
        if self.control is None:
            raise Refused(
                HTTPStatus.NOT_FOUND, "no_registry", "this service has no model versions to choose from"
            )
        return self.control


def _classify_request(body: bytes) -> ClassifyRequest:
    try:
        return ClassifyRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if first["loc"] == ("texts",) and first["type"] in {"too_short", "too_long"}:
            message = f"texts: send 1 to {MAX_TEXTS} texts at once"
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", message) from None
        raise


def _dump(content: object) -> bytes:
    """As JSON; tuples, words and numpy's numbers are read as they are, so little is copied before."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
