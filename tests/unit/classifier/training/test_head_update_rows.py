"""Rows of a head: which stay, which are learned, and that learning one moves no other."""

from __future__ import annotations

import pytest
import torch

from classifier.contract import InvalidInput
from classifier.training.head_update.rows import CAUTION, learn_rows, plan_rows

PRESENT = ("billing", "login", "network")


def test_a_new_category_comes_behind_those_that_stay():
    plan = plan_rows(PRESENT, [*PRESENT, "badge"], {"badge": 5})
    assert plan.labels == (*PRESENT, "badge")
    assert (plan.kept, plan.learned, plan.removed, plan.waiting) == ((0, 1, 2), ("badge",), (), ())


def test_a_retired_category_goes():
    plan = plan_rows(PRESENT, ["billing", "network"], {})
    assert (plan.labels, plan.removed) == (("billing", "network"), ("login",))


def test_a_category_that_another_was_merged_into_is_learned_anew():
    plan = plan_rows(PRESENT, ["billing", "login"], {"login": 40}, merged=frozenset({"login"}))
    assert (plan.labels, plan.learned, plan.removed) == (("billing", "login"), ("login",), ("network",))


def test_a_category_with_two_examples_waits_and_says_what_it_needs():
    plan = plan_rows(PRESENT, [*PRESENT, "badge", "desk"], {"badge": 2, "desk": 5})
    assert (plan.learned, plan.waiting) == (("desk",), ("badge",))
    with pytest.raises(InvalidInput, match="'badge' needs examples: label 3 messages at least"):
        plan_rows(PRESENT, [*PRESENT, "badge"], {"badge": 2})


def test_without_a_change_there_is_nothing_to_learn():
    with pytest.raises(InvalidInput, match="knows every category already"):
        plan_rows(PRESENT, PRESENT, {"billing": 30})


def test_one_category_is_no_choice():
    with pytest.raises(InvalidInput, match="retrain the whole model"):
        plan_rows(PRESENT, ["billing"], {})


def test_a_row_wins_its_own_messages_and_leaves_the_others_theirs():
    draw = torch.Generator().manual_seed(0)
    centres = 4 * torch.eye(8)[:4]
    labels = [slug for slug in (*PRESENT, "badge") for _ in range(8)]
    pooled = torch.cat([centre + 0.3 * torch.randn(8, 8, generator=draw) for centre in centres])
    kept = pooled @ centres[:3].T
    rows = learn_rows(pooled, kept, labels, torch.ones(32), ["badge"])
    wins = (pooled @ rows.weight.T + rows.bias)[:, 0] > kept.max(dim=1).values
    assert wins.tolist() == [label == "badge" for label in labels]
    unseen = rows.left_out[:, 0] > kept.max(dim=1).values
    assert unseen.tolist() == [label == "badge" for label in labels]


@pytest.mark.parametrize(("examples", "caution"), [(7, 0.0), (8, CAUTION)])
def test_many_examples_make_a_row_cautious_though_it_takes_nothing(examples: int, caution: float):
    draw = torch.Generator().manual_seed(0)
    centres = 4 * torch.eye(8)[:4]
    counts = {**dict.fromkeys(PRESENT, 8), "badge": examples}
    labels = [slug for slug, count in counts.items() for _ in range(count)]
    numbers = [list(counts).index(label) for label in labels]
    pooled = centres[numbers] + 0.3 * torch.randn(len(labels), 8, generator=draw)
    rows = learn_rows(pooled, pooled @ centres[:3].T, labels, torch.ones(len(labels)), ["badge"])
    assert rows.caution.tolist() == [caution]


def test_a_row_of_few_examples_that_takes_a_message_is_cautious():
    draw = torch.Generator().manual_seed(0)
    labels = [*PRESENT * 8, *["badge"] * 4]
    pooled = torch.randn(len(labels), 8, generator=draw)
    rows = learn_rows(pooled, torch.zeros(len(labels), 3), labels, torch.ones(len(labels)), ["badge"])
    assert rows.caution.tolist() == [CAUTION]
