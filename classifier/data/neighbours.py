"""The nearest other messages of each message, by cosine similarity."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors


def nearest_others(
    vectors: npt.NDArray[Any], count: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.floating[Any]]]:
    """Find neighbours; a message is never its own, though its copy may be one.

    Args:
        vectors: [N, D], any length.
        count: neighbours of each message; at most all others.

    Returns:
        (numbers [N, count], cosine similarities [N, count]), nearest first.
    """
    search = NearestNeighbors(n_neighbors=min(count, len(vectors) - 1), metric="cosine").fit(vectors)
    distances, numbers = search.kneighbors()
    return numbers, 1 - distances
