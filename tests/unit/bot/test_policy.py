"""The borders of the policy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy import ASK_WITH, ASK_WITH_AT_MOST, Decision, Thresholds, decide
from classifier.contract import Prediction
from classifier.feedback.correction_memory import Recalled
from storage.models import TicketState
from tests.factories.rows import prediction

ACTIVE = frozenset({"login", "network", "billing"})
SHARE = st.floats(0, 1)


@pytest.mark.parametrize(
    ("confidence", "outcome"),
    [
        (0.8, TicketState.ROUTED),
        (0.7, TicketState.ROUTED),
        (0.699, TicketState.ASKED),
        (0.1, TicketState.ASKED),
    ],
)
def test_it_routes_from_the_threshold_on_and_asks_below(confidence: float, outcome: TicketState):
    decision = decide(prediction(confidence=confidence), Thresholds(route=0.7), ACTIVE)
    assert decision.outcome is outcome
    assert decision.category == ("login" if outcome is TicketState.ROUTED else None)


@pytest.mark.parametrize(
    "said", [prediction(confidence=0.99), prediction(confidence=0.99, out_of_scope=0.99)]
)
def test_a_message_in_a_language_that_was_never_learned_is_asked_about(said: Prediction):
    decision = decide(said, Thresholds(), ACTIVE, foreign=True)
    assert decision.outcome is TicketState.ASKED
    assert decision.choices


def test_what_people_said_of_the_same_message_counts_in_every_language():
    sure = Recalled(0, "billing", 1.0, sure=True)
    decision = decide(prediction(confidence=0.99), Thresholds(), ACTIVE, sure, foreign=True)
    assert (decision.outcome, decision.category) == (TicketState.ROUTED, "billing")


def test_without_a_channels_threshold_the_models_own_counts():
    assert (
        decide(prediction(confidence=0.8, threshold=0.9), Thresholds(), ACTIVE).outcome is TicketState.ASKED
    )
    assert (
        decide(prediction(confidence=0.8, threshold=0.8), Thresholds(), ACTIVE).outcome is TicketState.ROUTED
    )


def test_a_channels_threshold_of_zero_routes_everything():
    said = prediction(confidence=0.01, threshold=0.9)
    assert decide(said, Thresholds(route=0.0), ACTIVE).outcome is TicketState.ROUTED


@pytest.mark.parametrize(("score", "outcome"), [(0.5, TicketState.OUT_OF_SCOPE), (0.499, TicketState.ROUTED)])
def test_it_keeps_silent_from_the_out_of_scope_threshold_on(score: float, outcome: TicketState):
    assert decide(prediction(confidence=0.99, out_of_scope=score), Thresholds(), ACTIVE).outcome is outcome


def test_it_asks_where_the_category_was_retired_and_does_not_offer_it():
    decision = decide(prediction(confidence=0.99), Thresholds(), ACTIVE - {"login"})
    assert decision == Decision(TicketState.ASKED, None, (("network", 0.07), ("billing", 0.05)))


def test_it_asks_without_choices_where_every_category_was_retired():
    assert decide(prediction(), Thresholds(), frozenset()) == Decision(TicketState.ASKED, None, ())


MANY = tuple((f"c{index}", 0.3 - index / 40) for index in range(8))


@pytest.mark.parametrize(
    ("in_the_set", "offered"), [(0, ASK_WITH), (1, ASK_WITH), (4, 4), (5, 5), (8, ASK_WITH_AT_MOST)]
)
def test_it_offers_the_prediction_set_best_first_at_least_three_and_at_most_five(
    in_the_set: int, offered: int
):
    candidates = tuple(slug for slug, _ in MANY[:in_the_set])
    said = prediction("c0", 0.3, MANY, candidates=candidates)
    assert decide(said, Thresholds(), frozenset(slug for slug, _ in MANY)).choices == MANY[:offered]


def test_a_retired_category_of_the_prediction_set_makes_no_room_for_another():
    said = prediction("c0", 0.3, MANY, candidates=("c0", "c1", "c2", "c3"))
    active = frozenset(slug for slug, _ in MANY) - {"c1"}
    assert decide(said, Thresholds(), active).choices == (MANY[0], MANY[2], MANY[3])


@given(confidence=SHARE, threshold=SHARE, scope=SHARE, limit=SHARE)
def test_more_confidence_never_turns_a_routing_into_a_question(
    confidence: float, threshold: float, scope: float, limit: float
):
    thresholds = Thresholds(threshold, limit)
    before = decide(prediction(confidence=confidence, out_of_scope=scope), thresholds, ACTIVE).outcome
    after = decide(prediction(confidence=1.0, out_of_scope=scope), thresholds, ACTIVE).outcome
    assert after is before or (before, after) == (TicketState.ASKED, TicketState.ROUTED)


def recalled(category: str | None = "billing", *, sure: bool = True) -> Recalled:
    return Recalled(0, category, 0.9, sure)


def test_what_people_said_of_a_message_like_it_overrules():
    decision = decide(prediction(confidence=0.99), Thresholds(), ACTIVE, recalled())
    assert (decision.outcome, decision.category, decision.remembered) == (TicketState.ROUTED, "billing", True)


def test_where_people_said_the_same_the_models_own_routing_stands():
    said = prediction(confidence=0.99)
    assert decide(said, Thresholds(), ACTIVE, recalled("login")) == decide(said, Thresholds(), ACTIVE)
    unsure = decide(prediction(confidence=0.3), Thresholds(), ACTIVE, recalled("login"))
    assert (unsure.category, unsure.remembered) == ("login", True)


def test_a_doubt_asks_with_what_people_said_first():
    decision = decide(prediction(confidence=0.99), Thresholds(), ACTIVE, recalled(sure=False))
    assert decision.outcome is TicketState.ASKED
    assert [slug for slug, _ in decision.choices] == ["billing", "login", "network"]


def test_the_score_alone_does_not_silence_a_message_like_a_labelled_ticket():
    stranger = prediction(out_of_scope=0.9)
    assert decide(stranger, Thresholds(), ACTIVE, recalled()).outcome is TicketState.ROUTED
    assert decide(stranger, Thresholds(), ACTIVE, recalled(sure=False)).outcome is TicketState.ASKED
    assert decide(stranger, Thresholds(), ACTIVE, recalled(None)) == decide(stranger, Thresholds(), ACTIVE)


@pytest.mark.parametrize(("sure", "outcome"), [(True, TicketState.OUT_OF_SCOPE), (False, TicketState.ASKED)])
def test_none_of_these_silences_where_it_is_sure_and_else_asks(sure: bool, outcome: TicketState):
    decision = decide(prediction(confidence=0.99), Thresholds(), ACTIVE, recalled(None, sure=sure))
    assert (decision.outcome, decision.category, decision.remembered) == (outcome, None, True)


def test_it_asks_where_what_people_said_was_retired_or_the_channel_routes_nothing():
    said = prediction(confidence=0.99)
    assert decide(said, Thresholds(), ACTIVE - {"billing"}, recalled()).outcome is TicketState.ASKED
    assert decide(said, Thresholds(route=1.0), ACTIVE, recalled()).outcome is TicketState.ASKED


def test_it_asks_where_there_is_nothing_to_read():
    assert decide(None, Thresholds(), ACTIVE) == Decision(TicketState.ASKED, None)
