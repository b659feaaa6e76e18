"""How good a model is, on messages that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from classifier.calibration.temperature import coverage_at_risk, expected_calibration_error
from classifier.contract import OUT_OF_SCOPE_LABEL, OUT_OF_SCOPE_THRESHOLD, InvalidInput
from classifier.data.dataset import Example
from classifier.evaluation.baseline_predictions import BaselineAnswers
from classifier.evaluation.metrics import (
    brier_and_log_loss,
    by_category,
    by_length,
    confusion_matrix,
    confusions,
    out_of_scope,
    paired_difference,
    reliability,
    risk_coverage,
    wilson,
)
from classifier.evaluation.types import RISKS, BaselineReport, CategoryReport, OutOfScopeReport, Report
from classifier.explanation.types import ExplanationReport
from classifier.inference.predictions import Answers, answer
from classifier.inference.predictor import Predictor
from classifier.inference.torch_predictor import TorchPredictor
from classifier.model.network import TrainedModel

__all__ = ["RISKS", "CategoryReport", "OutOfScopeReport", "Report", "check_measurable", "evaluate", "measure"]

_CONFUSIONS = 15

Array = npt.NDArray[Any]


def evaluate(
    model: TrainedModel | Predictor,
    examples: Sequence[Example],
    *,
    baselines: Sequence[BaselineAnswers] = (),
    timed: bool = False,
    explanations: ExplanationReport | None = None,
) -> Report:
    """Measure a model on labelled messages.

    Args:
        model: the model.
        examples: messages that it has not seen.
        baselines: what simpler models said to the same messages, see answer_baselines.
        timed: whether to measure the time of single messages too.
        explanations: what is known about its explanations, see explanation_report.

    Raises:
        InvalidInput: there is no message of a category among them.
    """
    check_measurable(examples)
    predictor = model if isinstance(model, Predictor) else TorchPredictor(model)
    texts = [example.text for example in examples]
    answers = answer(predictor, texts, timed=timed)
    report = measure(
        answers,
        examples,
        baselines=baselines,
        truncated=predictor.truncated(texts),
        budgets=predictor.facts.budgets,
        expected_budgets=predictor.facts.expected_budgets,
    )
    return replace(report, explanations=explanations)


def check_measurable(examples: Sequence[Example]) -> None:
    """Refuse, before any work, a set in which nothing has a category.

    Raises:
        InvalidInput: there is no message of a category among them.
    """
    if all(example.label == OUT_OF_SCOPE_LABEL for example in examples):
        raise InvalidInput("no message has a category: evaluation needs rows with labels other than oos")


def measure(
    answers: Answers,
    examples: Sequence[Example],
    *,
    baselines: Sequence[BaselineAnswers] = (),
    truncated: Sequence[bool] | None = None,
    budgets: Mapping[str, float] | None = None,
    expected_budgets: Mapping[str, float] | None = None,
    scope_threshold: float = OUT_OF_SCOPE_THRESHOLD,
) -> Report:
    """Turn a model's answers into figures. Pure.

    Args:
        answers: to the examples, in their order.
        examples: the labelled messages.
        baselines: what simpler models said to them.
        truncated: whether each message was longer than the model reads.
        budgets: {"0.05": confidence}, thresholds that were chosen on validation messages.
        expected_budgets: the same without the confidence bound.
        scope_threshold: out-of-scope score from which a message counts as flagged.

    Raises:
        InvalidInput: there is no message of a category, or answers and examples differ in number.
    """
    if len(answers.scope) != len(examples):
        raise InvalidInput(
            f"{len(answers.scope)} answers do not fit {len(examples)} examples: answer each one"
        )
    check_measurable(examples)
    inside = np.array([example.label != OUT_OF_SCOPE_LABEL for example in examples], dtype=bool)
    everything = np.array([example.label for example in examples])
    texts = [example.text for example, kept in zip(examples, inside, strict=True) if kept]
    right = answers.predicted == everything

    truth, predicted = everything[inside], answers.predicted[inside]
    confidence, correct, scores = answers.confidence[inside], right[inside], answers.probabilities[inside]
    routed = answers.routed
    index = {label: number for number, label in enumerate(answers.labels)}
    known = np.isin(truth, answers.labels)
    brier, log_loss = brier_and_log_loss(
        scores[known], np.array([index[label] for label in truth[known].tolist()], dtype=int)
    )
    categories = by_category(truth, predicted)
    curve, aurc = risk_coverage(confidence, correct)
    covered = {f"{risk:g}": coverage_at_risk(confidence, correct, risk) for risk in RISKS}
    worst = confusions(truth, predicted, confidence, texts, _CONFUSIONS)
    wrongly_routed = int((routed & ~right).sum())
    return Report(
        model_version=answers.version,
        n=len(truth),
        accuracy=float(correct.mean()),
        accuracy_interval=wilson(int(correct.sum()), len(correct)),
        top3=_among_first(3, answers.labels, scores, truth),
        top5=_among_first(5, answers.labels, scores, truth),
        macro_f1=_mean([entry.f1 for entry in categories.values()]),
        macro_precision=_mean([entry.precision for entry in categories.values()]),
        macro_recall=_mean([entry.recall for entry in categories.values()]),
        ece=expected_calibration_error(confidence, correct),
        brier=brier,
        log_loss=log_loss,
        threshold=float(np.median(answers.thresholds)),
        routed=float(routed[inside].mean()),
        routed_accuracy=float(correct[routed[inside]].mean()) if routed[inside].any() else 1.0,
        routed_error=wrongly_routed / int(routed.sum()) if routed.any() else 0.0,
        routed_error_interval=wilson(wrongly_routed, int(routed.sum())),
        coverage={risk: coverage for risk, (coverage, _) in covered.items()},
        coverage_thresholds={risk: at if np.isfinite(at) else None for risk, (_, at) in covered.items()},
        budgets=_each_at(budgets or {}, confidence, correct),
        expected_budgets=_each_at(expected_budgets or {}, confidence, correct),
        risk_coverage=curve,
        aurc=aurc,
        reliability=reliability(confidence, correct),
        categories=categories,
        matrix=confusion_matrix(truth, predicted),
        confusions=tuple((entry.label, entry.predicted, entry.n) for entry in worst),
        worst_confusions=worst,
        lengths=by_length(texts, correct),
        out_of_scope=out_of_scope(answers.scope, inside, right, routed, answers.predicted, scope_threshold),
        baselines=tuple(_baseline(row, everything, inside, correct) for row in baselines),
        truncated=float(np.mean(truncated)) if truncated is not None else None,
        unknown=int((~known).sum()),
        milliseconds=answers.milliseconds,
    )


def _baseline(row: BaselineAnswers, labels: Array, inside: Array, ours: Array) -> BaselineReport:
    if row.probabilities is None:
        return BaselineReport(row.key, row.name, note=row.note)
    scores, truth = row.probabilities[inside], labels[inside]
    predicted, confidence = np.array(row.labels)[scores.argmax(axis=1)], scores.max(axis=1)
    correct = predicted == truth
    doubt = 1 - row.probabilities.max(axis=1)
    difference, interval, ours_only, baseline_only, p_value = paired_difference(ours, correct)
    return BaselineReport(
        key=row.key,
        name=row.name,
        accuracy=float(correct.mean()),
        accuracy_interval=wilson(int(correct.sum()), len(correct)),
        top3=_among_first(3, row.labels, scores, truth),
        macro_f1=_mean([entry.f1 for entry in by_category(truth, predicted).values()]),
        ece=expected_calibration_error(confidence, correct),
        coverage={f"{risk:g}": coverage_at_risk(confidence, correct, risk)[0] for risk in RISKS},
        out_of_scope_auroc=None if inside.all() else float(roc_auc_score(~inside, doubt)),
        difference=difference,
        difference_interval=interval,
        ours_only=ours_only,
        baseline_only=baseline_only,
        p_value=p_value,
    )


def _each_at(
    thresholds: Mapping[str, float], confidence: Array, correct: Array
) -> dict[str, dict[str, float]]:
    return {name: _at(threshold, confidence, correct) for name, threshold in thresholds.items()}


def _at(threshold: float, confidence: Array, correct: Array) -> dict[str, float]:
    """What answering from a confidence on comes to; without an answer nothing is wrong."""
    answered = confidence >= threshold
    wrong = float((~correct[answered]).mean()) if answered.any() else 0.0
    return {"threshold": float(threshold), "coverage": float(answered.mean()), "error": wrong}


def _among_first(k: int, labels: Sequence[str], scores: Array, truth: Array) -> float:
    ranked = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((np.array(labels)[ranked] == truth[:, None]).any(axis=1).mean())


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
