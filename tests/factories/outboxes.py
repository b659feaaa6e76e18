"""Several senders over one database and one local Slack, in a time that runs faster than ours."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
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
    """A process's own way to the database: after its death nothing of it arrives there any more."""

    dead = False

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[UnitOfWork]:
        if self.dead:
            raise DatabaseUnavailable
        async with super().unit_of_work() as work:
            yield work


@dataclass(slots=True)
class Senders:
    """Outboxes, as many processes would run them."""

    playground: Playground
    database: Database
    clock: FastClock | SteppedClock

    @asynccontextmanager
    async def running(self, count: int, lifetimes: Callable[[], float] | None = None) -> AsyncIterator[None]:
        """Run so many senders; each dies and is replaced after so many seconds of ours, where given."""
        async with in_background(*(self._lives(lifetimes) for _ in range(count))):
            yield

    async def _lives(self, lifetimes: Callable[[], float] | None) -> None:
        while True:
            database = MortalDatabase(self.database.url.render_as_string(hide_password=False))
            sender = asyncio.create_task(self.outbox(database).run())
            try:
                await asyncio.sleep(lifetimes() if lifetimes else 3600)
                database.dead = True  # a kill: it reports nothing any more, also of what Slack just took
            finally:
                sender.cancel()
                await asyncio.gather(sender, return_exceptions=True)
                await database.dispose()

    def outbox(self, database: Database) -> Outbox:
        """Return the outbox of a process of its own."""
        client = AsyncWebClient(token=self.playground.app.token, base_url=self.playground.api_url)
        turns = Turns(database, TEAM, self.clock, sleep=self.clock.sleep)
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
