"""The database follows the registry, whoever changed it, also after a crash in between."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from bot.app.cli import app
from classifier.model.registry import Registry
from classifier.retraining.shadow import ShadowTime
from classifier.retraining.version_records import add_version, keep_mirrored, mirror
from classifier.settings import ClassifierSettings
from classifier.training.fit import fit_day_one
from storage.database import Database
from storage.feedback.categories import CategorySpec
from storage.models import ModelKind, ModelState, RunSource
from tests.factories.tiny_bert import config_for, messages, tiny_bert, tiny_model

TEAMS = ("T1", "T2")
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A day-one model and two fine-tunes; none is active."""
    folder = tmp_path_factory.mktemp("mirror")
    base, registry = tiny_bert(folder / "base"), Registry(folder / "models")
    day_one = registry.publish(fit_day_one(messages(8), config_for(base), created=NOW).model)
    fine = [registry.publish(tiny_model(base, seed=s, baselines=False, word_scorer=0)) for s in (0, 1)]
    return registry, day_one, *fine


@pytest.fixture
async def home(published, sqlite_url, tmp_path):
    """(a registry of one's own, a database with two workspaces, a day-one model, two fine-tunes)."""
    shutil.copytree(published[0].home, tmp_path / "models")
    database = Database(sqlite_url)
    async with database.unit_of_work() as work:
        for team_id in TEAMS:
            await work.categories.sync(team_id=team_id, specs=[CategorySpec("vpn", "VPN", "key", "", "vpn")])
        await work.commit()
    yield Registry(tmp_path / "models"), database, *published[1:]
    await database.dispose()


async def states(database: Database, team_id: str = "T1") -> dict[str, ModelState]:
    async with database.reader() as work:
        return {row.version: row.state for row in await work.models.list(team_id=team_id)}


async def test_every_workspace_follows_the_registry_there_and_back(home):
    registry, database, _, old, new = home
    await mirror(database, registry, NOW)
    assert await states(database) == {}
    registry.activate(old)
    await mirror(database, registry, NOW)
    registry.activate(new)
    await mirror(database, registry, NOW)
    for team_id in TEAMS:
        assert await states(database, team_id) == {old: ModelState.RETIRED, new: ModelState.ACTIVE}
    registry.rollback()
    await mirror(database, registry, NOW)
    for team_id in TEAMS:
        assert await states(database, team_id) == {old: ModelState.ACTIVE, new: ModelState.RETIRED}


async def test_a_day_one_model_asks_for_its_fine_tune_once(home):
    registry, database, day_one, fine, _ = home
    for version in (day_one, fine, day_one):
        registry.activate(version)
        await mirror(database, registry, NOW)
    for team_id in TEAMS:
        async with database.reader() as work:
            (run,) = await work.runs.history(team_id=team_id, limit=9)
        assert (run.slot, run.source) == (f"first/{day_one}", RunSource.FIRST_START)


async def test_a_crash_between_registry_and_database_is_healed(home):
    """A run noted its candidate and changed the registry; then its process was killed."""
    registry, database, _, old, new = home
    registry.activate(old)
    await mirror(database, registry, NOW)
    async with database.unit_of_work() as work:
        kind, metrics = ModelKind.HEAD, {"accuracy": 0.9}
        await add_version(work, registry, "T1", new, kind, NOW, parent=old, metrics=metrics)
        await work.commit()
    registry.activate(new)
    await mirror(database, registry, NOW)
    async with database.reader() as work:
        row = await work.models.active(team_id="T1")
    assert (row.version, row.kind, row.parent, row.metrics) == (new, kind, old, metrics)
    assert (await states(database))[old] == ModelState.RETIRED


async def test_a_challenger_whose_process_died_as_it_went_live_is_live_and_told(home):
    registry, database, _, present, challenger = home
    registry.activate(present)
    await mirror(database, registry, NOW)
    async with database.unit_of_work() as work:
        await add_version(work, registry, "T1", challenger, ModelKind.FINE_TUNE, NOW, parent=present)
        await work.shadows.begin(team_id="T1", version=challenger, until=NOW)
        await work.commit()
    settings = ClassifierSettings(_env_file=None, model_home=registry.home, backend="torch", threads=1)
    crashing = Registry(registry.home)

    def dies(version: str) -> None:
        Registry(registry.home).activate(version)
        raise KeyboardInterrupt

    crashing.activate = dies
    time = ShadowTime(database, crashing, settings, lambda: NOW + timedelta(hours=2))
    with pytest.raises(KeyboardInterrupt):
        await time.look()
    assert await states(database) == {present: ModelState.ACTIVE, challenger: ModelState.SHADOW}
    await mirror(database, registry, NOW)
    assert await states(database) == {present: ModelState.RETIRED, challenger: ModelState.ACTIVE}
    async with database.reader() as work:
        (row,) = await work.shadows.unannounced(team_id="T1")
    assert (row.version, row.shadow_until, row.metrics["shadow"]["state"]) == (challenger, None, "active")


@asynccontextmanager
async def following(database: Database, registry: Registry, monkeypatch: pytest.MonkeyPatch):
    """The loop of the product, which looks more often; gives what waits until a version is active."""
    monkeypatch.setattr("classifier.retraining.version_records.POLL_SECONDS", 0.01)
    loop = asyncio.create_task(keep_mirrored(database, registry, lambda: NOW))

    async def until_active(version: str) -> None:
        async with asyncio.timeout(30):
            while (await states(database)).get(version) != ModelState.ACTIVE:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    try:
        yield until_active
        assert not loop.done()
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)


async def test_the_command_line_is_followed_at_the_next_look(home, monkeypatch):
    registry, database, _, old, new = home
    monkeypatch.setenv("FINGERPOST_CLASSIFIER_MODEL_HOME", str(registry.home))
    registry.activate(old)
    async with following(database, registry, monkeypatch) as until_active:
        for command, live in ((["activate", new], new), (["rollback"], old)):
            done = await asyncio.to_thread(CliRunner().invoke, app, ["models", *command])
            assert done.exit_code == 0, done.output
            await until_active(live)


async def test_a_look_that_fails_is_not_the_last_one(home, monkeypatch):
    registry, database, _, old, _ = home
    (registry.home / "ACTIVE").write_text("20200101T000000Z-000000\n")  # its directory is not there
    async with following(database, registry, monkeypatch) as until_active:
        await asyncio.sleep(0.05)
        registry.activate(old)
        await until_active(old)
