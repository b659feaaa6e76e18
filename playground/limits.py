"""Slack's rate limits: how often a workspace may call a method, and who came too early."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_SECONDS = 60.0

# facts: tiers 2 to 4 by method; a channel takes about a post a second.
TIERS = {
    **dict.fromkeys(["conversations.list", "users.list", "emoji.list", "usergroups.users.list"], 20),
    **dict.fromkeys(
        ["conversations.history", "conversations.replies", "conversations.info", "conversations.join"], 50
    ),
    **dict.fromkeys(["conversations.open", "users.conversations", "chat.update", "chat.delete"], 50),
    **dict.fromkeys(["reactions.add", "reactions.get", "team.info", "bots.info"], 50),
    **dict.fromkeys(["chat.postEphemeral", "conversations.members", "users.info", "files.info"], 100),
    **dict.fromkeys(["views.open", "views.publish", "views.push", "views.update"], 100),
    "chat.postMessage": 60,
}
_BY_CHANNEL = {"chat.postMessage"}


@dataclass(frozen=True, slots=True)
class Early:
    """A call that came before the `Retry-After` of the last 429 had passed."""

    team_id: str
    method: str
    seconds: float


class Limits:
    """Counts calls; without any limit set it only watches that each `Retry-After` is obeyed.

    Args:
        clock: seconds since the epoch.

    Attributes:
        per_minute: the limits, by method; `per_minute.update(TIERS)` makes them Slack's.
        early: what came too early.
        grace: seconds; what comes so soon after a 429 was under way already.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.per_minute: dict[str, int] = {}
        self.early: list[Early] = []
        self.grace = 0.1
        self._calls: dict[tuple[str, str, str], deque[float]] = {}
        self._closed: dict[tuple[str, str], tuple[float, float]] = {}

    def take(self, team_id: str, method: str, channel: str = "") -> int | None:
        """Counts a call; where the limit is reached, returns the seconds to wait in place of it."""
        now = self._clock()
        since, until = self._closed.get((team_id, method), (0.0, 0.0))
        if since + self.grace < now < until:
            self.early.append(Early(team_id, method, until - now))
        limit = self.per_minute.get(method)
        if limit is None:
            return None
        calls = self._calls.setdefault((team_id, method, channel if method in _BY_CHANNEL else ""), deque())
        while calls and calls[0] <= now - WINDOW_SECONDS:
            calls.popleft()
        if len(calls) < limit:
            calls.append(now)
            return None
        return max(1, math.ceil(calls[0] + WINDOW_SECONDS - now))

    def refused(self, team_id: str, method: str, seconds: float) -> None:
        """Remembers a 429, whatever it was for."""
        now = self._clock()
        self._closed[team_id, method] = (now, now + seconds)
