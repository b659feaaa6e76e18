"""May a head with a new row answer?"""

from __future__ import annotations

import numpy as np

from classifier.data.dataset import Example
from classifier.evaluation.gate.head_update import judge_refit
from classifier.inference.predictions import Answers

LABELS = ("a", "b", "c")
GOLD = [Example(f"{label} {i}", label) for label in LABELS for i in range(40)]


def said(predicted: list[str], labels: tuple[str, ...]) -> Answers:
    shares = np.full((len(predicted), len(labels)), 0.05 / (len(labels) - 1))
    for row, label in enumerate(predicted):
        shares[row, labels.index(label)] = 0.95
    return Answers("v", labels, shares, np.zeros(len(predicted)), np.full(len(predicted), 0.5))


def truth(taken: int = 0) -> list[str]:
    right = [example.label for example in GOLD]
    # nineteen of twenty right, as the confidence says
    right[10], right[50] = "b", "c"
    right[80 : 80 + taken] = ["new"] * taken
    return right


BEFORE = said(truth(), LABELS)


def test_a_row_that_takes_nothing_passes_and_says_how_its_examples_fare():
    verdict = judge_refit(BEFORE, said(truth(), (*LABELS, "new")), GOLD, {"new": (6, 8)})
    assert verdict.promoted
    assert "'new': 6 of 8 examples recognised unseen." in verdict.reason
    assert "Warning" not in verdict.reason


def test_a_row_that_takes_a_categorys_messages_is_refused():
    verdict = judge_refit(BEFORE, said(truth(12), (*LABELS, "new")), GOLD, {"new": (8, 8)})
    assert not verdict.promoted
    assert "'c'" in verdict.reason
    assert "The new rows take messages from others" in verdict.reason


def test_one_message_less_is_chance():
    checks = judge_refit(BEFORE, said(truth(1), (*LABELS, "new")), GOLD, {"new": (8, 8)}).checks
    assert next(check for check in checks if check.name == "other categories").passed


def test_a_category_that_misses_its_own_examples_goes_live_with_a_warning():
    verdict = judge_refit(BEFORE, said(truth(), (*LABELS, "new")), GOLD, {"new": (2, 8)})
    assert verdict.promoted
    assert "'new' (2 of 8) will often be missed" in verdict.reason


def test_a_retired_category_is_not_asked_for():
    gold = [example for example in GOLD if example.label != "c"]
    before = said(truth()[:80], LABELS)
    now = said([label if label != "c" else "a" for label in truth()[:80]], ("a", "b"))
    assert judge_refit(before, now, gold, {}).promoted
