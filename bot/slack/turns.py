"""When Slack may be called: what one process was told counts for all that share the database."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from bot.clock import Clock
from bot.errors import SlackUnavailable
from storage.database import Database

# chat.postMessage takes about one message a second in a channel, with short bursts (Slack's rate limit page).
PER_POST = timedelta(seconds=1)
BURST = 4
SILENT_AFTER = 5
"""So many calls of a method in a row without an answer, and it counts as silent."""
PROBE_SECONDS = 12.0
"""Longer than a call takes at most: meanwhile nobody else calls."""
LONGEST_REST = 30.0

log = structlog.get_logger(__name__)


class Turns:
    """Rate limits, the pace of posts, and a breaker a method, for a whole workspace.

    A 429 closes its method for everybody until its `Retry-After` has passed. While Slack does not answer a
    method, one call of it at a time finds out whether it does again; the others are refused without being
    sent. A method that is out of order alone holds up no other.

    Args:
        database: shared by all processes of the workspace.
        team_id: the workspace.
        clock: the time.
        sleep: waits for a turn, a second at most.
    """

    def __init__(
        self,
        database: Database,
        team_id: str,
        clock: Clock,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._database = database
        self._team_id = team_id
        self._clock = clock
        self._sleep = sleep
        self._unanswered: Counter[str] = Counter()
        self._closed: dict[str, datetime] = {}

    async def seconds_until(self, method: str) -> float:
        """Return how long a method is closed; 0 where it may be called now."""
        async with self._database.reader() as work:
            moments = await work.turns.read(team_id=self._team_id, keys=(method, _probe(method)))
        now = self._clock()
        return max(((until - now).total_seconds() for until in moments.values()), default=0.0)

    def check(self, method: str) -> None:
        """Refuse a call that this very process knows to be too early: another call heard 429 meanwhile.

        Raises:
            SlackUnavailable: it must not be made now; nothing was sent.
        """
        left = (self._closed[method] - self._clock()).total_seconds() if method in self._closed else 0.0
        if left > 0:
            raise SlackUnavailable("ratelimited", retry_after=left)
        self._closed.pop(method, None)

    async def enter(self, method: str) -> None:
        """Let a call pass.

        Raises:
            SlackUnavailable: it must not be made now; nothing was sent.
        """
        self.check(method)
        async with self._database.reader() as work:
            moments = await work.turns.read(team_id=self._team_id, keys=(method, _probe(method)))
        now = self._clock()
        if method in moments and moments[method] > now:
            raise SlackUnavailable("ratelimited", retry_after=(moments[method] - now).total_seconds())
        probe = _probe(method)
        if probe not in moments:
            return
        if moments[probe] <= now:
            until = now + timedelta(seconds=PROBE_SECONDS)
            async with self._database.unit_of_work() as work:
                mine = await work.turns.take(team_id=self._team_id, key=probe, now=now, until=until)
                await work.commit()
            if mine:
                self._unanswered[method] = max(self._unanswered[method], SILENT_AFTER)
                return
            moments[probe] = until
        raise SlackUnavailable("slack_silent", retry_after=(moments[probe] - now).total_seconds())

    async def answered(self, method: str) -> None:
        """Slack answered a call, with whatever: its method is open to all again."""
        if self._unanswered.pop(method, 0) >= SILENT_AFTER:
            log.info("slack_answers_again", method=method)
            async with self._database.unit_of_work() as work:
                await work.turns.clear(team_id=self._team_id, key=_probe(method))
                await work.commit()

    async def unanswered(self, method: str) -> None:
        """Slack did not answer a call, or said that it is out of order."""
        self._unanswered[method] += 1
        beyond = self._unanswered[method] - SILENT_AFTER
        if beyond < 0:
            return
        rest = min(LONGEST_REST, 2.0 ** min(beyond, 10))
        log.warning("slack_silent", method=method, calls=self._unanswered[method], rest=rest)
        await self._put_off(_probe(method), rest)

    async def limited(self, method: str, seconds: float) -> None:
        """Slack answered 429: nobody calls the method before its `Retry-After` has passed."""
        self._closed[method] = self._clock() + timedelta(seconds=seconds)
        await self._put_off(method, seconds)

    async def wait_to_post(self, channel: str) -> None:
        """Wait for the channel's next turn: about one post a second, after a short burst."""
        now = self._clock()
        async with self._database.unit_of_work() as work:
            turn = await work.turns.pace(
                team_id=self._team_id, key=f"chat.postMessage/{channel}", now=now, every=PER_POST, burst=BURST
            )
            await work.commit()
        if turn > now:
            await self._sleep((turn - now).total_seconds())

    async def _put_off(self, key: str, seconds: float) -> None:
        until = self._clock() + timedelta(seconds=seconds)
        async with self._database.unit_of_work() as work:
            await work.turns.put_off(team_id=self._team_id, key=key, until=until)
            await work.commit()


def _probe(method: str) -> str:
    """Return the key of a silent method's next probe."""
    return f"{method}?"
