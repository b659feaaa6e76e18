"""Who may do what, cell by cell: every person, every element, tickets of every kind of channel.

All that is sent is forged, with the ids of the real post and a signature of Slack's: nothing is kept from
anybody by what they see. What is right stands here in letters, apart from the table that the bot uses.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, select

from bot.blocks.action_ids import ActionId, CategoryOp, CategoryValue, TicketValue
from bot.rights import RIGHTS
from storage.learning_models import CategoryProposal
from storage.models import (
    AuditEvent,
    InboxEvent,
    InboxState,
    Label,
    LabelKind,
    LabelRole,
    LabelSource,
    Reply,
    ReplyState,
    Ticket,
    TicketState,
)
from storage.slack_models import CategoryOwner, ChannelMember
from tests.factories import forgery
from tests.factories.category_dialogs import chosen, typed
from tests.factories.rows import NOW, prediction_row
from tests.factories.world import (
    ANNA,
    BOT,
    GUEST,
    HELP,
    LENA,
    OTHER_BOT,
    SAM,
    STRANGER,
    TEAM,
    World,
    make_world,
)

pytestmark = pytest.mark.drill("roles")

OWNER, SECOND, PARTNER, BEN, BETTY = "U0OLGA", "U0YURI", "U0PARTNER", "U0BEN", "U0BETTY"
BETA = "T0BETA"
AUTHOR = SAM
PATIENCE = 60.0
"""Seconds: fifty presses at once take a busy machine longer than a test usually waits."""


@dataclass(frozen=True)
class Actor:
    """A letter of the table: a person, and the workspace that their payloads name."""

    user: str
    team: str = TEAM


ACTORS = {
    "A": Actor(ANNA),  # admin
    "O": Actor(OWNER),  # member of the channel of the team that owns the ticket
    "M": Actor(LENA),  # member
    "G": Actor(GUEST),
    "S": Actor(STRANGER),  # of a partner's workspace, and Slack says so
    "P": Actor(PARTNER),  # of a partner's workspace, admin there, and Slack does not say so
    "B": Actor(OTHER_BOT),
    "F": Actor(BEN, BETA),  # member of another workspace that has the app as well
    "X": Actor(BETTY),  # admin there, in the name of our workspace
    "Y": Actor(SECOND, BETA),  # our admin, in the name of another workspace
}

# here: a public channel that all are in; there: one that only the author is in; inside: a private one that
# all are in; secret: a private one that only the author is in; foreign: another workspace's channel.
PLACES = ("here", "there", "inside", "secret", "foreign")
READERS = {"here": "AOM", "there": "AOM", "inside": "AOM", "secret": "", "foreign": ""}
SETTLERS = {"here": "AO", "there": "AO", "inside": "AO", "secret": "", "foreign": ""}
ADMINS = "A"
ALL_OF_OURS = "AOMGSPBX"

EXPECTED: dict[str, Any] = {
    "/why": READERS,
    ActionId.WHY: READERS,
    ActionId.PICTURE: READERS,
    "emoji": READERS,
    ActionId.CONFIRM: READERS,
    ActionId.CORRECT: READERS,
    ActionId.CHOOSE: READERS,
    ActionId.ANSWER: READERS,
    ActionId.SETTLE: SETTLERS,
    "/categories list": ALL_OF_OURS,
    "Home tab": "AOM",
    "/categories add, rename, emoji, destination, merge, split, retire, owner, disown": ADMINS,
    ActionId.CATEGORY_ADD: ADMINS,
    ActionId.CATEGORY_CHANGE: ADMINS,
    ActionId.CATEGORY_RESTORE: ADMINS,
    ActionId.PROPOSAL_ACCEPT: {**READERS, **dict.fromkeys(("here", "there", "inside"), ADMINS)},
    ActionId.PROPOSAL_DISMISS: {**READERS, **dict.fromkeys(("here", "there", "inside"), ADMINS)},
    "/retrain": ADMINS,
}


def letters(users: set[str]) -> str:
    return "".join(letter for letter, actor in ACTORS.items() if actor.user in users)


@dataclass
class Desk:
    """A world with one ticket of the same author in each place, and the bot's card under it."""

    world: World
    tickets: dict[str, Ticket]
    cards: dict[str, str]

    async def everybody(self, act: Callable[[Actor, str], Awaitable[Any]]) -> None:
        """Let everybody do something to the ticket of each place."""
        await asyncio.gather(*(act(actor, place) for place in PLACES for actor in ACTORS.values()))
        await self.world.quiet(PATIENCE)

    async def rows(self, model: Any, *where: Any) -> list[Any]:
        async with self.world.database.reader() as work:
            return list(await work.session.scalars(select(model).where(*where)))

    async def labels(self, source: LabelSource) -> dict[str, str]:
        """Take away the labels of a source; return whose they were, by place."""
        found = {
            place: letters({row.user_id for row in await self.rows(Label, Label.ticket_id == ticket.id)})
            for place, ticket in self.tickets.items()
        }
        assert {row.source for row in await self.rows(Label)} <= {source}
        async with self.world.database.unit_of_work() as work:
            await work.session.execute(delete(Label))
            await work.commit()
        return found

    def shown(self, place: str) -> str:
        """Return who was shown the ticket's own word."""
        word = f"zebra{place}"
        seen = {
            actor.user
            for actor in ACTORS.values()
            if word
            in str([self.world.playground.ephemerals(actor.user), self.world.playground.home(actor.user)])
        }
        return letters(seen)


