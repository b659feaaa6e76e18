"""Heavy work beside answers: it rests as long as it must so that it takes only its share of a core."""

from __future__ import annotations

import time
from collections.abc import Callable

Pause = Callable[[], None]
"""Called between two steps of some tens of milliseconds at most."""

SHARE = 0.25
"""On two cores at four fifths of their load two fifths of a core are left over."""


def at_once() -> None:
    """Do not rest."""


class Pace:
    """Rests between steps while others are busy.

    Args:
        busy: whether somebody waits for an answer now.
        share: of one core, above 0 and at most 1.
        clock: seconds of the processor that this thread took.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        busy: Callable[[], bool],
        *,
        share: float = SHARE,
        clock: Callable[[], float] = time.thread_time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._busy, self._share = busy, share
        self._clock, self._sleep = clock, sleep
        self._since: float | None = None

    def __call__(self) -> None:
        """End a step."""
        now = self._clock()  # of the thread that works, which is not the one that made this
        if self._since is not None and self._busy():
            self._sleep((now - self._since) * (1.0 / self._share - 1.0))
        self._since = self._clock()
