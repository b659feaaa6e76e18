"""Messages around a message: where its vector moves, and what that does to its answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from classifier.model.neighbor_smoothing import SHARES, Surroundings, best_share, load_surroundings


def clouds(each: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two clouds of vectors in 16 directions, and which cloud each belongs to."""
    draw = np.random.default_rng(seed)
    centres = np.eye(16, dtype=np.float32)[:2] * 4
    of = np.arange(2 * each) % 2
    return (centres[of] + draw.normal(0, 1, (2 * each, 16))).astype(np.float32), of


def test_a_vector_moves_towards_what_lies_around_it():
    vectors, of = clouds(100)
    around = Surroundings(vectors, 0.5)
    new, own = clouds(50, seed=1)
    moved = new + around.moves(new)
    centres = np.stack([vectors[of == cloud].mean(axis=0) for cloud in (0, 1)])
    before, after = (np.linalg.norm(v - centres[own], axis=1) for v in (new, moved))
    assert after.mean() < 0.9 * before.mean()
    np.testing.assert_allclose(Surroundings(vectors, 1.0).moves(new), 2 * around.moves(new), rtol=1e-5)


def test_logits_are_those_of_the_moved_vectors():
    vectors, _ = clouds(30)
    around = Surroundings(vectors, 0.3)
    new, _ = clouds(5, seed=2)
    weight, bias = np.random.default_rng(3).normal(0, 1, (4, 16)), np.arange(4.0)
    settled = around.settled(new @ weight.T + bias, new, weight)
    np.testing.assert_allclose(settled, (new + around.moves(new)) @ weight.T + bias, atol=1e-4)
    assert around.settled(np.zeros((0, 4)), np.zeros((0, 16), np.float32), weight).shape == (0, 4)


@settings(max_examples=50, deadline=None)
@given(number=st.integers(1, 40), seed=st.integers(0, 99))
@example(number=2, seed=55)
@example(number=11, seed=0)
def test_no_answer_jumps_where_neighbours_change_places(number: int, seed: int):
    draw = np.random.default_rng(seed)
    around = Surroundings(draw.normal(0, 1, (number, 8)).astype(np.float32), 0.7)
    one = draw.normal(0, 1, (1, 8)).astype(np.float32)
    one /= np.linalg.norm(one)
    direction = draw.normal(0, 1, (1, 8))
    steps = np.linspace(0, 0.5, 500)[:, None] * direction / np.linalg.norm(direction)
    moves = around.moves((one + steps).astype(np.float32))
    assert np.isfinite(moves).all()
    assert np.abs(np.diff(moves, axis=0)).max() < 0.05


def test_copies_of_one_message_and_a_vector_of_zeros_are_no_trouble():
    same = np.ones((20, 8), np.float32)
    np.testing.assert_allclose(Surroundings(same, 0.5).moves(same[:2]), 0, atol=1e-6)
    assert np.isfinite(Surroundings(same, 0.5).moves(np.zeros((1, 8), np.float32))).all()


def test_held_back_messages_choose_how_far():
    vectors, _ = clouds(50)
    around, new = Surroundings(vectors, 0.7), clouds(5, seed=1)[0]
    whole = around.moves(new) / 0.7
    for share in SHARES:
        chosen = best_share(around, lambda moves, to=share: float(np.abs(moves - to * whole).sum()), new)
        assert chosen == share
    assert best_share(around, lambda _: 1.0, new) == 0


def test_a_model_directory_keeps_them(tmp_path: Path):
    vectors, _ = clouds(10)
    around = Surroundings(vectors, 0.3)
    assert load_surroundings(tmp_path) is None
    around.save(tmp_path)
    loaded = load_surroundings(tmp_path)
    assert loaded is not None
    assert loaded.share == pytest.approx(0.3)
    np.testing.assert_array_equal(loaded.vectors, around.vectors)
    np.testing.assert_array_equal(loaded.moves(vectors), around.moves(vectors))
