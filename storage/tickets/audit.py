"""Who changed what."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import AuditEvent


class AuditRepository:
    """Audit events: added, read, never changed."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self,
        *,
        team_id: str,
        actor: str,
        action: str,
        subject: str,
        details: dict[str, Any] | None = None,
        now: datetime,
    ) -> AuditEvent:
        """Keep that `actor` did `action` to `subject`."""
        event = AuditEvent(
            team_id=team_id, actor=actor, action=action, subject=subject, details=details or {}, at=now
        )
        self._session.add(event)
        await self._session.flush()
        return event

    async def recent(self, *, team_id: str, limit: int = 20) -> list[AuditEvent]:
        """Return the newest events, newest first."""
        rows = await self._session.scalars(
            select(AuditEvent)
            .where(AuditEvent.team_id == team_id)
            .order_by(AuditEvent.at.desc(), AuditEvent.id)
            .limit(limit)
        )
        return list(rows)

    async def last(self, *, action: str) -> AuditEvent | None:
        """Return the newest event of an action, of whatever team."""
        newest = select(AuditEvent).where(AuditEvent.action == action).order_by(AuditEvent.at.desc())
        return await self._session.scalar(newest.limit(1))

    async def find(self, *, team_id: str, action: str, subject: str) -> AuditEvent | None:
        """Return the first event of an action on a subject."""
        return await self._session.scalar(
            select(AuditEvent)
            .where(AuditEvent.team_id == team_id, AuditEvent.action == action, AuditEvent.subject == subject)
            .order_by(AuditEvent.at, AuditEvent.id)
            .limit(1)
        )
