"""Never repeat a reversed decision: labelled messages near a new one overrule the model. Pure numpy.

k nearest neighbours beside a trained model, as in kNN-LM (Khandelwal et al. 2020, arXiv:1911.00172): what
people said a minute ago counts before any retraining. Two similarities bound it. From `threshold` on a
neighbour's category is taken over; from `near` on it only keeps the model from an answer that people rejected
there, so that the bot asks.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MOVED = 0.005
"""Share of messages that the memory may move wrongly, were every message labelled."""

TOUCHED = 0.03
"""Share of a category's messages that one correction away from it may turn into questions."""

_VOTERS = 8
_SOFTNESS = 0.05
"""Difference of similarity at which a neighbour's vote has 1/e of the nearest one's weight."""

_AGREED = 2 / 3
"""Share of the votes that one category needs; with less, people disagree."""

_ROUNDING = 1e-6
"""Of float32 dot products: the copy of a message is as near as can be."""

_BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Recalled:
    """What people said of a message like the new one.

    Attributes:
        index: row of the memory.
        category: what people settled on; None: none of these.
        similarity: cosine.
        sure: whether it overrules; else it only tells that the prediction was rejected nearby.
    """

    index: int
    category: str | None
    similarity: float
    sure: bool = True


def recall(
    embedding: Array,
    memory: Array,
    categories: Sequence[str | None],
    threshold: float,
    predicted: str | None,
    confirmed: Sequence[bool] | None = None,
    *,
    near: float | None = None,
    rejected: Sequence[Collection[str]] | None = None,
) -> Recalled | None:
    """Look for what people said of messages like this one.

    Args:
        embedding: float32 [H], L2-normalised.
        memory: float32 [N, H], L2-normalised, of labelled messages.
        categories: [N] what people settled on; None: none of these.
        threshold: similarity from which a neighbour overrules.
        predicted: what the model would do: a category, or None for keeping silent.
        confirmed: [N] whether people agreed with what the bot had said; such a row rejects nothing.
        near: similarity from which a row that rejects `predicted` calls for a question; None: no questions.
        rejected: [N] categories that the bot or its model had said and people replaced. Without them a row
            that is not confirmed rejects every category but its own.

    Returns:
        None where the prediction stands. A sure one may name the predicted category: people said the same of
        a message like it.
    """
    if len(memory) == 0:
        return None
    similarities = np.asarray(memory @ embedding)
    return recall_by_similarity(
        similarities, categories, threshold, predicted, confirmed, near=near, rejected=rejected
    )


def recall_by_similarity(
    similarities: Array,
    categories: Sequence[str | None],
    threshold: float,
    predicted: str | None,
    confirmed: Sequence[bool] | None = None,
    *,
    near: float | None = None,
    rejected: Sequence[Collection[str]] | None = None,
) -> Recalled | None:
    """Do the same with the similarities [N] to the memory's rows; see `recall`."""
    floor = threshold if near is None else min(near, threshold)
    rows = np.flatnonzero(similarities >= floor - _ROUNDING)
    if len(rows) == 0:
        return None
    # nearest first; of equally near ones those that contradict, so that only a nearer one can confirm
    agreeing = np.array([categories[row] == predicted for row in rows.tolist()])
    rows = rows[np.lexsort((agreeing, -np.round(similarities[rows], 6)))]
    first = int(rows[0])
    found = Recalled(first, categories[first], float(similarities[first]))
    voters = [int(row) for row in rows[:_VOTERS] if similarities[row] >= threshold - _ROUNDING]
    if voters:
        if _agreement(similarities[voters], [categories[row] for row in voters]) >= _AGREED:
            return found
        # the nearest one agrees with the model: others' doubt does not change its answer
        return None if found.category == predicted else _doubt(found)

    # nothing is near enough to take its category over, but near enough not to repeat what was rejected there
    for row in map(int, rows):
        if categories[row] == predicted:
            return None
        if _rejects(row, predicted, confirmed, rejected):
            return _doubt(Recalled(row, categories[row], float(similarities[row])))
    return None


