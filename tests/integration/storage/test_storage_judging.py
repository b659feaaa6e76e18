"""Gold tickets and doubts on SQLite and Postgres."""

from uuid import uuid4

from sqlalchemy import select
from storage_factories import NOW, SECOND, add_label, add_run, add_ticket

from storage.judging import Doubt
from storage.learning_models import LabelReview, ReviewState
from storage.models import RetrainRun


async def reviews(work):
    return list(await work.session.scalars(select(LabelReview).order_by(LabelReview.created_at)))


async def test_who_stands_behind_a_label_is_the_most_trusted_and_then_the_latest(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await add_label(work, ticket, "vpn", user_id="U1", role="staff")
        await add_label(work, ticket, "vpn", user_id="U2", role="owner", now=NOW + SECOND)
        await add_label(work, ticket, "vpn", user_id="U3", role="staff", now=NOW + 2 * SECOND)
        await add_label(work, ticket, "wifi", user_id="U4", role="admin")
        backing = await work.judging.backing(team_id="T1")
        behind = backing[ticket.id, "vpn"]
        assert (behind.role, behind.user_id, behind.people) == ("owner", "U2", 3)
        assert backing[ticket.id, "wifi"].people == 1
        assert await work.judging.backing(team_id="T2") == {}


async def test_a_withdrawn_label_stands_behind_nothing(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await add_label(work, ticket, "vpn")
        key = {"team_id": "T1", "ticket_id": ticket.id, "user_id": "U1", "source": "button"}
        await work.labels.withdraw(**key, now=NOW)
        assert await work.judging.backing(team_id="T1") == {}


async def test_a_ticket_is_frozen_once_and_the_set_has_a_limit(database):
    async with database.unit_of_work() as work:
        tickets = [await add_ticket(work) for _ in range(4)]
        for ticket in tickets:
            await add_label(work, ticket, None if ticket is tickets[0] else "vpn")
        chosen = [(ticket.id, None if ticket is tickets[0] else "vpn") for ticket in tickets]
        key = {"team_id": "T1", "most": 3, "now": NOW}
        assert await work.judging.freeze(**key, tickets=chosen[:2]) == 2
        assert await work.judging.freeze(**key, tickets=chosen) == 1
        assert len(await work.judging.gold_tickets(team_id="T1")) == 3
        gold = await work.judging.gold(team_id="T1")
        assert {(row.ticket_id, row.category) for row in gold} == set(chosen[:3])
        assert all(row.label_ids for row in gold)
        assert await work.judging.gold(team_id="T2") == []


async def test_a_frozen_ticket_that_nobody_bears_out_any_more_does_not_judge(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await add_label(work, ticket, "vpn")
        await work.judging.freeze(team_id="T1", tickets=[(ticket.id, "vpn")], most=9, now=NOW)
        await add_label(work, ticket, "wifi", now=NOW + SECOND)  # they say something else now
        assert await work.judging.gold(team_id="T1") == []
        assert await work.judging.gold_tickets(team_id="T1") == {ticket.id}


async def test_a_doubt_is_queued_once_and_never_again_after_it_was_settled(database):
    async with database.unit_of_work() as work:
        first, second = await add_ticket(work), await add_ticket(work)
        doubts = [Doubt(each.id, "vpn", None, 0.9) for each in (first, second)]
        gone = Doubt(uuid4(), "vpn", "wifi", 0.8)  # deleted since
        key = {"team_id": "T1", "now": NOW}
        assert await work.judging.doubt(**key, doubts=[*doubts, gone, doubts[0]]) == 2
        assert await work.judging.doubt(**key, doubts=doubts) == 0
        assert await work.judging.reviewed(team_id="T1") == ({first.id, second.id}, frozenset())
        found = await reviews(work)
        found[0].state = ReviewState.KEPT
        await work.session.flush()
        assert await work.judging.doubt(**key, doubts=doubts) == 0
        waiting, settled = await work.judging.reviewed(team_id="T1")
        assert (len(waiting), len(settled)) == (1, 1)
        assert (found[0].given, found[0].suggested, found[0].score) == ("vpn", None, 0.9)


async def test_another_workspaces_ticket_is_not_doubted(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work, team_id="T2")
        assert await work.judging.doubt(team_id="T1", doubts=[Doubt(ticket.id, "a", "b", 1.0)], now=NOW) == 0


async def test_a_run_knows_its_manifest(database):
    async with database.unit_of_work() as work:
        run, _ = await add_run(work)
        await work.judging.note_manifest(team_id="T2", run_id=run.id, manifest_hash="x")
        await work.judging.note_manifest(team_id="T1", run_id=run.id, manifest_hash="abc")
        await work.commit()
    async with database.reader() as work:
        assert await work.session.scalar(select(RetrainRun.manifest_hash)) == "abc"
