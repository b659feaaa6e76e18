"""Events that come twice, while the bot dies, while Slack asks to wait: each answered once."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import pytest

from playground.server import Playground
from storage.database import Database
from tests.drills import killed_bot
from tests.drills.killed_bot import TOPICS
from tests.factories.world import SAM, TEAM, World, make_world, settings_for

LONG = pytest.mark.long
Measured = Callable[[str], None]
UNDER_WAY = 0.1
"""Seconds in which calls may still be counted that had begun before the refusal was heard."""
TEAMS = [str(topic.destination) for topic in TOPICS]


def channels(count: int) -> list[str]:
    return [f"help-{number}" for number in range(count)]


def answers(playground: Playground, posted: Sequence[tuple[str, str]]) -> Counter[int]:
    """Count the messages by how many answers of the bot are in their threads."""
    ours = Counter(
        (channel.id, message.body.get("thread_ts"))
        for channel in playground.state.channels.values()
        for message in channel.messages.values()
        if message.body.get("bot_id")
    )
    return Counter(ours[where] for where in posted)


def team_cards(playground: Playground) -> int:
    """Count the cards in the teams' channels."""
    return sum(
        bool(message.body.get("bot_id"))
        for channel in playground.state.channels.values()
        if channel.name in TEAMS
        for message in channel.messages.values()
    )


def calls_after(playground: Playground, seq: int) -> Callable[[], bool]:
    return lambda: bool(playground.journal.find("api", after=seq))


async def say(playground: Playground, names: Sequence[str], count: int) -> list[tuple[str, str]]:
    """Post so many messages over the channels; return their (channel, ts)."""
    ids = [
        channel.id for name in names for channel in playground.state.channels.values() if channel.name == name
    ]
    posted = []
    for number in range(count):
        channel = ids[number % len(ids)]
        posted.append(
            (
                channel,
                await playground.post_message(
                    SAM, channel, f"Topic {number % len(TOPICS)} fails, case {number}"
                ),
            )
        )
    return posted


@pytest.mark.drill("duplicates")
@pytest.mark.parametrize("count", [50, pytest.param(10_000, marks=[LONG, pytest.mark.timeout(3600)])])
async def test_events_that_come_twice_make_one_ticket_and_one_answer(
    database_url: str, dialect: str, count: int, measured: Measured
):
    names = channels(max(8, count // 40))
    playground = Playground(channels=[*names, *TEAMS])
    async with drilled(database_url, playground) as world:
        rng, posted = random.Random(7), []  # noqa: S311 - which ones, not how safe
        again = 0
        for _ in range(0, count, 50):
            posted += await say(playground, names, 50)
            await playground.wait_for(lambda: not playground.delivery.pending, timeout=120)
            recent = playground.journal.find("event", "message")[-50:]
            for entry in rng.sample(recent, 15):
                again += 1
                await playground.redeliver(entry.request["event_id"], with_retry_headers=rng.random() < 0.5)
        await answered_all(world, posted, seconds=count / 4 + 60)
        found = answers(playground, posted)
        assert found == {1: count}
        assert await world.tickets() == count
        measured(f"{dialect}: {count:,} events, {again:,} again: {count:,} tickets, 0 answered twice")


def drilled(database_url: str, playground: Playground) -> AbstractAsyncContextManager[World]:
    return make_world(
        database_url,
        playground=playground,
        classifier=killed_bot.scripted(),
        categories=TOPICS,
        inbox_workers=8,
    )


async def answered_all(world: World, posted: Sequence[tuple[str, str]], seconds: float) -> None:
    """Wait until each thread has an answer and nothing is left to do."""
    await world.playground.wait_for(lambda: not answers(world.playground, posted)[0], timeout=seconds)
    await world.playground.wait_for(world.idle, timeout=seconds)


@pytest.mark.drill("rate-limits")
async def test_every_fifth_call_is_refused_and_none_comes_before_its_time(
    database_url: str, dialect: str, measured: Measured
):
    names = channels(6)
    playground = Playground(channels=[*names, *TEAMS], acceleration=0.01)
    async with drilled(database_url, playground) as world:
        playground.faults.rate_limit("*", times=1, retry_after=1)
        posted: list[tuple[str, str]] = []
        for _ in range(4):
            posted += await say(playground, names, 6)
            playground.faults.rate_limit("chat.postMessage", times=2, retry_after=1)
        await answered_all(world, posted, seconds=120)
        assert answers(playground, posted) == {1: len(posted)}
        assert team_cards(playground) == len(posted)
        calls = playground.journal.find("api")
        refused = [entry for entry in calls if entry.status == 429]
        early = [
            later
            for entry in refused
            for later in calls
            if later.method == entry.method
            and entry.seq < later.seq
            and entry.at + UNDER_WAY < later.at < entry.at + 1 - 0.005
            and later.status != 429
        ]
        assert refused
        assert not early
        measured(
            f"{dialect}: {len(posted)} messages, {len(refused)} refusals: 0 lost, 0 calls before their time"
        )


@pytest.mark.drill("kills")
@pytest.mark.parametrize("kills", [5, pytest.param(200, marks=[LONG, pytest.mark.timeout(3600)])])
async def test_a_bot_that_is_killed_again_and_again_answers_each_message_once(
    database_url: str, dialect: str, kills: int, measured: Measured
):
    names, rng, began = channels(8), random.Random(11), time.time()  # noqa: S311
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    playground = Playground(channels=[*names, *TEAMS], retry_delays=[0.25] * 400)
    async with playground:
        playground.app.request_url = f"http://127.0.0.1:{port}/slack/events"
        settings = settings_for(playground, database_url, port=port, inbox_workers=8)
        values = settings.model_dump() | {"mode": "http"}
        posted: list[tuple[str, str]] = []
        running, last = killed_bot.start(values, began), 0
        for _ in range(kills):
            posted += await say(playground, names, 4)
            await playground.wait_for(calls_after(playground, last), timeout=30)  # it is starting
            await asyncio.sleep(rng.random() * 0.8)  # the moment is what the drill varies
            last = playground.journal.last
            await asyncio.to_thread(killed_bot.kill, running)
            running = killed_bot.start(values, began)
        try:
            await playground.wait_for(
                lambda: not answers(playground, posted)[0] and team_cards(playground) >= len(posted),
                timeout=120 + kills * 4,
            )
        finally:
            await asyncio.to_thread(killed_bot.kill, running)
        assert answers(playground, posted) == {1: len(posted)}
        assert team_cards(playground) == len(posted)
    database = Database(database_url)
    async with database.reader() as work:
        assert await work.tickets.count(team_id=TEAM) == len(posted)
        assert (await work.inbox.counts()).get("dead", 0) == 0
    await database.dispose()
    measured(f"{dialect}: {kills} kills, {len(posted)} messages: 0 lost, 0 answered twice")
