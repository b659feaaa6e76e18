"""Tickets and what models said about them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import RowNotFound
from storage.feedback.labels import is_labelled
from storage.learning_models import TicketEmbedding
from storage.models import Prediction, Reply, Ticket, TicketState
from storage.statements import insert_or_ignore

IMPORTED = "import"
"""Stands in for a channel: an imported text was never a message in Slack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionValues:
    """A model's answer as plain data.

    Attributes:
        alternatives: (category, probability), best first.
        words: mappings with text, start, end, score.
        decision: what the policy made of it: "routed", "asked" or "out_of_scope".
        embedding: float32[hidden], little endian: `storage.types.vector_to_bytes`.
        remembered_ticket_id: the labelled ticket that overruled the model, or spoke against it.
    """

    model_version: str
    category: str
    confidence: float
    out_of_scope: float
    decision: str
    alternatives: Sequence[tuple[str, float]] = ()
    words: Sequence[Mapping[str, Any]] = ()
    embedding: bytes | None = None
    truncated: bool = False
    remembered_ticket_id: UUID | None = None


def time_of(ts: str) -> datetime:
    """When a message was posted: a Slack ts is seconds since 1970, a dot, and a serial number.

    Raises:
        ValueError: `ts` is no number.
    """
    return datetime.fromtimestamp(float(ts), UTC)


