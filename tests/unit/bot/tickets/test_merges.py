"""A model that does not know of a merge yet."""

from __future__ import annotations

import pytest

from bot.tickets.merges import follow_merges
from tests.factories.rows import category_view, prediction

GONE = [
    category_view("login", "Sign-in", merged_into="network"),
    category_view("printing", "Printing", "printer"),
]


def test_what_was_merged_counts_for_what_it_was_merged_into():
    said = prediction("login", 0.5, [("login", 0.5), ("billing", 0.3), ("network", 0.2)])
    today = follow_merges(said, GONE)
    assert today.category == "network"
    assert today.confidence == pytest.approx(0.7)
    assert [slug for slug, _ in today.alternatives] == ["network", "billing"]


def test_two_halves_of_a_merge_win_together():
    said = prediction("billing", 0.4, [("billing", 0.4), ("login", 0.3), ("network", 0.3)])
    today = follow_merges(said, GONE)
    assert (today.category, round(today.confidence, 2)) == ("network", 0.6)


def test_the_prediction_set_names_each_once():
    said = prediction(candidates=("login", "network", "billing"))
    assert follow_merges(said, GONE).candidates == ("network", "billing")


def test_a_prediction_without_merged_categories_is_left_alone():
    said = prediction("printing", 0.9, [("printing", 0.9), ("billing", 0.1)])
    assert follow_merges(said, GONE) is said
