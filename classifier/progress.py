"""How far a training is, from the tokens it has read: a step's time follows its tokens."""

from __future__ import annotations

import time
from collections.abc import Callable

from classifier.training.config import Progress


class Meter:
    """Counts tokens and reports.

    Args:
        report: gets a Progress for each step.
        epochs: planned.
        steps: in an epoch.
        tokens: in an epoch.
        first: fraction of the whole work at which the loop begins.
        last: fraction at which it ends.
    """

    def __init__(
        self,
        report: Callable[[Progress], None],
        epochs: int,
        steps: int,
        tokens: int,
        *,
        first: float = 0.04,
        last: float = 0.98,
    ) -> None:
        self._report = report
        self._epochs, self._steps, self._tokens = epochs, steps, tokens
        self._first, self._last = first, last
        self._skipped, self._done, self._step = 0, 0, 0
        self._began = time.monotonic()
        self.loss: float | None = None
        self.validation_accuracy: float | None = None

    def skip(self, epochs: int) -> None:
        """Begin after so many epochs, which an earlier process did."""
        self._skipped = epochs * self._tokens
        self._step = epochs * self._steps

    def step(self, epoch: int, tokens: int, loss: float) -> None:
        """Account for one step. Validation time is inside the throughput, because the clock runs on."""
        self._done += tokens
        self._step += 1
        self.loss = loss if self.loss is None else 0.95 * self.loss + 0.05 * loss
        planned = self._epochs * self._tokens
        left = max(0, planned - self._skipped - self._done)
        share = min(1.0, (self._skipped + self._done) / max(1, planned))
        self._report(
            Progress(
                stage="train",
                epoch=epoch,
                epochs=self._epochs,
                step=self._step,
                steps=self._epochs * self._steps,
                fraction=self._first + (self._last - self._first) * share,
                eta_seconds=(time.monotonic() - self._began) / max(1, self._done) * left,
                loss=self.loss,
                validation_accuracy=self.validation_accuracy,
            )
        )
