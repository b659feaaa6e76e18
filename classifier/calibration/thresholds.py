"""From an error budget to the confidences from which a model may route by itself. Pure numpy and scipy.

A few hundred validation messages hold few wrong ones, so a bound on their count alone (Clopper-Pearson) costs
much coverage. Here the chance of being right is a curve over the confidence, fitted to all of them (Platt
1999; Kull et al. 2017 for the bend), and the bound is on the curve: less noise, more coverage. What was
counted still has a veto.

The budget holds for messages labelled as the validation messages are: where those carry wrong labels, these
count as errors of the model, and the thresholds lie higher than they need to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import beta, norm

from classifier.contract import InvalidInput

Array = npt.NDArray[Any]

BUDGETS = (0.05, 0.03, 0.01)
"""Error budgets for which every model keeps a threshold, beside the one that it was trained for."""

DELTA = 0.1
"""The chance that is taken that the expected error among the routed lies above the budget after all."""

FALLBACK_THRESHOLD = 0.5
"""Used where there is too little to measure: the answer is likelier than all others together. No budget is
promised then."""

LOWEST_THRESHOLD = 1 / 3
"""A message that is routed wrongly two times in three helps nobody, however much the budget allows."""

NEVER = 1.0
"""The threshold of a model that keeps the budget nowhere."""

_ENOUGH = 30
"""Messages from which a measured threshold is worth more than the fallback."""

_COUNTED = 0.5
"""The counted errors' own bound is the median one: the count may veto the curve, not add its whole noise."""

_CURVE_PRECISION = 1.0
"""Of the prior that the calibrated confidence is right as it stands: slope 1 and offset 0, deviation 1."""

_BENDS = (1e6, 1.0)
"""Precisions of the prior that the curve is straight in log-odds, from which the likeliest is taken. Label
smoothing bends it: a network that was taught never to be sure is right far more often than it says."""

_SPREADS = (0.05, 0.3, 0.5, 0.7, 1.0)
"""Standard deviations, in log-odds, between categories, from which the likeliest is taken."""

_ZERO = 1e-5
_GRID = 2000


@dataclass(frozen=True, slots=True)
class RoutingThresholds:
    """Where a model may route by itself.

    Attributes:
        route: one confidence for all categories.
        categories: by slug, a confidence for each; together they keep the budget as `route` does, and route
            more where categories differ.
        budgets: {"0.05": what `route` is for that budget}, for each of BUDGETS.
        expected: the same without the bound: the expected error alone keeps the budget there, so that a model
            is above it as often as below.
    """

    route: float
    categories: Mapping[str, float]
    budgets: Mapping[str, float]
    expected: Mapping[str, float]


def check_budget(budget: float) -> float:
    """Return the error budget if it can be kept.

    Raises:
        InvalidInput: it is not above 0 and below 0.5.
    """
    if not 0 < budget < 0.5:  # noqa: PLR2004 - half of the answers wrong is no budget
        raise InvalidInput(
            f"the error budget is {budget:g}: name a share above 0 and below 0.5, such as 0.05"
        )
    return budget


def routing_thresholds(
    confidence: Array,
    predicted: Array,
    correct: Array,
    labels: Sequence[str],
    budget: float,
    *,
    delta: float = DELTA,
) -> RoutingThresholds:
    """Choose all thresholds of a model.

    Args:
        confidence: [N] calibrated probability of the predicted category of each validation message.
        predicted: [N] its index in `labels`.
        correct: [N] bool, whether it is right.
        labels: slugs of the categories.
        budget: largest share of wrong routings.
        delta: chance that is taken that the expected share is larger.

    Raises:
        InvalidInput: the budget is not above 0 and below 0.5.
    """
    return RoutingThresholds(
        route=route_threshold(confidence, correct, budget, delta=delta),
        categories=category_thresholds(confidence, predicted, correct, labels, budget, delta=delta),
        budgets={f"{each:g}": route_threshold(confidence, correct, each, delta=delta) for each in BUDGETS},
        expected={f"{each:g}": route_threshold(confidence, correct, each, delta=0.5) for each in BUDGETS},
    )