@pytest.fixture
async def desk(sqlite_url: str) -> AsyncIterator[Desk]:
    async with opened(sqlite_url) as made:
        yield made


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Desk]:
    async with make_world(url, questions_per_day=0) as world:
        playground = world.playground
        us = [actor.user for actor in ACTORS.values() if actor.user not in {BEN, BETTY}]
        colleague = type(playground.state.users[LENA])
        playground.state.users[OWNER] = colleague(OWNER, TEAM, "olga", "Olga Owner")
        playground.state.users[SECOND] = colleague(SECOND, TEAM, "yuri", "Yuri Second", is_admin=True)
        for name in ("team-identity", "team-network", "team-billing"):
            playground.state.channel(name).members[:] = [BOT]
        playground.state.channel("team-billing").members.append(OWNER)
        playground.state.channel(HELP).members[:] = [*us, AUTHOR, BOT]
        channels = {
            "here": HELP,
            "there": playground.add_channel("elsewhere", [AUTHOR, BOT]),
            "inside": playground.add_channel("inside", [*us, AUTHOR, BOT], private=True),
            "secret": playground.add_channel("secret", [AUTHOR, BOT], private=True),
        }
        await own(world)
        tickets, cards = {}, {}
        for place, channel in channels.items():
            ts = await world.say(f"the invoice zebra{place}", user=AUTHOR, channel=channel)
            cards[place] = (await world.card(ts, channel=channel))["ts"]
        await world.quiet()
        async with world.database.reader() as work:
            for place, channel in channels.items():
                ticket = await work.tickets.latest(team_id=TEAM, channel_id=channel)
                assert ticket is not None
                tickets[place] = ticket
        tickets["foreign"] = await stored(world, BETA, "C0BETAHELP", "1790000000.000900", "foreign")
        cards["foreign"] = "1790000000.000901"
        yield Desk(world, tickets, cards)
        async with world.database.reader() as work:  # a refusal is no failure
            failed = await work.session.scalars(
                select(InboxEvent.last_error).where(InboxEvent.state == InboxState.DEAD)
            )
            # of tickets that were only stored there is no message to edit
            assert {error for error in failed if "message_not_found" not in str(error)} == set()


