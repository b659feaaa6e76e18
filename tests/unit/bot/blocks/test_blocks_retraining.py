"""The one message of a retraining."""

from __future__ import annotations

from typing import Any

import pytest

from bot.blocks.category_update import update_card
from bot.blocks.retrain_result import result_card
from bot.blocks.retraining import STAGES, duration, progress_card
from playground.blocks.validation import check_message_blocks
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


def changed(**more: Any) -> dict[str, Any]:
    """Metrics of a run that judged both models on starter messages and on own tickets."""
    return METRICS | {
        "held_out": 1049,
        "accuracy_before": 0.912,
        "accuracy_before_interval": [0.88, 0.94],
        "doubtful": 2,
        "changes": {
            "own": 60,
            "own_accuracy": 0.9,
            "own_accuracy_before": 0.8,
            "better": [{"category": "billing", "before": 0.81, "now": 0.9}],
            "worse": [{"category": "network", "before": 0.92, "now": 0.89}],
            "newly_right": [
                {"ticket": "t1", "right": "billing", "before": "network", "now": "billing"},
                {"ticket": "gone", "right": "billing", "before": "network", "now": "billing"},
                {"text": "my <wifi> & vpn", "right": "network", "before": "login", "now": "network"},
            ],
            "newly_wrong": [{"text": "no code came", "right": "login", "before": "login", "now": "network"}],
        },
        "links": {"t1": "https://acme.slack.com/archives/C0HELP/p1790000000000100"},
        **more,
    }


def test_it_is_live_and_what_changed_is_said():
    check_card("retraining_done_changes", result_card("done", "", VERSION, changed(), ANNA))


def test_a_refused_one_says_what_would_have_changed():
    reason = "The new model fails a category: it has lost 'network': 0 of 4 messages right, where 4 were."
    check_card("retraining_refused_changes", result_card("failed", reason, VERSION, changed(), "schedule"))


def test_a_ticket_is_shown_as_a_link_or_not_at_all():
    shown = str(result_card("done", "", VERSION, changed(), ANNA).blocks)
    assert "p1790000000000100|your ticket" in shown
    assert shown.count("your ticket>") == 1


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://x|y>", "", "https://a b"])
def test_what_is_no_link_links_nowhere(link: str):
    assert "your ticket>" not in str(
        result_card("done", "", VERSION, changed(links={"t1": link}), ANNA).blocks
    )


def test_what_people_wrote_neither_pings_nor_links():
    row = {"text": "<!channel> <@U1> " * 30, "right": "<!here>", "before": "*a*", "now": "`b`"}
    made = result_card("done", "", VERSION, changed(changes={"newly_right": [row] * 9}), ANNA)
    assert "<!" not in str(made.blocks) + made.text
    check_message_blocks(made.blocks, {})


def test_categories_that_wait_for_more_messages_are_named():
    assert (
        "Too few messages to learn yet: kitchen."
        in result_card("done", "", VERSION, changed(scarce=["kitchen"]), ANNA).text
    )


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


def test_changed_categories_are_in_use():
    metrics = {
        "learned": {"doors": [7, 8], "parking": [2, 6]},
        "waiting": ["canteen"],
        "removed": ["login"],
    }
    names = {"doors": "Doors & <gates>", "parking": "Parking", "canteen": "Canteen"}
    check_card("categories_learned", update_card("done", "98% right", metrics, names))


def test_changed_categories_are_not_learned():
    reason = "The new rows take messages from others: 'login' loses 4 points of F1."
    check_card("categories_refused", update_card("failed", reason, {}, {}))
