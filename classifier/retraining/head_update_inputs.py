"""What a head refit works on: the labels and categories that a workspace has now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.data.dataset import Example, StarterPack
from classifier.model.integrity import read_facts
from classifier.model.registry import Registry
from classifier.retraining.child_process import RetrainingFailed
from classifier.retraining.job import HeadUpdate, RetrainJob
from classifier.retraining.labels import WorkspaceLabels, read_labels
from classifier.settings import ClassifierSettings
from storage.database import Database


async def refit_job(
    database: Database,
    registry: Registry,
    settings: ClassifierSettings,
    pack: StarterPack,
    team_id: str,
    folder: str,
) -> RetrainJob:
    """Return the child's job; the child leaves the candidate in `folder`.

    Raises:
        RetrainingFailed: no model is active.
        BrokenModel: the active model cannot be read.
        InvalidInput: the settings name no usable options.
    """
    version = registry.active()
    if version is None:
        raise RetrainingFailed("No model is active yet: the first one will know the categories.")
    present = read_facts(registry.path(version)).labels
    said = await read_labels(database, team_id)
    merged = {into for slug, into in said.heirs.items() if slug in present and into in present}
    return RetrainJob(
        # No recent label judges here: a new category needs each of its few.
        training=said.training_set(pack, _fitting(said, present), learned=None),
        config=asdict(settings.training_config()),
        model_home=str(registry.home.absolute()),
        folder=folder,
        champion=version,
        head=HeadUpdate(tuple(said.slugs(pack)), tuple(sorted(merged))),
    )


def _fitting(said: WorkspaceLabels, present: Sequence[str]) -> list[Example]:
    """The labels that fit today's categories.

    "None of these" that was said before people added a category does not speak against it.
    """
    added = [
        row.created_at for row in said.categories if row.slug not in present and row.created_at is not None
    ]
    newest = max(added, default=None)
    return [
        example
        for example in said.labels
        if example.label != OUT_OF_SCOPE_LABEL
        or newest is None
        or (example.said_at is not None and example.said_at > newest)
    ]
