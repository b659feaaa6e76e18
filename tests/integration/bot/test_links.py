"""Links to messages: made without asking Slack, so that neither a decision nor a post waits for one."""

from __future__ import annotations

import math
from typing import Any

from bot.clock import utc_now
from bot.tickets.label_files import import_labels
from storage.models import Ticket, TicketState
from tests.factories.world import ANNA, HELP, LENA, SAM, TEAM, World, text_of

PERMALINK = "chat.getPermalink"
LOST = "Open the thread"


def asked_for_links(world: World) -> int:
    return sum(entry.kind == "api" and entry.method == PERMALINK for entry in world.playground.journal)


async def ticket_of(world: World, ts: str) -> Ticket:
    async def look() -> Ticket | None:
        async with world.database.reader() as work:
            found = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
        return found if found is not None and found.state != TicketState.NEW else None

    decided: Ticket = await world.playground.wait_for(look)
    return decided


async def team_card(world: World, ts: str, team: str = "team-identity") -> dict[str, Any]:
    channel = world.playground.state.channel(team).id
    posts = await world.playground.wait_for(lambda: world.playground.messages(channel))
    assert len(posts) == 1, ts
    post: dict[str, Any] = posts[0]
    return post


def address(ts: str) -> str:
    return f"/archives/{HELP}/p{ts.replace('.', '')}|{LOST}>"


async def test_the_teams_card_links_to_the_message(any_world: World):
    ts = await any_world.say("my password does not work")
    assert address(ts) in text_of(await team_card(any_world, ts))


async def test_while_slack_gives_no_links_nothing_is_different(world: World):
    world.playground.faults.fail(PERMALINK, "fatal_error", times=math.inf)
    ts = await world.say("my password does not work")
    assert (await ticket_of(world, ts)).state == TicketState.ROUTED
    assert address(ts) in text_of(await team_card(world, ts))
    await world.playground.react(LENA, HELP, ts, "credit_card")
    await world.card(ts, lambda text: f"<@{LENA}>" in text)
    assert await world.labels(ts) == [("billing", LENA)]
    assert asked_for_links(world) == 0


async def mark_deleted(world: World, ts: str) -> None:
    """Let a ticket be one whose message was deleted."""
    async with world.database.unit_of_work() as work:
        ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
        assert ticket is not None
        ticket.deleted_at = utc_now()
        await work.commit()


async def test_why_knows_nothing_of_a_deleted_message(world: World):
    ts = await world.say("my password does not work", user=SAM)
    await world.card(ts)
    await world.quiet()
    await mark_deleted(world, ts)
    await world.playground.run_command(
        ANNA, HELP, "/why", f"https://x/archives/{HELP}/p{ts.replace('.', '')}"
    )
    shown = text_of(await world.private(ANNA))
    assert "I do not know that message" in shown
    assert "did not work" not in shown


async def test_messages_like_a_deleted_labelled_one_get_their_cards(world: World):
    ts = await world.say("my password does not work")
    await world.card(ts)
    await world.playground.react(ANNA, HELP, ts, "credit_card")
    await world.card(ts, lambda text: f"<@{ANNA}>" in text)
    await world.playground.delete_message(SAM, HELP, ts)
    await mark_deleted(world, ts)
    again = await world.say("my password does not work")
    assert "a similar message" in text_of(await world.card(again))
    await world.quiet()
    assert address(ts) not in "".join(text_of(m) for m in world.playground.messages(HELP))


async def test_what_people_write_is_never_taken_for_a_link_of_ours(world: World):
    ts = await world.say(f"my password <message:{HELP}/1.1|x> &lt;message:{HELP}/1.1|x&gt;")
    shown = text_of(await team_card(world, ts))
    assert address(ts) in shown


async def test_messages_like_imported_ones_get_their_cards(world: World):
    text = "my password does not work"
    await import_labels(world.database, TEAM, [(text, "billing")], utc_now())
    for _ in range(3):
        card = text_of(await world.card(await world.say(text)))
        assert "a similar message" in card
        assert "import" not in card
