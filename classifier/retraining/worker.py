"""Labels -> fit -> evaluate -> gate -> publish. The parent's side: it holds the lease and minds the child."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog

from classifier.contract import ClassifierError
from classifier.data.dataset import StarterPack
from classifier.model.registry import Registry
from classifier.retraining.child_limits import default_memory_mib
from classifier.retraining.child_process import RetrainingCancelled, RetrainingFailed, Silence, run_child
from classifier.retraining.inputs import job_for
from classifier.retraining.job import RetrainResult
from classifier.retraining.labels import keep_findings
from classifier.retraining.lease import Lease, RunOutcome
from classifier.retraining.publisher import Publisher
from classifier.retraining.run_folder import RunFolder, prepare
from classifier.settings import ClassifierSettings
from storage.database import Database
from storage.models import RetrainRun, RunState

LEASE = timedelta(seconds=30)
POLL_SECONDS = 0.5
MAX_ATTEMPTS = 5
"""A run whose holders died so often is given up: it may be what ends them."""

log = structlog.get_logger(__name__)


class RetrainWorker:
    """Claims runs and carries them out, one at a time; any number of workers may wait for the same runs.

    Args:
        database: holds runs, labels and versions.
        registry: where candidates go, and go live.
        settings: how to train.
        pack: the starter messages.
        clock: the time.
        command: what to start as the child; a test starts its own.
        lease: how long a holder that says nothing keeps its run.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        settings: ClassifierSettings,
        pack: StarterPack,
        clock: Callable[[], datetime],
        *,
        command: Sequence[str] = (sys.executable, "-m", "classifier.retraining.run_job"),
        lease: timedelta = LEASE,
    ) -> None:
        self._database = database
        self._registry = registry
        self._settings = settings
        self._pack = pack
        self._clock = clock
        self._command = tuple(command)
        self._lease = lease
        self._memory_mib = settings.retrain_memory_mib or default_memory_mib()
        self._holder = f"trainer-{uuid4().hex[:8]}"
        self._publisher = Publisher(database, registry, settings.shadow_hours, clock)

    async def run(self) -> None:
        """Claim and carry out runs until cancelled; a child that is under way then is ended."""
        while True:
            try:
                async with self._database.unit_of_work() as work:
                    run = await work.runs.claim(holder=self._holder, now=self._clock(), lease=self._lease)
                    await work.commit()
                if run is not None:
                    await self.carry_out(run)
            except Exception:  # the one error boundary of this loop: the database may come back
                log.exception("retraining_loop_failed")
            await asyncio.sleep(POLL_SECONDS)

    async def carry_out(self, run: RetrainRun) -> None:
        """Train, judge and perhaps activate; whatever happens, the run ends with a state and a reason."""
        log.info("retraining_started", run=str(run.id), fence=run.fence)
        lease = Lease(self._database, run, self._lease, self._clock)
        folder = RunFolder(self._registry, run.id, run.fence)
        try:
            outcome = await self._attempt(lease, folder)
        except asyncio.CancelledError:
            await lease.let_go()
            log.info("retraining_interrupted", run=str(run.id))
            raise
        ours = await lease.finish(outcome)
        await asyncio.to_thread(folder.remove)
        state, version = outcome.state.value, outcome.version
        log.info("retraining_finished", run=str(run.id), state=state, ours=ours, version=version)

    async def _attempt(self, lease: Lease, folder: RunFolder) -> RunOutcome:
        """Prepare, let the child train and judge, publish.

        A change of categories asks for a new head alone, anything else for a fine-tuned model.
        """
        run, metrics = lease.run, dict[str, Any]()
        minutes, silence = self._settings.retrain_minutes, Silence(60 * self._settings.retrain_stall_minutes)
        progress = {"stage": "prepare", "fraction": 0.0, "attempt": run.fence}
        try:
            await lease.renew(progress)
            if run.fence > MAX_ATTEMPTS:
                reason = f"It was begun {MAX_ATTEMPTS} times and never ended; the log says more."
                return RunOutcome(RunState.FAILED, reason, metrics)
            await prepare(folder, self._database, self._clock())
            where, now = str(folder.path.absolute()), self._clock()
            job = await job_for(run, self._database, self._registry, self._settings, self._pack, where, now)
            async with asyncio.timeout(60 * minutes):
                said = await run_child(
                    self._command, job.encode(), self._memory_mib, lease.renew, progress, silence
                )
            result = RetrainResult.decode(said)
            metrics = result.metrics(job.training)
            outcome = await self._publisher.publish(lease, folder, result.version, result.verdict, metrics)
            if not run.dry_run:
                await keep_findings(self._database, run.team_id, run.id, result, self._clock())
        except TimeoutError:
            reason = f"It took longer than {minutes:g} minutes and was ended."
            return RunOutcome(RunState.FAILED, reason, metrics)
        except RetrainingCancelled as cancelled:
            return RunOutcome(RunState.CANCELLED, str(cancelled), metrics)
        except (RetrainingFailed, ClassifierError) as error:
            return RunOutcome(RunState.FAILED, str(error), metrics)
        except OSError as error:
            reason = f"The model directory cannot be used ({error.strerror})."
            return RunOutcome(RunState.FAILED, reason, metrics)
        return outcome
