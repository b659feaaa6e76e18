"""Asking again, and when to stop asking: for calls over a network that may be repeated."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from classifier.contract import ClassifierError, ClassifierOverloaded, ClassifierUnavailable

_Result = TypeVar("_Result")
Clock = Callable[[], float]
"""Seconds since some moment, never going back."""
Draw = Callable[[], float]
"""A number from 0 to 1, 1 excluded."""


class Transient(Exception):
    """An attempt failed in a way that another one may mend.

    Attributes:
        error: what the caller is told where no other attempt succeeds.
        wait: seconds to wait at least, where the other side said so.
    """

    def __init__(self, error: ClassifierUnavailable, wait: float = 0.0) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and after which pauses a call is repeated.

    Attributes:
        attempts: the first one included.
        base: longest pause before the second attempt, seconds; it doubles with each further one.
        cap: longest pause, seconds. What the other side asks for is waited for beyond it.
        clock: tells the time that is left.
        draw: spreads the pauses evenly below the longest ("full jitter", M. Brooker, Exponential Backoff And
            Jitter, AWS Architecture Blog, 2015), so that callers that failed together do not come back so.
        sleep: waits.
    """

    attempts: int = 3
    base: float = 0.1
    cap: float = 2.0
    clock: Clock = time.monotonic
    draw: Draw = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self, attempt: Callable[[], Coroutine[Any, Any, _Result]], deadline: float) -> _Result:
        """Attempt until one succeeds.

        Args:
            attempt: a coroutine function; raises Transient where another attempt is worth while. Every other
                error ends it.
            deadline: on the clock; no attempt begins after it.

        Raises:
            ClassifierUnavailable: no attempt succeeded; what the last one failed with.
        """
        retrying = AsyncRetrying(
            sleep=self.sleep,
            retry=retry_if_exception_type(Transient),
            wait=self._pause,
            stop=lambda state: (
                state.attempt_number >= self.attempts or self.clock() + state.upcoming_sleep >= deadline
            ),
            reraise=True,
        )
        try:
            return await retrying(attempt)
        except Transient as last:
            raise last.error from last.__cause__

    def _pause(self, state: RetryCallState) -> float:
        """Seconds until the next attempt."""
        failed = state.outcome.exception() if state.outcome else None
        asked = failed.wait if isinstance(failed, Transient) else 0.0
        return asked + self.draw() * min(self.cap, self.base * 2.0 ** (state.attempt_number - 1))


class CircuitBreaker:
    """Stops asking a service that does not answer, and looks now and then whether it is back.

    Closed, every call goes through. After so many failures in a row it opens: calls fail at once. After a
    pause one call is let through to try; it closes the circuit, or opens it for another pause (M. Nygard,
    Release It!, 2007). A full queue is no failure: the service answers, and says when to come back.
    """

    def __init__(
        self,
        failures: int = 5,
        pause: float = 5.0,
        *,
        clock: Clock = time.monotonic,
        draw: Draw = random.random,
    ) -> None:
        """Begin closed.

        Args:
            failures: in a row, until it opens.
            pause: seconds until it tries again; drawn anew each time from half of it to one and a half.
            clock: tells the time.
            draw: spreads the pauses, so that many callers do not try at the same moment.
        """
        self._failures = failures
        self._pause = pause
        self._clock = clock
        self._draw = draw
        self._in_a_row = 0
        self._closed_from = 0.0
        self._trying = False

    @property
    def open(self) -> bool:
        """Whether calls fail at once, but for the one that tries."""
        return self._in_a_row >= self._failures

    @contextmanager
    def call(self) -> Iterator[None]:
        """Hold around one call; its error says how it went.

        Raises:
            ClassifierUnavailable: the circuit is open.
        """
        trial = self._admit()
        try:
            yield
        except (Transient, ClassifierError) as raised:
            error = raised.error if isinstance(raised, Transient) else raised
            if isinstance(error, ClassifierUnavailable) and not isinstance(error, ClassifierOverloaded):
                self._failed()
            else:
                self._succeeded()  # it answered
            raise
        else:
            self._succeeded()
        finally:
            if trial:
                self._trying = False  # also where the call was cancelled: the next one tries

    def _admit(self) -> bool:
        """Whether this call is the one that tries."""
        if not self.open:
            return False
        left = self._closed_from - self._clock()
        if left > 0 or self._trying:
            raise ClassifierUnavailable(
                "the classifier service failed several times in a row and is left alone for a moment",
                retry_after=max(left, 1.0),
            )
        self._trying = True
        return True

    def _succeeded(self) -> None:
        self._in_a_row = 0

    def _failed(self) -> None:
        self._in_a_row += 1
        if self.open:
            self._closed_from = self._clock() + self._pause * (0.5 + self._draw())
