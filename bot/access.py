"""Who may read what. Everything that shows a ticket's text to somebody asks here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

import structlog

from bot.blocks.action_ids import TicketValue
from bot.errors import NotAllowed, SlackUnavailable, UnknownMessage
from bot.rights import RIGHTS, Deed, Reach, reach
from bot.slack.messenger import Identity, Messenger
from bot.slack.people import People, Role
from bot.slack.timed_cache import SIZE, TimedCache
from bot.tickets.label_files import IMPORTED
from storage.database import Database
from storage.models import Ticket

CACHE_SECONDS = 60.0
"""Who has left a private channel reads it no longer than this."""
LAST_SAID_SECONDS = 3600.0
"""So long counts what Slack last said of a channel while it does not answer."""
PAUSE_SECONDS = 30.0

log = structlog.get_logger(__name__)


class Access:
    """What the people of one workspace may read, and what they may do with which ticket.

    Args:
        database: holds the tickets and our posts.
        messenger: asks Slack about channels.
        people: knows their roles.
        identity: who we are.
        monotonic: seconds, for the caches.
    """

    def __init__(
        self,
        database: Database,
        messenger: Messenger,
        people: People,
        identity: Identity,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._people = people
        self._identity = identity
        self._monotonic = monotonic
        self._messenger = messenger
        self._private = TimedCache(CACHE_SECONDS, self._is_private, monotonic)
        self._members = TimedCache(CACHE_SECONDS, self._is_member, monotonic)
        self._look_again = float("-inf")
        self._said: dict[str, tuple[float, bool]] = {}

    async def may_read(self, user_id: str, channel_id: str) -> bool:
        """Say whether a person may read a channel.

        Staff read public channels and the private ones that they are in; everybody else only what they are
        in. Imported texts were in no channel: admins read them, who may import.

        Raises:
            SlackUnavailable: Slack did not say; ask again.
        """
        role = await self._people.role(user_id)
        if channel_id == IMPORTED:
            return role is Role.ADMIN
        if role is not Role.OUTSIDER and not await self._private.get(channel_id):
            return True
        return await self._members.get((channel_id, user_id))

    async def may_see(self, user_id: str, ticket: Ticket) -> bool:
        """Say whether a person may see a ticket: outsiders only their own.

        Raises:
            SlackUnavailable: Slack did not say; ask again.
        """
        if ticket.team_id != self._identity.team_id:
            return False
        outsider = await self._people.role(user_id) is Role.OUTSIDER
        if outsider and ticket.user_id != user_id:
            return False
        return await self.may_read(user_id, ticket.channel_id)

    async def seen(self, user_id: str, tickets: Iterable[Ticket]) -> list[Ticket]:
        """Return those of some tickets that may be shown to a person: none of which Slack does not say."""
        found = []
        for ticket in tickets:
            try:
                if await self.may_see(user_id, ticket):
                    found.append(ticket)
            except SlackUnavailable as error:
                log.info("sight_unknown", channel=ticket.channel_id, error=error.code)
        return found

    async def look(self, *channels: str) -> None:
        """Ask Slack whether channels are public, so that `is_open` knows: it is asked inside transactions.

        Nobody waits long for that: after a failure what was said last has to do for a while.
        """
        for channel_id in channels:
            if self._monotonic() < self._look_again:
                return
            try:
                await self._private.get(channel_id)
            except SlackUnavailable as error:
                log.info("channel_unknown", channel=channel_id, error=error.code)
                self._look_again = self._monotonic() + PAUSE_SECONDS

    def is_open(self, channel_id: str) -> bool:
        """Say whether what was said in a channel may be quoted in another: as Slack last said, else no."""
        at, private = self._said.get(channel_id, (float("-inf"), True))
        return not private and self._monotonic() - at < LAST_SAID_SECONDS

    async def require(
        self, deed: Deed, user_id: str, ticket: Ticket | None = None, role: Role | None = None
    ) -> None:
        """Refuse what the table does not grant.

        Args:
            deed: what is wanted.
            user_id: by whom.
            ticket: of which ticket, where it is about one.
            role: theirs towards the ticket, where that counts; None: their role in the workspace.

        Raises:
            NotAllowed: it is not theirs to do, or they may not see the ticket.
            SlackUnavailable: Slack did not say; ask again.
        """
        granted = reach(deed, role or await self._people.role(user_id))
        if granted is Reach.NO:
            log.info("not_allowed", deed=deed.name, user=user_id)
            raise NotAllowed(RIGHTS[deed].refusal)
        if ticket is not None and not await self.may_see(user_id, ticket):
            log.info("not_allowed", deed=deed.name, user=user_id, ticket=str(ticket.id))
            raise NotAllowed("You cannot see the channel of that message.")

    async def pressed(self, payload: Mapping[str, Any]) -> tuple[Ticket, TicketValue]:
        """Return the ticket of a pressed element, and what its value says.

        A payload's ids are not believed: a message that is named must be a post of ours about that ticket.
        What only one person sees, and what has no message, proves nothing: their right to read decides.

        Raises:
            NotAllowed: it was pressed in another workspace.
            UnknownMessage: no such ticket, its message was deleted, or the message is about another one.
        """
        self.require_ours(payload)
        try:
            value = TicketValue.decode(str(payload["value"]))
        except ValueError as error:
            raise UnknownMessage from error
        ticket = await self._ticket(value.ticket_id, payload)
        if ticket is None:
            raise UnknownMessage
        return ticket, value

    def require_ours(self, payload: Mapping[str, Any]) -> None:
        """Refuse what was asked in another workspace than the one that we serve.

        Raises:
            NotAllowed: it was.
        """
        if payload.get("team_id") != self._identity.team_id:
            raise NotAllowed("I work for another workspace than yours.")

    async def _ticket(self, ticket_id: UUID, payload: Mapping[str, Any]) -> Ticket | None:
        key: dict[str, Any] = {"team_id": self._identity.team_id, "ticket_id": ticket_id}
        message = payload.get("channel_id"), payload.get("message_ts")
        async with self._database.reader() as work:
            ticket = await work.tickets.get(**key)
            if ticket is None or ticket.deleted_at is not None:
                return None
            if payload.get("ephemeral") or not message[1]:
                return ticket
            posts = await work.replies.all_for_ticket(**key)
        # One that was pressed before its answer was stored has no `ts` yet.
        ours = any(post.channel_id == message[0] and post.ts in {message[1], None} for post in posts)
        return ticket if ours else None

    async def _is_private(self, channel_id: str) -> bool:
        """Return whether a channel is private; one that is gone, or closed to us, is."""
        private = True
        try:
            private = await self._messenger.is_private(channel_id)
        except SlackUnavailable as error:
            if not error.permanent:
                raise
        if len(self._said) >= SIZE:
            self._said.clear()
        self._said[channel_id] = (self._monotonic(), private)
        return private

    async def _is_member(self, key: tuple[str, str]) -> bool:
        try:
            return await self._messenger.is_member(*key)
        except SlackUnavailable as error:
            if not error.permanent:
                raise
            return False
