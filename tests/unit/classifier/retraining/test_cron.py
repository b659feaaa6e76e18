"""When a retraining is due."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from classifier.retraining.scheduler import cron_trigger

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)  # a Monday


def due(expression: str, timezone: str = "UTC", now: datetime = NOW) -> datetime | None:
    """Return the first time after now, in UTC."""
    fires: datetime | None = cron_trigger(expression, timezone).get_next_fire_time(None, now)
    return fires.astimezone(UTC) if fires else None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 3 * * *", datetime(2026, 1, 6, 3, 0, tzinfo=UTC)),
        ("*/15 * * * *", datetime(2026, 1, 5, 9, 0, tzinfo=UTC)),
        ("30 2 1 * *", datetime(2026, 2, 1, 2, 30, tzinfo=UTC)),
        ("0 4 * * sun", datetime(2026, 1, 11, 4, 0, tzinfo=UTC)),
        ("0 4 * * mon-fri", datetime(2026, 1, 6, 4, 0, tzinfo=UTC)),
    ],
)
def test_five_fields_say_when(expression: str, expected: datetime):
    assert due(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 4 * * 0", datetime(2026, 1, 11, 4, 0, tzinfo=UTC)),
        ("0 4 * * 7", datetime(2026, 1, 11, 4, 0, tzinfo=UTC)),
        ("0 4 * * 0-1,4", datetime(2026, 1, 8, 4, 0, tzinfo=UTC)),
        ("0 4 * * 2-6", datetime(2026, 1, 6, 4, 0, tzinfo=UTC)),
    ],
)
def test_weekday_numbers_mean_what_they_mean_in_cron(expression: str, expected: datetime):
    assert due(expression) == expected


def test_the_time_zone_is_the_operators():
    assert due("0 3 * * *", "Europe/Berlin") == datetime(2026, 1, 6, 2, 0, tzinfo=UTC)
    summer = datetime(2026, 7, 6, 9, 0, tzinfo=UTC)
    assert due("0 3 * * *", "Europe/Berlin", summer) == datetime(2026, 7, 7, 1, 0, tzinfo=UTC)


ZONES = (
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Atlantic/Azores",
    "Africa/Cairo",
    "Asia/Kolkata",
)


@pytest.mark.parametrize("timezone", ZONES)
@pytest.mark.parametrize("expression", ["0 3 * * *", "30 2 * * *", "30 1 * * *", "0 1 * * *", "0 0 * * *"])
def test_no_night_of_the_year_is_skipped_and_none_comes_twice(expression: str, timezone: str):
    trigger, zone = cron_trigger(expression, timezone), ZoneInfo(timezone)
    before, now = None, datetime(2026, 1, 1, 12, tzinfo=UTC)
    nights = []
    while (fires := trigger.get_next_fire_time(before, now)).year == 2026:
        assert fires > now
        nights.append(fires.astimezone(zone).date())
        before, now = fires, fires.astimezone(UTC)
    first = nights[0]
    assert nights == [first + timedelta(days=number) for number in range(len(nights))]
    assert len(nights) >= 364


@pytest.mark.parametrize(
    ("expression", "night", "expected"),
    [
        ("0 3 * * *", (2026, 3, 29), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
        ("30 2 * * *", (2026, 3, 29), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),  # 3:30: there is no 2:30
        ("0 3 * * *", (2026, 10, 25), datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
        ("30 2 * * *", (2026, 10, 25), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # the first of two
    ],
)
def test_the_nights_on_which_the_clock_changes(
    expression: str, night: tuple[int, int, int], expected: datetime
):
    evening = datetime(*night, tzinfo=ZoneInfo("Europe/Berlin")) - timedelta(hours=4)
    assert due(expression, "Europe/Berlin", evening) == expected
    assert due(expression, "Europe/Berlin", expected + timedelta(minutes=1)) > expected + timedelta(hours=20)


def test_what_comes_often_goes_on_in_the_night_on_which_the_clock_changes():
    trigger, now = cron_trigger("*/30 * * * *", "Europe/Berlin"), datetime(2026, 3, 29, 0, 45, tzinfo=UTC)
    for _ in range(4):
        now += timedelta(minutes=1)
        fires = trigger.get_next_fire_time(None, now)
        assert timedelta(0) <= fires - now <= timedelta(minutes=30)
        now = fires.astimezone(UTC)


@pytest.mark.parametrize(
    ("expression", "timezone"),
    [
        ("", "UTC"),
        ("daily", "UTC"),
        ("0 3 * *", "UTC"),
        ("0 3 * * * *", "UTC"),
        ("99 3 * * *", "UTC"),
        ("0 3 * * funday", "UTC"),
        ("0 3 * * *", "Mars/Olympus"),
    ],
)
def test_what_is_no_schedule_is_refused_with_both_values(expression: str, timezone: str):
    with pytest.raises(ValueError, match="is no cron schedule") as caught:
        cron_trigger(expression, timezone)
    assert repr(expression) in str(caught.value)
    assert repr(timezone) in str(caught.value)
