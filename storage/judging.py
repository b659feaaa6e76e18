"""What a retraining must know about labels besides their text, and what it finds out about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.labels import LabelledText
from storage.learning_models import GoldTicket, LabelReview, ReviewState
from storage.models import Label, LabelRole, RetrainRun, Ticket
from storage.resolution import TRUST
from storage.statements import insert_or_ignore

FROM_A_RUN = "retraining"
"""Who added a gold ticket, where no person did."""


@dataclass(frozen=True, slots=True)
class Backing:
    """Who stands behind what is said about a ticket.

    Attributes:
        role: the most trusted one among those who say it.
        user_id: the latest of them with that role.
        people: how many say it.
    """

    role: LabelRole
    user_id: str
    people: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """A label that is probably wrong. None stands for "none of these"."""

    ticket_id: UUID
    given: str | None
    suggested: str | None
    score: float


class JudgingRepository:
    """Gold tickets, doubts, and who stands behind a label."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def backing(self, *, team_id: str) -> dict[tuple[UUID, str | None], Backing]:
        """Say who stands behind each (ticket, category) that an active label names."""
        rows = await self._session.scalars(
            select(Label)
            .where(Label.team_id == team_id, Label.withdrawn_at.is_(None))
            .order_by(Label.created_at, Label.id)
        )
        said: dict[tuple[UUID, str | None], list[Label]] = defaultdict(list)
        for label in rows:
            said[label.ticket_id, label.category].append(label)
        found = {}
        for key, labels in said.items():
            role = min((label.role for label in labels), key=TRUST.index)
            latest = [label for label in labels if label.role == role][-1]
            found[key] = Backing(role, latest.user_id, len({label.user_id for label in labels}))
        return found

    async def reviewed(self, *, team_id: str) -> tuple[frozenset[UUID], frozenset[UUID]]:
        """Tickets with a doubt: (those that wait for a person, those that one has settled)."""
        rows = await self._session.execute(
            select(LabelReview.ticket_id, LabelReview.state).where(LabelReview.team_id == team_id)
        )
        waiting, settled = set[UUID](), set[UUID]()
        for ticket_id, state in rows:
            (waiting if state == ReviewState.OPEN else settled).add(ticket_id)
        return frozenset(waiting), frozenset(settled)

    async def gold(self, *, team_id: str) -> list[LabelledText]:
        """Return the frozen tickets, oldest first, without those that no active label bears out any more."""
        rows = await self._session.execute(
            select(GoldTicket, Ticket, Label)
            .join(Ticket, and_(Ticket.team_id == GoldTicket.team_id, Ticket.id == GoldTicket.ticket_id))
            .join(Label, and_(Label.team_id == Ticket.team_id, Label.ticket_id == Ticket.id))
            .where(
                GoldTicket.team_id == team_id,
                Label.withdrawn_at.is_(None),
                Label.category.is_not_distinct_from(GoldTicket.category),
            )
            .order_by(GoldTicket.added_at, GoldTicket.ticket_id, Label.created_at, Label.id)
        )
        found: dict[UUID, list[tuple[GoldTicket, Ticket, Label]]] = defaultdict(list)
        for frozen, ticket, label in rows:
            found[ticket.id].append((frozen, ticket, label))
        return [
            LabelledText(
                ticket_id=ticket_id,
                label_ids=tuple(label.id for _, _, label in rows_of),
                text=rows_of[0][1].text,
                category=rows_of[0][0].category,
                created_at=rows_of[-1][2].created_at,
            )
            for ticket_id, rows_of in found.items()
        ]

    async def gold_tickets(self, *, team_id: str) -> frozenset[UUID]:
        """Every frozen ticket, borne out or not: none of them is ever learned from."""
        return frozenset(
            await self._session.scalars(select(GoldTicket.ticket_id).where(GoldTicket.team_id == team_id))
        )

    async def freeze(
        self,
        *,
        team_id: str,
        tickets: Iterable[tuple[UUID, str | None]],
        most: int,
        now: datetime,
        added_by: str = FROM_A_RUN,
    ) -> int:
        """Add (ticket, category) to the gold set until it holds `most`; return how many were added."""
        count = select(func.count(GoldTicket.id)).where(GoldTicket.team_id == team_id)
        held, added = await self._session.scalar(count) or 0, 0
        for ticket_id, category in tickets:
            if held + added >= most:
                break
            added += await insert_or_ignore(
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
        return added

    async def doubt(self, *, team_id: str, doubts: Collection[Doubt], now: datetime) -> int:
        """Queue doubted labels for a person; a ticket that was doubted before is not doubted again.

        A ticket that has gone meanwhile is passed over. Repeating it changes nothing.

        Returns:
            How many were added.
        """
        wanted = [doubt.ticket_id for doubt in doubts]
        there = set(
            await self._session.scalars(
                select(Ticket.id).where(Ticket.team_id == team_id, Ticket.id.in_(wanted)).with_for_update()
            )
        )
        known = set(
            await self._session.scalars(
                select(LabelReview.ticket_id).where(
                    LabelReview.team_id == team_id, LabelReview.ticket_id.in_(wanted)
                )
            )
        )
        added = 0
        for doubt in doubts:
            if doubt.ticket_id not in there or doubt.ticket_id in known:
                continue
            known.add(doubt.ticket_id)
            added += await insert_or_ignore(
                self._session,
                LabelReview,
                {
                    "team_id": team_id,
                    "ticket_id": doubt.ticket_id,
                    "given": doubt.given,
                    "suggested": doubt.suggested,
                    "score": doubt.score,
                    "created_at": now,
                },
            )
        return added

    async def note_manifest(self, *, team_id: str, run_id: UUID, manifest_hash: str) -> None:
        """Keep which training a run made."""
        await self._session.execute(
            update(RetrainRun)
            .where(RetrainRun.team_id == team_id, RetrainRun.id == run_id)
            .values(manifest_hash=manifest_hash)
        )
