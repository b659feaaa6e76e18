"""The parent's side of the training's child process: start it, follow what it says, end it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from classifier.retraining.child_limits import ADVICE, EXCEEDED, says_out_of_memory

HEARTBEAT_SECONDS = 1.0
MOST_A_BEAT = 5.0
"""Seconds that one beat may count as silence: while this process did not run, it could not listen either."""
LINE_BYTES = 64 * 1024 * 1024
"""Of one line that the child writes: its result names examples."""

OUT_OF_MEMORY_CODES = frozenset({-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS})
"""How a process may end that got no memory: by the kernel's hand, or in native code that did not ask."""

Heartbeat = Callable[[dict[str, Any]], Awaitable[None]]
"""Takes the progress; raises RetrainingFailed where the run is to end."""

log = structlog.get_logger(__name__)


class RetrainingFailed(Exception):
    """The child did not bring a model."""


class RetrainingCancelled(RetrainingFailed):
    """Somebody asked for the end of the run."""

    def __init__(self, by: str) -> None:
        super().__init__(f"{by} cancelled it.")


class Silence:
    """How long a child has said nothing of its progress.

    It speaks where its work goes on, never by a timer: what is slow on a busy machine speaks rarely, what
    hangs not at all.

    Args:
        patience: seconds after which it is taken to hang.
        monotonic: seconds.
    """

    def __init__(self, patience: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._monotonic = monotonic
        self._quiet = 0.0
        self._looked = monotonic()

    def broken(self) -> None:
        """The child said something."""
        self._quiet = 0.0

    def listen(self) -> None:
        """Count the time since the last call.

        Raises:
            RetrainingFailed: it has been too long.
        """
        now = self._monotonic()
        self._quiet += min(now - self._looked, MOST_A_BEAT)
        self._looked = now
        if self._quiet >= self._patience:
            raise RetrainingFailed(f"It made no progress for {self._patience / 60:g} minutes and was ended.")


async def run_child(
    command: Sequence[str],
    job: bytes,
    memory_mib: int,
    heartbeat: Heartbeat,
    progress: dict[str, Any],
    silence: Silence,
) -> dict[str, Any]:
    """Run a child to its end, whatever ends it; return its result.

    Args:
        command: what to start; the limits are appended as arguments.
        job: goes to its standard input.
        memory_mib: that it may use.
        heartbeat: awaited every second while it runs.
        progress: updated with what the child says.
        silence: of the child so far.

    Raises:
        RetrainingFailed: it ended without a result, or was ended.
    """
    limits = ("--parent", str(os.getpid()), "--memory-mib", str(memory_mib))
    process = await asyncio.create_subprocess_exec(
        *command,
        *limits,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE_BYTES,
    )
    try:
        outcome, tail = await _follow(process, job, heartbeat, progress, silence)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if "result" in outcome:
        return outcome["result"]
    if "error" in outcome:
        raise RetrainingFailed(str(outcome["error"]["text"]))
    last = tail.strip().splitlines()[-1:]
    log.error("training_child_died", code=process.returncode, last_line=last)
    if says_out_of_memory(tail):
        raise RetrainingFailed(f"{EXCEEDED.format(mib=memory_mib)}: {ADVICE}.")
    perhaps = f" (perhaps for lack of memory: it may use {memory_mib} MiB)"
    hint = perhaps if process.returncode in OUT_OF_MEMORY_CODES else ""
    raise RetrainingFailed(
        f"The training process ended with code {process.returncode}{hint}; the log says more."
    )


async def _follow(
    process: asyncio.subprocess.Process,
    job: bytes,
    heartbeat: Heartbeat,
    progress: dict[str, Any],
    silence: Silence,
) -> tuple[dict[str, dict[str, Any]], str]:
    """Feed the job and keep the lease alive; return the last lines by kind, and what went to stderr."""
    stdin, stdout, stderr = process.stdin, process.stdout, process.stderr
    if stdin is None or stdout is None or stderr is None:
        raise RetrainingFailed("The training process has no pipes.")
    outcome: dict[str, dict[str, Any]] = {}

    async def feed() -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it died early: stderr says why
            stdin.write(job)
            await stdin.drain()
        stdin.close()

    async def read() -> None:
        async for line in stdout:
            try:
                message = json.loads(line)
            except ValueError:  # it was killed in the middle of a line
                continue
            silence.broken()
            progress.update(message.get("progress", {}))
            outcome.update({k: v for k, v in message.items() if k in {"result", "error"}})

    async def beat() -> None:
        while process.returncode is None:
            await heartbeat(progress)
            silence.listen()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await process.wait()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(feed())
            group.create_task(read())
            group.create_task(beat())
            errors = group.create_task(stderr.read())
    except* RetrainingFailed as failed:
        raise failed.exceptions[0] from None
    return outcome, errors.result().decode(errors="replace")
