"""A run for a change of categories: from labels in a database, through a real child, to the active model."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from classifier.dataset import Category as StarterCategory
from classifier.dataset import StarterPack
from classifier.manifest import (
    MANIFEST_FILE,
    Entry,
    encoded,
    example_hash,
    learned_by,
    manifest_hash,
    manifest_of,
)
from classifier.model_directory import load_model_directory
from classifier.model_files import read_facts
from classifier.registry import Registry
from classifier.retraining import LEASE, RetrainWorker
from classifier.run_folder import RUNS
from classifier.settings import ClassifierSettings
from classifier.torch_inference import TorchPredictor
from storage.categories import CategorySpec
from storage.database import Database
from storage.models import (
    LabelKind,
    LabelRole,
    LabelSource,
    ModelKind,
    ModelState,
    RunSource,
    RunState,
)
from tests.factories.tiny_bert import messages, tiny_bert, tiny_model

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


def settings_for(base: Path, registry: Registry) -> ClassifierSettings:
    return ClassifierSettings(
        _env_file=None, model_home=registry.home, base_model=str(base), max_tokens=32, threads=1
    )


async def asked_for(database: Database, *, examples: list[str] = CANTEEN):
    """A workspace with a new category, its examples, and a run that was claimed."""
    specs = [CategorySpec(slug, slug, "key", "") for slug in (*SLUGS, "canteen")]
    async with database.unit_of_work() as work:
        await work.categories.sync(team_id=TEAM, specs=specs)
        for number, text in enumerate(examples):
            ticket, _ = await work.tickets.add_if_new(
                team_id=TEAM, channel_id="C0HELP", ts=f"179000000{number}.000100", user_id="U0SAM",
                text=text, now=NOW,
            )  # fmt: skip
            await work.labels.add(
                team_id=TEAM, ticket_id=ticket.id, category="canteen", user_id="U0ANNA",
                role=LabelRole.ADMIN, kind=LabelKind.CORRECTION, source=LabelSource.CATEGORIES, now=NOW,
            )  # fmt: skip
        await work.runs.add_if_free(
            team_id=TEAM, slot="category/1", requested_by="U0ANNA", source=RunSource.CATEGORY,
            channel_id=None, now=NOW,
        )  # fmt: skip
        run = await work.runs.claim(holder="trainer-1", now=NOW, lease=LEASE)
        await work.commit()
    assert run is not None
    return run


async def outcome(database: Database):
    async with database.reader() as work:
        return await work.runs.latest(team_id=TEAM), await work.models.list(team_id=TEAM)


async def test_a_category_with_eight_examples_goes_live(sqlite_url: str, models):
    base, registry, first = models
    registry.activate(first)
    database = Database(sqlite_url)
    try:
        run = await asked_for(database)
        worker = RetrainWorker(database, registry, settings_for(base, registry), pack(), lambda: NOW)
        await worker.carry_out(run)
        ended, versions = await outcome(database)
    finally:
        await database.dispose()
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
async def test_a_child_that_fails_leaves_the_model_as_it_was(
    sqlite_url: str, models, program: str, said: str
):
    base, registry, first = models
    registry.activate(first)
    database = Database(sqlite_url)
    try:
        run = await asked_for(database)
        worker = RetrainWorker(
            database, registry, settings_for(base, registry), pack(), lambda: NOW,
            refit_command=(sys.executable, "-c", program),
        )  # fmt: skip
        await worker.carry_out(run)
        ended, versions = await outcome(database)
    finally:
        await database.dispose()
    assert ended.state == RunState.FAILED
    assert said in ended.reason
    assert (registry.active(), versions) == (first, [])


async def test_a_run_that_another_worker_took_over_promotes_nothing(sqlite_url: str, models):
    base, registry, first = models
    registry.activate(first)
    database = Database(sqlite_url)
    try:
        run = await asked_for(database)
        async with database.unit_of_work() as work:
            taken = await work.runs.claim(holder="trainer-2", now=NOW + timedelta(hours=1), lease=LEASE)
            await work.commit()
        assert taken is not None
        worker = RetrainWorker(
            database, registry, settings_for(base, registry), pack(), lambda: NOW,
            refit_command=(sys.executable, "-c", "import time; time.sleep(60)"),
        )  # fmt: skip
        await worker.carry_out(run)
        ended, versions = await outcome(database)
    finally:
        await database.dispose()
    assert ended.state == RunState.RUNNING
    assert (registry.active(), versions) == (first, [])


async def test_a_refit_can_be_cancelled_and_leaves_nothing(sqlite_url: str, models):
    base, registry, first = models
    registry.activate(first)
    before = sorted(path.name for path in registry.home.iterdir())
    database = Database(sqlite_url)
    try:
        run = await asked_for(database)
        async with database.unit_of_work() as work:
            await work.runs.request_cancel(team_id=TEAM, by="U0ANNA", now=NOW)
            await work.commit()
        worker = RetrainWorker(
            database, registry, settings_for(base, registry), pack(), lambda: NOW,
            refit_command=(sys.executable, "-c", "import time; time.sleep(60)"),
        )  # fmt: skip
        await worker.carry_out(run)
        ended, _ = await outcome(database)
    finally:
        await database.dispose()
    assert ended.state == RunState.CANCELLED
    after = sorted(path.name for path in registry.home.iterdir())
    assert [name for name in after if name != RUNS] == [name for name in before if name != RUNS]
    assert not any((registry.home / RUNS).iterdir())


async def test_a_refit_knows_what_it_learned_and_never_learns_the_gold_set(sqlite_url: str, models):
    base, registry, first = models
    registry.activate(first)
    database = Database(sqlite_url)
    frozen = "coffee hello lunch is frozen"
    try:
        run = await asked_for(database)
        async with database.unit_of_work() as work:
            ticket, _ = await work.tickets.add_if_new(
                team_id=TEAM,
                channel_id="C0HELP",
                ts="1790000099.000100",
                user_id="U0SAM",
                text=frozen,
                now=NOW,
            )
            await work.labels.add(
                team_id=TEAM, ticket_id=ticket.id, category="canteen", user_id="U0ANNA",
                role=LabelRole.ADMIN, kind=LabelKind.CORRECTION, source=LabelSource.BUTTON, now=NOW,
            )  # fmt: skip
            await work.gold.add(
                team_id=TEAM, ticket_id=ticket.id, category="canteen", added_by="U0ANNA", now=NOW
            )
            await work.commit()
        (registry.path(first) / MANIFEST_FILE).write_bytes(
            encoded(manifest_of("s", 1, [Entry(("l1",), example_hash("old", "login"), "staff", 8.0)]))
        )
        worker = RetrainWorker(database, registry, settings_for(base, registry), pack(), lambda: NOW)
        await worker.carry_out(run)
        ended, _ = await outcome(database)
    finally:
        await database.dispose()
    assert ended.state == RunState.DONE, ended.reason
    made = registry.path(ended.model_version)
    expected = {example_hash(text, "canteen") for text in CANTEEN} | {example_hash("old", "login")}
    assert learned_by(made) == expected
    assert ended.manifest_hash == manifest_hash(json.loads((made / MANIFEST_FILE).read_text()))
