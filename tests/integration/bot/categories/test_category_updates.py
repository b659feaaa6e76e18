"""The update that a change of categories asks for: what is told of it, and a training in its way."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update as change

from bot.blocks.common import Card
from bot.clock import utc_now
from bot.errors import SlackUnavailable
from bot.models import retrain_requests
from storage.models import RetrainRun, RunSource, RunState
from tests.factories.category_dialogs import EXAMPLES, submit, typed, updates
from tests.factories.world import ANNA, HELP, LENA, TEAM, World, make_world, text_of


async def ended(world: World, state: RunState, **values: Any) -> None:
    """End the update as the worker does."""
    async with world.database.unit_of_work() as work:
        run = await work.runs.claim(holder="trainer", now=utc_now(), lease=timedelta(minutes=1))
        assert run is not None
        assert await work.runs.finish(run.id, fence=run.fence, state=state, now=utc_now(), **values)
        await work.commit()


async def test_who_changed_the_categories_is_told_what_came_of_it(any_world: World):
    await submit(any_world, "add", typed(name="Doors", emoji="door", examples=EXAMPLES))
    version = (await any_world.model.model()).version
    metrics = {"learned": {"doors": [2, 5]}, "waiting": ["parking"], "removed": ["old"]}
    await ended(any_world, RunState.DONE, model_version=version, metrics=metrics)
    said = text_of(await any_world.private(ANNA, lambda text: "are in use" in text))
    assert "Doors: 2 of its 5 messages are recognised when they are kept from it. It will often" in said
    await submit(any_world, "add", typed(name="Parking", emoji="car", examples=EXAMPLES))
    await ended(any_world, RunState.FAILED, reason="It takes <messages> from others.")
    said = text_of(await any_world.private(ANNA, lambda text: "stays as it was" in text))
    assert "It takes &lt;messages&gt; from others." in said
    await any_world.quiet()
    assert len(any_world.playground.messages(HELP)) == 0


async def test_an_update_that_was_cancelled_is_told_too(world: World):
    await submit(world, "add", typed(name="Doors", emoji="door", examples=EXAMPLES))
    await world.playground.run_command(LENA, HELP, "/retrain", "cancel")
    await world.playground.run_command(ANNA, HELP, "/retrain", "cancel")
    assert f"<@{ANNA}> cancelled" in text_of(await world.private(ANNA, lambda text: "cancelled the" in text))


async def test_an_outcome_that_slack_does_not_take_is_told_again(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(retrain_requests, "PATIENCE", 0)
    messenger = world.bot.workspace.messenger
    respond, refused = messenger.respond, [SlackUnavailable("no_answer", sent=True)] * 2

    async def flaky(response_url: str, card: Card) -> None:
        if "are in use" in card.text and refused:
            raise refused.pop()
        await respond(response_url, card)

    monkeypatch.setattr(messenger, "respond", flaky)
    for name, emoji in (("Doors", "door"), ("Parking", "car")):  # the second shares the first one's update
        await submit(world, "add", typed(name=name, emoji=emoji, examples=EXAMPLES))
    await ended(world, RunState.DONE, model_version=(await world.model.model()).version, metrics={})

    def told() -> list[dict[str, Any]]:
        return [m for m in world.playground.ephemerals(ANNA) if "are in use" in text_of(m)]

    await world.playground.wait_for(lambda: len(told()) == 2)
    assert refused == []


async def test_who_cannot_be_told_reads_the_outcome_in_their_home_tab(world: World):
    await submit(world, "add", typed(name="Doors", emoji="door", examples=EXAMPLES))
    async with world.database.unit_of_work() as work:
        await work.session.execute(change(RetrainRun).values(response_url=None))
        await work.commit()
    await ended(world, RunState.FAILED, reason="It takes messages from others.")
    for user, seen in ((ANNA, True), (LENA, False)):
        await world.playground.open_home(user)
        view = await world.playground.wait_for(partial(world.playground.home, user))
        assert ("It takes messages from others." in str(view)) is seen


async def test_where_slack_takes_no_answer_any_more_the_admin_channel_is_told(sqlite_url: str):
    async with make_world(sqlite_url, admin_channel="team-identity") as world:
        await submit(world, "add", typed(name="Doors", emoji="door", examples=EXAMPLES))
        async with world.database.unit_of_work() as work:
            gone = RetrainRun.response_url.concat("/gone")
            await work.session.execute(change(RetrainRun).values(response_url=gone))
            await work.commit()
        await ended(world, RunState.FAILED, reason="It takes messages from others.")
        identity = world.playground.state.channel("team-identity").id
        found = await world.playground.wait_for(lambda: world.playground.messages(identity))
        assert "It takes messages from others." in text_of(found[0])


async def test_a_category_that_is_added_while_a_training_runs_is_learned_after_it(world: World):
    async with world.database.unit_of_work() as work:
        await work.runs.add_if_free(
            team_id=TEAM, slot="night", requested_by="schedule", source=RunSource.CRON,
            channel_id=None, now=utc_now(),
        )  # fmt: skip
        await work.runs.claim(holder="trainer", now=utc_now(), lease=timedelta(minutes=1))
        await work.commit()
    await submit(world, "add", typed(name="Doors", emoji="door", examples=EXAMPLES))
    assert "I learn it when the training that is under way is over" in text_of(await world.private(ANNA))
    await world.playground.run_command(ANNA, HELP, "/retrain", "status")
    await world.private(
        ANNA, lambda text: "Categories were changed meanwhile: I learn that after it." in text
    )
    async with world.database.unit_of_work() as work:
        run = await work.runs.active(team_id=TEAM)
        assert run is not None
        assert run.source == RunSource.CRON
        assert run.follow_up is not None
        await work.runs.finish(run.id, fence=run.fence, state=RunState.FAILED, now=utc_now())
        await work.commit()
    (follows,) = await updates(world)
    assert (follows.source, follows.requested_by) == (RunSource.CATEGORY, ANNA)
    assert follows.response_url
