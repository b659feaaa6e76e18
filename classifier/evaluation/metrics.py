"""The figures of an evaluation, each a pure function of what a model said and what is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score, roc_curve

from classifier.calibration.statistics import brier_scores
from classifier.evaluation.types import (
    CategoryReport,
    Confusion,
    ConfusionMatrix,
    CurvePoint,
    Interval,
    OutOfScopeReport,
    ReliabilityBin,
    ScopePoint,
    SliceReport,
)

Array = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]

LENGTHS = ((1, 3), (4, 7), (8, 15), (16, 40), (41, None))
"""Slices by the number of words, both ends inside."""

_CURVE_POINTS = 100
_EXAMPLES = 3
_HISTOGRAM = 20
_LEAST_PROBABILITY = 1e-12
_Z = 1.959963984540054
"""The 97.5% quantile of the normal distribution."""


def wilson(successes: int, n: int) -> Interval:
    """95% Wilson interval of a share (Wilson 1927); (0, 1) where there is nothing to count."""
    if n == 0:
        return 0.0, 1.0
    interval = binomtest(int(successes), int(n)).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def by_category(truth: Array, predicted: Array) -> dict[str, CategoryReport]:
    """Precision, recall and F1 of each category that has messages; [N] slugs each."""
    labels = sorted(set(truth.tolist()))
    rows = precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0.0)
    given, hits = Counter(predicted.tolist()), Counter(truth[truth == predicted].tolist())
    measured = {}
    for label, precision, recall, f1, n in zip(labels, *rows, strict=True):
        hit, said = hits[label], given[label]
        low, high = wilson(hit, said + int(n) - hit)
        measured[label] = CategoryReport(
            precision=float(precision),
            recall=float(recall),
            f1=float(f1),
            n=int(n),
            predicted=said,
            precision_interval=wilson(hit, said),
            recall_interval=wilson(hit, int(n)),
            f1_interval=(2 * low / (1 + low), 2 * high / (1 + high)),
        )
    return measured


def brier_and_log_loss(probabilities: Array, targets: npt.NDArray[np.integer]) -> tuple[float, float]:
    """(Brier score summed over categories, mean negative log-likelihood); (0, 0) without messages.

    Args:
        probabilities: [N, C].
        targets: [N], the right column of each.
    """
    if len(targets) == 0:
        return 0.0, 0.0
    right = probabilities[np.arange(len(targets)), targets]
    log_loss = -np.log(np.clip(right, _LEAST_PROBABILITY, None)).mean()
    return float(brier_scores(probabilities, targets).mean()), float(log_loss)


def reliability(confidence: Array, correct: Flags, bins: int = 15) -> tuple[ReliabilityBin, ...]:
    """The bins of the reliability diagram that hold messages, in order; the ECE sums over the same bins."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    rows = []
    for number in np.unique(which):
        held = which == number
        n, right = int(held.sum()), int(correct[held].sum())
        rows.append(
            ReliabilityBin(
                low=float(number / bins),
                high=float((number + 1) / bins),
                n=n,
                confidence=float(confidence[held].mean()),
                accuracy=right / n,
                interval=wilson(right, n),
            )
        )
    return tuple(rows)


def risk_coverage(confidence: Array, correct: Flags) -> tuple[tuple[CurvePoint, ...], float]:
    """Selective risk over coverage, and the area under it (Geifman & El-Yaniv 2017, arXiv:1705.08500).

    Messages of equal confidence cannot be parted by a threshold: the points lie between such groups, and in
    the area each message of a group counts with the group's mean error.

    Returns:
        (at most 100 points, AURC).
    """
    if len(confidence) == 0:
        return (), 0.0
    order = np.argsort(-confidence, kind="stable")
    ranked, wrong = confidence[order], (~correct[order]).astype(float)
    _, group, sizes = np.unique(-ranked, return_inverse=True, return_counts=True)
    mean_error = np.bincount(group, weights=wrong) / sizes
    answered = np.arange(1, len(order) + 1)
    risks = np.cumsum(wrong) / answered
    cuts = np.flatnonzero(np.append(ranked[:-1] > ranked[1:], True))
    wanted = np.ceil(np.arange(1, _CURVE_POINTS + 1) / _CURVE_POINTS * len(order)).astype(int) - 1
    kept = np.unique(cuts[np.minimum(np.searchsorted(cuts, wanted), len(cuts) - 1)])
    points = tuple(
        CurvePoint(float(answered[i] / len(order)), float(ranked[i]), float(risks[i])) for i in kept
    )
    return points, float((np.cumsum(mean_error[group]) / answered).mean())


