"""What admins are told when the world moves away from the model."""

from __future__ import annotations

from datetime import timedelta

from bot.blocks.drift import (
    CategoryShift,
    DriftFigures,
    DriftView,
    Signal,
    age_text,
    drift_alert,
    drift_blocks,
)
from bot.blocks.home import home_view
from playground.blocks.validation import check_message_blocks
from tests.factories.rows import CATEGORIES, NOW
from tests.factories.snapshots import check_card, check_home

RISEN = DriftView(
    Signal.CORRECTIONS,
    0.08,
    0.24,
    NOW,
    shifts=[CategoryShift("Billing", 0.05, 0.5), CategoryShift("Network", 0.0, 0.1)],
    words=["voucher", "checkout"],
    model_age=timedelta(days=34),
)
FALLEN = DriftView(Signal.CONFIDENCE, 0.88, 0.61, NOW)


def test_risen_corrections():
    check_card("drift_corrections", drift_alert(RISEN))


def test_fallen_confidence():
    check_card("drift_confidence", drift_alert(FALLEN))


def test_hostile_names_and_words_do_nothing():
    shifts = [CategoryShift("<!channel> *x*", 0, 1)] * 50
    view = DriftView(Signal.CORRECTIONS, 0, 1, NOW, shifts, ["<!here>", "`code`", "w" * 500] * 50)
    card = drift_alert(view)
    check_message_blocks(card.blocks, {})
    assert "<!" not in str(card.blocks)


def test_the_figures_of_app_home():
    figures = DriftFigures(timedelta(days=12), (93, 100), (700, 800), [RISEN, FALLEN])
    view = home_view(CATEGORIES, "m1", {}, is_admin=True)
    view["blocks"][3:3] = drift_blocks(figures)
    check_home("home_drift", view)


def test_a_workspace_without_routings_has_no_figures():
    assert drift_blocks(DriftFigures(None, (0, 0), (0, 0))) == []


def test_ages():
    assert [age_text(timedelta(hours=h)) for h in (0, 1, 5, 24, 49)] == [
        "less than an hour",
        "1 hour",
        "5 hours",
        "1 day",
        "2 days",
    ]
