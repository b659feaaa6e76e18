"""What proposals of categories are made from: doubtful tickets, and earlier proposals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.feedback.labels import resolve_labels
from storage.learning_models import CategoryProposal
from storage.models import Label, Ticket, TicketState


@dataclass(frozen=True, slots=True)
class RecentTicket:
    """A ticket of the last weeks.

    Attributes:
        id: of the ticket.
        text: as it is kept, redacted.
        category: what people settled on; None where they said "none of these", or nothing.
        labelled: whether people said anything.
        routed: whether the bot sent it to a team by itself.
    """

    id: UUID
    text: str
    category: str | None
    labelled: bool
    routed: bool

    @property
    def doubtful(self) -> bool:
        """Whether no category fits as far as is known: so said people, or nobody after the bot had asked."""
        return self.category is None and (self.labelled or not self.routed)


class TaxonomyRepository:
    """Reads what proposals of new categories are made from."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def recent(self, *, team_id: str, since: datetime, limit: int = 5000) -> list[RecentTicket]:
        """Return the tickets that were posted since then, newest first."""
        decided = (TicketState.ROUTED, TicketState.ASKED, TicketState.OUT_OF_SCOPE)
        tickets = list(
            await self._session.scalars(
                select(Ticket)
                .where(
                    Ticket.team_id == team_id,
                    Ticket.posted_at >= since,
                    Ticket.state.in_(decided),
                    Ticket.deleted_at.is_(None),
                )
                .order_by(Ticket.posted_at.desc(), Ticket.id)
                .limit(limit)
            )
        )
        labels = await self._labels(team_id, since)
        found = []
        for ticket in tickets:
            resolved = resolve_labels(labels.get(ticket.id, ()))
            found.append(
                RecentTicket(
                    ticket.id,
                    ticket.text,
                    resolved.category if resolved else None,
                    resolved is not None,
                    ticket.state == TicketState.ROUTED,
                )
            )
        return found

    async def proposed(self, *, team_id: str) -> list[frozenset[str]]:
        """Return the ticket ids of each group that was ever proposed, whatever became of it."""
        rows = await self._session.scalars(
            select(CategoryProposal.ticket_ids).where(CategoryProposal.team_id == team_id)
        )
        return [frozenset(str(ticket_id) for ticket_id in row) for row in rows]

    async def _labels(self, team_id: str, since: datetime) -> dict[UUID, Sequence[Label]]:
        rows = await self._session.scalars(
            select(Label)
            .join(Ticket, and_(Ticket.team_id == Label.team_id, Ticket.id == Label.ticket_id))
            .where(Label.team_id == team_id, Ticket.posted_at >= since, Label.withdrawn_at.is_(None))
        )
        found: dict[UUID, list[Label]] = {}
        for label in rows:
            found.setdefault(label.ticket_id, []).append(label)
        return dict(found)
