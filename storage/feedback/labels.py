"""What people said about tickets; the only source of training data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import RowNotFound
from storage.feedback.resolution import Resolved, capped_people, resolve_labels, tally
from storage.learning_models import GoldTicket, LabelReview, ReviewState
from storage.models import Label, LabelKind, LabelRole, LabelSource, Ticket

__all__ = ["LONG_AGO", "Contested", "LabelRepository", "LabelledText", "Resolved", "resolve_labels"]

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Contested:
    """A ticket about which people of the same trust disagree, with the labels that stand, oldest first."""

    ticket: Ticket
    labels: tuple[Label, ...]
    resolved: Resolved


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One example, with the labels that say so.

    Attributes:
        ticket_id: the ticket whose text it is.
        label_ids: the labels that won or say the same; never empty for what is trained on.
        text: of the message.
        category: a slug; None means out of scope: a negative, never a category.
        created_at: when the winning label was given.
        disputed: always False: disputed tickets are no examples.
        user_ids: the people behind the labels, latest first.
        posted_at: when the message was written, for a split by time.
        role: of the winning label.
        user_id: who gave it.
    """

    ticket_id: UUID
    label_ids: tuple[UUID, ...]
    text: str
    category: str | None
    created_at: datetime
    disputed: bool = False
    user_ids: tuple[str, ...] = ()
    posted_at: datetime = LONG_AGO
    role: LabelRole = LabelRole.STAFF
    user_id: str = ""


