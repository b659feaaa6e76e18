"""When a retraining is due."""

from __future__ import annotations

from datetime import UTC, datetime

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
