"""Which tickets a question is spent on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.feedback.active_learning import most_helpful


def unit(*rows: list[float]) -> np.ndarray:
    matrix = np.asarray(rows, dtype=np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def random_units(rng: np.random.Generator, count: int, hidden: int = 8) -> np.ndarray:
    return unit(*rng.normal(size=(count, hidden)))


def test_the_smallest_margin_comes_first_among_equally_new_tickets():
    assert most_helpful([0.9, 0.1, 0.5], np.eye(3, dtype=np.float32), 3) == [1, 2, 0]


def test_a_copy_of_a_chosen_ticket_waits_behind_a_surer_one_about_something_else():
    embeddings = unit([1, 0, 0], [1, 0, 0], [0, 1, 0])
    assert most_helpful([0.1, 0.1, 0.6], embeddings, 3) == [0, 2, 1]


def test_what_is_labelled_already_is_not_asked_again():
    embeddings = unit([1, 0, 0], [0, 1, 0])
    assert most_helpful([0.0, 0.5], embeddings, 1, asked=embeddings[:1]) == [1]


def test_of_two_unsure_tickets_the_one_like_many_others_is_asked():
    crowd = [[1.0, 0.02 * index, 0.0] for index in range(10)]
    embeddings = unit(*crowd, [0.0, 0.0, 1.0])
    assert most_helpful([*[0.2] * 10, 0.2], embeddings, 1) != [10]
    assert most_helpful([*[0.2] * 10, 0.1], embeddings, 1, density=0) == [10]


def test_there_may_be_nothing_to_choose_from():
    assert most_helpful([], np.zeros((0, 4), dtype=np.float32), 5) == []
    assert most_helpful([0.5], np.eye(1, dtype=np.float32), 0) == []
    assert most_helpful([0.5], np.eye(1, dtype=np.float32), 5, asked=np.zeros((0, 1))) == [0]


@pytest.mark.parametrize(
    ("margins", "embeddings", "asked"),
    [
        ([0.1, 0.2], np.eye(3), None),
        ([float("nan")], np.eye(1), None),
        ([0.1], np.full((1, 2), np.inf), None),
        ([0.1], np.eye(1, 3), np.eye(2)),
        ([0.1], np.eye(1, 3), np.full((1, 3), np.nan)),
    ],
)
def test_what_does_not_belong_together_is_refused(margins, embeddings, asked):
    with pytest.raises(ValueError, match=r"do not belong together|finite"):
        most_helpful(margins, embeddings, 1, asked=asked)


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(0, 40), st.integers(0, 5), st.floats(0, 1))
def test_it_chooses_different_tickets_as_many_as_there_are_always_the_same(
    seed, count, wanted, known, density
):
    rng = np.random.default_rng(seed)
    margins, embeddings = rng.random(count), random_units(rng, count)
    asked = random_units(rng, known) if known else None
    chosen = most_helpful(margins, embeddings, wanted, asked=asked, density=density)
    assert len(chosen) == len(set(chosen)) == min(wanted, count)
    assert all(0 <= index < count for index in chosen)
    assert chosen == most_helpful(margins, embeddings, wanted, asked=asked, density=density)


@given(st.integers(0, 2**32 - 1), st.integers(2, 30))
def test_the_first_choices_do_not_depend_on_how_many_are_wanted(seed, count):
    rng = np.random.default_rng(seed)
    margins, embeddings = rng.random(count), random_units(rng, count)
    assert most_helpful(margins, embeddings, count)[:2] == most_helpful(margins, embeddings, 2)


@given(st.integers(0, 2**32 - 1), st.integers(2, 30))
def test_the_order_of_the_candidates_does_not_matter(seed, count):
    rng = np.random.default_rng(seed)
    margins, embeddings = rng.random(count), random_units(rng, count)
    order = rng.permutation(count)
    shuffled = most_helpful(margins[order], embeddings[order], 3)
    assert [int(order[index]) for index in shuffled] == most_helpful(margins, embeddings, 3)
