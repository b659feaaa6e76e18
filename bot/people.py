"""Who may do what: roles from Slack's own flags, remembered for five minutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from enum import StrEnum

from bot.messenger import Messenger

CACHE_SECONDS = 300
CACHE_SIZE = 10_000


class Role(StrEnum):
    """What a person may do: nobody's label counts from OUTSIDER (guests, strangers, bots, left people)."""

    ADMIN = "admin"
    STAFF = "staff"
    OUTSIDER = "outsider"


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
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, Role]] = {}

    async def role(self, user_id: str) -> Role:
        """Return a person's role.

        Raises:
            SlackUnavailable: Slack did not say who it is.
        """
        now = self._monotonic()
        known = self._known.get(user_id)
        if known is not None and known[0] > now:
            return known[1]
        role = await self._look_up(user_id)
        if len(self._known) >= CACHE_SIZE:
            self._known.clear()
        self._known[user_id] = (now + CACHE_SECONDS, role)
        return role

    async def _look_up(self, user_id: str) -> Role:
        user = await self._messenger.user(user_id)
        outside = ("is_bot", "deleted", "is_restricted", "is_ultra_restricted", "is_stranger")
        if any(user.get(flag) for flag in outside):
            return Role.OUTSIDER
        if self._admins:
            return Role.ADMIN if user_id in self._admins else Role.STAFF
        is_admin = any(user.get(flag) for flag in ("is_admin", "is_owner", "is_primary_owner"))
        return Role.ADMIN if is_admin else Role.STAFF
