"""What Slack acknowledges is kept, whatever Slack's own methods answer; what is not ours is not kept."""

from __future__ import annotations

import asyncio
import copy
import json
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import or_, select

from bot.app import runtime
from bot.app.runtime import running_bot
from bot.clock import utc_now
from bot.errors import ConfigurationError
from bot.health import Health
from bot.queue import serial_tasks
from bot.slack.token_gate import TokenGate
from classifier.testing import ScriptedClassifier
from playground.server import Playground
from storage.database import Database
from storage.models import InboxEvent, InboxState
from tests.factories.moving_clock import MovingClock
from tests.factories.world import CATEGORIES, HELP, KEYWORDS, SAM, TEAM, World, make_world, settings_for

SHARED_CHANNEL_EVENT = {
    "team_id": "T0ORIGIN",
    "enterprise_id": "E0ORIGIN",
    "context_team_id": "T0ORIGIN",
    "api_app_id": "A0FPOST",
    "type": "event_callback",
    "event_id": "Ev0CONNECT",
    "is_ext_shared_channel": True,
    "authorizations": [
        {"enterprise_id": None, "team_id": TEAM, "user_id": "U0FPOST", "is_bot": True},
    ],
    "event": {
        "type": "message",
        "channel": HELP,
        "channel_type": "channel",
        "ts": "1790000000.000100",
        "event_ts": "1790000000.000100",
        "team": TEAM,
        "user": SAM,
        "text": "my vpn drops every hour",
    },
}


async def deliver(world: World, body: Any) -> int | None:
    """Send what Slack signed, and return the status."""
    text = body if isinstance(body, str) else json.dumps(body)
    headers = {"Content-Type": "application/json", **world.playground.signed_headers(text)}
    return (await world.playground.post_raw("/slack/events", text, headers)).status


async def dead(world: World) -> int:
    async with world.database.reader() as work:
        return (await work.inbox.counts())[InboxState.DEAD]


@pytest.mark.drill("auth")
@pytest.mark.parametrize("desks", [5, pytest.param(25, marks=pytest.mark.long)])
async def test_slack_is_asked_who_we_are_once_and_its_silence_later_loses_nothing(
    world: World, desks: int, measured: Callable[[str], None]
):
    world.playground.faults.fail("auth.test", "internal_error", times=1000)
    channels = [world.playground.add_channel(f"desk-{n}", [SAM, "U0FPOST"]) for n in range(desks)]
    sent = [
        (channel, await world.say(f"my password {number} is lost", channel=channel))
        for channel in channels
        for number in range(4)  # so many posts a channel need not wait for each other
    ]

    def answers() -> list[int]:
        return [len(world.playground.thread(channel, ts)) for channel, ts in sent]

    await world.playground.wait_for(lambda: all(answers()), timeout=120)
    assert await world.tickets() == 4 * desks
    assert answers() == [1] * (4 * desks)
    assert sum(entry.method == "auth.test" for entry in world.playground.journal) == 1
    measured(f"{len(sent)} events: {len(sent)} tickets, {len(sent)} answers; asked once, at the start")


async def all_wait(world: World, clock: MovingClock) -> None:
    """Wait until each event was tried and waits for its next time."""
    at_work = or_(InboxEvent.state == InboxState.WORKING, InboxEvent.next_attempt_at <= clock())
    open_states = InboxEvent.state.in_((InboxState.WORKING, InboxState.PENDING))

    async def idle() -> bool:
        async with world.database.reader() as work:
            query = select(InboxEvent.id).where(open_states, at_work).limit(1)
            return await work.session.scalar(query) is None

    await world.playground.wait_for(idle)


def refuse(world: World, _monkeypatch: pytest.MonkeyPatch) -> None:
    world.bot.workspace.messenger.client.base_url = "http://127.0.0.1:9/api/"


