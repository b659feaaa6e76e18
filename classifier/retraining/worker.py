"""Labels -> fit -> evaluate -> gate -> publish. The parent's side: it holds the lease and minds the child."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog

from classifier.contract import ClassifierError
from classifier.data.dataset import StarterPack
from classifier.evaluation.gate.judge import Verdict
from classifier.model.registry import Registry
from classifier.retraining.child_limits import default_memory_mib
from classifier.retraining.child_process import RetrainingCancelled, RetrainingFailed, run_child
from classifier.retraining.inputs import job_for
from classifier.retraining.job import RetrainJob, RetrainResult
from classifier.retraining.labels import keep_findings
from classifier.retraining.run_folder import RunFolder, adopted, clean, folders
from classifier.retraining.version_records import record_first_version, record_version
from classifier.settings import ClassifierSettings
from storage.database import Database
from storage.models import ModelKind, RetrainRun, RunSource, RunState

LEASE = timedelta(seconds=30)
POLL_SECONDS = 0.5
REFIT_MINUTES = 5.0
"""A head refit takes seconds; the settings say how long a whole retraining may take."""
MAX_ATTEMPTS = 5
"""A run whose holders died so often is given up: it may be what ends them."""

log = structlog.get_logger(__name__)


class RetrainWorker:
    """Claims runs and carries them out, one at a time; any number of workers may wait for the same runs.

    Args:
        database: holds runs, labels and versions.
        registry: where the child publishes and this process activates.
        settings: how to train.
        pack: the starter messages.
        clock: the time.
        command: what to start as the child; a test starts its own.
        refit_command: the same for a refit of the head.
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
        refit_command: Sequence[str] = (sys.executable, "-m", "classifier.retraining.run_job"),
        lease: timedelta = LEASE,
    ) -> None:
        self._database = database
        self._registry = registry
        self._settings = settings
        self._pack = pack
        self._clock = clock
        self._command = tuple(command)
        self._refit_command = tuple(refit_command)
        self._lease = lease
        self._memory_mib = settings.retrain_memory_mib or default_memory_mib()
        self._adopted: str | None = None
        self._holder = f"trainer-{uuid4().hex[:8]}"

    async def run(self) -> None:
        """Claim and carry out runs until cancelled; a child that is under way then is ended."""
        while True:
            try:
                await self._adopt_first_version()
                async with self._database.unit_of_work() as work:
                    run = await work.runs.claim(holder=self._holder, now=self._clock(), lease=self._lease)
                    await work.commit()
                if run is not None:
                    await self.carry_out(run)
            except Exception:  # the one error boundary of this loop: the database may come back
                log.exception("retraining_loop_failed")
            await asyncio.sleep(POLL_SECONDS)

    async def _adopt_first_version(self) -> None:
        """Note the version that a workspace began with; a day-one model asks for its fine-tune."""
        version = self._registry.active()
        if version is None or version == self._adopted:
            return
        async with self._database.reader() as work:
            teams = await work.categories.teams()
        for team_id in teams:
            await record_first_version(self._database, self._registry, team_id, self._clock())
        self._adopted = version if teams else None

    async def carry_out(self, run: RetrainRun) -> None:
        """Train, judge and perhaps activate; whatever happens, the run ends with a state and a reason.

        A change of categories asks for a new head alone, anything else for a fine-tuned model.
        """
        log.info("retraining_started", run=str(run.id), fence=run.fence)
        metrics: dict[str, Any] = {}
        version = None
        folder = RunFolder(self._registry, run.id, run.fence)
        minutes = REFIT_MINUTES if _refits(run) else self._settings.retrain_minutes
        try:
            await self._prepare(run, folder)
            where, now = str(folder.path.absolute()), self._clock()
            job = await job_for(run, self._database, self._registry, self._settings, self._pack, where, now)
            async with asyncio.timeout(60 * minutes):
                result = await self._child(run, job)
            metrics, verdict = result.metrics(job.training), result.verdict
            await self._adopt(run, folder, result.version)
            if run.dry_run:
                version, state = await self._note_dry_run(run, result, verdict, metrics), RunState.DONE
            else:
                version = await self._publish(run, result, verdict, metrics)
                state = RunState.DONE if verdict.promoted else RunState.FAILED
            reason = verdict.reason
        except TimeoutError:
            state, reason = RunState.FAILED, f"It took longer than {minutes:g} minutes and was ended."
        except RetrainingCancelled as cancelled:
            state, reason = RunState.CANCELLED, str(cancelled)
        except (RetrainingFailed, ClassifierError) as error:
            state, reason = RunState.FAILED, str(error)
        except OSError as error:
            state, reason = RunState.FAILED, f"The model directory cannot be used ({error.strerror})."
        except asyncio.CancelledError:
            # Whoever starts next goes on with it at once, from the last epoch.
            await self._let_go(run)
            log.info("retraining_interrupted", run=str(run.id))
            raise
        async with self._database.unit_of_work() as work:
            ours = await work.runs.finish(
                run.id,
                fence=run.fence,
                state=state,
                now=self._clock(),
                metrics=metrics,
                reason=reason,
                model_version=version,
            )
            await work.commit()
        await asyncio.to_thread(folder.remove)
        log.info("retraining_finished", run=str(run.id), state=state.value, ours=ours, version=version)

    async def _prepare(self, run: RetrainRun, folder: RunFolder) -> None:
        """Make the run's folder and remove what dead runs left behind.

        Raises:
            RetrainingFailed: the run is not to be carried out.
        """
        progress = {"stage": "prepare", "fraction": 0.0, "attempt": run.fence}
        if not await self._heartbeat(run.id, run.fence, progress):
            raise RetrainingFailed("Another trainer took this run over.")
        if run.fence > MAX_ATTEMPTS:
            raise RetrainingFailed(f"It was begun {MAX_ATTEMPTS} times and never ended; the log says more.")
        await asyncio.to_thread(folder.make)
        found = await asyncio.to_thread(folders, self._registry)
        versions = await asyncio.to_thread(adopted, found)
        async with self._database.reader() as work:
            held = await work.runs.holds(now=self._clock())
            known_runs = await work.runs.known({one.run_id for one in found})
            known_versions = await work.models.known(versions)
        held.add((run.id, run.fence))
        gone = await asyncio.to_thread(clean, self._registry, held, known_runs, known_versions, time.time())
        if gone:
            log.info("retraining_leftovers_removed", names=gone)

    async def _adopt(self, run: RetrainRun, folder: RunFolder, version: str) -> None:
        """Move the candidate into the registry, while the run is still ours."""
        if not await self._heartbeat(run.id, run.fence, {"stage": "publish", "fraction": 0.98}):
            raise RetrainingFailed("Another trainer took this run over.")
        await asyncio.to_thread(folder.adopt, version)

    async def _note_dry_run(
        self, run: RetrainRun, result: RetrainResult, verdict: Verdict, metrics: dict[str, Any]
    ) -> str:
        """Keep the candidate of a dry run, so that an admin may let it answer after all."""
        version = result.version
        metrics["would_promote"] = verdict.promoted
        await record_version(
            self._database,
            self._registry,
            run.team_id,
            version,
            _kind(run),
            self._clock(),
            parent=self._registry.active(),
            metrics=metrics,
            activate=False,
        )
        return version

    def _shadow_until(self, run: RetrainRun) -> datetime | None:
        """Until when a model that passed answers silently; None: it goes live at once.

        Somebody waits for a new category, and what replaces a day-one model can hardly be worse.
        """
        if not self._settings.shadow_hours or _refits(run) or run.source is RunSource.FIRST_START:
            return None
        return self._clock() + timedelta(hours=self._settings.shadow_hours)

    async def _let_go(self, run: RetrainRun) -> None:
        """End the lease now instead of letting it run out."""
        try:
            async with self._database.unit_of_work() as work:
                await work.runs.heartbeat(run.id, fence=run.fence, now=self._clock(), lease=timedelta(0))
                await work.commit()
        except Exception:  # the lease runs out by itself
            log.exception("retraining_not_let_go", run=str(run.id))

    async def _child(self, run: RetrainRun, job: RetrainJob) -> RetrainResult:
        async def heartbeat(progress: dict[str, Any]) -> bool:
            return await self._heartbeat(run.id, run.fence, progress)

        progress = {"stage": "prepare", "fraction": 0.0, "attempt": run.fence}
        command = self._refit_command if _refits(run) else self._command
        result = await run_child(command, job.encode(), self._memory_mib, heartbeat, progress)
        return RetrainResult.decode(result)

    async def _heartbeat(self, run_id: UUID, fence: int, progress: dict[str, Any]) -> bool:
        """Stay the holder; False means that somebody else has the run.

        Raises:
            RetrainingCancelled: somebody asked for its end.
        """
        async with self._database.unit_of_work() as work:
            ours = await work.runs.heartbeat(
                run_id, fence=fence, now=self._clock(), lease=self._lease, progress=dict(progress)
            )
            cancelled_by = await work.runs.cancelled_by(run_id) if ours else None
            await work.commit()
        if cancelled_by is not None:
            raise RetrainingCancelled(cancelled_by)
        return ours

    async def _publish(
        self, run: RetrainRun, result: RetrainResult, verdict: Verdict, metrics: dict[str, Any]
    ) -> str:
        """Make the version known, and active where the gate lets it pass and the lease is still ours."""
        version = result.version
        if not await self._heartbeat(run.id, run.fence, {"stage": "publish", "fraction": 0.99}):
            raise RetrainingFailed("Another trainer took this run over.")
        parent = self._registry.active()
        shadow_until = self._shadow_until(run) if verdict.promoted and parent is not None else None
        live = verdict.promoted and shadow_until is None
        if shadow_until is not None:
            metrics["shadow_until"] = shadow_until.isoformat()
        if live:
            await asyncio.to_thread(self._registry.activate, version)
        await record_version(
            self._database,
            self._registry,
            run.team_id,
            version,
            _kind(run),
            self._clock(),
            parent=parent,
            metrics=metrics,
            activate=live,
            refused=not verdict.promoted,
            shadow_until=shadow_until,
        )
        await keep_findings(self._database, run.team_id, run.id, result, self._clock())
        return version


def _refits(run: RetrainRun) -> bool:
    return run.source is RunSource.CATEGORY


def _kind(run: RetrainRun) -> ModelKind:
    return ModelKind.HEAD if _refits(run) else ModelKind.FINE_TUNE
