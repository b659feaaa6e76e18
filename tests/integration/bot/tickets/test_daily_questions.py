"""The daily questions in a playground: never too many, never at night, one tap answers."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import select

from bot.app.runtime import running_bot
from bot.blocks.action_ids import ActionId
from bot.question_plan import QuestionPlan
from bot.tickets.questions import Asker
from storage.learning_models import Question
from storage.models import Label
from tests.factories.moving_clock import MovingClock
from tests.factories.world import (
    BOT,
    CATEGORIES,
    HELP,
    LENA,
    SAM,
    TEAM,
    World,
    make_world,
    settings_for,
    text_of,
)

WORDS = ("red", "blue", "green", "tall", "slow", "old", "new", "odd", "late", "early", "loud", "warm", "cold")
BUDGET = 3


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


async def unsure(world: World, count: int, *channels: str) -> list[str]:
    """Post messages that the bot is not sure of; several channels where one would be paced."""
    world.model.confidence = 0.4
    places = channels or (HELP,)
    said = [
        await world.say(f"the {word} invoice page", channel=places[index % len(places)])
        for index, word in enumerate(WORDS[:count])
    ]
    await world.quiet()
    return said


async def questions(world: World) -> list[Question]:
    async with world.database.reader() as work:
        query = select(Question).where(Question.team_id == TEAM).order_by(Question.created_at)
        return list(await work.session.scalars(query))


def posted(world: World) -> list[dict[str, Any]]:
    """The questions that people can see, with their channel."""
    found = []
    for channel in list(world.playground.state.channels):
        for message in world.playground.messages(channel):
            blocks = [block.get("block_id", "") for block in message.get("blocks") or []]
            if any(block.startswith("question:") for block in blocks):
                found.append({**message, "channel": channel})
    return found


async def test_three_replicas_never_ask_more_than_the_budget_and_never_at_night(
    database_url: str, clock: MovingClock
):
    async with make_world(database_url, clock=clock, questions_per_day=0) as world:
        more = [world.playground.add_channel(f"help-{name}", [SAM, BOT]) for name in ("it", "hr", "office")]
        await unsure(world, BUDGET + 10, HELP, *more)
        askers = [Asker(world.bot.workspace, QuestionPlan(BUDGET)) for _ in range(3)]
        for _ in range(2 * 48):  # two days in half hours
            clock.move(minutes=30)
            if sum(await asyncio.gather(*(asker.look() for asker in askers))):
                await world.quiet()
        asked = await questions(world)
        assert Counter(question.day for question in asked) == {"2026-03-02": BUDGET, "2026-03-03": BUDGET}
        assert all(9 <= question.created_at.hour < 17 for question in asked)
        assert len({question.created_at for question in asked}) == len(asked)  # spread, not all at once
        assert len({question.ticket_id for question in asked}) == len(asked)
        assert len(posted(world)) == len(asked)


async def test_nothing_is_asked_at_the_weekend(sqlite_url: str, clock: MovingClock):
    async with make_world(sqlite_url, clock=clock, questions_per_day=0) as world:
        clock.move(days=4, hours=20)  # Friday evening
        await unsure(world, 2)
        asker = Asker(world.bot.workspace, QuestionPlan(BUDGET))
        for _ in range(52):
            clock.move(hours=1)
            assert not await asker.look()
        clock.move(days=1 / 3, hours=1)  # Monday at nine
        assert await asker.look()


async def test_a_question_goes_to_the_owning_team_and_one_tap_answers_it(sqlite_url: str, clock: MovingClock):
    async with make_world(sqlite_url, clock=clock, questions_per_day=0) as world:
        (ts,) = await unsure(world, 1)
        clock.move(hours=10)
        assert await Asker(world.bot.workspace, QuestionPlan(BUDGET)).look()
        await world.quiet()
        (question,) = posted(world)
        assert question["channel"] == world.playground.state.channel("team-billing").id
        assert "the red invoice page" in text_of(question)
        assert f"/archives/{HELP}/p{ts.replace('.', '')}" in text_of(question)
        buttons = [e for block in question["blocks"] for e in block.get("elements", []) if "action_id" in e]
        assert len(buttons) == 4
        network = next(e for e in buttons if e["value"].endswith(":network"))
        result = await world.playground.click(
            LENA, question["channel"], question["ts"], network["action_id"], value=network["value"]
        )
        assert result.ok

        def answered() -> bool:
            shown = world.playground.messages(question["channel"])
            text = next(text_of(m) for m in shown if m["ts"] == question["ts"])
            return f"<@{LENA}>" in text and "Network" in text

        await world.playground.wait_for(answered)
        await world.quiet()
        assert not posted(world)  # no button is left
        assert await world.labels(ts) == [("network", LENA)]
        async with world.database.reader() as work:
            (label,) = await work.session.scalars(select(Label))
        assert label.source == "question"
        (row,) = await questions(world)
        assert row.state == "answered"
        team = world.playground.state.channel("team-network").id
        assert world.playground.messages(team)  # and its owners have their card


async def test_none_of_these_answers_too(sqlite_url: str, clock: MovingClock):
    async with make_world(sqlite_url, clock=clock, questions_per_day=0) as world:
        (ts,) = await unsure(world, 1)
        clock.move(hours=10)
        await Asker(world.bot.workspace, QuestionPlan(BUDGET)).look()
        await world.quiet()
        (question,) = posted(world)
        name = f"{ActionId.ANSWER}_none"
        value = world.element(question, name)["value"]
        await world.playground.click(LENA, question["channel"], question["ts"], name, value=value)
        await world.playground.wait_for(lambda: not posted(world))
        assert await world.labels(ts) == [(None, LENA)]


async def test_a_labelled_ticket_is_not_asked_about_and_an_answer_elsewhere_settles_the_question(
    sqlite_url: str, clock: MovingClock
):
    async with make_world(sqlite_url, clock=clock, questions_per_day=0) as world:
        first, second = await unsure(world, 2)
        await world.playground.react(LENA, HELP, first, "key")
        await world.quiet()
        clock.move(hours=10)
        asker = Asker(world.bot.workspace, QuestionPlan(BUDGET))
        assert await asker.look()
        await world.quiet()
        (question,) = posted(world)
        assert second.replace(".", "") in text_of(question)
        clock.move(hours=3)
        assert not await asker.look()
        await world.playground.react(SAM, HELP, second, "key")
        await world.playground.wait_for(lambda: not posted(world))
        (row,) = await questions(world)
        assert row.state == "answered"


async def test_a_young_ticket_is_left_to_the_thread(sqlite_url: str, clock: MovingClock):
    async with make_world(sqlite_url, clock=clock, questions_per_day=0) as world:
        clock.move(hours=10)
        await unsure(world, 1)
        asker = Asker(world.bot.workspace, QuestionPlan(BUDGET))
        clock.move(minutes=59)
        assert not await asker.look()
        clock.move(minutes=2)
        assert await asker.look()


async def test_what_was_said_in_a_private_channel_is_quoted_nowhere_else(sqlite_url: str, clock: MovingClock):
    async with make_world(sqlite_url, clock=clock, questions_per_day=0) as world:
        channel = world.playground.add_channel("board", [SAM, BOT], private=True)
        await unsure(world, 2, channel)
        clock.move(hours=10)
        assert not await Asker(world.bot.workspace, QuestionPlan(BUDGET)).look()


async def test_without_a_team_the_question_goes_into_the_thread_of_a_routed_ticket(
    sqlite_url: str, clock: MovingClock
):
    async with make_world(sqlite_url, clock=clock, questions_per_day=0) as world:
        async with world.database.unit_of_work() as work:
            for category in await work.categories.active(team_id=TEAM):
                category.destination = None
            await work.commit()
        asked_already = await world.say("the vpn is odd")
        world.model.confidence, world.model.threshold = 0.6, 0.5
        ts = await world.say("the invoice page")
        await world.quiet()
        world.model.confidence = 0.4
        (unsure_one,) = await unsure(world, 1)
        clock.move(hours=10)
        asker = Asker(world.bot.workspace, QuestionPlan(BUDGET))
        while await asker.look():
            await world.quiet()
            clock.move(hours=2, minutes=40)
        threads = {m["thread_ts"] for m in posted(world) if m["channel"] == HELP}
        assert ts in threads
        assert unsure_one not in threads  # its own card asks there already
        assert threads <= {ts, asked_already}


async def test_a_budget_of_nothing_is_off(sqlite_url: str, clock: MovingClock):
    async with make_world(sqlite_url, clock=clock, questions_per_day=0) as world:
        await unsure(world, 3)
        clock.move(hours=10)
        assert not await Asker(world.bot.workspace, QuestionPlan(0)).look()
        assert await questions(world) == []


async def test_the_running_bot_asks_by_itself(sqlite_url: str, clock: MovingClock):
    async with make_world(sqlite_url, clock=clock, questions_per_day=0) as world:
        await unsure(world, 3)
        clock.move(hours=10)
        settings = settings_for(world.playground, sqlite_url, questions_per_day=1)
        async with running_bot(settings, world.database, world.model, CATEGORIES, clock):
            await world.playground.wait_for(lambda: posted(world))
        assert len(await questions(world)) == 1
