"""`/retrain` with the real worker and the real child process: cancelled, tried dry, and across a restart."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from classifier.model.registry import Registry
from classifier.retraining.version_records import keep_mirrored
from classifier.retraining.worker import RetrainWorker
from classifier.settings import ClassifierSettings
from storage.models import ModelState, RetrainRun, RunSource, RunState
from tests.factories.retraining_process import CHILD, children, now, pack, prepare
from tests.factories.world import ANNA, HELP, TEAM, World, make_world, text_of

pytestmark = pytest.mark.timeout(900)
SECONDS = 280


@asynccontextmanager
async def working(world: World, folder: Path) -> AsyncIterator[None]:
    """A worker, which is stopped as the process would stop it."""
    settings = ClassifierSettings(
        _env_file=None,
        model_home=folder / "models",
        base_model=str(folder / "base"),
        max_tokens=32,
        threads=1,
        options=folder / "options.json",
    )
    registry = Registry(folder / "models")
    worker = RetrainWorker(world.database, registry, settings, pack(), now, command=CHILD)
    loops = (worker.run(), keep_mirrored(world.database, registry, now))
    tasks = [asyncio.create_task(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def trainable(database_url: str, folder: Path) -> AsyncIterator[tuple[World, Registry]]:
    """A workspace whose first fine-tune was asked for and cancelled already."""
    registry = prepare(folder)
    async with make_world(database_url) as world:
        async with world.database.unit_of_work() as work:
            await work.runs.add_if_free(
                team_id=TEAM,
                slot=f"first/{registry.active()}",
                requested_by="first start",
                source=RunSource.FIRST_START,
                channel_id=None,
                now=now(),
            )
            await work.runs.request_cancel(team_id=TEAM, by="test", now=now())
            await work.commit()
        yield world, registry


async def latest(world: World) -> RetrainRun:
    async with world.database.reader() as work:
        run = await work.runs.latest(team_id=TEAM)
    assert run is not None
    return run


async def training(world: World) -> None:
    """Wait until the child learns."""

    async def look() -> bool:
        run = await latest(world)
        return run.state == RunState.RUNNING and float((run.progress or {}).get("fraction") or 0) > 0

    await world.playground.wait_for(look, timeout=SECONDS)


async def message(world: World, begin: str) -> dict[str, object]:
    found: list[dict[str, object]] = await world.playground.wait_for(
        lambda: [m for m in world.playground.messages(HELP) if str(m.get("text", "")).startswith(begin)],
        timeout=SECONDS,
    )
    return found[0]


def left(registry: Registry) -> list[str]:
    runs = registry.home / ".runs"
    return [entry.name for entry in runs.iterdir()] if runs.exists() else []


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")
async def test_cancel_ends_the_child_and_says_who_did_it(migrated_postgres_url: str, tmp_path: Path):
    async with trainable(migrated_postgres_url, tmp_path) as (world, registry), working(world, tmp_path):
        before = registry.active()
        await world.playground.run_command(ANNA, HELP, "/retrain", "dry-run")
        await training(world)
        assert children(os.getpid())
        await world.playground.run_command(ANNA, HELP, "/retrain", "cancel")
        said = await message(world, "Retraining cancelled")
        assert f"<@{ANNA}> cancelled" in text_of(said)
        assert (await latest(world)).state == RunState.CANCELLED
        await world.playground.wait_for(lambda: not left(registry))
        assert registry.active() == before
        assert registry.list() == (before,)


async def test_a_dry_run_learns_and_changes_nothing_also_across_a_restart(sqlite_url: str, tmp_path: Path):
    async with trainable(sqlite_url, tmp_path) as (world, registry):
        before = registry.active()
        await world.playground.run_command(ANNA, HELP, "/retrain", "dry-run")
        async with working(world, tmp_path):
            await training(world)
            begun = await latest(world)
        held = await latest(world)
        assert held.state == RunState.RUNNING
        assert held.lease_until is not None
        assert held.lease_until <= now()  # let go: nobody has to wait for the lease's end
        async with working(world, tmp_path):
            said = await message(world, "Dry run finished")
        run = await latest(world)
        assert (run.id, run.state, run.fence, run.message_ts) == (begun.id, RunState.DONE, 2, said["ts"])
        assert registry.active() == before
        assert run.model_version in registry.list()
        async with world.database.reader() as work:
            states = {row.version: row.state for row in await work.models.list(team_id=TEAM)}
        assert states == {before: ModelState.ACTIVE, run.model_version: ModelState.CANDIDATE}
        assert left(registry) == []
