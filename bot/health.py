"""Whether the bot can do its work, for whoever restarts it when it cannot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from bot.clock import Clock
from bot.slack.token_gate import TokenGate
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
        gate: knows whether Slack takes our token.
        monotonic: seconds.
    """

    def __init__(
        self,
        database: Database,
        team_id: str,
        clock: Clock,
        loops: Sequence[asyncio.Task[None]],
        gate: TokenGate,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._team_id = team_id
        self._clock = clock
        self._loops = loops
        self._gate = gate
        self._monotonic = monotonic
        self._look: asyncio.Task[str | None] | None = None
        self._looked_at = float("-inf")

    async def trouble(self) -> str | None:
        """Say why the bot cannot work, or None where it can."""
        if any(loop.done() for loop in self._loops):
            return "a loop of the bot ended"
        if self._gate.trouble is not None:
            return f"Slack does not take the token ({self._gate.trouble})"
        now = self._monotonic()
        if self._look is None or (self._look.done() and now >= self._looked_at + KEPT_SECONDS):
            self._look, self._looked_at = asyncio.create_task(self._database_trouble()), now
        # a look is not cut short: a statement of SQLite cannot be
        await asyncio.wait({self._look}, timeout=PATIENCE_SECONDS)
        return self._look.result() if self._look.done() else "the database does not answer"

    async def close(self) -> None:
        """End a look that is under way."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)

    async def _database_trouble(self) -> str | None:
        try:
            async with self._database.unit_of_work() as work:
                await work.inbox.write_probe(team_id=self._team_id, now=self._clock())
                await work.commit()
        except StorageError as error:
            # its text names the database, which is nobody's business here
            return f"the database cannot be written ({type(error).__name__})"
        return None
