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
        assert await claim(work, NOW + LEASE - SECOND) == []
        await work.commit()
    async with database.unit_of_work() as work:
        (again,) = await work.replies.claim_due(team_id="T1", now=NOW + LEASE, lease=LEASE, limit=5)
    assert again.was_sending
    assert (again.id, again.attempts, again.state) == (first.id, 2, "sending")


async def claim(work, now=NOW, limit=5, team_id="T1"):
    return await work.replies.claim_due(team_id=team_id, now=now, lease=LEASE, limit=limit)


async def put_off(work, reply, until, *, perhaps_sent=False, error="ratelimited", **more):
    return await work.replies.put_off(reply, error=error, until=until, perhaps_sent=perhaps_sent, **more)


async def test_a_refused_post_is_sent_again_later_and_not_looked_for(database):
    async with database.unit_of_work() as work:
        await add_reply(work, await add_ticket(work))
        (reply,) = await claim(work)
        await put_off(work, reply, NOW + 30 * SECOND)
        assert await claim(work, NOW + 29 * SECOND) == []
        (again,) = await claim(work, NOW + 30 * SECOND)
    assert not again.was_sending
    assert again.attempts == 1  # trouble that passes uses up no attempt


async def test_what_was_perhaps_sent_is_looked_for_and_its_own_faults_count(database):
    async with database.unit_of_work() as work:
        await add_reply(work, await add_ticket(work))
        (reply,) = await claim(work)
        await put_off(work, reply, NOW + SECOND, perhaps_sent=True, counts=True)
        (again,) = await claim(work, NOW + SECOND)
    assert again.was_sending
    assert again.attempts == 2


async def test_a_claim_that_ran_out_can_do_nothing_any_more(database):
    async with database.unit_of_work() as work:
        await add_reply(work, await add_ticket(work))
        (stale,) = await claim(work)
        await work.commit()
    async with database.unit_of_work() as work:
        (current,) = await claim(work, NOW + LEASE)
        await work.commit()
    async with database.unit_of_work() as work:
        assert not await work.replies.renew(stale, until=NOW + 9 * LEASE)
        assert not await put_off(work, stale, NOW)
        assert not await work.replies.failed(stale, error="x")
        assert await work.replies.renew(current, until=NOW + 5 * LEASE)
        assert await claim(work, NOW + 4 * LEASE) == []
        assert await put_off(work, current, NOW)
        assert not await work.replies.renew(current, until=NOW + 9 * LEASE)


async def test_a_channel_in_which_somebody_posts_is_passed_over(database):
    async with database.unit_of_work() as work:
        for _ in range(3):
            await add_reply(work, await add_ticket(work))
        await add_reply(work, await add_ticket(work), channel_id="C2")
        first = await claim(work)
        assert {reply.channel_id for reply in first} == {"C1", "C2"}
        assert len(first) == 2
        assert await claim(work) == []
        mine = next(reply for reply in first if reply.channel_id == "C1")
        await put_off(work, mine, NOW + 9 * LEASE, perhaps_sent=True)
        (following,) = await claim(work)  # what waits to be looked for holds nobody up
    assert following.channel_id == "C1"


async def test_a_team_gets_its_own_posts_alone(database):
    async with database.unit_of_work() as work:
        await add_reply(work, await add_ticket(work))
        assert await claim(work, team_id="T2") == []
        assert len(await claim(work)) == 1


async def test_a_channel_that_is_back_gets_what_waited_for_it_alone(database):
    async with database.unit_of_work() as work:
        for channel, error in (("C1", "not_in_channel"), ("C2", "not_in_channel"), ("C3", "ratelimited")):
            await add_reply(work, await add_ticket(work), channel_id=channel)
            (reply,) = await claim(work)
            await put_off(work, reply, NOW + 9 * LEASE, error=error)
        for channel, count in (("C1", 1), ("C3", 0)):
            errors = ["not_in_channel"]
            assert (
                await work.replies.due_now(team_id="T1", channel_id=channel, errors=errors, now=NOW) == count
            )
        assert [reply.channel_id for reply in await claim(work)] == ["C1"]


async def test_sent_and_failed_posts_are_never_claimed_again(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        sent, _ = await add_reply(work, ticket)
        failed, _ = await add_reply(work, ticket, surface="team_card:vpn", channel_id="C2")
        await claim(work)
        await work.replies.sent(sent.id, ts="1767600001.000001", now=NOW + SECOND)
        assert await work.replies.failed(failed, error="channel_not_found")
        assert await claim(work, NOW + 9 * LEASE) == []
        kept = await work.replies.for_ticket(team_id="T1", ticket_id=ticket.id, surface="card")
        both = await work.replies.all_for_ticket(team_id="T1", ticket_id=ticket.id)
        for reply in both:
            await work.session.refresh(reply)
    assert (kept.state, kept.ts, kept.sent_at) == ("sent", "1767600001.000001", NOW + SECOND)
    assert {reply.state for reply in both} == {"sent", "failed"}


async def test_two_senders_never_get_the_same_post(database):
    async with database.unit_of_work() as work:
        for number in range(20):
            await add_reply(work, await add_ticket(work), channel_id=f"C{number}")
        await work.commit()

    async def take():
        async with database.unit_of_work() as work:
            claimed = await claim(work)
            await work.commit()
            return [reply.id for reply in claimed]

    taken = list(chain(*await asyncio.gather(*(take() for _ in range(6)))))
    assert len(taken) == len(set(taken))
    taken += await take()  # on Postgres a claimer may pass over rows that another one is looking at
    taken += await take()
    assert len(set(taken)) == 20
