"""Destinations are ids, and no look-up of Slack's decides whether a person is answered."""

from __future__ import annotations

import math

import pytest

from bot.app.doctor import check_channels
from bot.errors import ConfigurationError, SlackUnavailable
from bot.tickets import destinations
from playground.limits import TIERS
from playground.server import Playground
from storage.models import Category
from tests.factories.world import (
    ANNA,
    BOT,
    CATEGORIES,
    HELP,
    LENA,
    SAM,
    TEAM,
    World,
    make_world,
    settings_for,
    text_of,
)

TEXT = "my password does not work"
LISTS = ("conversations.list", "users.conversations", "conversations.info")
ADMINS = "admins"
UNREACHABLE = "I cannot post"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a start wait hardly at all for a listing that will not come."""
    monkeypatch.setattr(destinations, "FIRST_LOOK_SECONDS", 0.2)


def workspace(*more: str) -> Playground:
    return Playground(channels=[*(str(each.destination) for each in CATEGORIES), *more], acceleration=0.01)


def shown(world: World, channel: str) -> list[str]:
    return [text_of(m) for m in world.playground.messages(channel) if m.get("bot_id")]


async def in_channel(world: World, channel: str, count: int = 1) -> list[str]:
    """Wait for so many posts of ours in a channel."""
    await world.playground.wait_for(lambda: len(shown(world, channel)) >= count)
    return shown(world, channel)


async def category(world: World, slug: str = "login") -> Category:
    async with world.database.reader() as work:
        found = await work.categories.get(team_id=TEAM, slug=slug)
    assert found is not None
    return found


async def look(world: World) -> None:
    """Let the bot list its channels now."""
    world.bot.destinations.look_soon()
    await world.bot.destinations.look()


def team_channel(world: World, name: str = "team-identity") -> str:
    return world.playground.state.channel(name).id


async def test_6_tickets_in_a_workspace_of_4500_channels(sqlite_url: str):
    """Slack lists channels 20 times a minute: the bot asks for those that it is in."""
    playground = workspace()
    for number in range(4500):
        playground.add_channel(f"room-{number}", [SAM])
    playground.limits.per_minute.update(TIERS)
    async with make_world(sqlite_url, playground=playground) as world:
        for number in range(6):
            await world.card(await world.say(f"{TEXT} {number}"))
        await in_channel(world, team_channel(world), 6)
        assert world.playground.journal.find("api", "conversations.list") == []
        assert len(world.playground.journal.find("api", "users.conversations")) <= 2
        assert world.playground.limits.early == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("known", [False, True], ids=["new", "existing"])
async def test_an_answer_waits_for_no_list(sqlite_url: str, known: bool):
    if known:
        async with make_world(sqlite_url, playground=workspace()) as before:
            await before.bot.destinations.look()
    playground = workspace()
    for method in LISTS:
        playground.faults.fail(method, "fatal_error", times=math.inf)
    async with make_world(sqlite_url, playground=playground) as world:
        assert "Sign-in" in text_of(await world.card(await world.say(TEXT)))
        if known:
            await in_channel(world, team_channel(world))
        else:  # the team hears of it when its channel can be found
            world.playground.faults.clear()
            await world.bot.destinations.look()
            assert "New ticket" in (await in_channel(world, team_channel(world)))[0]


async def test_a_listing_goes_on_where_a_rate_limit_stopped_it(sqlite_url: str):
    playground = workspace()
    for number in range(450):
        playground.add_channel(f"room-{number}", [BOT])
    async with make_world(sqlite_url, playground=playground, backfill_hours=0) as world:
        journal, faults = world.playground.journal, world.playground.faults
        await world.bot.destinations.look()  # behind the one that the start began
        before = journal.last
        faults.hang("users.conversations", 0.0)
        faults.fail("users.conversations", "fatal_error")
        with pytest.raises(SlackUnavailable, match="fatal_error"):
            await look(world)
        await world.bot.destinations.look()
        asked = journal.find("api", "users.conversations", after=before)
        assert [bool(entry.request.get("cursor")) for entry in asked] == [False, True, True, True]


async def test_a_destination_is_followed_through_a_rename(any_world: World):
    channel = team_channel(any_world)
    any_world.playground.rename_channel(channel, "team-access")
    any_world.playground.add_channel("team-identity", [ANNA, BOT])  # the old name is somebody else's now
    await any_world.card(await any_world.say(TEXT))
    await in_channel(any_world, channel)
    await look(any_world)
    row = await category(any_world)
    assert (row.destination_id, row.destination, row.destination_trouble) == (channel, "team-access", None)


async def lose(world: World, how: str) -> None:
    channel = team_channel(world)
    if how == "archived":
        world.playground.archive_channel(channel)
    else:
        await world.playground.leave(BOT, channel)


async def win_back(world: World, how: str) -> None:
    channel = team_channel(world)
    if how == "archived":
        world.playground.archive_channel(channel, archived=False)
    else:
        world.playground.state.channel(channel).members.append(BOT)


@pytest.mark.parametrize("how", ["archived", "left"])
async def test_a_destination_out_of_reach_costs_no_answer_and_its_cards_follow(sqlite_url: str, how: str):
    playground = workspace(ADMINS)
    async with make_world(sqlite_url, playground=playground, admin_channel=ADMINS) as world:
        channel, admins = team_channel(world), team_channel(world, ADMINS)
        await lose(world, how)
        first = await world.say(TEXT)
        await world.card(first)  # in the thread, whatever becomes of the team's card

        async def noted() -> bool:
            return (await category(world)).destination_trouble is not None

        await world.playground.wait_for(noted)
        await world.bot.destinations.look()
        await world.card(first, lambda text: UNREACHABLE in text)
        second = await world.say(f"{TEXT} again")
        await world.card(second, lambda text: UNREACHABLE in text)
        (told,) = await in_channel(world, admins)
        assert "Sign-in" in told
        assert UNREACHABLE in told
        assert TEXT not in told
        await win_back(world, how)
        await look(world)
        cards = await in_channel(world, channel, 2)
        assert len(cards) == 2
        assert len(shown(world, admins)) == 1  # told once
        for ts in (first, second):
            await world.bot.destinations.look()
            await world.card(ts, lambda text: UNREACHABLE not in text)
        assert (await category(world)).destination_trouble is None


async def test_a_destination_that_never_was_is_said_so(sqlite_url: str):
    playground = Playground(channels=["team-network", "team-billing", ADMINS], acceleration=0.01)
    async with make_world(sqlite_url, playground=playground, admin_channel=ADMINS) as world:
        await world.card(await world.say(TEXT), lambda text: UNREACHABLE in text)
        (told,) = await in_channel(world, team_channel(world, ADMINS))
        assert "team-identity" in told
        doctored = settings_for(world.playground, sqlite_url, support_channels=("nowhere", "help-desk"))
        with pytest.raises(ConfigurationError, match="nowhere; cannot post for Sign-in in #team-identity"):
            await check_channels(doctored)
        made = world.playground.add_channel("team-identity", [ANNA, BOT])
        await look(world)
        assert "New ticket" in (await in_channel(world, made))[0]
        assert "can post" in await check_channels(settings_for(world.playground, sqlite_url))


@pytest.mark.usefixtures("impatient")
async def test_support_channels_by_name_wait_for_the_name_alone(sqlite_url: str):
    playground = workspace()
    playground.faults.fail("users.conversations", "fatal_error", times=math.inf)
    playground.faults.fail("conversations.info", "fatal_error", times=1)
    async with make_world(sqlite_url, playground=playground, support_channels=("help-desk",)) as world:
        elsewhere = await world.say(TEXT, channel=team_channel(world))
        await world.card(await world.say(TEXT))
        await world.card(await world.say(f"{TEXT} too"))
        await world.quiet()
        assert world.playground.thread(team_channel(world), elsewhere) == []
        asked = world.playground.journal.find("api", "conversations.info")
        # the one that failed, the name's, and whether it is private, which is asked by itself each minute
        assert [entry.request["channel"] for entry in asked].count(HELP) <= 3


@pytest.mark.usefixtures("impatient")
async def test_no_ticket_is_made_in_a_teams_channel_that_is_not_yet_known(sqlite_url: str):
    playground = workspace()
    playground.faults.fail("users.conversations", "fatal_error", times=math.inf)
    async with make_world(sqlite_url, playground=playground) as world:
        await world.say(TEXT, channel=team_channel(world))
        await world.card(await world.say(TEXT))
        await world.quiet()
        assert await world.tickets() == 1


@pytest.mark.usefixtures("impatient")
async def test_an_invitation_is_followed_without_waiting_for_the_next_listing(sqlite_url: str):
    async with make_world(sqlite_url, playground=workspace()) as world:
        channel = team_channel(world)
        await lose(world, "left")
        await world.card(await world.say(TEXT))
        await world.playground.join(BOT, channel)
        assert "New ticket" in (await in_channel(world, channel))[0]


async def test_a_member_is_found_among_50000(world: World):
    channel = world.playground.state.channel("team-identity")
    channel.members[:0] = [f"U{number}" for number in range(50_000)]
    before = world.playground.journal.last
    assert await world.bot.workspace.messenger.is_member(channel.id, LENA)
    assert len(world.playground.journal.find("api", after=before)) <= 3
