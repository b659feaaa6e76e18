"""What was written while nobody listened is found and answered, once."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import pytest

from bot.app.runtime import running_bot
from bot.clock import Clock, utc_now
from bot.queue.backfill import Backfill
from bot.slack.incoming import NO_APPS
from classifier.testing import ScriptedClassifier
from playground.server import Playground
from storage.database import Database
from tests.factories.moving_clock import MovingClock
from tests.factories.world import (
    CATEGORIES,
    HELP,
    KEYWORDS,
    LENA,
    OTHER_BOT,
    SAM,
    TEAM,
    World,
    make_world,
    settings_for,
)

TEXTS = ("my password does not work", "vpn is dead", "the invoice is wrong")
NO_TICKETS = ("good morning", "lunch?", "thanks", "hello", "see you")


@asynccontextmanager
async def slack(names: list[str] | None = None) -> AsyncIterator[Playground]:
    """A workspace that gives an event up at once where nobody answers."""
    teams = [str(category.destination) for category in CATEGORIES]
    async with Playground(channels=[*teams, *(names or [])], retry_delays=()) as playground:
        yield playground


@asynccontextmanager
async def bot_in(
    playground: Playground, url: str, clock: Clock = utc_now, **changes: Any
) -> AsyncIterator[World]:
    """The bot, on for as long as the context."""
    database, model = Database(url), ScriptedClassifier(KEYWORDS)
    try:
        settings = settings_for(playground, url, **changes)
        async with running_bot(settings, database, model, CATEGORIES, clock) as bot:
            playground.app.request_url = bot.url
            yield World(playground, bot, model, database)
            playground.app.request_url = None
    finally:
        await database.dispose()


@contextmanager
def nobody_told(playground: Playground) -> Iterator[None]:
    """What happens meanwhile, the app never hears of."""
    events, playground.app.events = playground.app.events, set()
    try:
        yield
    finally:
        playground.app.events = events


async def read_up(world: World, *channels: str) -> None:
    """Wait until these channels have a mark."""

    async def look() -> bool:
        async with world.database.reader() as work:
            return all(
                [await work.channels.read_until(team_id=TEAM, channel_id=channel) for channel in channels]
            )

    await world.playground.wait_for(look)


def looks(playground: Playground) -> list[Any]:
    return [entry for entry in playground.journal if entry.method == "conversations.history"]


def answers(world: World) -> Counter[tuple[str, str]]:
    """Count our posts, by channel and thread; "" is none."""
    channels = world.playground.state.channels
    return Counter(
        (channel, str(message.body.get("thread_ts") or ""))
        for channel in channels
        for message in channels[channel].messages.values()
        if message.body.get("bot_id") == "B0FPOST"
    )


async def all_answered(world: World, written: list[tuple[str, str]], others: int = 0) -> None:
    """Wait for two cards a message, in its thread and in a team's channel, and see that none has more.

    `others` are messages that no team has: they are kept, and nobody answers.
    """
    wanted = dict.fromkeys(written, 1)

    def look() -> bool:
        posted = answers(world)
        return len(written) <= sum(count for (_, thread), count in posted.items() if not thread) and all(
            posted[message] for message in wanted
        )

    await world.playground.wait_for(look, timeout=180)
    await world.quiet()
    posted = answers(world)
    assert {message: count for message, count in posted.items() if message[1]} == wanted
    assert sum(count for (_, thread), count in posted.items() if not thread) == len(written)
    assert await world.tickets() == len(written) + others


async def written_while_off(url: str, texts: Sequence[str]) -> None:
    names = ["desk-a", "desk-b", "desk-c", "desk-d"]
    async with slack(names) as playground:
        channels = [HELP, *(playground.state.channel(name).id for name in names)]
        async with bot_in(playground, url) as world:
            await read_up(world, *channels)
        written = []
        for text in texts:
            for channel in channels:
                ts = await playground.post_message(SAM, channel, text)
                if text in TEXTS:
                    written.append((channel, ts))
                await playground.post_message(LENA, channel, "my password too", thread_ts=ts)
                await playground.post_message(OTHER_BOT, channel, "password of a robot")
        playground.faults.rate_limit("conversations.history", times=1, retry_after=1)
        async with bot_in(playground, url) as world:
            await all_answered(world, written, others=len(texts) * len(channels) - len(written))
            await read_up(world, *channels)
        refused_at = 0.0
        for call in looks(playground):
            assert call.at >= refused_at
            refused_at = call.at + 1 if call.status == 429 else refused_at


@pytest.mark.drill("downtime")
async def test_40_messages_that_were_written_while_the_bot_was_off_are_answered_once(database_url: str):
    await written_while_off(database_url, [*TEXTS, *NO_TICKETS])


@pytest.mark.drill("downtime")
@pytest.mark.long
async def test_200_messages_in_five_channels_are_answered_once(
    database_url: str, dialect: str, measured: Callable[[str], None]
):
    await written_while_off(database_url, [TEXTS[number % 3] for number in range(40)])
    measured(f"{dialect}: 200 messages in 5 channels: 200 found, 0 twice")


async def test_a_new_installation_reads_nothing_old(sqlite_url: str):
    async with slack() as playground:
        await playground.post_message(SAM, HELP, TEXTS[0])
        for starts in (1, 2):
            async with bot_in(playground, sqlite_url) as world:
                await playground.wait_for(lambda: len(looks(playground)) == starts)  # noqa: B023
                await world.quiet()
                assert await world.tickets() == 0
        with nobody_told(playground):
            ts = await playground.post_message(SAM, HELP, TEXTS[1])
        async with bot_in(playground, sqlite_url) as world:
            await all_answered(world, [(HELP, ts)])
            # Slack may still deliver what was read already
            event = {"type": "message", "user": SAM, "channel": HELP, "ts": ts, "text": TEXTS[1]}
            await playground.send_event(event)
            await world.delivered("event", "message", 3)
            await all_answered(world, [(HELP, ts)])


async def test_more_than_a_page_is_read_whole(sqlite_url: str, monkeypatch):
    async with slack() as playground, bot_in(playground, sqlite_url, backfill_hours=0) as world:
        space = world.bot.workspace
        backfill = Backfill(space, world.bot.inbox, NO_APPS, 24)
        backfill.missed()
        await backfill.look()
        with nobody_told(playground):
            written = [await world.say(f"good morning {number}") for number in range(5)]
        ask = space.messenger.client.conversations_history

        async def two_at_once(**arguments: Any) -> Any:
            return await ask(**(arguments | {"limit": 2}))

        monkeypatch.setattr(space.messenger.client, "conversations_history", two_at_once)
        backfill.missed()
        await backfill.look()
        await world.quiet()
        assert sorted(world.model.seen) == [f"good morning {number}" for number in range(5)]
        async with world.database.reader() as work:
            assert await work.channels.read_until(team_id=TEAM, channel_id=HELP) == written[-1]


async def test_a_channel_that_the_bot_came_into_later_is_read_from_then_on(sqlite_url: str):
    async with slack() as playground:
        async with bot_in(playground, sqlite_url) as world:
            await read_up(world, HELP)
            desk = playground.add_channel("desk-a", [SAM])
            await playground.post_message(SAM, desk, TEXTS[0])
            await playground.join("U0FPOST", desk)
            first = await world.say(TEXTS[1], channel=desk)
            await world.card(first, channel=desk)
            await read_up(world, desk)
            await world.quiet()
        with nobody_told(playground):
            second = await playground.post_message(SAM, desk, TEXTS[2])
        async with bot_in(playground, sqlite_url) as world:
            await all_answered(world, [(desk, first), (desk, second)])


async def test_nothing_is_read_where_it_is_switched_off(sqlite_url: str):
    async with slack() as playground, bot_in(playground, sqlite_url, backfill_hours=0) as world:
        await world.card(await world.say(TEXTS[0]))
        assert not looks(playground)


async def test_a_restart_in_the_middle_loses_nothing_and_a_live_message_hides_no_gap(sqlite_url: str):
    async with slack(["desk-a"]) as playground:
        desk = playground.state.channel("desk-a").id
        async with bot_in(playground, sqlite_url) as world:
            await read_up(world, HELP, desk)
        missed = [
            (channel, await playground.post_message(SAM, channel, TEXTS[0])) for channel in (HELP, desk)
        ]
        playground.faults.rate_limit("conversations.history", times=1, retry_after=60)
        async with bot_in(playground, sqlite_url) as world:
            await playground.wait_for(lambda: any(look.status == 429 for look in looks(playground)))
            live = [(channel, await world.say(TEXTS[1], channel=channel)) for channel in (HELP, desk)]
            await world.card(live[0][1])
            await world.card(live[1][1], channel=desk)
            await world.quiet()
        async with bot_in(playground, sqlite_url, lambda: utc_now() + timedelta(minutes=2)) as world:
            await all_answered(world, [*missed, *live])  # the refusal of a minute is over


async def test_an_edit_made_while_the_bot_was_off_is_taken_over(sqlite_url: str):
    async with slack() as playground:
        async with bot_in(playground, sqlite_url) as world:
            await read_up(world, HELP)
            known = await world.say("hi all")
            await world.playground.wait_for(world.tickets)
            await world.quiet()
        with nobody_told(playground):
            missed = await playground.post_message(SAM, HELP, "hello")
            for ts in (known, missed):
                await playground.edit_message(SAM, HELP, ts, "hi all, vpn is dead")
        async with bot_in(playground, sqlite_url) as world:
            await all_answered(world, [(HELP, known), (HELP, missed)])


async def test_what_no_socket_brought_is_found_when_the_next_one_opens(sqlite_url: str):
    async with make_world(sqlite_url, socket=True) as world:
        await read_up(world, HELP)
        await world.card(await world.say(TEXTS[0]))
        with nobody_told(world.playground):
            ts = await world.say(TEXTS[1])
        await world.playground.drop_sockets()
        await world.card(ts)
        await world.quiet()
        assert answers(world)[HELP, ts] == 1


async def test_a_message_that_could_not_be_kept_is_looked_for(sqlite_url: str, monkeypatch):
    async with slack() as playground, bot_in(playground, sqlite_url) as world:
        await read_up(world, HELP)
        add = world.bot.inbox.add

        async def broken(**_event: object) -> bool:
            monkeypatch.setattr(world.bot.inbox, "add", add)
            raise ConnectionError("the database is away")

        monkeypatch.setattr(world.bot.inbox, "add", broken)
        await all_answered(world, [(HELP, await world.say(TEXTS[0]))])


async def test_calls_keep_to_slacks_pace_and_outlast_an_outage(sqlite_url: str, monkeypatch):
    now, called, clock = [0.0], [], MovingClock(utc_now())

    async def sleep(seconds: float) -> None:
        now[0] += seconds
        clock.move(seconds=seconds)

    async with slack() as playground, bot_in(playground, sqlite_url, clock, backfill_hours=0) as world:
        space = world.bot.workspace
        history = space.messenger.history

        async def counted(*arguments: Any) -> Any:
            called.append(now[0])
            return await history(*arguments)

        monkeypatch.setattr(space.messenger, "history", counted)
        channels = [playground.add_channel(f"desk-{n}", [SAM, "U0FPOST"]) for n in range(60)]
        playground.faults.fail("conversations.history", "service_unavailable", times=1)
        playground.faults.http_status("conversations.history", 503, times=1)
        playground.faults.rate_limit("conversations.history", times=1, retry_after=30)
        backfill = Backfill(space, world.bot.inbox, NO_APPS, 24, monotonic=lambda: now[0], sleep=sleep)
        backfill.missed()
        await backfill.look()
        async with world.database.reader() as work:
            marks = {await work.channels.read_until(team_id=TEAM, channel_id=channel) for channel in channels}
    assert marks == {"0"}
    assert called[3] - called[2] >= 30
    assert max(sum(at <= other < at + 60 for other in called) for at in called) <= 50
