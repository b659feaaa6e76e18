"""Never repeat a reversed decision: labelled messages near a new one overrule the model. Pure numpy.

k nearest neighbours beside a trained model, as in kNN-LM (Khandelwal et al. 2020, arXiv:1911.00172): what
people said a minute ago counts before any retraining. A message that lies nearer to labels of another
category than to any that bears the prediction out is asked about where people had rejected the prediction
there, and overruled where one such label is clearly nearer or several agree. While there are few labels of
the predicted category to compare with, two similarities bound it, see `fit_recall_threshold` and
`fit_recall_near`, and one label that nobody vouches for only makes a certain model ask. What one colleague
alone says never overrules, however near and however often it is said: it leads a question.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MOVED = 0.005
"""Share of messages that the memory may move wrongly, were every message labelled."""

TOUCHED = 0.03
"""Share of a category's messages that one correction away from it may turn into questions."""

COMPARED = 8
"""Labels of the predicted category from which being nearer to another one says more than any similarity."""

ALIKE = 0.5
"""Similarity below which a message says nothing of another one, however far away the rest is."""

CLEARLY = 0.15
"""By how much a label must be nearer than any that bears the prediction out, to overrule it alone."""

SEVERAL = 3
"""Labels of one category, all nearer than any that bears the prediction out, which overrule it; one fewer
where people had rejected the prediction on the nearest one."""

CERTAIN = 0.9
"""Calibrated confidence from which one label that is not trusted only asks, where there is little to compare
with: the model is then wrong hardly more often than the label is."""

_VOTERS = 8
_SOFTNESS = 0.05
"""Difference of similarity at which a neighbour's vote has 1/e of the nearest one's weight."""

_AGREED = 2 / 3
"""Share of the votes with which people bear a prediction out."""

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
    similarities: Array,
    categories: Sequence[str | None],
    predicted: str | None,
    *,
    threshold: float,
    near: float,
    rejected: Sequence[Collection[str]],
    trusted: Sequence[bool],
    voices: Sequence[str],
    confidence: float,
) -> Recalled | None:
    """Look for what people said of messages like this one.

    Args:
        similarities: float32 [N], cosine of the message with each labelled one.
        categories: [N] what people settled on; None: none of these.
        predicted: what the model would do: a category, or None for keeping silent.
        threshold: similarity from which a neighbour overrules, where there is little to compare with.
        near: similarity from which a row that rejects `predicted` calls for a question there.
        rejected: [N] categories that the bot or its model had said and people replaced.
        trusted: [N] whether that label alone overrules a model that is certain.
        voices: [N] the colleague whose word alone a label is; "" where more stands behind it.
        confidence: calibrated, of `predicted`.

    Returns:
        None where the prediction stands. A sure one may name the predicted category: people said the same of
        a message like it.
    """
    agreeing = np.array([category == predicted for category in categories], dtype=bool)
    best = float(np.max(similarities, initial=-1.0, where=agreeing))
    compared = int(agreeing.sum()) >= COMPARED
    reach = ALIKE if compared else threshold
    least = reach if compared else min(near, threshold)
    # of labels that are equally near none is nearer: they speak against the prediction
    against = np.flatnonzero(~agreeing & (similarities >= max(best, least) - _ROUNDING)).tolist()
    if not against:
        return _borne_out(similarities, agreeing, threshold, predicted)

    rounded = np.round(similarities, 6)

    def rejects(row: int) -> bool:
        # a model that would keep silent: a message like it was somebody's ticket
        return predicted is None or predicted in rejected[row]

    against.sort(key=lambda row: (-rounded[row], not rejects(row), not trusted[row]))
    first = against[0]
    found = Recalled(first, categories[first], float(similarities[first]))
    if found.similarity >= reach - _ROUNDING:
        agreed = all(categories[row] == found.category for row in against if rounded[row] == rounded[first])
        voters = [
            row
            for row in against
            if categories[row] == found.category and similarities[row] >= reach - _ROUNDING
        ]
        votes, heard = len(voters), {voices[row] for row in voters}
        clear = found.similarity - best >= CLEARLY
        alone = clear and (compared or confidence < CERTAIN or trusted[first])
        enough = votes >= SEVERAL or (rejects(first) and (alone or votes >= SEVERAL - 1))
        if enough and agreed:
            return replace(found, sure="" in heard or len(heard) > 1)
        if not compared:
            return replace(found, sure=False)
    for row in against:
        if rejects(row):
            return Recalled(row, categories[row], float(similarities[row]), sure=False)
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


def _borne_out(
    similarities: Array, agreeing: Array, threshold: float, predicted: str | None
) -> Recalled | None:
    """Say whether people said of messages like it, by two thirds at least, what the model says."""
    voters = np.argsort(-similarities, kind="stable")[:_VOTERS]
    voters = voters[similarities[voters] >= threshold - _ROUNDING]
    if len(voters) == 0 or not agreeing[voters[0]]:
        return None
    weights = np.exp((similarities[voters] - similarities[voters[0]]) / _SOFTNESS)
    if weights[agreeing[voters]].sum() < _AGREED * weights.sum():
        return None
    return Recalled(int(voters[0]), predicted, float(similarities[voters[0]]))
