"""The inbox on SQLite and Postgres."""

import asyncio
from itertools import chain

from tests.factories.storage import LEASE, NOW, SECOND, add_event


async def test_a_redelivered_event_is_kept_once(database):
    async with database.unit_of_work() as work:
        assert await add_event(work, "Ev1")
        await work.commit()
    async with database.unit_of_work() as work:
        assert not await add_event(work, "Ev1")
        assert await add_event(work, "Ev1", team_id="T2")
        assert (await work.inbox.counts(team_id="T1"))["pending"] == 1
        assert (await work.inbox.counts())["pending"] == 2


async def test_an_event_that_comes_twice_at_once_is_kept_once(database):
    async def deliver():
        async with database.unit_of_work() as work:
            new = await add_event(work, "Ev1")
            await work.commit()
            return new

    assert sorted(await asyncio.gather(*(deliver() for _ in range(8)))) == [False] * 7 + [True]


async def test_the_oldest_events_are_claimed_first_and_once(database):
    async with database.unit_of_work() as work:
        for number in (3, 1, 2):
            await add_event(work, f"Ev{number}", now=NOW + number * SECOND)
        first = await work.inbox.claim(worker="a", now=NOW + 9 * SECOND, lease=LEASE, limit=2)
        second = await work.inbox.claim(worker="b", now=NOW + 9 * SECOND, lease=LEASE, limit=2)
    assert [event.event_id for event in first] == ["Ev1", "Ev2"]
    assert [event.event_id for event in second] == ["Ev3"]
    assert first[0].attempts == 1
    assert first[0].payload == {"text": "Ev1"}


async def test_an_event_whose_worker_died_comes_back_when_its_lease_ends(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1")
        await work.inbox.claim(worker="a", now=NOW, lease=LEASE, limit=1)
        assert await work.inbox.claim(worker="b", now=NOW + LEASE - SECOND, lease=LEASE, limit=1) == []
        (again,) = await work.inbox.claim(worker="b", now=NOW + LEASE, lease=LEASE, limit=1)
    assert (again.worker, again.attempts) == ("b", 2)


async def test_a_retried_event_waits_for_its_time(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1")
        (event,) = await work.inbox.claim(worker="a", now=NOW, lease=LEASE, limit=1)
        await work.inbox.retry(event.id, error="429", next_attempt_at=NOW + 30 * SECOND)
        assert await work.inbox.claim(worker="a", now=NOW + 29 * SECOND, lease=LEASE, limit=1) == []
        (again,) = await work.inbox.claim(worker="a", now=NOW + 30 * SECOND, lease=LEASE, limit=1)
    assert (again.last_error, again.attempts) == ("429", 2)


async def test_a_finished_event_keeps_no_message_text_and_a_dead_one_can_be_seen(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1")
        await add_event(work, "Ev2", now=NOW + SECOND)
        done, dead = await work.inbox.claim(worker="a", now=NOW + SECOND, lease=LEASE, limit=2)
        await work.inbox.done(done.id, now=NOW)
        await work.inbox.dead(dead.id, error="always fails", now=NOW)
        await work.commit()
    assert done.payload == {}
    async with database.reader() as work:
        assert await work.inbox.counts(team_id="T1") == {"pending": 0, "working": 0, "done": 1, "dead": 1}
        (letter,) = await work.inbox.dead_letters(team_id="T1", limit=5)
        assert await work.inbox.dead_letters(team_id="T2", limit=5) == []
    assert (letter.event_id, letter.last_error) == ("Ev2", "always fails")


async def test_many_claimers_never_get_the_same_event(database):
    async with database.unit_of_work() as work:
        for number in range(60):
            await add_event(work, f"Ev{number}")
        await work.commit()

    async def work_off(name):
        mine = []
        while True:
            async with database.unit_of_work() as work:
                claimed = await work.inbox.claim(worker=name, now=NOW, lease=LEASE, limit=3)
                await work.commit()
            if not claimed:
                return mine
            mine += [event.event_id for event in claimed]

    taken = await asyncio.gather(*(work_off(f"w{n}") for n in range(6)))
    assert sorted(chain(*taken)) == sorted(f"Ev{number}" for number in range(60))
