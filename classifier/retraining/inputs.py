"""What a run works on: the labels and categories that a workspace has now, as the child's job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.data.dataset import Example, StarterPack
from classifier.data.manifest import example_hash
from classifier.model.integrity import read_facts
from classifier.model.registry import Registry
from classifier.retraining.child_process import RetrainingFailed
from classifier.retraining.job import HeadUpdate, RetrainJob
from classifier.retraining.labels import WorkspaceLabels, gather, read_labels
from classifier.settings import ClassifierSettings
from storage.database import Database
from storage.models import RetrainRun, RunSource


async def job_for(
    run: RetrainRun,
    database: Database,
    registry: Registry,
    settings: ClassifierSettings,
    pack: StarterPack,
    folder: str,
    now: datetime,
) -> RetrainJob:
    """Return the child's job; the child leaves the candidate in `folder`.

    A change of categories asks for a new head alone, anything else for a fine-tuned model.

    Raises:
        RetrainingFailed: a new head is asked for, and no model is active.
        BrokenModel: it is, and the active model cannot be read.
        InvalidInput: the settings name no usable options.
    """
    champion, head = registry.active(), None
    if run.source is not RunSource.CATEGORY:
        training = await gather(database, registry, pack, run.team_id, now)
    elif champion is None:
        raise RetrainingFailed("No model is active yet: the first one will know the categories.")
    else:
        present = read_facts(registry.path(champion)).labels
        said = await read_labels(database, run.team_id)
        merged = {into for slug, into in said.heirs.items() if slug in present and into in present}
        async with database.reader() as work:
            ever = await work.labels.ever_said(team_id=run.team_id)
        hashes = sorted(example_hash(text, category or OUT_OF_SCOPE_LABEL) for text, category in ever)
        head = HeadUpdate(tuple(said.slugs(pack)), tuple(sorted(merged)), tuple(hashes))
        # No recent label judges here: a new category needs each of its few.
        training = said.training_set(pack, _fitting(said, present), learned=None)
    config, home = asdict(settings.training_config()), str(registry.home.absolute())
    return RetrainJob(training, config, home, folder, champion, head)


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
