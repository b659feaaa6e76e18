"""Several senders over one database and one local Slack, in a time that runs faster than ours."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import select

from bot.queue.outbox import Outbox
from bot.queue.serial_tasks import in_background
from bot.slack.messenger import Identity, Messenger
from bot.slack.turns import Turns
from playground.server import Playground
from storage.database import Database, UnitOfWork
from storage.errors import DatabaseUnavailable
from storage.models import Reply, ReplyState
from tests.factories.moving_clock import MovingClock
from tests.factories.world import BOT, HELP, SAM, TEAM

Lifetimes = Callable[[], float]
US = Identity(TEAM, BOT, "B0FPOST", "https://acme.slack.com/")


@dataclass(slots=True)
class FastClock:
    """Runs so many times faster than ours."""

    speed: float
    began: float = field(default_factory=time.monotonic)

    def __call__(self) -> datetime:
        return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(
            seconds=(time.monotonic() - self.began) * self.speed
        )

    def seconds(self) -> float:
        return self().timestamp()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.speed)


class SteppedClock(MovingClock):
    """Stands still between the steps of a drill."""

    def seconds(self) -> float:
        return self.now.timestamp()

    async def sleep(self, seconds: float) -> None:
        """Wait for nothing: the next step moves the time."""


class MortalDatabase(Database):
    """A process's own way to the database, for so many transactions: then the process is dead.

    What it does after its death arrives nowhere, also not what Slack has just taken of it.
    """

    def __init__(self, url: str, lifetime: float) -> None:
        super().__init__(url)
        self._left = lifetime
        self._open = 0
        self.ended = asyncio.Event()

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[UnitOfWork]:
        self._left -= 1
        if self._left < 0:
            self._end()
            raise DatabaseUnavailable
        self._open += 1
        try:
            async with super().unit_of_work() as work:
                yield work
        finally:
            self._open -= 1
            self._end()

    def _end(self) -> None:
        if self._left <= 0 and not self._open:
            self.ended.set()


@dataclass(slots=True)
class Senders:
    """Outboxes, as many processes would run them."""

    playground: Playground
    database: Database
    clock: FastClock | SteppedClock

    @asynccontextmanager
    async def running(
        self, count: int, lifetimes: Callable[[], float] = lambda: math.inf
    ) -> AsyncIterator[None]:
        """Run so many senders; each dies after so many transactions, and is replaced."""
        async with in_background(*(self._lives(lifetimes) for _ in range(count))):
            yield

    async def _lives(self, lifetimes: Lifetimes) -> None:
        while True:
            url = self.database.url.render_as_string(hide_password=False)
            database = MortalDatabase(url, lifetimes())
            sender = asyncio.create_task(self.outbox(database).run())
            try:
                await database.ended.wait()
            finally:
                sender.cancel()
                await asyncio.gather(sender, return_exceptions=True)
                await database.dispose()

    def outbox(self, database: Database, sleep: Callable[[float], Awaitable[None]] | None = None) -> Outbox:
        """Return the outbox of a process of its own; `sleep` waits for its turn to post."""
        client = AsyncWebClient(token=self.playground.app.token, base_url=self.playground.api_url)
        turns = Turns(database, TEAM, self.clock, sleep=sleep or self.clock.sleep)
        return Outbox(database, Messenger(client, US, turns), TEAM, self.clock)

    async def leave(self, count: int, channel: str = HELP, *, in_thread: bool = True) -> None:
        """Leave posts: cards in the threads of so many messages, or in the channel itself."""
        roots = [await self.playground.post_message(SAM, channel, f"m{n}") for n in range(count)]
        async with self.database.unit_of_work() as work:
            for root in roots:
                await work.replies.add_if_new(
                    team_id=TEAM,
                    ticket_id=None,
                    surface="card",
                    channel_id=channel,
                    thread_ts=root if in_thread else None,
                    text=f"answer to {root}",
                    blocks=[],
                    now=self.clock(),
                )
            await work.commit()

    async def states(self) -> Counter[str]:
        async with self.database.reader() as work:
            return Counter(str(state) for state in await work.session.scalars(select(Reply.state)))

    async def all_sent(self, timeout: float = 60.0) -> None:  # noqa: ASYNC109 - as in the playground
        async def look() -> bool:
            return set(await self.states()) == {ReplyState.SENT}

        await self.playground.wait_for(look, timeout=timeout)

    def posted(self, channel: str = HELP) -> Counter[str]:
        """Return how often each text of ours is there."""
        return Counter(m["text"] for m in self.playground.messages(channel) if m.get("bot_id"))


@asynccontextmanager
async def senders(
    database: Database, clock: FastClock | SteppedClock | None = None
) -> AsyncIterator[Senders]:
    """Start a local Slack, by default in a time that runs sixty times faster than ours."""
    clock = clock or FastClock(60.0)
    async with Playground(clock=clock.seconds, channels=["team-login"]) as playground:
        yield Senders(playground, database, clock)
