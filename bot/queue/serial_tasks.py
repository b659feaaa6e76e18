"""What the bot's loops share: work in order within a lane, lanes side by side; rests; error boundaries."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import structlog

from storage.errors import StorageError

POLL_SECONDS = 1.0
"""How often to look for retries and other replicas' leftovers; our own new work wakes us at once."""

log = structlog.get_logger(__name__)


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

    def lanes(self) -> set[str]:
        """Return the lanes that are busy now."""
        return set(self._last)

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


@contextlib.asynccontextmanager
async def in_background(
    *loops: Coroutine[Any, Any, None],
) -> AsyncIterator[tuple[asyncio.Task[None], ...]]:
    """Run loops beside what is done in the context; leaving it ends them."""
    tasks = tuple(asyncio.create_task(loop) for loop in loops)
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def work_off(
    name: str, claim_and_start: Callable[[], Awaitable[bool]], wake: asyncio.Event, tasks: SerialTasks
) -> None:
    """Work until cancelled; what is under way then is healed by whoever finds its lease expired.

    Args:
        name: for the log.
        claim_and_start: claims what is due and starts it; False where nothing was.
        wake: set where there is new work.
        tasks: what was started.
    """
    try:
        while True:
            wake.clear()
            try:
                found = await claim_and_start()
            except StorageError as error:  # the database may come back
                log.warning("claim_failed", queue=name, error=str(error))
                await asyncio.sleep(POLL_SECONDS)
                found = False
            except Exception:  # the one error boundary of this loop
                log.exception("claim_failed", queue=name)
                await asyncio.sleep(POLL_SECONDS)
                found = False
            if not found:
                await _rest(wake)
    finally:
        await tasks.close()


async def poll(
    name: str, look: Callable[[], Awaitable[object]], seconds: float, *expected: type[Exception]
) -> None:
    """Look until cancelled, with a pause between two looks; `expected` errors are logged in a line."""
    while True:
        try:
            await look()
        except expected as error:
            log.warning("look_failed", loop=name, error=str(error))
        except Exception:  # the one error boundary of this loop
            log.exception("loop_failed", loop=name)
        await asyncio.sleep(seconds)


async def _rest(wake: asyncio.Event) -> None:
    """Wait for a wake-up, or for a while.

    Not by asyncio.wait_for: Python 3.11's loses a cancellation that arrives together with the wake-up.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(POLL_SECONDS):
            await wake.wait()
