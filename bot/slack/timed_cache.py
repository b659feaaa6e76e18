"""Slack's answers, remembered for a while."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

SIZE = 10_000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class TimedCache(Generic[K, V]):
    """Values by key; what is too old is asked for again, and a failure is not remembered.

    Args:
        seconds: how long a value counts.
        look_up: asks for one.
        monotonic: seconds.
    """

    def __init__(
        self,
        seconds: float,
        look_up: Callable[[K], Awaitable[V]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._look_up = look_up
        self._monotonic = monotonic
        self._known: dict[K, tuple[float, V]] = {}

    async def get(self, key: K) -> V:
        """Return the value of a key."""
        now = self._monotonic()
        known = self._known.get(key)
        if known is not None and known[0] > now:
            return known[1]
        value = await self._look_up(key)
        if len(self._known) >= SIZE:
            self._known.clear()
        self._known[key] = (now + self._seconds, value)
        return value
