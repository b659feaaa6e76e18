"""Posts the replies that wait in the database: once each, also after a crash in the middle."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta

import structlog

from bot.blocks.common import Card
from bot.clock import Clock
from bot.errors import SlackUnavailable
from bot.queue.serial_tasks import SerialTasks, work_off
from bot.slack.messenger import TIMEOUT_SECONDS, Messenger
from storage.database import Database
from storage.models import Reply

# Longer than the HTTP time-out: a `sending` reply is looked for only when its call can no longer succeed.
LEASE = timedelta(seconds=3 * TIMEOUT_SECONDS)
BATCH = 16
MAX_ATTEMPTS = 12
BACKOFF_CAP_SECONDS = 300.0

log = structlog.get_logger(__name__)


class Outbox:
    """Works off pending replies, channel by channel, so that a slow channel does not hold up the others."""

    def __init__(
        self,
        database: Database,
        messenger: Messenger,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._messenger = messenger
        self._clock = clock
        self._jitter = jitter
        self._wake = asyncio.Event()
        self._tasks = SerialTasks()

    def wake(self) -> None:
        """Say that a reply was committed."""
        self._wake.set()

    async def run(self) -> None:
        """Post until cancelled; a reply under way then is looked for in its thread at the next start."""
        await work_off("outbox", self._claim_and_start, self._wake, self._tasks)

    async def _claim_and_start(self) -> bool:
        async with self._database.unit_of_work() as work:
            replies = await work.replies.claim_due(now=self._clock(), lease=LEASE, limit=BATCH)
            await work.commit()
        for reply in replies:
            self._tasks.start(reply.channel_id, self._post(reply), "outbox")
        return bool(replies)

    async def _post(self, reply: Reply) -> None:
        """Post one reply; the error boundary of the outbox."""
        try:
            ts = None
            if reply.was_sending:
                ts = await self._messenger.find_reply(reply.channel_id, reply.thread_ts, str(reply.id))
            if ts is None:
                ts = await self._messenger.post(
                    reply.channel_id,
                    Card(reply.text, reply.blocks),
                    thread_ts=reply.thread_ts,
                    reply_id=str(reply.id),
                )
            async with self._database.unit_of_work() as work:
                await work.replies.sent(reply.id, ts=ts, now=self._clock())
                await work.commit()
            await self._follow(reply, ts)
        except SlackUnavailable as error:
            await self._again(reply, error)
        except Exception:  # it stays `sending`: after its lease the thread is looked at first
            log.exception("reply_crashed", reply=str(reply.id))

    async def _follow(self, reply: Reply, ts: str) -> None:
        """Bring a post up to date: its ticket may have been edited or labelled while it was under way."""
        async with self._database.reader() as work:
            kept = await work.replies.get(reply.id)
        if kept is not None and (reply.was_sending or (kept.text, kept.blocks) != (reply.text, reply.blocks)):
            await self._messenger.update(reply.channel_id, ts, Card(kept.text, kept.blocks))

    async def _again(self, reply: Reply, error: SlackUnavailable) -> None:
        log.warning("reply_failed", reply=str(reply.id), error=error.code, attempt=reply.attempts)
        async with self._database.unit_of_work() as work:
            if error.permanent or reply.attempts >= MAX_ATTEMPTS:
                await work.replies.failed(reply.id, error=error.code)
                log.error("reply_given_up", reply=str(reply.id), error=error.code)
            elif not error.sent:
                step = min(BACKOFF_CAP_SECONDS, 2.0 ** min(reply.attempts, 10))
                wait = error.retry_after or step * (1 + self._jitter() / 4)
                next_attempt_at = self._clock() + timedelta(seconds=wait)
                await work.replies.retry(reply.id, error=error.code, next_attempt_at=next_attempt_at)
            # Where Slack may have acted it stays `sending` until its lease ends; then its thread is read.
            await work.commit()
