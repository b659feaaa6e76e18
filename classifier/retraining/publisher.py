"""Brings a run's candidate into the registry, and live where the gate lets it pass."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from classifier.evaluation.gate.verdict import Verdict
from classifier.model.registry import Registry
from classifier.retraining.lease import Lease, RunOutcome
from classifier.retraining.run_folder import RunFolder
from classifier.retraining.version_records import add_version, mirror
from storage.database import Database
from storage.models import ModelKind, RetrainRun, RunSource, RunState


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes candidates.

    Attributes:
        database: where versions are noted.
        registry: where they go, and go live.
        shadow_hours: how long one that passed answers silently first; 0: it goes live at once.
        clock: the time.
    """

    database: Database
    registry: Registry
    shadow_hours: float
    clock: Callable[[], datetime]

    async def publish(
        self, lease: Lease, folder: RunFolder, version: str, verdict: Verdict, metrics: dict[str, Any]
    ) -> RunOutcome:
        """Make a candidate known, and live where it passed, no shadow time comes first and it is no dry run.

        Args:
            lease: on the run; somebody else's publishes nothing.
            folder: holds the candidate.
            version: its name.
            verdict: of the gate. What it refuses stays on disk, and an admin may still name it.
            metrics: what was measured.

        Raises:
            RetrainingFailed: the run was cancelled, or somebody else has it.
        """
        run = lease.run
        await lease.renew({"stage": "publish", "fraction": 0.98})
        await asyncio.to_thread(folder.adopt, version)
        await lease.renew({"stage": "publish", "fraction": 0.99})
        parent = self.registry.active()
        shadow_until = None
        if run.dry_run:
            metrics = {**metrics, "would_promote": verdict.promoted}
        elif verdict.promoted and parent is not None and self._has_shadow_time(run):
            shadow_until = self.clock() + timedelta(hours=self.shadow_hours)
            metrics = {**metrics, "shadow_until": shadow_until.isoformat()}
        async with self.database.unit_of_work() as work:
            kind, now = kind_of(run), self.clock()
            await add_version(
                work, self.registry, run.team_id, version, kind, now, parent=parent, metrics=metrics
            )
            if shadow_until is not None:
                await work.shadows.begin(team_id=run.team_id, version=version, until=shadow_until)
            elif not (verdict.promoted or run.dry_run):
                await work.models.refuse(team_id=run.team_id, version=version)
            await work.commit()
        if verdict.promoted and shadow_until is None and not run.dry_run:
            await asyncio.to_thread(self.registry.activate, version)
            await mirror(self.database, self.registry, self.clock())
        state = RunState.DONE if verdict.promoted or run.dry_run else RunState.FAILED
        return RunOutcome(state, verdict.reason, metrics, version)

    def _has_shadow_time(self, run: RetrainRun) -> bool:
        """Not where somebody waits for a new category, nor for a day-one model's successor: hardly worse."""
        return bool(self.shadow_hours) and run.source not in {RunSource.CATEGORY, RunSource.FIRST_START}


def kind_of(run: RetrainRun) -> ModelKind:
    """What a run brings: a new head alone for a change of categories, else a fine-tuned model."""
    return ModelKind.HEAD if run.source is RunSource.CATEGORY else ModelKind.FINE_TUNE
