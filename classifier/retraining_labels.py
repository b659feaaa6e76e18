"""What a retraining reads about people's labels before it begins, and writes about them after it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from classifier.contract import OUT_OF_SCOPE_LABEL, BrokenModel
from classifier.dataset import StarterPack
from classifier.manifest import example_hash, learned_by
from classifier.model_files import read_facts
from classifier.registry import Registry
from classifier.training_set import SaidBy, TrainingSet, assemble
from storage.categories import successors
from storage.database import Database, UnitOfWork
from storage.judging import Backing, Doubt
from storage.labels import LabelledText
from storage.models import LabelRole

GOLD_SHARE = 20
"""One ticket of so many may be frozen; by a hash of its id, so that nobody chooses which."""
MOST_GOLD = 300
"""A standard error of 1.7 points at 90% right; more labels do more good in the training."""
FEWEST_FOR_GOLD = 12
"""Labels of a category from which one of its tickets may be frozen: a small category needs each of them."""
MOST_DOUBTS = 30
"""Doubts that one run hands to people, worst first: a longer queue is not worked off."""


async def gather(
    database: Database, registry: Registry, pack: StarterPack, team_id: str, now: datetime
) -> TrainingSet:
    """Read what a workspace's next model learns from and is judged on; freeze gold tickets first."""
    learned = known_to(registry)
    async with database.unit_of_work() as work:
        await _freeze(work, team_id, learned, now)
        await work.commit()
    async with database.reader() as work:
        rows = await work.categories.active(team_id=team_id)
        heirs = successors(await work.categories.all(team_id=team_id))
        labels, _ = await _trainable(work, team_id)
        # a frozen category may have been merged into another since
        gold = [
            replace(label, category=heirs.get(label.category or "", label.category))
            for label in await work.judging.gold(team_id=team_id)
        ]
        backing = await work.judging.backing(team_id=team_id)
        _, settled = await work.judging.reviewed(team_id=team_id)
    slugs = frozenset(row.slug for row in rows) or frozenset(c.slug for c in pack.categories)
    said_by = {
        label.ticket_id: SaidBy(
            role=str(behind.role), voice=behind.user_id, settled=label.ticket_id in settled
        )
        for label in [*labels, *gold]
        if (behind := backing.get((label.ticket_id, label.category))) is not None
    }
    return assemble(pack.following(heirs), labels, slugs, gold=gold, said_by=said_by, learned=learned)


def known_to(registry: Registry) -> frozenset[str] | None:
    """Hashes of the people's examples that the active model learned from; None where nobody knows."""
    active = registry.active_path()
    if active is None:
        return frozenset()
    try:
        learned = learned_by(active)
        if learned is None and read_facts(active).kind == "day_one":
            return frozenset()  # from starter messages alone
    except BrokenModel:  # it must not keep a sound model away
        return None
    return learned


async def keep_findings(
    database: Database, team_id: str, run_id: UUID, result: Mapping[str, Any], now: datetime
) -> None:
    """Note which training a run made, and hand its doubts to people."""
    doubts = [
        Doubt(
            ticket_id=UUID(found["ticket"]),
            given=_category(found["given"]),
            suggested=_category(found["suggested"]),
            score=float(found["score"]),
        )
        for found in result.get("doubts", [])[:MOST_DOUBTS]
    ]
    async with database.unit_of_work() as work:
        if result.get("manifest_hash"):
            await work.judging.note_manifest(
                team_id=team_id, run_id=run_id, manifest_hash=str(result["manifest_hash"])
            )
        await work.judging.doubt(team_id=team_id, doubts=doubts, now=now)
        await work.commit()


async def _trainable(work: UnitOfWork, team_id: str) -> tuple[list[LabelledText], frozenset[UUID]]:
    """(labels that may teach: not disputed, doubted or frozen; the frozen tickets)."""
    frozen = await work.judging.gold_tickets(team_id=team_id)
    waiting, _ = await work.judging.reviewed(team_id=team_id)
    labels = await work.labels.training_examples(team_id=team_id)
    return [x for x in labels if x.ticket_id not in frozen | waiting and not x.disputed], frozen


async def _freeze(work: UnitOfWork, team_id: str, learned: frozenset[str] | None, now: datetime) -> None:
    if learned is None:  # the present model may have learned from any of them
        return
    labels, _ = await _trainable(work, team_id)
    backing = await work.judging.backing(team_id=team_id)
    chosen = [(label.ticket_id, label.category) for label in freezable(labels, backing, learned)]
    await work.judging.freeze(team_id=team_id, tickets=chosen, most=MOST_GOLD, now=now)


def freezable(
    labels: Sequence[LabelledText],
    backing: Mapping[tuple[UUID, str | None], Backing],
    learned: frozenset[str],
) -> list[LabelledText]:
    """Choose tickets for the gold set. Pure.

    Those of the twentieth that a hash picks which two people agree on or an admin labelled, which the present
    model has not learned from, and whose category has labels to spare.
    """
    counts: dict[str | None, int] = {}
    for label in labels:
        counts[label.category] = counts.get(label.category, 0) + 1
    return [
        label
        for label in labels
        if picked(label.ticket_id)
        and counts[label.category] >= FEWEST_FOR_GOLD
        and (behind := backing.get((label.ticket_id, label.category))) is not None
        and (behind.people > 1 or behind.role == LabelRole.ADMIN)
        and example_hash(label.text, label.category or OUT_OF_SCOPE_LABEL) not in learned
    ]


def picked(ticket_id: UUID) -> bool:
    """Say whether a ticket belongs to the twentieth that may be frozen; always the same."""
    return int.from_bytes(hashlib.sha256(ticket_id.bytes).digest()[:8]) % GOLD_SHARE == 0


def _category(label: str) -> str | None:
    return None if label == OUT_OF_SCOPE_LABEL else label