async def own(world: World) -> None:
    """Olga has owned the tickets about money for long, whichever way owners are made."""
    async with world.database.unit_of_work() as work:
        key = {"team_id": TEAM, "user_id": OWNER}
        channel = world.playground.state.channel("team-billing").id
        since = NOW - timedelta(days=30)
        work.session.add(ChannelMember(**key, channel_id=channel, since=since))
        work.session.add(CategoryOwner(**key, slug="billing", named_by=ANNA, created_at=since))
        await work.commit()


async def stored(world: World, team: str, channel: str, ts: str, place: str) -> Ticket:
    """Store a ticket with our post about it, as if it had come that way."""
    async with world.database.unit_of_work() as work:
        ticket, _ = await work.tickets.add_if_new(
            team_id=team, channel_id=channel, ts=ts, user_id=AUTHOR, text=f"the invoice zebra{place}", now=NOW
        )
        await work.tickets.decide(ticket, state=TicketState.ROUTED, category="billing")
        work.session.add(
            prediction_row("billing", team_id=team, ticket_id=ticket.id, id=UUID(int=int(ts[-4:])))
        )
        post = {"team_id": team, "ticket_id": ticket.id, "surface": "card", "channel_id": channel}
        work.session.add(
            Reply(
                **post,
                thread_ts=ts,
                text="",
                blocks=[],
                state=ReplyState.SENT,
                ts=f"{ts[:-1]}1",
                next_attempt_at=NOW,
                created_at=NOW,
            )
        )
        await work.commit()
    return ticket


def test_the_table_of_this_test_has_every_element_and_every_command():
    surfaces = [surface for right in RIGHTS.values() for surface in right.surfaces]
    assert sorted(surfaces) == sorted(EXPECTED)
    assert {*ActionId} <= {*EXPECTED}


async def test_who_is_shown_a_ticket(desk: Desk):
    async def why(actor: Actor, place: str) -> None:
        ticket, fields = desk.tickets[place], {"team": actor.team, "channel": HELP}
        link = f"https://acme.slack.com/archives/{ticket.channel_id}/p{ticket.ts.replace('.', '')}"
        await desk.world.playground.forge(actor.user, "/why", text=link, **fields)
        fields["channel"] = ticket.channel_id
        await desk.world.playground.forge(actor.user, "/why", text="last", **fields)

    async def button(actor: Actor, place: str) -> None:
        await on_card(desk, actor, place, ActionId.WHY)

    for surface, ask in (("/why", why), (ActionId.WHY, button)):
        await desk.everybody(ask)
        assert {place: desk.shown(place) for place in PLACES} == EXPECTED[surface], surface
        desk.world.playground.state.ephemerals.clear()


async def test_who_puts_a_picture_into_the_thread(desk: Desk):
    async def picture(actor: Actor, place: str) -> None:
        await on_card(desk, actor, place, ActionId.PICTURE)

    await desk.everybody(picture)
    for place, ticket in desk.tickets.items():
        if place != "foreign":
            thread = desk.world.playground.thread(ticket.channel_id, ticket.ts)
            pictures = [file for message in thread for file in message.get("files", ())]
            assert len(pictures) == len(EXPECTED[ActionId.PICTURE][place]), place


async def test_whose_emoji_is_a_label(desk: Desk):
    for name in ("key", "white_check_mark", "x"):

        async def react(actor: Actor, place: str, name: str = name) -> None:
            ticket = desk.tickets[place]
            await forgery.emoji(desk.world, actor.user, ticket.channel_id, ticket.ts, name, actor.team)

        await desk.everybody(react)
        assert await desk.labels(LabelSource.REACTION) == EXPECTED["emoji"], name


async def test_whose_press_is_a_label(desk: Desk):
    pressed = {
        ActionId.CONFIRM: LabelSource.BUTTON,
        ActionId.CORRECT: LabelSource.MENU,
        ActionId.CHOOSE: LabelSource.QUESTION,
        ActionId.ANSWER: LabelSource.QUESTION,
    }
    for action, source in pressed.items():

        async def press(actor: Actor, place: str, action: ActionId = action) -> None:
            await on_card(desk, actor, place, action)

        await desk.everybody(press)
        assert await desk.labels(source) == EXPECTED[action], action


