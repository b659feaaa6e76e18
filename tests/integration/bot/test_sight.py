"""What people are shown of tickets that they may not read, and of their own where they are guests."""

from __future__ import annotations

from typing import Any

import pytest

from bot.blocks.action_ids import ActionId, CategoryOp, TicketValue
from storage.models import CategoryState, InboxState, Ticket
from tests.factories import forgery
from tests.factories.category_dialogs import labelled, listed, opened, rows, ticked, typed
from tests.factories.rows import NOW
from tests.factories.world import ANNA, BOT, GUEST, HELP, LENA, SAM, TEAM, World, text_of

PARTNER = "U0PARTNER"
SECRET = "marmalade"


async def secret_ticket(world: World, *members: str, text: str = f"my password {SECRET} is lost") -> Ticket:
    """Let Sam write in a private channel that these are in besides him."""
    channel = world.playground.add_channel("hr-help", [SAM, *members, BOT], private=True)
    ts = await world.say(text, channel=channel)
    await world.card(ts, channel=channel)
    await world.quiet()
    return await ticket_of(world, channel, ts)


async def ticket_of(world: World, channel: str, ts: str) -> Ticket:
    async with world.database.reader() as work:
        ticket = await work.tickets.find(team_id=TEAM, channel_id=channel, ts=ts)
    assert ticket is not None
    return ticket


async def propose(world: World, *tickets: Ticket) -> str:
    async with world.database.unit_of_work() as work:
        await work.proposals.add(
            team_id=TEAM, key="p", words=["raise", "badge"], ticket_ids=[t.id for t in tickets], now=NOW
        )
        (row,) = await work.proposals.open(team_id=TEAM)
        await work.commit()
    return str(row.id)


async def team_cards(world: World, name: str = "team-identity") -> list[dict[str, Any]]:
    await world.quiet()
    return world.playground.messages(world.playground.state.channel(name).id)


async def test_a_private_ticket_is_a_link_alone_in_the_teams_channel(any_world: World):
    ticket = await secret_ticket(any_world)
    (card,) = await team_cards(any_world)
    assert "*Sign-in* · new ticket, whose text stays in its channel" in text_of(card)
    assert f"/archives/{ticket.channel_id}/p{ticket.ts.replace('.', '')}" in text_of(card)
    assert SECRET not in str(card)
    assert "password" not in str(card)
    assert SAM not in str(card["blocks"])
    # it stays so when the card is drawn again
    await any_world.playground.react(SAM, ticket.channel_id, ticket.ts, "credit_card")
    await any_world.quiet()
    shown = [*await team_cards(any_world), *await team_cards(any_world, "team-billing")]
    assert len(shown) == 2
    assert SECRET not in str(shown)


async def test_where_slack_does_not_say_who_reads_a_channel_its_text_stays_there(world: World):
    world.playground.faults.fail("conversations.info", "internal_error", times=50)
    ts = await world.say(f"my password {SECRET} is lost")
    await world.card(ts)  # the person is answered all the same
    (card,) = await team_cards(world)
    assert "new ticket, whose text stays in its channel" in text_of(card)
    assert SECRET not in str(card)


async def test_an_answer_waits_while_slack_does_not_say_who_asks(world: World):
    ts = await world.say("my password is lost")
    await world.card(ts)
    world.playground.faults.fail("users.info", "internal_error", times=1)
    await world.playground.run_command(LENA, HELP, "/why", "last")
    assert text_of(await world.private(LENA)).startswith("Why: Sign-in")


async def test_a_guest_is_explained_their_own_ticket_and_no_other(any_world: World):
    others = await any_world.say("my password zebra is lost")
    await any_world.card(others)
    await any_world.playground.react(LENA, HELP, others, "key")
    own = await any_world.say("my password giraffe is lost", user=GUEST)
    await any_world.card(own)
    await any_world.say("the vpn elephant is dead")
    await any_world.quiet()
    await any_world.playground.run_command(GUEST, HELP, "/why", "last")
    answer = text_of(await any_world.private(GUEST))
    assert answer.startswith("Why: Sign-in")
    assert "giraffe" in answer
    assert "zebra" not in answer  # which staff are shown as a ticket like it
    assert "elephant" not in answer
    await any_world.playground.run_command(LENA, HELP, "/why", link(HELP, own))
    assert "zebra" in text_of(await any_world.private(LENA))


