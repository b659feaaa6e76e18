"""Each reply is posted once: by one sender and by three, whatever Slack answers, across crashes."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.queue.outbox import LEASE
from bot.slack.turns import BURST, Turns
from playground.server import Playground
from storage.database import Database
from tests.factories.outboxes import Senders, SteppedClock, senders
from tests.factories.world import HELP, TEAM

POST = "chat.postMessage"


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - repeatable, and no secret


def once_each(made: Senders, count: int, channel: str = HELP) -> None:
    posted = made.posted(channel)
    assert {text: times for text, times in posted.items() if times > 1} == {}
    assert len(posted) == count


def unkind(playground: Playground, rng: random.Random, count: int) -> None:
    """Let a good part of the posts go wrong in every way that leaves open whether Slack took them."""
    faults = playground.faults
    ways = (
        lambda: faults.fail(POST, "fatal_error", done=True),
        lambda: faults.fail(POST, "internal_error", done=True),
        lambda: faults.fail(POST, "service_unavailable"),
        lambda: faults.http_status(POST, 503, done=True),
        lambda: faults.http_status(POST, 502),
        lambda: faults.reset(POST, done=True),
        lambda: faults.reset(POST),
        lambda: faults.rate_limit(POST, retry_after=2),
        lambda: faults.rate_limit("conversations.replies", retry_after=2),
        lambda: faults.fail("conversations.history", "fatal_error"),
    )
    for _ in range(count):
        rng.choice(ways)()
        faults.hang(POST, 0.0, times=rng.randint(1, 3))  # some that work, between


@pytest.mark.parametrize("count", [2, 3])
async def test_senders_share_a_busy_channel_without_a_fault(database: Database, count: int):
    async with senders(database) as made:
        await made.leave(20, in_thread=False)
        async with made.running(count):
            await made.all_sent()
        once_each(made, 20)
        assert made.playground.limits.early == []


@pytest.mark.parametrize("in_thread", [True, False], ids=["threads", "channel"])
async def test_what_was_perhaps_posted_is_found_again(database: Database, in_thread: bool):
    async with senders(database) as made:
        unkind(made.playground, seeded(7), 9)
        await made.leave(20, in_thread=in_thread)
        async with made.running(3):
            await made.all_sent()
        once_each(made, 20)


async def test_a_crash_between_slack_and_the_database_is_healed(database: Database):
    rng = seeded(3)
    async with senders(database) as made:
        unkind(made.playground, rng, 3)
        await made.leave(12)
        async with made.running(2, lifetimes=lambda: rng.randint(4, 15)):
            await made.all_sent()
        once_each(made, 12)


async def test_a_claim_that_ran_out_while_it_waited_for_its_turn_posts_nothing(database: Database):
    waits, go_on = asyncio.Event(), asyncio.Event()

    async def wait_long(_seconds: float) -> None:
        waits.set()
        await go_on.wait()

    async with senders(database, SteppedClock()) as made:
        turns = Turns(database, TEAM, made.clock, sleep=made.clock.sleep)
        for _ in range(BURST + 1):
            await turns.wait_to_post(HELP)
        await made.leave(1)
        slow = asyncio.create_task(made.outbox(database, sleep=wait_long).drain())
        await waits.wait()
        made.clock.move(seconds=LEASE.total_seconds() + 1)
        await made.outbox(database).drain()
        once_each(made, 1)
        go_on.set()
        await slow
        once_each(made, 1)
        assert set(await made.states()) == {"sent"}


@pytest.mark.parametrize("how", ["503", "reset", "429", "posted, fatal_error"])
async def test_an_hour_without_slack_uses_up_no_reply(sqlite_url: str, how: str):
    database = Database(sqlite_url)
    async with senders(database, SteppedClock()) as made:
        faults, began = made.playground.faults, made.clock()
        strike = {
            "503": lambda: faults.http_status("*", 503, times=math.inf),
            "reset": lambda: faults.reset("*", times=math.inf),
            "429": lambda: faults.rate_limit("*", times=math.inf, retry_after=30),
            # what Slack takes it shows nobody until the outage is over
            "posted, fatal_error": lambda: faults.fail("*", "fatal_error", times=math.inf, done=True),
        }
        strike[how]()
        await made.leave(5)
        replicas = [made.outbox(made.database) for _ in range(2)]

        async def step() -> None:
            made.clock.move(minutes=2)
            await asyncio.gather(*(outbox.drain() for outbox in replicas))

        while made.clock() - began < timedelta(hours=1):
            await step()
        calls = len(made.playground.journal.find("api"))
        assert calls < 150  # no storm: a probe at a time, not one a reply
        faults.clear()
        while set(await made.states()) != {"sent"}:
            assert made.clock() - began < timedelta(minutes=70)
            await step()
        once_each(made, 5)
        assert made.playground.limits.early == []
    await database.dispose()


@pytest.mark.drill("answers")
@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("in_thread", [True, False], ids=["threads", "channel"])
async def test_300_posts_in_one_channel(
    database: Database, dialect: str, count: int, in_thread: bool, measured: Callable[[str], None]
):
    rng = seeded(11)
    async with senders(database) as made:
        unkind(made.playground, rng, 100)
        await made.leave(300, in_thread=in_thread)
        async with made.running(count, lifetimes=lambda: rng.randint(10, 100)):
            await made.all_sent(timeout=400)
        once_each(made, 300)
    where = "threads" if in_thread else "a channel"
    measured(f"{dialect}, {count} of us, 300 posts in {where}: 0 twice, 0 missing")
