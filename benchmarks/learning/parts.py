"""The product's memory, questions and training material, as the benchmarks call them: one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.calibration.vectors import unit
from classifier.data.dataset import Example
from classifier.feedback.active_learning import most_helpful
from classifier.feedback.correction_memory import Recalled, recall
from classifier.model.metadata import ModelFacts

Floats = npt.NDArray[Any]

NEAR = 0.7
"""Cosine similarity of frozen vectors from which two messages count as alike."""


def choose_questions(margins: Floats, vectors: Floats, count: int, known: Floats) -> list[int]:
    """Rows whose answers would help most, most helpful first.

    Args:
        margins: [N], the best category's probability less the second's.
        vectors: [N, H], the model's own.
        count: questions at most.
        known: [M, H] of the labelled messages.
    """
    return most_helpful(margins, unit(vectors), count, asked=unit(known))


def names_of(categories: Sequence[str]) -> list[Example]:
    """What categories are called, to learn from; those of the public data have no names but their slugs."""
    return [Example(slug.replace("_", " ").strip("?"), slug, source="name") for slug in categories]


def repeats(vector: Floats, routed: str, corrected: Sequence[tuple[Floats, str]]) -> bool:
    """Whether the nearest corrected message is alike, and was taken away from the same category.

    Args:
        vector: [H] of the message, the frozen encoder's, of length 1.
        routed: where it went.
        corrected: (vector, category that it was taken away from) of each corrected message.
    """
    if not corrected:
        return False
    similar = np.stack([other for other, _ in corrected]) @ vector
    nearest = int(similar.argmax())
    return bool(similar[nearest] >= NEAR and corrected[nearest][1] == routed)


def memory_similarities(facts: ModelFacts) -> tuple[float, float]:
    """From which similarity a model's memory overrules it, and from which it only asks.

    They were fitted to the messages that its training held back; a model without them is overruled by copies.
    """
    surely = facts.thresholds.get("recall", 1.0)
    return surely, facts.thresholds.get("recall_near", surely)


@dataclass(slots=True)
class Memory:
    """Labelled messages in the vector space of the model that answers now.

    Attributes:
        threshold: cosine similarity from which people's label of a message overrules the model.
        near: from which an answer that people rejected on a message alike is asked about.
        vectors: [H] of each, of length 1.
        settled: category that people gave.
        rejected: categories that they took it away from.
    """

    threshold: float
    near: float
    vectors: list[Floats] = field(default_factory=list)
    settled: list[str] = field(default_factory=list)
    rejected: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, vector: Floats, settled: str, rejected: str = "") -> None:
        """Keep one label."""
        self.vectors.append(unit(vector))
        self.settled.append(settled)
        self.rejected.append((rejected,) if rejected and rejected != settled else ())

    def recall(self, vector: Floats, predicted: str, confidence: float) -> Recalled | None:
        """What people said of messages like this one, see classifier.feedback.correction_memory."""
        if not self.vectors:
            return None
        return recall(
            np.stack(self.vectors) @ unit(vector),
            self.settled,
            predicted,
            threshold=self.threshold,
            near=self.near,
            rejected=self.rejected,
            trusted=[False] * len(self.settled),  # nobody of the staff is an admin or of an owning team
            confidence=confidence,
        )
