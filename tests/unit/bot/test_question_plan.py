"""When the bot may ask by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.question_plan import QuestionPlan, working_hours, zone_of

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(("text", "hours"), [("9-17", (9, 17)), (" 08 - 12 ", (8, 12)), ("0-24", (0, 24))])
def test_working_hours_are_two_whole_hours(text: str, hours: tuple[int, int]):
    assert working_hours(text) == hours


@pytest.mark.parametrize("text", ["", "9", "17-9", "9-9", "9-25", "9:30-17", "nine-five"])
def test_other_hours_are_refused(text: str):
    with pytest.raises(ValueError, match="such as 9-17"):
        working_hours(text)


def test_an_unknown_time_zone_is_refused():
    assert zone_of("UTC") is UTC
    for name in ("Mars/Olympus", "../../etc/passwd", ""):
        with pytest.raises(ValueError, match="no time zone"):
            zone_of(name)


@pytest.mark.parametrize(
    ("now", "zone", "working"),
    [
        (MONDAY.replace(hour=9), UTC, True),
        (MONDAY.replace(hour=8, minute=59), UTC, False),
        (MONDAY.replace(hour=16, minute=59), UTC, True),
        (MONDAY.replace(hour=17), UTC, False),
        (MONDAY.replace(hour=8), BERLIN, True),
        (MONDAY.replace(hour=16), BERLIN, False),
        (MONDAY + timedelta(days=5, hours=10), UTC, False),
        (MONDAY + timedelta(days=6, hours=10), UTC, False),
        (MONDAY + timedelta(days=4, hours=10), UTC, True),
    ],
)
def test_people_work_by_their_own_clock_and_not_at_weekends(now, zone, working):
    assert QuestionPlan().is_working_time(now, zone) is working


def test_a_day_is_the_workspaces_own():
    plan = QuestionPlan(zone=ZoneInfo("America/Los_Angeles"))
    assert plan.day(datetime(2026, 3, 3, 3, tzinfo=UTC)) == "2026-03-02"


@given(st.integers(1, 100), st.integers(0, 23), st.integers(1, 24))
def test_the_budget_fits_into_the_working_hours(per_day: int, start: int, length: int):
    plan = QuestionPlan(per_day, (start, min(24, start + length)))
    assert plan.pause * per_day <= timedelta(hours=length) + timedelta(milliseconds=1)
