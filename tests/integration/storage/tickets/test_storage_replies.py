"""The outbox on SQLite and Postgres."""

import asyncio
from itertools import chain

import pytest
from sqlalchemy.exc import IntegrityError

from tests.factories.storage import LEASE, NOW, SECOND, add_reply, add_ticket


async def test_a_ticket_gets_one_post_a_surface(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        card, new = await add_reply(work, ticket, text="first")
        same, again = await add_reply(work, ticket, text="second")
        _, other = await add_reply(work, ticket, surface="team_card:vpn")
    assert (new, again, other) == (True, False, True)
    assert (same.id, same.text, same.blocks) == (card.id, "first", [{"type": "divider"}])


async def test_posts_about_no_ticket_are_all_kept(database):
    async with database.unit_of_work() as work:
        first, _ = await add_reply(work, surface="notice")
        second, new = await add_reply(work, surface="notice")
    assert new
    assert first.id != second.id


async def test_a_post_cannot_point_into_another_workspace(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        with pytest.raises(IntegrityError):
            await add_reply(work, ticket, team_id="T2")


async def test_a_claimed_post_says_whether_an_earlier_sender_may_have_sent_it(database):
    async with database.unit_of_work() as work:
        await add_reply(work, await add_ticket(work))
        (first,) = await work.replies.claim_due(team_id="T1", now=NOW, lease=LEASE, limit=5)
        assert not first.was_sending
        assert await work.replies.claim_due(team_id="T1", now=NOW + LEASE - SECOND, lease=LEASE, limit=5) == []
        await work.commit()
    async with database.unit_of_work() as work:
        (again,) = await work.replies.claim_due(team_id="T1", now=NOW + LEASE, lease=LEASE, limit=5)
    assert again.was_sending
    assert (again.id, again.attempts, again.state) == (first.id, 2, "sending")


async def test_a_refused_post_is_sent_again_later_and_not_looked_for(database):
    async with database.unit_of_work() as work:
        await add_reply(work, await add_ticket(work))
        (reply,) = await work.replies.claim_due(team_id="T1", now=NOW, lease=LEASE, limit=5)
        await work.replies.retry(reply.id, error="ratelimited", next_attempt_at=NOW + 30 * SECOND)
        assert await work.replies.claim_due(team_id="T1", now=NOW + 29 * SECOND, lease=LEASE, limit=5) == []
        (again,) = await work.replies.claim_due(team_id="T1", now=NOW + 30 * SECOND, lease=LEASE, limit=5)
    assert not again.was_sending
    assert again.last_error == "ratelimited"


async def test_sent_and_failed_posts_are_never_claimed_again(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        sent, _ = await add_reply(work, ticket)
        failed, _ = await add_reply(work, ticket, surface="team_card:vpn")
        await work.replies.claim_due(team_id="T1", now=NOW, lease=LEASE, limit=5)
        await work.replies.sent(sent.id, ts="1767600001.000001", now=NOW + SECOND)
        await work.replies.failed(failed.id, error="channel_not_found")
        assert await work.replies.claim_due(team_id="T1", now=NOW + 9 * LEASE, lease=LEASE, limit=5) == []
        kept = await work.replies.for_ticket(team_id="T1", ticket_id=ticket.id, surface="card")
        both = await work.replies.all_for_ticket(team_id="T1", ticket_id=ticket.id)
    assert (kept.state, kept.ts, kept.sent_at) == ("sent", "1767600001.000001", NOW + SECOND)
    assert {reply.state for reply in both} == {"sent", "failed"}


async def test_two_senders_never_get_the_same_post(database):
    async with database.unit_of_work() as work:
        for _ in range(20):
            await add_reply(work, await add_ticket(work))
        await work.commit()

    async def claim():
        async with database.unit_of_work() as work:
            claimed = await work.replies.claim_due(team_id="T1", now=NOW, lease=LEASE, limit=5)
            await work.commit()
            return [reply.id for reply in claimed]

    taken = list(chain(*await asyncio.gather(*(claim() for _ in range(6)))))
    assert len(taken) == len(set(taken))
    taken += await claim()  # on Postgres a claimer may pass over rows that another one is looking at
    taken += await claim()
    assert len(set(taken)) == 20
