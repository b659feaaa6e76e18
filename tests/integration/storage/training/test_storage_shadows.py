"""What a challenger says silently, on SQLite and Postgres."""

import asyncio
from datetime import timedelta

import pytest

from storage import RowNotFound
from storage.models import ModelState
from storage.training.shadows import Silent
from tests.factories.storage import NOW, SECOND, add_label, add_predicted, add_ticket, add_version

UNTIL = NOW + timedelta(hours=2)
KEY = {"team_id": "T1", "version": "m2"}


async def shadowed(work, version="m2"):
    await add_version(work, version)
    return await work.shadows.begin(team_id="T1", version=version, until=UNTIL)


def silent(ticket, category="login", confidence=0.9):
    return Silent(ticket.id, category, confidence, 0.1, agrees=category == "login")


async def waiting(work, since=NOW, limit=9):
    return await work.shadows.unanswered(**KEY, since=since, limit=limit)


async def test_one_challenger_a_workspace_answers_silently(database):
    async with database.unit_of_work() as work:
        first = await shadowed(work, "m1")
        assert (first.state, first.shadow_until) == (ModelState.SHADOW, UNTIL)
        second = await shadowed(work)
        await work.session.refresh(first)
        assert (first.state, first.shadow_until) == (ModelState.CANDIDATE, None)
        assert [row.id for row in await work.shadows.current(team_id="T1")] == [second.id]
        assert await work.shadows.current(team_id="T2") == []
        assert len(await work.shadows.current()) == 1
        with pytest.raises(RowNotFound, match="models list"):
            await work.shadows.begin(team_id="T1", version="m9", until=UNTIL)


async def test_it_reads_what_the_present_model_has_answered_since_each_once(database):
    async with database.unit_of_work() as work:
        await shadowed(work)
        early = await add_predicted(work, text="early", now=NOW - SECOND)
        first = await add_predicted(work, text="first", now=NOW)
        second = await add_predicted(work, text="second", now=NOW + SECOND)
        await add_ticket(work, text="nobody has answered it yet")
        await add_predicted(work, text="foreign", team_id="T2")
        assert [(each.text, each.said) for each in await waiting(work)] == [
            ("first", "login"),
            ("second", "login"),
        ]
        assert [each.text for each in await waiting(work, limit=1)] == ["first"]
        answers = [silent(first), silent(first, "vpn")]
        await work.shadows.record(**KEY, answers=answers, now=NOW)
        assert [each.ticket_id for each in await waiting(work)] == [second.id]
        assert early.id in {each.ticket_id for each in await waiting(work, since=NOW - SECOND)}
        assert await work.shadows.counts(**KEY) == (1, 0)  # the first answer stands


async def test_differences_are_listed_the_surest_first_and_against_the_newest_answer(database):
    async with database.unit_of_work() as work:
        await shadowed(work)
        tickets = [await add_predicted(work, text=f"t{n}") for n in range(3)]
        answers = [silent(tickets[0], "vpn", 0.6), silent(tickets[1], "vpn", 0.8), silent(tickets[2])]
        await work.shadows.record(**KEY, answers=answers, now=NOW)
        assert await work.shadows.counts(**KEY) == (3, 2)
        assert await work.shadows.counts(team_id="T2", version="m2") == (0, 0)
        found = await work.shadows.differences(**KEY)
        assert [(each.ticket.text, each.said, each.challenger) for each in found] == [
            ("t1", "login", "vpn"),
            ("t0", "login", "vpn"),
        ]
        assert len(await work.shadows.differences(**KEY, limit=1)) == 1


async def test_a_deleted_tickets_answer_goes_with_it(database):
    async with database.unit_of_work() as work:
        await shadowed(work)
        ticket = await add_predicted(work)
        await add_label(work, ticket, "vpn")
        await work.shadows.record(**KEY, answers=[silent(ticket)], now=NOW)
        await work.session.delete(await work.tickets.get(team_id="T1", ticket_id=ticket.id))
        await work.session.flush()
        assert await work.shadows.counts(**KEY) == (0, 0)


async def test_of_replicas_that_end_and_tell_at_once_one_does(database):
    async with database.unit_of_work() as work:
        await shadowed(work)
        await work.commit()

    async def end():
        async with database.unit_of_work() as work:
            result = {"state": "refused", "told": False}
            done = await work.shadows.end(**KEY, state=ModelState.REFUSED, result=result)
            await work.commit()
            return done

    async def tell():
        async with database.unit_of_work() as work:
            done = await work.shadows.mark_announced(**KEY)
            await work.commit()
            return done

    assert sorted(await asyncio.gather(*(end() for _ in range(3)))) == [False, False, True]
    async with database.reader() as work:
        (row,) = await work.shadows.unannounced(team_id="T1")
        assert (row.state, row.shadow_until, row.metrics["accuracy"]) == (ModelState.REFUSED, None, 0.9)
    assert sorted(await asyncio.gather(*(tell() for _ in range(3)))) == [False, False, True]
    async with database.reader() as work:
        assert await work.shadows.unannounced(team_id="T1") == []


async def test_a_version_that_goes_live_is_silent_no_more(database):
    async with database.unit_of_work() as work:
        await shadowed(work)
        row = await work.models.activate(**KEY, now=NOW)
        assert (row.state, row.shadow_until) == (ModelState.ACTIVE, None)
        assert await work.shadows.current() == []
        assert not await work.shadows.end(**KEY, state=ModelState.REFUSED, result={})


async def test_that_one_goes_live_is_written_first_and_told_when_it_is_live(database):
    async with database.unit_of_work() as work:
        await shadowed(work)
        result = {"state": "active", "told": False}
        assert await work.shadows.end(**KEY, state=ModelState.SHADOW, result=result)
        (row,) = await work.shadows.current()
        assert (row.state, row.shadow_until) == (ModelState.SHADOW, UNTIL)
        await shadowed(work, "m3")  # another challenger: this one never went live
        assert await work.shadows.unannounced(team_id="T1") == []
        await work.models.activate(**KEY, now=NOW)
        assert [row.version for row in await work.shadows.unannounced(team_id="T1")] == [KEY["version"]]
