"""Who may do what: roles from Slack's own flags and channels, remembered for five minutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from bot.blocks.common import CategoryView
from bot.errors import SlackUnavailable
from bot.slack.messenger import Identity, Messenger
from bot.slack.timed_cache import TimedCache

CACHE_SECONDS = 300
OUTSIDE = ("is_bot", "deleted", "is_restricted", "is_ultra_restricted", "is_stranger")
UNKNOWN = frozenset({"user_not_found", "user_not_visible"})
SLACKBOT = "USLACKBOT"
"""Slack does not call it a bot."""


class Role(StrEnum):
    """What a person may do, see `bot.rights`. OUTSIDER: guests, people of other workspaces, bots, who left.

    OWNER is a role towards a ticket, see `bot.tickets.owners`.
    """

    ADMIN = "admin"
    OWNER = "owner"
    STAFF = "staff"
    OUTSIDER = "outsider"


def owning_channels(
    categories: Sequence[CategoryView], slugs: Iterable[str | None], support_channel: str
) -> frozenset[str]:
    """Return the channels of the teams that own these categories.

    Left out is the channel in which the ticket was posted: everybody who needs help is a member of it.
    """
    named = set(slugs)
    found = {view.destination_id for view in categories if view.slug in named and view.destination_id}
    return frozenset(channel for channel in found if channel) - {support_channel}


def is_ours(user: Mapping[str, Any], identity: Identity) -> bool:
    """Say whether `users.info` is of a person of our workspace who is no guest and no bot.

    Slack leaves `is_stranger` out for people of another workspace in a channel that we see, so the workspace
    is compared. On Enterprise Grid a person is of all workspaces that their organisation lists.
    """
    if any(user.get(flag) for flag in OUTSIDE) or user.get("id") == SLACKBOT:
        return False
    grid = user.get("enterprise_user") or {}
    if identity.enterprise_id and grid and grid.get("enterprise_id") != identity.enterprise_id:
        return False
    if grid.get("teams"):
        return identity.team_id in grid["teams"]
    return user.get("team_id") == identity.team_id


class People:
    """Roles of the people of one workspace.

    Args:
        messenger: asks `users.info`.
        identity: who we are: whose workspace it is.
        admins: user ids of the admins; where it is empty, the workspace's own admins and owners are.
        monotonic: seconds, for the cache.
    """

    def __init__(
        self,
        messenger: Messenger,
        identity: Identity,
        admins: Collection[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._messenger = messenger
        self._identity = identity
        self._admins = frozenset(admins)
        self._roles = TimedCache(CACHE_SECONDS, self._look_up, monotonic)

    async def role(self, user_id: str) -> Role:
        """Return a person's role.

        Raises:
            SlackUnavailable: Slack did not say who it is.
        """
        return await self._roles.get(user_id)

    async def _look_up(self, user_id: str) -> Role:
        try:
            user = await self._messenger.user(user_id)
        except SlackUnavailable as error:
            if error.code not in UNKNOWN:
                raise
            return Role.OUTSIDER  # nobody whom our workspace knows
        if not is_ours(user, self._identity):
            return Role.OUTSIDER  # what else their record says, such as is_admin, is about another workspace
        if self._admins:
            return Role.ADMIN if user_id in self._admins else Role.STAFF
        is_admin = any(user.get(flag) for flag in ("is_admin", "is_owner", "is_primary_owner"))
        return Role.ADMIN if is_admin else Role.STAFF
