"""Questions to a model, a few at a time: others get their turn between them, and a clock can end it. Pure."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TypeVar

from classifier.contract import Prediction

_Result = TypeVar("_Result")
Steps = Generator[list[str], Sequence[Prediction], _Result]
"""Yields texts, is sent their answers in order, returns a result."""


class Limits:
    """How much is asked at once, and for how long.

    Attributes:
        cut_short: whether something was left unasked because the time was over.

    Args:
        seconds: from now on; None: as long as it takes.
        characters: of the texts of one step; a longer text is a step of its own.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        seconds: float | None = None,
        *,
        characters: int = sys.maxsize,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cut_short = False
        self._seconds, self._characters, self._clock = seconds, characters, clock
        self._began = clock()

    def late(self, share: float = 1.0) -> bool:
        """Whether a share of the time, 0..1, is over."""
        return self._seconds is not None and self._clock() - self._began >= share * self._seconds

    def ask(self, texts: Sequence[str], *, share: float = 1.0, least: int = 0) -> Steps[list[Prediction]]:
        """Ask text after text while there is time.

        Args:
            texts: the most important first.
            share: of the time, after which no more are asked.
            least: so many are asked however late it is.

        Returns:
            The answers to the first texts; to all of them unless the time was over.
        """
        answers: list[Prediction] = []
        for part in self._parts(texts):
            if len(answers) >= least and self.late(share):
                self.cut_short = True
                break
            answers += yield part
        return answers

    def _parts(self, texts: Sequence[str]) -> Iterator[list[str]]:
        part: list[str] = []
        left = self._characters
        for text in texts:
            if part and len(text) > left:
                yield part
                part, left = [], self._characters
            part.append(text)
            left -= len(text)
        if part:
            yield part


def answered(steps: Steps[_Result], ask: Callable[[list[str]], Sequence[Prediction]]) -> _Result:
    """Take all steps at once.

    Args:
        steps: that were not begun.
        ask: answers texts, in order.
    """
    try:
        asked = next(steps)
        while True:
            asked = steps.send(ask(asked))
    except StopIteration as ended:
        result: _Result = ended.value
        return result
