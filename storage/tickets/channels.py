"""What people set for a channel."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import RowNotFound
from storage.models import ChannelSetting
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

    async def enabled_ids(self, *, team_id: str) -> frozenset[str]:
        """Return the channels that somebody switched on."""
        rows = await self._session.scalars(
            select(ChannelSetting.channel_id).where(
                ChannelSetting.team_id == team_id, ChannelSetting.enabled.is_(True)
            )
        )
        return frozenset(rows)

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
