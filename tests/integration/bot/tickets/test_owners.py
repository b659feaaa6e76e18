"""Who speaks for the team that got a ticket: for a week in its channel, or named by an admin."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import delete

from bot.errors import SlackUnavailable
from bot.slack.people import Role
from bot.tickets.owners import MOST_MEMBERS, Owners
from storage.models import LabelRole, Ticket, TicketState
from storage.slack_models import ChannelMember
from tests.factories.moving_clock import MovingClock
from tests.factories.world import ANNA, GUEST, HELP, LENA, SAM, TEAM, World, make_world, only_staff, text_of

OLGA = "U0OLGA"
TEAM_CHANNEL = "team-identity"
TEXT = "my password does not work here"


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock(datetime.now(UTC))  # Slack's events carry its own time


@pytest.fixture
async def world(sqlite_url: str, clock: MovingClock) -> AsyncIterator[World]:
    """A workspace whose time a test moves, with one more colleague."""
    async with make_world(sqlite_url, clock=clock) as made:
        state = made.playground.state
        state.users[OLGA] = type(state.users[SAM])(OLGA, TEAM, "olga", "Olga Olsen")
        state.channel(HELP).members.append(OLGA)
        yield made


def ticket(category: str | None = "login") -> Ticket:
    """A ticket that the bot sent to the Sign-in team."""
    state = TicketState.ROUTED if category else TicketState.ASKED
    return Ticket(
        id=uuid4(), team_id=TEAM, channel_id=HELP, ts="1.1", text=TEXT, state=state, category=category
    )


async def role(world: World, user: str = OLGA, said: str | None = None, **about: str | None) -> Role:
    """Return somebody's role, as a process that remembers nothing sees it."""
    return await Owners(world.bot.workspace).role(user, ticket(**about), (said,))


async def join(world: World, user: str = OLGA, channel: str = TEAM_CHANNEL) -> None:
    await world.playground.join(user, channel)
    await world.quiet()


async def test_who_joins_a_teams_channel_owns_nothing_for_a_week(world: World, clock: MovingClock):
    await Owners(world.bot.workspace).look()
    await join(world)
    assert await role(world) is Role.STAFF
    clock.move(days=6, hours=23)
    assert await role(world) is Role.STAFF
    clock.move(hours=2)
    assert await role(world) is Role.OWNER


async def test_who_is_there_when_the_bot_looks_first_is_of_long_standing(world: World):
    assert await role(world, LENA) is Role.OWNER
    assert await role(world, OLGA) is Role.STAFF


async def test_who_is_found_by_a_later_look_has_come_only_just_now(world: World, clock: MovingClock):
    channel = world.playground.state.channel(TEAM_CHANNEL)
    await Owners(world.bot.workspace).look()
    channel.members.append(OLGA)  # where the bot is not told
    assert await role(world) is Role.STAFF
    clock.move(days=7)
    assert await role(world) is Role.OWNER


async def test_who_leaves_begins_anew(world: World, clock: MovingClock):
    assert await role(world, LENA) is Role.OWNER
    await world.playground.leave(LENA, TEAM_CHANNEL)
    await world.quiet()
    assert await role(world, LENA) is Role.STAFF
    await join(world, LENA)
    clock.move(days=6)
    assert await role(world, LENA) is Role.STAFF
    world.playground.state.channel(TEAM_CHANNEL).members.remove(LENA)
    assert await role(world, LENA) is Role.STAFF
    clock.move(days=2)
    assert await role(world, LENA) is Role.STAFF


async def test_to_be_in_the_channel_that_one_names_is_no_merit(world: World):
    world.playground.state.channel("team-billing").members.append(OLGA)
    assert await role(world, said="billing") is Role.STAFF
    assert await role(world, category="billing") is Role.OWNER
    assert await role(world, category=None, said="billing") is Role.STAFF


async def test_the_support_channel_makes_nobody_an_owner(world: World):
    async with world.database.unit_of_work() as work:
        row = next(row for row in await work.categories.all(team_id=TEAM) if row.slug == "login")
        row.destination = "help-desk"
        await work.commit()
    assert await role(world) is Role.STAFF


