"""Figures of hand-made answers, with results that can be worked out on paper."""

import json

import numpy as np
import pytest

from classifier.contract import InvalidInput
from classifier.data.dataset import Example
from classifier.evaluation.baseline_predictions import BaselineAnswers
from classifier.evaluation.measure import measure
from classifier.evaluation.metrics import paired_difference, risk_coverage, wilson
from classifier.inference.predictions import Answers

LABELS = ("billing", "login", "network")


def answers(rows, *, scope=None, threshold=0.5, labels=LABELS):
    """Make answers from one row of probabilities a message."""
    rows = np.array(rows, dtype=float)
    scores = np.zeros(len(rows)) if scope is None else np.array(scope, dtype=float)
    return Answers("v", labels, rows, scores, np.full(len(rows), threshold))


def examples(*labels):
    return [Example(f"message {number}", label) for number, label in enumerate(labels)]


@pytest.fixture
def report():
    """Four messages right, one confused, one unsure and wrong; two messages out of scope."""
    rows = [
        [0.9, 0.05, 0.05],
        [0.8, 0.1, 0.1],
        [0.1, 0.8, 0.1],
        [0.1, 0.2, 0.7],
        [0.6, 0.3, 0.1],
        [0.2, 0.4, 0.4],
        [0.4, 0.3, 0.3],
        [0.7, 0.2, 0.1],
    ]
    labels = ("billing", "billing", "login", "network", "login", "network", "oos", "oos")
    scope = [0.0, 0.1, 0.1, 0.2, 0.3, 0.6, 0.9, 0.4]
    return measure(answers(rows, scope=scope), examples(*labels))


def test_the_first_figures_are_shares_of_the_messages_in_scope(report):
    assert report.n == 6
    assert report.accuracy == pytest.approx(4 / 6)
    assert report.accuracy_interval == pytest.approx((0.3000, 0.9032), abs=1e-4)  # Wilson, by hand
    assert (report.top3, report.top5) == (1.0, 1.0)
    assert report.brier == pytest.approx((0.015 + 0.06 + 0.06 + 0.14 + 0.86 + 0.56) / 6)
    assert report.log_loss == pytest.approx(-np.log([0.9, 0.8, 0.8, 0.7, 0.3, 0.4]).mean())


def test_each_category_has_precision_recall_and_f1_with_intervals(report):
    login = report.categories["login"]
    assert (login.precision, login.recall, login.f1) == (0.5, 0.5, 0.5)
    assert (login.n, login.predicted) == (2, 2)
    assert login.recall_interval == wilson(1, 2)
    low, high = wilson(1, 3)  # TP / (TP + FP + FN), carried over to F1
    assert login.f1_interval == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))
    assert report.macro_recall == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert report.macro_precision == pytest.approx((2 / 3 + 0.5 + 1) / 3)


def test_the_error_budget_counts_routed_messages_out_of_scope_as_wrong(report):
    # five in scope are sure enough and not flagged, one of them wrong; one out of scope is routed too
    assert report.routed == pytest.approx(5 / 6)
    assert report.routed_accuracy == pytest.approx(4 / 5)
    assert report.routed_error == pytest.approx(2 / 6)
    assert report.out_of_scope.routed == 0.5


def test_out_of_scope_is_a_ranking_and_a_threshold(report):
    scope = report.out_of_scope
    assert scope.n == 2
    assert scope.auroc == pytest.approx(11 / 12)  # one of the twelve pairs stands the wrong way round
    assert scope.aupr == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert scope.recall == 0.5
    assert scope.flagged_in_scope == pytest.approx(1 / 6)
    assert scope.fpr_at_95_recall == pytest.approx(1 / 6)
    assert scope.in_scope_accuracy == pytest.approx(4 / 6)
    assert scope.taken_for == (("billing", 1),)
    assert (sum(scope.inside), sum(scope.outside)) == (6, 2)


def test_another_threshold_finds_more_of_what_is_out_of_scope():
    rows = [[0.9, 0.05, 0.05]] * 4
    made = answers(rows, scope=[0.1, 0.35, 0.4, 0.9])
    found = measure(made, examples("billing", "billing", "oos", "oos"), scope_threshold=0.3).out_of_scope
    assert (found.recall, found.flagged_in_scope, found.threshold) == (1.0, 0.5, 0.3)


