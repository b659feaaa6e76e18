"""Reads what was written while nobody listened: after a start, a new socket, a message that was not kept."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import Any, TypeVar

import structlog

from bot.errors import SlackUnavailable
from bot.queue.inbox import Inbox, Kind
from bot.slack.incoming import Accepted, parse_message
from bot.workspace import Workspace
from storage.errors import StorageError

LOOK_SECONDS = 0.25
STORE_SECONDS = 5.0
"""What moved since is read again after a crash, and known."""
PAUSE_SECONDS = 1.5
"""Between two calls, after a burst: conversations.history may be called about 50 times a minute."""
BURST = 8
EDITS_SECONDS = 3600.0
"""How far before the mark edits are looked for: most are made soon."""
BACKOFF_SECONDS = 15.0
"""Between two tries while Slack does not answer and does not say for how long."""

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Backfill:
    """Keeps how far each channel was read, and reads on from there where messages may have been missed.

    A channel's mark moves with the messages that are kept, but only once all before them are: until the
    channel was read up it stays. A channel without a mark is new to us, and nothing old is read there.

    Args:
        workspace: whose channels are read.
        inbox: takes what is found; a message that is there already is taken once.
        accepted: apps whose posts are read.
        hours: how old a message may be; nobody waits for an answer to an older one.
        monotonic: seconds, for the pace.
        sleep: waits for the next turn.
    """

    def __init__(
        self,
        workspace: Workspace,
        inbox: Inbox,
        accepted: Accepted,
        hours: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._workspace = workspace
        self._inbox = inbox
        self._accepted = accepted
        self._longest = timedelta(hours=hours)
        self._monotonic = monotonic
        self._sleep = sleep
        self._next_call = self._next_store = float("-inf")
        self._wanted = self._done = 0
        self._read_until: dict[str, str] = {}
        self._stored: dict[str, str] = {}
        self._caught_up: set[str] = set()
        self._talking: set[str] = set()

    def missed(self) -> None:
        """Say that messages may have been missed up to now."""
        self._caught_up.clear()
        self._wanted += 1

    @contextmanager
    def watching(self, channel_id: str, ts: str) -> Iterator[None]:
        """Watch a message being kept. One that cannot be is looked for later: Slack gives up soon."""
        try:
            yield
        except Exception:
            before = f"{float(ts) - 0.000001:.6f}"
            self._read_until[channel_id] = min(self._read_until.get(channel_id, before), before)
            self.missed()
            raise
        if channel_id not in self._caught_up:
            if self._wanted != self._done or channel_id in self._read_until:
                self._talking.add(channel_id)  # what is before it was not read yet
                return
            self._caught_up.add(channel_id)  # we were invited since the last look
            self._next_store = float("-inf")
        self._read_until[channel_id] = max(self._read_until.get(channel_id, ts), ts)

    async def on_frame(self, frame: Any) -> None:
        """Take a web socket's `hello` for a sign: between two sockets messages may have been missed."""
        data = frame.data
        if isinstance(data, str) and '"hello"' in data and json.loads(data).get("type") == "hello":
            self.missed()

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            pause = BACKOFF_SECONDS
            try:
                await self.look()
                pause = LOOK_SECONDS
            except (SlackUnavailable, StorageError) as error:
                log.warning("backfill_failed", error=str(error))
            except Exception:  # the one error boundary of this loop
                log.exception("backfill_crashed")
            await asyncio.sleep(pause)

    async def look(self) -> None:
        """Read up what is wanted, and store how far the channels were read.

        Raises:
            SlackUnavailable: our channels cannot be had, and never will.
            StorageError: the database does not answer.
        """
        if self._done != self._wanted:
            wanted = self._wanted
            await self._workspace.database.ping()
            for channel in await self._patiently(self._workspace.messenger.my_channels):
                await self._read_up(str(channel["id"]))
            while late := self._talking - self._caught_up:  # we were invited since we asked for the list
                self._talking -= late
                for channel_id in late:
                    await self._read_up(channel_id)
            self._done = wanted
        if self._monotonic() >= self._next_store:
            await self._store(self._caught_up)
            self._next_store = self._monotonic() + STORE_SECONDS

    async def _read_up(self, channel_id: str) -> None:
        space, wanted = self._workspace, self._wanted
        try:
            if not await self._patiently(lambda: space.directory.is_support_channel(channel_id)):
                return
            await self._read(channel_id)
        except SlackUnavailable as error:  # we were sent out meanwhile, or a scope is missing
            log.warning("backfill_refused", channel=channel_id, error=error.code)
            return
        await self._store({channel_id})
        if wanted == self._wanted:
            self._caught_up.add(channel_id)

    async def _read(self, channel_id: str) -> None:
        """Keep what was written since the channel's mark; move it when all of that is in the inbox."""
        space = self._workspace
        since = self._read_until.get(channel_id)
        if since is None:
            async with space.database.reader() as work:
                since = await work.channels.read_until(team_id=space.identity.team_id, channel_id=channel_id)
        if since is None:
            newest, _ = await self._page(channel_id, "0", None)
            self._read_until[channel_id] = max((_ts(message) for message in newest), default="0")
            return
        earliest = (space.clock() - self._longest).timestamp()
        oldest = f"{max(earliest, float(since) - EDITS_SECONDS):.6f}"
        messages, cursor = await self._page(channel_id, oldest, None)
        while cursor:
            page, cursor = await self._page(channel_id, oldest, cursor)
            messages = [*messages, *page]
        found = await self._keep(channel_id, messages, since)
        if found:
            log.info("backfilled", channel=channel_id, messages=found)
        self._read_until[channel_id] = max([since, *map(_ts, messages)])

    async def _keep(self, channel_id: str, messages: Sequence[Mapping[str, Any]], since: str) -> int:
        """Put into the inbox, oldest first, what was written since or was edited; return how many."""
        team_id, count = self._workspace.identity.team_id, 0
        bodies = ({"team_id": team_id, "event": {**message, "channel": channel_id}} for message in messages)
        asked = [message for body in bodies if (message := parse_message(body, self._accepted))]
        async with self._workspace.database.reader() as work:
            known = await work.tickets.edited(
                team_id=team_id, channel_id=channel_id, stamps=[message.ts for message in asked]
            )
        for message in sorted(asked, key=lambda message: message.ts):
            kind, event_id = Kind.MESSAGE, f"backfill-{channel_id}-{message.ts}"
            is_news = message.ts > since
            if message.ts in known:
                kind, event_id = Kind.EDIT, f"{event_id}-{message.edited_ts}"
                is_news = message.edited_ts > (known[message.ts] or "")
            if not is_news:
                continue
            count += await self._inbox.add(
                team_id=team_id, event_id=event_id, kind=kind, payload=asdict(message)
            )
        return count

    async def _store(self, channel_ids: Collection[str]) -> None:
        """Keep the marks of some channels for the next start, where they have moved."""
        marks = {channel_id: self._read_until[channel_id] for channel_id in channel_ids}
        moved = {channel_id: ts for channel_id, ts in marks.items() if ts != self._stored.get(channel_id)}
        if not moved:
            return
        space = self._workspace
        async with space.database.unit_of_work() as work:
            for channel_id, ts in moved.items():
                await work.channels.read_to(
                    team_id=space.identity.team_id, channel_id=channel_id, ts=ts, now=space.clock()
                )
            await work.commit()
        self._stored |= moved

    async def _page(
        self, channel_id: str, oldest: str, cursor: str | None
    ) -> tuple[list[dict[str, Any]], str | None]:
        async def ask() -> tuple[list[dict[str, Any]], str | None]:
            await self._turn()
            return await self._workspace.messenger.history(channel_id, oldest, cursor)

        return await self._patiently(ask)

    async def _turn(self) -> None:
        now = self._monotonic()
        turn = max(self._next_call, now - BURST * PAUSE_SECONDS)
        self._next_call = turn + PAUSE_SECONDS
        if turn > now:
            await self._sleep(turn - now)

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Call Slack again and again until it answers."""
        while True:
            try:
                return await call()
            except SlackUnavailable as error:
                if error.permanent:
                    raise
                log.warning("backfill_waits", error=error.code)
                await self._sleep(BACKOFF_SECONDS if error.retry_after is None else error.retry_after)


def _ts(message: Mapping[str, Any]) -> str:
    return str(message.get("ts") or "0")
