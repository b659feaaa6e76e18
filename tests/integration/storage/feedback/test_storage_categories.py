"""What moves when categories change, and proposals, on SQLite and Postgres."""

from datetime import timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from storage.feedback.categories import CategorySpec, successors
from storage.learning_models import ProposalState
from storage.models import Category, CategoryState, Label
from storage.tickets.tickets import PredictionValues
from tests.factories.storage import NOW, SECOND, add_label, add_reply, add_ticket

SPECS = [CategorySpec(slug, slug.title(), slug, "") for slug in ("a", "b", "c")]


async def synced(work, *teams):
    for team_id in teams or ("T1",):
        await work.categories.sync(team_id=team_id, specs=SPECS)


async def category(work, slug, team_id="T1"):
    return await work.categories.get(team_id=team_id, slug=slug)


async def labels(work, team_id="T1"):
    """(category, moved_from) of all labels, in the order in which they were given."""
    rows = await work.session.execute(
        select(Label.category, Label.moved_from).where(Label.team_id == team_id).order_by(Label.created_at)
    )
    return [tuple(row) for row in rows]


async def decided(work, ticket, slug):
    values = PredictionValues(
        model_version="v1", category=slug, confidence=0.9, out_of_scope=0.1, decision="routed"
    )
    await work.tickets.record(ticket, values, state="routed", category=slug, now=NOW)


async def test_a_new_category_stands_behind_the_others_and_once(database):
    async with database.unit_of_work() as work:
        await synced(work)
        spec = CategorySpec("d", "D", "door", "Doors", "team-doors")
        assert await work.categories.add(team_id="T1", spec=spec, created_by="U1", now=NOW)
        assert not await work.categories.add(team_id="T1", spec=spec, created_by="U2", now=NOW)
        *_, last = await work.categories.active(team_id="T1")
        assert (last.slug, last.position, last.created_by, last.created_at) == ("d", 3, "U1", NOW)
        assert await work.categories.add(team_id="T2", spec=spec, created_by="U1", now=NOW)
        assert (await category(work, "d", "T2")).position == 0


async def test_a_merge_moves_standing_labels_and_tickets_and_keeps_what_people_named(database):
    async with database.unit_of_work() as work:
        await synced(work, "T1", "T2")
        for number, (team_id, slug) in enumerate((("T1", "a"), ("T1", "b"), ("T1", "a"), ("T2", "a"))):
            ticket = await add_ticket(work, team_id=team_id)
            await decided(work, ticket, slug)
            await add_label(work, ticket, slug, now=NOW + number * SECOND)
            if number == 2:
                key = {"team_id": "T1", "ticket_id": ticket.id, "user_id": "U1"}
                await work.labels.withdraw(**key, source="button", now=NOW + 9 * SECOND)
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.categories.retire(await category(work, "a"), into="b") == 1
        await work.commit()
    async with database.reader() as work:
        assert await labels(work) == [("b", "a"), ("b", None), ("a", None)]
        assert await labels(work, "T2") == [("a", None)]
        assert [row.category for row in await work.tickets.recent(team_id="T1")] == ["b", "b", "b"]
        assert [row.category for row in await work.tickets.recent(team_id="T2")] == ["a"]
        assert [row.slug for row in await work.categories.active(team_id="T1")] == ["b", "c"]
        assert len(await work.categories.active(team_id="T2")) == 3
        assert await work.categories.label_counts(team_id="T1") == {"b": 2}


async def test_restoring_brings_back_what_a_merge_moved_and_nothing_else(database):
    async with database.unit_of_work() as work:
        await synced(work)
        for number, slug in enumerate(("a", "b")):
            ticket = await add_ticket(work)
            await decided(work, ticket, slug)
            await add_label(work, ticket, slug, now=NOW + number * SECOND)
        await work.categories.retire(await category(work, "a"), into="b")
        await add_label(work, await add_ticket(work), "b", now=NOW + 2 * SECOND)
        assert await work.categories.restore(await category(work, "a")) == 1
        assert await labels(work) == [("a", None), ("b", None), ("b", None)]
        tickets = await work.tickets.recent(team_id="T1")
        assert sorted(row.category for row in tickets if row.category) == ["a", "b"]
        assert (await category(work, "a")).merged_into is None
        assert len(await work.categories.active(team_id="T1")) == 3