def test_confusions_come_with_the_surest_messages_and_the_matrix_with_every_category(report):
    assert report.matrix.labels == LABELS
    assert report.matrix.counts == ((2, 0, 0), (1, 1, 0), (0, 1, 1))
    assert report.confusions == (("login", "billing", 1), ("network", "login", 1))
    first = report.worst_confusions[0]
    assert (first.label, first.share, first.examples) == ("login", 0.5, ("message 4",))


def test_a_confusion_shows_three_messages_at_most():
    rows = [[0.5 + i / 20, 0.3 - i / 20, 0.2] for i in range(5)]
    (confusion,) = measure(answers(rows), examples(*["login"] * 5)).worst_confusions
    assert confusion.n == 5
    assert confusion.examples == ("message 4", "message 3", "message 2")


def test_messages_stay_out_of_json_and_of_representations(report):
    assert "message 4" not in json.dumps(report.as_dict())
    assert "message 4" not in repr(report)


def test_json_has_flat_names_beside_the_nested_ones(report):
    content = report.as_dict()
    assert (content["accuracy_low"], content["accuracy_high"]) == report.accuracy_interval
    assert content["coverage_at_5"] == report.coverage["0.05"]
    assert content["coverage_at_1"] == report.coverage["0.01"]
    assert content["out_of_scope_auroc"] == content["out_of_scope"]["auroc"]
    assert content["tfidf_accuracy"] is None
    assert content["frozen_encoder_macro_f1"] is None
    assert content["budgets"] == {}
    json.dumps(content, allow_nan=False)


def test_the_names_in_json_stay():
    content = measure(answers([[0.9, 0.1, 0.0]]), examples("billing")).as_dict()
    assert set(content) == {
        *(
            "explanations",
            "reply_words_of_greedy",
            "reply_words_comprehensiveness",
            "reply_words_wins",
            "model_version",
            "n",
            "accuracy",
            "accuracy_interval",
            "accuracy_low",
            "accuracy_high",
            "top3",
            "top5",
        ),
        *("macro_f1", "macro_precision", "macro_recall", "ece", "brier", "log_loss", "threshold", "routed"),
        *(
            "routed_accuracy",
            "routed_error",
            "routed_error_interval",
            "routed_error_low",
            "routed_error_high",
        ),
        *("coverage", "coverage_thresholds", "coverage_at_5", "coverage_at_3", "coverage_at_1", "budgets"),
        "expected_budgets",
        *("risk_coverage", "aurc", "reliability", "categories", "matrix", "confusions", "worst_confusions"),
        *("lengths", "out_of_scope", "baselines", "truncated", "unknown", "milliseconds"),
        *("out_of_scope_n", "out_of_scope_auroc", "out_of_scope_aupr", "out_of_scope_recall"),
        *("out_of_scope_flagged_in_scope", "out_of_scope_fpr_at_95_recall", "out_of_scope_in_scope_accuracy"),
        *(
            f"{key}_{name}"
            for key in ("tfidf", "frozen_encoder")
            for name in ("accuracy", "macro_f1", "ece", "difference", "p_value")
        ),
    }
    assert content["out_of_scope"] is None
    assert content["out_of_scope_auroc"] is None


def test_the_risk_falls_to_the_errors_of_the_surest():
    points, area = risk_coverage(np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, True, False, True]))
    assert [(p.coverage, p.risk) for p in points] == [(0.25, 0), (0.5, 0), (0.75, 1 / 3), (1.0, 0.25)]
    assert area == pytest.approx((0 + 0 + 1 / 3 + 0.25) / 4)


def test_messages_of_equal_confidence_are_never_parted():
    for correct in ([True, False, True, False], [False, True, False, True]):
        points, area = risk_coverage(np.array([0.9, 0.5, 0.5, 0.5]), np.array(correct))
        assert [p.coverage for p in points] == [0.25, 1.0]
        assert points[-1].risk == 0.5
        assert area == pytest.approx(
            {True: (0 + 1 / 3 + 4 / 9 + 0.5) / 4, False: (1 + 2 / 3 + 5 / 9 + 0.5) / 4}[correct[0]]
        )


def test_the_curve_has_a_hundred_points_at_most():
    draw = np.random.default_rng(0)
    confidence = draw.random(5000)
    points, area = risk_coverage(confidence, draw.random(5000) < confidence)
    assert len(points) == 100
    assert points[-1].coverage == 1.0
    assert area < points[-1].risk


