"""What one model said to each message of a labelled set: for reports, gates and thresholds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.calibration.scores import probabilities
from classifier.contract import OUT_OF_SCOPE_THRESHOLD
from classifier.inference.predictor import Predictor

_TIMED = 50


@dataclass(frozen=True, slots=True)
class Answers:
    """A model's answers to N messages, in the messages' order.

    Attributes:
        version: of the model.
        labels: its C category slugs, in the order of the columns.
        probabilities: calibrated, float64 [N, C].
        scope: out-of-scope score, float64 [N] in 0..1.
        thresholds: float64 [N], confidence from which the predicted category may be routed.
        milliseconds: median time of one message alone on this machine; 0 where it was not measured.
    """

    version: str
    labels: tuple[str, ...]
    probabilities: npt.NDArray[Any]
    scope: npt.NDArray[Any]
    thresholds: npt.NDArray[Any]
    milliseconds: float = 0.0

    @property
    def predicted(self) -> npt.NDArray[Any]:
        """[N] slugs: the most likely category of each message."""
        said: npt.NDArray[Any] = np.array(self.labels)[self.probabilities.argmax(axis=1)]
        return said

    @property
    def confidence(self) -> npt.NDArray[Any]:
        """[N], the most likely category's probability."""
        best: npt.NDArray[Any] = self.probabilities.max(axis=1)
        return best

    @property
    def routed(self) -> npt.NDArray[np.bool_]:
        """[N], whether the model would answer by itself: confident enough, and not out of scope."""
        kept: npt.NDArray[np.bool_] = (self.confidence >= self.thresholds) & (
            self.scope < OUT_OF_SCOPE_THRESHOLD
        )
        return kept


def answer(predictor: Predictor, texts: Sequence[str], *, timed: bool = False) -> Answers:
    """Let a model answer every text.

    Args:
        predictor: the model.
        texts: N messages as they were written.
        timed: whether to measure the time of single messages too (the first fifty).
    """
    facts = predictor.facts
    logits, pooled = predictor.outputs(texts)
    scores = probabilities(logits, facts.temperature)
    return Answers(
        version=facts.version,
        labels=facts.labels,
        probabilities=scores,
        scope=predictor.scope(logits, pooled) if len(texts) else np.zeros(0),
        thresholds=np.array([facts.threshold_of(label) for label in facts.labels])[scores.argmax(axis=1)],
        milliseconds=_single(predictor, texts[:_TIMED]) if timed and texts else 0.0,
    )


def _single(predictor: Predictor, texts: Sequence[str]) -> float:
    predictor.predict([texts[0]])  # warm-up
    times = []
    for text in texts:
        began = time.perf_counter()
        predictor.predict([text])
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times)
