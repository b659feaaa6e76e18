"""What counts as drift, and what is said of it."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np

from bot.blocks.drift import CategoryShift, Signal
from bot.models.drift_signals import Detector, is_worse, new_words, shifts
from classifier.feedback.adwin import Adwin, Change
from storage.training.drift import Observation, Routing
from tests.factories.rows import NOW


def observations(
    share: float, count: int, *, seed: int, start: int = 0, version: str = "m1"
) -> list[Observation]:
    hits = np.random.default_rng(seed).random(count) < share
    return [
        Observation(float(hit), NOW + timedelta(minutes=start + index), version)
        for index, hit in enumerate(hits)
    ]


def routing(text: str = "", *, category: str = "login", corrected: bool = False) -> Routing:
    return Routing(category, corrected, NOW, text)


def test_only_the_worse_direction_is_told():
    up, down = Change(0.1, 0.3, 50, 50, 0), Change(0.3, 0.1, 50, 50, 0)
    assert (is_worse(Signal.CORRECTIONS, up), is_worse(Signal.CORRECTIONS, down)) == (True, False)
    assert (is_worse(Signal.CONFIDENCE, up), is_worse(Signal.CONFIDENCE, down)) == (False, True)


def test_a_change_is_found_across_restarts_and_dated():
    detector = Detector.from_json({})
    assert detector.feed(Signal.CORRECTIONS, observations(0.1, 300, seed=1)) is None
    detector = Detector.from_json(json.loads(json.dumps(detector.to_json())))
    change = detector.feed(Signal.CORRECTIONS, observations(0.6, 200, seed=2, start=300))
    assert change is not None
    assert change.after > 0.4
    assert abs(change.since - (NOW + timedelta(minutes=300)).timestamp()) < 3600


def test_the_rest_of_a_known_change_is_no_second_one():
    detector = Detector(Adwin())
    detector.feed(Signal.CORRECTIONS, observations(0.1, 300, seed=1))
    first = observations(0.6, 30, seed=2, start=300)
    assert detector.feed(Signal.CORRECTIONS, first) is not None
    detector.alerted_until = first[-1].at.timestamp()
    assert detector.feed(Signal.CORRECTIONS, observations(0.6, 300, seed=3, start=330)) is None
    assert detector.feed(Signal.CORRECTIONS, observations(0.95, 300, seed=4, start=630)) is not None


def test_another_models_confidence_is_no_change_of_the_messages():
    high = [Observation(0.95, NOW + timedelta(minutes=at), "m1") for at in range(300)]
    low = [Observation(0.6, NOW + timedelta(minutes=at), "m2") for at in range(300, 600)]
    assert Detector(Adwin()).feed(Signal.CONFIDENCE, [*high, *low]) is None
    same = [Observation(item.value, item.at, "m1") for item in low]
    assert Detector(Adwin()).feed(Signal.CONFIDENCE, [*high, *same]) is not None
    assert Detector(Adwin()).feed(Signal.CORRECTIONS, [*high, *low]) is None  # better, not worse


def test_categories_that_are_corrected_more_often_come_worst_first():
    before = [routing(category="login", corrected=at < 1) for at in range(10)]
    after = [
        *[routing(category="login", corrected=at < 2) for at in range(10)],
        *[routing(category="billing", corrected=True) for _ in range(3)],
        *[routing(category="network", corrected=True) for _ in range(2)],  # too few to say
    ]
    assert shifts(before, after, {"login": "Sign-in"}) == [
        CategoryShift("billing", 0.0, 1.0),
        CategoryShift("Sign-in", 0.1, 0.2),
    ]


def test_new_words_are_those_of_several_corrected_tickets_that_nobody_used_before():
    before = [routing("the invoice is wrong"), routing("voucherless", corrected=True)]
    after = [
        routing("the Voucher code of <@U0ANNA> is wrong 12345", corrected=True),
        routing("voucher for my colleague Thorben", corrected=True),
        routing("voucher and invoice", corrected=True),
        routing("checkout checkout"),
        routing("checkout"),
    ]
    assert new_words(before, after) == ["voucher"]
    assert new_words([], []) == []
