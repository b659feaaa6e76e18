"""Events from Slack, kept until they are worked off."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, CursorResult, and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import InboxEvent, InboxState
from storage.statements import insert_or_ignore
from storage.tickets.inbox_order import behind

PROBE = "probe"
"""Kind and id of the row that only shows that a row can be written."""


@dataclass(slots=True)
class Claim:
    """What a worker got.

    Attributes:
        events: to work on; they are this worker's until their lease ends.
        ended_worker: given up now, because whoever began with them never came back, too often.
        after_others: an event that may have ended its worker waits until nothing else is under way here.
        behind: so many were due and wait for an earlier event about the same message.
    """

    events: list[InboxEvent] = field(default_factory=list)
    ended_worker: list[InboxEvent] = field(default_factory=list)
    after_others: bool = False
    behind: int = 0


class InboxRepository:
    """The queue between Slack's request and our work."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self, *, team_id: str, event_id: str, kind: str, payload: dict[str, Any], now: datetime
    ) -> bool:
        """Keep an event; False when this event was kept before (a redelivery)."""
        return await insert_or_ignore(
            self._session,
            InboxEvent,
            {
                "team_id": team_id,
                "event_id": event_id,
                "kind": kind,
                "payload": payload,
                "next_attempt_at": now,
                "received_at": now,
            },
            [InboxEvent.team_id, InboxEvent.event_id],
        )

    async def write_probe(self, *, team_id: str, now: datetime) -> None:
        """Write a row, always the same: what cannot be written any more fails here or at the commit."""
        await self.add(team_id=team_id, event_id=PROBE, kind=PROBE, payload={}, now=now)
        probe = (InboxEvent.team_id == team_id, InboxEvent.event_id == PROBE)
        await self._change(probe, state=InboxState.DONE, next_attempt_at=now, received_at=now)

    async def claim(
        self,
        *,
        team_id: str,
        kinds: Collection[str],
        worker: str,
        now: datetime,
        lease: timedelta,
        limit: int,
        max_attempts: int = 5,
        under_way: Collection[UUID] = (),
        in_order: bool = True,
    ) -> Claim:
        """Take a workspace's events that are due, oldest first.

        `attempts` counts claims, so that it also counts the workers that an event ended. An event whose
        worker let its lease run out is suspected of that: it comes first, it is worked on alone, so that it
        takes no other with it, and at `max_attempts` it is given up.

        Args:
            team_id: the workspace.
            kinds: the kinds that are wanted.
            worker: who takes them.
            now: the time.
            lease: for how long they are this worker's.
            limit: at most so many.
            max_attempts: so many claims without an end are too many.
            in_order: whether who comes after an event about the same message that waits, waits as long.
            under_way: what this worker is at already; never taken twice, also where a lease ran out.
        """
        due = or_(
            and_(InboxEvent.state == InboxState.PENDING, InboxEvent.next_attempt_at <= now),
            and_(
                InboxEvent.state == InboxState.WORKING,
                InboxEvent.lease_until <= now,
                InboxEvent.id.not_in(under_way),
            ),
        )
        found = await self._session.scalars(
            select(InboxEvent)
            .where(InboxEvent.team_id == team_id, InboxEvent.kind.in_(kinds), due)
            .order_by(InboxEvent.state == InboxState.PENDING, InboxEvent.received_at, InboxEvent.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        events, claim = list(found), Claim()
        waits = await behind(self._session, events, kinds=kinds, worker=worker, now=now) if in_order else {}
        for event in events:
            suspected = event.state == InboxState.WORKING
            if suspected and event.attempts >= max_attempts:
                self._give_up(event, f"ended its worker {event.attempts} times", now)
                claim.ended_worker.append(event)
                continue
            if event.id in waits and not suspected:
                event.next_attempt_at = waits[event.id]
                claim.behind += 1
                continue
            if suspected and under_way:
                claim.after_others = True
                break
            event.state = InboxState.WORKING
            event.attempts += 1
            event.worker = worker
            event.lease_until = now + lease
            claim.events.append(event)
            if suspected:
                claim.after_others = True
                break
        await self._session.flush()
        return claim

    async def waits_until(
        self, event: InboxEvent, *, kinds: Collection[str], worker: str, now: datetime
    ) -> datetime | None:
        """Say until when an event has to wait for an earlier one about the same message; None: it has not."""
        waits = await behind(self._session, [event], kinds=kinds, worker=worker, now=now)
        return waits.get(event.id)

    @staticmethod
    def _give_up(event: InboxEvent, error: str, now: datetime) -> None:
        event.state, event.last_error, event.next_attempt_at = InboxState.DEAD, error, now
        event.worker = event.lease_until = None

    async def renew(self, *, worker: str, events: Collection[UUID], until: datetime) -> None:
        """Keep what a worker is still at."""
        mine = (InboxEvent.worker == worker, InboxEvent.state == InboxState.WORKING)
        await self._session.execute(
            update(InboxEvent).where(InboxEvent.id.in_(events), *mine).values(lease_until=until)
        )

    async def release(self, *, worker: str, now: datetime) -> int:
        """Give back all that a worker took and did not end; return how many. These claims do not count."""
        return await self._change(
            (InboxEvent.worker == worker, InboxEvent.state == InboxState.WORKING),
            state=InboxState.PENDING,
            attempts=InboxEvent.attempts - 1,
            next_attempt_at=now,
        )

    async def done(self, key: UUID, *, worker: str, now: datetime) -> bool:
        """The event is worked off. Its payload goes: the ticket keeps what we need, redacted.

        False, here and below, where it is this worker's no more: its lease ran out and another has it.
        """
        return await self._close(
            key, worker, state=InboxState.DONE, next_attempt_at=now, payload={}, last_error=None
        )

    async def retry(
        self, key: UUID, *, worker: str, error: str, next_attempt_at: datetime, counts: bool = True
    ) -> bool:
        """Work on it again from `next_attempt_at` on; `counts` says whether this attempt does."""
        attempts = InboxEvent.attempts if counts else InboxEvent.attempts - 1
        return await self._close(
            key,
            worker,
            state=InboxState.PENDING,
            next_attempt_at=next_attempt_at,
            attempts=attempts,
            last_error=error,
        )

    async def dead(self, key: UUID, *, worker: str, error: str, now: datetime) -> bool:
        """Give up; a person can see it in `dead_letters`."""
        return await self._close(key, worker, state=InboxState.DEAD, next_attempt_at=now, last_error=error)

    async def counts(self, *, team_id: str | None = None) -> dict[InboxState, int]:
        """Events by state (all states, zeros included), of one team or of all."""
        statement = select(InboxEvent.state, func.count()).group_by(InboxEvent.state)
        if team_id is not None:
            statement = statement.where(InboxEvent.team_id == team_id)
        rows = await self._session.execute(statement)
        return dict.fromkeys(InboxState, 0) | {row[0]: row[1] for row in rows}

    async def dead_letters(self, *, team_id: str, limit: int | None = 20) -> list[InboxEvent]:
        """Events that we gave up, newest first."""
        rows = await self._session.scalars(
            select(InboxEvent)
            .where(InboxEvent.team_id == team_id, InboxEvent.state == InboxState.DEAD)
            .order_by(InboxEvent.received_at.desc())
            .limit(limit)
        )
        return list(rows)

    async def revive(self, key: UUID, *, team_id: str, now: datetime) -> bool:
        """Work on a dead event again, with all its attempts; False where it is not dead."""
        dead = self._dead(key, team_id)
        return bool(
            await self._change(
                dead, state=InboxState.PENDING, attempts=0, next_attempt_at=now, last_error=None
            )
        )

    async def drop(self, key: UUID, *, team_id: str, now: datetime) -> bool:
        """Be done with a dead event, unworked; False where it is not dead."""
        dead = self._dead(key, team_id)
        values: dict[str, Any] = {"payload": {}, "last_error": "dropped"}
        return bool(await self._change(dead, state=InboxState.DONE, next_attempt_at=now, **values))

    @staticmethod
    def _dead(key: UUID, team_id: str) -> tuple[ColumnElement[bool], ...]:
        return (
            InboxEvent.id == key,
            InboxEvent.team_id == team_id,
            InboxEvent.state == InboxState.DEAD,
        )

    async def _close(self, key: UUID, worker: str, **values: Any) -> bool:
        mine = (
            InboxEvent.id == key,
            InboxEvent.worker == worker,
            InboxEvent.state == InboxState.WORKING,
        )
        return bool(await self._change(mine, **values))

    async def _change(self, where: tuple[ColumnElement[bool], ...], **values: Any) -> int:
        statement = update(InboxEvent).where(*where).values(lease_until=None, worker=None, **values)
        result = await self._session.execute(statement)
        return result.rowcount if isinstance(result, CursorResult) else 0
