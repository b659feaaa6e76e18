"""Which answers would help most: the tickets to spend a question on.

A small margin between the two likeliest categories says that the model cannot tell them apart (margin
sampling: Scheffer, Decomain & Wrobel 2001). Margins alone ask the same thing over and over, so each next
ticket must also lie far from those chosen before it (greedy k-centre: Sener & Savarese 2018, "Active learning
for convolutional neural networks: a core-set approach") and be no paraphrase of a known one. Their product is
what BADGE does with gradients, whose length is the uncertainty and whose direction is the embedding (Ash et
al. 2020, "Deep batch active learning by diverse, uncertain gradient lower bounds"). A factor for density
keeps away from odd messages that are like no other (Settles & Craven 2008, "information density").
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

DENSITY = 0.25
"""How much a ticket's likeness to the other ones counts; 0 leaves it out."""

SHARPNESS = 2
"""Exponent of the uncertainty: a sure answer teaches little, wherever it lies."""

PARAPHRASE = 0.2
"""Cosine distance within which a ticket says what a labelled or asked one said. Beyond it, being near to
known tickets is no fault: borders between categories lie there, and the margin has priced the labels in."""

_TINY = 1e-6
"""Keeps the order by margin where everything left is a copy of something known."""

_ROWS = 1024
"""Known embeddings that are compared at once: bounds the memory."""


def most_helpful(
    margins: npt.ArrayLike,
    embeddings: npt.ArrayLike,
    count: int,
    *,
    asked: npt.ArrayLike | None = None,
    density: float = DENSITY,
) -> list[int]:
    """Choose the tickets whose labels would teach most, most helpful first.

    Greedy and deterministic: each step takes the highest uncertainty^2 x distance x density^`density`, where
    uncertainty is 1 - margin, density is the mean cosine to all candidates, as a share of the largest, and
    distance is the smaller of two: 1 - cosine to the nearest chosen ticket, and that to the nearest known one
    as a share of `PARAPHRASE`, at most 1. Ties go to the smaller margin, then to the earlier ticket.
    O(N x (M + count) x H).

    Args:
        margins: [N], 0..1: top-1 minus top-2 probability, calibrated.
        embeddings: [N, H], L2-normalised.
        count: how many to choose; all where there are fewer.
        asked: [M, H], L2-normalised: what is labelled or asked already; None or M = 0: nothing.
        density: the exponent of the density.

    Returns:
        Different indices into `margins`.

    Raises:
        ValueError: the shapes do not belong together, or a number is not finite.
    """
    margin = np.asarray(margins, dtype=np.float64)
    points = np.asarray(embeddings, dtype=np.float32)
    if margin.ndim != 1 or (len(margin) and (points.ndim != 2 or len(points) != len(margin))):  # noqa: PLR2004
        raise ValueError(f"margins {margin.shape} and embeddings {points.shape} do not belong together")
    if not (np.isfinite(margin).all() and np.isfinite(points).all()):
        raise ValueError("margins and embeddings must be finite")
    wanted = min(count, len(margin))
    if wanted <= 0:
        return []
    weight = (1.0 - np.clip(margin, 0.0, 1.0) + _TINY) ** SHARPNESS * _density(points) ** density
    known = _distance(points, None if asked is None else np.asarray(asked, dtype=np.float32))
    nearest = np.minimum(known / PARAPHRASE, 1.0)
    order = np.lexsort((np.arange(len(margin)), margin))  # ties: smaller margin, then earlier
    chosen: list[int] = []
    free = np.ones(len(margin), dtype=bool)
    for _ in range(wanted):
        score = np.where(free, weight * (nearest + _TINY), -1.0)
        best = int(order[np.argmax(score[order])])
        chosen.append(best)
        free[best] = False
        nearest = np.minimum(nearest, _cosine_distance(points @ points[best]))
    return chosen


def _density(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Mean cosine to all candidates, as a share of the largest, at least a little: [N]."""
    mean = (points @ points.mean(axis=0)).astype(np.float64)
    return np.asarray(np.clip(mean / max(float(mean.max()), _TINY), _TINY, 1.0))


def _distance(
    points: npt.NDArray[np.float32], known: npt.NDArray[np.float32] | None
) -> npt.NDArray[np.float64]:
    """Cosine distance to the nearest known embedding; 1 where nothing is known: [N]."""
    nearest = np.ones(len(points))
    if known is None or known.size == 0:
        return nearest
    if known.ndim != points.ndim or known.shape[1] != points.shape[1]:
        raise ValueError(f"embeddings {points.shape} and asked {known.shape} do not belong together")
    if not np.isfinite(known).all():
        raise ValueError("asked must be finite")
    for start in range(0, len(known), _ROWS):
        similar = points @ known[start : start + _ROWS].T
        nearest = np.minimum(nearest, _cosine_distance(similar.max(axis=1)))
    return nearest


def _cosine_distance(similarity: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """1 - cosine, 0..1: what points away is no further than what is unrelated."""
    return np.asarray(np.clip(1.0 - similarity.astype(np.float64), 0.0, 1.0))
