"""Works off some kinds of events: claims them, minds their leases, and says what becomes of a failed one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog

from bot.clock import Clock
from bot.errors import SlackUnavailable, UserError
from bot.queue.serial_tasks import POLL_SECONDS, SerialTasks, in_background, poll, work_off
from bot.queue.trouble import Stuck, is_temporary, reason_of, wait_seconds
from classifier.contract import ClassifierTimeout
from storage.database import Database
from storage.errors import StorageError
from storage.models import InboxEvent
from storage.tickets.inbox import InboxRepository

MAX_ATTEMPTS = 5
LEASE = timedelta(seconds=60)
"""An event whose worker has not been heard of for so long is given to another."""
RENEW_SECONDS = 15.0
HANDLER_SECONDS = 300.0
"""Far beyond what any handler takes."""
UNANSWERABLE = frozenset({"response_url_404", "response_url_410"})
ANSWERABLE = timedelta(minutes=30)
"""So long Slack takes answers to a command or a button."""

Handler = Callable[[Mapping[str, Any], datetime], Awaitable[None]]
"""Takes the payload and the moment it was received."""
Apologise = Callable[[str, str], Awaitable[None]]
log = structlog.get_logger(__name__)


class InboxWorker:
    """Works off the kinds that it has handlers for.

    Args:
        database: where the events live.
        team_id: the workspace.
        handlers: what to do with each kind.
        clock: the time.
        name: for the log.
        subject: events of the same subject are worked on one after the other.
        limit: how many subjects are worked on at once.
        answers_only: whether all that comes of an event is an answer to a person, who does not wait for ever.
        apologise: tells a person, by their `response_url`, that their request was given up.
        jitter: 0..1, spreads retries.
    """

    def __init__(
        self,
        database: Database,
        team_id: str,
        handlers: Mapping[str, Handler],
        clock: Clock,
        *,
        name: str,
        subject: Callable[[InboxEvent], str],
        limit: int,
        answers_only: bool,
        apologise: Apologise | None,
        jitter: Callable[[], float],
    ) -> None:
        self._database = database
        self._team_id = team_id
        self._handlers = handlers
        self._clock = clock
        self._name = name
        self._subject = subject
        self._limit = limit
        self._answers_only = answers_only
        self._apologise = apologise
        self._jitter = jitter
        self._worker = f"{name}-{uuid4().hex[:8]}"
        self._wake = asyncio.Event()
        self._tasks = SerialTasks(on_done=self._wake.set)
        self._under_way: set[UUID] = set()
        self._alone = False

    def wake(self) -> None:
        """Say that an event was committed."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled, then give back what is under way: the next start need not wait for leases."""
        renewing = poll(f"{self._name}_leases", self._renew, RENEW_SECONDS, StorageError)
        try:
            async with in_background(renewing):
                await work_off(self._name, self._claim_and_start, self._wake, self._tasks)
        finally:
            await self._release()

    async def _renew(self) -> None:
        if self._under_way:
            async with self._database.unit_of_work() as work:
                until = self._clock() + LEASE
                await work.inbox.renew(worker=self._worker, events=self._under_way, until=until)
                await work.commit()

    async def _release(self) -> None:
        try:
            async with self._database.unit_of_work() as work:
                count = await work.inbox.release(worker=self._worker, now=self._clock())
                await work.commit()
        except StorageError as error:  # their leases end
            log.warning("claims_not_released", queue=self._name, error=str(error))
        else:
            log.info("claims_released", queue=self._name, events=count)

    async def _claim_and_start(self) -> bool:
        self._alone = self._alone and bool(self._under_way)
        room = self._limit - len(self._tasks)
        if room <= 0 or self._alone:
            await self._tasks.wait_for_room()
            return True
        busy = self._tasks.lanes()
        async with self._database.unit_of_work() as work:
            claim = await work.inbox.claim(
                team_id=self._team_id,
                kinds=list(self._handlers),
                worker=self._worker,
                now=self._clock(),
                lease=LEASE,
                limit=room,
                max_attempts=MAX_ATTEMPTS,
                under_way=list(self._under_way),
                in_order=not self._answers_only,
            )
            await work.commit()
        for event in claim.ended_worker:
            await self._given_up(event)
        self._alone = claim.after_others
        for event in claim.events:
            self._under_way.add(event.id)
            subject = self._subject(event)
            running = self._run_one(event, after_another=subject in busy)
            busy.add(subject)
            self._tasks.start(subject, running, f"{self._name}:{event.kind}")
        return bool(claim.events or claim.after_others or claim.behind)

    async def _run_one(self, event: InboxEvent, *, after_another: bool) -> None:
        """Handle one event; the error boundary of all durable work."""
        where = {"event_id": event.event_id, "kind": event.kind, "attempt": event.attempts}
        try:
            if after_another and not self._answers_only and await self._waits_too(event):
                return
            await self._handle(event)
        except UserError as error:
            log.info("event_refused", reason=type(error).__name__, **where)
            await self._done(event)
        except Exception as error:  # a poison event must not stop the others
            passes = is_temporary(error)
            if passes and self._answers_only and isinstance(error, ClassifierTimeout):
                passes = False  # the text is too much for it, and will be so next time
            if passes:
                log.warning("event_waits", error=str(error) or type(error).__name__, **where)
            elif isinstance(error, SlackUnavailable | ClassifierTimeout | Stuck):
                log.warning("event_failed", error=str(error), **where)
            else:
                log.exception("event_crashed", **where)
            await self._again(event, error, passes=passes)
        else:
            await self._done(event)
        finally:
            self._under_way.discard(event.id)

    async def _waits_too(self, event: InboxEvent) -> bool:
        """Let an event wait where the one before it in its lane, about the same message, now waits."""
        async with self._database.reader() as work:
            until = await work.inbox.waits_until(
                event, kinds=list(self._handlers), worker=self._worker, now=self._clock()
            )
        if until is not None:
            await self._later(event, "waits for an earlier event about the same message", until, counts=False)
        return until is not None

    async def _handle(self, event: InboxEvent) -> None:
        """Let its handler work; one that never comes back must not keep a worker for ever."""
        try:
            async with asyncio.timeout(HANDLER_SECONDS) as limit:
                await self._handlers[event.kind](event.payload, event.received_at)
        except TimeoutError as error:
            if limit.expired():
                raise Stuck from error
            raise

    async def _again(self, event: InboxEvent, error: Exception, *, passes: bool) -> None:
        """Let it wait for better times, or count this attempt against it."""
        now, reason = self._clock(), reason_of(error)
        permanent = isinstance(error, SlackUnavailable) and error.permanent and not passes
        if self._too_late(event, error):
            log.info("answer_too_late", event_id=event.event_id, kind=event.kind)
            await self._done(event)
        elif permanent or (not passes and event.attempts >= MAX_ATTEMPTS):
            dead = await self._settle(
                lambda inbox: inbox.dead(event.id, worker=self._worker, error=reason, now=now)
            )
            if dead:
                await self._given_up(event)
        else:
            age = (now - event.received_at).total_seconds()
            wait = wait_seconds(error, age, event.attempts, self._jitter(), passes=passes)
            await self._later(event, reason, now + timedelta(seconds=wait), counts=not passes)

    async def _later(self, event: InboxEvent, reason: str, at: datetime, *, counts: bool) -> None:
        await self._settle(
            lambda inbox: inbox.retry(
                event.id, worker=self._worker, error=reason, next_attempt_at=at, counts=counts
            )
        )

    def _too_late(self, event: InboxEvent, error: Exception) -> bool:
        """Say whether there is no way any more to the person who wanted an answer and nothing else."""
        if isinstance(error, SlackUnavailable) and error.code in UNANSWERABLE:
            return True
        return self._answers_only and self._clock() - event.received_at > ANSWERABLE

    async def _done(self, event: InboxEvent) -> None:
        now = self._clock()
        await self._settle(lambda inbox: inbox.done(event.id, worker=self._worker, now=now))

    async def _settle(self, write: Callable[[InboxRepository], Awaitable[bool]]) -> bool:
        """Write what became of an event; where the database is away, wait until it is back."""
        while True:
            try:
                async with self._database.unit_of_work() as work:
                    kept = await write(work.inbox)
                    await work.commit()
                    return kept
            except StorageError as error:
                log.warning("outcome_waits", queue=self._name, error=str(error))
            await asyncio.sleep(POLL_SECONDS)

    async def _given_up(self, event: InboxEvent) -> None:
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
