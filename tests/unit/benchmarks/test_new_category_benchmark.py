"""What the benchmark of new categories counts."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.learning.new_category import compare, summary, table

TRUTH = np.array(["a"] * 4 + ["b"] * 4 + ["new"] * 4)


def test_a_taken_message_is_a_loss_of_its_category_and_a_wrong_one_of_the_new():
    before = np.array(["a"] * 4 + ["b"] * 4 + ["a"] * 4)
    now = np.array(["a"] * 4 + ["b"] * 3 + ["new"] + ["new"] * 3 + ["a"])
    row = compare(TRUTH, before, now, "new")
    assert row["f1"] == 0.75
    assert row["recall"] == 0.75
    assert (row["largest_loss_of"], row["losing_a_point"]) == ("b", 1)
    assert row["largest_loss"] == pytest.approx(1 - 6 / 7, abs=1e-4)
    # "a" had all of the new category's messages, and keeps one: it gains; "b" loses one
    assert row["largest_loss_of_all"] == row["largest_loss"]
    assert (row["taken"], row["taken_that_were_right"]) == (1, 1)
    assert (row["accuracy_before"], row["accuracy_now"]) == (1.0, 0.875)


def test_over_all_messages_a_category_gains_what_it_no_longer_takes_from_the_new_one():
    before = np.array(["a"] * 4 + ["b"] * 4 + ["a"] * 4)
    now = np.array(["a"] * 3 + ["new"] + ["b"] * 4 + ["new"] * 4)
    row = compare(TRUTH, before, now, "new")
    assert row["largest_loss"] == pytest.approx(1 - 6 / 7, abs=1e-4)
    assert row["largest_loss_of_all"] == 0.0


def test_the_table_has_a_line_for_each_category_and_model():
    said = np.array(["a"] * 4 + ["b"] * 4 + ["new"] * 4)
    rows = [
        compare(TRUTH, said, said, "new") | {"seconds": 1.5, "draw": draw, "examples": 8, "named": named}
        for draw in range(2)
        for named in (True, False)
    ]
    measured = {
        "examples": [8], "each": 20, "categories": 72,
        "models": {kind: {"rows": rows, "summary": summary(rows)} for kind in ("day one", "fine-tune")},
    }  # fmt: skip
    assert table(measured).count("| new | 8 | 1.000 (1.000 to 1.000) | 1.000 |") == 2
    assert summary(rows)["lowest_f1"] == 1.0