async def test_doubts_and_gold_tickets_follow_a_merge_and_come_back(database):
    async with database.unit_of_work() as work:
        await synced(work)
        doubted, moot, gold = [await add_ticket(work) for _ in range(3)]
        for number, ticket in enumerate((doubted, moot, gold)):
            await add_label(work, ticket, "a", now=NOW + number * SECOND)
        for ticket, suggested in ((doubted, "c"), (moot, "b")):
            suspect = (ticket.id, "a", suggested, 0.9)
            await work.reviews.add_suspects(team_id="T1", suspects=[suspect], now=NOW)
        await work.gold.add(team_id="T1", ticket_id=gold.id, category="a", added_by="U9", now=NOW)
        await work.categories.retire(await category(work, "a"), into="b")
        await work.commit()
    async with database.unit_of_work() as work:
        (row,) = await work.reviews.open(team_id="T1")
        assert (row.ticket_id, row.given, row.suggested) == (doubted.id, "b", "c")
        (example,) = await work.labels.gold_examples(team_id="T1")
        assert (example.ticket_id, example.category) == (gold.id, "b")
        taught = await work.labels.training_examples(team_id="T1")
        assert [(each.ticket_id, each.category) for each in taught] == [(moot.id, "b")]
        await work.categories.restore(await category(work, "a"))
        await work.commit()
    async with database.reader() as work:
        (row,) = await work.reviews.open(team_id="T1")
        assert (row.given, row.suggested) == ("a", "c")
        (example,) = await work.labels.gold_examples(team_id="T1")
        assert example.category == "a"


async def test_merges_chain_and_come_apart_again(database):
    async with database.unit_of_work() as work:
        await synced(work)
        for number, slug in enumerate(("a", "b", "c")):
            await add_label(work, await add_ticket(work), slug, now=NOW + number * SECOND)
        await work.categories.retire(await category(work, "a"), into="b")
        await work.categories.retire(await category(work, "b"), into="c")
        assert await labels(work) == [("c", "a"), ("c", "b"), ("c", None)]
        assert successors(await work.categories.all(team_id="T1")) == {"a": "c", "b": "c"}
        assert await work.categories.restore(await category(work, "b")) == 2
        assert await labels(work) == [("b", "a"), ("b", None), ("c", None)]
        assert await work.categories.restore(await category(work, "a")) == 1
        assert await labels(work) == [("a", None), ("b", None), ("c", None)]


async def test_retiring_keeps_the_labels_where_they_are(database):
    async with database.unit_of_work() as work:
        await synced(work)
        await add_label(work, await add_ticket(work), "a")
        assert await work.categories.retire(await category(work, "a")) == 0
        assert await labels(work) == [("a", None)]
        assert await work.categories.restore(await category(work, "a")) == 0
        assert await labels(work) == [("a", None)]


async def test_a_split_moves_the_labels_of_some_tickets(database):
    async with database.unit_of_work() as work:
        await synced(work)
        first, second = await add_ticket(work), await add_ticket(work)
        await add_label(work, first, "a")
        await add_label(work, first, "a", user_id="U2", now=NOW + SECOND)
        await add_label(work, second, "a", now=NOW + 2 * SECOND)
        key = {"source": "a", "target": "d"}
        assert await work.categories.move_labels(team_id="T2", ticket_ids=[first.id], **key) == 0
        assert await work.categories.move_labels(team_id="T1", ticket_ids=[first.id], **key) == 2
        assert await labels(work) == [("d", "a"), ("d", "a"), ("a", None)]
        found = await work.categories.labelled_tickets(team_id="T1", slug="a", limit=5)
        assert [row.id for row in found] == [second.id]
        assert await work.categories.labelled_tickets(team_id="T2", slug="a", limit=5) == []


