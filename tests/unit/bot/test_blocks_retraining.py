"""The one message of a retraining."""

from __future__ import annotations

from typing import Any

import pytest

from bot.blocks.retraining import STAGES, duration, progress_card, result_card
from bot.playground.block_validation import check_message_blocks
from tests.factories.rows import ANNA
from tests.factories.snapshots import check_card

VERSION = "20260105T090000Z-7f3a"
METRICS: dict[str, Any] = {
    "accuracy": 0.934,
    "accuracy_interval": [0.9, 0.957],
    "labels": 7,
    "starter": 1104,
    "seconds": 143.4,
}
TRAINING = {"stage": "train", "fraction": 0.42, "epoch": 3, "epochs": 8, "eta_seconds": 80.2}


def test_it_waits():
    check_card("retraining_queued", progress_card({"stage": "queued"}, ANNA))


def test_it_trains():
    check_card("retraining_training", progress_card(TRAINING, ANNA))


def test_it_is_live():
    check_card("retraining_done", result_card("done", "93.4% right", VERSION, METRICS, ANNA))


def test_the_gate_refused_it():
    reason = "The new model is worse: 88.0% of 240 held-out messages right, where the present one has 93.4%."
    check_card("retraining_refused", result_card("failed", reason, VERSION, METRICS, "schedule"))


def test_it_failed():
    check_card(
        "retraining_failed", result_card("failed", "The training process ended with code 1.", None, {}, ANNA)
    )


@pytest.mark.parametrize("progress", [{}, {"fraction": None}, {"stage": "queued", "fraction": 0}], ids=str)
def test_little_to_tell_is_told(progress: dict[str, Any]):
    assert progress_card(progress, ANNA).text == "Retraining: waiting for the trainer, 0%"


@pytest.mark.parametrize(("fraction", "shown"), [(-1, "0%"), (2, "100%"), (0.999, "100%")])
def test_a_share_stays_between_0_and_100(fraction: float, shown: str):
    assert progress_card({"stage": "train", "fraction": fraction}, ANNA).text.endswith(shown)


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_has_words(stage: str):
    assert STAGES[stage].lower() in progress_card({"stage": stage}, ANNA).blocks[0]["text"]["text"].lower()


def test_an_unknown_stage_is_shown_escaped():
    card = progress_card({"stage": "<!channel> & more"}, "<!here>")
    assert "<!" not in str(card.blocks) + card.text


@pytest.mark.parametrize(
    ("who", "shown"), [("U0ANNA", "<@U0ANNA>"), ("W1", "<@W1>"), ("schedule", "the schedule")]
)
def test_a_person_is_mentioned_and_the_schedule_is_named(who: str, shown: str):
    card = progress_card({}, who)
    assert card.blocks[-1]["elements"][0]["text"] == f"Asked by {shown}"


def test_one_label_is_no_plural():
    assert "1 label that" in result_card("done", "", VERSION, {"labels": 1}, ANNA).text


def test_limits_hold_for_a_long_reason():
    check_message_blocks(result_card("failed", "<&>" * 5000, None, METRICS, ANNA).blocks, {})


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-3, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (80, "1 min 20 s"), (3600, "60 min 00 s")],
)
def test_seconds_as_a_person_says_them(seconds: float, shown: str):
    assert duration(seconds) == shown
