"""What a retraining learns from: starter messages and the labels that people gave. Pure; knows no storage."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from classifier.contract import OUT_OF_SCOPE_LABEL
from classifier.dataset import Example, StarterPack

LABEL_WEIGHT = 8.0
"""A label that a person of this workspace gave counts as much as eight starter messages."""
VALIDATION_SHARE = 0.08


class Labelled(Protocol):
    """A text with the category that people settled on; None means "none of these"."""

    @property
    def text(self) -> str:
        """The ticket's text."""

    @property
    def category(self) -> str | None:
        """A slug, or None."""


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What a run learns from and is judged on."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    held_out: tuple[Example, ...]
    labels: int
    starter: int


def assemble(
    pack: StarterPack, labels: Sequence[Labelled], categories: frozenset[str], seed: int = 0
) -> TrainingSet:
    """Put starter messages and people's labels together. Pure.

    A person's label wins over a starter message with the same words; starter messages of categories that the
    workspace no longer has are left out; "none of these" becomes an out-of-scope example. The messages that
    early stopping watches come from the starter pack alone, so that a single correction is always learned.
    """
    known = categories | {OUT_OF_SCOPE_LABEL}
    given = [
        Example(label.text, label.category or OUT_OF_SCOPE_LABEL, LABEL_WEIGHT)
        for label in labels
        if label.text.strip() and (label.category is None or label.category in categories)
    ]
    said = {_key(example.text) for example in given}
    starter = [e for e in pack.train if e.label in known and _key(e.text) not in said]
    held_out = tuple(e for e in pack.held_out if e.label in known and _key(e.text) not in said)
    by_label: dict[str, list[Example]] = defaultdict(list)
    for example in starter:
        by_label[example.label].append(example)
    order, validation = random.Random(seed), []  # noqa: S311  # a split, not a secret  # nosec B311
    for label in sorted(by_label):
        rows = by_label[label]
        order.shuffle(rows)
        share = round(VALIDATION_SHARE * len(rows))
        validation += rows[:share]
        by_label[label] = rows[share:]
    train = [example for label in sorted(by_label) for example in by_label[label]]
    return TrainingSet((*train, *given), tuple(validation), held_out, len(given), len(starter))


def _key(text: str) -> str:
    return " ".join(text.lower().split())
