"""One worker's hold on one run: renewed while it works, let go, or ended with an outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from classifier.retraining.child_process import RetrainingCancelled, RetrainingFailed
from storage.database import Database
from storage.errors import StorageError
from storage.models import RetrainRun, RunState

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        state: in which it ended.
        reason: said to people.
        metrics: what was measured; empty where it came to none.
        version: the model that it brought, live or not.
    """

    state: RunState
    reason: str
    metrics: dict[str, Any]
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The hold on a run that was claimed.

    Attributes:
        database: where the run is.
        run: as it was claimed; its fence is the holder's.
        length: how long a holder that says nothing keeps it.
        clock: the time.
    """

    database: Database
    run: RetrainRun
    length: timedelta
    clock: Callable[[], datetime]

    async def renew(self, progress: dict[str, Any]) -> None:
        """Stay the holder, and show how far it is.

        While the database does not answer, the work goes on: whoever took the run over meanwhile has another
        fence, and that is found out with the first answer.

        Raises:
            RetrainingCancelled: somebody asked for the run's end.
            RetrainingFailed: somebody else has the run.
        """
        cancelled_by = None
        try:
            async with self.database.unit_of_work() as work:
                ours = await work.runs.heartbeat(
                    self.run.id,
                    fence=self.run.fence,
                    now=self.clock(),
                    lease=self.length,
                    progress=dict(progress),
                )
                if ours:
                    cancelled_by = await work.runs.cancelled_by(self.run.id)
                await work.commit()
        except StorageError as error:
            log.warning("retraining_not_renewed", run=str(self.run.id), error=str(error))
            return
        if not ours:
            raise RetrainingFailed("Another trainer took this run over.")
        if cancelled_by is not None:
            raise RetrainingCancelled(cancelled_by)

    async def let_go(self) -> None:
        """End the lease now instead of letting it run out: whoever starts next goes on at once."""
        try:
            async with self.database.unit_of_work() as work:
                await work.runs.heartbeat(
                    self.run.id, fence=self.run.fence, now=self.clock(), lease=timedelta(0)
                )
                await work.commit()
        except Exception:  # the lease runs out by itself
            log.exception("retraining_not_let_go", run=str(self.run.id))

    async def finish(self, outcome: RunOutcome) -> bool:
        """End the run; False where somebody else has it."""
        async with self.database.unit_of_work() as work:
            ours = await work.runs.finish(
                self.run.id,
                fence=self.run.fence,
                state=outcome.state,
                now=self.clock(),
                metrics=outcome.metrics,
                reason=outcome.reason,
                model_version=outcome.version,
            )
            await work.commit()
        return ours