class TicketRepository:
    """Root messages in support channels."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_if_new(
        self,
        *,
        team_id: str,
        channel_id: str,
        ts: str,
        user_id: str,
        text: str,
        now: datetime,
        edited_ts: str | None = None,
    ) -> tuple[Ticket, bool]:
        """Return the ticket of this message, and whether it is new. `text` must be redacted already."""
        new = await insert_or_ignore(
            self._session,
            Ticket,
            {
                "team_id": team_id,
                "channel_id": channel_id,
                "ts": ts,
                "user_id": user_id,
                "text": text,
                "created_at": now,
                "posted_at": time_of(ts),
                "edited_ts": edited_ts,
            },
            [Ticket.team_id, Ticket.channel_id, Ticket.ts],
        )
        ticket = await self.find(team_id=team_id, channel_id=channel_id, ts=ts)
        if ticket is None:  # deleted by another transaction in between: the event is tried again
            raise RowNotFound
        return ticket, new

    async def get(self, *, team_id: str, ticket_id: UUID) -> Ticket | None:
        """Return a ticket of this team; None where its message was deleted."""
        return await self._session.scalar(
            select(Ticket).where(
                Ticket.team_id == team_id, Ticket.id == ticket_id, Ticket.deleted_at.is_(None)
            )
        )

    async def find(self, *, team_id: str, channel_id: str, ts: str) -> Ticket | None:
        """Return the ticket that this root message is, also where it was deleted."""
        return await self._session.scalar(
            select(Ticket).where(Ticket.team_id == team_id, Ticket.channel_id == channel_id, Ticket.ts == ts)
        )

    async def hold(self, ticket: Ticket) -> bool:
        """Keep others from a ticket until the commit; False where it does not say any more what was read."""
        kept = await self._again(ticket)
        return kept.deleted_at is None and kept.text == ticket.text

    async def edited(
        self, *, team_id: str, channel_id: str, stamps: Collection[str]
    ) -> dict[str, str | None]:
        """Return, of the messages that are tickets, the mark of the edit that was taken over last."""
        rows = await self._session.execute(
            select(Ticket.ts, Ticket.edited_ts).where(
                Ticket.team_id == team_id, Ticket.channel_id == channel_id, Ticket.ts.in_(stamps)
            )
        )
        return {row.ts: row.edited_ts for row in rows}

    async def edit(self, ticket: Ticket, *, text: str, edited_ts: str) -> bool:
        """Let a ticket say what its message says after an edit.

        What models made of the words before goes: their place in the models' space, and words that are there
        no more.

        Returns:
            Whether something follows from it; once more where this same edit comes again. Not where a later
            one was taken over, or where the words are the same.
        """
        kept = await self._again(ticket)
        if kept.deleted_at is not None or (kept.edited_ts or "") > edited_ts:
            return False
        news = kept.text != text or kept.edited_ts == edited_ts
        if kept.text != text:
            await self._session.execute(
                delete(TicketEmbedding).where(
                    TicketEmbedding.team_id == kept.team_id, TicketEmbedding.ticket_id == kept.id
                )
            )
            for row in await self._session.scalars(
                select(Prediction).where(Prediction.team_id == kept.team_id, Prediction.ticket_id == kept.id)
            ):
                row.embedding = None
                row.words = [word for word in row.words if str(word["text"]).casefold() in text.casefold()]
        kept.text = ticket.text = text
        kept.edited_ts = ticket.edited_ts = edited_ts
        await self._session.flush()
        return news

    async def find_by_any_ts(self, *, team_id: str, channel_id: str, ts: str) -> Ticket | None:
        """Return the ticket that a message is about: its root message, or one of our posts about it.

        None where the message was deleted.
        """
        root = await self.find(team_id=team_id, channel_id=channel_id, ts=ts)
        if root is not None:
            return root if root.deleted_at is None else None
        return await self._session.scalar(
            select(Ticket)
            .join(Reply, and_(Reply.team_id == Ticket.team_id, Reply.ticket_id == Ticket.id))
            .where(
                Reply.team_id == team_id,
                Reply.channel_id == channel_id,
                Reply.ts == ts,
                Ticket.deleted_at.is_(None),
            )
            .limit(1)
        )

    async def latest(
        self, *, team_id: str, user_id: str | None = None, channel_id: str | None = None
    ) -> Ticket | None:
        """Return the newest ticket, of one person or one channel where named."""
        statement = self._newest(team_id).limit(1)
        if user_id is not None:
            statement = statement.where(Ticket.user_id == user_id)
        if channel_id is not None:
            statement = statement.where(Ticket.channel_id == channel_id)
        return await self._session.scalar(statement)

    async def count(self, *, team_id: str) -> int:
        """Return how many tickets the workspace has."""
        query = select(func.count()).select_from(Ticket)
        query = query.where(Ticket.team_id == team_id, Ticket.deleted_at.is_(None))
        return await self._session.scalar(query) or 0

    async def channels(self, *, team_id: str, since: datetime) -> list[str]:
        """Return the channels of which we kept a ticket since a moment."""
        query = select(Ticket.channel_id).where(Ticket.team_id == team_id, Ticket.created_at >= since)
        return list(await self._session.scalars(query.distinct().order_by(Ticket.channel_id)))

    async def recent(self, *, team_id: str, limit: int = 20) -> list[Ticket]:
        """Return the newest tickets, newest first."""
        return list(await self._session.scalars(self._newest(team_id).limit(limit)))

    async def unlabelled_texts(self, *, team_id: str, limit: int) -> list[str]:
        """Return the newest tickets' texts that nobody labelled, newest first."""
        query = self._newest(team_id).where(~is_labelled()).with_only_columns(Ticket.text).limit(limit)
        return list(await self._session.scalars(query))

    async def record(
        self,
        ticket: Ticket,
        prediction: PredictionValues,
        *,
        state: TicketState,
        category: str | None,
        now: datetime,
    ) -> Prediction:
        """Keep what the model said about a ticket, and what came of it.

        `ticket` may come from an earlier unit of work: no transaction stays open while the model works.

        Raises:
            RowNotFound: it was deleted in the meantime.
        """
        kept = await self._again(ticket)
        kept.state = ticket.state = TicketState(state)
        kept.category = ticket.category = category
        row = Prediction(
            team_id=ticket.team_id,
            ticket_id=ticket.id,
            model_version=prediction.model_version,
            category=prediction.category,
            confidence=prediction.confidence,
            alternatives=[[slug, p] for slug, p in prediction.alternatives],
            words=[dict(word) for word in prediction.words],
            out_of_scope=prediction.out_of_scope,
            decision=TicketState(prediction.decision),
            embedding=prediction.embedding,
            truncated=prediction.truncated,
            remembered_ticket_id=prediction.remembered_ticket_id,
            created_at=now,
        )
        self._session.add(row)
        await self._session.flush()
        return row

    async def decide(self, ticket: Ticket, *, state: TicketState, category: str | None) -> None:
        """Set what a ticket is where no model was asked; `ticket` may come from an earlier unit of work."""
        kept = await self._again(ticket)
        kept.state = ticket.state = TicketState(state)
        kept.category = ticket.category = category
        await self._session.flush()

    async def latest_prediction(self, *, team_id: str, ticket_id: UUID) -> Prediction | None:
        """Return what a model said last about a ticket."""
        return await self._session.scalar(
            select(Prediction)
            .where(Prediction.team_id == team_id, Prediction.ticket_id == ticket_id)
            .order_by(Prediction.created_at.desc(), Prediction.id)
            .limit(1)
        )

    async def _again(self, ticket: Ticket) -> Ticket:
        """Read a ticket of an earlier unit of work again; `merge` would bring a deleted one back to life."""
        kept = await self._session.get(Ticket, ticket.id, with_for_update=True, populate_existing=True)
        if kept is None or kept.team_id != ticket.team_id or kept.deleted_at is not None:
            raise RowNotFound("the ticket was deleted in the meantime")
        return kept

    @staticmethod
    def _newest(team_id: str) -> Select[Ticket]:
        return (
            select(Ticket)
            .where(Ticket.team_id == team_id, Ticket.deleted_at.is_(None))
            .order_by(Ticket.posted_at.desc(), Ticket.ts.desc())
        )