async def test_an_outsider_owns_nothing_and_an_admin_stays_one(world: World):
    world.playground.state.channel(TEAM_CHANNEL).members.append(GUEST)
    assert await role(world, GUEST) is Role.OUTSIDER
    assert await role(world, ANNA) is Role.ADMIN


async def test_a_channel_of_the_whole_company_is_no_team(world: World):
    members = world.playground.state.channel(TEAM_CHANNEL).members
    members += [OLGA, *(f"U1{number}" for number in range(MOST_MEMBERS))]
    assert await role(world) is Role.STAFF


async def test_what_was_known_counts_while_slack_does_not_answer(world: World):
    channels = [f"C0TEAM{name}" for name in ("BILLING", "IDENTITY", "NETWORK")]

    async def all_looked_at() -> bool:
        async with world.database.reader() as work:
            return all([await work.owners.looked(team_id=TEAM, channel_id=each) for each in channels])

    await world.playground.wait_for(all_looked_at)  # the running bot's own first look is over
    async with world.database.unit_of_work() as work:
        await work.session.execute(delete(ChannelMember))
        await work.commit()
    faults = world.playground.faults
    faults.fail("conversations.members", "internal_error")
    with pytest.raises(SlackUnavailable):
        await role(world, LENA, category="billing")
    assert await role(world, LENA, category="billing") is Role.OWNER
    faults.fail("conversations.members", "internal_error")
    assert await role(world, LENA, category="billing") is Role.OWNER
    faults.fail("conversations.members", "channel_not_found")
    assert await role(world, LENA, category="billing") is Role.STAFF


async def test_an_admin_names_owners_and_takes_it_back(world: World):
    async def say(text: str, answer: str, user: str = ANNA) -> None:
        await world.playground.run_command(user, HELP, "/categories", text)
        await world.private(user, lambda shown: answer in shown)

    await say("owner Billing @olga", "That person is an owner of Billing now.")
    await say("owner Billing", f"for a week, and by name: <@{OLGA}>.")
    assert await role(world, category="billing") is Role.OWNER
    assert await role(world, said="billing") is Role.OWNER
    assert await role(world) is Role.STAFF
    await say("owner billing @olga", "owner of Billing already")
    await say("disown Billing @olga", "no owner of Billing by name any more")
    assert await role(world, category="billing") is Role.STAFF
    await say("owner Billing @guest", "Only members of this workspace can own")
    await say("owner Billing", "for a week, and by name: nobody.")
    await say("owner Billing @olga @sam", "Name a category and one person")
    await say("owner", "Name a category and one person")
    await say("owner Nothing @olga", "That category no longer exists")
    await say("owner Billing @olga", "Only admins may change the categories", SAM)
    assert await role(world, category="billing") is Role.STAFF
    async with world.database.reader() as work:
        found = [(event.action, event.subject) for event in await work.audit.recent(team_id=TEAM)]
    assert sorted(found) == [("category_disown", "billing"), *[("category_owner", "billing")] * 2]


async def test_a_joiners_word_reroutes_nobodys_messages(world: World):
    """The same words of a colleague are asked about, with what was said as the first choice."""
    only_staff(world)
    await Owners(world.bot.workspace).look()
    ts = await world.say(TEXT)
    await world.card(ts)
    await join(world)
    await world.playground.react(OLGA, HELP, ts, "credit_card")
    await world.card(ts, lambda text: f"Corrected by <@{OLGA}>" in text)
    async with world.database.reader() as work:
        found = await work.tickets.find(team_id=TEAM, channel_id=HELP, ts=ts)
        assert found is not None
        (label,) = await work.labels.active_for(team_id=TEAM, ticket_id=found.id)
    assert label.role == LabelRole.STAFF
    card = await world.card(await world.say(TEXT, user=LENA))
    assert "so I ask" in text_of(card)
    assert card["blocks"][1]["elements"][0]["text"]["text"].startswith(":credit_card: Billing")
