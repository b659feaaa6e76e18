"""Labels that confident learning doubts, until a person has looked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.feedback.resolution import Resolved, resolve_labels
from storage.learning_models import LabelReview, ReviewState
from storage.models import Label, LabelRole, LabelSource
from storage.statements import insert_or_ignore


class ReviewRepository:
    """Doubts about labels; at most one open one a ticket, which keeps that ticket out of training."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self,
        *,
        team_id: str,
        ticket_id: UUID,
        given: str | None,
        suggested: str | None,
        score: float,
        now: datetime,
    ) -> LabelReview | None:
        """Doubt a ticket's label; repeating it is harmless, and a newer doubt replaces an open one.

        Args:
            team_id: of the workspace.
            ticket_id: of the ticket.
            given: what people settled on; None: none of these.
            suggested: what the model would say.
            score: how much likelier the suggestion is, 0..1.
            now: the time.

        Returns:
            The open row, or None where there is nothing to doubt: a person looked at this very label in the
            review queue already, or people no longer say `given` (a retraining takes a while), or the ticket
            was deleted.
        """
        if not await self._worth_a_look(team_id, ticket_id, given):
            return None
        row = await self.open_for(team_id=team_id, ticket_id=ticket_id)
        if row is None:
            values = {"given": given, "suggested": suggested, "score": score}
            key = {"team_id": team_id, "ticket_id": ticket_id}
            # A replica may have been quicker: the unique key takes one of both.
            await insert_or_ignore(self._session, LabelReview, {**key, **values, "created_at": now})
            return await self.open_for(team_id=team_id, ticket_id=ticket_id)
        if (row.given, row.suggested) != (given, suggested):
            row.created_at = now
        row.given, row.suggested, row.score = given, suggested, score
        await self._session.flush()
        return row

    async def add_suspects(
        self, *, team_id: str, suspects: Iterable[tuple[UUID, str | None, str | None, float]], now: datetime
    ) -> int:
        """Doubt several labels, each (ticket id, given, suggested, score); return how many wait now."""
        rows = [
            await self.add(
                team_id=team_id, ticket_id=ticket_id, given=given, suggested=suggested, score=score, now=now
            )
            for ticket_id, given, suggested, score in suspects
        ]
        return sum(row is not None for row in rows)

    async def settled_tickets(self, *, team_id: str) -> frozenset[UUID]:
        """Return the tickets whose label a person has looked at because of a doubt."""
        statement = select(LabelReview.ticket_id).where(
            LabelReview.team_id == team_id, LabelReview.state != ReviewState.OPEN
        )
        return frozenset(await self._session.scalars(statement))

    async def open(self, *, team_id: str, limit: int | None = None) -> list[LabelReview]:
        """Return the doubts that wait, worst first."""
        statement = (
            select(LabelReview)
            .where(LabelReview.team_id == team_id, LabelReview.state == ReviewState.OPEN)
            .order_by(LabelReview.score.desc(), LabelReview.created_at, LabelReview.id)
            .limit(limit)
        )
        return list(await self._session.scalars(statement))

    async def open_for(self, *, team_id: str, ticket_id: UUID) -> LabelReview | None:
        """Return the doubt about a ticket that waits, if any."""
        return await self._session.scalar(
            select(LabelReview).where(
                LabelReview.team_id == team_id,
                LabelReview.ticket_id == ticket_id,
                LabelReview.state == ReviewState.OPEN,
            )
        )

    async def settle(
        self, *, team_id: str, ticket_id: UUID, category: str | None, user_id: str, now: datetime
    ) -> LabelReview | None:
        """Close the doubt about a ticket with what a person says it is; None where none was open."""
        row = await self.open_for(team_id=team_id, ticket_id=ticket_id)
        if row is not None:
            row.state = ReviewState.KEPT if category == row.given else ReviewState.CHANGED
            row.settled_at, row.settled_by = now, user_id
            await self._session.flush()
        return row

    async def _worth_a_look(self, team_id: str, ticket_id: UUID, given: str | None) -> bool:
        labels = list(
            await self._session.scalars(
                select(Label).where(
                    Label.team_id == team_id, Label.ticket_id == ticket_id, Label.withdrawn_at.is_(None)
                )
            )
        )
        verdict = resolve_labels(labels)
        if verdict is None or verdict.category != given:
            return False
        if any(label.source == LabelSource.REVIEW and label.category == given for label in labels):
            return False
        same = LabelReview.given.is_(None) if given is None else LabelReview.given == given
        kept = select(LabelReview.id).where(
            LabelReview.team_id == team_id,
            LabelReview.ticket_id == ticket_id,
            LabelReview.state == ReviewState.KEPT,
            same,
        )
        return await self._session.scalar(kept.limit(1)) is None


def voices_of(doubt: LabelReview, labels: Iterable[Label]) -> frozenset[str]:
    """Return the people whose word a doubt is about: who said it, and be it that they took it back since."""
    given = doubt.given
    return frozenset(
        label.user_id
        for label in labels
        if label.category == given or (given is not None and label.moved_from == given)
    )


def closes(
    doubt: LabelReview, verdict: Resolved, voices: Collection[str], user_id: str, role: LabelRole
) -> bool:
    """Say whether a doubt is over now that somebody spoke: where another than who is doubted stands for it.

    Args:
        doubt: that waits.
        verdict: what all labels say, theirs among them.
        voices: of `voices_of`, before they spoke.
        user_id: who spoke; an admin has the last word.
        role: theirs towards the ticket.
    """
    if role == LabelRole.ADMIN:
        return True
    if verdict.disputed:
        return role == LabelRole.OWNER and user_id not in voices
    others = set(verdict.user_ids) - set(voices)
    return bool(others) and (verdict.trusted or verdict.category != doubt.given)
