"""A bot in a process of its own, to be killed. Its clock runs faster, so that leases end in seconds."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import time
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from bot.app.runtime import running_bot
from bot.settings import Settings
from classifier.testing import ScriptedClassifier
from storage.database import Database
from storage.feedback.categories import CategorySpec

TOPICS = tuple(CategorySpec(f"topic-{n}", f"Topic {n}", "key", "", f"team-{n}") for n in range(12))
"""Enough teams that their channels take many cards at once: each takes one a second."""

FASTER = 20
"""So many seconds of the bot's pass in one."""

_CONTEXT = multiprocessing.get_context("forkserver")


def scripted() -> ScriptedClassifier:
    """Return a model that knows a topic by its name."""
    return ScriptedClassifier({f"{topic.name} ": topic.slug for topic in TOPICS})


def start(values: dict[str, Any], began: float) -> BaseProcess:
    """Start a bot.

    Args:
        values: settings, plain.
        began: the moment (seconds since the epoch) at which the bots' clock and ours agreed.
    """
    _CONTEXT.set_forkserver_preload([__name__])
    process = _CONTEXT.Process(target=_main, args=(values, began), daemon=True)
    process.start()
    return process


def kill(process: BaseProcess) -> None:
    """End it as the kernel does: nothing is tidied up."""
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
    process.join()


def _main(values: dict[str, Any], began: float) -> None:
    sys.stdout = sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for its whole life
    asyncio.run(_run(Settings(_env_file=None, **values), began))


async def _run(settings: Settings, began: float) -> None:
    def clock() -> datetime:
        return datetime.fromtimestamp(began + (time.time() - began) * FASTER, UTC)

    database = Database(settings.database_url)
    async with running_bot(settings, database, scripted(), TOPICS, clock) as bot:
        await bot.wait()
