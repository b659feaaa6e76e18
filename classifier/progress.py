"""How far a training is, from the tokens it has read: a step's time follows its tokens."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

Stage = Literal["prepare", "embed", "train", "refit", "calibrate", "done"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training is.

    Attributes:
        stage: what it does now.
        epoch: counted from 1, 0 outside of training.
        epochs: that are planned.
        step: steps done in the stage.
        steps: planned in the stage.
        fraction: 0..1 of the whole work.
        eta_seconds: until the end of the work, from the measured token throughput; None before there is one.
        loss: of the last steps, smoothed.
        validation_accuracy: of the last epoch, in-scope messages only.
    """

    stage: Stage
    epoch: int
    epochs: int
    step: int
    steps: int
    fraction: float
    eta_seconds: float | None = None
    loss: float | None = None
    validation_accuracy: float | None = None


Report = Callable[[Progress], None]
"""Gets a training's progress."""


def within(report: Report, first: float, last: float, *, stage: Stage | None = None) -> Report:
    """Report the progress of a part of the work as progress of the whole.

    Args:
        report: gets the whole's progress.
        first: fraction of the whole at which the part begins.
        last: fraction at which it ends; what follows is taken to go on at the part's speed.
        stage: what the part's training is called; None: as it calls itself.
    """

    def inner(progress: Progress) -> None:
        eta, done = progress.eta_seconds, progress.fraction
        if eta is not None and done < 1:
            eta += eta / (1 - done) * (1 - last) / (last - first)
        named = stage if stage is not None and progress.stage == "train" else progress.stage
        report(replace(progress, stage=named, fraction=first + (last - first) * done, eta_seconds=eta))

    return inner


def never_back(report: Report) -> Report:
    """Let no part begin before the fraction that another has reached: their shares are estimates."""
    reached = 0.0

    def inner(progress: Progress) -> None:
        nonlocal reached
        reached = max(reached, progress.fraction)
        report(replace(progress, fraction=reached))

    return inner


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
        report: Report,
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