def time_out(world: World, _monkeypatch: pytest.MonkeyPatch) -> None:
    world.bot.workspace.messenger.client.timeout = 0.05  # type: ignore[assignment]
    world.playground.faults.hang("*", 30, times=100_000)


Break = Callable[[World, pytest.MonkeyPatch], None]
OUTAGES: dict[str, Break] = {
    "503": lambda world, _: world.playground.faults.http_status("*", 503, times=100_000),
    "refused": refuse,
    "reset": lambda world, _: world.playground.faults.lose_answer("*", times=100_000),
    "time-outs": time_out,
    "429 without end": lambda world, _: world.playground.faults.rate_limit("*", times=100_000),
    "fatal_error": lambda world, _: world.playground.faults.fail("*", "fatal_error", times=100_000),
    "service_unavailable": lambda world, _: world.playground.faults.fail(
        "*", "service_unavailable", times=100_000
    ),
}


@pytest.mark.drill("outage")
@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_hour_without_slack_ends_with_every_message_answered_once(
    sqlite_url: str, outage: str, monkeypatch: pytest.MonkeyPatch, measured: Callable[[str], None]
):
    monkeypatch.setattr(serial_tasks, "POLL_SECONDS", 0.02)
    clock = MovingClock()
    async with make_world(sqlite_url, clock=clock) as world:
        client = world.bot.workspace.messenger.client
        address, patience = client.base_url, client.timeout
        OUTAGES[outage](world, monkeypatch)
        sent = [await world.say(f"my password {number} is lost") for number in range(3)]
        await world.delivered("event", "message", 3)
        for minutes in (1, 2, 5, 10, 20, 22):
            await all_wait(world, clock)
            clock.move(minutes=minutes)
        await all_wait(world, clock)
        assert await dead(world) == 0
        world.playground.faults.clear()
        client.base_url, client.timeout = address, patience
        clock.move(minutes=2)
        for ts in sent:
            await world.card(ts)
        assert await dead(world) == 0
        assert [len(world.playground.thread(HELP, ts)) for ts in sent] == [1, 1, 1]
    measured(f"{outage}: 0 lost, 0 given up, 0 twice")


async def test_an_event_of_a_shared_channel_is_ours_where_the_authorisation_says_so(world: World):
    assert await deliver(world, SHARED_CHANNEL_EVENT) == 200
    await world.playground.wait_for(world.tickets)
    async with world.database.reader() as work:
        ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts="1790000000.000100")
    assert ticket is not None


async def test_events_of_a_workspace_that_is_not_served_are_acknowledged_and_not_kept(any_world: World):
    event = {"type": "message", "channel": HELP, "channel_type": "channel", "user": "U0BOB", "text": "vpn"}
    await any_world.playground.send_event(event | {"ts": "1790000000.000100"}, team="T0BETA")
    await any_world.delivered("event", "message")
    await any_world.playground.send_event(
        event | {"ts": "1790000000.000200"}, authorizations=[{"team_id": "T0OTHER"}]
    )
    await any_world.delivered("event", "message", 2)
    async with any_world.database.reader() as work:
        assert sum((await work.inbox.counts()).values()) == 0


UNREADABLE = [
    "[]",
    "1",
    "null",
    '"text"',
    "{",
    "",
    "[" * 5000,
    '{"authorizations":' * 3000,
    "payload=[1]",
    "payload=1",
    "payload={",
    "payload",
    '{"a": NaN}',
]
ODD = [
    {"team_id": TEAM},
    {"team_id": TEAM, "type": "event_callback", "event": []},
    {"team_id": TEAM, "type": "event_callback", "event": 1},
    {"team_id": TEAM, "type": "event_callback", "event_id": "Ev1", "event": {"type": 5}},
    {"team_id": TEAM, "type": "event_callback", "event": {"type": "app_home_opened"}},
    {"team_id": TEAM, "type": "event_callback", "event": {"type": "message", "user": {"id": []}}},
    {"team_id": TEAM, "authorizations": [5]},
    {"team_id": TEAM, "authorizations": "T"},
    {"team_id": TEAM, "authorizations": {"0": 1}},
    {"team_id": TEAM, "enterprise": 5},
    {"team": [TEAM], "team_id": TEAM},
    {"team_id": TEAM, "type": "block_actions", "user": 7, "actions": [1]},
    {"team_id": TEAM, "type": "block_actions", "user": {"id": SAM}, "actions": [], "trigger_id": "1"},
    {"team_id": TEAM, "type": "block_actions", "actions": [{"action_id": "why"}], "response_urls": [4]},
    {"team_id": TEAM, "type": "view_submission", "view": []},
    {"type": "event_callback", "event": {"type": "message"}},
]


