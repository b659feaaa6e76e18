"""Many schedulers, one run a slot; and what ends, lists and remembers runs. On SQLite and Postgres."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import uuid4

import pytest

from classifier.retraining.scheduler import insert_label_runs, insert_runs
from storage.database import Database
from storage.feedback.categories import CategorySpec
from storage.models import RunSource, RunState
from tests.factories.storage import LEASE, NOW, SECOND, add_label, add_run, add_ticket

SCHEDULERS = 3
MINUTE = timedelta(minutes=1)
SPECS = [CategorySpec("login", "Sign-in", "key", "Passwords", "team-identity")]


async def with_team(database, labels=0):
    """A workspace with so many labelled tickets."""
    async with database.unit_of_work() as work:
        await work.categories.sync(team_id="T1", specs=SPECS)
        for _ in range(labels):
            await add_label(work, await add_ticket(work), "login")
        await work.commit()


async def end(database, now, state=RunState.DONE):
    """Carry out the run that waits."""
    async with database.unit_of_work() as work:
        run = await work.runs.claim(holder="trainer", now=now, lease=LEASE)
        assert await work.runs.finish(run.id, fence=run.fence, state=state, now=now)
        await work.commit()
    return run


@pytest.mark.drill("slots")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("slots", [50, pytest.param(1000, marks=pytest.mark.long)])
async def test_three_schedulers_make_one_run_of_each_slot(database, database_url, dialect, slots, measured):
    await with_team(database)
    async with AsyncExitStack() as stack:
        schedulers = []
        for _ in range(SCHEDULERS):
            own = Database(database_url)  # as separate processes have
            stack.push_async_callback(own.dispose)
            schedulers.append(own)
        for slot in range(slots):
            fire = (insert_runs(scheduler, NOW + slot * MINUTE, 0) for scheduler in schedulers)
            asked = await asyncio.gather(*fire)
            assert sorted(asked) == [[], [], ["T1"]]
            await end(database, NOW + slot * MINUTE)
    async with database.reader() as work:
        runs = await work.runs.history(team_id="T1", limit=2 * slots)
    assert len(runs) == slots
    assert len({run.slot for run in runs}) == slots
    assert {run.fence for run in runs} == {1}
    measured(f"{dialect}: {SCHEDULERS} schedulers, {slots:,} slots: {len(runs):,} runs")


async def test_enough_new_labels_ask_for_one_run(database):
    await with_team(database, labels=2)
    assert await insert_label_runs(database, NOW + SECOND, 3) == []
    await with_team(database, labels=1)
    asked = await asyncio.gather(*(insert_label_runs(database, NOW + SECOND, 3) for _ in range(3)))
    assert sorted(asked) == [[], [], ["T1"]]
    async with database.reader() as work:
        run = await work.runs.active(team_id="T1")
    assert (run.source, run.slot) == (RunSource.LABELS, "labels/first")
    assert await insert_label_runs(database, NOW + SECOND, 3) == []  # it is under way
    await end(database, NOW + SECOND)
    assert await insert_label_runs(database, NOW + SECOND, 3) == []  # nothing new since


async def test_a_failed_run_is_not_repeated_before_as_many_further_labels_are_there(database):
    await with_team(database, labels=3)
    assert await insert_label_runs(database, NOW, 3) == ["T1"]
    run = await end(database, NOW + SECOND, RunState.FAILED)
    assert await insert_label_runs(database, NOW + SECOND, 3) == []
    async with database.unit_of_work() as work:
        for _ in range(3):
            await add_label(work, await add_ticket(work), "login", now=NOW + 2 * SECOND)
        await work.commit()
    assert await insert_label_runs(database, NOW + 3 * SECOND, 3) == ["T1"]
    async with database.reader() as work:
        assert (await work.runs.active(team_id="T1")).slot == f"labels/{run.id}"


async def test_a_dry_run_learns_nothing_so_its_labels_stay_new(database):
    async with database.unit_of_work() as work:
        run, _ = await work.runs.add_if_free(
            team_id="T1",
            slot="a",
            requested_by="U1",
            source="command",
            channel_id=None,
            now=NOW,
            dry_run=True,
        )
        await work.commit()
    assert run.dry_run
    await end(database, NOW)
    async with database.reader() as work:
        assert await work.runs.last_success(team_id="T1") is None
        assert await work.runs.latest_real(team_id="T1") is None


async def test_a_run_that_waits_is_cancelled_at_once(database):
    async with database.unit_of_work() as work:
        assert await work.runs.request_cancel(team_id="T1", by="U1", now=NOW) is None
        await add_run(work)
        run = await work.runs.request_cancel(team_id="T1", by="U1", now=NOW)
        assert (run.state, run.cancel_requested_by, run.finished_at) == (RunState.CANCELLED, "U1", NOW)
        assert await work.runs.claim(holder="a", now=NOW, lease=LEASE) is None
        again, _ = await add_run(work, "next", now=NOW + SECOND)
        assert again is not None


async def test_the_worker_of_a_run_learns_who_cancelled_it_first(database):
    async with database.unit_of_work() as work:
        await add_run(work)
        held = await work.runs.claim(holder="a", now=NOW, lease=LEASE)
        assert await work.runs.cancelled_by(held.id) is None
        for person in ("U1", "U2"):
            run = await work.runs.request_cancel(team_id="T1", by=person, now=NOW)
            assert (run.id, run.state) == (held.id, RunState.RUNNING)
        assert await work.runs.request_cancel(team_id="T2", by="U1", now=NOW) is None
        assert await work.runs.cancelled_by(held.id) == "U1"


async def test_what_is_held_is_known_by_run_and_fence(database):
    async with database.unit_of_work() as work:
        run, _ = await add_run(work)
        assert await work.runs.holds(now=NOW) == set()
        await work.runs.claim(holder="a", now=NOW, lease=LEASE)
        assert await work.runs.holds(now=NOW) == {(run.id, 1)}
        assert await work.runs.holds(now=NOW + LEASE) == set()
        assert await work.runs.known({run.id, uuid4()}) == {run.id}


async def test_what_serves_is_noted_also_where_no_row_tells_of_it(database):
    from tests.factories.storage import add_version

    async with database.unit_of_work() as work:
        for version in ("a", "b"):
            await add_version(work, version)
        assert await work.models.known({"a", "z"}) == {"a"}
        for version in ("a", "b"):
            row = await work.models.activate(team_id="T1", version=version, now=NOW)
            assert (row.version, row.state) == (version, "active")
        assert (await work.models.active(team_id="T1")).version == "b"
        assert await work.models.serving("b") == {"T1"}
        assert await work.models.serving("a") == set()
        assert await work.models.activate(team_id="T1", version="by hand", now=NOW) is None
        assert await work.models.active(team_id="T1") is None


async def test_an_audit_event_is_found_by_its_subject(database):
    async with database.unit_of_work() as work:
        await work.audit.add(
            team_id="T1", actor="U1", action="rollback_asked", subject="command/1", details={"n": 1}, now=NOW
        )
        found = await work.audit.find(team_id="T1", action="rollback_asked", subject="command/1")
        assert found.details == {"n": 1}
        assert await work.audit.find(team_id="T2", action="rollback_asked", subject="command/1") is None
