"""What the database says of model versions. Which one answers, the registry on disk says alone.

A model goes live in the registry (`ACTIVE`), whoever asks for it: a retraining, the end of a shadow time,
`/retrain rollback`, the HTTP service, the command line, a first start. `mirror` lets the database follow. A
retraining and a shadow time call it at once; `keep_mirrored` sees everybody else at its next look, and what
was under way when a process died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from classifier.model.integrity import read_facts
from classifier.model.registry import Registry
from storage.database import Database, UnitOfWork
from storage.models import ModelKind, ModelVersion, RunSource

POLL_SECONDS = 1.0

log = structlog.get_logger(__name__)


async def keep_mirrored(database: Database, registry: Registry, clock: Callable[[], datetime]) -> None:
    """Mirror the registry into the database until cancelled."""
    while True:
        try:
            await mirror(database, registry, clock())
        except Exception:  # the one error boundary of this loop
            log.exception("registry_not_mirrored")
        await asyncio.sleep(POLL_SECONDS)


async def mirror(database: Database, registry: Registry, now: datetime) -> None:
    """Let every workspace's active version in the database be the registry's.

    A workspace that begins with a day-one model gets a run that brings its fine-tune, once.
    """
    version = registry.active()
    if version is None:
        return
    async with database.reader() as work:
        behind = set(await work.categories.teams()) - await work.models.serving(version)
    for team_id in sorted(behind):
        kind = ModelKind(read_facts(registry.path(version)).kind)
        async with database.unit_of_work() as work:
            row = await add_version(work, registry, team_id, version, kind, now)
            await work.models.activate(team_id=team_id, version=version, now=now)
            if row.kind is ModelKind.DAY_ONE:
                await work.runs.add_if_free(
                    team_id=team_id,
                    slot=f"first/{version}",
                    requested_by="first start",
                    source=RunSource.FIRST_START,
                    now=now,
                )
            await work.commit()
        log.info("model_live", team=team_id, version=version)


async def add_version(
    work: UnitOfWork,
    registry: Registry,
    team_id: str,
    version: str,
    kind: ModelKind,
    now: datetime,
    *,
    parent: str | None = None,
    metrics: dict[str, Any] | None = None,
) -> ModelVersion:
    """Note a version of the registry as a candidate; one that is noted already is left alone."""
    return await work.models.add(
        team_id=team_id,
        version=version,
        path=str(registry.path(version)),
        parent=parent,
        kind=kind,
        metrics=metrics or {},
        manifest_hash=registry.manifest_hash(version),
        now=now,
    )
