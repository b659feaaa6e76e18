"""Retrainings on SQLite and Postgres."""

import asyncio

from sqlalchemy import select

from storage.models import RetrainRun
from tests.factories.storage import LEASE, NOW, SECOND, add_run


async def finish(work, run, state="done", **values):
    return await work.runs.finish(run.id, fence=run.fence, state=state, now=NOW + SECOND, **values)


async def test_one_run_a_team_is_unfinished_and_one_had_each_slot(database):
    async with database.unit_of_work() as work:
        run, blocker = await add_run(work, "monday")
        assert (run.state, blocker) == ("queued", None)
        refused, blocker = await add_run(work, "tuesday")
        assert (refused, blocker.id) == (None, run.id)
        other, _ = await add_run(work, "monday", team_id="T2", now=NOW + SECOND)
        assert other is not None
        claimed = await work.runs.claim(holder="a", now=NOW, lease=LEASE)
        assert await finish(work, claimed)
        refused, blocker = await add_run(work, "monday")
        assert (refused, blocker.id) == (None, run.id)
        tuesday, blocker = await add_run(work, "tuesday", now=NOW + SECOND)
        assert (tuesday.slot, blocker) == ("tuesday", None)
        assert (await work.runs.latest(team_id="T1")).id == tuesday.id


async def test_schedulers_that_fire_at_once_make_one_run(database):
    async def fire(slot):
        async with database.unit_of_work() as work:
            run, blocker = await add_run(work, slot)
            await work.commit()
            assert (run is None) != (blocker is None)
            return run is not None

    assert sum(await asyncio.gather(*(fire("nightly") for _ in range(4)))) == 1
    assert sum(await asyncio.gather(*(fire(f"slot {n}") for n in range(4)))) == 0


async def test_one_holder_gets_a_run(database):
    async with database.unit_of_work() as work:
        await add_run(work)
        await work.commit()

    async def claim(holder):
        async with database.unit_of_work() as work:
            run = await work.runs.claim(holder=holder, now=NOW, lease=LEASE)
            await work.commit()
            return run

    got = await asyncio.gather(*(claim(f"h{number}") for number in range(4)))
    assert len([run for run in got if run is not None]) == 1


async def test_a_holder_that_was_taken_for_dead_can_no_longer_write(database):
    async with database.unit_of_work() as work:
        await add_run(work)
        first = await work.runs.claim(holder="a", now=NOW, lease=LEASE)
        old = first.fence
        assert await work.runs.claim(holder="b", now=NOW + LEASE - SECOND, lease=LEASE) is None
        second = await work.runs.claim(holder="b", now=NOW + LEASE, lease=LEASE)
        assert (second.id, second.lease_holder, second.fence) == (first.id, "b", old + 1)
        assert not await work.runs.heartbeat(first.id, fence=old, now=NOW, lease=LEASE)
        assert not await work.runs.finish(first.id, fence=old, state="failed", now=NOW)
        assert await work.runs.heartbeat(
            second.id, fence=second.fence, now=NOW + LEASE, lease=LEASE, progress={"epoch": 1}
        )
        assert await finish(work, second, metrics={"accuracy": 0.9}, model_version="m2")
        assert not await finish(work, second)
        run = await work.runs.get(team_id="T1", run_id=second.id)
    assert (run.state, run.model_version, run.progress) == ("done", "m2", {"epoch": 1})
    assert run.lease_until is None


async def test_a_heartbeat_keeps_the_run(database):
    async with database.unit_of_work() as work:
        await add_run(work)
        run = await work.runs.claim(holder="a", now=NOW, lease=LEASE)
        await work.runs.heartbeat(run.id, fence=run.fence, now=NOW + 50 * SECOND, lease=LEASE)
        assert await work.runs.claim(holder="b", now=NOW + LEASE, lease=LEASE) is None
        assert (await work.runs.active(team_id="T1")).id == run.id


async def test_the_end_of_a_run_is_announced_once(database):
    async with database.unit_of_work() as work:
        await add_run(work)
        run = await work.runs.claim(holder="a", now=NOW, lease=LEASE)
        await work.runs.set_message(run.id, channel_id="C9", ts="1.5")
        await finish(work, run)
        (told,) = await work.runs.unannounced(team_id="T1")
        assert (told.channel_id, told.message_ts) == ("C9", "1.5")
        assert await work.runs.mark_announced(run.id, now=NOW)
        assert not await work.runs.mark_announced(run.id, now=NOW)
        assert await work.runs.unannounced(team_id="T1") == []
        assert await work.runs.last_success(team_id="T1") == NOW
        assert (await work.runs.by_slot(team_id="T1", slot="nightly")).id == run.id
        assert await work.runs.get(team_id="T2", run_id=run.id) is None


