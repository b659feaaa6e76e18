"""Cards of a shadow time."""

from __future__ import annotations

import pytest

from bot.blocks.retrain_result import result_card
from bot.blocks.shadow import SHOWN, Otherwise, shadow_card
from tests.factories.snapshots import check_card
from tests.factories.world import ANNA, text_of

VERSION = "20260102T000000Z-00000b"
COUNTED = {"answered": 120, "differ": 7, "judged": 3, "right_before": 1, "right_now": 2, "p_worse": 0.9}
SHOWN_ONES = [
    Otherwise("https://acme.slack.com/archives/C0HELP/p1", "Network", "Billing", "Billing"),
    Otherwise("https://acme.slack.com/archives/C0HELP/p2", "Sign-in", "Network", None),
]


def test_a_model_that_passed_and_answers_in_silence():
    metrics = {"accuracy": 0.9, "accuracy_before": 0.88, "shadow_until": "2026-01-02T05:00:00+00:00"}
    check_card("shadow_begins", result_card("done", "", VERSION, metrics, ANNA))


def test_one_that_goes_live():
    check_card("shadow_live", shadow_card(VERSION, {"state": "active", **COUNTED}, SHOWN_ONES))


def test_one_that_does_not():
    result = {"state": "refused", "reason": "It has 3 wrong, <!here> & more.", **COUNTED}
    check_card("shadow_refused", shadow_card(VERSION, result, SHOWN_ONES * SHOWN))


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"state": "candidate", "reason": "Another model answers by now."}, "Another model answers by now."),
        ({"state": "active", "answered": 0, "differ": 0}, "No message came"),
        ({"state": "active", "answered": 1, "differ": 0}, "answered 1 message in silence, 0 of them"),
    ],
)
def test_what_was_not_counted_is_not_said(result, said):
    shown = text_of({"text": "", "blocks": shadow_card(VERSION, result, []).blocks})
    assert said in shown
    assert "None" not in shown
