"""Posts the replies that wait in the database: once each, also after a crash in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from bot.blocks.common import Card
from bot.clock import Clock
from bot.errors import SlackUnavailable
from bot.queue.serial_tasks import SerialTasks, work_off
from bot.slack.answers import ABOUT_US, UNREACHABLE
from bot.slack.messenger import TIMEOUT_SECONDS, Messenger
from storage.database import Database
from storage.errors import StorageError
from storage.models import Reply, ReplyState
from storage.tickets.replies import DELETED

# Longer than the HTTP time-out: a `sending` reply is looked for only when its call can no longer succeed.
LEASE = timedelta(seconds=3 * TIMEOUT_SECONDS)
CHANNELS = 16
"""So many are posted in at once."""
MAX_ATTEMPTS = 12
BACKOFF_CAP_SECONDS = 60.0
SETTLED_SECONDS = 5.0
"""What Slack took is in its history by then."""
WAITING_FOR_A_CHANNEL = timedelta(hours=1)
"""When a post is tried again whose channel could not be reached, if nobody says so before."""
KEPT_FOR_A_CHANNEL = timedelta(days=14)

log = structlog.get_logger(__name__)


class _ClaimRanOut(Exception):
    """Another process posts it."""


class Outbox:
    """Works off a team's pending replies, one at a time in each channel, over all processes.

    Args:
        database: where the replies are.
        messenger: posts them.
        team_id: the workspace.
        clock: the time.
        jitter: 0..1, spreads retries; a test passes its own.
    """

    def __init__(
        self,
        database: Database,
        messenger: Messenger,
        team_id: str,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._messenger = messenger
        self._team_id = team_id
        self._clock = clock
        self._jitter = jitter
        self._wake = asyncio.Event()
        self._tasks = SerialTasks(on_done=self._wake.set)
        self.on_unreachable: Callable[[Reply, str], Awaitable[bool]] | None = None
        """Told of a channel that a reply could not reach, and why; whether the reply is to wait for it."""

    def wake(self) -> None:
        """Say that a reply was committed."""
        self._wake.set()

    async def run(self) -> None:
        """Post until cancelled; a reply under way then is looked for in its thread at the next start."""
        await work_off("outbox", self._claim_and_start, self._wake, self._tasks)

    async def drain(self) -> None:
        """Post what is due now, and see it end; a drill that moves its clock itself needs no loop."""
        while await self._claim_and_start():
            while len(self._tasks):
                await self._tasks.wait_for_room()

    async def _claim_and_start(self) -> bool:
        room = CHANNELS - len(self._tasks)
        if room <= 0:
            await self._tasks.wait_for_room()
            return True
        if await self._messenger.seconds_until_posting() > 0:
            return False
        async with self._database.unit_of_work() as work:
            replies = await work.replies.claim_due(
                team_id=self._team_id, now=self._clock(), lease=LEASE, limit=room
            )
            await work.commit()
        for reply in replies:
            self._tasks.start(reply.channel_id, self._post(reply), "outbox")
        return bool(replies)

    async def _post(self, reply: Reply) -> None:
        """Post one reply; the error boundary of the outbox."""
        looked, begun = not reply.was_sending, False

        async def begin() -> None:
            nonlocal begun
            await self._hold(reply)
            begun = True

        try:
            ts = None
            if reply.was_sending:
                ts = await self._messenger.find_reply(
                    reply.channel_id, reply.thread_ts, str(reply.id), since=reply.created_at
                )
                looked = True
            if ts is None:
                if await self._given_up(reply):
                    return
                ts = await self._messenger.post(
                    reply.channel_id,
                    Card(reply.text, reply.blocks),
                    thread_ts=reply.thread_ts,
                    reply_id=str(reply.id),
                    just_before=begin,
                )
            async with self._database.unit_of_work() as work:
                await work.replies.sent(reply.id, ts=ts, now=self._clock())
                await work.commit()
            await self._follow(reply, ts)
        except _ClaimRanOut:
            log.info("reply_not_posted", reply=str(reply.id))
        except SlackUnavailable as error:
            # What was not looked for yet may still be there, whatever went wrong with the look.
            await self._again(reply, error, perhaps_sent=error.sent or not looked)
        except StorageError as error:  # it stays `sending`: after its lease it is looked for first
            log.warning("reply_not_recorded", reply=str(reply.id), error=type(error).__name__)
        except asyncio.CancelledError:  # a planned stop: the next start need not wait for the lease
            perhaps_sent = begun or not looked
            seconds = SETTLED_SECONDS if begun else 0.0
            await self._end(reply, "stopped", seconds, perhaps_sent=perhaps_sent)
            raise
        except Exception as error:  # a defect of ours in this very reply must not stop the others
            log.exception("reply_crashed", reply=str(reply.id), attempt=reply.attempts)
            await self._end(
                reply, type(error).__name__, LEASE.total_seconds(), perhaps_sent=True, counts=True
            )

    async def _follow(self, reply: Reply, ts: str) -> None:
        """Bring a post up to date: its ticket may have been edited or labelled while it was under way."""
        async with self._database.reader() as work:
            kept = await work.replies.get(reply.id)
        if kept is None or kept.state != ReplyState.SENT:  # its message was deleted: so is the post, soon
            return
        if reply.was_sending or (kept.text, kept.blocks) != (reply.text, reply.blocks):
            await self._messenger.update(reply.channel_id, ts, Card(kept.text, kept.blocks))

    async def _given_up(self, reply: Reply) -> bool:
        """Give a post up that ended its process again and again, or whose ticket's message was deleted."""
        if reply.attempts > MAX_ATTEMPTS:
            await self._give_up(reply, "too_many_attempts")
            return True
        if reply.ticket_id is None:
            return False
        async with self._database.unit_of_work() as work:
            if await work.replies.wanted(reply.ticket_id):
                return False
            await work.replies.failed(reply, error=DELETED)
            await work.commit()
        return True

    async def _hold(self, reply: Reply) -> None:
        """Make sure, right before the call, that nobody else posts this reply while it is under way."""
        async with self._database.unit_of_work() as work:
            held = await work.replies.renew(reply, until=self._clock() + LEASE)
            await work.commit()
        if not held:
            await self._given_up(reply)  # unless another has it now
            raise _ClaimRanOut

    async def _again(self, reply: Reply, error: SlackUnavailable, *, perhaps_sent: bool) -> None:
        """Decide when a reply is tried again; trouble that passes never uses up its attempts."""
        log.warning("reply_failed", reply=str(reply.id), error=error.code, perhaps_sent=perhaps_sent)
        waits = False
        if error.code in UNREACHABLE and self.on_unreachable is not None:
            young = self._clock() - reply.created_at < KEPT_FOR_A_CHANNEL
            waits = await self.on_unreachable(reply, error.code) and young
        if error.permanent and not waits and error.code not in ABOUT_US:
            await self._give_up(reply, error.code)
            return
        seconds = error.retry_after or self._backoff(reply)
        if waits:
            seconds = WAITING_FOR_A_CHANNEL.total_seconds()
        elif error.sent:  # the call may still be under way where nothing came back
            seconds = max(seconds, SETTLED_SECONDS if error.code != "no_answer" else LEASE.total_seconds())
        await self._end(reply, error.code, seconds, perhaps_sent=perhaps_sent)

    async def _end(
        self, reply: Reply, error: str, seconds: float, *, perhaps_sent: bool, counts: bool = False
    ) -> None:
        """End a claim for now; where the database is away, its lease ends it."""
        until = self._clock() + timedelta(seconds=seconds)
        with contextlib.suppress(StorageError):
            async with self._database.unit_of_work() as work:
                await work.replies.put_off(
                    reply, error=error, until=until, perhaps_sent=perhaps_sent, counts=counts
                )
                await work.commit()

    async def _give_up(self, reply: Reply, code: str) -> None:
        async with self._database.unit_of_work() as work:
            await work.replies.failed(reply, error=code)
            await work.commit()
        log.error("reply_given_up", reply=str(reply.id), error=code)

    def _backoff(self, reply: Reply) -> float:
        """Wait as long again as the reply has waited already, within bounds."""
        waited = (self._clock() - reply.created_at).total_seconds()
        return min(BACKOFF_CAP_SECONDS, max(2.0, waited)) * (1 + self._jitter() / 4)
