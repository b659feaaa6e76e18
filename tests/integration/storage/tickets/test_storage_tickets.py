"""Tickets and predictions on SQLite and Postgres."""

from uuid import uuid4

import numpy as np
import pytest
from sqlalchemy import delete

from storage import RowNotFound
from storage.models import Ticket
from storage.tickets.tickets import PredictionValues
from storage.types import vector_from_bytes, vector_to_bytes
from tests.factories.storage import NOW, SECOND, add_label, add_reply, add_ticket

ANSWER = PredictionValues(
    model_version="m1",
    category="vpn",
    confidence=0.91,
    out_of_scope=0.02,
    decision="routed",
    alternatives=[("vpn", 0.91), ("wifi", 0.05)],
    words=[{"text": "VPN", "start": 4, "end": 7, "score": 0.8}],
    embedding=vector_to_bytes([0.5, -1.25]),
)


async def test_a_message_is_one_ticket_however_often_it_comes(database):
    async with database.unit_of_work() as work:
        first, new = await work.tickets.add_if_new(
            team_id="T1", channel_id="C1", ts="1767603600.000100", user_id="U1", text="help", now=NOW
        )
        second, again = await work.tickets.add_if_new(
            team_id="T1", channel_id="C1", ts="1767603600.000100", user_id="U1", text="help", now=NOW
        )
    assert (new, again, first.id) == (True, False, second.id)
    assert first.posted_at == NOW.replace(microsecond=100)
    assert first.state == "new"


