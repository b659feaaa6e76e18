"""The product's memory and training material, as the benchmarks call them: one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from classifier.calibration.vectors import unit
from classifier.data.dataset import Example
from classifier.feedback.correction_memory import Recalled, recall

Floats = npt.NDArray[Any]

NEAR = 0.7
"""Cosine similarity of frozen vectors from which two messages count as alike."""


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


@dataclass(frozen=True, slots=True)
class Labelled:
    """A labelled message in the space of the model that answers now.

    Attributes:
        vector: [H], of length 1.
        settled: category that people gave.
        rejected: the category that they took it away from; "" for none.
        voice: whose word alone it is; "" for the labelled messages of the start.
    """

    vector: Floats
    settled: str
    rejected: str = ""
    voice: str = ""


def recalled(
    memory: Sequence[Labelled], vector: Floats, predicted: str, confidence: float, near: tuple[float, float]
) -> Recalled | None:
    """What people said of messages like this one, see classifier.feedback.correction_memory.recall.

    Args:
        memory: all labels so far.
        vector: [H] of the message, any length.
        predicted: where the model would route it.
        confidence: calibrated, of that.
        near: from which similarity the memory overrules the model, and from which it asks.
    """
    if not memory:
        return None
    return recall(
        np.stack([known.vector for known in memory]) @ unit(vector),
        [known.settled for known in memory],
        predicted,
        threshold=near[0],
        near=near[1],
        rejected=[{known.rejected} - {"", known.settled} for known in memory],
        trusted=[False] * len(memory),  # nobody of the staff is an admin or of an owning team
        voices=[known.voice for known in memory],
        confidence=confidence,
    )
