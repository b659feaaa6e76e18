"""What a retraining reads about people's labels before it begins, and writes about them after it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from classifier.contract import OUT_OF_SCOPE_LABEL, BrokenModel
from classifier.data.dataset import Example, StarterPack
from classifier.data.manifest import example_hash, learned_by
from classifier.data.training_set import TrainingSet, assemble
from classifier.model.neighbor_smoothing import MOST
from classifier.model.registry import Registry
from classifier.retraining.job import RetrainResult
from storage.database import Database, UnitOfWork
from storage.feedback.categories import successors
from storage.feedback.labels import LabelledText
from storage.models import Category, CategoryState, LabelRole

FROM_A_RUN = "retraining"
"""Who added a gold ticket, where no person did."""
GOLD_SHARE = 20
"""One ticket of so many may be frozen; by a hash of its id, so that nobody chooses which."""
MOST_GOLD = 300
"""A standard error of 1.7 points at 90% right; more labels do more good in the training."""
FEWEST_FOR_GOLD = 12
"""Labels of a category from which one of its tickets may be frozen: a small category needs each of them."""
MOST_DOUBTS = 30
"""Doubts that one run hands to people, worst first: a longer queue is not worked off."""


@dataclass(frozen=True, slots=True)
class WorkspaceLabels:
    """What a workspace has said so far.

    Attributes:
        categories: all of them, also those that are gone.
        labels: what people settled on, but for frozen tickets.
        gold: frozen tickets that a label bears out.
    """

    categories: Sequence[Category]
    labels: Sequence[Example]
    gold: Sequence[Example]

    @property
    def heirs(self) -> dict[str, str]:
        """What the categories that are gone were merged into."""
        return successors(self.categories)

    @property
    def names(self) -> list[Example]:
        """What an admin wrote about each category: its name, and what it is about."""
        active = [row for row in self.categories if row.state == CategoryState.ACTIVE]
        return [
            Example(text, row.slug, source="name") for row in active for text in (row.name, row.description)
        ]

    def slugs(self, pack: StarterPack) -> list[str]:
        """The categories that there are now; without any, those of the pack."""
        active = [row.slug for row in self.categories if row.state == CategoryState.ACTIVE]
        return active or [category.slug for category in pack.categories]

    def training_set(
        self, pack: StarterPack, labels: Sequence[Example], learned: Collection[str] | None
    ) -> TrainingSet:
        """Put a training set together of these labels; see `training_set.assemble`."""
        slugs = frozenset(self.slugs(pack))
        pack = pack.following(self.heirs)
        return assemble(pack, labels, slugs, gold=self.gold, learned=learned, names=self.names)


async def read_labels(database: Database, team_id: str) -> WorkspaceLabels:
    """Read what a workspace's people said."""
    async with database.reader() as work:
        settled = await work.reviews.settled_tickets(team_id=team_id)
        labels = await work.labels.training_examples(team_id=team_id)
        gold = await work.labels.gold_examples(team_id=team_id)
        return WorkspaceLabels(
            categories=await work.categories.all(team_id=team_id),
            labels=[example_of(row, settled) for row in labels],
            gold=[example_of(row, settled) for row in gold],
        )


def example_of(row: LabelledText, settled: Collection[UUID] = ()) -> Example:
    """Make the example that a label teaches; `settled` tickets are not doubted again."""
    return Example(
        text=row.text,
        label=row.category or OUT_OF_SCOPE_LABEL,
        voice=row.user_id,
        role=str(row.role),
        said_at=row.created_at,
        source="person",
        ticket=str(row.ticket_id),
        label_ids=tuple(map(str, row.label_ids)),
        settled=row.ticket_id in settled,
    )


async def gather(
    database: Database, registry: Registry, pack: StarterPack, team_id: str, now: datetime
) -> TrainingSet:
    """Read what a workspace's next model learns from and is judged on; freeze gold tickets first."""
    learned = known_to(registry)
    async with database.unit_of_work() as work:
        await _freeze(work, team_id, learned, now)
        await work.commit()
    said = await read_labels(database, team_id)
    async with database.reader() as work:
        free = await work.tickets.unlabelled_texts(team_id=team_id, limit=MOST)
    return said.training_set(pack, said.labels, learned).among(free)


def known_to(registry: Registry) -> frozenset[str] | None:
    """Hashes of the people's examples that the active model learned from; None where nobody knows."""
    active = registry.active_path()
    if active is None:
        return frozenset()
    try:
        return learned_by(active)
    except BrokenModel:  # it must not keep a sound model away
        return None


async def keep_findings(
    database: Database, team_id: str, run_id: UUID, result: RetrainResult, now: datetime
) -> None:
    """Note which training a run made, and hand its doubts to people."""
    doubts = [
        (UUID(doubt.ticket), _category(doubt.given), _category(doubt.suggested), doubt.score)
        for doubt in result.doubts[:MOST_DOUBTS]
    ]
    async with database.unit_of_work() as work:
        if result.manifest_hash:
            await work.runs.note_manifest(team_id=team_id, run_id=run_id, manifest_hash=result.manifest_hash)
        await work.reviews.add_suspects(team_id=team_id, suspects=doubts, now=now)
        await work.commit()


async def _freeze(work: UnitOfWork, team_id: str, learned: frozenset[str] | None, now: datetime) -> None:
    if learned is None:  # the present model may have learned from any of them
        return
    room = max(0, MOST_GOLD - len(await work.gold.ids(team_id=team_id)))
    labels = await work.labels.training_examples(team_id=team_id)
    for label in freezable(labels, learned)[:room]:
        await work.gold.add(
            team_id=team_id,
            ticket_id=label.ticket_id,
            category=label.category,
            added_by=FROM_A_RUN,
            now=now,
        )


def freezable(labels: Sequence[LabelledText], learned: frozenset[str]) -> list[LabelledText]:
    """Choose tickets for the gold set. Pure.

    Those of the twentieth that a hash picks which two people agree on or an admin labelled, which the present
    model has not learned from, and whose category has labels to spare.
    """
    counts = Counter(label.category for label in labels)
    return [
        label
        for label in labels
        if picked(label.ticket_id)
        and counts[label.category] >= FEWEST_FOR_GOLD
        and (len(label.user_ids) > 1 or label.role == LabelRole.ADMIN)
        and example_hash(label.text, label.category or OUT_OF_SCOPE_LABEL) not in learned
    ]


def picked(ticket_id: UUID) -> bool:
    """Say whether a ticket belongs to the twentieth that may be frozen; always the same."""
    return int.from_bytes(hashlib.sha256(ticket_id.bytes).digest()[:8]) % GOLD_SHARE == 0


def _category(label: str) -> str | None:
    return None if label == OUT_OF_SCOPE_LABEL else label
