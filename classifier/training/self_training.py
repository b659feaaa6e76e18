"""What unlabelled messages of the same kind can teach: soft answers, smoothed over their neighbours.

People's labels stay the only labels. What a model thinks of a message that nobody labelled is a soft target
of less weight, made anew in each training; it is kept nowhere and stands in no manifest (docs/adr/0017).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from classifier.data.neighbours import nearest_others

Array = npt.NDArray[Any]

_NEIGHBOURS = 15
_SPREAD = 0.8
_TURNS = 20
_SHARPNESS = 10.0


def spread(vectors: Array, own: Array, labelled: Array, *, neighbours: int = _NEIGHBOURS) -> Array:
    """Smooth soft answers over a graph of neighbours (label spreading, Zhou et al. 2004, NIPS 16).

    Args:
        vectors: [N, D], the labelled messages first; any length, cosine similarities are taken.
        own: [N, C], what is thought of each message by itself; for a labelled one its label.
        labelled: bool [N], rows that keep their own answer.
        neighbours: of each message in the graph.

    Returns:
        [N, C], rows sum to 1.
    """
    graph = _graph(vectors, neighbours)
    answers = own.copy()
    for _ in range(_TURNS):
        answers = _SPREAD * (graph @ answers) + (1 - _SPREAD) * own
        answers[labelled] = own[labelled]
    total = answers.sum(axis=1, keepdims=True)
    result: Array = np.where(total > 0, answers / np.maximum(total, 1e-12), own)
    return result


def _graph(vectors: Array, neighbours: int) -> Any:
    """Symmetric, normalised similarities of nearest neighbours, as a sparse matrix [N, N]."""
    columns, similar = nearest_others(vectors, neighbours)
    rows = np.repeat(np.arange(len(vectors)), columns.shape[1])
    values = np.exp(_SHARPNESS * (similar - 1)).ravel()
    one_way = sparse.csr_matrix((values, (rows, columns.ravel())), shape=(len(vectors), len(vectors)))
    both = one_way.maximum(one_way.T)
    scale = sparse.diags(1 / np.sqrt(np.maximum(np.asarray(both.sum(axis=1)).ravel(), 1e-12)))
    return scale @ both @ scale
