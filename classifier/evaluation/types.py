"""What an evaluation measures, as plain data: imports no torch, so that reports can be written anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from classifier.explanation.types import REPLY, ExplanationReport

Interval = tuple[float, float]
"""(low, high) of a 95% confidence interval."""

RISKS = (0.05, 0.03, 0.01)
"""Shares of wrong answers at which coverage is reported."""


@dataclass(frozen=True, slots=True)
class CategoryReport:
    """One category: precision, recall and F1 in 0..1 with 95% intervals.

    The intervals are Wilson's; that of F1 is Wilson's for TP / (TP + FP + FN), carried over to F1
    (the "Wilson indirect" interval of Lam et al. 2023, arXiv:2309.14621).

    Attributes:
        n: its messages.
        predicted: messages that the model gave to it.
    """

    precision: float
    recall: float
    f1: float
    n: int
    predicted: int
    precision_interval: Interval
    recall_interval: Interval
    f1_interval: Interval


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The in-scope messages whose confidence lies in [low, high): what was said, and what was right."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of the risk-coverage curve: answering from `threshold` on answers `coverage` of the messages.

    Attributes:
        coverage: share of the in-scope messages that is answered, 0..1.
        threshold: least confidence that is answered.
        risk: share of the answers that is wrong, 0..1.
    """

    coverage: float
    threshold: float
    risk: float


@dataclass(frozen=True, slots=True)
class ScopePoint:
    """What a threshold on the out-of-scope score does: recall of `oos`, and in-scope messages flagged."""

    threshold: float
    recall: float
    flagged_in_scope: float


