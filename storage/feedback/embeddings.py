"""Where labelled tickets lie in each model's space, and what people settled on there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import and_, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.feedback.labels import is_labelled
from storage.feedback.resolution import resolve_labels
from storage.learning_models import PersonTrust, TicketEmbedding
from storage.models import Category, Label, LabelRole, Prediction, Ticket, TicketState
from storage.statements import insert_or_ignore

REMEMBERED = 10_000
"""Labelled tickets that are remembered, the newest first: 15 MB of vectors."""

Fingerprint = tuple[Any, ...]
"""Of what the memory is made from; it is equal as long as nothing changed."""


@dataclass(frozen=True, slots=True)
class LabelledTicket:
    """A ticket that people labelled and agree on.

    Attributes:
        ticket_id: whose.
        channel_id: where it was posted.
        ts: its message.
        text: redacted.
        category: what people settled on; None: none of these.
        rejected: categories that the bot or a model had said of it, and people replaced.
        trusted: whether an admin, somebody of the owning team, or a second person stands for the category.
        voice: the colleague whose word alone it is; "" where it is trusted, and of an import.
    """

    ticket_id: UUID
    channel_id: str
    ts: str
    text: str
    category: str | None
    rejected: frozenset[str]
    trusted: bool
    voice: str = ""


class EmbeddingRepository:
    """Embeddings of labelled tickets; one a ticket and model version."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self, *, team_id: str, ticket_id: UUID, model_version: str, embedding: bytes, now: datetime
    ) -> bool:
        """Keep a ticket's place in a model's space; one that is kept already stays.

        Returns:
            Whether it is new; False as well where the ticket was deleted meanwhile.
        """
        ticket = select(Ticket.id).where(
            Ticket.team_id == team_id, Ticket.id == ticket_id, Ticket.deleted_at.is_(None)
        )
        if await self._session.scalar(ticket.with_for_update(read=True)) is None:
            return False
        return await insert_or_ignore(
            self._session,
            TicketEmbedding,
            {
                "team_id": team_id,
                "ticket_id": ticket_id,
                "model_version": model_version,
                "embedding": embedding,
                "created_at": now,
            },
            [TicketEmbedding.ticket_id, TicketEmbedding.model_version],
        )

    async def keep(self, *, team_id: str, ticket_id: UUID, now: datetime) -> None:
        """Keep the places that its predictions gave it: the ticket was labelled."""
        rows = await self._session.execute(
            select(Prediction.model_version, Prediction.embedding).where(
                Prediction.team_id == team_id,
                Prediction.ticket_id == ticket_id,
                Prediction.embedding.is_not(None),
            )
        )
        for version, embedding in rows.all():
            if embedding is not None:
                await self.add(
                    team_id=team_id, ticket_id=ticket_id, model_version=version, embedding=embedding, now=now
                )

    async def missing(
        self, *, team_id: str, model_version: str, limit: int, newest: int = REMEMBERED
    ) -> list[tuple[UUID, str]]:
        """Return (id, text) of labelled tickets that a model has not read yet, newest first.

        Args:
            team_id: of the workspace.
            model_version: of the model.
            limit: how many at most.
            newest: labelled tickets that are looked at; older ones are not remembered.
        """
        recent = _newest_labelled(team_id, newest).subquery()
        read = exists().where(
            TicketEmbedding.ticket_id == Ticket.id, TicketEmbedding.model_version == model_version
        )
        rows = await self._session.execute(
            select(Ticket.id, Ticket.text)
            .join(recent, recent.c.id == Ticket.id)
            .where(~read, func.trim(Ticket.text) != "")
            .order_by(Ticket.posted_at.desc(), Ticket.id)
            .limit(limit)
        )
        return [(ticket_id, text) for ticket_id, text in rows]

    async def fingerprint(self, *, team_id: str, model_version: str) -> Fingerprint:
        """Return what changes whenever a label, a merged category or an embedding does. Two small queries."""
        labels = await self._session.execute(
            select(
                func.count(Label.id),
                func.max(Label.created_at),
                func.count(Label.withdrawn_at),
                func.max(Label.withdrawn_at),
                func.count(Label.moved_from),
                select(func.count(Category.merged_into)).where(Category.team_id == team_id).scalar_subquery(),
                select(func.count(PersonTrust.id))
                .where(PersonTrust.team_id == team_id, PersonTrust.capped.is_(True))
                .scalar_subquery(),
            ).where(Label.team_id == team_id)
        )
        vectors = await self._session.execute(
            select(func.count(TicketEmbedding.id), func.max(TicketEmbedding.created_at)).where(
                TicketEmbedding.team_id == team_id, TicketEmbedding.model_version == model_version
            )
        )
        return (*labels.one(), *vectors.one())

    async def labelled(
        self, *, team_id: str, newest: int = REMEMBERED, capped: frozenset[str] = frozenset()
    ) -> list[LabelledTicket]:
        """Return the tickets that people labelled and do not dispute, newest first.

        The word of `capped` people needs a second one.
        """
        recent = _newest_labelled(team_id, newest).subquery()
        said: dict[UUID, set[str]] = {}
        predictions = await self._session.execute(
            select(Prediction.ticket_id, Prediction.category)
            .join(recent, recent.c.id == Prediction.ticket_id)
            .where(Prediction.team_id == team_id)
        )
        for ticket_id, category in predictions:
            said.setdefault(ticket_id, set()).add(category)
        rows = await self._session.execute(
            select(Ticket, Label)
            .join(recent, recent.c.id == Ticket.id)
            .join(Label, and_(Label.team_id == Ticket.team_id, Label.ticket_id == Ticket.id))
            .where(Label.withdrawn_at.is_(None))
            .order_by(Ticket.posted_at.desc(), Ticket.id, Label.created_at, Label.id)
        )
        found = []
        for ticket, pairs in groupby(rows, key=lambda row: row[0]):
            verdict = resolve_labels((label for _, label in pairs), capped)
            if verdict is None or verdict.disputed:
                continue
            before = said.get(ticket.id, set())
            if ticket.state == TicketState.ROUTED and ticket.category is not None:
                before.add(ticket.category)
            found.append(
                LabelledTicket(
                    ticket.id,
                    ticket.channel_id,
                    ticket.ts,
                    ticket.text,
                    verdict.category,
                    frozenset(before - {verdict.category}),
                    trusted=verdict.trusted,
                    voice=verdict.user_id if verdict.role == LabelRole.STAFF and not verdict.trusted else "",
                )
            )
        return found

    async def vectors(
        self, *, team_id: str, model_version: str, since: datetime | None = None
    ) -> list[tuple[UUID, bytes]]:
        """Return (ticket id, embedding) of what a model has read, from `since` on (None: all)."""
        statement = select(TicketEmbedding.ticket_id, TicketEmbedding.embedding).where(
            TicketEmbedding.team_id == team_id, TicketEmbedding.model_version == model_version
        )
        if since is not None:
            statement = statement.where(TicketEmbedding.created_at >= since)
        return [(ticket_id, packed) for ticket_id, packed in await self._session.execute(statement)]

    async def versions(self, *, team_id: str) -> list[str]:
        """Return the model versions that have embeddings, the one that was written last first."""
        rows = await self._session.execute(
            select(TicketEmbedding.model_version)
            .where(TicketEmbedding.team_id == team_id)
            .group_by(TicketEmbedding.model_version)
            .order_by(func.max(TicketEmbedding.created_at).desc(), TicketEmbedding.model_version.desc())
        )
        return list(rows.scalars())

    async def drop(self, *, team_id: str, model_versions: Collection[str]) -> None:
        """Forget where tickets lie in the spaces of these models."""
        await self._session.execute(
            delete(TicketEmbedding).where(
                TicketEmbedding.team_id == team_id, TicketEmbedding.model_version.in_(model_versions)
            )
        )


def _newest_labelled(team_id: str, newest: int) -> Any:
    """Ids of the newest labelled tickets."""
    return (
        select(Ticket.id)
        .where(Ticket.team_id == team_id, is_labelled())
        .order_by(Ticket.posted_at.desc(), Ticket.id)
        .limit(newest)
    )
