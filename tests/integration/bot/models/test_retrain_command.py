"""The subcommands of `/retrain` in the playground, without a model: what people see, what is written down."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from classifier.contract import BrokenModel, ClassifierUnavailable, InvalidInput, UnknownVersion
from storage.models import ModelKind, ModelState, RetrainRun, RunSource, RunState
from tests.factories.world import ANNA, GUEST, HELP, LENA, SAM, TEAM, World, make_world, text_of

OLD, NEW, HAND = "20260101T000000Z-00000a", "20260102T000000Z-00000b", "20260103T000000Z-00000c"
NEXT = datetime(2026, 12, 1, 3, tzinfo=UTC)
SUBCOMMANDS = ("", "start", "status", "cancel", "history", "rollback", f"rollback {OLD}", "dry-run", "help")


@dataclass(slots=True)
class Versions:
    names: tuple[str, ...]
    active: str | None


@dataclass(slots=True)
class ScriptedModels:
    """Versions without files: keeps the contract of classifier.serving.control."""

    names: tuple[str, ...] = (OLD, NEW, HAND)
    history: list[str] = field(default_factory=lambda: [OLD, NEW])
    failures: list[Exception] = field(default_factory=list)

    async def activate(self, version: str) -> str:
        self._fail()
        if version not in self.names:
            raise UnknownVersion
        self.history.append(version)
        return version

    async def rollback(self) -> str:
        self._fail()
        if len(self.history) == 1:
            raise InvalidInput("there is no earlier version")
        self.history.pop()
        return self.history[-1]

    async def versions(self) -> Versions:
        return Versions(self.names, self.history[-1])

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


@pytest.fixture
def models() -> ScriptedModels:
    return ScriptedModels()


@pytest.fixture
async def world(database_url: str, models: ScriptedModels) -> AsyncIterator[World]:
    async with make_world(
        database_url, models=models, next_retraining=lambda _now: NEXT, retrain_after_labels=50
    ) as made:
        async with made.database.unit_of_work() as work:
            for version in (OLD, NEW):
                await work.models.add(
                    team_id=TEAM,
                    version=version,
                    path=version,
                    kind=ModelKind.FINE_TUNE,
                    manifest_hash="0",
                    metrics={},
                    now=NEXT,
                )
                await work.models.activate(team_id=TEAM, version=version, now=NEXT)
            await work.commit()
        yield made


async def retrain(world: World, text: str = "", user: str = ANNA) -> str:
    """Say `/retrain text` and return the answer that only this person sees."""
    before = len(world.playground.ephemerals(user))
    await world.playground.run_command(user, HELP, "/retrain", text)
    await world.playground.wait_for(lambda: len(world.playground.ephemerals(user)) > before)
    return text_of(world.playground.ephemerals(user)[-1])


async def label_one(world: World) -> None:
    ts = await world.say("my password does not work")
    await world.card(ts)
    await world.playground.react(LENA, HELP, ts, "credit_card")
    await world.card(ts, lambda text: "Corrected by" in text)


async def start(world: World, text: str = "start") -> UUID:
    """Start a run; its message is there."""
    await world.playground.run_command(ANNA, HELP, "/retrain", text)

    async def shown() -> RetrainRun | None:
        async with world.database.reader() as work:
            run = await work.runs.active(team_id=TEAM)
        return run if run is not None and run.message_ts else None

    run = await world.playground.wait_for(shown)
    return run.id


async def claim(world: World) -> RetrainRun:
    async with world.database.unit_of_work() as work:
        run = await work.runs.claim(holder="trainer", now=datetime.now(UTC), lease=timedelta(seconds=60))
        await work.commit()
    return run


async def end(world: World, run: RetrainRun, state: RunState, **values: object) -> None:
    async with world.database.unit_of_work() as work:
        assert await work.runs.finish(run.id, fence=run.fence, state=state, now=datetime.now(UTC), **values)
        await work.commit()


async def audited(world: World) -> list[tuple[str, str]]:
    async with world.database.reader() as work:
        return [(event.actor, event.action) for event in await work.audit.recent(team_id=TEAM)]


def shown(world: World, begin: str) -> list[str]:
    return [text_of(m) for m in world.playground.messages(HELP) if m.get("text", "").startswith(begin)]


@pytest.mark.parametrize("text", SUBCOMMANDS)
async def test_only_admins_may_use_any_subcommand(world: World, models: ScriptedModels, text: str):
    for person in (LENA, SAM, GUEST):
        assert "Only admins" in await retrain(world, text, person)
    assert models.history == [OLD, NEW]
    assert await audited(world) == []
    async with world.database.reader() as work:
        assert await work.runs.latest(team_id=TEAM) is None


@pytest.mark.parametrize("text", ["help", "HELP", "tomorrow", "start now", "status please", "cancel it"])
async def test_what_is_unknown_gets_the_help(world: World, text: str):
    answer = await retrain(world, text)
    for name in ("start", "status", "cancel", "history", "rollback", "dry-run"):
        assert f"/retrain {name}" in answer


@pytest.mark.parametrize("text", ["", "start", "  START "])
async def test_start_is_what_the_command_alone_does(world: World, text: str):
    await label_one(world)
    await start(world, text)
    assert shown(world, "Retraining: waiting for the trainer")
    assert (ANNA, "retrain") in await audited(world)


async def test_status_before_anything_ran(world: World):
    answer = await retrain(world, "status")
    assert "No retraining is under way" in answer
    assert "There was none so far" in answer
    assert "0 labels are new" in answer
    assert "At 50 I retrain by myself" in answer
    assert "2026-12-01 03:00 UTC" in answer


async def test_status_shows_bar_and_what_is_left_then_the_last_result(world: World):
    await label_one(world)
    await start(world)
    run = await claim(world)
    progress = {"stage": "train", "fraction": 0.4, "epoch": 2, "epochs": 8, "eta_seconds": 80}
    async with world.database.unit_of_work() as work:
        now = datetime.now(UTC)
        await work.runs.heartbeat(
            run.id, fence=run.fence, now=now, lease=timedelta(seconds=60), progress=progress
        )
        await work.commit()
    answer = await retrain(world, "status")
    assert "learning from the messages" in answer
    assert "40%" in answer
    assert "1 min 20 s left" in answer
    await end(world, run, RunState.FAILED, reason="The new model is worse.")
    answer = await retrain(world, "status")
    assert "The new model is worse." in answer
    assert "1 label is new" in answer


async def test_the_result_waits_while_slack_takes_no_post(world: World):
    await label_one(world)
    await start(world)
    run = await claim(world)
    await world.playground.wait_for(lambda: shown(world, "Retraining"))
    ts = shown_ts(world)  # its text changes with what comes
    world.playground.faults.http_status("chat.update", 503)
    world.playground.faults.rate_limit("chat.postMessage")
    await end(world, run, RunState.FAILED, reason="The new model is worse.")
    await world.playground.wait_for(
        lambda: [m for m in world.playground.thread(HELP, ts) if "is worse" in text_of(m)]
    )


def shown_ts(world: World) -> str:
    """The message that shows how a training goes."""
    return next(m["ts"] for m in world.playground.messages(HELP) if "Retraining" in text_of(m))


async def test_cancel_ends_a_run_that_waits(world: World):
    await label_one(world)
    await start(world)
    assert "is cancelled" in await retrain(world, "cancel")
    await world.playground.wait_for(lambda: shown(world, "Retraining cancelled"))
    assert f"<@{ANNA}> cancelled the retraining" in shown(world, "Retraining cancelled")[0]
    assert (ANNA, "retrain_cancel") in await audited(world)
    assert "no retraining to cancel" in await retrain(world, "cancel")


async def test_cancel_asks_the_worker_of_one_that_runs(world: World):
    await label_one(world)
    await start(world)
    run = await claim(world)
    assert "ends within a second or two" in await retrain(world, "cancel")
    assert "it is about to end" in await retrain(world, "status")
    async with world.database.reader() as work:
        assert await work.runs.cancelled_by(run.id) == ANNA


async def test_history_lists_the_last_ten_with_what_came_of_them(world: World):
    assert "no retraining so far" in await retrain(world, "history")
    for number in range(11):
        async with world.database.unit_of_work() as work:
            await work.runs.add_if_free(
                team_id=TEAM,
                slot=f"{number}",
                requested_by=ANNA,
                source=RunSource.COMMAND,
                channel_id=None,
                now=datetime.now(UTC),
                dry_run=True,
            )
            await work.commit()
        measured = {"accuracy_before": 0.9, "accuracy": 0.9 + number / 1000, "would_promote": number % 2 == 0}
        await end(world, await claim(world), RunState.DONE, metrics=measured, model_version=NEW)
    answer = await retrain(world, "history")
    assert answer.count("dry run, `") == 10
    assert "90.0% → 91.0%" in answer
    assert "90.0% → 90.0%" not in answer
    assert answer.count("would have gone live") == 5


async def test_a_dry_run_says_what_would_have_happened(world: World):
    await start(world, "dry-run")
    assert shown(world, "Dry run: waiting")
    run = await claim(world)
    assert run.dry_run
    measured = {"accuracy_before": 0.9, "accuracy": 0.95, "would_promote": True}
    await end(world, run, RunState.DONE, metrics=measured, model_version=HAND)
    await world.playground.wait_for(lambda: shown(world, "Dry run finished"))
    text = shown(world, "Dry run finished")[0]
    assert "would have gone live" in text
    assert "90.0% → 95.0%" in text
    assert f"/retrain rollback {HAND}" in text


async def test_rollback_goes_to_the_version_before(world: World, models: ScriptedModels):
    answer = await retrain(world, "rollback")
    assert f"`{OLD}` answers now" in answer
    assert models.history == [OLD]
    assert (ANNA, "rollback") in await audited(world)
    async with world.database.reader() as work:
        states = {row.version: row.state for row in await work.models.list(team_id=TEAM)}
    assert states == {OLD: ModelState.ACTIVE, NEW: ModelState.RETIRED}
    assert "There is no earlier version" in await retrain(world, "rollback")


@pytest.mark.parametrize("text", [f"rollback {OLD}", f"ROLLBACK `{OLD}`"])
async def test_rollback_goes_to_a_version_that_is_named(world: World, models: ScriptedModels, text: str):
    assert f"`{OLD}` answers now" in await retrain(world, text)
    assert models.history[-1] == OLD


async def test_a_version_that_the_database_does_not_know_answers_all_the_same(world: World):
    assert f"`{HAND}` answers now" in await retrain(world, f"rollback {HAND}")
    async with world.database.reader() as work:
        assert await work.models.active(team_id=TEAM) is None


async def test_a_version_that_is_not_there_is_named(world: World):
    assert "There is no version 20200101" in await retrain(world, "rollback 20200101")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ClassifierUnavailable(), "does not answer at the moment"),
        (BrokenModel(), "The model stays as it was"),
    ],
)
async def test_a_rollback_that_fails_changes_nothing(
    world: World, models: ScriptedModels, error: Exception, said: str
):
    models.failures.append(error)
    assert said in await retrain(world, "rollback")
    assert models.history == [OLD, NEW]
    async with world.database.reader() as work:
        assert (await work.models.active(team_id=TEAM)).version == NEW


async def test_a_rollback_whose_answer_got_lost_is_not_done_twice(world: World, models: ScriptedModels):
    models.history.insert(0, HAND)
    payload = {"team_id": TEAM, "user_id": ANNA, "channel_id": HELP, "text": "rollback"}
    from bot.models.retrain_command import RetrainCommand

    command = RetrainCommand(world.bot.workspace)
    from bot.errors import SlackUnavailable

    for _ in range(2):
        with pytest.raises(SlackUnavailable):
            await command.on_command(payload | {"response_url": "https://elsewhere.example/x"}, NEXT)
    assert models.history == [HAND, OLD]


async def test_a_bot_without_the_models_says_where_to_go(sqlite_url: str):
    async with make_world(sqlite_url) as world:
        assert "fingerpost models rollback" in await retrain(world, "rollback")