def route_threshold(confidence: Array, correct: Array, budget: float, *, delta: float = DELTA) -> float:
    """The smallest confidence from which at most `budget` of the routings are wrong, with a bound.

    The chance of being right is expit(slope * log-odds of the confidence c - bend * log(c (1 - c)) + offset),
    with no bend where straight is likelier. A threshold passes when the upper bound (at 1 - delta) of the
    mean chance of being wrong above it is within the budget, and the median Clopper-Pearson bound of the
    wrong ones counted above it is too. That is the selective guarantee of Geifman & El-Yaniv 2017
    (arXiv:1705.08500) with a parametric bound in place of a binomial one; it is about the expected share, so
    a small set of new messages scatters around it.

    Repeated on parts of a training file (600 validation messages, a linear head), more errors than the
    budget, the new messages' own scatter included, came in up to a fifth of the repetitions at budgets of 5
    and 3%, and in up to a third at 1%, where 600 messages hold too few errors to tell.

    Args:
        confidence: [N] calibrated probability of the predicted category.
        correct: [N] bool, whether it is right.
        budget: largest share of wrong routings, above 0 and below 0.5.
        delta: chance that is taken that the expected share is larger.

    Returns:
        FALLBACK_THRESHOLD for fewer than thirty messages, NEVER where no threshold passes. It falls or stays
        as the budget grows.

    Raises:
        InvalidInput: the budget is not above 0 and below 0.5.
    """
    check_budget(budget)
    if len(confidence) < _ENOUGH:
        return FALLBACK_THRESHOLD
    features = _features(confidence)
    curve = _fit(features, correct, _precision_of_curve(features, correct))
    return _lowest_passing(confidence, features, correct, curve, budget, delta)


