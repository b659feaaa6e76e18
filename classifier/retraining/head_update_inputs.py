"""What a head refit works on: the labels and categories that a workspace has now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from classifier.data.dataset import StarterPack
from classifier.data.training_set import TrainingSet
from classifier.model.integrity import read_facts
from classifier.model.registry import Registry
from classifier.retraining.child_process import RetrainingFailed
from classifier.retraining.head_update_job import RefitJob
from classifier.retraining.labels import Said, read_said
from classifier.settings import ClassifierSettings
from storage.database import Database
from storage.feedback.labels import LabelledText


async def refit_job(
    database: Database,
    registry: Registry,
    settings: ClassifierSettings,
    pack: StarterPack,
    team_id: str,
    folder: str,
) -> tuple[RefitJob, TrainingSet]:
    """Return the child's job, and what it was made of; the child leaves the candidate in `folder`.

    Raises:
        RetrainingFailed: no model is active.
        BrokenModel: the active model cannot be read.
        InvalidInput: the settings name no usable options.
    """
    version = registry.active()
    if version is None:
        raise RetrainingFailed("No model is active yet: the first one will know the categories.")
    present = read_facts(registry.path(version)).labels
    said = await read_said(database, team_id)
    # No recent label judges here: a new category needs each of its few.
    training = said.training_set(pack, _fitting(said, present), learned=None)
    behind = training.for_child()
    job = RefitJob(
        train=[(e.text, e.label, e.weight) for e in training.train],
        held_back=[(e.text, e.label) for e in training.validation],
        held_out=[(e.text, e.label) for e in training.held_out],
        categories=said.slugs(pack),
        merged=sorted({into for slug, into in said.heirs.items() if slug in present and into in present}),
        config=asdict(settings.training_config()),
        model_home=str(registry.home.absolute()),
        parent=version,
        folder=folder,
        people=behind["people"],
        starter=behind["starter"],
        names=behind["names"],
    )
    return job, training


def _fitting(said: Said, present: Sequence[str]) -> list[LabelledText]:
    """The labels that fit today's categories.

    "None of these" that was said before people added a category does not speak against it.
    """
    added = [
        row.created_at for row in said.categories if row.slug not in present and row.created_at is not None
    ]
    newest = max(added, default=None)
    return [
        label
        for label in said.labels
        if label.category is not None or newest is None or label.created_at > newest
    ]
