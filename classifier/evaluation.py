"""How good a model is, on messages that it has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from classifier.calibration import (
    coverage_at_risk,
    expected_calibration_error,
    out_of_scope_score,
    probabilities,
)
from classifier.contract import OUT_OF_SCOPE_LABEL, InvalidInput
from classifier.dataset import Example
from classifier.inference import Predictor
from classifier.model import TrainedModel

RISKS = (0.05, 0.03, 0.01)
_CONFUSIONS = 15
_FLAGGED = 0.5
"""The contract's threshold on the out-of-scope score."""


@dataclass(frozen=True, slots=True)
class CategoryReport:
    """One category: precision, recall and F1 in 0..1, and its messages."""

    precision: float
    recall: float
    f1: float
    n: int


@dataclass(frozen=True, slots=True)
class OutOfScopeReport:
    """How well messages that belong nowhere are told apart.

    Attributes:
        n: `oos` messages.
        auroc: chance that one of them scores above an in-scope message.
        recall: share of them with a score of at least one half.
        flagged_in_scope: share of the in-scope messages with such a score.
    """

    n: int
    auroc: float
    recall: float
    flagged_in_scope: float


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured.

    Attributes:
        model_version: of the model.
        n: in-scope messages.
        accuracy: share of them with the right category on top.
        accuracy_interval: 95% Wilson interval of the accuracy.
        top3: share of them with the right category among the first three.
        macro_f1: mean F1 over the categories that have messages.
        ece: expected calibration error, 15 bins.
        threshold: confidence from which the model routes by itself.
        routed: share of the in-scope messages that it would route.
        routed_accuracy: share of those that is right.
        coverage: {"0.05": share of in-scope messages that can be answered with at most 5% wrong}.
        categories: by slug.
        out_of_scope: None without `oos` messages.
        confusions: (right category, predicted, messages), most frequent first.
        unknown: messages whose label the model does not know; they count as wrong.
    """

    model_version: str
    n: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    top3: float
    macro_f1: float
    ece: float
    threshold: float
    routed: float
    routed_accuracy: float
    coverage: Mapping[str, float]
    categories: Mapping[str, CategoryReport]
    out_of_scope: OutOfScopeReport | None
    confusions: tuple[tuple[str, str, int], ...]
    unknown: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)


def evaluate(model: TrainedModel | Predictor, examples: Sequence[Example]) -> Report:
    """Measure a model on labelled messages.

    Raises:
        InvalidInput: there is no message of a category among them.
    """
    predictor = model if isinstance(model, Predictor) else Predictor(model)
    facts = predictor.facts
    inside = np.array([example.label != OUT_OF_SCOPE_LABEL for example in examples], dtype=bool)
    if not inside.any():
        raise InvalidInput("no message has a category: evaluation needs rows with labels other than oos")
    logits = predictor.logits([example.text for example in examples])
    scores = probabilities(logits, facts.temperature)
    scope = out_of_scope_score(logits, facts.temperature, facts.out_of_scope)

    names = np.array(facts.labels)
    truth = np.array([example.label for example in examples])[inside]
    ranked = np.argsort(-scores[inside], axis=1, kind="stable")
    predicted = names[ranked[:, 0]]
    confidence = scores[inside].max(axis=1)
    correct = predicted == truth
    interval = binomtest(int(correct.sum()), len(correct)).proportion_ci(method="wilson")
    routed = (confidence >= facts.thresholds["route"]) & (scope[inside] < _FLAGGED)
    categories = _categories(truth, predicted)
    return Report(
        model_version=facts.version,
        n=len(truth),
        accuracy=float(correct.mean()),
        accuracy_interval=(float(interval.low), float(interval.high)),
        top3=float((names[ranked[:, :3]] == truth[:, None]).any(axis=1).mean()),
        macro_f1=float(np.mean([entry.f1 for entry in categories.values()])),
        ece=expected_calibration_error(confidence, correct),
        threshold=facts.thresholds["route"],
        routed=float(routed.mean()),
        routed_accuracy=float(correct[routed].mean()) if routed.any() else 1.0,
        coverage={f"{risk:g}": coverage_at_risk(confidence, correct, risk)[0] for risk in RISKS},
        categories=categories,
        out_of_scope=_scope(scope, inside),
        confusions=_confusions(truth, predicted),
        unknown=int((~np.isin(truth, names)).sum()),
    )


def _categories(truth: Any, predicted: Any) -> dict[str, CategoryReport]:
    labels = sorted(set(truth.tolist()))
    rows = precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0.0)
    return {
        label: CategoryReport(float(precision), float(recall), float(f1), int(n))
        for label, precision, recall, f1, n in zip(labels, *rows, strict=True)
    }


def _scope(scores: Any, inside: Any) -> OutOfScopeReport | None:
    if inside.all():
        return None
    return OutOfScopeReport(
        n=int((~inside).sum()),
        auroc=float(roc_auc_score(~inside, scores)),
        recall=float((scores[~inside] >= _FLAGGED).mean()),
        flagged_in_scope=float((scores[inside] >= _FLAGGED).mean()),
    )


def _confusions(truth: Any, predicted: Any) -> tuple[tuple[str, str, int], ...]:
    wrong = truth != predicted
    counts = Counter(zip(truth[wrong].tolist(), predicted[wrong].tolist(), strict=True))
    return tuple((right, said, n) for (right, said), n in counts.most_common(_CONFUSIONS))