async def test_the_tickets_whose_cards_follow_are_recent_posted_and_of_the_category(database):
    async with database.unit_of_work() as work:
        await synced(work)
        by_label, by_model, silent, other = [await add_ticket(work) for _ in range(4)]
        old = await add_ticket(work, ts="1500000000.000001")
        for ticket in (by_label, by_model, other, old):
            await add_reply(work, ticket)
        for ticket in (by_label, silent, old):
            await add_label(work, ticket, "a")
        await decided(work, by_model, "a")
        await decided(work, other, "b")
        key = {"slugs": ["a"], "since": NOW - timedelta(days=30), "limit": 9}
        before = {row.id for row in await work.categories.posted_tickets(team_id="T1", **key)}
        await work.categories.retire(await category(work, "a"), into="c")
        after = {row.id for row in await work.categories.posted_tickets(team_id="T1", **key)}
        assert before == after == {by_label.id, by_model.id}
        assert await work.categories.posted_tickets(team_id="T2", **key) == []


async def test_a_request_that_was_carried_out_is_found_again(database):
    async with database.unit_of_work() as work:
        for action, request in (("category_add", "view-1"), ("retrain", "view-2")):
            details = {"request": request}
            await work.audit.add(
                team_id="T1", actor="U1", action=action, subject="x", details=details, now=NOW
            )
        assert await work.categories.change(team_id="T1", request="view-1", since=NOW)
        assert not await work.categories.change(team_id="T1", request="view-1", since=NOW + SECOND)
        assert not await work.categories.change(team_id="T1", request="view-2", since=NOW)
        assert not await work.categories.change(team_id="T2", request="view-1", since=NOW)


@given(edges=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("abcdef")))
def test_a_merged_category_leads_to_an_active_one_or_nowhere(edges):
    rows = [
        Category(
            team_id="T1",
            slug=slug,
            state=CategoryState.RETIRED if slug in edges else CategoryState.ACTIVE,
            merged_into=edges.get(slug),
        )
        for slug in "abcdef"
    ]
    found = successors(rows)
    assert found.keys() <= edges.keys()
    assert not set(found.values()) & edges.keys()


async def test_a_group_is_proposed_once_and_settled_once(database):
    ids = [uuid4(), uuid4()]
    values = {"key": "badge", "words": ["badge", "door"], "ticket_ids": ids}
    async with database.unit_of_work() as work:
        assert await work.proposals.add(team_id="T1", **values, now=NOW)
        assert not await work.proposals.add(team_id="T1", **values, now=NOW)
        assert await work.proposals.add(team_id="T2", **values, now=NOW)
        (proposal,) = await work.proposals.open(team_id="T1")
        assert (proposal.words, proposal.ticket_ids) == (["badge", "door"], [str(each) for each in ids])
        key = {"proposal_id": proposal.id, "by": "U1", "now": NOW}
        assert await work.proposals.get(team_id="T2", proposal_id=proposal.id) is None
        assert not await work.proposals.dismiss(team_id="T2", **key)
        assert await work.proposals.dismiss(team_id="T1", **key)
        assert not await work.proposals.accept(team_id="T1", **key)
        assert await work.proposals.open(team_id="T1") == []
        assert len(await work.proposals.open(team_id="T2")) == 1
        assert not await work.proposals.add(team_id="T1", **values, now=NOW + SECOND)
        await work.commit()
    async with database.reader() as work:
        settled = await work.proposals.get(team_id="T1", proposal_id=proposal.id)
        assert (settled.state, settled.settled_by, settled.settled_at) == (ProposalState.DISMISSED, "U1", NOW)
