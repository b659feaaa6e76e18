"""What the learning benchmark reads off its runs."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.learning.figures import CURVES, Known, demands, spent_to_reach, summary


def run_with(*accuracies: float, labels: int = 100, answered: int = 50) -> dict[str, Any]:
    """A run of seed 0 with a test accuracy and so many labels a day, and so many answers in all."""
    same = {"frozen": 0.8, "tfidf": 0.7}
    lists = {name: list(accuracies) for name in (*CURVES, "messages")}
    lists["labels_used"] = [labels * day for day, _ in enumerate(accuracies, start=1)]
    figures = {"wrong": 1, "asked": 1, "answered": answered, "seconds": 1.0, "recipe": "quick", "name": "x"}
    return {"0": figures | {"trained": []} | lists | {"same_labels": same}}


def asked_for(known: Known) -> dict[str, float]:
    return {row["name"]: round(row["value"], 6) for row in demands(summary(known))}


def test_what_goes_live_is_compared_with_the_baselines():
    alone, wanted = {"ours": run_with(0.82)}, "above the frozen encoder, same labels, points"
    assert asked_for(alone)[wanted] == 0.02
    among = asked_for(alone | {"around": run_with(0.84)})
    assert among[wanted] == 0.04
    assert among["the same with no unlabelled messages around, points"] == 0.02


def test_asking_well_is_read_off_its_curve_and_off_the_ends_of_runs_with_fewer_questions():
    known = {"ours": run_with(0.7, 0.9), "random_questions": run_with(0.6, 0.8, labels=150)}
    wanted = "labels to reach random questions' accuracy, of theirs"
    assert asked_for(known)[wanted] == 0.5
    fewer = asked_for(known | {"asked_50": run_with(0.6, 0.85, labels=60, answered=10)})
    assert fewer["the same by runs with fewer questions"] == 0.4
    assert fewer["the same, of answers to questions alone"] == 0.2
    assert fewer[wanted] == 0.5
    never = asked_for(known | {"asked_50": run_with(0.6, 0.7, labels=60)})
    assert never["the same by runs with fewer questions"] == 0.533333


def test_a_height_between_two_measurements_lies_on_a_straight_line():
    spent, accuracies = [100, 200, 300], [0.5, 0.7, 0.8]
    assert spent_to_reach(spent, accuracies, 0.6) == pytest.approx(150)
    assert spent_to_reach(spent, accuracies, 0.4) == 100
    assert spent_to_reach(spent, accuracies, 0.9) == float("inf")
