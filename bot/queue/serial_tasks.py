"""What inbox and outbox share: work in order within a lane, lanes side by side, and a rest."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any


class SerialTasks:
    """Runs each piece of work behind the one before it in its lane.

    Args:
        on_done: called whenever a piece of work has ended.
    """

    def __init__(self, on_done: Callable[[], None] = lambda: None) -> None:
        self._on_done = on_done
        self._last: dict[str, asyncio.Task[None]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """Return how many lanes are busy."""
        return len(self._last)

    def start(self, lane: str, work: Coroutine[Any, Any, None], name: str) -> None:
        """Start the work as soon as the lane is free."""
        task = asyncio.create_task(_after(self._last.get(lane), work), name=name)
        self._last[lane] = task
        self._running.add(task)

        def ended(done: asyncio.Task[None]) -> None:
            self._running.discard(done)
            if self._last.get(lane) is done:
                del self._last[lane]
            self._on_done()

        task.add_done_callback(ended)

    async def wait_for_room(self) -> None:
        """Wait until a lane's last piece of work has ended."""
        await asyncio.wait(self._last.values(), return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """Cancel what runs and what waits, and see it end."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _after(before: asyncio.Task[None] | None, work: Coroutine[Any, Any, None]) -> None:
    try:
        if before is not None:
            await asyncio.wait([before])
        await work
    finally:
        work.close()  # where it never began, because this was cancelled while it waited


async def rest(wake: asyncio.Event, seconds: float) -> None:
    """Wait for a wake-up, or for so many seconds.

    Not by asyncio.wait_for: Python 3.11's loses a cancellation that arrives together with the wake-up.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await wake.wait()
