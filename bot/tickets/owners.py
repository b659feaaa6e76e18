"""Who may speak for the team that got a ticket: who is in its channel for a week, or whom an admin named."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.errors import SlackUnavailable
from bot.queue.serial_tasks import poll
from bot.slack.incoming import IncomingMembership, moment
from bot.slack.people import CACHE_SECONDS, Role, owning_channels
from bot.slack.timed_cache import TimedCache
from bot.workspace import Workspace
from storage.errors import StorageError
from storage.models import Ticket

A_WEEK = timedelta(days=7)
"""Anybody can join a public channel; who does it for the sake of a label does not wait so long."""

LOOK_SECONDS = 3600.0
"""How often all teams' channels are read. In between Slack tells of those that the bot is in."""

MOST_MEMBERS = 1000
"""A channel with more people is no team: nobody speaks for it but by name."""

log = structlog.get_logger(__name__)


class Owners:
    """Keeps who is in the teams' channels since when, and says who owns a ticket.

    Args:
        workspace: whose.
        on_our_move: called when we ourselves came into a channel, or were put out of one.
    """

    def __init__(self, workspace: Workspace, on_our_move: Callable[[], None] = lambda: None) -> None:
        self._workspace = workspace
        self._on_our_move = on_our_move
        self._teams = TimedCache(CACHE_SECONDS, self._is_team)

    async def run(self, after: Callable[[], Awaitable[None]]) -> None:
        """Read the teams' channels until cancelled; from the start on, so that who joins later is known.

        Args:
            after: ends when it is known which channels are the teams'.
        """
        await after()
        await poll("owners", self.look, LOOK_SECONDS, SlackUnavailable, StorageError)

    async def look(self) -> None:
        """Read the members of all teams' channels; one that cannot be had now has its turn the next time."""
        space = self._workspace
        views = await space.directory.categories()
        for channel in sorted({view.destination_id for view in views if view.destination_id}):
            try:
                await self._is_team(channel)
            except SlackUnavailable as error:
                log.warning("members_not_read", channel=channel, error=error.code)

    async def on_membership(self, payload: Mapping[str, Any], received_at: datetime) -> None:
        """Keep that somebody joined or left a team's channel."""
        change, space = IncomingMembership(**payload), self._workspace
        if change.user_id == space.identity.bot_user_id:
            self._on_our_move()
            return
        views = await space.directory.categories()
        if change.channel_id not in {view.destination_id for view in views}:
            return
        key = {"team_id": change.team_id, "channel_id": change.channel_id, "user_id": change.user_id}
        at = moment(change.event_ts, received_at)
        async with space.database.unit_of_work() as work:
            if change.joined:
                await work.owners.joined(**key, at=at)
            else:
                await work.owners.left(**key, at=at)
            await work.commit()

    async def role(self, user_id: str, ticket: Ticket, said: Iterable[str | None] = ()) -> Role:
        """Return a person's role towards a ticket.

        Args:
            user_id: the person.
            ticket: whose team is that of the category which the bot routed it to: to be in the channel of a
                category that one names oneself is no merit.
            said: categories at stake besides; who is an owner of one of them by name is one here as well.

        Raises:
            SlackUnavailable: Slack did not say, and never did before.
        """
        space = self._workspace
        role = await space.people.role(user_id)
        if role is not Role.STAFF:
            return role
        views = await space.directory.categories()
        channels = owning_channels(views, (ticket.category,), ticket.channel_id)
        teams = [channel for channel in sorted(channels) if await self._teams.get(channel)]
        async with space.database.reader() as work:
            owns = await work.owners.owns(
                team_id=ticket.team_id,
                user_id=user_id,
                channels=teams,
                before=space.clock() - A_WEEK,
                slugs={slug for slug in (ticket.category, *said) if slug is not None},
            )
        return Role.OWNER if owns else Role.STAFF

    async def _is_team(self, channel: str) -> bool:
        """Read a channel's members; False where nobody owns through it."""
        space = self._workspace
        key = {"team_id": space.identity.team_id, "channel_id": channel}
        try:
            members = await space.messenger.members(channel, MOST_MEMBERS + 1)
        except SlackUnavailable as error:
            if error.permanent:
                return False  # archived since, or closed to us
            async with space.database.reader() as work:
                if not await work.owners.looked(**key):
                    raise
            log.warning("members_not_read", channel=channel, error=error.code)
            return True
        if len(members) > MOST_MEMBERS:
            return False
        async with space.database.unit_of_work() as work:
            await work.owners.keep_members(**key, members=members, now=space.clock())
            await work.commit()
        return True