def out_of_scope(
    scores: Array, inside: Flags, correct: Flags, routed: Flags, predicted: Array, threshold: float
) -> OutOfScopeReport | None:
    """How well the score parts the messages in scope from the others; None where one kind is missing.

    Args:
        scores: [N] in 0..1, high means out of scope.
        inside: [N], whether a message has a category.
        correct: [N], whether that category was on top; false for the others.
        routed: [N], whether the model would answer by itself.
        predicted: [N] slugs.
        threshold: on the scores, from which a message counts as flagged.
    """
    outside = ~inside
    if not outside.any() or not inside.any():
        return None
    flagged = scores >= threshold
    false_alarms, hits, _ = roc_curve(outside, scores, drop_intermediate=False)
    edges = np.linspace(0, 1, _HISTOGRAM + 1)
    taken = Counter(predicted[outside & ~flagged].tolist())
    return OutOfScopeReport(
        n=int(outside.sum()),
        auroc=float(roc_auc_score(outside, scores)),
        recall=float(flagged[outside].mean()),
        flagged_in_scope=float(flagged[inside].mean()),
        threshold=threshold,
        recall_interval=wilson(int(flagged[outside].sum()), int(outside.sum())),
        aupr=float(average_precision_score(outside, scores)),
        fpr_at_95_recall=float(false_alarms[hits >= 0.95].min()),  # noqa: PLR2004 - its name says it
        in_scope_accuracy=float((correct & ~flagged)[inside].mean()),
        routed=float(routed[outside].mean()),
        points=tuple(
            ScopePoint(at, float((scores[outside] >= at).mean()), float((scores[inside] >= at).mean()))
            for at in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
        ),
        inside=tuple(np.histogram(scores[inside], edges)[0].tolist()),
        outside=tuple(np.histogram(scores[outside], edges)[0].tolist()),
        taken_for=tuple(sorted(taken.items(), key=lambda item: (-item[1], item[0]))[:10]),
    )


def confusion_matrix(truth: Array, predicted: Array) -> ConfusionMatrix:
    """Count every pair of right and predicted category; [N] slugs each."""
    labels = sorted({*truth.tolist(), *predicted.tolist()})
    index = {label: number for number, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), dtype=int)
    for right, said in zip(truth.tolist(), predicted.tolist(), strict=True):
        counts[index[right], index[said]] += 1
    return ConfusionMatrix(tuple(labels), tuple(tuple(row) for row in counts.tolist()))


def confusions(
    truth: Array, predicted: Array, confidence: Array, texts: Sequence[str], most: int
) -> tuple[Confusion, ...]:
    """The most frequent confusions, each with the messages that the model was surest of."""
    wrong = np.flatnonzero(truth != predicted)
    members: dict[tuple[str, str], list[int]] = {}
    for i in wrong[np.argsort(-confidence[wrong], kind="stable")].tolist():
        members.setdefault((str(truth[i]), str(predicted[i])), []).append(i)
    totals = Counter(truth.tolist())
    ranked = sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))[:most]
    return tuple(
        Confusion(
            right, said, len(rows), len(rows) / totals[right], tuple(texts[i] for i in rows[:_EXAMPLES])
        )
        for (right, said), rows in ranked
    )


def by_length(texts: Sequence[str], correct: Flags) -> tuple[SliceReport, ...]:
    """The accuracy by number of words, for the lengths that occur."""
    words = np.array([max(1, len(text.split())) for text in texts])
    rows = []
    for low, high in LENGTHS:
        held = (words >= low) & (words <= (high or words.max()))
        if n := int(held.sum()):
            right = int(correct[held].sum())
            name = f"{low}-{high}" if high else f">{low - 1}"
            rows.append(SliceReport(name, n, right / n, wilson(right, n)))
    return tuple(rows)


def paired_difference(ours: Flags, theirs: Flags) -> tuple[float, Interval, int, int, float]:
    """Compare two models on the same N messages.

    Returns:
        (our accuracy minus theirs, its 95% Wald interval for pairs, messages only we have right, messages
        only they have right, p-value of the exact McNemar test).
    """
    n, only_ours, only_theirs = len(ours), int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
    difference = (only_ours - only_theirs) / n
    error = float(np.sqrt(max(only_ours + only_theirs - n * difference**2, 0.0))) / n
    p_value = 1.0
    if only_ours + only_theirs:
        p_value = float(binomtest(only_ours, only_ours + only_theirs).pvalue)
    return difference, (difference - _Z * error, difference + _Z * error), only_ours, only_theirs, p_value