async def test_what_slack_did_not_sign_is_refused_before_it_is_read(world: World):
    bodies = [*UNREADABLE, *(json.dumps(body) for body in ODD)]
    for body in bodies:
        unsigned = await world.playground.post_raw("/slack/events", body, {"X-Slack-Request-Timestamp": "1"})
        assert unsigned.status == 401, body[:60]
    good = json.dumps(SHARED_CHANNEL_EVENT)
    signed = world.playground.signed_headers(good)
    for header, value in (
        ("X-Slack-Request-Timestamp", "\u00b2"),
        ("X-Slack-Request-Timestamp", "\u0661\u0662"),
        ("X-Slack-Request-Timestamp", "9" * 400),
        ("X-Slack-Request-Timestamp", "1e9"),
        ("X-Slack-Signature", "v0=" + "\u00e9" * 64),
        ("X-Slack-Signature", ""),
        ("X-Slack-Signature", signed["X-Slack-Signature"].upper()),
    ):
        outcome = await world.playground.post_raw("/slack/events", good, signed | {header: value})
        assert outcome.status == 401, (header, value)
    assert await world.tickets() == 0


async def test_what_is_signed_and_cannot_be_read_is_a_400(world: World):
    statuses = {body[:60]: await deliver(world, body) for body in UNREADABLE}
    assert set(statuses.values()) == {400}, statuses
    odd = {json.dumps(body): await deliver(world, body) for body in ODD}
    assert all(status is not None and status < 500 for status in odd.values()), odd
    async with world.database.reader() as work:
        assert sum((await work.inbox.counts()).values()) == 0


PRESSED = {
    "type": "block_actions",
    "team": {"id": TEAM, "domain": "acme"},
    "user": {"id": SAM, "team_id": TEAM},
    "channel": {"id": HELP},
    "container": {"type": "message", "message_ts": "1790000000.000200", "thread_ts": "1790000000.000100"},
    "trigger_id": "1.2.3",
    "response_url": "https://hooks.slack.com/actions/1",
    "actions": [{"type": "button", "action_id": "confirm", "block_id": "b", "value": "1:2"}],
}
SUBMITTED = {
    "type": "view_submission",
    "team": {"id": TEAM},
    "user": {"id": SAM},
    "trigger_id": "1.2.3",
    "view": {"id": "V1", "callback_id": "category", "private_metadata": "{}", "state": {"values": {}}},
}
REACTED = SHARED_CHANNEL_EVENT | {
    "event": {
        "type": "reaction_added",
        "item": {"type": "message", "channel": HELP, "ts": "1790000000.000100"},
        "user": SAM,
        "reaction": "key",
        "event_ts": "1790000000.000300",
    },
}
VALUES = [None, True, 0, 1.5, "", "x", "\x00\ud800", [], [[]], [5], {}, {"id": 1}, {"id": SAM, "team_id": []}]


def mutated(body: Any, dice: random.Random) -> Any:
    """Return the body with something in it replaced or left out."""
    whole = copy.deepcopy(body)
    place = whole
    while True:
        key = dice.choice(list(place)) if isinstance(place, dict) else dice.randrange(len(place))
        if isinstance(place[key], dict | list) and place[key] and dice.random() < 0.7:
            place = place[key]
        elif dice.random() < 0.2:
            del place[key]
            return whole
        else:
            place[key] = dice.choice(VALUES)
            return whole