def category_thresholds(
    confidence: Array,
    predicted: Array,
    correct: Array,
    labels: Sequence[str],
    budget: float,
    *,
    delta: float = DELTA,
) -> dict[str, float]:
    """One threshold a category, all at the same chance of being right.

    A threshold from a category's own few messages would be noise. So each category shifts the common curve by
    an offset that is drawn towards zero as far as the categories resemble each other (a random intercept, its
    spread by marginal likelihood): its threshold rises only on its own evidence that it is wrong more often
    than its confidence says, and falls likewise. A category without validation messages has the offset zero.
    The bound is on the routings of all categories together, not on each one's.

    Args: see routing_thresholds.

    Returns:
        {slug: confidence}; the fallback for fewer than thirty messages.

    Raises:
        InvalidInput: the budget is not above 0 and below 0.5.
    """
    check_budget(budget)
    if len(confidence) < _ENOUGH:
        return dict.fromkeys(labels, FALLBACK_THRESHOLD)
    common = _features(confidence)
    precision = _precision_of_curve(common, correct)
    features = np.hstack([common, np.eye(len(labels))[predicted]])
    fits = [
        _fit(features, correct, np.append(precision, np.full(len(labels), spread**-2))) for spread in _SPREADS
    ]
    curve = max(fits, key=lambda fit: fit.evidence)
    chance = expit(features @ curve.weights)
    lowest = _lowest_passing(chance, features, correct, curve, budget, delta, floor=0.0)
    of_curve, of_categories = np.split(curve.weights, [common.shape[1]])
    # where the curve reaches a category's height; it may sag somewhere, so from where it stays above
    grid = expit(np.linspace(logit(_ZERO), logit(1 - _ZERO), _GRID))
    heights = np.minimum.accumulate((_features(grid) @ of_curve)[::-1])[::-1]
    if lowest >= NEVER or heights[0] >= heights[-1]:
        return dict.fromkeys(labels, NEVER)
    at = np.interp(logit(lowest) - of_categories, heights, grid, right=NEVER)
    return dict(zip(labels, np.clip(at, LOWEST_THRESHOLD, NEVER).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Fit:
    """A logistic regression with a Gaussian prior, by its mode and the curvature there (Laplace)."""

    weights: Array
    covariance: Array
    evidence: float


def _features(confidence: Array) -> Array:
    """[N, 3]: log-odds of the confidence, how far it is from one half either way, and one."""
    inner = np.clip(confidence, _ZERO, 1 - _ZERO)
    return np.stack([logit(inner), -np.log(4 * inner * (1 - inner)), np.ones_like(inner)], axis=1)


def _precision_of_curve(features: Array, correct: Array) -> Array:
    """Of the weights' prior, [3]; whether the curve may bend is decided by the likelihood of both."""
    choices = [np.array([_CURVE_PRECISION, bend, _CURVE_PRECISION]) for bend in _BENDS]
    return max(choices, key=lambda precision: _fit(features, correct, precision).evidence)


def _fit(features: Array, correct: Array, precision: Array) -> _Fit:
    """Newton's method. The prior's mean is slope 1 and zero elsewhere; `precision` [D] is of each weight."""
    prior = np.zeros(features.shape[1])
    prior[0] = 1.0
    weights = prior.copy()
    for _ in range(50):
        chance = expit(features @ weights)
        curvature = (features * (chance * (1 - chance))[:, None]).T @ features + np.diag(precision)
        gradient = features.T @ (correct - chance) - precision * (weights - prior)
        step = np.clip(np.linalg.solve(curvature, gradient), -1, 1)
        weights = weights + step
        if np.abs(step).max() < 1e-8:  # noqa: PLR2004 - far below what a threshold shows
            break
    signed = np.where(correct, 1, -1) * (features @ weights)
    likelihood = -float(np.logaddexp(0, -signed).sum())
    penalty = float((precision * (weights - prior) ** 2).sum()) - float(np.log(precision).sum())
    evidence = likelihood - penalty / 2 - float(np.linalg.slogdet(curvature)[1]) / 2
    return _Fit(weights, np.linalg.inv(curvature), evidence)


def _lowest_passing(
    scores: Array,
    features: Array,
    correct: Array,
    curve: _Fit,
    budget: float,
    delta: float,
    floor: float = LOWEST_THRESHOLD,
) -> float:
    """The lowest of the scores above which both bounds keep the budget, at least `floor`; NEVER if none."""
    order = np.argsort(-scores, kind="stable")
    ranked, ordered = scores[order], features[order]
    many = np.arange(1, len(order) + 1)
    chance = expit(ordered @ curve.weights)
    expected = (np.cumsum(1 - chance) / many).clip(_ZERO**2)
    # the variance of the first k messages' mean: from the curve, and from which messages they happen to be
    slopes = np.cumsum(ordered * (chance * (1 - chance))[:, None], axis=0) / many[:, None]
    of_curve = np.einsum("ni,ij,nj->n", slopes, curve.covariance, slopes)
    of_messages = (np.cumsum((1 - chance) ** 2) / many - expected**2).clip(0) / many
    error = np.sqrt(of_curve + of_messages)
    wrong = np.cumsum(~correct[order])
    counted = beta.ppf(_COUNTED, wrong + 1, np.maximum(many - wrong, 0.5))
    # a threshold cannot part messages of equal score
    cuts = np.append(ranked[:-1] > ranked[1:], True)
    # the error of a small share is skewed upwards: its logarithm is nearer to a normal distribution
    bound = expected * np.exp(norm.ppf(1 - delta) * error / expected)
    passing = np.flatnonzero(cuts & (bound <= budget) & (counted <= budget) & (wrong < many))
    return float(np.clip(ranked[passing[-1]], floor, NEVER)) if len(passing) else NEVER