async def on_card(desk: Desk, actor: Actor, place: str, action: ActionId) -> None:
    """Press an element of the ticket's own card, which is what a person in the channel would press."""
    ticket = desk.tickets[place]
    numbered = f"{action}_0" if action in {ActionId.CHOOSE, ActionId.ANSWER} else action
    await forgery.press(
        desk.world,
        actor.user,
        numbered,
        TicketValue(ticket.id, "billing").encode(),
        channel=ticket.channel_id,
        ts=desk.cards[place],
        menu=action is ActionId.CORRECT,
        team=actor.team,
    )


async def test_who_settles(desk: Desk):
    cases: dict[tuple[str, str], Ticket] = {}
    for row, place in enumerate(PLACES):
        for column, letter in enumerate(ACTORS):
            base, ts = desk.tickets[place], f"17900001{row}{column}.000{row}{column}0"
            cases[place, letter] = await stored(desk.world, base.team_id, base.channel_id, ts, place)
    async with desk.world.database.unit_of_work() as work:
        for ticket in cases.values():
            for category, user in (("login", "U0ONE"), ("network", "U0TWO")):
                await work.labels.add(
                    team_id=ticket.team_id,
                    ticket_id=ticket.id,
                    category=category,
                    user_id=user,
                    role=LabelRole.STAFF,
                    kind=LabelKind.CORRECTION,
                    source=LabelSource.BUTTON,
                    now=NOW,
                )
        await work.commit()
    for (_, letter), ticket in cases.items():
        value = TicketValue(ticket.id).encode()
        who = ACTORS[letter]
        await forgery.press(desk.world, who.user, f"{ActionId.SETTLE}_0", value, team=who.team)
    await desk.world.quiet(PATIENCE)
    settled = {row.ticket_id for row in await desk.rows(Label, Label.source == LabelSource.REVIEW)}
    found = {p: "".join(x for x in ACTORS if cases[p, x].id in settled) for p in PLACES}
    assert found == EXPECTED[ActionId.SETTLE]


async def test_who_commands_models_and_categories(desk: Desk):
    playground = desk.world.playground
    for word in ("status", "history", "help", "cancel", "rollback", "dry-run", "start"):
        assert await told(desk, "/retrain", word) == EXPECTED["/retrain"], word
    assert await told(desk, "/categories", "list") == EXPECTED["/categories list"]
    for word in ("owner network", "owner network <@U0LENA>", "disown network <@U0LENA>"):
        assert await told(desk, "/categories", word) == ADMINS, word
    for op in ("add", "rename", "emoji", "destination", "merge", "split", "retire"):
        for actor in ACTORS.values():
            fields = {"team": actor.team, "channel": HELP}
            await playground.forge(actor.user, "/categories", text=f"{op} network", **fields)
        assert await modals(desk) == ADMINS, op
    for actor in ACTORS.values():
        await forgery.press(desk.world, actor.user, ActionId.CATEGORY_ADD, "add", team=actor.team)
    assert await modals(desk) == EXPECTED[ActionId.CATEGORY_ADD]
    for actor in ACTORS.values():
        value = CategoryValue(CategoryOp.RENAME, "network").encode()
        await forgery.press(
            desk.world, actor.user, ActionId.CATEGORY_CHANGE, value, menu=True, team=actor.team
        )
    assert await modals(desk) == EXPECTED[ActionId.CATEGORY_CHANGE]


