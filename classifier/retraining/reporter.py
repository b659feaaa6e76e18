"""How a retraining's child process tells its parent how far it is: JSON lines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, TextIO

from classifier.progress import Progress

PROGRESS_SECONDS = 0.5
PASS_SECONDS = 10.0


class Reporter:
    """Writes progress at most twice a second, so that the pipe never holds the training up."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._next = 0.0
        self._next_pass = 0.0
        self._stage = ""

    def progress(self, stage: str, fraction: float, **details: Any) -> None:
        """Say how far it is; `fraction` is of the whole job."""
        now = time.monotonic()
        if now < self._next and stage == self._stage:
            return
        self._next, self._stage = now + PROGRESS_SECONDS, stage
        self.line("progress", {"stage": stage, "fraction": round(fraction, 4), **details})

    def passed(self) -> None:
        """Say that the work goes on where nothing says how far it is: a batch went through the network."""
        now = time.monotonic()
        if now >= self._next_pass:
            self._next_pass = now + PASS_SECONDS
            self.line("passed", {})

    def line(self, kind: str, value: dict[str, Any]) -> None:
        """Write one line."""
        self._out.write(json.dumps({kind: value}) + "\n")
        self._out.flush()

    def part(self, first: float, share: float, stage: str = "") -> Callable[[Progress], None]:
        """Return a listener to a step that begins at `first` and is `share` of the whole job.

        Where it names a stage of its own, the step knows only its own end, not the job's.
        """

        def show(p: Progress) -> None:
            eta = None if stage else p.eta_seconds
            fraction = first + share * p.fraction
            self.progress(stage or p.stage, fraction, epoch=p.epoch, epochs=p.epochs, eta_seconds=eta)

        return show
