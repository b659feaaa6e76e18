"""A run that was asked for by a change of categories: a new head in seconds. The parent's side."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import structlog

from classifier.contract import ClassifierError
from classifier.dataset import StarterPack
from classifier.gate import verdict_from
from classifier.model_files import read_facts
from classifier.refit_child import RefitJob
from classifier.registry import Registry
from classifier.settings import ClassifierSettings
from classifier.training_set import TrainingSet, assemble
from storage.categories import successors
from storage.database import Database
from storage.models import Category, ModelKind, RetrainRun, RunState

LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 1.0
DEADLINE = timedelta(minutes=5)
COMMAND = (sys.executable, "-m", "classifier.refit_child")

log = structlog.get_logger(__name__)


class RefitFailed(Exception):
    """The child did not bring a model."""


async def carry_out_refit(
    run: RetrainRun,
    database: Database,
    registry: Registry,
    settings: ClassifierSettings,
    pack: StarterPack,
    clock: Callable[[], datetime],
    *,
    command: Sequence[str] = COMMAND,
) -> None:
    """Give the active model a head for today's categories, judge it, and perhaps activate it.

    Whatever happens, the run ends with a state and a reason, unless another worker took it over.
    """
    log.info("refit_started", run=str(run.id), fence=run.fence)
    metrics: dict[str, Any] = {}
    version = None
    try:
        job, training = await _job(run, database, registry, settings, pack)
        async with asyncio.timeout(DEADLINE.total_seconds()):
            result = await _child(run, job, database, clock, command)
        metrics = _metrics(result, training)
        verdict = verdict_from(result["verdict"])
        version = str(result["version"])
        await _publish(run, version, database, registry, clock, metrics, promoted=verdict.promoted)
        state, reason = (RunState.DONE if verdict.promoted else RunState.FAILED), verdict.reason
    except TimeoutError:
        state, reason = RunState.FAILED, f"It took longer than {DEADLINE} and was ended."
    except (RefitFailed, ClassifierError) as error:
        state, reason = RunState.FAILED, str(error)
    async with database.unit_of_work() as work:
        ours = await work.runs.finish(
            run.id,
            fence=run.fence,
            state=state,
            now=clock(),
            metrics=metrics,
            reason=reason,
            model_version=version,
        )
        await work.commit()
    log.info("refit_finished", run=str(run.id), state=state.value, ours=ours, version=version)


async def _job(
    run: RetrainRun,
    database: Database,
    registry: Registry,
    settings: ClassifierSettings,
    pack: StarterPack,
) -> tuple[RefitJob, TrainingSet]:
    version = registry.active()
    if version is None:
        raise RefitFailed("No model is active yet: the first one will know the categories.")
    async with database.reader() as work:
        labels = await work.labels.training_examples(team_id=run.team_id)
        categories = await work.categories.active(team_id=run.team_id)
        heirs = successors(await work.categories.all(team_id=run.team_id))
    slugs = [row.slug for row in categories] or [category.slug for category in pack.categories]
    present = read_facts(registry.path(version)).labels
    newest = max((row.created_at for row in _unknown(categories, present)), default=None)
    # "None of these" was said before there was the new category: it does not speak against it.
    fitting = [
        label for label in labels if label.category is not None or newest is None or label.created_at > newest
    ]
    training = assemble(pack.following(heirs), fitting, frozenset(slugs))
    job = RefitJob(
        train=[(e.text, e.label, e.weight) for e in training.train],
        held_back=[(e.text, e.label) for e in training.validation],
        held_out=[(e.text, e.label) for e in training.held_out],
        categories=slugs,
        merged=sorted({into for slug, into in heirs.items() if slug in present and into in present}),
        config=asdict(settings.training_config()),
        model_home=str(registry.home.absolute()),
        parent=version,
    )
    return job, training


def _unknown(categories: Sequence[Category], present: Sequence[str]) -> list[Any]:
    """Categories that people added and the model does not know."""
    return [row for row in categories if row.slug not in present and row.created_at is not None]


async def _child(
    run: RetrainRun,
    job: RefitJob,
    database: Database,
    clock: Callable[[], datetime],
    command: Sequence[str],
) -> dict[str, Any]:
    """Let the child work; keep the lease meanwhile."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )

    async def beat() -> None:
        while process.returncode is None:
            await _keep(run, database, clock, {"stage": "refit", "fraction": 0.5})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await process.wait()

    try:
        async with asyncio.TaskGroup() as group:
            talked = group.create_task(process.communicate(job.encode()))
            group.create_task(beat())
    except* RefitFailed as failed:
        raise failed.exceptions[0] from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    out, errors = talked.result()
    outcome: dict[str, Any] = {}
    for line in out.splitlines():
        outcome |= json.loads(line)
    if "result" in outcome:
        result: dict[str, Any] = outcome["result"]
        return result
    if "error" in outcome:
        raise RefitFailed(str(outcome["error"]["text"]))
    tail = errors.decode(errors="replace").strip().splitlines()[-1:]
    log.error("refit_child_died", code=process.returncode, last_line=tail)
    raise RefitFailed(f"The refit's process ended with code {process.returncode}; the log says more.")


async def _keep(
    run: RetrainRun, database: Database, clock: Callable[[], datetime], progress: dict[str, Any]
) -> None:
    """Stay the run's holder.

    Raises:
        RefitFailed: another worker has it now.
    """
    async with database.unit_of_work() as work:
        ours = await work.runs.heartbeat(
            run.id, fence=run.fence, now=clock(), lease=LEASE, progress=dict(progress)
        )
        await work.commit()
    if not ours:
        raise RefitFailed("Another trainer took this run over.")


async def _publish(
    run: RetrainRun,
    version: str,
    database: Database,
    registry: Registry,
    clock: Callable[[], datetime],
    metrics: dict[str, Any],
    *,
    promoted: bool,
) -> None:
    """Make the version known, and active where the gate lets it pass and the lease is still ours."""
    from classifier.retraining import record_version  # noqa: PLC0415 - it imports this module

    await _keep(run, database, clock, {"stage": "publish", "fraction": 0.99})
    parent = registry.active()
    if promoted:
        await asyncio.to_thread(registry.activate, version)
    await record_version(
        database,
        registry,
        run.team_id,
        version,
        ModelKind.HEAD,
        clock(),
        parent=parent,
        metrics=metrics,
        activate=promoted,
        refused=not promoted,
    )


def _metrics(result: dict[str, Any], training: TrainingSet) -> dict[str, Any]:
    """As a retraining's metrics, and what became of which category."""
    challenger, champion = result["challenger"], result["champion"]
    return {
        "accuracy": challenger["accuracy"],
        "accuracy_interval": challenger["interval"],
        "macro_f1": challenger["macro_f1"],
        "ece": challenger["ece"],
        "held_out": challenger["n"],
        "accuracy_before": champion["accuracy"],
        "labels": training.labels,
        "starter": training.starter,
        "seconds": result["seconds"],
        "gate": result["verdict"],
        "learned": result["learned"],
        "removed": result["removed"],
        "waiting": result["waiting"],
    }