async def test_a_partners_person_presses_why_under_their_own_ticket_alone(world: World):
    own = await world.say("my password giraffe is lost", user=PARTNER)
    other = await world.say("my password zebra is lost")
    for ts in (own, other):
        card = await world.card(ts)
        await world.press(PARTNER, card, ActionId.WHY)
        await world.quiet()
    shown = str(world.playground.ephemerals(PARTNER))
    assert "giraffe" in shown
    assert "zebra" not in shown
    assert "cannot see" in shown


async def test_who_left_the_channel_is_explained_nothing_there(world: World):
    channel = world.playground.add_channel("visitors", [GUEST, BOT])
    ts = await world.say("my password giraffe is lost", user=GUEST, channel=channel)
    await world.card(ts, channel=channel)
    world.playground.state.channel(channel).members.remove(GUEST)
    await world.playground.run_command(GUEST, HELP, "/why", link(channel, ts))
    assert "cannot see" in text_of(await world.private(GUEST))


async def test_staff_are_shown_no_neighbour_of_a_private_channel(world: World):
    ticket = await secret_ticket(world)
    await world.playground.react(SAM, ticket.channel_id, ticket.ts, "key")
    ts = await world.say("my password is lost")
    await world.card(ts)
    await world.quiet()
    await world.playground.run_command(LENA, HELP, "/why", "last")
    await world.playground.run_command(SAM, HELP, "/why", link(HELP, ts))
    assert SECRET not in str(await world.private(LENA))
    assert SECRET in str(await world.private(SAM))


def link(channel: str, ts: str) -> str:
    return f"https://acme.slack.com/archives/{channel}/p{ts.replace('.', '')}"


async def test_a_press_counts_only_under_the_tickets_own_post(world: World):
    first, second = await world.say("my password is lost"), await world.say("the vpn is dead")
    card = await world.card(first)
    await world.card(second)
    other = await ticket_of(world, HELP, second)
    value = TicketValue(other.id, "billing").encode()
    forged = {"channel": HELP, "ts": card["ts"]}
    await forgery.press(world, LENA, ActionId.CONFIRM, value, **forged)
    assert "do not know that message" in text_of(await world.private(LENA))
    await forgery.press(world, SAM, ActionId.WHY, value, channel="C0TEAMBILLING", ts=card["ts"])
    assert "do not know that message" in text_of(await world.private(SAM))
    for odd in ("", "x", f"{other.id}x:billing", "-:billing"):
        await forgery.press(world, ANNA, ActionId.CORRECT, odd, menu=True, **forged)
    await world.quiet()
    assert await world.labels(second) == []
    async with world.database.reader() as work:
        assert not (await work.inbox.counts(team_id=TEAM)).get(InboxState.DEAD)


@pytest.mark.parametrize(
    ("action", "value", "menu"),
    [
        (ActionId.PROPOSAL_ACCEPT, "no id", False),
        (ActionId.PROPOSAL_DISMISS, "", False),
        (ActionId.CATEGORY_CHANGE, "fly:billing", True),
        (ActionId.CATEGORY_CHANGE, "list:billing", True),
        (ActionId.CATEGORY_CHANGE, "rename:billing", False),  # a button where a menu is
        (ActionId.CATEGORY_RESTORE, "no-such-slug", False),
        (f"{ActionId.SETTLE}_0", "x:y:z", False),
    ],
)
async def test_a_value_that_is_none_of_ours_does_nothing(world: World, action: str, value: str, menu: bool):
    await forgery.press(world, ANNA, action, value, menu=menu)
    await world.quiet()
    entry = next(e for e in world.playground.journal if e.kind == "interaction")
    assert entry.status == 200
    assert world.playground.view(ANNA) is None
    assert {row.state for row in (await rows(world)).values()} == {CategoryState.ACTIVE}
    async with world.database.reader() as work:
        assert not (await work.inbox.counts(team_id=TEAM)).get(InboxState.DEAD)
        assert await work.audit.recent(team_id=TEAM) == []