def test_the_reliability_bins_hold_every_message_and_make_up_the_calibration_error(report):
    assert sum(row.n for row in report.reliability) == report.n
    gap = sum(row.n * abs(row.confidence - row.accuracy) for row in report.reliability) / report.n
    assert report.ece == pytest.approx(gap)


def test_lengths_are_counted_in_words():
    made = [Example(" ".join(["word"] * n), "billing") for n in (1, 3, 4, 7, 8, 15, 16, 40, 41, 500)]
    found = measure(answers([[0.9, 0.1, 0.0]] * len(made)), made).lengths
    assert [(part.name, part.n) for part in found] == [
        ("1-3", 2), ("4-7", 2), ("8-15", 2), ("16-40", 2), (">40", 2),
    ]  # fmt: skip
    assert all(part.interval == wilson(2, 2) for part in found)


def test_a_label_that_the_model_does_not_know_counts_as_wrong():
    report = measure(answers([[0.9, 0.1, 0.0]] * 2), examples("billing", "printer"))
    assert (report.unknown, report.accuracy) == (1, 0.5)
    assert report.log_loss == pytest.approx(-np.log(0.9))
    assert "printer" in report.matrix.labels


def test_what_nothing_routes_is_never_wrong():
    report = measure(answers([[0.4, 0.3, 0.3]]), examples("login"))
    assert (report.routed, report.routed_error, report.routed_error_interval) == (0.0, 0.0, (0.0, 1.0))
    assert report.coverage_thresholds == {"0.05": None, "0.03": None, "0.01": None}


def test_baselines_stand_beside_ours_on_the_same_messages():
    ours = answers([[0.9, 0.1, 0.0]] * 10, scope=[0] * 10)
    theirs = np.array([[0.9, 0.1, 0.0]] * 4 + [[0.2, 0.7, 0.1]] * 6)
    rows = (
        BaselineAnswers("tfidf", "TF-IDF", LABELS, theirs),
        BaselineAnswers("frozen_encoder", "frozen", note="not kept in this directory"),
    )
    report = measure(ours, examples(*["billing"] * 9, "oos"), baselines=rows)
    tfidf, frozen = report.baselines
    assert tfidf.accuracy == pytest.approx(4 / 9)
    assert tfidf.difference == pytest.approx(5 / 9)
    assert (tfidf.ours_only, tfidf.baseline_only) == (5, 0)
    assert tfidf.p_value == pytest.approx(2 / 2**5)  # McNemar by hand
    assert tfidf.out_of_scope_auroc == pytest.approx((4 * 1 + 5 * 0.5) / 9)
    assert (frozen.accuracy, frozen.note) == (None, "not kept in this directory")
    content = report.as_dict()
    assert content["tfidf_accuracy"] == tfidf.accuracy
    assert content["frozen_encoder_accuracy"] is None


def test_equal_models_do_not_differ():
    same = np.array([True, False, True])
    assert paired_difference(same, same) == (0.0, (0.0, 0.0), 0, 0, 1.0)


@pytest.mark.parametrize("labels", [(), ("oos", "oos")])
def test_a_set_without_a_category_is_refused(labels):
    made = answers(np.zeros((len(labels), 3)))
    with pytest.raises(InvalidInput, match="no message has a category"):
        measure(made, examples(*labels))


def test_answers_and_examples_must_match():
    with pytest.raises(InvalidInput, match="1 answers do not fit 2 examples"):
        measure(answers([[0.9, 0.1, 0.0]]), examples("billing", "login"))


def test_thresholds_of_budgets_are_measured_on_the_test_messages():
    answers = Answers(
        version="v",
        labels=("a", "b"),
        probabilities=np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.55, 0.45]]),
        scope=np.zeros(4),
        thresholds=np.full(4, 0.5),
    )
    examples = [Example("one", "a"), Example("two", "b"), Example("three", "a"), Example("four", "b")]
    report = measure(answers, examples, budgets={"0.05": 0.7, "0.01": 1.0})
    assert report.budgets["0.05"] == {"threshold": 0.7, "coverage": 0.5, "error": 0.5}
    assert report.budgets["0.01"] == {"threshold": 1.0, "coverage": 0.0, "error": 0.0}
