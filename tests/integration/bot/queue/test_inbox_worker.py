"""The inbox at work, on SQLite and Postgres: what counts against an event, what waits, what stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import or_, select

from bot.clock import Clock, utc_now
from bot.errors import SlackUnavailable
from bot.queue import serial_tasks
from bot.queue.inbox import Inbox, Kind
from classifier.contract import ClassifierError, ClassifierTimeout, ClassifierUnavailable
from storage.database import Database
from storage.errors import DatabaseBusy, DatabaseUnavailable, SchemaOutOfDate
from storage.models import InboxEvent, InboxState
from storage.tickets.inbox import InboxRepository
from tests.factories.moving_clock import MONDAY, MovingClock

TEAM = "T1"
TROUBLE: dict[str, Exception] = {
    "http_503": SlackUnavailable("http_503", sent=True),
    "refused": SlackUnavailable("no_answer"),
    "reset": SlackUnavailable("no_answer", sent=True),
    "ratelimited": SlackUnavailable("ratelimited", retry_after=30),
    "fatal_error": SlackUnavailable("fatal_error"),
    "service_unavailable": SlackUnavailable("service_unavailable"),
    "token_revoked": SlackUnavailable("token_revoked", permanent=True),
    "classifier": ClassifierUnavailable(),
    "frozen": ClassifierTimeout(),
    "wrong token": ClassifierError("the classifier service refused the token"),
    "busy": DatabaseBusy(),
    "behind": SchemaOutOfDate(),
    "time": TimeoutError(),
    "broken": ConnectionResetError(),
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial_tasks, "POLL_SECONDS", 0.02)
    monkeypatch.setattr("bot.queue.inbox_worker.POLL_SECONDS", 0.02)


@asynccontextmanager
async def running(
    database: Database, handle: Callable[..., Awaitable[None]], clock: Clock = utc_now, **options: Any
) -> AsyncIterator[Inbox]:
    inbox = Inbox(database, TEAM, dict.fromkeys(Kind, handle), clock, **options)
    task = asyncio.create_task(inbox.run())
    try:
        yield inbox
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def add(inbox: Inbox, name: str, kind: Kind = Kind.MESSAGE, **payload: Any) -> None:
    await inbox.add(team_id=TEAM, event_id=name, kind=kind, payload={"name": name, "ts": name} | payload)


async def counts(database: Database) -> dict[str, int]:
    async with database.reader() as work:
        return {state.value: n for state, n in (await work.inbox.counts(team_id=TEAM)).items() if n}


async def until(wanted: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await wanted():  # noqa: ASYNC110 - a database tells nobody
            await asyncio.sleep(0.01)


async def settled(database: Database, **wanted: int) -> None:
    async def look() -> bool:
        return await counts(database) == wanted

    await until(look)


async def letters(database: Database) -> list[InboxEvent]:
    async with database.reader() as work:
        return await work.inbox.dead_letters(team_id=TEAM)


async def all_wait(database: Database, clock: MovingClock) -> None:
    """Wait until each event was tried and waits for its next time."""
    at_work = or_(InboxEvent.state == InboxState.WORKING, InboxEvent.next_attempt_at <= clock())
    query = select(InboxEvent.id).where(InboxEvent.state.in_(("working", "pending")), at_work).limit(1)

    async def look() -> bool:
        async with database.reader() as work:
            return await work.session.scalar(query) is None

    await until(look)


async def test_an_hour_of_any_trouble_uses_up_no_message(database: Database):
    clock = MovingClock()
    tried: dict[str, int] = dict.fromkeys(TROUBLE, 0)

    async def handle(payload: Mapping[str, Any], received_at: datetime) -> None:
        tried[payload["name"]] += 1
        if clock() - received_at < timedelta(hours=1):
            raise TROUBLE[payload["name"]]

    async with running(database, handle, clock, workers=16) as inbox:
        for name in TROUBLE:
            await add(inbox, name)
        for minutes in (1, 1, 1, 2, 5, 10, 20, 20):
            await all_wait(database, clock)
            clock.move(minutes=minutes)
        await settled(database, done=len(TROUBLE))
    assert set(tried.values()) == {9}  # at each of these times, however often before


@pytest.mark.parametrize("at_once", [True, False], ids=["claimed together", "one after the other"])
async def test_what_comes_after_an_event_that_waits_waits_as_well(database: Database, at_once: bool):
    """Taking an emoji away must not overtake putting it on, nor a label the message that it is about."""
    clock, seen, away = MovingClock(), [], True

    async def handle(payload: Mapping[str, Any], _received_at: datetime) -> None:
        if payload["name"] == "message" and away:
            raise SlackUnavailable("no_answer")
        seen.append(payload["name"])

    async with database.unit_of_work() as work:
        for number, (name, ts) in enumerate(
            [("message", "1"), ("added", "1"), ("removed", "1"), ("other", "2")]
        ):
            payload = {"name": name, "channel_id": "C1", "ts": ts}
            late = timedelta(seconds=number if at_once or name == "message" else 30 + number)
            await work.inbox.add(
                team_id=TEAM, event_id=name, kind="message", payload=payload, now=MONDAY + late
            )
        await work.commit()
    clock.move(seconds=10)
    async with running(database, handle, clock):
        for _ in range(4):
            await all_wait(database, clock)
            clock.move(seconds=61)
        assert seen == ["other"]
        away = False
        clock.move(minutes=2)
        await settled(database, done=4)
    assert seen == ["other", "message", "added", "removed"]


async def test_only_an_events_own_defect_counts_and_the_others_go_on(database: Database):
    clock, done = MovingClock(), []

    async def handle(payload: Mapping[str, Any], _received_at: datetime) -> None:
        if payload["name"] == "poison":
            raise KeyError("my secret words")
        done.append(payload["name"])

    async with running(database, handle, clock) as inbox:
        await add(inbox, "poison")
        for number in range(20):
            await add(inbox, f"m{number}")
        await settled(database, done=20, pending=1)
        for _ in range(4):
            await all_wait(database, clock)
            clock.move(minutes=2)
        await settled(database, done=20, dead=1)
    assert len(done) == 20
    (letter,) = await letters(database)
    assert (letter.event_id, letter.attempts) == ("poison", 5)
    assert (letter.last_error or "").startswith("KeyError in handle, line ")


async def test_what_slack_refuses_for_good_is_given_up_at_once_and_the_person_told(database: Database):
    told: list[tuple[str, str]] = []

    async def handle(_payload: Mapping[str, Any], _received_at: datetime) -> None:
        raise SlackUnavailable("invalid_blocks", permanent=True)

    async def apologise(url: str, text: str) -> None:
        told.append((url, text))

    async with running(database, handle, apologise=apologise) as inbox:
        await add(inbox, "m", Kind.ACTION, response_url="https://hooks.slack.com/1")
        await settled(database, dead=1)
        await until(lambda: asyncio.sleep(0, bool(told)))
    (letter,) = await letters(database)
    assert (letter.attempts, letter.last_error) == (1, "SlackUnavailable: Slack answered: invalid_blocks")
    assert str(letter.id)[:8] in told[0][1]


async def test_a_planned_stop_leaves_nothing_that_waits_for_a_lease(database: Database):
    begun = asyncio.Event()

    async def handle(_payload: Mapping[str, Any], _received_at: datetime) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with running(database, handle) as inbox:
        await add(inbox, "m")
        await add(inbox, "w", Kind.WHY)
        await begun.wait()
    assert await counts(database) == {"pending": 2}
    seen = []

    async def quick(payload: Mapping[str, Any], _received_at: datetime) -> None:
        seen.append(payload["name"])

    async with running(database, quick):
        await settled(database, done=2)
    assert sorted(seen) == ["m", "w"]


async def test_what_may_have_ended_a_worker_takes_no_other_event_with_it(database: Database):
    async with database.unit_of_work() as work:
        for name in ("killer", "innocent"):
            payload = {"name": name, "ts": name}
            await work.inbox.add(team_id=TEAM, event_id=name, kind="message", payload=payload, now=MONDAY)
        lease = timedelta(seconds=1)
        await work.inbox.claim(
            team_id=TEAM, kinds=["message"], worker="dead", now=MONDAY, lease=lease, limit=9
        )
        await work.commit()
    under_way: set[str] = set()
    beside: dict[str, set[str]] = {}

    async def handle(payload: Mapping[str, Any], _received_at: datetime) -> None:
        beside[payload["name"]] = set(under_way)
        under_way.add(payload["name"])
        await asyncio.sleep(0.05)  # long enough for others to begin, if they could
        under_way.discard(payload["name"])

    async with running(database, handle) as inbox:
        for number in range(3):
            await add(inbox, f"m{number}")
        await settled(database, done=5)
    assert beside["killer"] == beside["innocent"] == set()


async def test_a_flood_of_explanations_holds_up_no_message(database: Database):
    hold, running_now, most, per_person = asyncio.Event(), 0, 0, set()
    done: list[str] = []

    async def handle(payload: Mapping[str, Any], _received_at: datetime) -> None:
        nonlocal running_now, most
        if payload["name"].startswith("why"):
            person = payload["user_id"]
            assert person not in per_person  # one at a time for each
            per_person.add(person)
            running_now += 1
            most = max(most, running_now)
            await hold.wait()
            running_now -= 1
            per_person.discard(person)
        done.append(payload["name"])

    kinds = (Kind.WHY, Kind.WHY_BUTTON, Kind.PICTURE)
    async with running(database, handle) as inbox:
        for number in range(12):
            await add(inbox, f"why{number}", kinds[number % 3], user_id=f"U{number % 4}")
        for number in range(5):
            await add(inbox, f"m{number}")
        await until(lambda: asyncio.sleep(0, len(done) == 5))
        assert most == 2
        hold.set()
        await settled(database, done=17)
    assert most == 2


async def test_an_event_that_never_ends_keeps_no_worker(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("bot.queue.inbox_worker.HANDLER_SECONDS", 0.02)
    clock = MovingClock()

    async def handle(_payload: Mapping[str, Any], _received_at: datetime) -> None:
        await asyncio.Event().wait()

    async def tried() -> bool:
        clock.move(minutes=1)
        return "dead" in await counts(database)

    async with running(database, handle, clock, workers=1) as inbox:
        await add(inbox, "endless")
        await until(tried)
    (letter,) = await letters(database)
    assert (letter.attempts, (letter.last_error or "").split()[0]) == (5, "Stuck")


async def test_an_explanation_that_never_fits_the_time_is_given_up(database: Database):
    clock = MovingClock()

    async def handle(_payload: Mapping[str, Any], _received_at: datetime) -> None:
        raise ClassifierTimeout

    async def tried() -> bool:
        clock.move(minutes=1)
        return "dead" in await counts(database)

    async with running(database, handle, clock) as inbox:
        await add(inbox, "long", Kind.WHY, user_id="U1")
        await until(tried)
    (letter,) = await letters(database)
    assert letter.attempts == 5


async def test_an_answer_that_cannot_reach_anybody_any_more_is_let_go(database: Database):
    clock = MovingClock()

    async def handle(_payload: Mapping[str, Any], _received_at: datetime) -> None:
        clock.move(minutes=31)
        raise SlackUnavailable("no_answer")

    async with running(database, handle, clock) as inbox:
        await add(inbox, "late", Kind.WHY, user_id="U2")
        await settled(database, done=1)


async def test_an_outcome_waits_for_the_database(database: Database, monkeypatch: pytest.MonkeyPatch):
    handled, refused = [], iter(range(3))
    done = InboxRepository.done

    async def away(self: InboxRepository, *arguments: Any, **more: Any) -> bool:
        if next(refused, None) is not None:
            raise DatabaseUnavailable
        return await done(self, *arguments, **more)

    async def handle(payload: Mapping[str, Any], _received_at: datetime) -> None:
        handled.append(payload["name"])

    monkeypatch.setattr(InboxRepository, "done", away)
    async with running(database, handle) as inbox:
        await add(inbox, "m")
        await settled(database, done=1)
    assert handled == ["m"]


async def test_events_of_another_workspace_are_never_touched(database: Database):
    seen = []

    async def handle(payload: Mapping[str, Any], _received_at: datetime) -> None:
        seen.append(payload["name"])

    async with running(database, handle) as inbox:
        await inbox.add(team_id="T2", event_id="theirs", kind=Kind.MESSAGE, payload={"name": "theirs"})
        await add(inbox, "ours")
        await settled(database, done=1)
    async with database.reader() as work:
        assert (await work.inbox.counts(team_id="T2"))["pending"] == 1
    assert seen == ["ours"]
