"""A clock that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


class MovingClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = MONDAY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> datetime:
        """Go on by `hours=`, `minutes=`, `days=`."""
        self.now += timedelta(**by)
        return self.now