def fit_recall_threshold(
    embeddings: Array,
    labels: Sequence[Any],
    predicted: Sequence[Any],
    *,
    others: Array | None = None,
    other_labels: Sequence[Any] = (),
    moved: float = MOVED,
) -> float:
    """Find the similarity from which messages of another category are hardly ever met.

    Args:
        embeddings: float32 [N, H], L2-normalised, of messages that the model has not learned from.
        labels: [N] their categories.
        predicted: [N] what the model says of them; only a right answer can be moved wrongly.
        others: float32 [M, H] of further labelled messages, such as those that it learned from.
        other_labels: [M].
        moved: share of the N messages that may have a message of another category as near or nearer.

    Returns:
        The threshold; 1.0 where there is nothing to measure.
    """
    own = np.asarray(labels, dtype=object)
    memory = embeddings if others is None else np.concatenate([embeddings, others])
    theirs = np.concatenate([own, np.asarray(other_labels, dtype=object)])
    right = own == np.asarray(predicted, dtype=object)
    nearest = np.full(len(own), -1.0)
    for begin in range(0, len(own), _BLOCK):
        part = slice(begin, begin + _BLOCK)
        similarities = embeddings[part] @ memory.T
        similarities[own[part, None] == theirs[None, :]] = -1.0
        nearest[part] = similarities.max(axis=1, initial=-1.0)
    nearest = np.sort(np.where(right, nearest, -1.0))[::-1]
    allowed = int(moved * len(nearest))
    if len(nearest) <= allowed or nearest[allowed] <= -1.0:
        return 1.0
    # just above the nearest one that may not be moved
    return float(min(1.0, nearest[allowed] + 1e-4))


def fit_recall_near(
    embeddings: Array,
    labels: Sequence[Any],
    predicted: Sequence[Any],
    *,
    threshold: float = 1.0,
    touched: float = TOUCHED,
) -> float:
    """Find the similarity from which a message is likely about the same as another one of its category.

    A ticket that people moved away from a category looked like one of it to the model, and in a fine-tuned
    space all of those lie close together. So the measure is how near two messages of one predicted category
    are: the rightly predicted ones that a correction beside them turns into questions are to be few.

    Args:
        embeddings: float32 [N, H], L2-normalised, of messages that the model has not learned from.
        labels: [N] their categories.
        predicted: [N] what the model says of them.
        threshold: that of `fit_recall_threshold`, which is never exceeded.
        touched: share of a category's messages that are as near to another one predicted as it, or nearer.

    Returns:
        The similarity; `threshold` where there is nothing to measure.
    """
    said = np.asarray(predicted, dtype=object)
    right = np.asarray(labels, dtype=object) == said
    pairs = []
    for category in sorted(set(said[right])):
        alike, sound = np.flatnonzero(said == category), np.flatnonzero((said == category) & right)
        similarities = embeddings[sound] @ embeddings[alike].T
        pairs.append(similarities[sound[:, None] != alike[None, :]])
    every = np.concatenate(pairs) if pairs else np.zeros(0)
    if len(every) == 0:
        return threshold
    return float(min(threshold, np.quantile(every, 1 - touched)))


def _agreement(similarities: Array, categories: Sequence[str | None]) -> float:
    """Share of the votes for the nearest one's category."""
    weights = np.exp((similarities - similarities[0]) / _SOFTNESS)
    same = np.array([category == categories[0] for category in categories])
    return float(weights[same].sum() / weights.sum())


def _rejects(
    row: int,
    predicted: str | None,
    confirmed: Sequence[bool] | None,
    rejected: Sequence[Collection[str]] | None,
) -> bool:
    """Say whether people, who named another category there, had been told the predicted one."""
    if predicted is None:
        return True  # a message like it was somebody's ticket
    if rejected is not None:
        return predicted in rejected[row]
    return confirmed is None or not confirmed[row]


def _doubt(found: Recalled) -> Recalled:
    return Recalled(found.index, found.category, found.similarity, sure=False)
