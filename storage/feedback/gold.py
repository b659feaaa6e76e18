"""Tickets that judge models and are never trained on."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import RowNotFound
from storage.learning_models import GoldTicket
from storage.models import Ticket
from storage.statements import insert_or_ignore


class GoldRepository:
    """The gold set: added to, never changed. A deleted ticket leaves it."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self, *, team_id: str, ticket_id: UUID, category: str | None, added_by: str, now: datetime
    ) -> bool:
        """Freeze a ticket with its category (None: none of these); False where it is frozen already.

        Raises:
            RowNotFound: the ticket does not exist in this workspace, or its message was deleted.
        """
        ticket = select(Ticket.id).where(
            Ticket.team_id == team_id, Ticket.id == ticket_id, Ticket.deleted_at.is_(None)
        )
        if await self._session.scalar(ticket) is None:
            raise RowNotFound("there is no such ticket in this workspace")
        return await insert_or_ignore(
            self._session,
            GoldTicket,
            {
                "team_id": team_id,
                "ticket_id": ticket_id,
                "category": category,
                "added_by": added_by,
                "added_at": now,
            },
            [GoldTicket.ticket_id],
        )

    async def list(self, *, team_id: str) -> list[GoldTicket]:
        """Return the gold set in the order in which it grew."""
        rows = await self._session.scalars(
            select(GoldTicket)
            .where(GoldTicket.team_id == team_id)
            .order_by(GoldTicket.added_at, GoldTicket.id)
        )
        return [*rows]

    async def ids(self, *, team_id: str) -> frozenset[UUID]:
        """Return the tickets of the gold set."""
        statement = select(GoldTicket.ticket_id).where(GoldTicket.team_id == team_id)
        return frozenset(await self._session.scalars(statement))
