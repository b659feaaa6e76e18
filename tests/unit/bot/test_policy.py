"""The borders of the policy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy import ASK_WITH, Decision, Outcome, Thresholds, decide
from tests.factories.rows import prediction

ACTIVE = frozenset({"login", "network", "billing"})
SHARE = st.floats(0, 1)


@pytest.mark.parametrize(
    ("confidence", "outcome"),
    [(0.8, Outcome.ROUTED), (0.7, Outcome.ROUTED), (0.699, Outcome.ASKED), (0.1, Outcome.ASKED)],
)
def test_it_routes_from_the_threshold_on_and_asks_below(confidence: float, outcome: Outcome):
    decision = decide(prediction(confidence=confidence), Thresholds(route=0.7), ACTIVE)
    assert decision.outcome is outcome
    assert decision.category == ("login" if outcome is Outcome.ROUTED else None)


def test_without_a_channels_threshold_the_models_own_counts():
    assert decide(prediction(confidence=0.8, threshold=0.9), Thresholds(), ACTIVE).outcome is Outcome.ASKED
    assert decide(prediction(confidence=0.8, threshold=0.8), Thresholds(), ACTIVE).outcome is Outcome.ROUTED


def test_a_channels_threshold_of_zero_routes_everything():
    said = prediction(confidence=0.01, threshold=0.9)
    assert decide(said, Thresholds(route=0.0), ACTIVE).outcome is Outcome.ROUTED


@pytest.mark.parametrize(("score", "outcome"), [(0.5, Outcome.OUT_OF_SCOPE), (0.499, Outcome.ROUTED)])
def test_it_keeps_silent_from_the_out_of_scope_threshold_on(score: float, outcome: Outcome):
    assert decide(prediction(confidence=0.99, out_of_scope=score), Thresholds(), ACTIVE).outcome is outcome


def test_it_asks_where_the_category_was_retired_and_does_not_offer_it():
    decision = decide(prediction(confidence=0.99), Thresholds(), ACTIVE - {"login"})
    assert decision == Decision(Outcome.ASKED, None, (("network", 0.07), ("billing", 0.05)))


def test_it_asks_without_choices_where_every_category_was_retired():
    assert decide(prediction(), Thresholds(), frozenset()) == Decision(Outcome.ASKED, None, ())


def test_it_offers_the_likeliest_three_best_first():
    many = [(f"c{index}", 0.3 - index / 20) for index in range(5)]
    decision = decide(prediction("c0", 0.3, many), Thresholds(), frozenset(slug for slug, _ in many))
    assert decision.choices == tuple(many[:ASK_WITH])


@given(confidence=SHARE, threshold=SHARE, scope=SHARE, limit=SHARE)
def test_more_confidence_never_turns_a_routing_into_a_question(
    confidence: float, threshold: float, scope: float, limit: float
):
    thresholds = Thresholds(threshold, limit)
    before = decide(prediction(confidence=confidence, out_of_scope=scope), thresholds, ACTIVE).outcome
    after = decide(prediction(confidence=1.0, out_of_scope=scope), thresholds, ACTIVE).outcome
    assert after is before or (before, after) == (Outcome.ASKED, Outcome.ROUTED)
