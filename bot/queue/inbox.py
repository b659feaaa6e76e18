"""Durable work: what Slack delivered waits in the database until it is done, retried or given up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import structlog

from bot.clock import Clock
from bot.errors import SlackUnavailable, UserError
from bot.queue.serial_tasks import SerialTasks, work_off
from classifier.contract import ClassifierUnavailable
from storage.database import Database
from storage.models import InboxEvent

MAX_ATTEMPTS = 5
LEASE = timedelta(seconds=60)
"""A claimed event that is not finished by then is given to another worker."""
BACKOFF_SECONDS = (1.0, 5.0, 30.0, 120.0)

log = structlog.get_logger(__name__)


class Kind(StrEnum):
    """What waits in the inbox."""

    MESSAGE = "message"
    REACTION = "reaction"
    ACTION = "action"
    WHY = "why"
    WHY_BUTTON = "why_button"
    PICTURE = "picture"
    RETRAIN = "retrain"
    HOME = "home"
    REVIEW = "review"
    CATEGORY = "category"
    MEMBER = "member"


Handler = Callable[[Mapping[str, Any], datetime], Awaitable[None]]
"""Takes the payload and the moment it was received."""


class Inbox:
    """Adds events before they are acknowledged, and works them off in the order of their subject.

    Args:
        database: where the events live.
        handlers: what to do with each kind.
        clock: the time.
        workers: how many subjects are worked on at once.
        apologise: tells a person, by their `response_url`, that their request was given up.
        jitter: 0..1, spreads retries; a test passes its own.
    """

    def __init__(
        self,
        database: Database,
        handlers: Mapping[Kind, Handler],
        clock: Clock,
        *,
        workers: int = 4,
        apologise: Callable[[str, str], Awaitable[None]] | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._clock = clock
        self._limit = workers
        self._apologise = apologise
        self._jitter = jitter
        self._name = f"inbox-{uuid4().hex[:8]}"
        self._wake = asyncio.Event()
        self._tasks = SerialTasks(on_done=self._wake.set)

    async def add(self, *, team_id: str, event_id: str, kind: Kind, payload: dict[str, Any]) -> bool:
        """Commit an event; False where it was there already (Slack delivers at least once).

        Raises:
            DatabaseUnavailable: nothing was kept, so the delivery must not be acknowledged.
        """
        async with self._database.unit_of_work() as work:
            new = await work.inbox.add(
                team_id=team_id, event_id=event_id, kind=kind.value, payload=payload, now=self._clock()
            )
            await work.commit()
        if new:
            self._wake.set()
        else:
            log.info("event_already_known", event_id=event_id, kind=kind.value)
        return new

    async def run(self) -> None:
        """Work until cancelled; what is under way then is finished by whoever finds its lease expired."""
        await work_off("inbox", self._claim_and_start, self._wake, self._tasks)

    async def _claim_and_start(self) -> bool:
        room = self._limit - len(self._tasks)
        if room <= 0:
            await self._tasks.wait_for_room()
            return True
        async with self._database.unit_of_work() as work:
            events = await work.inbox.claim(worker=self._name, now=self._clock(), lease=LEASE, limit=room)
            await work.commit()
        for event in events:
            self._start(event)
        return bool(events)

    def _start(self, event: InboxEvent) -> None:
        """Run an event behind the one before it on the same message, so that "added" precedes "removed"."""
        subject = f"{event.team_id}/{event.payload.get('channel_id')}/{event.payload.get('ts', event.id)}"
        self._tasks.start(subject, self._run_one(event), f"inbox:{event.kind}")

    async def _run_one(self, event: InboxEvent) -> None:
        """Handle one event; the error boundary of all durable work."""
        where = {"event_id": event.event_id, "kind": event.kind, "attempt": event.attempts}
        try:
            await self._handlers[Kind(event.kind)](event.payload, event.received_at)
        except UserError as error:
            log.info("event_refused", reason=type(error).__name__, **where)
            await self._finish(event.id)
        except (SlackUnavailable, ClassifierUnavailable) as error:
            permanent = isinstance(error, SlackUnavailable) and error.permanent
            log.warning("event_failed", error=str(error), permanent=permanent, **where)
            await self._again(event, error, error.retry_after, permanent=permanent)
        except Exception as error:  # a poison event must not stop the others
            log.exception("event_crashed", **where)
            await self._again(event, error, None, permanent=False)
        else:
            await self._finish(event.id)

    async def _finish(self, event_pk: UUID) -> None:
        async with self._database.unit_of_work() as work:
            await work.inbox.done(event_pk, now=self._clock())
            await work.commit()

    async def _again(
        self, event: InboxEvent, error: Exception, retry_after: float | None, *, permanent: bool
    ) -> None:
        now = self._clock()
        reason = f"{type(error).__name__}: {error}"[:500]
        give_up = permanent or event.attempts >= MAX_ATTEMPTS
        async with self._database.unit_of_work() as work:
            if give_up:
                await work.inbox.dead(event.id, error=reason, now=now)
            else:
                step = BACKOFF_SECONDS[min(event.attempts, len(BACKOFF_SECONDS)) - 1]
                wait = max(retry_after or 0.0, step * (1 + self._jitter() / 4))
                next_attempt_at = now + timedelta(seconds=wait)
                await work.inbox.retry(event.id, error=reason, next_attempt_at=next_attempt_at)
            await work.commit()
        if give_up:
            await self._give_up(event)

    async def _give_up(self, event: InboxEvent) -> None:
        """Log a reference, and show it to a person who waits for an answer."""
        reference = str(event.id)[:8]
        log.error("event_given_up", event_id=event.event_id, kind=event.kind, reference=reference)
        response_url = event.payload.get("response_url")
        if not response_url or self._apologise is None:
            return
        try:
            await self._apologise(
                response_url, f"That did not work. Ask your admins. (Reference {reference})"
            )
        except SlackUnavailable as error:
            log.warning("apology_failed", reference=reference, error=error.code)
