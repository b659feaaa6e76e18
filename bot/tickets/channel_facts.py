"""What the bot must know of a channel before it speaks up there: its people's clock."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable
from datetime import tzinfo

import structlog

from bot.errors import SlackUnavailable
from bot.question_plan import zone_of
from bot.slack.messenger import Messenger
from bot.slack.timed_cache import TimedCache

CACHE_SECONDS = 24 * 3600.0
MEMBERS_ASKED = 20
"""So many members' time zones are looked up; each is one call."""

log = structlog.get_logger(__name__)


class ChannelFacts:
    """Facts of channels, remembered for a day.

    Args:
        messenger: asks Slack.
        zone: the workspace's, for channels of which nothing is known.
        monotonic: seconds, for the cache.
    """

    def __init__(
        self, messenger: Messenger, zone: tzinfo, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._messenger = messenger
        self._zone = zone
        self._zones = TimedCache(CACHE_SECONDS, self._look_up, monotonic)

    async def zone(self, channel_id: str) -> tzinfo:
        """Return the most common time zone of a channel's people: Slack gives people a zone, not channels."""
        try:
            return await self._zones.get(channel_id)
        except SlackUnavailable as error:
            log.info("channel_zone_unknown", channel=channel_id, error=error.code)
            return self._zone

    async def _look_up(self, channel_id: str) -> tzinfo:
        votes: Counter[tzinfo] = Counter()
        for user_id in await self._messenger.members(channel_id, MEMBERS_ASKED):
            user = await self._messenger.user(user_id)
            if user.get("is_bot") or user.get("deleted") or not user.get("tz"):
                continue
            with contextlib.suppress(ValueError):  # a zone that this machine does not know
                votes[zone_of(str(user["tz"]))] += 1
        return votes.most_common(1)[0][0] if votes else self._zone
