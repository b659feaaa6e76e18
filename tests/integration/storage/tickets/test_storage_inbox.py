"""The inbox on SQLite and Postgres."""

import asyncio
from itertools import chain

from tests.factories.storage import LEASE, NOW, SECOND, add_event


async def claim(work, worker="a", now=NOW, *, limit=9, team_id="T1", **more):
    """What a worker gets."""
    more = {"kinds": ["message"], "lease": LEASE} | more
    return await work.inbox.claim(team_id=team_id, worker=worker, now=now, limit=limit, **more)


async def claimed(work, *args, **more):
    return (await claim(work, *args, **more)).events


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
        first = await claimed(work, "a", NOW + 9 * SECOND, limit=2)
        second = await claimed(work, "b", NOW + 9 * SECOND, limit=2)
    assert [event.event_id for event in first] == ["Ev1", "Ev2"]
    assert [event.event_id for event in second] == ["Ev3"]
    assert first[0].attempts == 1
    assert first[0].payload == {"text": "Ev1"}


async def test_events_of_other_workspaces_and_kinds_are_left_alone(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1", team_id="T2")
        await add_event(work, "Ev2")
        assert await claimed(work, kinds=["why"]) == []
        (event,) = await claimed(work)
        assert event.event_id == "Ev2"
        assert await claimed(work) == []


async def test_an_event_whose_worker_died_comes_back_when_its_lease_ends(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1")
        await claimed(work, "a")
        assert await claimed(work, "b", NOW + LEASE - SECOND) == []
        (again,) = await claimed(work, "b", NOW + LEASE)
    assert (again.worker, again.attempts) == ("b", 2)


async def test_a_renewed_lease_holds_and_a_worker_never_takes_what_it_is_at(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1")
        (event,) = await claimed(work, "a")
        await work.inbox.renew(worker="a", events={event.id}, until=NOW + 2 * LEASE)
        assert await claimed(work, "b", NOW + LEASE) == []
        assert await claimed(work, "a", NOW + 3 * LEASE, under_way=[event.id]) == []


async def test_what_may_have_ended_a_worker_is_claimed_alone(database):
    async with database.unit_of_work() as work:
        for number in (1, 2):
            await add_event(work, f"Ev{number}", now=NOW - SECOND / number)
        await claimed(work, "a")
        await add_event(work, "Ev3")
        other = (await claimed(work, "b"))[0]
        waits = await claim(work, "b", NOW + LEASE, under_way=[other.id])
        assert (waits.events, waits.after_others) == ([], True)
        alone = await claim(work, "b", NOW + LEASE)
    assert [event.event_id for event in alone.events] == ["Ev1"]
    assert alone.after_others


async def test_an_event_that_ends_its_worker_five_times_is_given_up(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1")
        for number in range(5):
            assert len(await claimed(work, "a", NOW + number * LEASE)) == 1
        last = await claim(work, "b", NOW + 5 * LEASE)
        await work.commit()
        assert (last.events, [event.event_id for event in last.ended_worker]) == ([], ["Ev1"])
    async with database.reader() as work:
        (letter,) = await work.inbox.dead_letters(team_id="T1")
    assert letter.last_error == "ended its worker 5 times"


async def test_a_planned_stop_gives_its_claims_back_at_once_and_uncounted(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1")
        await claimed(work, "a")
        assert await work.inbox.release(worker="b", now=NOW) == 0
        assert await work.inbox.release(worker="a", now=NOW) == 1
        (again,) = await claimed(work, "b")
    assert (again.worker, again.attempts) == ("b", 1)


async def test_who_lost_an_event_to_another_worker_writes_nothing(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1")
        (event,) = await claimed(work, "a")
        await claimed(work, "b", NOW + LEASE)
        assert not await work.inbox.done(event.id, worker="a", now=NOW)
        assert not await work.inbox.retry(event.id, worker="a", error="x", next_attempt_at=NOW)
        assert not await work.inbox.dead(event.id, worker="a", error="x", now=NOW)
        assert await work.inbox.done(event.id, worker="b", now=NOW)


async def test_a_retried_event_waits_for_its_time(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1")
        (event,) = await claimed(work)
        later = NOW + 30 * SECOND
        await work.inbox.retry(event.id, worker="a", error="429", next_attempt_at=later)
        assert await claimed(work, now=NOW + 29 * SECOND) == []
        (again,) = await claimed(work, now=later)
        assert (again.last_error, again.attempts) == ("429", 2)
        await work.inbox.retry(event.id, worker="a", error="429", next_attempt_at=later, counts=False)
        (once_more,) = await claimed(work, now=later)
        assert once_more.attempts == 2


async def test_a_finished_event_keeps_no_message_text_and_a_dead_one_can_be_seen(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1")
        await add_event(work, "Ev2", now=NOW + SECOND)
        done, dead = await claimed(work, now=NOW + SECOND)
        await work.inbox.done(done.id, worker="a", now=NOW)
        await work.inbox.dead(dead.id, worker="a", error="always fails", now=NOW)
        await work.commit()
    assert done.payload == {}
    async with database.reader() as work:
        assert await work.inbox.counts(team_id="T1") == {"pending": 0, "working": 0, "done": 1, "dead": 1}
        (letter,) = await work.inbox.dead_letters(team_id="T1", limit=5)
        assert await work.inbox.dead_letters(team_id="T2", limit=5) == []
    assert (letter.event_id, letter.last_error) == ("Ev2", "always fails")


async def test_a_dead_event_is_worked_on_again_or_dropped_in_its_own_workspace_alone(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1")
        (event,) = await claimed(work)
        await work.inbox.dead(event.id, worker="a", error="x", now=NOW)
        assert not await work.inbox.revive(event.id, team_id="T2", now=NOW)
        assert not await work.inbox.drop(event.id, team_id="T2", now=NOW)
        assert await work.inbox.revive(event.id, team_id="T1", now=NOW)
        assert not await work.inbox.drop(event.id, team_id="T1", now=NOW)  # it is not dead any more
        (again,) = await claimed(work)
        assert (again.attempts, again.payload) == (1, {"text": "Ev1"})
        await work.inbox.dead(event.id, worker="a", error="x", now=NOW)
        assert await work.inbox.drop(event.id, team_id="T1", now=NOW)
        assert again.payload == {}


async def test_many_claimers_never_get_the_same_event(database):
    async with database.unit_of_work() as work:
        for number in range(60):
            await add_event(work, f"Ev{number}")
        await work.commit()

    async def work_off(name):
        mine = []
        while True:
            async with database.unit_of_work() as work:
                events = await claimed(work, name, limit=3)
                await work.commit()
            if not events:
                return mine
            mine += [event.event_id for event in events]

    taken = await asyncio.gather(*(work_off(f"w{n}") for n in range(6)))
    assert sorted(chain(*taken)) == sorted(f"Ev{number}" for number in range(60))


async def test_characters_that_a_database_refuses_are_replaced(database):
    odd = "a\x00b \ud800 \x1b[31m\ttab"
    async with database.unit_of_work() as work:
        await work.inbox.add(team_id="T1", event_id="Ev\x00", kind="message", payload={odd: [odd]}, now=NOW)
        await work.commit()
        (event,) = await claimed(work)
    seen = "a\ufffdb \ufffd \ufffd[31m\ttab"
    assert (event.event_id, event.payload) == ("Ev\ufffd", {seen: [seen]})
