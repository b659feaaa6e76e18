"""What the service counts, for Prometheus. Each service has a registry of its own: nothing is global."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from classifier.contract import Classifier, ModelInfo

CONTENT_TYPE = CONTENT_TYPE_LATEST
_NAME = "fingerpost_classifier"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@runtime_checkable
class Gauges(Protocol):
    """What a classifier with a queue and models to swap says of itself."""

    @property
    def waiting(self) -> int:
        """Texts in the queue."""

    @property
    def swaps(self) -> int:
        """How often another model took over."""


class ServiceMetrics(Collector):
    """Counts requests. Labels take only values that the service itself names: routes, statuses, codes."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            f"{_NAME}_requests", "Requests, by route and status.", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            f"{_NAME}_request_seconds",
            "Seconds from a request's head to its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._texts = Counter(f"{_NAME}_texts", "Texts classified.", registry=self.registry)
        self._refused = Counter(
            f"{_NAME}_refused",
            "Requests without the answer, by error code.",
            ["code"],
            registry=self.registry,
        )
        self._by_route = dict[str, Histogram]()
        self._by_status = dict[tuple[str, int], Counter]()
        self._classifier: Classifier | None = None
        self._model: ModelInfo | None = None
        self.running = 0
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def record(self, route: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        # looking a labelled child up takes longer than counting with it
        counter = self._by_status.get((route, status))
        if counter is None:
            counter = self._by_status[route, status] = self._requests.labels(route, str(status))
        histogram = self._by_route.get(route)
        if histogram is None:
            histogram = self._by_route[route] = self._seconds.labels(route)
        counter.inc()
        histogram.observe(seconds)

    def classified(self, texts: int) -> None:
        """Count texts."""
        self._texts.inc(texts)

    def refuse(self, code: str) -> None:
        """Count a request that did not get what it asked for."""
        self._refused.labels(code).inc()

    def text(self, classifier: Classifier | None, model: ModelInfo | None) -> bytes:
        """Return everything in Prometheus' text format.

        Args:
            classifier: what answers, where it is loaded.
            model: the model that answers, where there is one.
        """
        self._classifier, self._model = classifier, model
        return generate_latest(self.registry)

    def collect(self) -> Iterable[Metric]:
        """What is looked up rather than counted."""
        yield GaugeMetricFamily(f"{_NAME}_requests_running", "Requests under way.", value=self.running)
        ready = GaugeMetricFamily(
            f"{_NAME}_ready", "1 where a model answers.", value=float(bool(self._model))
        )
        yield ready
        if isinstance(self._classifier, Gauges):
            waiting, swaps = self._classifier.waiting, self._classifier.swaps
            yield GaugeMetricFamily(f"{_NAME}_queue_texts", "Texts that wait.", value=waiting)
            yield CounterMetricFamily(f"{_NAME}_model_swaps", "Models that took over.", value=swaps)
        if self._model is not None:
            # one series at a time: the version that answers
            info = GaugeMetricFamily(
                f"{_NAME}_model_info", "The model that answers.", labels=["version", "kind"]
            )
            info.add_metric([self._model.version, self._model.kind], 1)
            yield info
