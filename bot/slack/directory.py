"""What this workspace has: categories with their channels, and which channels are support channels."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

import structlog

from bot.blocks.common import CategoryView
from bot.clock import Clock
from bot.errors import SlackUnavailable, UnknownCategory
from bot.slack.messenger import Messenger
from storage.database import Database, UnitOfWork
from storage.feedback.categories import successors
from storage.models import Category, CategoryState
from storage.slack_models import KnownChannel
from storage.tickets.channels import SeenChannel

NOT_ASKED_AGAIN_SECONDS = 60
_ID = re.compile(r"[CG][A-Z0-9]+")
"""Names of channels have no capitals."""

log = structlog.get_logger(__name__)


class Directory:
    """Categories and channels of one workspace.

    What Slack said last is in the database. Slack itself is asked in the background (`list_some`), and about
    a single channel where nothing is known of it yet: no message waits for a list of channels.

    Args:
        database: holds categories, channel settings, and what is known of channels.
        messenger: asks Slack.
        team_id: the workspace.
        clock: the time.
        support_channels: names or ids; empty means every channel that is nobody's destination.
        admin_channel: name or id, for notices to admins; None: they are told in App Home alone.
        monotonic: seconds.
    """

    def __init__(
        self,
        database: Database,
        messenger: Messenger,
        team_id: str,
        clock: Clock,
        support_channels: Collection[str] = (),
        admin_channel: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._messenger = messenger
        self._team_id = team_id
        self._clock = clock
        self._support = frozenset(support_channels)
        self._admin_channel = admin_channel
        self._monotonic = monotonic
        self._not_asked_until: dict[str, float] = {}
        self._cursor = ""
        self._listing_since: datetime | None = None
        self._listed = False

    async def categories(self, work: UnitOfWork | None = None) -> list[CategoryView]:
        """Return the active categories in their order."""
        if work is None:
            async with self._database.reader() as reader:
                return await self.categories(reader)
        return [_view(row) for row in await work.categories.active(team_id=self._team_id)]

    async def retired(self, work: UnitOfWork) -> list[CategoryView]:
        """Return the categories that are offered no more."""
        rows = await work.categories.all(team_id=self._team_id)
        goes_to = successors(rows)
        gone = (row for row in rows if row.state == CategoryState.RETIRED)
        return [_view(row, goes_to.get(row.slug)) for row in gone]

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
        """Return the name of a channel that we are in; None of any other.

        Raises:
            SlackUnavailable: nothing is known of it, and Slack did not answer.
        """
        known = await self._known(channel_id)
        if known is not None and known.is_member and not known.is_archived:
            return known.name
        try:
            seen = await self.look_up(channel_id)  # made, or we were invited, since the last listing
        except SlackUnavailable as error:
            if not error.permanent:
                raise
            return None
        return seen.name if seen.is_member and not seen.is_archived else None

    async def look_up(self, channel_id: str) -> SeenChannel:
        """Ask Slack about one channel, and remember the answer.

        Raises:
            SlackUnavailable: Slack did not answer, or does not show it to us.
        """
        seen = _seen(await self._messenger.channel(channel_id))
        await self._keep([seen])
        return seen

    async def list_some(self) -> bool:
        """Ask Slack for one more page of the channels that we are in; return whether it was the last.

        What a rate limit stops goes on with the page at which it stopped.

        Raises:
            SlackUnavailable: Slack did not answer.
        """
        if self._listing_since is None:
            self._listing_since, self._cursor = self._clock(), ""
        try:
            page, self._cursor = await self._messenger.some_of_my_channels(self._cursor)
        except SlackUnavailable as error:
            if error.code == "invalid_cursor":  # too old
                self._listing_since = None
            raise
        await self._keep([_seen(channel) for channel in page])
        if self._cursor:
            return False
        async with self._database.unit_of_work() as work:
            await work.known_channels.left(team_id=self._team_id, before=self._listing_since)
            await work.commit()
        self._listing_since, self._listed = None, True
        return True

    async def is_support_channel(self, channel_id: str) -> bool:
        """Say whether root messages of this channel are tickets.

        Raises:
            SlackUnavailable: it depends on the channel's name, which nobody knows yet.
        """
        async with self._database.reader() as work:
            setting = await work.channels.get(team_id=self._team_id, channel_id=channel_id)
            rows = await work.categories.active(team_id=self._team_id)
        if setting is not None:
            return setting.enabled
        if self._support:
            if channel_id in self._support:
                return True
            by_name = any(not _ID.fullmatch(entry) for entry in self._support)
            return by_name and await self._name(channel_id, needed=True) in self._support
        if channel_id in {row.destination_id for row in rows if row.destination}:
            return False
        unfound = {_bare(row.destination) for row in rows if row.destination and not row.destination_id}
        return not unfound or await self._name(channel_id, needed=False) not in unfound

    async def admin_channel_id(self) -> str | None:
        """Return the id of the channel for notices to admins; None where there is none that we are in.

        Raises:
            SlackUnavailable: no listing of channels was had yet.
        """
        if not self._admin_channel:
            return None
        async with self._database.reader() as work:
            joined = await work.known_channels.joined(team_id=self._team_id)
        if not joined and not self._listed:
            raise SlackUnavailable("channels_not_listed_yet")
        name = _bare(self._admin_channel)
        found = next((row.channel_id for row in joined if name in (row.name, row.channel_id)), None)
        if found is None:
            log.warning("admin_channel_unknown", channel=self._admin_channel)
        return found

    async def _known(self, channel_id: str) -> KnownChannel | None:
        async with self._database.reader() as work:
            row = await work.known_channels.get(team_id=self._team_id, channel_id=channel_id)
        return row if row is not None and row.name is not None else None

    async def _name(self, channel_id: str, *, needed: bool) -> str:
        """Return a channel's name; "" where Slack does not say and nobody has to know."""
        known = await self._known(channel_id)
        if known is not None:
            return known.name or ""
        if not needed and self._monotonic() < self._not_asked_until.get(channel_id, 0.0):
            return ""
        try:
            return (await self.look_up(channel_id)).name
        except SlackUnavailable as error:
            if needed and not error.permanent:
                raise
            self._not_asked_until[channel_id] = self._monotonic() + NOT_ASKED_AGAIN_SECONDS
            log.info("channel_name_unknown", channel=channel_id, error=error.code)
            return ""

    async def _keep(self, seen: list[SeenChannel]) -> None:
        async with self._database.unit_of_work() as work:
            await work.known_channels.keep(team_id=self._team_id, seen=seen, now=self._clock())
            await work.commit()


def _view(row: Category, merged_into: str | None = None) -> CategoryView:
    return CategoryView(
        slug=row.slug,
        name=row.name,
        emoji=row.emoji,
        description=row.description,
        destination=_bare(row.destination),
        destination_id=row.destination_id if row.destination else None,
        merged_into=merged_into,
        trouble=row.destination_trouble,
    )


def _bare(name: str | None) -> str:
    return (name or "").lstrip("#")


def _seen(channel: Mapping[str, Any]) -> SeenChannel:
    return SeenChannel(
        channel_id=str(channel["id"]),
        name=str(channel.get("name") or ""),
        is_private=channel.get("is_private") is not False,
        is_archived=bool(channel.get("is_archived")),
        # `users.conversations` leaves it out: it lists nothing else
        is_member=bool(channel.get("is_member", True)),
    )