async def test_a_ticket_is_found_by_its_message_and_by_every_post_about_it(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        card, _ = await add_reply(work, ticket)
        await work.replies.sent(card.id, ts="1767600009.000001", now=NOW)
        find = work.tickets.find_by_any_ts
        assert (await find(team_id="T1", channel_id="C1", ts=ticket.ts)).id == ticket.id
        assert (await find(team_id="T1", channel_id="C1", ts="1767600009.000001")).id == ticket.id
        assert await find(team_id="T1", channel_id="C2", ts="1767600009.000001") is None
        assert await find(team_id="T2", channel_id="C1", ts="1767600009.000001") is None


async def test_the_newest_ticket_can_be_asked_for_by_person_and_channel(database):
    async with database.unit_of_work() as work:
        old = await add_ticket(work, user_id="U1", channel_id="C1", ts="1767600001.0")
        new = await add_ticket(work, user_id="U2", channel_id="C2", ts="1767600002.0")
        assert (await work.tickets.latest(team_id="T1")).id == new.id
        assert (await work.tickets.latest(team_id="T1", user_id="U1")).id == old.id
        assert (await work.tickets.latest(team_id="T1", channel_id="C2")).id == new.id
        assert await work.tickets.latest(team_id="T1", user_id="U1", channel_id="C2") is None
        assert [ticket.id for ticket in await work.tickets.recent(team_id="T1", limit=5)] == [new.id, old.id]
        assert await work.tickets.count(team_id="T1") == 2


async def test_a_prediction_is_recorded_on_a_ticket_of_an_earlier_unit_of_work(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await work.commit()
    async with database.unit_of_work() as work:
        await work.tickets.record(ticket, ANSWER, state="routed", category="vpn", now=NOW)
        await work.commit()
    async with database.reader() as work:
        kept = await work.tickets.get(team_id="T1", ticket_id=ticket.id)
        row = await work.tickets.latest_prediction(team_id="T1", ticket_id=ticket.id)
    assert (ticket.state, kept.state, kept.category) == ("routed", "routed", "vpn")
    assert row.alternatives == [["vpn", 0.91], ["wifi", 0.05]]
    assert row.words[0]["start"] == 4
    assert row.confidence == 0.91
    np.testing.assert_array_equal(vector_from_bytes(row.embedding), np.float32([0.5, -1.25]))


async def test_the_latest_prediction_counts(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await work.tickets.record(ticket, ANSWER, state="routed", category="vpn", now=NOW)
        second = await work.tickets.record(ticket, ANSWER, state="asked", category=None, now=NOW + SECOND)
        latest = await work.tickets.latest_prediction(team_id="T1", ticket_id=ticket.id)
    assert latest.id == second.id
    assert (ticket.state, ticket.category) == ("asked", None)


async def test_a_ticket_that_was_deleted_while_the_model_worked_stays_deleted(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await work.commit()
    async with database.unit_of_work() as work:
        await work.session.execute(delete(Ticket).where(Ticket.id == ticket.id))
        await work.commit()
    async with database.unit_of_work() as work:
        with pytest.raises(RowNotFound):
            await work.tickets.record(ticket, ANSWER, state="routed", category="vpn", now=NOW)
        with pytest.raises(RowNotFound):
            await work.tickets.decide(ticket, state="out_of_scope", category=None)


async def test_another_workspace_sees_no_ticket(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await work.tickets.record(ticket, ANSWER, state="routed", category="vpn", now=NOW)
        assert await work.tickets.get(team_id="T2", ticket_id=ticket.id) is None
        assert await work.tickets.get(team_id="T1", ticket_id=uuid4()) is None
        assert await work.tickets.latest_prediction(team_id="T2", ticket_id=ticket.id) is None
        assert await work.tickets.recent(team_id="T2", limit=5) == []


async def test_deleting_a_ticket_deletes_all_that_is_about_it(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await add_reply(work, ticket)
        await work.tickets.record(ticket, ANSWER, state="routed", category="vpn", now=NOW)
        await work.session.execute(delete(Ticket).where(Ticket.id == ticket.id))
        assert await work.replies.all_for_ticket(team_id="T1", ticket_id=ticket.id) == []
        assert await work.tickets.latest_prediction(team_id="T1", ticket_id=ticket.id) is None


async def test_the_newest_messages_that_nobody_labelled(database):
    async with database.unit_of_work() as work:
        for number in range(5):
            ticket = await add_ticket(work, text=f"message {number}", ts=f"17676000{number:02}.000100")
            if number in {1, 3, 4}:
                await add_label(work, ticket, "vpn")
        await work.labels.withdraw(
            team_id="T1", ticket_id=ticket.id, user_id="U1", source="button", now=NOW + SECOND
        )
        await add_ticket(work, team_id="T2", text="of others", ts="1767600099.000100")
        texts = await work.tickets.unlabelled_texts(team_id="T1", limit=2)
        assert texts == ["message 4", "message 2"]
        assert await work.tickets.unlabelled_texts(team_id="T1", limit=9) == [*texts, "message 0"]


async def test_an_edit_takes_over_the_words_and_what_was_made_of_the_old_ones_goes(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work, text="the VPN drops")
        await work.tickets.record(ticket, ANSWER, state="routed", category="vpn", now=NOW)
        await add_label(work, ticket, "vpn")
        await work.embeddings.keep(team_id="T1", ticket_id=ticket.id, now=NOW)
        await work.commit()
        assert await work.tickets.edit(ticket, text="the vpn is slow", edited_ts="1767600010.0")
        await work.commit()
    async with database.reader() as work:
        row = await work.tickets.latest_prediction(team_id="T1", ticket_id=ticket.id)
        assert (row.embedding, [word["text"] for word in row.words]) == (None, ["VPN"])
        assert await work.embeddings.vectors(team_id="T1", model_version="m1") == []
        kept = await work.tickets.get(team_id="T1", ticket_id=ticket.id)
        assert (kept.text, kept.edited_ts, kept.category) == ("the vpn is slow", "1767600010.0", "vpn")
    async with database.unit_of_work() as work:
        assert await work.tickets.edit(kept, text="wifi", edited_ts="1767600011.0")
        row = await work.tickets.latest_prediction(team_id="T1", ticket_id=ticket.id)
        assert row.words == []


async def test_only_the_latest_edit_counts_and_the_same_words_are_none(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work, text="a")
        edit = work.tickets.edit
        assert await edit(ticket, text="c", edited_ts="1767600020.0")
        assert await edit(ticket, text="c", edited_ts="1767600020.0")  # what failed behind it is done again
        assert not await edit(ticket, text="b", edited_ts="1767600010.0")
        assert not await edit(ticket, text="c", edited_ts="1767600030.0")
        assert not await edit(ticket, text="b", edited_ts="1767600025.0")
        assert (ticket.text, ticket.edited_ts) == ("c", "1767600030.0")
        stamps = [ticket.ts, "1.0"]
        assert await work.tickets.edited(team_id="T1", channel_id="C1", stamps=stamps) == {
            ticket.ts: "1767600030.0"
        }
        ticket.deleted_at = NOW
        await work.session.flush()
        with pytest.raises(RowNotFound):
            await edit(ticket, text="d", edited_ts="1767600040.0")


async def test_a_ticket_that_says_something_else_by_now_is_not_held(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work, text="a")
        await work.commit()
    async with database.unit_of_work() as work:
        assert await work.tickets.hold(ticket)
        again = await work.tickets.get(team_id="T1", ticket_id=ticket.id)
        await work.tickets.edit(again, text="b", edited_ts="1767600010.0")
        await work.commit()
    async with database.unit_of_work() as work:
        assert not await work.tickets.hold(ticket)
