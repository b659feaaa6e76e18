"""May a newly trained model answer?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifier.gate import Measured, judge


def measured(accuracy: float, spread: float = 0.03, n: int = 240) -> Measured:
    """Make a measurement with a symmetric interval."""
    return Measured(accuracy, (max(0.0, accuracy - spread), min(1.0, accuracy + spread)), n)


def test_the_first_model_goes_live():
    verdict = judge(None, measured(0.4))
    assert verdict.promoted
    assert verdict.reason == "First model: 40.0% of 240 held-out messages right."


@pytest.mark.parametrize("champion", [None, measured(0.9)])
def test_a_model_that_nothing_was_measured_on_does_not(champion: Measured | None):
    verdict = judge(champion, measured(0.0, n=0))
    assert not verdict.promoted
    assert "no held-out messages" in verdict.reason


@pytest.mark.parametrize(
    ("challenger", "promoted"),
    [
        (0.95, True),  # better
        (0.90, True),  # the same
        (0.88, True),  # worse, but it may be chance
        (0.8701, True),
        (0.8699, False),  # the whole interval lies below
        (0.5, False),
    ],
)
def test_only_a_clearly_worse_model_is_refused(challenger: float, promoted: bool):
    assert judge(measured(0.9), measured(challenger)).promoted is promoted


def test_a_refusal_says_both_numbers():
    assert judge(measured(0.93), measured(0.8)).reason == (
        "The new model is worse: 80.0% of 240 held-out messages right, where the present one has 93.0%."
    )


def test_a_promotion_says_both_numbers():
    assert judge(measured(0.9), measured(0.93)).reason == (
        "93.0% of 240 held-out messages right; the one before had 90.0%."
    )


@given(champion=st.floats(0, 1), challenger=st.floats(0, 1), better=st.floats(0, 1), spread=st.floats(0, 0.2))
def test_a_better_challenger_never_fares_worse(
    champion: float, challenger: float, better: float, spread: float
):
    low, high = sorted((challenger, better))
    if judge(measured(champion), measured(low, spread)).promoted:
        assert judge(measured(champion), measured(high, spread)).promoted


@given(accuracy=st.floats(0, 1), spread=st.floats(0, 0.2))
def test_an_equal_model_is_never_refused(accuracy: float, spread: float):
    assert judge(measured(accuracy), measured(accuracy, spread)).promoted
