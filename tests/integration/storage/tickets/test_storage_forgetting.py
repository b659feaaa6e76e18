"""What a forgotten message leaves in the database, on SQLite and Postgres: figures, and no word."""

from datetime import timedelta
from uuid import UUID

import pytest

from storage import RowNotFound
from storage.models import ReplyState, TicketState
from storage.tickets.replies import DELETED
from storage.tickets.tickets import IMPORTED, PredictionValues
from storage.types import vector_to_bytes
from tests.factories.storage import LEASE, NOW, SECOND, add_label, add_reply, add_ticket, everything

SECRET = "xylophone"
WORDY = PredictionValues(
    model_version="m1",
    category="login",
    confidence=0.9,
    out_of_scope=0.1,
    decision="routed",
    alternatives=[("login", 0.9)],
    words=[{"text": SECRET, "start": 0, "end": 9, "score": 1.0}],
    embedding=vector_to_bytes([0.25, -1.5]),
)


async def full_ticket(work, **values):
    """A ticket about which everything is known that can be."""
    ticket = await add_ticket(work, text=f"the {SECRET} is broken", **values)
    await work.tickets.record(ticket, WORDY, state=TicketState.ROUTED, category="login", now=NOW)
    await add_label(work, ticket, "billing", user_id="U2")
    await work.embeddings.keep(team_id="T1", ticket_id=ticket.id, now=NOW)
    key = {"team_id": "T1", "ticket_id": ticket.id}
    await work.gold.add(**key, category="billing", added_by="U3", now=NOW)
    await work.reviews.add(**key, given="billing", suggested="login", score=0.9, now=NOW)
    await work.questions.add_if_free(
        **key, day="2026-01-05", slot=len(ticket.ts), channel_id="C2", gain=0.5, now=NOW
    )
    card, _ = await add_reply(work, ticket, text=SECRET, blocks=[{"type": "divider", "x": SECRET}])
    await work.replies.sent(card.id, ts="1767600009.000001", now=NOW)
    await add_reply(work, ticket, surface="team_card:billing", channel_id="C2", text=SECRET)
    payload = {"channel_id": "C1", "ts": ticket.ts, "text": SECRET}
    await work.inbox.add(team_id="T1", event_id=f"Ev{ticket.ts}", kind="message", payload=payload, now=NOW)
    return ticket


async def claimed(work, team_id="T1"):
    claim = await work.inbox.claim(
        team_id=team_id, kinds=["message"], worker="w", now=NOW, lease=LEASE, limit=9
    )
    return claim.events


async def test_no_word_of_it_is_left_and_it_teaches_no_more(database):
    async with database.unit_of_work() as work:
        ticket = await full_ticket(work)
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.forgetting.forget(ticket, now=NOW + SECOND)
        assert not await work.forgetting.forget(ticket, now=NOW + 2 * SECOND)
        await work.commit()
    assert SECRET not in await everything(database)
    async with database.reader() as work:
        key = {"team_id": "T1", "ticket_id": ticket.id}
        assert await work.tickets.get(**key) is None
        row = await work.tickets.latest_prediction(**key)
        assert (row.category, row.confidence, row.words, row.embedding) == ("login", 0.9, [], None)
        assert await work.labels.training_examples(team_id="T1") == []
        assert await work.labels.gold_examples(team_id="T1") == []
        assert await work.gold.ids(team_id="T1") == frozenset()
        assert await work.reviews.open(team_id="T1") == []
        assert await work.embeddings.labelled(team_id="T1") == []
        assert await work.embeddings.vectors(team_id="T1", model_version="m1") == []
        assert await work.tickets.unlabelled_texts(team_id="T1", limit=9) == []
        assert await work.tickets.recent(team_id="T1") == []
        assert await work.taxonomy.recent(team_id="T1", since=NOW - timedelta(days=9)) == []
        [label] = await work.labels.history(**key)
        assert label.withdrawn_at == NOW + SECOND


async def test_posts_that_slack_has_are_to_be_deleted_there_and_the_others_never_go_out(database):
    async with database.unit_of_work() as work:
        ticket = await full_ticket(work)
        await work.forgetting.forget(ticket, now=NOW)
        assert await work.replies.claim_due(team_id="T1", now=NOW + LEASE, lease=LEASE, limit=9) == []
        assert await work.forgetting.to_remove(team_id="T2", now=NOW, limit=9) == []
        [post] = await work.forgetting.to_remove(team_id="T1", now=NOW, limit=9)
        assert (post.channel_id, post.ts, post.text, post.blocks) == ("C1", "1767600009.000001", "", [])
        await work.forgetting.remove_later(post.id, next_attempt_at=NOW + SECOND)
        assert await work.forgetting.to_remove(team_id="T1", now=NOW, limit=9) == []
        assert await work.forgetting.to_remove(team_id="T1", now=NOW + SECOND, limit=9) != []
        await work.forgetting.removed(post.id)
        assert await work.forgetting.to_remove(team_id="T1", now=NOW + SECOND, limit=9) == []


