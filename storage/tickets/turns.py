"""When Slack may be called again: one memory for all processes that share the database."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import RowNotFound
from storage.slack_models import SlackTurn
from storage.statements import insert_or_ignore


class TurnRepository:
    """Moments by team and key; without a row everything may be called."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def read(self, *, team_id: str, keys: Collection[str]) -> dict[str, datetime]:
        """Return the moments that are known of some keys."""
        rows = await self._session.execute(
            select(SlackTurn.key, SlackTurn.next_at).where(
                SlackTurn.team_id == team_id, SlackTurn.key.in_(keys)
            )
        )
        return {row.key: row.next_at for row in rows}

    async def put_off(self, *, team_id: str, key: str, until: datetime) -> None:
        """Nobody calls before `until`, unless a later moment is known already."""
        if not await self._insert(team_id, key, until):
            await self._session.execute(
                update(SlackTurn)
                .where(SlackTurn.team_id == team_id, SlackTurn.key == key, SlackTurn.next_at < until)
                .values(next_at=until)
            )

    async def take(self, *, team_id: str, key: str, now: datetime, until: datetime) -> bool:
        """Take a turn that is due, so that nobody else does before `until`; False where it was taken."""
        taken = await self._session.scalars(
            update(SlackTurn)
            .where(SlackTurn.team_id == team_id, SlackTurn.key == key, SlackTurn.next_at <= now)
            .values(next_at=until)
            .returning(SlackTurn.id)
        )
        return bool(list(taken))

    async def pace(self, *, team_id: str, key: str, now: datetime, every: timedelta, burst: int) -> datetime:
        """Take the next turn of a steady pace, and return when it is.

        Who paused has `burst` turns at once. Nobody is told to wait longer than two turns: posts of a channel
        come one by one, so more than that would be a clock that stands still or runs wrong.
        """
        await self._insert(team_id, key, now - burst * every)
        row = await self._session.scalar(
            select(SlackTurn)
            .where(SlackTurn.team_id == team_id, SlackTurn.key == key)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if row is None:
            raise RowNotFound
        turn = min(max(row.next_at, now - burst * every), now + every)
        row.next_at = turn + every
        await self._session.flush()
        return turn

    async def clear(self, *, team_id: str, key: str) -> None:
        """Let everybody call."""
        await self._session.execute(
            delete(SlackTurn).where(SlackTurn.team_id == team_id, SlackTurn.key == key)
        )

    async def _insert(self, team_id: str, key: str, next_at: datetime) -> bool:
        values = {"team_id": team_id, "key": key, "next_at": next_at}
        return await insert_or_ignore(self._session, SlackTurn, values, [SlackTurn.team_id, SlackTurn.key])
