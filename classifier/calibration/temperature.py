"""Fits what turns logits into probabilities that mean what they say, and measures whether they do."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from classifier.calibration.scores import OutOfScope
from classifier.calibration.statistics import calibration_errors

Floats = npt.NDArray[np.floating]

_ENOUGH_OUT_OF_SCOPE = 5
_WITHOUT_DISTANCE = 2
_BLEND = (0.0, -1.0, 1.0)
"""Of log-odds, energy and distance, standardised; chosen on the `oos` rows of CLINC150's training and
validation files."""
_FLAGGED_IN_SCOPE = 0.02
"""The share of in-scope validation messages that may score above one half."""


def fit_temperature(logits: Floats, targets: npt.NDArray[np.integer]) -> float:
    """The temperature with the least negative log-likelihood (Guo et al. 2017, arXiv:1706.04599).

    Args:
        logits: [N, categories].
        targets: [N], index of the right category.
    """
    if len(targets) == 0:
        return 1.0
    rows = np.arange(len(targets))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float(np.mean(logsumexp(scaled, axis=1) - scaled[rows, targets]))

    # a handful of easy messages would drive the temperature to zero, so the range is bounded
    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(10.0)), method="bounded")
    return float(np.exp(found.x))


def negative_log_likelihood(logits: Floats, targets: npt.NDArray[np.integer]) -> float:
    """Mean over the messages [N], at the temperature that suits the logits [N, categories] best."""
    scaled = logits / fit_temperature(logits, targets)
    return float(np.mean(logsumexp(scaled, axis=1) - scaled[np.arange(len(targets)), targets]))


def expected_calibration_error(confidence: Floats, correct: npt.NDArray[np.bool_], bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over bins of equal width, weighted by their messages."""
    if len(confidence) == 0:
        return 0.0
    return float(calibration_errors(confidence, correct[None, :], bins)[0])


def coverage_at_risk(confidence: Floats, correct: npt.NDArray[np.bool_], risk: float) -> tuple[float, float]:
    """How much can be answered so that at most `risk` of the answers are wrong.

    Returns:
        (coverage, threshold): the largest share 0..1, and the confidence from which to answer; (0, inf)
        where no threshold keeps the risk.
    """
    if len(confidence) == 0:
        return 0.0, float("inf")
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    risks = np.cumsum(~correct[order]) / np.arange(1, len(order) + 1)
    # a threshold cannot part messages of equal confidence
    cuts = np.append(ranked[:-1] > ranked[1:], True)
    kept = np.flatnonzero((risks <= risk) & cuts)
    if len(kept) == 0:
        return 0.0, float("inf")
    return (int(kept[-1]) + 1) / len(order), float(ranked[kept[-1]])


def fit_out_of_scope(inside: Floats, outside: Floats) -> OutOfScope:
    """Fit the out-of-scope score.

    Without enough `oos` messages the score is an equal blend of energy and distance (of log-odds and energy
    where there is no distance), set so that a few percent of the in-scope messages lie above one half.

    Args:
        inside: [N, features] of in-scope validation messages, see scope_features.
        outside: [M, features] of `oos` validation messages.
    """
    if len(inside) == 0:
        return OutOfScope()
    mean, scale = inside.mean(axis=0), np.maximum(inside.std(axis=0), 1e-3)
    features = (inside - mean) / scale
    if len(outside) < _ENOUGH_OUT_OF_SCOPE:
        weights = np.array([-1.0, -1.0]) if features.shape[1] == _WITHOUT_DISTANCE else np.array(_BLEND)
        bias = -float(np.quantile(features @ weights, 1 - _FLAGGED_IN_SCOPE))
    else:
        both = np.concatenate([features, (outside - mean) / scale])
        targets = np.repeat([0, 1], [len(inside), len(outside)])
        fitted = LogisticRegression(class_weight="balanced").fit(both, targets)
        weights = fitted.coef_[0]
        # A real ticket that is taken for chatter gets no answer at all, chatter taken for a ticket a needless
        # question: so the score crosses one half only where few in-scope messages lie.
        highest = float(np.quantile(features @ weights, 1 - _FLAGGED_IN_SCOPE))
        bias = min(float(fitted.intercept_[0]), -highest)
    return OutOfScope(
        mean=tuple(float(value) for value in mean),
        scale=tuple(float(value) for value in scale),
        weights=tuple(float(value) for value in weights),
        bias=bias,
    )
