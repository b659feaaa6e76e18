"""The budget of questions and what could be asked, on SQLite and Postgres."""

import asyncio
from datetime import timedelta

from storage.types import vector_to_bytes
from tests.factories.storage import NOW, SECOND, add_label, add_predicted

MODEL, DAY = "m1", "2026-01-05"


async def ask(work, ticket, slot=0, day=DAY, now=NOW):
    return await work.questions.add_if_free(
        team_id=ticket.team_id, ticket_id=ticket.id, day=day, slot=slot, channel_id="C9", gain=0.9, now=now
    )


async def candidates(work, team_id="T1", version=MODEL):
    found = await work.questions.candidates(
        team_id=team_id, model_version=version, since=NOW - timedelta(days=4), until=NOW + SECOND
    )
    return [ticket.id for ticket, _ in found]


async def test_three_askers_at_once_never_ask_more_than_the_budget(database):
    budget = 4
    async with database.unit_of_work() as work:
        tickets = [await add_predicted(work) for _ in range(3 * (budget + 10))]
        await work.commit()

    async def asker(mine):
        asked = 0
        for ticket in mine:
            async with database.unit_of_work() as work:
                slot = await work.questions.asked_on(team_id="T1", day=DAY)
                if slot < budget and await ask(work, ticket, slot) is not None:
                    asked += 1
                await work.commit()
        return asked

    asked = await asyncio.gather(*(asker(tickets[start::3]) for start in range(3)))
    assert sum(asked) == budget
    async with database.reader() as work:
        assert await work.questions.asked_on(team_id="T1", day=DAY) == budget
        assert await work.questions.asked_on(team_id="T1", day="2026-01-06") == 0
        assert await work.questions.asked_on(team_id="T2", day=DAY) == 0


async def test_a_slot_and_a_ticket_are_asked_once(database):
    async with database.unit_of_work() as work:
        first, second = await add_predicted(work), await add_predicted(work)
        question = await ask(work, first)
        assert (question.state, question.slot) == ("posted", 0)
        assert await ask(work, second) is None
        assert await ask(work, first, slot=1) is None
        assert await ask(work, second, day="2026-01-06", now=NOW + SECOND) is not None
        assert await work.questions.last_asked_at(team_id="T1") == NOW + SECOND
        assert await work.questions.last_asked_at(team_id="T2") is None


async def test_an_answer_is_noted_once(database):
    async with database.unit_of_work() as work:
        ticket, other = await add_predicted(work), await add_predicted(work)
        await ask(work, ticket)
        for ticket_id, now in ((ticket.id, NOW), (ticket.id, NOW + SECOND), (other.id, NOW)):
            await work.questions.mark_answered(team_id="T1", ticket_id=ticket_id, now=now)
        await work.commit()
    async with database.reader() as work:
        question = await work.questions.for_ticket(team_id="T1", ticket_id=ticket.id)
        assert (question.state, question.answered_at) == ("answered", NOW)
        assert await work.questions.for_ticket(team_id="T1", ticket_id=other.id) is None


async def test_only_what_nobody_labelled_or_was_asked_about_is_a_candidate(database):
    async with database.unit_of_work() as work:
        routed = await add_predicted(work)
        asked_in_thread = await add_predicted(work, state="asked")
        await add_predicted(work, state="out_of_scope")
        await add_predicted(work, team_id="T2")
        await add_predicted(work, version="m0")
        await add_predicted(work, embedding=None)
        labelled = await add_predicted(work)
        await add_label(work, labelled, "billing")
        await ask(work, await add_predicted(work, embedding=(0.0, 1.0)))
        taken_back = await add_predicted(work)
        await add_label(work, taken_back, "billing")
        await work.labels.withdraw(
            team_id="T1", ticket_id=taken_back.id, user_id="U1", source="button", now=NOW
        )
        await add_predicted(work, remembered=labelled)  # went where people said of another one
        doubted = await add_predicted(work, state="asked", remembered=labelled)
        found = set(await candidates(work))
        assert found == {routed.id, asked_in_thread.id, taken_back.id, doubted.id}
        assert await candidates(work, version="m9") == []
        known = await work.questions.embeddings_of_asked(team_id="T1", model_version=MODEL)
        assert known == [vector_to_bytes((0.0, 1.0))]


async def test_tickets_out_of_the_time_are_no_candidates(database):
    async with database.unit_of_work() as work:
        old, young = timedelta(days=5), 2 * SECOND
        for age in (-old, young):
            ticket = await add_predicted(work)
            ticket.created_at = NOW + age
        await work.session.flush()
        assert await candidates(work) == []
