"""Labels -> fit -> evaluate -> gate -> publish. The parent's side: it holds the lease and minds the child."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import structlog

from classifier.contract import InvalidInput
from classifier.dataset import StarterPack
from classifier.gate import Verdict, verdict_from
from classifier.model_files import read_facts
from classifier.refitting import carry_out_refit
from classifier.registry import Registry
from classifier.settings import ClassifierSettings
from classifier.training_child import Job
from classifier.training_set import TrainingSet, assemble
from storage.database import Database
from storage.models import ModelKind, RetrainRun, RunSource, RunState

LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 1.0
DEADLINE = timedelta(minutes=60)
POLL_SECONDS = 0.5

log = structlog.get_logger(__name__)


class RetrainingFailed(Exception):
    """The child did not bring a model."""


class RetrainWorker:
    """Claims runs and carries them out, one at a time; any number of workers may wait for the same runs.

    Args:
        database: holds runs, labels and versions.
        registry: where the child publishes and this process activates.
        settings: how to train.
        pack: the starter messages.
        clock: the time.
        command: what to start as the child; a test starts its own.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        settings: ClassifierSettings,
        pack: StarterPack,
        clock: Callable[[], datetime],
        *,
        command: Sequence[str] = (sys.executable, "-m", "classifier.training_child"),
    ) -> None:
        self._database = database
        self._registry = registry
        self._settings = settings
        self._pack = pack
        self._clock = clock
        self._command = tuple(command)
        self._adopted: str | None = None
        self._holder = f"trainer-{uuid4().hex[:8]}"

    async def run(self) -> None:
        """Claim and carry out runs until cancelled; a child that is under way then is ended."""
        while True:
            try:
                await self._adopt_first_version()
                async with self._database.unit_of_work() as work:
                    run = await work.runs.claim(holder=self._holder, now=self._clock(), lease=LEASE)
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
        """Train, judge and perhaps activate; whatever happens, the run ends with a state and a reason."""
        if run.source is RunSource.CATEGORY:
            await carry_out_refit(
                run, self._database, self._registry, self._settings, self._pack, self._clock
            )
            return
        log.info("retraining_started", run=str(run.id), fence=run.fence)
        metrics: dict[str, Any] = {}
        version = None
        try:
            training = await self._training_set(run.team_id)
            async with asyncio.timeout(DEADLINE.total_seconds()):
                result = await self._child(run, training)
            metrics = _metrics(result, training)
            verdict = verdict_from(result["verdict"])
            version = await self._publish(run, result, verdict, metrics)
            state, reason = (RunState.DONE if verdict.promoted else RunState.FAILED), verdict.reason
        except TimeoutError:
            state, reason = RunState.FAILED, f"It took longer than {DEADLINE} and was ended."
        except RetrainingFailed as error:
            state, reason = RunState.FAILED, str(error)
        except asyncio.CancelledError:
            # The lease runs out by itself, and another worker (or the next start) takes the run over.
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
        log.info("retraining_finished", run=str(run.id), state=state.value, ours=ours, version=version)

    async def _training_set(self, team_id: str) -> TrainingSet:
        async with self._database.reader() as work:
            labels = await work.labels.training_examples(team_id=team_id)
            rows = await work.categories.active(team_id=team_id)
        slugs = frozenset(row.slug for row in rows) or frozenset(c.slug for c in self._pack.categories)
        return assemble(self._pack, labels, slugs)

    async def _child(self, run: RetrainRun, training: TrainingSet) -> dict[str, Any]:
        try:
            config = asdict(self._settings.training_config())
        except InvalidInput as error:  # the file of options
            raise RetrainingFailed(str(error)) from error
        job = Job(
            train=[(e.text, e.label, e.weight) for e in training.train],
            validation=[(e.text, e.label) for e in training.validation],
            held_out=[(e.text, e.label) for e in training.held_out],
            config=config,
            model_home=str(self._registry.home.absolute()),
            champion=self._registry.active(),
        )
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            return await self._follow(run, process, job)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()

    async def _follow(self, run: RetrainRun, process: asyncio.subprocess.Process, job: Job) -> dict[str, Any]:
        """Feed the job, keep the lease alive with what the child says, and return its result."""
        assert process.stderr  # noqa: S101  # a pipe, see above  # nosec B101
        progress: dict[str, Any] = {"stage": "prepare", "fraction": 0.0}
        outcome: dict[str, dict[str, Any]] = {}

        async def feed() -> None:
            assert process.stdin  # noqa: S101  # nosec B101
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it died early: stderr says why
                process.stdin.write(job.encode())
                await process.stdin.drain()
            process.stdin.close()

        async def read() -> None:
            assert process.stdout  # noqa: S101  # nosec B101
            async for line in process.stdout:
                message = json.loads(line)
                progress.update(message.get("progress", {}))
                outcome.update({k: v for k, v in message.items() if k in {"result", "error"}})

        async def beat() -> None:
            while process.returncode is None:
                if not await self._heartbeat(run.id, run.fence, progress):
                    raise RetrainingFailed("Another trainer took this run over.")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_SECONDS):
                        await process.wait()

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(feed())
                group.create_task(read())
                group.create_task(beat())
                errors = group.create_task(process.stderr.read())
        except* RetrainingFailed as failed:
            raise failed.exceptions[0] from None
        if "result" in outcome:
            return outcome["result"]
        if "error" in outcome:
            raise RetrainingFailed(str(outcome["error"]["text"]))
        tail = errors.result().decode(errors="replace").strip().splitlines()[-1:]
        log.error("training_child_died", code=process.returncode, last_line=tail)
        raise RetrainingFailed(
            f"The training process ended with code {process.returncode}; the log says more."
        )

    async def _heartbeat(self, run_id: UUID, fence: int, progress: dict[str, Any]) -> bool:
        async with self._database.unit_of_work() as work:
            ours = await work.runs.heartbeat(
                run_id, fence=fence, now=self._clock(), lease=LEASE, progress=dict(progress)
            )
            await work.commit()
        return ours

    async def _publish(
        self, run: RetrainRun, result: dict[str, Any], verdict: Verdict, metrics: dict[str, Any]
    ) -> str:
        """Make the version known, and active where the gate lets it pass and the lease is still ours."""
        version = str(result["version"])
        if not await self._heartbeat(run.id, run.fence, {"stage": "publish", "fraction": 0.99}):
            raise RetrainingFailed("Another trainer took this run over.")
        parent = self._registry.active()
        if verdict.promoted:
            await asyncio.to_thread(self._registry.activate, version)
        await record_version(
            self._database,
            self._registry,
            run.team_id,
            version,
            ModelKind.FINE_TUNE,
            self._clock(),
            parent=parent,
            metrics=metrics,
            activate=verdict.promoted,
        )
        return version