@pytest.mark.parametrize("rounds", [25, pytest.param(500, marks=pytest.mark.long)])
async def test_no_shape_of_a_signed_request_is_an_error_of_ours(world: World, rounds: int):
    dice = random.Random(7)  # noqa: S311 - to break things, the same each time
    for number in range(rounds):
        for body in (SHARED_CHANNEL_EVENT, PRESSED, SUBMITTED, REACTED):
            odd = mutated(body, dice) | {"number": number}
            status = await deliver(world, odd)
            assert status in {200, 400, 404}, odd


async def test_characters_that_no_database_takes_lose_no_message(any_world: World):
    ts = await any_world.say("my password\x00 is \ud83d lost \x1b[31m")
    card = await any_world.card(ts)
    assert card
    async with any_world.database.reader() as work:
        ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
    assert ticket is not None
    assert ticket.text == "my password\ufffd is \ufffd lost \ufffd[31m"


@pytest.mark.parametrize("socket", [False, True], ids=["http", "socket"])
async def test_a_start_waits_for_slack(sqlite_url: str, socket: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runtime, "START_CAP_SECONDS", 0.01)
    playground = Playground(channels=[str(c.destination) for c in CATEGORIES], acceleration=0.01)
    playground.faults.http_status("auth.test", 503, times=2)
    playground.faults.fail("auth.test", "fatal_error", times=2)
    playground.faults.fail("apps.connections.open", "internal_error", times=2)
    async with make_world(sqlite_url, playground=playground, socket=socket) as world:
        await world.card(await world.say("my password is lost"))


@pytest.mark.parametrize(
    ("wrong", "setting"),
    [
        ({"slack_bot_token": SecretStr("xoxb-wrong")}, "FINGERPOST_SLACK_BOT_TOKEN"),
        ({"slack_app_token": SecretStr("xapp-wrong")}, "FINGERPOST_SLACK_APP_TOKEN"),
    ],
    ids=["bot", "app"],
)
async def test_a_wrong_token_ends_the_start(sqlite_url: str, wrong: dict[str, Any], setting: str):
    async with Playground() as playground:
        database = Database(sqlite_url)
        settings = settings_for(playground, sqlite_url, **wrong)
        bot = running_bot(settings, database, ScriptedClassifier(KEYWORDS), CATEGORIES)
        try:
            with pytest.raises(ConfigurationError, match=setting):
                async with bot:
                    pass
        finally:
            await database.dispose()


async def health(world: World) -> tuple[int | None, Any]:
    assert world.playground.delivery._session is not None
    url = str(world.bot.url).replace("/slack/events", "/healthz")
    async with world.playground.delivery._session.get(url) as response:
        return response.status, await response.json()


async def test_the_health_check_says_when_the_database_cannot_be_written(
    world: World, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bot.health.KEPT_SECONDS", 0.0)
    assert await health(world) == (200, {"ok": True})
    monkeypatch.setattr("bot.health.PATIENCE_SECONDS", 0.1)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite+aiosqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await health(world) == (503, {"ok": False, "reason": "the database does not answer"})
        other.rollback()
    monkeypatch.setattr("bot.health.PATIENCE_SECONDS", 10)
    assert await health(world) == (200, {"ok": True})


async def test_the_health_check_says_when_the_database_is_gone():
    database = Database("postgresql://me:hidden@127.0.0.1:9/nothing")
    try:
        said = await Health(database, TEAM, utc_now, (), TokenGate()).trouble()
    finally:
        await database.dispose()
    assert said == "the database cannot be written (DatabaseUnavailable)"


async def test_the_health_check_says_when_a_loop_ended(world: World):
    world.bot.tasks[0].cancel()
    await asyncio.wait([world.bot.tasks[0]])
    assert await health(world) == (503, {"ok": False, "reason": "a loop of the bot ended"})
