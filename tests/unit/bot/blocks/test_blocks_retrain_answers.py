"""What `/retrain`'s subcommands answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from bot.blocks.retraining import (
    cancelled_card,
    dry_run_card,
    help_card,
    history_card,
    progress_card,
    rollback_card,
    status_card,
)
from playground.blocks.validation import check_message_blocks
from storage.models import RetrainRun, RunSource, RunState
from tests.factories.rows import ANNA, LENA, NOW, TEAM
from tests.factories.snapshots import check_card

VERSION, BEFORE = "20260105T090000Z-7f3a00", "20260104T090000Z-11aa22"
NEXT = datetime(2026, 1, 6, 3, tzinfo=UTC)
MEASURED = {"accuracy_before": 0.912, "accuracy": 0.934}


def run(state: RunState = RunState.DONE, **fields: Any) -> RetrainRun:
    values: dict[str, Any] = {
        "id": UUID(int=1),
        "team_id": TEAM,
        "slot": "cron/1",
        "state": state,
        "requested_by": ANNA,
        "source": RunSource.COMMAND,
        "metrics": MEASURED,
        "model_version": VERSION,
        "created_at": NOW,
        "finished_at": NOW,
        "dry_run": False,
    }
    return RetrainRun(**(values | fields))


REFUSED = run(RunState.FAILED, reason="The new model is worse: <b> & 88.0%.", requested_by="schedule")
CANCELLED = run(RunState.CANCELLED, cancel_requested_by=LENA, metrics=None, model_version=None)
DRY = run(dry_run=True, metrics=MEASURED | {"would_promote": True})
DRY_REFUSED = run(dry_run=True, reason="Worse on billing.", metrics=MEASURED | {"would_promote": False})
UNDER_WAY = run(
    RunState.RUNNING,
    progress={"stage": "train", "fraction": 0.4, "eta_seconds": 80, "attempt": 2},
    finished_at=None,
    metrics=None,
    model_version=None,
)


def status(**changes: Any) -> Any:
    values: dict[str, Any] = {
        "version": VERSION,
        "active": None,
        "last": run(),
        "new_labels": 7,
        "after_labels": 50,
        "next_at": NEXT,
    }
    return status_card(**(values | changes))


def test_nothing_is_under_way():
    check_card("retrain_status_idle", status())


def test_one_is_under_way():
    check_card("retrain_status_running", status(active=UNDER_WAY))


def test_one_is_about_to_end():
    ending = run(RunState.RUNNING, progress={}, cancel_requested_by=LENA)
    check_card("retrain_status_ending", status(active=ending))


def test_a_new_model_answers_in_silence():
    shadow = {"version": BEFORE, "until": NEXT, "answered": 120, "differ": 7}
    check_card("retrain_status_shadow", status(shadow=shadow))


def test_a_schedule_may_be_all_there_is():
    shown = status(last=None, after_labels=0, new_labels=1).blocks[0]["text"]["text"]
    assert "There was none so far" in shown
    assert "1 label is new" in shown
    assert "by myself" not in shown


def test_the_last_ten():
    check_card("retrain_history", history_card([UNDER_WAY, run(), REFUSED, CANCELLED, DRY, DRY_REFUSED]))


def test_no_run_so_far():
    check_card("retrain_history_empty", history_card([]))


def test_a_long_history_stays_within_slacks_limits():
    hostile = run(RunState.FAILED, reason="<&>" * 5000, requested_by="<!here>")
    check_message_blocks(history_card([hostile] * 10).blocks, {})
    assert "<!here" not in str(history_card([hostile]).blocks)


@pytest.mark.parametrize(("name", "dry"), [("promoted", DRY), ("refused", DRY_REFUSED)])
def test_a_dry_run_ended(name: str, dry: RetrainRun):
    check_card(f"retrain_dry_run_{name}", dry_run_card(dry))


def test_somebody_cancelled():
    check_card("retrain_cancelled", cancelled_card(ANNA, LENA))


def test_another_model_answers():
    check_card("retrain_rollback", rollback_card(BEFORE, VERSION, busy=False))
    check_card("retrain_rollback_busy", rollback_card(BEFORE, None, busy=True))


def test_how_to_use_it():
    check_card("retrain_help", help_card())


def test_a_dry_run_and_a_second_attempt_are_named_in_the_progress():
    check_card("retrain_progress_dry_run", progress_card(UNDER_WAY.progress or {}, ANNA, dry_run=True))