def is_labelled() -> ColumnElement[bool]:
    """Whether a label stands on a ticket of a query."""
    return exists().where(
        Label.team_id == Ticket.team_id, Label.ticket_id == Ticket.id, Label.withdrawn_at.is_(None)
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
        await self.lock(team_id=team_id, ticket_id=ticket_id)
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

    async def lock(self, *, team_id: str, ticket_id: UUID) -> None:
        """Wait until nobody else changes this ticket's labels, and keep it so for this transaction.

        Two clicks at once queue here: without the lock both would find nothing to withdraw or to settle.

        Raises:
            RowNotFound: the ticket does not exist in this workspace, or its message was deleted.
        """
        ticket = select(Ticket.id).where(
            Ticket.team_id == team_id, Ticket.id == ticket_id, Ticket.deleted_at.is_(None)
        )
        if await self._session.scalar(ticket.with_for_update()) is None:
            raise RowNotFound("there is no such ticket in this workspace")

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

    async def history(self, *, team_id: str, ticket_id: UUID) -> list[Label]:
        """Return all labels that a ticket ever had, withdrawn ones too, oldest first."""
        rows = await self._session.scalars(
            select(Label)
            .where(Label.team_id == team_id, Label.ticket_id == ticket_id)
            .order_by(Label.created_at, Label.id)
        )
        return list(rows)

    async def training_examples(self, *, team_id: str) -> list[LabelledText]:
        """Return one example a labelled ticket, in the order in which the tickets were posted.

        Only labels are read here, never predictions: what no person labelled cannot be learned. Left out are
        disputed tickets, tickets whose label waits for a review, the gold set, and what capped people alone
        say; who is capped is counted from these very labels.
        """
        histories = await self._histories(team_id)
        capped = capped_people(tally(labels for _, labels in histories))
        doubted = select(LabelReview.ticket_id).where(
            LabelReview.team_id == team_id, LabelReview.state == ReviewState.OPEN
        )
        gold = select(GoldTicket.ticket_id).where(GoldTicket.team_id == team_id)
        left_out = {*await self._session.scalars(doubted), *await self._session.scalars(gold)}
        examples = []
        for ticket, labels in histories:
            resolved = None if ticket.id in left_out else resolve_labels(labels, capped)
            if resolved is not None and not resolved.disputed:
                examples.append(_example(ticket, resolved))
        return examples

    async def gold_examples(self, *, team_id: str) -> list[LabelledText]:
        """Return the gold set with its frozen categories, in the order in which the tickets were posted.

        Named are the labels that say today what was frozen; without one a ticket does not judge. Where their
        category was merged into another one, that is what they say.
        """
        frozen = await self._session.execute(
            select(GoldTicket.ticket_id, GoldTicket.category).where(GoldTicket.team_id == team_id)
        )
        categories = {row.ticket_id: row.category for row in frozen}
        examples = []
        for ticket, labels in await self._histories(team_id):
            if ticket.id in categories:
                category = categories[ticket.id]
                same = resolve_labels(
                    label
                    for label in labels
                    if label.category == category or (label.moved_from and label.moved_from == category)
                )
                if same is not None:
                    examples.append(_example(ticket, same))
        return examples

    async def ever_said(self, *, team_id: str) -> set[tuple[str, str | None]]:
        """Return each (text, category) that a label ever said, withdrawn ones too; not of deleted tickets."""
        rows = await self._session.execute(
            select(Ticket.text, Label.category, Label.moved_from)
            .join(Label, and_(Label.team_id == Ticket.team_id, Label.ticket_id == Ticket.id))
            .where(Ticket.team_id == team_id, Ticket.deleted_at.is_(None))
        )
        found: set[tuple[str, str | None]] = set()
        for text, category, before in rows:
            found |= {(text, category), (text, before or category)}
        return found

    async def settled(self, *, team_id: str) -> dict[UUID, str | None]:
        """Return what people settled on, by ticket: what may be learned from, and the gold set."""
        examples = await self.training_examples(team_id=team_id) + await self.gold_examples(team_id=team_id)
        return {each.ticket_id: each.category for each in examples}

    async def disputed(self, *, team_id: str, capped: frozenset[str] = frozenset()) -> list[Contested]:
        """Return the tickets about which people of the same trust disagree, the longest waiting first."""
        active = (Label.team_id == team_id, Label.withdrawn_at.is_(None))
        said = func.count(func.distinct(func.coalesce(Label.category, "")))  # no slug is empty
        several = select(Label.ticket_id).where(*active).group_by(Label.ticket_id).having(said > 1)
        contested = []
        for ticket, labels in await self._histories(team_id, several):
            resolved = resolve_labels(labels, capped)
            if resolved is not None and resolved.disputed:
                contested.append(Contested(ticket, tuple(labels), resolved))
        return sorted(contested, key=lambda each: (each.labels[-1].created_at, each.ticket.id))

    async def count_since(self, *, team_id: str, when: datetime | None) -> int:
        """Count the labels that were given after `when` (None: ever) and still stand."""
        statement = select(func.count(Label.id)).where(Label.team_id == team_id, Label.withdrawn_at.is_(None))
        if when is not None:
            statement = statement.where(Label.created_at > when)
        return await self._session.scalar(statement) or 0

    async def _histories(
        self, team_id: str, among: Select[UUID] | None = None
    ) -> list[tuple[Ticket, list[Label]]]:
        """Return the labelled tickets in the order of their posting, each with the labels that stand."""
        statement = (
            select(Ticket, Label)
            .join(Label, and_(Label.team_id == Ticket.team_id, Label.ticket_id == Ticket.id))
            .where(Ticket.team_id == team_id, Label.withdrawn_at.is_(None))
            .order_by(Ticket.posted_at, Ticket.id, Label.created_at, Label.id)
        )
        if among is not None:
            statement = statement.where(Ticket.id.in_(among))
        rows = await self._session.execute(statement)
        return [
            (ticket, [label for _, label in pairs]) for ticket, pairs in groupby(rows, key=lambda row: row[0])
        ]

    async def _active(self, team_id: str, ticket_id: UUID, user_id: str | None = None) -> list[Label]:
        statement = (
            select(Label)
            .where(Label.team_id == team_id, Label.ticket_id == ticket_id, Label.withdrawn_at.is_(None))
            .order_by(Label.created_at, Label.id)
        )
        if user_id is not None:
            statement = statement.where(Label.user_id == user_id)
        return list(await self._session.scalars(statement))


def _example(ticket: Ticket, said: Resolved) -> LabelledText:
    return LabelledText(
        ticket_id=ticket.id,
        label_ids=said.agreeing,
        text=ticket.text,
        category=said.category,
        created_at=said.created_at,
        user_ids=said.user_ids,
        posted_at=ticket.posted_at,
        role=said.role,
        user_id=said.user_id,
    )
