"""Questions that the bot asks by itself, and the tickets that it could ask about."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.feedback.labels import is_labelled
from storage.learning_models import Question, QuestionState
from storage.models import Prediction, Ticket, TicketState
from storage.statements import insert_or_ignore


class QuestionRepository:
    """Questions; one a slot of a day, and one a ticket."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_if_free(
        self,
        *,
        team_id: str,
        ticket_id: UUID,
        day: str,
        slot: int,
        channel_id: str,
        gain: float,
        now: datetime,
    ) -> Question | None:
        """Take a slot of a day for a ticket; None where the slot is taken, or the ticket was asked about.

        Args:
            team_id: the workspace.
            ticket_id: what to ask about.
            day: the workspace's own date, YYYY-MM-DD.
            slot: 0 up to the day's budget - 1.
            channel_id: where it is posted.
            gain: 1 - margin of the prediction.
            now: the time.
        """
        values = {
            "team_id": team_id,
            "ticket_id": ticket_id,
            "day": day,
            "slot": slot,
            "channel_id": channel_id,
            "gain": gain,
            "created_at": now,
        }
        if not await insert_or_ignore(self._session, Question, values):
            return None
        return await self.for_ticket(team_id=team_id, ticket_id=ticket_id)

    async def for_ticket(self, *, team_id: str, ticket_id: UUID) -> Question | None:
        """Return the question about a ticket."""
        return await self._session.scalar(
            select(Question).where(Question.team_id == team_id, Question.ticket_id == ticket_id)
        )

    async def asked_on(self, *, team_id: str, day: str) -> int:
        """Count the questions of a day."""
        query = select(func.count(Question.id)).where(Question.team_id == team_id, Question.day == day)
        return await self._session.scalar(query) or 0

    async def last_asked_at(self, *, team_id: str) -> datetime | None:
        """Return when the newest question was asked."""
        newest = select(Question.created_at).where(Question.team_id == team_id)
        return await self._session.scalar(newest.order_by(Question.created_at.desc()).limit(1))

    async def mark_answered(self, *, team_id: str, ticket_id: UUID, now: datetime) -> None:
        """A person said what the ticket is: under the question or elsewhere. Without a question: nothing."""
        await self._session.execute(
            update(Question)
            .where(
                Question.team_id == team_id,
                Question.ticket_id == ticket_id,
                Question.state == QuestionState.POSTED,
            )
            .values(state=QuestionState.ANSWERED, answered_at=now)
        )

    async def candidates(
        self, *, team_id: str, model_version: str, since: datetime, until: datetime, limit: int = 2000
    ) -> list[tuple[Ticket, Prediction]]:
        """Return the tickets that could be asked about, newest first, each with what this model said last.

        Nobody labelled them and no question was about them; the bot routed them or asked in their thread.
        Chatter (out of scope) stays out: no team is asked about it. So does what went where people said of a
        message like it: the answer would teach nothing new.

        Args:
            team_id: the workspace.
            model_version: whose predictions count; embeddings of two models do not compare.
            since: tickets that came in from here on.
            until: tickets that came in before this.
            limit: how many predictions are read.
        """
        asked = exists().where(Question.team_id == Ticket.team_id, Question.ticket_id == Ticket.id)
        rows = await self._session.execute(
            select(Ticket, Prediction)
            .join(Prediction, and_(Prediction.team_id == Ticket.team_id, Prediction.ticket_id == Ticket.id))
            .where(
                Ticket.team_id == team_id,
                Ticket.state.in_((TicketState.ROUTED, TicketState.ASKED)),
                Ticket.created_at >= since,
                Ticket.created_at < until,
                Ticket.deleted_at.is_(None),
                Prediction.model_version == model_version,
                Prediction.embedding.is_not(None),
                or_(Ticket.state == TicketState.ASKED, Prediction.remembered_ticket_id.is_(None)),
                ~is_labelled(),
                ~asked,
            )
            .order_by(Ticket.created_at.desc(), Ticket.id, Prediction.created_at.desc())
            .limit(limit)
        )
        newest: dict[UUID, tuple[Ticket, Prediction]] = {}
        for ticket, prediction in rows:
            newest.setdefault(ticket.id, (ticket, prediction))
        return list(newest.values())

    async def embeddings_of_asked(
        self, *, team_id: str, model_version: str, limit: int = 2000
    ) -> list[bytes]:
        """Return the embeddings, by this model, of the tickets that were asked about last."""
        rows = await self._session.scalars(
            select(Prediction.embedding)
            .join(
                Question,
                and_(Question.team_id == Prediction.team_id, Question.ticket_id == Prediction.ticket_id),
            )
            .where(
                Question.team_id == team_id,
                Prediction.model_version == model_version,
                Prediction.embedding.is_not(None),
            )
            .order_by(Question.created_at.desc(), Question.id)
            .limit(limit)
        )
        return [packed for packed in rows if packed is not None]