async def test_whose_modals_and_buttons_change_the_categories(desk: Desk):
    for letter, actor in reversed(ACTORS.items()):  # the admin last: the others' would have no effect then
        submissions = (
            (CategoryOp.ADD, typed(name=f"New {letter}", emoji=f"door_{letter.lower()}"), None),
            (CategoryOp.RENAME, typed(name=f"Network {letter}"), "network"),
            (CategoryOp.EMOJI, typed(emoji=f"moon_{letter.lower()}"), "network"),
            (CategoryOp.DESTINATION, {}, "network"),
            (CategoryOp.MERGE, chosen("target", "network"), "login"),
        )
        for op, state, slug in submissions:
            await forgery.submit(desk.world, actor.user, op, state, slug, team=actor.team)
        await desk.world.quiet(PATIENCE)
        await forgery.press(desk.world, actor.user, ActionId.CATEGORY_RESTORE, "login", team=actor.team)
        await forgery.submit(desk.world, actor.user, CategoryOp.RETIRE, {}, "network", team=actor.team)
        await desk.world.quiet(PATIENCE)
    done = await desk.rows(AuditEvent, AuditEvent.action.startswith("category_"))
    wanted = {"add", "rename", "emoji", "destination", "merge", "restore", "retire"}
    assert {(row.actor, row.action) for row in done} == {(ANNA, f"category_{op}") for op in wanted}


async def test_who_settles_proposals(desk: Desk):
    async with desk.world.database.unit_of_work() as work:
        for place, ticket in desk.tickets.items():
            fields = {"words": [f"zebra{place}"], "ticket_ids": [ticket.id], "now": NOW}
            await work.proposals.add(team_id=ticket.team_id, key=place, **fields)
        await work.commit()
    proposals = {row.key: row for row in await desk.rows(CategoryProposal)}
    for place in PLACES:
        for actor in ACTORS.values():
            value = str(proposals[place].id)
            await forgery.press(desk.world, actor.user, ActionId.PROPOSAL_ACCEPT, value, team=actor.team)
        assert await modals(desk) == EXPECTED[ActionId.PROPOSAL_ACCEPT][place], place

    async def dismiss(actor: Actor, place: str) -> None:
        value = str(proposals[place].id)
        await forgery.press(desk.world, actor.user, ActionId.PROPOSAL_DISMISS, value, team=actor.team)

    await desk.everybody(dismiss)
    by = {row.key: letters({row.settled_by or ""}) for row in await desk.rows(CategoryProposal)}
    assert by == EXPECTED[ActionId.PROPOSAL_DISMISS]


async def test_who_sees_figures_at_home(desk: Desk):
    for actor in ACTORS.values():
        event = {"type": "app_home_opened", "user": actor.user, "channel": "D0ANY", "tab": "home"}
        await desk.world.playground.send_event(event, team=actor.team)
    await desk.world.quiet(PATIENCE)
    homes = {letter: str(desk.world.playground.home(actor.user)) for letter, actor in ACTORS.items()}
    assert "".join(x for x, home in homes.items() if "*4* tickets" in home) == EXPECTED["Home tab"]
    assert "".join(x for x, home in homes.items() if "For admins" in home) == ADMINS
    assert "I point each support message" in homes["G"]


async def told(desk: Desk, command: str, text: str) -> str:
    """Return the letters of those who were answered with something else than a refusal."""
    playground = desk.world.playground
    playground.state.ephemerals.clear()
    before = len(playground.messages(HELP))
    for actor in ACTORS.values():
        await playground.forge(actor.user, command, team=actor.team, channel=HELP, text=text)
    await desk.world.quiet(PATIENCE)
    posted, found = len(playground.messages(HELP)) > before, ""
    for letter, actor in ACTORS.items():
        answers = [message["text"] for message in playground.ephemerals(actor.user)]
        if any("Only admins" not in said and "another workspace" not in said for said in answers):
            found += letter
    # a retraining is no answer to one person, but a message in the channel: it was the admin's
    return "".join(sorted({*found, *("A" if posted else "")}, key=[*ACTORS].index))


async def modals(desk: Desk) -> str:
    """Close all modals; return whose were open."""
    open_for = {user for user, stack in desk.world.playground.state.modals.items() if stack}
    desk.world.playground.state.modals.clear()
    await desk.world.quiet(PATIENCE)
    return letters(open_for)
