"""An edited message: the ticket follows, and so does everything that we had posted about it."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy import select

from bot.blocks.action_ids import ActionId
from storage.models import Prediction, Reply, Ticket
from tests.factories.world import HELP, LENA, SAM, TEAM, World, decided, text_of


async def ticket_of(world: World, ts: str) -> Ticket:
    async with world.database.reader() as work:
        ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
    assert ticket is not None
    return ticket


def team_cards(world: World, team: str) -> list[str]:
    return [
        text_of(message) for message in world.playground.messages(world.playground.state.channel(team).id)
    ]


def posts(world: World) -> str:
    """All text that the bot has in Slack."""
    channels = [HELP, *(world.playground.state.channel(f"team-{t}").id for t in ("identity", "network"))]
    messages = [message for channel in channels for message in world.playground.messages(channel)]
    return "\n".join(text_of(message) for message in messages if message.get("bot_id"))


def change(ts: str, text: str, at: str, **message: Any) -> dict[str, Any]:
    """An edit's event, without what the message said before."""
    new = {
        "type": "message",
        "user": SAM,
        "ts": ts,
        "text": text,
        "edited": {"user": SAM, "ts": at},
        **message,
    }
    return {
        "type": "message",
        "subtype": "message_changed",
        "message": new,
        "channel": HELP,
        "channel_type": "channel",
        "hidden": True,
        "ts": at,
        "event_ts": at,
    }


async def test_a_greeting_edited_to_the_problem_gets_a_card(any_world: World):
    ts = await any_world.say("hi all")
    await any_world.playground.wait_for(any_world.tickets)
    await any_world.quiet()
    assert any_world.playground.thread(HELP, ts) == []
    await any_world.playground.edit_message(SAM, HELP, ts, "hi all, my vpn drops")
    assert "Network" in text_of(await any_world.card(ts))
    assert (await ticket_of(any_world, ts)).text == "hi all, my vpn drops"


async def test_another_problem_is_decided_again_and_nothing_quotes_the_old_words(any_world: World):
    ts = await any_world.say("my password does not work")
    await any_world.card(ts)
    await any_world.quiet()
    assert "my password" in team_cards(any_world, "team-identity")[-1]
    await any_world.playground.edit_message(SAM, HELP, ts, "the vpn is dead")
    await any_world.card(ts, lambda text: "Network" in text and "vpn" in text)
    await any_world.quiet()
    assert "the vpn is dead" in team_cards(any_world, "team-network")[-1]
    assert (
        "Not yours after all: moved to :satellite_antenna: *Network*"
        in team_cards(any_world, "team-identity")[-1]
    )
    assert "password" not in posts(any_world)
    assert await any_world.tickets() == 1
    ((ticket, row),) = await decided(any_world.playground, any_world.database, ["the vpn is dead"])
    assert (ticket.category, row.ticket_id) == ("network", ticket.id)