async def test_a_run_knows_its_manifest(database):
    async with database.unit_of_work() as work:
        run, _ = await add_run(work)
        await work.runs.note_manifest(team_id="T2", run_id=run.id, manifest_hash="x")
        await work.runs.note_manifest(team_id="T1", run_id=run.id, manifest_hash="abc")
        await work.commit()
    async with database.reader() as work:
        assert await work.session.scalar(select(RetrainRun.manifest_hash)) == "abc"


async def update(work, slot="category/1", **values):
    asked = {"requested_by": "U1", "response_url": None, "now": NOW} | values
    return await work.runs.add_update(team_id="T1", slot=slot, **asked)


async def test_an_update_is_queued_at_once_where_nothing_is_in_its_way(database):
    async with database.unit_of_work() as work:
        assert await update(work, response_url="https://hooks.example/1")
        assert await update(work)  # the same change, tried again
        for _ in range(2):  # waits with the first one, which learns it too; both who asked are told
            assert await update(work, "category/2", response_url="https://hooks.example/2")
        run = await work.runs.active(team_id="T1")
    told = "https://hooks.example/1 https://hooks.example/2"
    assert (run.slot, run.source, run.response_url) == ("category/1", "category", told)
    assert run.follow_up is None


async def test_an_update_follows_the_run_that_is_under_way(database):
    async with database.unit_of_work() as work:
        await add_run(work)
        training = await work.runs.claim(holder="a", now=NOW, lease=LEASE)
        assert not await update(work, response_url="https://hooks.example/1")
        assert not await update(work, "category/2", requested_by="U2", response_url="https://hooks.example/2")
        assert (await work.runs.active(team_id="T1")).id == training.id
        await finish(work, training, state="failed")
        follows = await work.runs.claim(holder="a", now=NOW + SECOND, lease=LEASE)
        assert (follows.slot, follows.source, follows.requested_by) == ("category/2", "category", "U2")
        assert follows.response_url == "https://hooks.example/1 https://hooks.example/2"
        assert not await update(work, "category/3")  # this one has read its labels already
        await finish(work, follows)
        third = await work.runs.claim(holder="a", now=NOW + 2 * SECOND, lease=LEASE)
        assert third.slot == "category/3"
        await finish(work, third)
        assert await work.runs.active(team_id="T1") is None


async def test_the_update_that_ended_last_is_found_for_a_while(database):
    async with database.unit_of_work() as work:
        assert await work.runs.latest_update(team_id="T1", since=NOW) is None
        await update(work)
        run = await work.runs.claim(holder="a", now=NOW, lease=LEASE)
        assert await work.runs.latest_update(team_id="T1", since=NOW) is None
        await finish(work, run, state="failed")
        assert (await work.runs.latest_update(team_id="T1", since=NOW)).id == run.id
        assert await work.runs.latest_update(team_id="T1", since=NOW + 9 * SECOND) is None
        assert await work.runs.latest_update(team_id="T2", since=NOW) is None


async def test_an_update_follows_a_training_that_was_cancelled_before_it_began(database):
    async with database.unit_of_work() as work:
        await add_run(work)
        assert not await update(work)
        cancelled = await work.runs.request_cancel(team_id="T1", by="U2", now=NOW + SECOND)
        assert cancelled.state == "cancelled"
        assert (await work.runs.active(team_id="T1")).slot == "category/1"


async def test_a_holder_that_was_fenced_off_queues_nothing(database):
    async with database.unit_of_work() as work:
        await add_run(work)
        old = (await work.runs.claim(holder="a", now=NOW, lease=LEASE)).fence
        await update(work)
        run = await work.runs.claim(holder="b", now=NOW + LEASE, lease=LEASE)
        assert not await work.runs.finish(run.id, fence=old, state="failed", now=NOW)
        assert (await work.runs.active(team_id="T1")).id == run.id


async def test_an_update_is_never_lost_between_two_ends_of_runs(database):
    """A change, and the end of the run in its way, at the same moment: the update is queued once."""

    async def asked(number):
        async with database.unit_of_work() as work:
            await update(work, f"category/{number}")
            await work.commit()

    async def ended(run):
        async with database.unit_of_work() as work:
            assert await finish(work, run)
            await work.commit()

    for number in range(10):
        async with database.unit_of_work() as work:
            run, _ = await add_run(work, f"night {number}", now=NOW + number * SECOND)
            claimed = await work.runs.claim(holder="a", now=NOW, lease=LEASE)
            assert claimed.id == run.id
            await work.commit()
        await asyncio.gather(asked(number), ended(claimed))
        async with database.unit_of_work() as work:
            follows = await work.runs.claim(holder="a", now=NOW, lease=LEASE)
            assert follows.slot == f"category/{number}"
            await finish(work, follows)
            await work.commit()
