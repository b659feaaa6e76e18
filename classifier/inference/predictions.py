"""What one model said to each message of a labelled set: for reports, gates and thresholds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.calibration.scores import probabilities
from classifier.contract import OUT_OF_SCOPE_THRESHOLD
from classifier.inference.predictor import Predictor

_TIMED, _TURNS = 17, 3
"""Messages whose time is measured, and how often each model's turn comes: the machine has other work too."""

_MOST = 0.25
"""Three messages in four take so many times as long, or longer: noise does not hit most of them."""


@dataclass(frozen=True, slots=True)
class Answers:
    """A model's answers to N messages, in the messages' order.

    Attributes:
        version: of the model.
        labels: its C category slugs, in the order of the columns.
        probabilities: calibrated, float64 [N, C].
        scope: out-of-scope score, float64 [N] in 0..1.
        thresholds: float64 [N], confidence from which the predicted category may be routed.
        milliseconds: time of one message alone on this machine; 0 where it was not measured.
        times: how many times the champion's time most messages take; 0 where it was not measured.
        shape: of the network; two of one shape take the same time. Empty where it is not known.
    """

    version: str
    labels: tuple[str, ...]
    probabilities: npt.NDArray[Any]
    scope: npt.NDArray[Any]
    thresholds: npt.NDArray[Any]
    milliseconds: float = 0.0
    times: float = 0.0
    shape: str = ""

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
        timed: whether to measure the time of single messages too.
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
        milliseconds=float(np.median(_fastest([predictor], texts))) if timed and texts else 0.0,
        shape=predictor.shape,
    )


def timed_in_turns(
    champion: tuple[Answers, Predictor], challenger: tuple[Answers, Predictor], texts: Sequence[str]
) -> tuple[Answers, Answers]:
    """Measure how long single messages take, both models turn by turn: what slows one down slows both down.

    Args:
        champion: what answers now, and what it said.
        challenger: what may answer next, and what it said.
        texts: the messages.
    """
    if not texts:
        return champion[0], challenger[0]
    before, now = _fastest([champion[1], challenger[1]], texts)
    times = float(np.quantile(now / before, _MOST))
    return (
        replace(champion[0], milliseconds=float(np.median(before))),
        replace(challenger[0], milliseconds=float(np.median(now)), times=times),
    )


def _fastest(predictors: Sequence[Predictor], texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """[predictors, texts]: milliseconds of the quickest of each one's turns."""
    texts = texts[:_TIMED]
    for predictor in predictors:
        predictor.predict([texts[0]])  # warm-up
    best = np.full((len(predictors), len(texts)), np.inf)
    for turn in range(_TURNS):
        for column, text in enumerate(texts):
            order = range(len(predictors)) if (turn + column) % 2 else reversed(range(len(predictors)))
            for row in order:
                began = time.perf_counter()
                predictors[row].predict([text])
                best[row, column] = min(best[row, column], 1000 * (time.perf_counter() - began))
    return best
