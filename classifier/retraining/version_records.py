"""Versions of the registry, noted in the database for a workspace."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from classifier.model.integrity import read_facts
from classifier.model.registry import Registry
from storage.database import Database
from storage.models import ModelKind, RetrainRun, RunSource


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
    refused: bool = False,
    shadow_until: datetime | None = None,
) -> None:
    """Note a version of the registry in the database; one that is noted already is left alone.

    `refused` says that the gate did not let it pass: it stays on disk, and an admin may still name it.
    Until `shadow_until` it answers silently, see shadowing.
    """
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
        elif refused:
            await work.models.refuse(team_id=team_id, version=version)
        elif shadow_until is not None:
            await work.shadows.begin(team_id=team_id, version=version, until=shadow_until)
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
