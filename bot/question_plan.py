"""When the bot may ask by itself: a budget for each day, spread over the working hours. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

SATURDAY = 5
_HOURS = re.compile(r"(\d{1,2})\s*-\s*(\d{1,2})")


def working_hours(text: str) -> tuple[int, int]:
    """Read "9-17": from nine o'clock up to seventeen, not included.

    Raises:
        ValueError: it is not two whole hours, the first one earlier.
    """
    match = _HOURS.fullmatch(text.strip())
    start, end = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 0 <= start < end <= 24:  # noqa: PLR2004 - hours of a day
        raise ValueError(f"{text!r} are no working hours: write two whole hours, such as 9-17")
    return start, end


def zone_of(name: str) -> tzinfo:
    """Return a time zone by its IANA name.

    Raises:
        ValueError: there is none of that name.
    """
    if name in {"UTC", "Etc/UTC"}:  # without the zone files of the system, too
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone: write one such as Europe/Berlin") from error


@dataclass(frozen=True, slots=True)
class QuestionPlan:
    """How much may be asked, and when.

    Attributes:
        per_day: the budget of a workspace's day; 0: the bot asks nothing by itself.
        hours: (first, last) hour of work, the last one not included.
        zone: the workspace's; it says when a day begins, and counts where a channel's own is not known.
    """

    per_day: int = 5
    hours: tuple[int, int] = (9, 17)
    zone: tzinfo = field(default=UTC)

    def day(self, now: datetime) -> str:
        """Return the workspace's date, YYYY-MM-DD: the budget is for this."""
        return now.astimezone(self.zone).date().isoformat()

    @property
    def pause(self) -> timedelta:
        """Time between two questions, so that the budget is spread over the working hours."""
        start, end = self.hours
        return timedelta(hours=end - start) / max(1, self.per_day)

    def is_working_time(self, now: datetime, zone: tzinfo | None = None) -> bool:
        """Say whether people work at this moment where the clock shows the time of `zone`."""
        local = now.astimezone(zone or self.zone)
        start, end = self.hours
        return local.weekday() < SATURDAY and start <= local.hour < end
