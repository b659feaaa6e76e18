"""What this workspace has: categories with their channels, and which channels are support channels."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import structlog

from bot.blocks.common import CategoryView
from bot.errors import UnknownCategory
from bot.slack.messenger import Messenger
from storage.database import Database, UnitOfWork
from storage.feedback.categories import successors
from storage.models import Category, CategoryState

CACHE_SECONDS = 300

log = structlog.get_logger(__name__)


class Directory:
    """Categories and channels of one workspace, with channel names looked up in Slack.

    Args:
        database: holds categories and channel settings.
        messenger: lists channels.
        team_id: the workspace.
        support_channels: names or ids; empty means every channel that is nobody's destination.
        admin_channel: name or id, for notices to admins; None: they are told in App Home alone.
        monotonic: seconds, for the cache of names.
    """

    def __init__(
        self,
        database: Database,
        messenger: Messenger,
        team_id: str,
        support_channels: Collection[str] = (),
        admin_channel: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._messenger = messenger
        self._team_id = team_id
        self._support = frozenset(support_channels)
        self._admin_channel = admin_channel
        self._monotonic = monotonic
        self._channels: dict[str, str] = {}
        self._until = float("-inf")

    async def categories(self, work: UnitOfWork | None = None) -> list[CategoryView]:
        """Return the active categories in their order."""
        if work is None:
            async with self._database.reader() as reader:
                return await self.categories(reader)
        # Names come from the cache here: a transaction is open, and no network call may happen in it.
        return [self._view(row) for row in await work.categories.active(team_id=self._team_id)]

    async def retired(self, work: UnitOfWork) -> list[CategoryView]:
        """Return the categories that are offered no more."""
        rows = await work.categories.all(team_id=self._team_id)
        goes_to = successors(rows)
        gone = (row for row in rows if row.state == CategoryState.RETIRED)
        return [self._view(row, goes_to.get(row.slug)) for row in gone]

    async def unknown(self, slug: str) -> UnknownCategory:
        """Say why a category that an old button names cannot be chosen."""
        async with self._database.reader() as work:
            gone = {view.slug: view for view in await self.retired(work)}
            active = {view.slug: view for view in await self.categories(work)}
        if slug not in gone:
            return UnknownCategory()
        heir = active.get(gone[slug].merged_into or "")
        if heir is not None:
            return UnknownCategory(
                f"{gone[slug].name} was merged into {heir.name}. Pick that one, or another."
            )
        return UnknownCategory(f"{gone[slug].name} was retired. Pick another category.")

    async def channel_name(self, channel_id: str) -> str | None:
        """Return the name of a channel that we can see; None of any other."""
        await self.refresh()
        if channel_id not in self._channels.values():
            self._until = float("-inf")  # made, or we were invited, since the last look
            await self.refresh()
        return self._name_of(channel_id) or None

    def _view(self, row: Category, merged_into: str | None = None) -> CategoryView:
        return CategoryView(
            slug=row.slug,
            name=row.name,
            emoji=row.emoji,
            description=row.description,
            destination=(row.destination or "").lstrip("#"),
            destination_id=self._channels.get((row.destination or "").lstrip("#")),
            merged_into=merged_into,
        )

    async def refresh(self) -> None:
        """Look channel names up again when the last look is older than five minutes."""
        now = self._monotonic()
        if now >= self._until:
            self._channels = await self._messenger.channels()
            self._until = now + CACHE_SECONDS

    async def is_support_channel(self, channel_id: str) -> bool:
        """Say whether root messages of this channel are tickets."""
        await self.refresh()
        async with self._database.reader() as work:
            setting = await work.channels.get(team_id=self._team_id, channel_id=channel_id)
            views = await self.categories(work)
        if setting is not None:
            return setting.enabled
        if self._support:
            return bool(self._support & {channel_id, self._name_of(channel_id)})
        return channel_id not in {view.destination_id for view in views}

    async def admin_channel_id(self) -> str | None:
        """Return the id of the channel for notices to admins; None where there is none that we can see."""
        if not self._admin_channel:
            return None
        await self.refresh()
        name = self._admin_channel.lstrip("#")
        channel_id = self._channels.get(name, name if name in self._channels.values() else None)
        if channel_id is None:
            log.warning("admin_channel_unknown", channel=self._admin_channel)
        return channel_id

    def _name_of(self, channel_id: str) -> str:
        return next((name for name, known in self._channels.items() if known == channel_id), "")
