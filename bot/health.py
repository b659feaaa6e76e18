"""Whether the bot can do its work, for whoever restarts it when it cannot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from bot.clock import Clock
from storage.database import Database
from storage.errors import StorageError

PATIENCE_SECONDS = 4.0
KEPT_SECONDS = 5.0
"""A look writes to the database, and anybody may ask."""


class Health:
    """Looks at the database and at the loops.

    Args:
        database: has to take a row.
        team_id: whose row.
        clock: the time.
        loops: none of them may end.
        monotonic: seconds.
    """

    def __init__(
        self,
        database: Database,
        team_id: str,
        clock: Clock,
        loops: Sequence[asyncio.Task[None]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._team_id = team_id
        self._clock = clock
        self._loops = loops
        self._monotonic = monotonic
        self._until = float("-inf")
        self._said: str | None = None
        self._looking = asyncio.Lock()

    async def trouble(self) -> str | None:
        """Say why the bot cannot work, or None where it can."""
        if any(loop.done() for loop in self._loops):
            return "a loop of the bot ended"
        async with self._looking:
            if self._monotonic() >= self._until:
                self._said = await self._database_trouble()
                self._until = self._monotonic() + KEPT_SECONDS
        return self._said

    async def _database_trouble(self) -> str | None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                async with self._database.unit_of_work() as work:
                    await work.inbox.write_probe(team_id=self._team_id, now=self._clock())
                    await work.commit()
        except StorageError as error:
            # its text names the database, which is nobody's business here
            return f"the database cannot be written ({type(error).__name__})"
        except TimeoutError:
            return "the database does not answer"
        return None
