"""Which channels the teams' cards go to, whether we can post there, and what happens when that changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import structlog

from bot.blocks.categories import unreachable_card
from bot.errors import SlackUnavailable
from bot.notices import leave_post
from bot.queue.serial_tasks import poll
from bot.slack.answers import UNREACHABLE
from bot.tickets.corrections import Corrections
from bot.tickets.posts import TEAM_CARD, add_replies, ticket_view
from bot.workspace import Workspace
from storage.database import UnitOfWork
from storage.errors import StorageError
from storage.models import Category, Reply
from storage.slack_models import KnownChannel

EVERY = timedelta(minutes=5)
"""How often Slack is asked for our channels."""
SOON = timedelta(minutes=1)
"""The same while a channel cannot be reached."""
POLL_SECONDS = 5.0
FIRST_LOOK_SECONDS = 3.0
"""A new installation waits so long for its first listing; after that channels are known."""
FOLLOWS = timedelta(days=14)
FOLLOW_AT_MOST = 200
"""So many tickets get their team's card later, when its channel can be reached."""
REDRAWN_AT_MOST = 20
"""Further cards in threads say what is true when somebody touches them."""

log = structlog.get_logger(__name__)


class Destinations:
    """Holds destinations by id: found once by name, followed through renames, told of when out of reach.

    Args:
        workspace: the parts.
        poll_seconds: between two looks at what is to do.
    """

    def __init__(self, workspace: Workspace, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._workspace = workspace
        self._corrections = Corrections(workspace)
        self._poll_seconds = poll_seconds
        self._next_look = workspace.clock()
        self._looked = asyncio.Event()
        self._stale: deque[UUID] = deque()
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """Look until cancelled."""
        await poll("destinations", self.look, self._poll_seconds, SlackUnavailable, StorageError)

    async def first_look(self) -> None:
        """Wait a moment for the first listing where no channel is known yet; never where some are."""
        space = self._workspace
        async with space.database.reader() as work:
            known = await work.known_channels.joined(team_id=space.identity.team_id)
        if not known:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_LOOK_SECONDS):
                    await self._looked.wait()

    async def look(self) -> None:
        """List our channels where it is time for that, and make categories and cards say what is true.

        Raises:
            SlackUnavailable: Slack did not answer; what was listed is kept.
        """
        async with self._looking:
            now, complete = self._workspace.clock(), False
            if now >= self._next_look:
                while not complete:
                    complete = await self._workspace.directory.list_some()
                    trouble = await self._settle(complete=complete)
                self._next_look = now + (SOON if trouble else EVERY)
                self._looked.set()
            await self._redraw()

    def look_soon(self) -> None:
        """Make the next look list our channels."""
        self._next_look = self._workspace.clock()

    async def lost(self, reply: Reply, code: str) -> bool:
        """Note that a post cannot be made in its channel; return whether it is to wait for the channel."""
        if not reply.surface.startswith(TEAM_CARD):
            return False
        space = self._workspace
        admins = await self._admin_channel()
        async with space.database.unit_of_work() as work:
            rows = await work.categories.active(team_id=reply.team_id)
            mine = [row for row in rows if row.destination_id == reply.channel_id]
            worse = [row for row in mine if row.destination_trouble is None]
            for row in worse:
                row.destination_trouble = code
            await self._tell(work, worse, admins)
            await work.commit()
        if worse:
            self._next_look = min(self._next_look, space.clock() + SOON)
            space.wake_outbox()
        if reply.ticket_id is not None:
            self._stale.append(reply.ticket_id)
        return bool(mine)

    async def _settle(self, *, complete: bool) -> bool:
        """Bring the categories up to what is known; return whether a destination is out of reach."""
        space, team_id = self._workspace, self._workspace.identity.team_id
        async with space.database.reader() as work:
            joined = await work.known_channels.joined(team_id=team_id)
            rows = await work.categories.active(team_id=team_id)
        asked = await self._ask(rows, joined) if complete else {}
        admins = await self._admin_channel()
        async with space.database.unit_of_work() as work:
            rows = [row for row in await work.categories.active(team_id=team_id) if row.destination]
            before = {row.slug: (row.destination_id, row.destination_trouble) for row in rows}
            for row in rows:
                _point(row, joined, asked)
            await work.session.flush()
            worse = [row for row in rows if row.destination_trouble and not before[row.slug][1]]
            better = [
                row
                for row in rows
                if row.destination_id
                and not row.destination_trouble
                and before[row.slug] != (row.destination_id, None)
            ]
            for row in better:
                await self._catch_up(work, row, redraw=before[row.slug][1] is not None)
            await self._tell(work, worse, admins)
            await work.commit()
        if better or worse:
            log.info("destinations", better=len(better), worse=len(worse))
            space.wake_outbox()
        return any(row.destination_trouble for row in rows)

    async def _ask(self, rows: Sequence[Category], joined: Sequence[KnownChannel]) -> dict[str, str | None]:
        """Return by slug why a destination that is none of our channels cannot be reached; None: it can."""
        ids = {channel.channel_id for channel in joined}
        found: dict[str, str | None] = {}
        for row in rows:
            if row.destination_id is None or row.destination_id in ids:
                found[row.slug] = "not_in_channel"  # where no channel of ours has its name
                continue
            try:
                seen = await self._workspace.directory.look_up(row.destination_id)
            except SlackUnavailable as error:
                found[row.slug] = error.code if error.code in UNREACHABLE else row.destination_trouble
            else:
                found[row.slug] = (
                    "is_archived" if seen.is_archived else None if seen.is_member else "not_in_channel"
                )
        return found

    async def _catch_up(self, work: UnitOfWork, row: Category, *, redraw: bool) -> None:
        """Let the cards go out that the team should have had."""
        space, now = self._workspace, self._workspace.clock()
        await work.replies.due_now(
            team_id=row.team_id, channel_id=str(row.destination_id), errors=UNREACHABLE, now=now
        )
        tickets = await work.categories.posted_tickets(
            team_id=row.team_id, slugs=[row.slug], since=now - FOLLOWS, limit=FOLLOW_AT_MOST
        )
        for ticket in tickets:
            await add_replies(space, work, await ticket_view(space, work, ticket))
        if redraw:
            self._stale.extend(ticket.id for ticket in tickets[:REDRAWN_AT_MOST])

    async def _tell(self, work: UnitOfWork, worse: Sequence[Category], admins: str | None) -> None:
        """Tell the admins, once: a destination is told of when it gets out of reach, not while it is."""
        if not worse or admins is None:
            return
        space, slugs = self._workspace, {row.slug for row in worse}
        await work.session.flush()
        views = [view for view in await space.directory.categories(work) if view.slug in slugs]
        await leave_post(space, work, "destinations", admins, unreachable_card(views))

    async def _admin_channel(self) -> str | None:
        try:
            return await self._workspace.directory.admin_channel_id()
        except SlackUnavailable:
            return None

    async def _redraw(self) -> None:
        """Make the cards in some threads say what is true; a card that is gone is nobody's loss."""
        space = self._workspace
        while self._stale:
            async with space.database.reader() as work:
                ticket = await work.tickets.get(team_id=space.identity.team_id, ticket_id=self._stale[0])
            if ticket is not None:
                try:
                    await self._corrections.refresh(ticket)
                except SlackUnavailable as error:
                    if not error.permanent:
                        raise
                    log.info("card_not_redrawn", ticket=str(ticket.id), error=error.code)
            self._stale.popleft()


def _point(row: Category, joined: Sequence[KnownChannel], asked: Mapping[str, str | None]) -> None:
    """Point a category to its channel: by id, or by name while that is all we have."""
    name = (row.destination or "").lstrip("#")
    if row.destination_id is None:
        channel = next((each for each in joined if name in (each.name, each.channel_id)), None)
    else:
        channel = next((each for each in joined if each.channel_id == row.destination_id), None)
    if channel is not None:
        row.destination_id, row.destination, row.destination_trouble = channel.channel_id, channel.name, None
    elif row.slug in asked:
        row.destination_trouble = asked[row.slug]
