"""Retrainings that are killed at random points: what answers stays, the next one works, nothing is left.

FINGERPOST_KILLS=50 kills as often in the long drill, FINGERPOST_KILL_SEED draws other points.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from classifier.model.directory import load_model_directory
from classifier.model.registry import Registry
from storage.database import Database
from storage.feedback.categories import CategorySpec
from storage.models import RetrainRun, RunSource, RunState
from tests.factories.retraining_process import alive, children, now, prepare

KILLS = int(os.environ.get("FINGERPOST_KILLS", "12"))
SEED = int(os.environ.get("FINGERPOST_KILL_SEED", "0"))
TEAM = "T1"
PATIENCE = 600.0
STAGES = ("start", "prepare", "train", "evaluate", "publish")
"""Points in a run's life; from there on a random part of a second passes. "start": the child begins."""

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc"),
    pytest.mark.timeout(PATIENCE * (KILLS + 1)),
]


async def until(look: Callable[[], Awaitable[object]], pause: float = 0.02) -> None:
    async with asyncio.timeout(PATIENCE):
        while not await look():  # noqa: ASYNC110 - another process writes what is looked at
            await asyncio.sleep(pause)


async def ask(database: Database, slot: str) -> RetrainRun:
    async with database.unit_of_work() as work:
        run, _ = await work.runs.add_if_free(
            team_id=TEAM, slot=slot, requested_by="U1", source=RunSource.COMMAND, channel_id=None, now=now()
        )
        await work.commit()
    assert run is not None
    return run


async def look_up(database: Database, run: RetrainRun) -> RetrainRun:
    async with database.reader() as work:
        found = await work.runs.get(team_id=TEAM, run_id=run.id)
    assert found is not None
    return found


async def ended(database: Database, run: RetrainRun) -> RetrainRun:
    async def look() -> bool:
        return (await look_up(database, run)).state not in {RunState.QUEUED, RunState.RUNNING}

    await until(look, 0.05)
    return await look_up(database, run)


@asynccontextmanager
async def worker(url: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    command = (sys.executable, "-m", "tests.factories.retraining_process", url, str(folder))
    log = (folder / "worker.log").open("ab")
    process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
    log.close()
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def at_a_random_point(
    database: Database, run: RetrainRun, process: asyncio.subprocess.Process, draw: random.Random
) -> tuple[str, int]:
    """Wait for a random point of the child's life; return where it is, and the child's pid."""
    stage, pids = draw.choice(STAGES), list[int]()

    async def look() -> bool:
        if not pids:
            pids.extend(children(process.pid))
        found = await look_up(database, run)
        order = {"prepare": 1, "train": 2, "refit": 2, "calibrate": 2, "done": 2, "evaluate": 3, "publish": 4}
        reached = order.get(str((found.progress or {}).get("stage")), 1 if found.progress else 0)
        finished = found.state not in {RunState.QUEUED, RunState.RUNNING}
        return bool(pids) and (stage == "start" or reached >= STAGES.index(stage) or finished)

    await until(look)
    await asyncio.sleep(draw.random() * (4.0 if stage in {"start", "prepare"} else 0.7))
    return stage, pids[0]


def serves(registry: Registry) -> str:
    """The active version, which loads."""
    version = registry.active()
    assert version is not None
    load_model_directory(registry.path(version))
    return version


def leftovers(registry: Registry, known: set[str]) -> list[str]:
    """What is in the model home and belongs to nobody."""
    fine = {"ACTIVE", "HISTORY", ".races", *known}
    home = [entry.name for entry in registry.home.iterdir() if entry.name not in {*fine, ".runs"}]
    runs = registry.home / ".runs"
    return home + ([entry.name for entry in runs.iterdir()] if runs.exists() else [])


@pytest.mark.drill("retraining")
@pytest.mark.parametrize("kills", [3, pytest.param(KILLS, marks=pytest.mark.long)])
async def test_killed_retrainings_change_nothing_and_leave_nothing(
    sqlite_url: str, tmp_path: Path, kills: int
):
    draw = random.Random(SEED)  # noqa: S311 - test data
    registry = prepare(tmp_path)
    database = Database(sqlite_url)
    async with database.unit_of_work() as work:
        specs = [CategorySpec(s, s.title(), "key", "", f"team-{s}") for s in ("billing", "login", "network")]
        await work.categories.sync(team_id=TEAM, specs=specs)
        # the first fine-tune is asked for by name already, so that only this test asks for runs
        await work.runs.add_if_free(
            team_id=TEAM,
            slot=f"first/{registry.active()}",
            requested_by="test",
            source=RunSource.FIRST_START,
            channel_id=None,
            now=now(),
        )
        await work.runs.request_cancel(team_id=TEAM, by="test", now=now())
        await work.commit()
    try:
        number = 0
        while number < kills:
            kill_worker = number % 3 == 2
            async with worker(sqlite_url, tmp_path) as process:
                while number < kills:
                    number += 1
                    before = serves(registry)
                    run = await ask(database, f"kill/{number}")
                    point, child = await at_a_random_point(database, run, process, draw)
                    whom = "worker" if kill_worker else "child"
                    print(f"kill {number}: the {whom}, {point}", flush=True)  # noqa: T201 - shown with -s
                    if kill_worker:
                        process.kill()
                        await process.wait()

                        async def gone(pid: int = child) -> bool:
                            return not alive(pid)

                        await until(gone)  # the child ends with its parent
                        break
                    if alive(child):
                        os.kill(child, signal.SIGKILL)
                    await check(database, registry, before, await ended(database, run))
                    await works(database, registry, f"next/{number}")
                    kill_worker = number % 3 == 2
            if process.returncode is not None and kill_worker and number % 3 == 0:
                async with worker(sqlite_url, tmp_path):
                    # the same run is taken up again: that is the next one
                    again = await ended(database, run)
                    assert again.state == RunState.DONE or again.reason, again.reason
                    await check(database, registry, before, again)
    finally:
        await database.dispose()


async def check(database: Database, registry: Registry, before: str, run: RetrainRun) -> None:
    """What answers is what answered, or what a run that came to its end brought; nothing else is on disk."""
    active = serves(registry)
    assert active == before or (run.state == RunState.DONE and active == run.model_version)
    async with database.reader() as work:
        rows = {row.version for row in await work.models.list(team_id=TEAM)}

    async def clean() -> bool:  # the worker removes the folder right after it wrote the end down
        return not leftovers(registry, rows)

    try:
        await until(clean, 0.05)
    except TimeoutError:
        raise AssertionError(f"left behind: {leftovers(registry, rows)}") from None


async def works(database: Database, registry: Registry, slot: str) -> None:
    """A further run comes to its end, with a candidate that was judged."""
    run = await ended(database, await ask(database, slot))
    assert run.model_version is not None, run.reason
    assert registry.path(run.model_version).is_dir()
    await check(database, registry, serves(registry), run)