@dataclass(frozen=True, slots=True)
class OutOfScopeReport:
    """How well messages that belong nowhere are told apart. Positive means out of scope.

    Attributes:
        n: `oos` messages.
        auroc: chance that one of them scores above an in-scope message.
        recall: share of them with a score of at least `threshold`.
        flagged_in_scope: share of the in-scope messages with such a score.
        threshold: that was asked for, 0.5 unless said otherwise.
        recall_interval: 95% Wilson interval of the recall.
        aupr: average precision.
        fpr_at_95_recall: share of the in-scope messages flagged where 95% of the `oos` messages are.
        in_scope_accuracy: share of the in-scope messages that are right and not flagged.
        routed: share of the `oos` messages that the model would route by itself, which is always wrong.
        points: recall and false alarms at ten thresholds.
        inside: messages in scope in twenty equal bins of the score.
        outside: `oos` messages in the same bins.
        taken_for: (category, messages) that unflagged `oos` messages were given to, most frequent first.
    """

    n: int
    auroc: float
    recall: float
    flagged_in_scope: float
    threshold: float
    recall_interval: Interval
    aupr: float
    fpr_at_95_recall: float
    in_scope_accuracy: float
    routed: float
    points: tuple[ScopePoint, ...]
    inside: tuple[int, ...]
    outside: tuple[int, ...]
    taken_for: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Confusion:
    """A category that is taken for another one.

    Attributes:
        label: the right category.
        predicted: what the model said.
        n: messages.
        share: of the right category's messages.
        examples: up to three of the messages, those that the model was surest of. They are people's words:
            they stay out of `repr`, of logs and of JSON, and stand in the HTML and Markdown reports alone.
    """

    label: str
    predicted: str
    n: int
    share: float
    examples: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """counts[i][j]: messages of category labels[i] that were given to labels[j]."""

    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class SliceReport:
    """The accuracy on a part of the in-scope messages, with its 95% Wilson interval."""

    name: str
    n: int
    accuracy: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class BaselineReport:
    """A simpler model on the same messages, trained on the same messages as ours.

    Attributes:
        key: tfidf or frozen_encoder.
        name: for people.
        note: why there are no figures; empty where there are.
        accuracy: in-scope accuracy; this and what follows is None where there are no figures.
        accuracy_interval: its 95% Wilson interval.
        top3: share with the right category among the first three.
        macro_f1: mean F1 over the categories that have messages.
        ece: expected calibration error, 15 bins; the baseline's probabilities are not calibrated.
        coverage: as in Report.
        out_of_scope_auroc: of one minus the highest probability; None without `oos` messages.
        difference: our accuracy minus this one.
        difference_interval: 95% Wald interval of the paired difference.
        ours_only: messages that ours alone has right.
        baseline_only: messages that the baseline alone has right.
        p_value: of the exact McNemar test that both are right equally often.
    """

    key: str
    name: str
    note: str = ""
    accuracy: float | None = None
    accuracy_interval: Interval | None = None
    top3: float | None = None
    macro_f1: float | None = None
    ece: float | None = None
    coverage: Mapping[str, float] = field(default_factory=dict)
    out_of_scope_auroc: float | None = None
    difference: float | None = None
    difference_interval: Interval | None = None
    ours_only: int | None = None
    baseline_only: int | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured. Shares lie in 0..1; all but `out_of_scope` concern in-scope messages.

    Attributes:
        model_version: of the model.
        n: in-scope messages.
        accuracy: share of them with the right category on top.
        accuracy_interval: 95% Wilson interval of the accuracy.
        top3: share of them with the right category among the first three.
        top5: the same for the first five.
        macro_f1: mean F1 over the categories that have messages.
        macro_precision: mean precision over the same.
        macro_recall: mean recall over the same.
        ece: expected calibration error, 15 bins.
        brier: mean squared distance of the probabilities from the truth, summed over categories, 0..2.
        log_loss: mean of -ln(probability of the right category); this and `brier` leave unknown labels out.
        threshold: median confidence from which the model routes by itself.
        routed: share of the in-scope messages that it would route.
        routed_accuracy: share of those that is right.
        routed_error: share of all routed messages, those out of scope included, that is wrong: what the
            error budget comes to.
        routed_error_interval: its 95% Wilson interval.
        coverage: {"0.05": share of in-scope messages that can be answered with at most 5% wrong}, by
            thresholds that are chosen on these very messages: an upper estimate.
        coverage_thresholds: {"0.05": that threshold}; None where no threshold keeps the risk.
        budgets: {"0.05": {"threshold", "coverage", "error"}} for thresholds that were chosen on validation
            messages; empty where a model has none.
        expected_budgets: the same for thresholds without the confidence bound.
        risk_coverage: the curve, from the surest messages to all.
        aurc: area under it: the mean risk over all coverages.
        reliability: bins of confidence that hold messages.
        categories: by slug.
        matrix: of every category that occurs or is predicted.
        confusions: (right category, predicted, messages), most frequent first.
        worst_confusions: the same with messages.
        lengths: by the number of words.
        out_of_scope: None without `oos` messages.
        baselines: TF-IDF and frozen encoder, both with logistic regression.
        truncated: share of all messages that are longer than the model reads; None where unknown.
        unknown: messages whose label the model does not know; they count as wrong.
        milliseconds: median time of one message alone on this machine; 0 where it was not measured.
        explanations: what is known about the words that it shows; None where that was not measured.
    """

    model_version: str
    n: int
    accuracy: float
    accuracy_interval: Interval
    top3: float
    top5: float
    macro_f1: float
    macro_precision: float
    macro_recall: float
    ece: float
    brier: float
    log_loss: float
    threshold: float
    routed: float
    routed_accuracy: float
    routed_error: float
    routed_error_interval: Interval
    coverage: Mapping[str, float]
    coverage_thresholds: Mapping[str, float | None]
    budgets: Mapping[str, Mapping[str, float]]
    expected_budgets: Mapping[str, Mapping[str, float]]
    risk_coverage: tuple[CurvePoint, ...]
    aurc: float
    reliability: tuple[ReliabilityBin, ...]
    categories: Mapping[str, CategoryReport]
    matrix: ConfusionMatrix
    confusions: tuple[tuple[str, str, int], ...]
    worst_confusions: tuple[Confusion, ...]
    lengths: tuple[SliceReport, ...]
    out_of_scope: OutOfScopeReport | None
    baselines: tuple[BaselineReport, ...]
    truncated: float | None
    unknown: int
    milliseconds: float
    explanations: ExplanationReport | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, without anybody's message.

        Every attribute stands under its own name. Beside the nested ones stand flat names, null where
        nothing was measured:

        accuracy_low, accuracy_high: bounds of the 95% interval.
        routed_error_low, routed_error_high: the same.
        coverage_at_5, coverage_at_3, coverage_at_1: coverage at that many percent of wrong answers.
        out_of_scope_n, out_of_scope_auroc, out_of_scope_aupr, out_of_scope_recall,
        out_of_scope_flagged_in_scope, out_of_scope_fpr_at_95_recall, out_of_scope_in_scope_accuracy.
        tfidf_accuracy, tfidf_macro_f1, tfidf_ece, tfidf_difference, tfidf_p_value, and the same for
        frozen_encoder_.
        reply_words_of_greedy, reply_words_comprehensiveness, reply_words_wins.
        """
        content = asdict(replace(self, explanations=None))
        content["explanations"] = self.explanations.as_dict() if self.explanations else None
        for confusion in content["worst_confusions"]:
            del confusion["examples"]
        content["accuracy_low"], content["accuracy_high"] = self.accuracy_interval
        content["routed_error_low"], content["routed_error_high"] = self.routed_error_interval
        for risk, share in self.coverage.items():
            content[f"coverage_at_{100 * float(risk):g}"] = share
        for name in (
            "n",
            "auroc",
            "aupr",
            "recall",
            "flagged_in_scope",
            "fpr_at_95_recall",
            "in_scope_accuracy",
        ):
            content[f"out_of_scope_{name}"] = getattr(self.out_of_scope, name, None)
        faithful = self.explanations.faithfulness if self.explanations else None
        for name in ("of_greedy", "comprehensiveness", "wins"):
            content[f"reply_words_{name}"] = getattr(faithful.methods[REPLY], name).mean if faithful else None
        rows = {row.key: row for row in self.baselines}
        for key in ("tfidf", "frozen_encoder"):
            for name in ("accuracy", "macro_f1", "ece", "difference", "p_value"):
                content[f"{key}_{name}"] = getattr(rows.get(key), name, None)
        return content