@pytest.mark.parametrize("op", [CategoryOp.LIST, CategoryOp.RESTORE, CategoryOp.DISMISS])
async def test_a_modal_that_does_not_exist_changes_nothing(world: World, op: CategoryOp):
    await forgery.submit(world, ANNA, op, typed(name="Refunds", emoji="moneybag"), "billing")
    broken = {"tickets_1": {"tickets_1": {"selected_options": [{"value": "no id"}]}}}
    await forgery.submit(world, ANNA, CategoryOp.SPLIT, typed(name="R", emoji="m") | broken, "billing")
    await world.quiet()
    assert {e.status for e in world.playground.journal if e.kind == "interaction"} == {200}
    async with world.database.reader() as work:
        assert await work.audit.recent(team_id=TEAM) == []


async def test_an_emoji_on_the_teams_card_counts_from_who_may_read_the_ticket(world: World):
    ticket = await secret_ticket(world, LENA)
    (card,) = await team_cards(world)
    for user in (ANNA, LENA):
        await world.playground.react(user, card["channel"], card["ts"], "credit_card")
    await world.quiet()
    async with world.database.reader() as work:
        labels = await work.labels.active_for(team_id=TEAM, ticket_id=ticket.id)
    assert [label.user_id for label in labels] == [LENA]


@pytest.mark.parametrize("hidden", [True, False])
async def test_a_proposal_shows_what_the_admin_may_read(world: World, hidden: bool):
    ticket = await secret_ticket(world, *(() if hidden else (ANNA,)))
    ts = await world.say("my badge opens no door, password")
    await world.card(ts)
    await propose(world, ticket, await ticket_of(world, HELP, ts))
    card = await listed(world)
    await world.playground.open_home(ANNA)
    home = await world.playground.wait_for(lambda: world.playground.home(ANNA))
    await world.playground.click(ANNA, HELP, card["ts"], ActionId.PROPOSAL_ACCEPT)
    modal = world.playground.view(ANNA)
    for surface in (text_of(card), str(home), str(modal)):
        assert "my badge opens no door" in surface
        assert (SECRET in surface) is not hidden
        assert ("raise" in surface.lower()) is not hidden  # the words are of both tickets
    assert ("1 of them you may not read" in text_of(card)) is hidden


async def test_a_proposal_of_which_an_admin_may_read_nothing_waits_for_another(world: World):
    await propose(world, await secret_ticket(world))
    assert "fits no category" not in text_of(await listed(world))


async def test_only_tickets_that_an_admin_may_read_can_be_split_off(world: World):
    ticket = await secret_ticket(world)
    await world.playground.react(SAM, ticket.channel_id, ticket.ts, "credit_card")
    await labelled(world, "my refund password", "credit_card")
    view = await opened(world, "split billing")
    assert "my refund password" in str(view)
    assert SECRET not in str(view)
    await world.playground.close_view(ANNA, view["id"])
    state = typed(name="Refunds", emoji="moneybag") | ticked("tickets_1", str(ticket.id))
    await forgery.submit(world, ANNA, CategoryOp.SPLIT, state, "billing")
    await world.quiet()
    assert "refunds" not in await rows(world)


async def test_only_tickets_that_were_on_offer_move(world: World):
    other = await ticket_of(world, HELP, await labelled(world, "the vpn is dead", "satellite_antenna"))
    state = typed(name="Refunds", emoji="moneybag") | ticked("tickets_1", str(other.id))
    for op, slug in ((CategoryOp.SPLIT, "billing"), (CategoryOp.ADD, None)):
        await forgery.submit(world, ANNA, op, state, slug)
        await world.quiet()
    assert "refunds" not in await rows(world)
    async with world.database.reader() as work:
        labels = await work.labels.active_for(team_id=TEAM, ticket_id=other.id)
    assert [(label.category, label.user_id) for label in labels] == [("network", LENA)]


async def test_a_category_does_not_go_to_a_channel_that_the_admin_does_not_see(world: World):
    hidden = world.playground.add_channel("board", [SAM, BOT], private=True)
    state = {"destination": {"destination": {"selected_conversation": hidden}}}
    answer = await forgery.submit(world, ANNA, CategoryOp.DESTINATION, state, "billing")
    assert answer["errors"] == {"destination": "I cannot see that channel. Pick a channel that I am in."}


async def test_a_retraining_shows_its_progress_only_where_the_admin_is(world: World):
    hidden = world.playground.add_channel("board", [SAM, BOT], private=True)
    await labelled(world, "my password is lost", "credit_card")
    await world.playground.forge(ANNA, "/retrain", channel=hidden, text="start")
    assert "cannot see that channel" in text_of(await world.private(ANNA))
    assert world.playground.messages(hidden) == []
