"""Two models on starter messages and on the workspace's own tickets."""

from __future__ import annotations

import json

import numpy as np
import pytest

from classifier.data.dataset import Example
from classifier.evaluation.gate.comparison import (
    EXAMPLES,
    FEWEST_OWN,
    compare,
    f1_changes,
    judge_both,
)
from classifier.evaluation.gate.judge import Floors, judge
from classifier.inference.predictions import Answers

LABELS = ("billing", "login", "network")
FEW = Floors(resamples=400)


def judged(starter: int = 300, own: int = 60, outside: int = 0) -> list[Example]:
    """Messages of every label in turn; the last ones are tickets of the workspace."""
    made = [Example(f"starter {i}", LABELS[i % 3]) for i in range(starter)]
    tickets = [(f"secret {i}", LABELS[i % 3]) for i in range(own)]
    tickets += [(f"chat {i}", "oos") for i in range(outside)]
    own_ones = [Example(*said, ticket=f"ticket-{i}", judges="recent") for i, said in enumerate(tickets)]
    return [*made, *own_ones]


def answers(on: list[Example], wrong: set[int] | range = range(0), *, version: str = "v") -> Answers:
    p = np.full((len(on), 3), 0.05)
    for i, example in enumerate(on):
        right = LABELS.index(example.label) if example.label in LABELS else 0
        p[i, (right + 1) % 3 if i in wrong else right] = 0.9
    zeros = np.zeros(len(p))
    return Answers(version, LABELS, p, zeros, zeros + 0.5, 8.0)


def test_a_loss_on_own_tickets_is_not_hidden_by_a_gain_on_starter_messages():
    on = judged(starter=1000)
    champion, challenger = answers(on, range(20)), answers(on, range(1000, 1016))
    assert judge(champion, challenger, on, FEW).checks[0].passed  # all together: no loss
    verdict = judge_both(champion, challenger, on, FEW)
    assert not verdict.promoted
    assert verdict.reason.startswith("On this workspace's own tickets: The new model is worse")


def test_a_model_that_is_better_on_own_tickets_goes_live():
    on = judged()
    both = set(range(30))  # a tenth is wrong, as the confidence of 0.9 says
    before, now = answers(on, both | set(range(300, 320))), answers(on, both | set(range(300, 305)))
    verdict = judge_both(before, now, on, FEW)
    assert verdict.promoted, verdict.reason
    assert "own tickets: accuracy" in {check.name for check in verdict.checks}
    assert [check.name for check in verdict.checks].count("latency") == 1


@pytest.mark.parametrize("own", [0, FEWEST_OWN - 1])
def test_a_few_tickets_are_judged_with_the_rest_alone(own: int):
    on = judged(own=own)
    champion, challenger = answers(on), answers(on, range(300, 300 + own // 20))
    assert judge_both(champion, challenger, on, FEW) == judge(champion, challenger, on, FEW)


def test_a_first_model_is_judged_on_everything_together():
    on = judged()
    assert judge_both(None, answers(on), on, FEW) == judge(None, answers(on), on, FEW)


def test_what_changed_names_tickets_and_never_their_text():
    on = judged(outside=5)
    found = compare(answers(on, {1, 2, 300, 301}), answers(on, {4, 310}), on)
    assert "secret" not in json.dumps(found)
    assert [row.get("ticket") for row in found["newly_right"]] == ["ticket-0", "ticket-1", None]
    assert found["newly_right"][2]["text"] == "starter 1"
    assert found["newly_wrong"][0] == {
        "ticket": "ticket-10", "right": "login", "before": "login", "now": "network",
    }  # fmt: skip
    assert (found["own"], found["own_accuracy_before"], found["own_accuracy"]) == (60, 58 / 60, 59 / 60)


def test_a_few_examples_are_enough_and_long_ones_are_cut():
    on = [Example("long " * 100 + str(i), LABELS[i % 3]) for i in range(30)]
    found = compare(answers(on, range(20)), answers(on), on)
    assert len(found["newly_right"]) == EXAMPLES
    assert all(len(row["text"]) <= 120 for row in found["newly_right"])


def test_a_first_model_has_nothing_that_changed():
    on = judged()
    found = compare(None, answers(on, {300}), on)
    assert (found["better"], found["newly_right"], found["own_accuracy_before"]) == ([], [], None)
    assert found["own_accuracy"] == 59 / 60


def test_only_sure_changes_of_a_category_are_named():
    on = judged(starter=600, own=0)
    truth = np.array([example.label for example in on])
    before = answers(on, {i for i in range(120) if i % 3 == 0}).predicted
    changes = {row["category"]: row for row in f1_changes(truth, before, truth)}
    assert set(changes) == {"billing", "login"}  # what was taken for login
    assert changes["billing"]["before"] < changes["billing"]["now"] == 1.0
    assert f1_changes(truth, answers(on, {0, 3}).predicted, answers(on, {6}).predicted) == []
    assert f1_changes(truth[:0], truth[:0], truth[:0]) == []


def test_better_and_worse_categories_come_from_the_same_changes():
    on = judged(starter=600, own=0)
    found = compare(answers(on, {i for i in range(120) if i % 3 == 0}), answers(on), on)
    assert {row["category"] for row in found["better"]} == {"billing", "login"}
    assert found["worse"] == []