async def test_a_problem_that_was_taken_out_leaves_the_team(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    await world.quiet()
    await world.playground.edit_message(SAM, HELP, ts, "never mind, thanks")
    await world.card(ts, lambda text: "not sure" in text)
    await world.quiet()
    assert "the message was edited" in team_cards(world, "team-identity")[-1]
    assert "password" not in posts(world)


async def test_a_labelled_ticket_keeps_its_category_and_follows_in_words(any_world: World):
    ts = await any_world.say("my password does not work")
    card = await any_world.card(ts)
    await any_world.press(LENA, card, ActionId.CONFIRM)
    await any_world.card(ts, lambda text: "Confirmed by" in text)
    await any_world.playground.edit_message(SAM, HELP, ts, "vpn: it does not let me in")
    await any_world.playground.wait_for(lambda: "let me in" in team_cards(any_world, "team-identity")[-1])
    await any_world.quiet()
    ticket = await ticket_of(any_world, ts)
    assert (ticket.category, ticket.text) == ("login", "vpn: it does not let me in")
    assert "password" not in posts(any_world)
    async with any_world.database.reader() as work:
        assert list(await work.session.scalars(select(Prediction.embedding))) == [None]
        waiting = await work.embeddings.missing(team_id=TEAM, model_version=any_world.model.version, limit=9)
    assert waiting in ([], [(ticket.id, ticket.text)])  # the memory reads it anew


async def test_an_edit_that_overtakes_its_message_wins(world: World):
    at = world.playground.clock()
    ts = f"{at:.6f}"
    message = {"type": "message", "channel": HELP, "channel_type": "channel", "user": SAM, "ts": ts}
    await world.playground.send_event(change(ts, "the vpn is dead", f"{at + 5:.6f}"))
    await world.playground.wait_for(lambda: world.model.seen)
    await world.playground.send_event({**message, "text": "my password does not work"})
    await world.delivered("event", "message", 2)
    await world.quiet()
    assert world.model.seen == ["the vpn is dead"]
    assert (await ticket_of(world, ts)).category == "network"


async def test_edits_out_of_order_and_doubled_leave_the_last_one(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    now = float(ts)
    for seconds, text in ((20, "the vpn is dead"), (10, "the invoice is wrong"), (20, "the vpn is dead")):
        await world.playground.send_event(change(ts, text, f"{now + seconds:.6f}"))
        await world.quiet()
    assert (await ticket_of(world, ts)).text == "the vpn is dead"
    assert "the invoice is wrong" not in world.model.seen
    assert len(world.playground.thread(HELP, ts)) == 1
    assert len(team_cards(world, "team-network")) == 1
    assert team_cards(world, "team-billing") == []


async def test_an_edit_while_the_model_reads_the_old_words_wins(world: World):
    world.model.gate.clear()
    ts = await world.say("my password does not work")
    await world.playground.wait_for(world.tickets)
    async with world.database.unit_of_work() as work:  # as another replica takes the edit over
        ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
        assert ticket is not None
        assert await work.tickets.edit(ticket, text="the vpn is dead", edited_ts=f"{float(ts) + 5:.6f}")
        await work.commit()
    world.model.gate.set()
    await world.playground.wait_for(lambda: world.model.seen)
    await world.quiet()
    assert (await ticket_of(world, ts)).category is None
    await world.playground.send_event(change(ts, "the vpn is dead", f"{float(ts) + 5:.6f}"))
    await world.card(ts, lambda text: "Network" in text)
    assert "password" not in posts(world)


async def test_an_edit_of_an_old_message_that_was_no_ticket_makes_none(world: World):
    await world.playground.send_event(
        change("1700000000.000100", "the vpn is dead", f"{world.playground.clock():.6f}")
    )
    await world.delivered("event", "message")
    await world.quiet()
    assert await world.tickets() == 0


async def test_a_failure_behind_an_edit_does_not_leave_the_old_decision(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    world.model.fail_next(times=1)
    await world.playground.edit_message(SAM, HELP, ts, "the vpn is dead")
    await world.card(ts, lambda text: "Network" in text)


async def test_an_edit_of_a_reply_or_of_a_robot_is_ignored(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    for message in (
        {"thread_ts": ts},
        {"bot_id": "B0OTHER"},
        {"subtype": "thread_broadcast", "thread_ts": ts},
    ):
        other = f"{float(ts) + 1:.6f}"
        await world.playground.send_event(change(other, "the vpn is dead", f"{float(ts) + 9:.6f}", **message))
    await world.delivered("event", "message", 4)
    await world.quiet()
    assert await world.tickets() == 1


async def test_an_edit_that_leaves_the_words_alone_changes_nothing(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    await world.playground.send_event(change(ts, "my password does not work", f"{float(ts) + 5:.6f}"))
    await world.delivered("event", "message", 2)
    await world.quiet()
    assert world.model.seen == ["my password does not work"]


async def test_an_edit_while_the_card_is_being_posted_is_followed(any_world: World, monkeypatch):
    messenger, answered = any_world.bot.workspace.messenger, asyncio.Event()
    post = messenger.post

    async def slow(*arguments: Any, **options: Any) -> str:
        ts = await post(*arguments, **options)
        await answered.wait()
        return ts

    monkeypatch.setattr(messenger, "post", slow)
    ts = await any_world.say("my password does not work")
    await any_world.card(ts)
    await any_world.playground.edit_message(SAM, HELP, ts, "the vpn is dead")

    async def redrawn() -> bool:
        query = select(Reply.text).where(Reply.text.contains("password"))
        async with any_world.database.reader() as work:
            return await work.session.scalar(query) is None

    await any_world.playground.wait_for(redrawn)
    answered.set()
    await any_world.card(ts, lambda text: "Network" in text)
    await any_world.playground.wait_for(lambda: "password" not in posts(any_world))
    await any_world.quiet()
    assert len(any_world.playground.thread(HELP, ts)) == 1