async def test_what_is_under_way_when_its_ticket_is_forgotten_is_to_be_deleted_when_slack_has_it(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await add_reply(work, ticket)
        [sending] = await work.replies.claim_due(team_id="T1", now=NOW, lease=LEASE, limit=9)
        await work.commit()
    async with database.unit_of_work() as work:
        await work.forgetting.forget(ticket, now=NOW)
        assert not await work.replies.wanted(ticket.id)
        await work.commit()
    async with database.unit_of_work() as work:
        await work.replies.sent(sending.id, ts="1767600009.000001", now=NOW)
        await work.commit()
    async with database.reader() as work:
        [post] = await work.forgetting.to_remove(team_id="T1", now=NOW, limit=9)
    assert (post.state, post.last_error, post.ts) == (ReplyState.FAILED, DELETED, "1767600009.000001")


async def test_a_buried_message_takes_nothing_that_comes_late(database):
    async with database.unit_of_work() as work:
        place = {"team_id": "T1", "channel_id": "C1", "ts": "1767603600.000100", "user_id": "U1"}
        buried = await work.forgetting.bury(**place, now=NOW)
        late, new = await work.tickets.add_if_new(**place, text=SECRET, now=NOW)
        assert (late.id, new, late.text) == (buried.id, False, "")
        assert late.state != TicketState.NEW
        for write in (
            work.tickets.record(late, WORDY, state=TicketState.ROUTED, category="login", now=NOW),
            add_reply(work, late),
            add_label(work, late, "login"),
            work.gold.add(team_id="T1", ticket_id=late.id, category=None, added_by="U1", now=NOW),
        ):
            with pytest.raises(RowNotFound):
                await write
        key = {"team_id": "T1", "ticket_id": late.id}
        assert not await work.embeddings.add(**key, model_version="m1", embedding=b"1234", now=NOW)


async def test_a_proposal_keeps_the_words_that_another_ticket_says(database):
    async with database.unit_of_work() as work:
        first = await add_ticket(work, text=f"The {SECRET} Badge")
        second = await add_ticket(work, text="a badge")
        ids = [first.id, second.id]
        await work.proposals.add(team_id="T1", key="k", words=["badge", SECRET], ticket_ids=ids, now=NOW)
        await work.forgetting.forget(first, now=NOW)
        [proposal] = await work.proposals.open(team_id="T1")
        assert (proposal.words, [UUID(each) for each in proposal.ticket_ids]) == (["badge"], [second.id])
        await work.forgetting.forget(second, now=NOW)
        assert await work.proposals.open(team_id="T1") == []


async def test_an_imported_text_goes_as_a_whole_and_may_come_again(database):
    async with database.unit_of_work() as work:
        for _ in range(2):
            ticket = await add_ticket(work, channel_id=IMPORTED, ts="0.1234", text=SECRET)
            await add_label(work, ticket, "login")
            assert len(await work.labels.training_examples(team_id="T1")) == 1
            await work.forgetting.forget(ticket, now=NOW)
            assert await work.labels.training_examples(team_id="T1") == []


async def test_events_of_a_forgotten_message_lose_their_text_in_every_state(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        payload = {"channel_id": "C1", "ts": ticket.ts, "text": SECRET, "user_id": "U1"}
        for name, other in (
            ("mine", {}),
            ("dead", {}),
            ("later", {"ts": "1.2"}),
            ("there", {"channel_id": "C2"}),
        ):
            await work.inbox.add(
                team_id="T1", event_id=name, kind="message", payload={**payload, **other}, now=NOW
            )
        await work.inbox.add(team_id="T2", event_id="theirs", kind="message", payload=payload, now=NOW)
        events = {e.event_id: e for e in (*await claimed(work), *await claimed(work, "T2"))}
        await work.inbox.dead(events["dead"].id, worker="w", error="x", now=NOW)
        await work.forgetting.forget(ticket, now=NOW)
        texts = {name: event.payload["text"] for name, event in events.items()}
    assert texts == {"mine": "", "dead": "", "later": SECRET, "there": SECRET, "theirs": SECRET}


async def test_old_events_and_posts_go_and_what_is_under_way_stays(database):
    async with database.unit_of_work() as work:
        for name in ("working", "dead"):
            await work.inbox.add(team_id="T1", event_id=name, kind="message", payload={"text": name}, now=NOW)
        events = {e.event_id: e for e in await claimed(work)}
        await work.inbox.dead(events["dead"].id, worker="w", error="x", now=NOW)
        await work.inbox.add(team_id="T1", event_id="waiting", kind="message", payload={}, now=NOW)
        await work.inbox.add(team_id="T1", event_id="new", kind="message", payload={}, now=NOW + SECOND)
        notice, _ = await add_reply(work, text=SECRET)
        await work.replies.sent(notice.id, ts="1.2", now=NOW)
        assert await work.forgetting.forget_queues(team_id="T1", before=NOW + SECOND) == 3
        assert await work.forgetting.forget_queues(team_id="T1", before=NOW + SECOND) == 0
        await work.commit()
    assert SECRET not in await everything(database)
