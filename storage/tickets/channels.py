"""What people set for a channel, what Slack last said of it, and how far we have read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import RowNotFound
from storage.slack_models import ChannelSetting, KnownChannel
from storage.statements import insert_or_ignore


class ChannelRepository:
    """Channel settings; a channel without a row has the defaults."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, *, team_id: str, channel_id: str) -> ChannelSetting | None:
        """Return what was set for a channel."""
        return await self._session.scalar(
            select(ChannelSetting)
            .where(ChannelSetting.team_id == team_id, ChannelSetting.channel_id == channel_id)
            .execution_options(populate_existing=True)
        )

    async def read_until(self, *, team_id: str, channel_id: str) -> str | None:
        """Return the `ts` up to which a channel was read; None: nothing was read there yet."""
        return await self._session.scalar(
            select(KnownChannel.read_until).where(
                KnownChannel.team_id == team_id, KnownChannel.channel_id == channel_id
            )
        )

    async def read_to(self, *, team_id: str, channel_id: str, ts: str, now: datetime) -> None:
        """Keep that a channel was read up to `ts`, unless it was read further already."""
        values = {"team_id": team_id, "channel_id": channel_id, "read_until": ts, "updated_at": now}
        unique = [KnownChannel.team_id, KnownChannel.channel_id]
        if await insert_or_ignore(self._session, KnownChannel, values, unique):
            return
        further = or_(KnownChannel.read_until.is_(None), KnownChannel.read_until < ts)
        await self._session.execute(
            update(KnownChannel)
            .where(KnownChannel.team_id == team_id, KnownChannel.channel_id == channel_id, further)
            .values(read_until=ts)
        )

    async def set(
        self,
        *,
        team_id: str,
        channel_id: str,
        enabled: bool,
        threshold: float | None = None,
        updated_by: str,
        now: datetime,
    ) -> ChannelSetting:
        """Set a channel; `threshold` None takes the model's own."""
        values = {"enabled": enabled, "threshold": threshold, "updated_at": now, "updated_by": updated_by}
        new = await insert_or_ignore(
            self._session,
            ChannelSetting,
            {"team_id": team_id, "channel_id": channel_id, **values},
            [ChannelSetting.team_id, ChannelSetting.channel_id],
        )
        setting = await self.get(team_id=team_id, channel_id=channel_id)
        if setting is None:
            raise RowNotFound
        if not new:
            for name, value in values.items():
                setattr(setting, name, value)
            await self._session.flush()
        return setting


@dataclass(frozen=True, slots=True)
class SeenChannel:
    """A channel as Slack shows it to us."""

    channel_id: str
    name: str
    is_private: bool
    is_archived: bool
    is_member: bool


class KnownChannelRepository:
    """Channels that we are in, and others that we asked about: nobody waits for Slack to know their names.

    A row whose `name` is None only marks how far the channel was read.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def get(self, *, team_id: str, channel_id: str) -> KnownChannel | None:
        """Return what is known of a channel."""
        return await self._session.scalar(
            select(KnownChannel)
            .where(KnownChannel.team_id == team_id, KnownChannel.channel_id == channel_id)
            .execution_options(populate_existing=True)
        )

    async def joined(self, *, team_id: str) -> list[KnownChannel]:
        """Return the channels that we are in and can write to, by name."""
        rows = await self._session.scalars(
            select(KnownChannel)
            .where(KnownChannel.team_id == team_id, KnownChannel.name.is_not(None))
            .where(KnownChannel.is_member.is_(True), KnownChannel.is_archived.is_(False))
            .order_by(KnownChannel.name, KnownChannel.channel_id)
        )
        return list(rows)

    async def keep(self, *, team_id: str, seen: Sequence[SeenChannel], now: datetime) -> None:
        """Remember what Slack says of some channels."""
        ids = [channel.channel_id for channel in seen]
        rows = await self._session.scalars(
            select(KnownChannel)
            .where(KnownChannel.team_id == team_id, KnownChannel.channel_id.in_(ids))
            .execution_options(populate_existing=True)
        )
        known = {row.channel_id: row for row in rows}
        for channel in seen:
            values = {**asdict(channel), "updated_at": now}
            row = known.get(channel.channel_id)
            if row is None:
                unique = [KnownChannel.team_id, KnownChannel.channel_id]
                await insert_or_ignore(self._session, KnownChannel, {"team_id": team_id, **values}, unique)
                continue
            for name, value in values.items():
                setattr(row, name, value)
        await self._session.flush()

    async def left(self, *, team_id: str, before: datetime) -> None:
        """Remember that we are in none of the channels that a listing, begun at `before`, did not show."""
        await self._session.execute(
            update(KnownChannel)
            .where(KnownChannel.team_id == team_id, KnownChannel.is_member.is_(True))
            .where(KnownChannel.updated_at < before)
            .values(is_member=False)
        )
