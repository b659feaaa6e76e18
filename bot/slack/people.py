"""Who may do what: roles from Slack's own flags and channels, remembered for five minutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from enum import StrEnum

from bot.blocks.common import CategoryView
from bot.slack.messenger import Messenger
from bot.slack.timed_cache import TimedCache

CACHE_SECONDS = 300


class Role(StrEnum):
    """What a person may do: nobody's label counts from OUTSIDER (guests, strangers, bots, left people).

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


class People:
    """Roles of the people of one workspace.

    Args:
        messenger: asks `users.info`.
        admins: user ids of the admins; where it is empty, the workspace's own admins and owners are.
        monotonic: seconds, for the cache.
    """

    def __init__(
        self,
        messenger: Messenger,
        admins: Collection[str] = (),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._messenger = messenger
        self._admins = frozenset(admins)
        self._roles = TimedCache(CACHE_SECONDS, self._look_up, monotonic)

    async def role(self, user_id: str) -> Role:
        """Return a person's role.

        Raises:
            SlackUnavailable: Slack did not say who it is.
        """
        return await self._roles.get(user_id)

    async def _look_up(self, user_id: str) -> Role:
        user = await self._messenger.user(user_id)
        outside = ("is_bot", "deleted", "is_restricted", "is_ultra_restricted", "is_stranger")
        if any(user.get(flag) for flag in outside):
            return Role.OUTSIDER
        if self._admins:
            return Role.ADMIN if user_id in self._admins else Role.STAFF
        is_admin = any(user.get(flag) for flag in ("is_admin", "is_owner", "is_primary_owner"))
        return Role.ADMIN if is_admin else Role.STAFF
