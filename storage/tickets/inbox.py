"""Events from Slack, kept until they are worked off."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import InboxEvent, InboxState
from storage.statements import insert_or_ignore


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

    async def claim(self, *, worker: str, now: datetime, lease: timedelta, limit: int) -> list[InboxEvent]:
        """Take events that are due, or whose worker let its lease run out; oldest first, of all teams.

        `attempts` counts claims, so an event that kills its worker each time is counted as well.
        """
        due = or_(
            and_(InboxEvent.state == InboxState.PENDING, InboxEvent.next_attempt_at <= now),
            and_(InboxEvent.state == InboxState.WORKING, InboxEvent.lease_until <= now),
        )
        events = await self._session.scalars(
            select(InboxEvent)
            .where(due)
            .order_by(InboxEvent.received_at, InboxEvent.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        claimed = list(events)
        for event in claimed:
            event.state = InboxState.WORKING
            event.attempts += 1
            event.worker = worker
            event.lease_until = now + lease
        await self._session.flush()
        return claimed

    async def done(self, key: UUID, *, now: datetime) -> None:
        """The event is worked off. Its payload goes: the ticket keeps what we need, redacted."""
        await self._close(key, InboxState.DONE, now, payload={}, last_error=None)

    async def retry(self, key: UUID, *, error: str, next_attempt_at: datetime) -> None:
        """Work on it again from `next_attempt_at` on."""
        await self._close(key, InboxState.PENDING, next_attempt_at, last_error=error)

    async def dead(self, key: UUID, *, error: str, now: datetime) -> None:
        """Give up; a person can see it in `dead_letters`."""
        await self._close(key, InboxState.DEAD, now, last_error=error)

    async def counts(self, *, team_id: str | None = None) -> dict[InboxState, int]:
        """Events by state (all states, zeros included), of one team or of all."""
        statement = select(InboxEvent.state, func.count()).group_by(InboxEvent.state)
        if team_id is not None:
            statement = statement.where(InboxEvent.team_id == team_id)
        rows = await self._session.execute(statement)
        return dict.fromkeys(InboxState, 0) | {row[0]: row[1] for row in rows}

    async def dead_letters(self, *, team_id: str, limit: int = 20) -> list[InboxEvent]:
        """Events that we gave up, newest first."""
        rows = await self._session.scalars(
            select(InboxEvent)
            .where(InboxEvent.team_id == team_id, InboxEvent.state == InboxState.DEAD)
            .order_by(InboxEvent.received_at.desc())
            .limit(limit)
        )
        return list(rows)

    async def _close(self, key: UUID, state: InboxState, at: datetime, **values: Any) -> None:
        await self._session.execute(
            update(InboxEvent)
            .where(InboxEvent.id == key)
            .values(state=state, next_attempt_at=at, lease_until=None, worker=None, **values)
        )
