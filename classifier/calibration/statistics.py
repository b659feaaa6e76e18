"""Statistics of two models on the same messages, and of one model's calibration. Pure numpy and scipy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]

_DRAWS_AT_ONCE = 2_000_000
"""Random numbers held in memory at a time."""


def mcnemar_worse(before: Flags, now: Flags) -> float:
    """The exact McNemar test, one-sided: how likely so many lost messages are where both models are equal.

    Args:
        before: [N], whether the champion had each message right.
        now: [N], the same of the challenger.

    Returns:
        The p-value, 1.0 where they never differ (McNemar 1947; exact: binomial over the discordant pairs).
    """
    lost, gained = int((before & ~now).sum()), int((now & ~before).sum())
    from scipy.stats import binom  # noqa: PLC0415 - takes a second, and a bot that starts needs it later

    return float(binom.cdf(gained, lost + gained, 0.5))


def bootstrap_means(values: Array, resamples: int, seed: int) -> Array:
    """Means of `values` [N] over messages drawn with replacement: [resamples] (Efron 1979).

    Given differences of two models on each message, this is the paired bootstrap.
    """
    random = np.random.default_rng(seed)
    block = max(1, _DRAWS_AT_ONCE // len(values))
    sizes = [block] * (resamples // block) + [resamples % block]
    return np.concatenate(
        [values[random.integers(len(values), size=(size, len(values)))].mean(axis=1) for size in sizes]
    )


def brier_scores(probabilities: Array, targets: npt.NDArray[np.integer]) -> Array:
    """Squared distance of each message's probabilities from the right answer (Brier 1950): [N] in 0..2.

    Args:
        probabilities: [N, C].
        targets: [N], the right column; -1 where the model does not know the category, which counts as a
            probability of nought.
    """
    known = targets >= 0
    right = np.where(known, probabilities[np.arange(len(targets)), np.where(known, targets, 0)], 0.0)
    scores: Array = (probabilities**2).sum(axis=1) - 2 * right + 1
    return scores


def calibration_errors(confidence: Array, correct: Array, bins: int = 15) -> Array:
    """Expected calibration error of each row of `correct` [B, N], bins of equal width: [B]."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    sums = (confidence - correct) @ np.eye(bins)[which]
    errors: Array = np.abs(sums).sum(axis=1) / len(confidence)
    return errors


def bootstrap_calibration_errors(
    confidence: Array, correct: Flags, resamples: int, seed: int, bins: int = 15
) -> Array:
    """ECE over messages drawn with replacement: [resamples]; the same seed and N draw the same messages."""
    random = np.random.default_rng(seed)
    n = len(confidence)
    gaps = (confidence - correct)[:, None] * np.eye(bins)[
        np.minimum((confidence * bins).astype(int), bins - 1)
    ]
    block = max(1, _DRAWS_AT_ONCE // n)
    sizes = [block] * (resamples // block) + [resamples % block]
    sums = [random.multinomial(n, np.full(n, 1 / n), size=size) @ gaps for size in sizes]
    errors: Array = np.abs(np.concatenate(sums)).sum(axis=1) / n
    return errors


def chance_calibration_error(confidence: Array, resamples: int, seed: int) -> float:
    """The ECE that a perfectly calibrated model with these confidences exceeds in one of twenty cases.

    On few messages every model shows some error. Consistency resampling (Bröcker & Smith 2007,
    doi:10.1175/WAF993.1): answers are drawn right with the probability that the model gave them.
    """
    generator = np.random.default_rng(seed)
    block = max(1, _DRAWS_AT_ONCE // len(confidence))
    sizes = [block] * (resamples // block) + [resamples % block]
    errors = [
        calibration_errors(confidence, generator.random((size, len(confidence))) < confidence)
        for size in sizes
    ]
    return float(np.quantile(np.concatenate(errors), 0.95))


def placements(outside: Array, inside: Array) -> tuple[Array, Array]:
    """DeLong's structural components of the AUROC (DeLong et al. 1988); the mean of each is the AUROC.

    Args:
        outside: [M] out-of-scope scores of messages that belong nowhere.
        inside: [N] scores of those that have a category.

    Returns:
        ([M] share of the inside scores below each outside one, [N] share of the outside ones above each
        inside one); ties count half.
    """
    from scipy.stats import rankdata  # noqa: PLC0415 - see mcnemar_worse

    ranks = rankdata(np.concatenate([outside, inside]))
    m, n = len(outside), len(inside)
    below = (ranks[:m] - rankdata(outside)) / n
    above = 1.0 - (ranks[m:] - rankdata(inside)) / m
    return below, above
