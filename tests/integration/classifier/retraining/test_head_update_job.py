"""A run for a change of categories: from labels in a database, through a real child, to the active model."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from classifier.data.dataset import Example, StarterCategory, StarterPack
from classifier.data.manifest import (
    MANIFEST_FILE,
    encoded,
    example_hash,
    learned_by,
    manifest_hash,
    manifest_of,
)
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.directory import load_model_directory
from classifier.model.integrity import read_facts
from classifier.model.registry import Registry
from classifier.retraining.run_folder import RUNS
from classifier.retraining.worker import LEASE, RetrainWorker
from classifier.settings import ClassifierSettings
from storage.database import Database
from storage.feedback.categories import CategorySpec
from storage.models import (
    LabelKind,
    LabelRole,
    LabelSource,
    ModelKind,
    ModelState,
    RunSource,
    RunState,
)
from tests.factories.tiny_bert import messages, seal, tiny_bert, tiny_model

TEAM = "T0ACME"
NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SLUGS = ("billing", "login", "network")
CANTEEN = [f"{a} is {b} please {c}" for a, b, c in (
    ("lunch", "friday", "coffee"), ("coffee", "lunch", "hello"), ("friday", "lunch", "coffee"),
    ("hello", "coffee", "lunch"), ("lunch", "coffee", "friday"), ("coffee", "friday", "lunch"),
    ("friday", "coffee", "lunch"), ("lunch", "hello", "coffee"),
)]  # fmt: skip


def pack() -> StarterPack:
    categories = tuple(StarterCategory(slug, slug, "key", "", "") for slug in SLUGS)
    return StarterPack(categories, tuple(messages(24)), tuple(messages(12, seed=9)))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model home with a fine-tune in it, and its base."""
    folder = tmp_path_factory.mktemp("refitting")
    base = tiny_bert(folder / "base")
    registry = Registry(folder / "models")
    first = registry.publish(tiny_model(base, baselines=False, int8_check=40))
    return base, registry, first


@dataclass(slots=True)
class Workspace:
    """A database, and the registry whose first model is active."""

    database: Database
    registry: Registry
    base: Path
    first: str

    def worker(self, program: str | None = None) -> RetrainWorker:
        """A worker with the real child, or with a program in its place."""
        settings = ClassifierSettings(
            _env_file=None, model_home=self.registry.home, base_model=str(self.base), max_tokens=32, threads=1
        )
        other = {"command": (sys.executable, "-c", program)} if program else {}
        return RetrainWorker(self.database, self.registry, settings, pack(), lambda: NOW, **other)

    async def outcome(self):
        async with self.database.reader() as work:
            return await work.runs.latest(team_id=TEAM), await work.models.list(team_id=TEAM)


@pytest.fixture
async def workspace(sqlite_url: str, models):
    base, registry, first = models
    registry.activate(first)
    database = Database(sqlite_url)
    yield Workspace(database, registry, base, first)
    await database.dispose()


async def label(work, number: int, text: str, source: LabelSource, category: str = "canteen"):
    """A ticket that an admin put into a category, the new one unless another is named."""
    ticket, _ = await work.tickets.add_if_new(
        team_id=TEAM,
        channel_id="C0HELP",
        ts=f"17900000{number:02}.000100",
        user_id="U0SAM",
        text=text,
        now=NOW,
    )
    await work.labels.add(
        team_id=TEAM, ticket_id=ticket.id, category=category, user_id="U0ANNA", role=LabelRole.ADMIN,
        kind=LabelKind.CORRECTION, source=source, now=NOW,
    )  # fmt: skip
    return ticket


async def asked_for(database: Database):
    """A workspace with a new category, its examples, and a run that was claimed."""
    specs = [CategorySpec(slug, slug, "key", f"About {slug}") for slug in (*SLUGS, "canteen")]
    async with database.unit_of_work() as work:
        await work.categories.sync(team_id=TEAM, specs=specs)
        for number, text in enumerate(CANTEEN):
            await label(work, number, text, LabelSource.CATEGORIES)
        await work.runs.add_if_free(
            team_id=TEAM, slot="category/1", requested_by="U0ANNA", source=RunSource.CATEGORY,
            channel_id=None, now=NOW,
        )  # fmt: skip
        run = await work.runs.claim(holder="trainer-1", now=NOW, lease=LEASE)
        await work.commit()
    assert run is not None
    return run


