"""Whose labels mostly lose against what others say."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.feedback.resolution import Fared, capped_people, tally
from storage.learning_models import PersonTrust
from storage.models import Label
from storage.statements import insert_or_ignore
from storage.tickets.audit import AuditRepository

_UNJUDGED = Fared(0, 0, capped=False)


class TrustRepository:
    """How each person's labels fared, as it was counted last."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def capped(self, *, team_id: str) -> frozenset[str]:
        """Return the people whose label counts only where a second person says the same."""
        statement = select(PersonTrust.user_id).where(
            PersonTrust.team_id == team_id, PersonTrust.capped.is_(True)
        )
        return frozenset(await self._session.scalars(statement))

    async def list(self, *, team_id: str) -> list[PersonTrust]:
        """Return everybody who was judged, by user id."""
        rows = await self._session.scalars(
            select(PersonTrust).where(PersonTrust.team_id == team_id).order_by(PersonTrust.user_id)
        )
        return [*rows]

    async def refresh(self, *, team_id: str, now: datetime) -> frozenset[str]:
        """Count anew from the labels that stand; return who is capped.

        Call it after something was settled. Who gets capped, and who no longer is, is written into the audit
        trail.
        """
        audit = AuditRepository(self._session)
        fared = await self._count(team_id)
        known = {row.user_id for row in await self.list(team_id=team_id)}
        for user_id in sorted(fared.keys() - known):
            values = {"judged": 0, "lost": 0, "capped": False, "updated_at": now}
            await insert_or_ignore(
                self._session,
                PersonTrust,
                {"team_id": team_id, "user_id": user_id, **values},
                [PersonTrust.team_id, PersonTrust.user_id],
            )
        for row in await self.list(team_id=team_id):  # by user id: two replicas lock the rows in one order
            now_is = fared.get(row.user_id, _UNJUDGED)
            if row.capped != now_is.capped:
                action = "person.capped" if now_is.capped else "person.uncapped"
                await audit.add(
                    team_id=team_id, actor="fingerpost", action=action, subject=row.user_id, now=now
                )
            if (row.judged, row.lost, row.capped) != (now_is.judged, now_is.lost, now_is.capped):
                row.judged, row.lost, row.capped = now_is.judged, now_is.lost, now_is.capped
                row.updated_at = now
        await self._session.flush()
        return capped_people(fared)

    async def _count(self, team_id: str) -> dict[str, Fared]:
        """Tally the tickets about which more than one person said something."""
        active = (Label.team_id == team_id, Label.withdrawn_at.is_(None))
        several = select(Label.ticket_id).where(*active).group_by(Label.ticket_id).having(func.count() > 1)
        rows = await self._session.scalars(
            select(Label).where(*active, Label.ticket_id.in_(several)).order_by(Label.ticket_id)
        )
        return tally(list(group) for _, group in groupby(rows, key=lambda label: label.ticket_id))
