"""The outbox: posts to Slack that are due, under way, or done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import RowNotFound
from storage.models import Reply, ReplyState
from storage.statements import insert_or_ignore


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
        """
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

    async def claim_due(self, *, now: datetime, lease: timedelta, limit: int) -> list[Reply]:
        """Take posts that are due, oldest first, of all teams; each is `sending` until `now + lease`.

        Where `was_sending` is True an earlier sender never reported back: the post may be in Slack already,
        so look at the thread before sending it. `lease` must be longer than the HTTP timeout.
        """
        rows = await self._session.scalars(
            select(Reply)
            .where(Reply.state.in_((ReplyState.PENDING, ReplyState.SENDING)), Reply.next_attempt_at <= now)
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
        await self._session.flush()
        return claimed

    async def sent(self, key: UUID, *, ts: str, now: datetime) -> None:
        """Slack has it, under this ts."""
        await self._set(key, state=ReplyState.SENT, ts=ts, sent_at=now, last_error=None)

    async def retry(self, key: UUID, *, error: str, next_attempt_at: datetime) -> None:
        """Slack certainly does not have it (a refusal, a 429): send it again later.

        After a time-out nobody knows: leave the post `sending`; its lease brings it back with `was_sending`.
        """
        await self._set(key, state=ReplyState.PENDING, next_attempt_at=next_attempt_at, last_error=error)

    async def failed(self, key: UUID, *, error: str) -> None:
        """Give up."""
        await self._set(key, state=ReplyState.FAILED, last_error=error)

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

    async def _set(self, key: UUID, **values: Any) -> None:
        await self._session.execute(update(Reply).where(Reply.id == key).values(**values))
