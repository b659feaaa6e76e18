"""ADWIN against what its authors promise."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifier.feedback.adwin import PER_SIZE, Adwin


def coins(rng: np.random.Generator, share: float, count: int) -> list[float]:
    return [float(hit) for hit in rng.random(count) < share]


@pytest.mark.parametrize(("before", "after"), [(0.2, 0.4), (0.4, 0.2), (0.05, 0.3)])
def test_an_abrupt_change_of_the_mean_is_found_and_dated(before: float, after: float):
    delays, dated = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        adwin = Adwin()
        for at, value in enumerate(coins(rng, before, 1000)):
            assert adwin.add(value, at) is None
        for at, value in enumerate(coins(rng, after, 1000), start=1000):
            change = adwin.add(value, at)
            if change is not None:
                break
        assert change is not None, f"seed {seed}: not found within 1,000 items"
        assert (change.after > change.before) == (after > before)
        assert change.before == pytest.approx(before, abs=0.06)
        delays.append(at - 1000)
        dated.append(change.since)
    assert np.mean(delays) < 300
    assert np.median(np.abs(np.asarray(dated) - 1000)) < 100


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_a_stream_that_does_not_change_alarms_less_often_than_delta(share: float):
    delta, alarms, items = 0.05, 0, 0
    for seed in range(20):
        adwin = Adwin(delta)
        for value in coins(np.random.default_rng(seed), share, 500):
            alarms += adwin.add(value) is not None
            items += 1
    assert alarms / items < delta
    assert alarms <= 20 * delta * 10  # in practice far less often: a handful a stream would be noise


def test_after_a_change_the_old_items_are_forgotten():
    adwin = Adwin()
    for value in [0.1] * 500 + [0.9] * 500:
        adwin.add(value)
    assert adwin.mean == pytest.approx(0.9, abs=0.02)
    assert len(adwin) < 600


def test_a_gradual_change_is_found():
    rng = np.random.default_rng(1)
    adwin = Adwin()
    found = [
        at
        for at in range(4000)
        if adwin.add(float(rng.random() < 0.1 + 0.4 * max(0, at - 1000) / 3000)) is not None
    ]
    assert found
    assert min(found) > 1000


def test_values_outside_of_the_bound_and_odd_deltas_are_refused():
    for value in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match=r"0\.\.1"):
            Adwin().add(value)
    for delta in (0, 1):
        with pytest.raises(ValueError, match="delta"):
            Adwin(delta)


@given(st.lists(st.floats(0, 1), max_size=300))
@settings(max_examples=50, deadline=None)
def test_window_and_mean_are_those_of_the_newest_items_in_logarithmic_memory(values: list[float]):
    adwin = Adwin()
    for at, value in enumerate(values):
        adwin.add(value, at)
    kept = values[len(values) - len(adwin) :]
    assert len(adwin) <= len(values)
    assert adwin.mean == pytest.approx(sum(kept) / max(1, len(kept)))
    assert adwin.buckets <= PER_SIZE * (math.log2(len(values) + 1) + 1)
    state = adwin.to_json()["buckets"]
    assert all(older[0] >= newer[0] for older, newer in pairwise(state))
    assert [int(since) for _, _, _, since in state[:1]] == [len(values) - len(adwin)] * bool(values)
    total = sum(deviation for _, _, deviation, _ in state)
    assert total <= len(kept) * float(np.var(kept or [0.0])) + 1e-9


@given(st.lists(st.booleans(), max_size=200), st.integers(0, 200))
@settings(max_examples=50, deadline=None)
def test_it_goes_on_after_a_restart_as_if_there_had_been_none(bits: list[bool], at: int):
    whole, first = Adwin(), Adwin()
    expected = [whole.add(float(bit), index) for index, bit in enumerate(bits)]
    got = [first.add(float(bit), index) for index, bit in enumerate(bits[:at])]
    second = Adwin.from_json(json.loads(json.dumps(first.to_json())))
    got += [second.add(float(bit), index) for index, bit in enumerate(bits[at:], start=at)]
    assert got == expected
    assert second.to_json() == whole.to_json()