@asynccontextmanager
async def under_way(workspace: Workspace):
    """A run whose child is at work; leaving waits for the run's end."""
    run = await asked_for(workspace.database)
    program = (
        "import time\n"
        'print(\'{"progress": {"stage": "refit", "fraction": 0.5}}\', flush=True)\n'
        "time.sleep(600)"
    )
    carried_out = asyncio.create_task(workspace.worker(program).carry_out(run))
    async with asyncio.timeout(60):
        while ((await workspace.outcome())[0].progress or {}).get("stage") != "refit":
            await asyncio.wait([carried_out], timeout=0.05)
            assert not carried_out.done()
        yield run
        await carried_out


async def test_a_category_with_eight_examples_goes_live(workspace: Workspace):
    registry, first = workspace.registry, workspace.first
    await workspace.worker().carry_out(await asked_for(workspace.database))
    ended, versions = await workspace.outcome()
    assert ended.state == RunState.DONE, ended.reason
    assert "'canteen'" in ended.reason
    live = registry.active()
    assert live == ended.model_version != first
    (row,) = versions
    assert (row.version, row.kind, row.state, row.parent) == (live, ModelKind.HEAD, ModelState.ACTIVE, first)
    assert row.metrics["learned"]["canteen"][1] == 8
    assert read_facts(registry.path(live)).labels == (*SLUGS, "canteen")
    (answer,) = TorchPredictor(load_model_directory(registry.path(live))).predict(["lunch coffee friday"])
    assert answer.category == "canteen"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "code -9"),
        ('print(\'{"error": {"text": "needs examples"}}\')', "needs examples"),
    ],
)
async def test_a_child_that_fails_leaves_the_model_as_it_was(workspace: Workspace, program: str, said: str):
    await workspace.worker(program).carry_out(await asked_for(workspace.database))
    ended, versions = await workspace.outcome()
    assert ended.state == RunState.FAILED
    assert said in ended.reason
    assert (workspace.registry.active(), versions) == (workspace.first, [])


async def test_a_run_that_another_worker_took_over_promotes_nothing(workspace: Workspace):
    async with under_way(workspace), workspace.database.unit_of_work() as work:
        assert (
            await work.runs.claim(holder="trainer-2", now=NOW + timedelta(hours=1), lease=LEASE) is not None
        )
        await work.commit()
    ended, versions = await workspace.outcome()
    assert ended.state == RunState.RUNNING
    assert (workspace.registry.active(), versions) == (workspace.first, [])


async def test_a_refit_can_be_cancelled_and_leaves_nothing(workspace: Workspace):
    home = workspace.registry.home
    before = {path.name for path in home.iterdir()} | {RUNS}
    async with under_way(workspace), workspace.database.unit_of_work() as work:
        assert any((home / RUNS).iterdir())
        await work.runs.request_cancel(team_id=TEAM, by="U0ANNA", now=NOW)
        await work.commit()
    ended, versions = await workspace.outcome()
    assert ended.state == RunState.CANCELLED
    assert {path.name for path in home.iterdir()} == before
    assert not any((home / RUNS).iterdir())
    assert (workspace.registry.active(), versions) == (workspace.first, [])


async def test_a_refit_knows_what_it_learned_and_never_learns_the_gold_set(workspace: Workspace):
    registry, first = workspace.registry, workspace.first
    run = await asked_for(workspace.database)
    async with workspace.database.unit_of_work() as work:
        frozen = await label(work, 99, "coffee hello lunch is frozen", LabelSource.BUTTON)
        await work.gold.add(team_id=TEAM, ticket_id=frozen.id, category="canteen", added_by="U0ANNA", now=NOW)
        for number, text in enumerate(("old", "deleted in Slack since"), start=70):
            ticket = await label(work, number, text, LabelSource.BUTTON, "login")
        await work.forgetting.forget(ticket, now=NOW)
        await work.commit()
    learned = [
        Example(text, "login", 8.0, role="staff", source="person", label_ids=("l1",))
        for text in ("old", "deleted in Slack since")
    ]
    (registry.path(first) / MANIFEST_FILE).write_bytes(encoded(manifest_of("s", learned)))
    seal(registry.path(first))
    await workspace.worker().carry_out(run)
    ended, _ = await workspace.outcome()
    assert ended.state == RunState.DONE, ended.reason
    made = registry.path(ended.model_version)
    expected = {example_hash(text, "canteen") for text in CANTEEN} | {example_hash("old", "login")}
    assert learned_by(made) == expected
    manifest = json.loads((made / MANIFEST_FILE).read_text())
    assert ended.manifest_hash == manifest_hash(manifest)
    assert manifest["names"] == 2  # the new category's name, and what it is about
