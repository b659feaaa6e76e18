"""Whose word counts as the owning team's: who is in its channel since when, and whom an admin named."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.slack_models import CategoryOwner, ChannelMember
from storage.statements import insert_or_ignore

_FIRST_LOOK = ""
"""Stands where a user id would: the row says that the channel was looked at, and when for the first time."""


class OwnerRepository:
    """Members of the teams' channels, and owners of categories by name."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def looked(self, *, team_id: str, channel_id: str) -> bool:
        """Say whether a channel's members were read before."""
        return await self._since(team_id, channel_id, _FIRST_LOOK) is not None

    async def keep_members(
        self, *, team_id: str, channel_id: str, members: Collection[str], now: datetime
    ) -> None:
        """Keep who is in a channel now; who is not any more is forgotten.

        Whom the first look finds is of long standing. Whom a later one finds came only just now, as far as
        anybody knows.
        """
        first = await self._add(team_id, channel_id, _FIRST_LOOK, now)
        where = (ChannelMember.team_id == team_id, ChannelMember.channel_id == channel_id)
        known = set(await self._session.scalars(select(ChannelMember.user_id).where(*where)))
        for user_id in sorted(set(members) - known):
            await self._add(team_id, channel_id, user_id, None if first else now)
        gone = known - set(members) - {_FIRST_LOOK}
        if gone:
            await self._session.execute(
                delete(ChannelMember).where(*where, ChannelMember.user_id.in_(sorted(gone)))
            )

    async def joined(self, *, team_id: str, channel_id: str, user_id: str, at: datetime) -> None:
        """Keep that somebody joined; whatever was known of them there before does not count."""
        if not await self._add(team_id, channel_id, user_id, at):
            row = await self._session.scalar(select(ChannelMember).where(*_of(team_id, channel_id, user_id)))
            if row is not None:
                row.since = at
                await self._session.flush()

    async def left(self, *, team_id: str, channel_id: str, user_id: str, at: datetime) -> None:
        """Keep that somebody left, unless they have come back since."""
        earlier = or_(ChannelMember.since.is_(None), ChannelMember.since <= at)
        await self._session.execute(delete(ChannelMember).where(*_of(team_id, channel_id, user_id), earlier))

    async def owns(
        self,
        *,
        team_id: str,
        user_id: str,
        channels: Collection[str],
        before: datetime,
        slugs: Collection[str],
    ) -> bool:
        """Say whether somebody is in one of these channels since `before`, or an owner of one of `slugs`."""
        standing = select(ChannelMember.id).where(
            ChannelMember.team_id == team_id,
            ChannelMember.user_id == user_id,
            ChannelMember.channel_id.in_(channels),
            or_(ChannelMember.since.is_(None), ChannelMember.since <= before),
        )
        named = select(CategoryOwner.id).where(
            CategoryOwner.team_id == team_id, CategoryOwner.user_id == user_id, CategoryOwner.slug.in_(slugs)
        )
        return bool(await self._session.scalar(select(or_(standing.exists(), named.exists()))))

    async def name(self, *, team_id: str, slug: str, user_id: str, by: str, now: datetime) -> bool:
        """Name somebody an owner of a category's tickets; False where they are one by name already."""
        values = {"team_id": team_id, "slug": slug, "user_id": user_id, "named_by": by, "created_at": now}
        unique = [CategoryOwner.team_id, CategoryOwner.slug, CategoryOwner.user_id]
        return await insert_or_ignore(self._session, CategoryOwner, values, unique)

    async def unname(self, *, team_id: str, slug: str, user_id: str) -> bool:
        """Take that back; False where they were none by name."""
        gone = await self._session.scalar(
            delete(CategoryOwner)
            .where(
                CategoryOwner.team_id == team_id, CategoryOwner.slug == slug, CategoryOwner.user_id == user_id
            )
            .returning(CategoryOwner.id)
        )
        return gone is not None

    async def named(self, *, team_id: str, slug: str) -> list[str]:
        """Return the owners of a category by name, in the order in which they were named."""
        rows = await self._session.scalars(
            select(CategoryOwner.user_id)
            .where(CategoryOwner.team_id == team_id, CategoryOwner.slug == slug)
            .order_by(CategoryOwner.created_at, CategoryOwner.id)
        )
        return list(rows)

    async def _since(self, team_id: str, channel_id: str, user_id: str) -> datetime | None:
        return await self._session.scalar(
            select(ChannelMember.since).where(*_of(team_id, channel_id, user_id))
        )

    async def _add(self, team_id: str, channel_id: str, user_id: str, since: datetime | None) -> bool:
        values = {"team_id": team_id, "channel_id": channel_id, "user_id": user_id, "since": since}
        unique = [ChannelMember.team_id, ChannelMember.channel_id, ChannelMember.user_id]
        return await insert_or_ignore(self._session, ChannelMember, values, unique)


def _of(team_id: str, channel_id: str, user_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        ChannelMember.team_id == team_id,
        ChannelMember.channel_id == channel_id,
        ChannelMember.user_id == user_id,
    )
