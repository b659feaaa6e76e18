"""Categories that the bot proposes: in the list, in the Home tab, accepted and dismissed."""

from __future__ import annotations

from typing import Any

from bot.blocks.action_ids import ActionId
from tests.factories.category_dialogs import (
    audited,
    listed,
    rows,
    typed,
)
from tests.factories.forgery import press
from tests.factories.world import ANNA, HELP, LENA, TEAM, World, text_of


async def propose(world: World) -> str:
    """Propose a category from a ticket that nobody could place."""
    ts = await world.say("my badge does not open the <#C0HELP|help> door, password")
    await world.card(ts)
    async with world.database.unit_of_work() as work:
        ticket = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
        await work.proposals.add(
            team_id=TEAM,
            key="badge",
            words=["badge", "door"],
            ticket_ids=[ticket.id],
            now=ticket.created_at,
        )
        await work.commit()
    return ts


async def test_an_accepted_proposal_becomes_a_category_with_its_tickets(world: World):
    ts = await propose(world)
    assert "badge" not in text_of(await listed(world, LENA))
    card = await listed(world)
    assert "Words they share: *badge*, *door*" in text_of(card)
    assert (await world.playground.click(ANNA, HELP, card["ts"], ActionId.PROPOSAL_ACCEPT)).ok
    view = world.playground.view(ANNA)
    assert view["blocks"][0]["element"]["initial_value"] == "Badge door"
    # what was left as it was is submitted with the rest: the name, the ticked tickets
    assert (await world.playground.submit_view(ANNA, view["id"], typed(emoji="door"))).ok
    await world.quiet()
    assert (await rows(world))["badge_door"].name == "Badge door"
    assert await world.labels(ts) == [("badge_door", ANNA)]
    assert "Words they share" not in text_of(await listed(world))
    async with world.database.reader() as work:
        (event, *_) = await work.audit.recent(team_id=TEAM)
        assert await work.proposals.open(team_id=TEAM) == []
    assert event.details["proposal"]


async def test_a_dismissed_proposal_does_not_come_back(world: World):
    await propose(world)
    card = await listed(world)
    value = world.element(card, ActionId.PROPOSAL_DISMISS)["value"]
    await press(world, LENA, ActionId.PROPOSAL_DISMISS, value, ts=card["ts"])
    assert "Only admins" in text_of(await world.private(LENA))
    assert (await world.playground.click(ANNA, HELP, card["ts"], ActionId.PROPOSAL_DISMISS)).ok
    await world.quiet()
    assert "Words they share" not in text_of(await listed(world))
    assert [action for _, action, _ in await audited(world)] == ["category_dismiss"]
    result = await world.playground.click(ANNA, HELP, card["ts"], ActionId.PROPOSAL_ACCEPT)
    assert result.ok
    await world.private(ANNA, lambda text: "settled that proposal already" in text)


async def home(world: World, user: str) -> dict[str, Any]:
    """Open the Home tab and wait until it shows."""
    await world.playground.open_home(user)
    view: dict[str, Any] = await world.playground.wait_for(lambda: world.playground.home(user))
    return view


async def settled(world: World, user: str) -> str:
    """Wait until a Home tab that is open shows no proposal any more."""

    def look() -> str | None:
        shown = str(world.playground.home(user))
        return None if "Words they share" in shown else shown

    shown: str = await world.playground.wait_for(look)
    return shown


async def test_admins_settle_proposals_in_their_home_tab(world: World):
    ts = await propose(world)
    assert "Words they share" not in str(await home(world, LENA))
    view = await home(world, ANNA)
    assert "Words they share" in str(view)
    assert (await world.playground.click_view(ANNA, view["id"], ActionId.PROPOSAL_ACCEPT)).ok
    modal = world.playground.view(ANNA)
    assert (await world.playground.submit_view(ANNA, modal["id"], typed(emoji="door"))).ok
    await world.quiet()
    assert await world.labels(ts) == [("badge_door", ANNA)]
    assert "Badge door" in await settled(world, ANNA)


async def test_a_proposal_is_dismissed_in_the_home_tab(world: World):
    await propose(world)
    view = await home(world, ANNA)
    assert (await world.playground.click_view(ANNA, view["id"], ActionId.PROPOSAL_DISMISS)).ok
    await settled(world, ANNA)
    assert [action for _, action, _ in await audited(world)] == ["category_dismiss"]
