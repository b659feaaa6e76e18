"""`/retrain` from the command to the new model's answer, with a real (tiny) BERT and a real child process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from classifier.data.dataset import Example, StarterCategory, StarterPack
from classifier.model.registry import Registry
from classifier.retraining.scheduler import insert_runs
from classifier.retraining.shadow import ShadowTime
from classifier.retraining.version_records import keep_mirrored, mirror
from classifier.retraining.worker import RetrainWorker
from classifier.serving.engine import LocalClassifier
from classifier.serving.registry_watcher import RegistryWatcher
from classifier.settings import ClassifierSettings
from classifier.training.fit import fit_day_one
from storage.models import ModelState, RunSource, RunState
from tests.factories.tiny_bert import config_for, messages, tiny_bert
from tests.factories.world import ANNA, CATEGORIES, HELP, LENA, TEAM, World, make_world, text_of

OPTIONS = '{"epochs": 12, "learning_rate": 0.005, "sharpness": 0, "soup": 1}'
"""For an encoder that knows nothing yet, and few messages."""


def now() -> datetime:
    return datetime.now(UTC)


def pack() -> StarterPack:
    categories = tuple(
        StarterCategory(c.slug, c.name, c.emoji, c.description, str(c.destination)) for c in CATEGORIES
    )
    return StarterPack(categories, tuple(messages(24, out_of_scope=12)), tuple(messages(8, seed=9)))


@asynccontextmanager
async def trained_world(
    database_url: str,
    tmp_path: Path,
    command: tuple[str, ...] | None = None,
    options: str = OPTIONS,
    shadow_hours: float = 0.0,
) -> AsyncIterator[tuple[World, Registry, LocalClassifier]]:
    base = tiny_bert(tmp_path / "base")
    registry = Registry(tmp_path / "models")
    (tmp_path / "options.json").write_text(options, encoding="utf-8")
    settings = ClassifierSettings(
        _env_file=None,
        model_home=registry.home,
        base_model=str(base),
        max_tokens=32,
        threads=1,
        options=tmp_path / "options.json",
        shadow_hours=shadow_hours,
    )
    first = fit_day_one(pack().train, config_for(base), created=now())
    registry.activate(registry.publish(first.model))
    engine = await LocalClassifier.open(registry.path(str(registry.active())))
    async with make_world(database_url, classifier=engine) as world:
        extra = {"command": command} if command else {}
        worker = RetrainWorker(world.database, registry, settings, pack(), now, **extra)
        watcher = RegistryWatcher(registry, engine, 0.05)
        loops = (worker.run(), watcher.run(), keep_mirrored(world.database, registry, now))
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            yield world, registry, engine
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await engine.close()


async def finished(world: World, state: RunState) -> None:
    async def look() -> bool:
        async with world.database.reader() as work:
            run = await work.runs.latest(team_id=TEAM)
            return run is not None and run.state == state

    await world.playground.wait_for(look, timeout=120)


async def correct_one(world: World) -> str:
    ts = await world.say("please help with my wifi")
    await world.card(ts)
    await world.playground.react(LENA, HELP, ts, "credit_card")
    await world.card(ts, lambda text: "Corrected by" in text)
    return ts


async def test_a_day_one_model_gets_its_fine_tune_and_retrain_swaps_a_new_one_in(
    sqlite_url: str, tmp_path: Path
):
    async with trained_world(sqlite_url, tmp_path) as (world, registry, engine):
        day_one = (await engine.model()).version
        await finished(world, RunState.DONE)  # the first fine-tune, that nobody had to ask for
        fine_tuned = registry.active()
        assert fine_tuned != day_one
        await correct_one(world)
        await world.playground.run_command(ANNA, HELP, "/retrain")
        done = await world.playground.wait_for(
            lambda: [m for m in world.playground.messages(HELP) if m["text"].startswith("Retraining done")],
            timeout=120,
        )
        live = (await engine.model()).version
        assert live not in {day_one, fine_tuned}
        assert live in text_of(done[0])
        assert "Learned from 1 label" in text_of(done[0])
        edits = [
            e
            for e in world.playground.journal
            if e.method == "chat.update" and e.request["ts"] == done[0]["ts"]
        ]
        assert edits
        # It is said where it was asked: the message is edited, and its thread tells the one who waits.
        await world.playground.wait_for(lambda: world.playground.thread(HELP, done[0]["ts"]))
        async with world.database.reader() as work:
            versions = {row.version: row for row in await work.models.list(team_id=TEAM)}
        assert versions[live].state == ModelState.ACTIVE
        assert versions[live].parent == fine_tuned
        assert versions[live].metrics["labels"] == 1


async def test_with_shadow_hours_a_model_that_passed_answers_in_silence_first(
    sqlite_url: str, tmp_path: Path
):
    async with trained_world(sqlite_url, tmp_path, shadow_hours=2) as (world, registry, engine):
        await finished(world, RunState.DONE)  # the first fine-tune goes live at once
        fine_tuned = registry.active()
        await correct_one(world)
        await world.playground.run_command(ANNA, HELP, "/retrain")
        passed = await world.playground.wait_for(
            lambda: [m for m in world.playground.messages(HELP) if "answers in silence" in m["text"]],
            timeout=120,
        )
        assert registry.active() == fine_tuned
        async with world.database.reader() as work:
            (row,) = await work.shadows.current(team_id=TEAM)
        assert row.version in text_of(passed[0])
        await world.card(await world.say("please help with my wifi again"))
        settings = ClassifierSettings(_env_file=None, model_home=registry.home, backend="torch", threads=1)
        later = ShadowTime(world.database, registry, settings, lambda: now() + timedelta(hours=3))
        await later.look()
        await later.close()
        assert registry.active() == row.version
        live = await world.playground.wait_for(
            lambda: [m for m in world.playground.messages(HELP) if m["text"] == f"{row.version} is live."]
        )
        assert "It answered 1 message in silence" in text_of(live[0])
        assert (await engine.model()).version == row.version


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit(3)", "code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "code -9"),
        ('print(\'{"error": {"text": "only one label"}}\')', "only one label"),
    ],
)
async def test_a_child_that_fails_leaves_the_model_as_it_was(
    sqlite_url: str, tmp_path: Path, program: str, said: str
):
    async with trained_world(sqlite_url, tmp_path, (sys.executable, "-c", program)) as (world, registry, _):
        before = registry.active()
        await finished(world, RunState.FAILED)
        await correct_one(world)
        await world.playground.run_command(ANNA, HELP, "/retrain")
        failed = await world.playground.wait_for(
            lambda: [m for m in world.playground.messages(HELP) if m["text"].startswith("The model stays")],
            timeout=60,
        )
        assert said in text_of(failed[0])
        assert registry.active() == before


async def test_options_that_are_wrong_end_the_run_with_what_to_do(sqlite_url: str, tmp_path: Path):
    async with trained_world(sqlite_url, tmp_path, options='{"epoch": 3}') as (world, registry, _):
        before = registry.active()
        await finished(world, RunState.FAILED)
        async with world.database.reader() as work:
            run = await work.runs.latest(team_id=TEAM)
        assert "there is no training option 'epoch': use one of" in run.reason
        assert registry.active() == before


async def test_two_schedulers_ask_for_one_run_a_slot(database_url: str):
    async with make_world(database_url) as world:
        ts = await world.say("my password does not work")
        await world.card(ts)
        await world.playground.react(LENA, HELP, ts, "credit_card")
        await world.card(ts, lambda text: "Corrected by" in text)
        moment = now()
        asked = await asyncio.gather(*(insert_runs(world.database, moment, 1) for _ in range(3)))
        assert sorted(asked) == [[], [], [TEAM]]


async def test_a_cron_with_too_few_new_labels_asks_for_nothing(sqlite_url: str):
    async with make_world(sqlite_url) as world:
        assert await insert_runs(world.database, now(), 1) == []


async def test_a_version_is_noted_once_and_the_first_fine_tune_asked_for_once(
    sqlite_url: str, tmp_path: Path
):
    base = tiny_bert(tmp_path / "base")
    registry = Registry(tmp_path / "models")
    registry.activate(registry.publish(fit_day_one(pack().train, config_for(base), created=now()).model))
    async with make_world(sqlite_url) as world:
        for _ in range(2):
            await mirror(world.database, registry, now())
        async with world.database.reader() as work:
            (run,) = await work.runs.history(team_id=TEAM, limit=9)
            assert (run.slot, run.source) == (f"first/{registry.active()}", RunSource.FIRST_START)
            assert [row.version for row in await work.models.list(team_id=TEAM)] == [registry.active()]


def test_a_starter_message_that_a_person_labelled_otherwise_is_not_trained_on_with_its_old_label():
    from classifier.data.training_set import assemble

    known = pack()
    text = known.train[0].text
    said = Example(text.upper(), "network", source="person", label_ids=("l1",))
    made = assemble(known, [said], frozenset(c.slug for c in known.categories))
    everything = [*made.train, *made.validation, *made.held_out]
    assert {e.label for e in everything if e.text.lower() == text.lower()} == {"network"}
    assert replace(said, weight=8.0) in made.train
