"""The outbox: posts to Slack that are due, under way, or done."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage.errors import RowNotFound
from storage.models import Reply, ReplyState, Ticket
from storage.statements import insert_or_ignore

DELETED = "deleted"
"""Error of a post whose ticket's message was deleted: while it has a `ts`, it is to be deleted in Slack."""


class ReplyRepository:
    """Posts, at most one a ticket and surface."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_if_new(
        self,
        *,
        team_id: str,
        ticket_id: UUID | None,
        surface: str,
        channel_id: str,
        thread_ts: str | None,
        text: str,
        blocks: Sequence[dict[str, Any]],
        now: datetime,
    ) -> tuple[Reply, bool]:
        """Return the post of this ticket and surface, queued now or earlier, and whether it is new.

        A post about no ticket (`ticket_id` None) is always new.

        Raises:
            RowNotFound: the ticket's message was deleted.
        """
        if ticket_id is not None and not await self.wanted(ticket_id):
            raise RowNotFound("the ticket was deleted in the meantime")
        row = Reply(
            team_id=team_id,
            ticket_id=ticket_id,
            surface=surface,
            channel_id=channel_id,
            thread_ts=thread_ts,
            text=text,
            blocks=list(blocks),
            next_attempt_at=now,
            created_at=now,
        )
        if ticket_id is None:
            self._session.add(row)
            await self._session.flush()
            return row, True
        columns = ("team_id", "ticket_id", "surface", "channel_id", "thread_ts", "text", "blocks")
        values = {name: getattr(row, name) for name in (*columns, "next_attempt_at", "created_at")}
        new = await insert_or_ignore(self._session, Reply, values, [Reply.ticket_id, Reply.surface])
        kept = await self.for_ticket(team_id=team_id, ticket_id=ticket_id, surface=surface)
        if kept is None:
            raise RowNotFound
        return kept, new

    async def claim_due(self, *, team_id: str, now: datetime, lease: timedelta, limit: int) -> list[Reply]:
        """Take posts of a team that are due: each is `sending` until `now + lease`.

        It is the oldest of each channel, and none of a channel in which somebody posts at the moment. Where
        `was_sending` is True the post may be in Slack already: look for it before sending it.
        `attempts` counts claims that ended in a defect, or of which nobody ever heard again.
        """
        due = and_(
            Reply.team_id == team_id,
            Reply.state.in_((ReplyState.PENDING, ReplyState.SENDING)),
            Reply.next_attempt_at <= now,
        )
        other = aliased(Reply)
        busy = exists().where(  # a claim that has not ended has no error
            other.team_id == team_id,
            other.channel_id == Reply.channel_id,
            other.state == ReplyState.SENDING,
            other.next_attempt_at > now,
            other.last_error.is_(None),
        )
        place = func.row_number().over(
            partition_by=Reply.channel_id, order_by=(Reply.next_attempt_at, Reply.created_at, Reply.id)
        )
        first = select(Reply.id, place.label("place")).where(due, ~busy).subquery()
        rows = await self._session.scalars(
            select(Reply)
            .where(due, Reply.id.in_(select(first.c.id).where(first.c.place == 1)))
            .order_by(Reply.next_attempt_at, Reply.created_at, Reply.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        claimed = list(rows)
        for reply in claimed:
            reply.was_sending = reply.state == ReplyState.SENDING
            reply.state = ReplyState.SENDING
            reply.attempts += 1
            reply.next_attempt_at = now + lease
            reply.last_error = None
        await self._session.flush()
        return claimed

    async def renew(self, reply: Reply, *, until: datetime) -> bool:
        """Hold a claim until then; False where it ran out and the post is no longer ours to send."""
        renewed = await self._claimed(reply, holds=Reply.last_error.is_(None), next_attempt_at=until)
        if renewed:
            reply.next_attempt_at = until
        return renewed

    async def sent(self, key: UUID, *, ts: str, now: datetime) -> None:
        """Slack has it, under this ts. Where its ticket was deleted meanwhile it is to be deleted again."""
        values = {"state": ReplyState.SENT, "ts": ts, "sent_at": now, "last_error": None}
        await self._session.execute(update(Reply).where(Reply.id == key).values(**values))
        await self._session.execute(
            update(Reply)
            .where(Reply.id == key, Reply.ticket_id.in_(_deleted_tickets()))
            .values(state=ReplyState.FAILED, last_error=DELETED, next_attempt_at=now)
            .execution_options(synchronize_session=False)
        )

    async def wanted(self, ticket_id: UUID) -> bool:
        """Say whether a post about a ticket may go out: not once its message was deleted.

        In a transaction that writes, a deletion waits until the transaction has ended.
        """
        ticket = select(Ticket.id).where(Ticket.id == ticket_id, Ticket.deleted_at.is_(None))
        return await self._session.scalar(ticket.with_for_update(read=True)) is not None

    async def put_off(
        self, reply: Reply, *, error: str, until: datetime, perhaps_sent: bool, counts: bool = False
    ) -> bool:
        """End a claim for now; False where it is no longer ours.

        Args:
            reply: as it was claimed.
            error: why.
            until: when it is due again.
            perhaps_sent: whether Slack may have it, so that it is looked for first.
            counts: whether the attempt was the post's own fault.
        """
        state = ReplyState.SENDING if perhaps_sent else ReplyState.PENDING
        attempts = reply.attempts if counts else reply.attempts - 1
        return await self._claimed(
            reply, state=state, next_attempt_at=until, last_error=error, attempts=attempts
        )

    async def failed(self, reply: Reply, *, error: str) -> bool:
        """Give up; False where it is no longer ours."""
        return await self._claimed(reply, state=ReplyState.FAILED, last_error=error)

    async def due_now(self, *, team_id: str, channel_id: str, errors: Collection[str], now: datetime) -> int:
        """Send at once what waits in a channel because of one of these errors; return how many posts."""
        waiting = await self._session.scalars(
            update(Reply)
            .where(Reply.team_id == team_id, Reply.channel_id == channel_id)
            .where(Reply.state.in_((ReplyState.PENDING, ReplyState.SENDING)))
            .where(Reply.last_error.in_(errors), Reply.next_attempt_at > now)
            .values(next_attempt_at=now)
            .returning(Reply.id)
        )
        return len(list(waiting))

    async def for_ticket(self, *, team_id: str, ticket_id: UUID, surface: str) -> Reply | None:
        """Return our post of this kind about a ticket."""
        return await self._session.scalar(
            select(Reply).where(
                Reply.team_id == team_id, Reply.ticket_id == ticket_id, Reply.surface == surface
            )
        )

    async def get(self, key: UUID) -> Reply | None:
        """Return a post."""
        return await self._session.get(Reply, key)

    async def all_for_ticket(self, *, team_id: str, ticket_id: UUID, hold: bool = False) -> list[Reply]:
        """Return our posts about a ticket, oldest first; `hold` keeps others from them until the commit."""
        query = (
            select(Reply)
            .where(Reply.team_id == team_id, Reply.ticket_id == ticket_id)
            .order_by(Reply.created_at, Reply.id)
        )
        return list(await self._session.scalars(query.with_for_update() if hold else query))

    async def _claimed(
        self, reply: Reply, *, holds: ColumnElement[bool] | None = None, **values: Any
    ) -> bool:
        """Change a post as long as the claim holds: the end of its lease is the fence.

        Where the message was deleted meanwhile the claim still holds, to end the post but not to send it.
        """
        if holds is None:
            holds = or_(Reply.last_error.is_(None), Reply.last_error == DELETED)
        changed = await self._session.scalars(
            update(Reply)
            .where(Reply.id == reply.id, Reply.state == ReplyState.SENDING)
            .where(Reply.next_attempt_at == reply.next_attempt_at, holds)
            .values(**values)
            .returning(Reply.id)
            .execution_options(synchronize_session=False)
        )
        return bool(list(changed))


def _deleted_tickets() -> Select[UUID]:
    return select(Ticket.id).where(Ticket.deleted_at.is_not(None))
