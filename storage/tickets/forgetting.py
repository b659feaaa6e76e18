"""What leaves when a message was deleted, or is too old: texts, and all that was made from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import RowNotFound
from storage.learning_models import (
    CategoryProposal,
    GoldTicket,
    LabelReview,
    ProposalState,
    Question,
    QuestionState,
    ReviewState,
    TicketEmbedding,
)
from storage.models import (
    InboxEvent,
    InboxState,
    Label,
    Prediction,
    Reply,
    ReplyState,
    Ticket,
    TicketState,
)
from storage.tickets.replies import DELETED
from storage.tickets.tickets import IMPORTED, TicketRepository

BOT = "fingerpost"
"""Who settles what has nothing left to settle."""


class ForgettingRepository:
    """Makes tickets tombstones: the row stays, so that a late delivery does not bring the message back."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def bury(self, *, team_id: str, channel_id: str, ts: str, user_id: str, now: datetime) -> Ticket:
        """Forget a message that we may not have seen yet: when it comes, it is deleted already."""
        ticket, _ = await TicketRepository(self._session).add_if_new(
            team_id=team_id, channel_id=channel_id, ts=ts, user_id=user_id, text="", now=now
        )
        await self.forget(ticket, now=now)
        return ticket

    async def forget(self, ticket: Ticket, *, now: datetime, posts: bool = True) -> bool:
        """Take the text out of a ticket and of everything that was made from it.

        Its labels are withdrawn: they teach no more. What the model said stays as figures, without words.

        Args:
            ticket: may come from an earlier unit of work.
            now: the time.
            posts: whether our posts about it are deleted in Slack as well, see `to_remove`.

        Returns:
            False where it was forgotten before.

        Raises:
            RowNotFound: there is no such ticket.
        """
        kept = await self._session.get(Ticket, ticket.id, with_for_update=True, populate_existing=True)
        if kept is None or kept.team_id != ticket.team_id:
            raise RowNotFound("there is no such ticket in this workspace")
        await self._empty_events(kept)
        if kept.deleted_at is not None:
            return False
        await self._leave_proposals(kept, now)
        if kept.channel_id == IMPORTED:  # was never in Slack, and may be imported again
            await self._session.delete(kept)
            await self._session.flush()
            return True
        kept.text, kept.deleted_at = "", now
        if kept.state == TicketState.NEW:
            kept.state = TicketState.OUT_OF_SCOPE  # nothing is left to decide
        await self._session.flush()
        about = {"team_id": kept.team_id, "ticket_id": kept.id}
        await self._session.execute(update(Prediction).filter_by(**about).values(words=[], embedding=None))
        await self._session.execute(
            update(Label).filter_by(**about).where(Label.withdrawn_at.is_(None)).values(withdrawn_at=now)
        )
        await self._session.execute(
            update(Question)
            .filter_by(**about, state=QuestionState.POSTED)
            .values(state=QuestionState.ANSWERED, answered_at=now)
        )
        await self._session.execute(delete(TicketEmbedding).filter_by(**about))
        await self._session.execute(delete(GoldTicket).filter_by(**about))
        await self._session.execute(delete(LabelReview).filter_by(**about, state=ReviewState.OPEN))
        await self._empty_posts(kept, now, remove=posts)
        return True

    async def to_remove(self, *, team_id: str, now: datetime, limit: int) -> list[Reply]:
        """Return posts about forgotten tickets that are due to be deleted in Slack, oldest first."""
        rows = await self._session.scalars(
            select(Reply)
            .where(_to_remove(team_id), Reply.next_attempt_at <= now)
            .order_by(Reply.next_attempt_at, Reply.id)
            .limit(limit)
        )
        return list(rows)

    async def count_to_remove(self, *, team_id: str) -> int:
        """Count the posts that are to be deleted in Slack, now or later."""
        query = select(func.count()).select_from(Reply).where(_to_remove(team_id))
        return await self._session.scalar(query) or 0

    async def removed(self, key: UUID, *, error: str | None = None) -> None:
        """A post is gone from Slack, or (`error`) Slack never lets go of it."""
        values = {"last_error": error} if error else {"ts": None}
        await self._session.execute(update(Reply).where(Reply.id == key).values(**values))

    async def remove_later(self, key: UUID, *, next_attempt_at: datetime) -> None:
        """Slack did not answer: try again then."""
        await self._session.execute(
            update(Reply)
            .where(Reply.id == key)
            .values(next_attempt_at=next_attempt_at, attempts=Reply.attempts + 1)
        )

    async def older(self, *, team_id: str, before: datetime, limit: int) -> list[Ticket]:
        """Return tickets that came in before a moment and are not forgotten yet, oldest first."""
        rows = await self._session.scalars(
            select(Ticket)
            .where(Ticket.team_id == team_id, Ticket.deleted_at.is_(None), Ticket.created_at < before)
            .order_by(Ticket.created_at, Ticket.id)
            .limit(limit)
        )
        return list(rows)

    async def of_person(self, *, team_id: str, user_id: str, limit: int) -> list[Ticket]:
        """Return a person's tickets that are not forgotten yet."""
        rows = await self._session.scalars(
            select(Ticket)
            .where(Ticket.team_id == team_id, Ticket.user_id == user_id, Ticket.deleted_at.is_(None))
            .limit(limit)
        )
        return list(rows)

    async def forget_queues(self, *, team_id: str, before: datetime) -> int:
        """Delete events that came in, and posts about no ticket that were made, before a moment.

        An event that is under way stays: it is worked off, or given up, and gone the next time.

        Returns:
            How many rows went.
        """
        events = await self._session.scalars(
            delete(InboxEvent)
            .where(
                InboxEvent.team_id == team_id,
                InboxEvent.received_at < before,
                InboxEvent.state != InboxState.WORKING,
            )
            .returning(InboxEvent.id)
        )
        posts = await self._session.scalars(
            delete(Reply)
            .where(
                Reply.team_id == team_id,
                Reply.ticket_id.is_(None),
                Reply.created_at < before,
                Reply.state.in_((ReplyState.SENT, ReplyState.FAILED)),
            )
            .returning(Reply.id)
        )
        return len(events.all()) + len(posts.all())

    async def forget_events_of(self, *, team_id: str, user_id: str) -> int:
        """Delete what waits, or was given up, of a person's messages and requests; return how many."""
        found = await self._session.scalars(
            delete(InboxEvent)
            .where(
                InboxEvent.team_id == team_id,
                InboxEvent.state != InboxState.DONE,
                InboxEvent.payload["user_id"].as_string() == user_id,
            )
            .returning(InboxEvent.id)
        )
        return len(found.all())

    async def _empty_events(self, ticket: Ticket) -> None:
        """Take the text out of events of this message that wait, are under way, or were given up."""
        rows = await self._session.scalars(
            select(InboxEvent).where(
                InboxEvent.team_id == ticket.team_id,
                InboxEvent.state != InboxState.DONE,
                InboxEvent.payload["channel_id"].as_string() == ticket.channel_id,
                InboxEvent.payload["ts"].as_string() == ticket.ts,
            )
        )
        for row in rows:
            if row.payload.get("text"):
                row.payload = {**row.payload, "text": ""}
        await self._session.flush()

    async def _empty_posts(self, ticket: Ticket, now: datetime, *, remove: bool) -> None:
        """Empty our posts, and leave those that are in Slack, or may be soon, to be deleted there.

        What is under way just now stays `sending`: whoever sends it finds out, see `ReplyRepository.sent`.
        """
        under_way = Reply.state == ReplyState.SENDING
        values: dict[str, Any] = {
            "text": "",
            "blocks": [],
            "state": case((under_way, ReplyState.SENDING), else_=ReplyState.FAILED),
            "last_error": DELETED,
            "next_attempt_at": case((under_way, Reply.next_attempt_at), else_=now),
        }
        if not remove:
            values["ts"] = None
        await self._session.execute(
            update(Reply)
            .where(Reply.team_id == ticket.team_id, Reply.ticket_id == ticket.id)
            .values(**values)
            .execution_options(synchronize_session=False)
        )

    async def _leave_proposals(self, ticket: Ticket, now: datetime) -> None:
        """Take a ticket out of proposed categories, with the words that only its text had."""
        gone = str(ticket.id)
        rows = await self._session.scalars(
            select(CategoryProposal).where(CategoryProposal.team_id == ticket.team_id).with_for_update()
        )
        for row in rows:
            if gone not in row.ticket_ids:
                continue
            row.ticket_ids = [each for each in row.ticket_ids if each != gone]
            texts = await self._texts(ticket.team_id, [UUID(each) for each in row.ticket_ids])
            row.words = [word for word in row.words if any(str(word).casefold() in text for text in texts)]
            if not row.ticket_ids and row.state == ProposalState.OPEN:
                row.state, row.settled_at, row.settled_by = ProposalState.DISMISSED, now, BOT
        await self._session.flush()

    async def _texts(self, team_id: str, ticket_ids: Sequence[UUID]) -> list[str]:
        rows = await self._session.scalars(
            select(Ticket.text).where(Ticket.team_id == team_id, Ticket.id.in_(ticket_ids))
        )
        return [text.casefold() for text in rows]


def _to_remove(team_id: str) -> ColumnElement[bool]:
    return and_(
        Reply.state == ReplyState.FAILED,
        Reply.team_id == team_id,
        Reply.last_error == DELETED,
        Reply.ts.is_not(None),
    )
