"""What people said about tickets; the only source of training data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import RowNotFound
from storage.models import Label, LabelKind, LabelRole, LabelSource, Prediction, Ticket

TRUST = (LabelRole.ADMIN, LabelRole.OWNER, LabelRole.STAFF, LabelRole.IMPORT)
"""Whose word counts, most trusted first."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the labels of one ticket say together.

    Attributes:
        category: a slug; None means "none of these".
        disputed: people of the same, highest role disagree; the latest of them won.
        label_ids: the active labels that were looked at.
        created_at: when the winning label was given.
    """

    category: str | None
    disputed: bool
    label_ids: tuple[UUID, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One training example. `category` None means out of scope: a negative, never a category."""

    ticket_id: UUID
    label_ids: tuple[UUID, ...]
    text: str
    category: str | None
    created_at: datetime
    disputed: bool = False


def resolve_labels(labels: Iterable[Label]) -> Resolved | None:
    """The latest active label of the highest role present wins; None where no label is active."""
    active = [label for label in labels if label.withdrawn_at is None]
    if not active:
        return None
    highest = min((label.role for label in active), key=TRUST.index)
    trusted = [label for label in active if label.role == highest]
    winner = max(trusted, key=lambda label: (label.created_at, label.id))
    return Resolved(
        category=winner.category,
        disputed=len({label.category for label in trusted}) > 1,
        label_ids=tuple(label.id for label in active),
        created_at=winner.created_at,
    )


class LabelRepository:
    """Labels; one active label a person and ticket."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self,
        *,
        team_id: str,
        ticket_id: UUID,
        category: str | None,
        user_id: str,
        role: LabelRole,
        kind: LabelKind,
        source: LabelSource,
        detail: str | None = None,
        now: datetime,
    ) -> Label:
        """Keep what a person says; their earlier word on this ticket is withdrawn: the latest counts.

        The same word again from the same source is the label that is there already.

        Raises:
            RowNotFound: the ticket does not exist in this workspace.
        """
        # Two clicks at once queue here: without the lock both would find nothing to withdraw.
        ticket = select(Ticket.id).where(Ticket.team_id == team_id, Ticket.id == ticket_id)
        if await self._session.scalar(ticket.with_for_update()) is None:
            raise RowNotFound("there is no such ticket in this workspace")
        values = {
            "category": category,
            "role": LabelRole(role),
            "kind": LabelKind(kind),
            "source": LabelSource(source),
            "detail": detail,
        }
        for earlier in await self._active(team_id, ticket_id, user_id):
            if all(getattr(earlier, name) == value for name, value in values.items()):
                return earlier
            earlier.withdrawn_at = now
        await self._session.flush()  # before the insert: one active label a person is a unique key
        label = Label(team_id=team_id, ticket_id=ticket_id, user_id=user_id, created_at=now, **values)
        self._session.add(label)
        await self._session.flush()
        return label

    async def withdraw(
        self,
        *,
        team_id: str,
        ticket_id: UUID,
        user_id: str,
        source: LabelSource,
        detail: str | None = None,
        now: datetime,
    ) -> list[Label]:
        """Take back a person's label from this source (with this detail, where named); return what went."""
        gone = [
            label
            for label in await self._active(team_id, ticket_id, user_id)
            if label.source == source and detail in (None, label.detail)
        ]
        for label in gone:
            label.withdrawn_at = now
        await self._session.flush()
        return gone

    async def active_for(self, *, team_id: str, ticket_id: UUID) -> list[Label]:
        """Return the labels that stand, oldest first."""
        return await self._active(team_id, ticket_id)

    async def training_examples(self, *, team_id: str) -> list[LabelledText]:
        """Return one example a labelled ticket, in the order in which the tickets were posted."""
        rows = await self._session.execute(
            select(Ticket, Label)
            .join(Label, and_(Label.team_id == Ticket.team_id, Label.ticket_id == Ticket.id))
            .where(Ticket.team_id == team_id, Label.withdrawn_at.is_(None))
            .order_by(Ticket.posted_at, Ticket.id, Label.created_at, Label.id)
        )
        examples = []
        for ticket, pairs in groupby(rows, key=lambda row: row[0]):
            resolved = resolve_labels(label for _, label in pairs)
            if resolved is not None:
                examples.append(
                    LabelledText(
                        ticket_id=ticket.id,
                        label_ids=resolved.label_ids,
                        text=ticket.text,
                        category=resolved.category,
                        created_at=resolved.created_at,
                        disputed=resolved.disputed,
                    )
                )
        return examples

    async def embeddings_of_labelled(
        self, *, team_id: str, model_version: str, limit: int = 10_000
    ) -> list[tuple[UUID, bytes]]:
        """Return (ticket id, embedding) of the labelled tickets that a model has read, newest first."""
        labelled = exists().where(
            Label.team_id == Ticket.team_id, Label.ticket_id == Ticket.id, Label.withdrawn_at.is_(None)
        )
        rows = await self._session.execute(
            select(Ticket.id, Prediction.embedding)
            .join(Prediction, and_(Prediction.team_id == Ticket.team_id, Prediction.ticket_id == Ticket.id))
            .where(
                Ticket.team_id == team_id,
                Prediction.model_version == model_version,
                Prediction.embedding.is_not(None),
                labelled,
            )
            .order_by(Ticket.posted_at.desc(), Ticket.id, Prediction.created_at.desc())
            .limit(limit)
        )
        newest: dict[UUID, bytes] = {}
        for ticket_id, packed in rows:
            if packed is not None:
                newest.setdefault(ticket_id, packed)
        return list(newest.items())

    async def count_since(self, *, team_id: str, when: datetime | None) -> int:
        """Count the labels that were given after `when` (None: ever) and still stand."""
        statement = select(func.count(Label.id)).where(Label.team_id == team_id, Label.withdrawn_at.is_(None))
        if when is not None:
            statement = statement.where(Label.created_at > when)
        return await self._session.scalar(statement) or 0

    async def _active(self, team_id: str, ticket_id: UUID, user_id: str | None = None) -> list[Label]:
        statement = (
            select(Label)
            .where(Label.team_id == team_id, Label.ticket_id == ticket_id, Label.withdrawn_at.is_(None))
            .order_by(Label.created_at, Label.id)
        )
        if user_id is not None:
            statement = statement.where(Label.user_id == user_id)
        return list(await self._session.scalars(statement))
