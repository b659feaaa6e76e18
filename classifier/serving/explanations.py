"""Explanations that were measured a while ago or are being measured now: an equal question costs nothing."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from classifier.contract import Explanation

_Key = tuple[str, str, bytes]

_MOST = 128
_SECONDS = 600.0
"""So long a text's words are remembered, whoever deletes the message meanwhile."""
_SECONDS_CUT_SHORT = 30.0
"""Of one that time had cut short: later there may be more of it."""


class Explanations:
    """Remembers in this process's memory alone, by model version, method and the text's hash.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[_Key, tuple[float, Explanation]] = OrderedDict()
        self._under_way: dict[_Key, asyncio.Task[Explanation]] = {}

    async def of(
        self, version: str, method: str, text: str, measure: Callable[[], Coroutine[Any, Any, Explanation]]
    ) -> Explanation:
        """The explanation of a text; `measure` makes it where there is none, also if a caller goes away."""
        key = (version, method, hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
        self._forget()
        if key in self._kept:
            return self._kept[key][1]
        task = self._under_way.get(key)
        if task is None or task.get_loop() is not asyncio.get_running_loop():
            task = self._under_way[key] = asyncio.create_task(measure())
            task.add_done_callback(functools.partial(self._ended, key))
        return await asyncio.shield(task)

    def _ended(self, key: _Key, task: asyncio.Task[Explanation]) -> None:
        if self._under_way.get(key) is task:
            del self._under_way[key]
        if task.cancelled() or task.exception() is not None:
            return
        explanation = task.result()
        seconds = _SECONDS_CUT_SHORT if explanation.cut_short else _SECONDS
        self._kept[key] = (self._clock() + seconds, explanation)

    def _forget(self) -> None:
        """Let go of what is too old, and of the oldest where there are too many."""
        now = self._clock()
        for key in [key for key, (until, _) in self._kept.items() if until <= now]:
            del self._kept[key]
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