async def record_version(
    database: Database,
    registry: Registry,
    team_id: str,
    version: str,
    kind: ModelKind,
    now: datetime,
    *,
    parent: str | None = None,
    metrics: dict[str, Any] | None = None,
    activate: bool = True,
) -> None:
    """Note a version of the registry in the database; one that is noted already is left alone."""
    async with database.unit_of_work() as work:
        if version not in {row.version for row in await work.models.list(team_id=team_id)}:
            await work.models.add(
                team_id=team_id,
                version=version,
                path=str(registry.path(version)),
                parent=parent,
                kind=kind,
                metrics=metrics or {},
                manifest_hash=registry.manifest_hash(version),
                now=now,
            )
        if activate:
            await work.models.activate(team_id=team_id, version=version, now=now)
        await work.commit()


async def record_first_version(
    database: Database, registry: Registry, team_id: str, now: datetime
) -> RetrainRun | None:
    """Note the version that a workspace begins with; while it is a day-one model, ask for the fine-tune.

    Returns:
        The run that was queued, or None where a fine-tuned model is active or was asked for before.
    """
    version = registry.active()
    if version is None:
        return None
    kind = ModelKind(read_facts(registry.path(version)).kind)
    await record_version(database, registry, team_id, version, kind, now)
    if kind is not ModelKind.DAY_ONE:
        return None
    async with database.unit_of_work() as work:
        run, _ = await work.runs.add_if_free(
            team_id=team_id,
            slot=f"first/{version}",
            requested_by="first start",
            source=RunSource.FIRST_START,
            channel_id=None,
            now=now,
        )
        await work.commit()
    return run


def _metrics(result: dict[str, Any], training: TrainingSet) -> dict[str, Any]:
    challenger, champion = result["challenger"], result["champion"]
    return {
        "accuracy": challenger["accuracy"],
        "accuracy_interval": challenger["interval"],
        "macro_f1": challenger["macro_f1"],
        "ece": challenger["ece"],
        "held_out": challenger["n"],
        "accuracy_before": champion["accuracy"] if champion else None,
        "labels": training.labels,
        "starter": training.starter,
        "seconds": result["seconds"],
        "gate": result["verdict"],
    }
