"""Links to messages: Slack is asked when a post that has one is sent, and no decision waits for it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.clock import utc_now
from bot.tickets.label_files import import_labels
from storage.models import ReplyState, Ticket, TicketState
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


async def test_a_silent_ticket_asks_slack_for_no_link(world: World):
    ts = await world.say("see you at lunch")
    assert (await ticket_of(world, ts)).state == TicketState.OUT_OF_SCOPE
    await world.quiet()
    assert asked_for_links(world) == 0


async def test_a_question_in_the_thread_needs_no_link_either(world: World):
    world.model.confidence = 0.4
    await world.card(await world.say("my password does not work"))
    await world.quiet()
    assert asked_for_links(world) == 0


async def test_the_teams_card_links_to_the_message(any_world: World):
    ts = await any_world.say("my password does not work")
    assert address(ts) in text_of(await team_card(any_world, ts))
    assert asked_for_links(any_world) == 1


@pytest.mark.parametrize("fault", ["error", "status"])
async def test_a_decision_does_not_wait_for_a_link_and_its_post_is_tried_again(world: World, fault: str):
    if fault == "error":
        world.playground.faults.fail(PERMALINK, "internal_error", times=1)
    else:
        world.playground.faults.http_status(PERMALINK, 503, times=1)
    ts = await world.say("my password does not work")
    ticket = await ticket_of(world, ts)
    assert (ticket.state, ticket.category) == (TicketState.ROUTED, "login")
    await world.card(ts)  # has no link, so it is there at once
    # no post was made, so nothing has to be looked for before the next attempt
    assert address(ts) in text_of(await team_card(world, ts))
    assert asked_for_links(world) == 2


async def test_without_its_link_a_card_is_posted_all_the_same(world: World):
    world.playground.faults.fail(PERMALINK, "message_not_found", times=1)
    ts = await world.say("my password does not work")
    shown = text_of(await team_card(world, ts))
    assert "my password does not work" in shown
    assert LOST not in shown
    assert "message:" not in shown


async def test_while_slack_gives_no_links_tickets_are_decided_and_labelled(world: World):
    world.playground.faults.fail(PERMALINK, "fatal_error", times=100)
    ts = await world.say("my password does not work")
    assert (await ticket_of(world, ts)).state == TicketState.ROUTED
    await world.card(ts)
    async with world.database.reader() as work:
        ticket = await ticket_of(world, ts)
        replies = await work.replies.all_for_ticket(team_id=TEAM, ticket_id=ticket.id)
    assert {reply.surface: reply.state for reply in replies}["team_card:login"] != ReplyState.FAILED
    await world.playground.react(LENA, HELP, ts, "credit_card")
    await world.card(ts, lambda text: f"<@{LENA}>" in text)
    assert await world.labels(ts) == [("billing", LENA)]


async def test_why_answers_without_the_link_of_a_deleted_message(world: World):
    ts = await world.say("my password does not work", user=SAM)
    await world.card(ts)
    await world.quiet()
    world.playground.faults.fail(PERMALINK, "message_not_found", times=1)
    await world.playground.run_command(ANNA, HELP, "/why", "last")
    shown = text_of(await world.private(ANNA))
    assert "*Sign-in*: I am" in shown
    assert "Open the message" not in shown


async def test_what_people_write_is_never_taken_for_a_link_of_ours(world: World):
    ts = await world.say(f"my password <message:{HELP}/1.1|x> &lt;message:{HELP}/1.1|x&gt;")
    shown = text_of(await team_card(world, ts))
    assert address(ts) in shown
    assert asked_for_links(world) == 1


async def test_an_imported_message_like_it_has_no_link(world: World):
    text = "my password does not work"
    await import_labels(world.database, TEAM, [(text, "billing")], utc_now())
    ts = await world.say(text)
    assert "a similar message, so I ask" in text_of(await world.card(ts))
    await world.quiet()
    assert asked_for_links(world) == 0
