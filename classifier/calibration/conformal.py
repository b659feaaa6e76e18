"""Prediction sets: the categories that hold the right one with a promised frequency. Pure numpy.

Split conformal prediction, least ambiguous sets (LAC; Sadinle, Lei & Wasserman 2019, arXiv:1609.00451;
Angelopoulos & Bates 2021, arXiv:2107.07511, section 1): every category is in the set whose probability is at
least `cutoff`, which is set on validation messages. The promise needs nothing of the model, only that new
messages come from where the validation messages came from; it holds over all messages together, so sets hold
the right category less often among the unsure messages, and drift breaks it.

On parts of BANKING77's training file LAC kept its promise to a tenth of a point, with 1.6 to 4 categories on
average at 98%; APS took 20 to 30, RAPS 3.2 to 5, and neither held the right category more often in the three
to five that a question has room for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

COVERAGE = 0.98
"""Share of messages whose set holds the right category."""


@dataclass(frozen=True, slots=True)
class PredictionSet:
    """How a model makes prediction sets.

    Attributes:
        cutoff: a category belongs to the set from this probability on; 0 puts all of them into it.
        coverage: the promised share of messages whose set holds the right category.
        n: validation messages that the cutoff was set on.
    """

    cutoff: float
    coverage: float = COVERAGE
    n: int = 0


def fit_prediction_set(
    probabilities: npt.NDArray[Any], targets: npt.NDArray[np.integer], coverage: float = COVERAGE
) -> PredictionSet:
    """Set the cutoff with the finite-sample quantile.

    Args:
        probabilities: [N, categories], calibrated, of in-scope validation messages.
        targets: [N], index of the right category.
        coverage: above 0 and below 1.

    Returns:
        With too few messages for a promise (under 49 for 98%) the cutoff is 0: every category is possible.
    """
    n = len(targets)
    rank = math.ceil((n + 1) * coverage)
    if rank > n:
        return PredictionSet(0.0, coverage, n)
    right = probabilities[np.arange(n), targets]
    return PredictionSet(float(np.sort(right)[n - rank]), coverage, n)


def prediction_set_size(ranked: npt.NDArray[Any], parameters: PredictionSet) -> npt.NDArray[np.intp]:
    """How many of the likeliest categories are in the set, at least one.

    Args:
        ranked: [..., categories] probabilities, best first.
        parameters: from fit_prediction_set.

    Returns:
        [...] sizes.
    """
    sizes: npt.NDArray[np.intp] = np.maximum((ranked >= parameters.cutoff).sum(axis=-1), 1)
    return sizes
