"""When to retrain: a cron and new labels insert runs; whoever holds the lease carries them out."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from storage.database import Database
from storage.models import RunSource
from storage.training.runs import UNFINISHED

MISFIRE_GRACE_SECONDS = 3600
"""A machine that slept through the slot still retrains within the hour; later it waits for the next."""

LOOK_SECONDS = 10
"""How often new labels are counted."""

_AN_INSTANT = timedelta(microseconds=1)
_MOST_PUT_FORWARD = timedelta(hours=3)
"""No clock is put forward by more than two hours."""

CRON_FIELDS = 5
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Cron counts weekdays from Sunday (0 and 7); APScheduler 3 counts from Monday, but both know the names."""

log = structlog.get_logger(__name__)


class WallClockTrigger(BaseTrigger):  # type: ignore[misc] # APScheduler 3 has no types
    """A cron that means the clock on the wall: each time that it names comes once, whatever the clock does.

    APScheduler's own trigger repeats what lies in the hour that autumn brings twice, and loses the midnight
    after the hour that spring leaves out. Here the first of two equal times counts, and a time that does not
    exist is as much later as the clock was put forward.
    """

    def __init__(self, cron: CronTrigger, zone: ZoneInfo) -> None:
        """Take a cron that is read as if the wall's clock were UTC, which no one puts forward or back."""
        self._cron = cron
        self.timezone = zone

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime | None:
        """Return the first time from now on, and after the previous one."""
        first = now if previous is None else max(now, previous + _AN_INSTANT)
        wall = first.astimezone(self.timezone).replace(tzinfo=UTC) - _MOST_PUT_FORWARD
        while (named := self._cron.get_next_fire_time(None, wall)) is not None:
            real: datetime = named.replace(tzinfo=self.timezone, fold=0).astimezone(UTC)
            if real >= first.astimezone(UTC):
                return real.astimezone(self.timezone)
            wall = named + _AN_INSTANT
        return None


def cron_trigger(expression: str, timezone: str) -> WallClockTrigger:
    """Read a five-field cron expression.

    Raises:
        ValueError: the expression or the time zone cannot be read.
    """
    try:
        fields = expression.split()
        if len(fields) == CRON_FIELDS:
            fields[-1] = re.sub(r"(?<![/\d])([0-7])(?:-([0-7]))?(?![\d/])", _weekday_names, fields[-1])
        return WallClockTrigger(CronTrigger.from_crontab(" ".join(fields), UTC), ZoneInfo(timezone))
    except (ValueError, KeyError, LookupError) as error:
        raise ValueError(f"{expression!r} in {timezone!r} is no cron schedule: {error}") from error


def _weekday_names(found: re.Match[str]) -> str:
    first = int(found[1])
    last = int(found[2]) if found[2] else first
    if last < first:
        raise ValueError(f"weekdays {found[0]} run backwards")
    return ",".join(WEEKDAYS[first : last + 1])


def create_scheduler(
    database: Database,
    trigger: WallClockTrigger,
    min_labels: int,
    clock: Callable[[], datetime],
    *,
    after_labels: int = 0,
    daily: Callable[[], Awaitable[object]] | None = None,
) -> AsyncIOScheduler:
    """Build the scheduler; any number may run, since a slot is unique in the database.

    Args:
        database: holds runs and labels.
        trigger: the cron.
        min_labels: new labels without which the cron asks for nothing.
        clock: the time.
        after_labels: so many new labels ask for a run by themselves; 0: never.
        daily: what is done once a day, an hour after midnight in the time zone of the cron.
    """
    scheduler = AsyncIOScheduler(timezone="UTC")

    async def fire() -> None:
        await insert_runs(database, clock(), min_labels)

    async def look() -> None:
        await insert_label_runs(database, clock(), after_labels)

    scheduler.add_job(
        fire,
        trigger,
        id="retrain",
        coalesce=True,
        max_instances=1,
        misfire_grace_time=MISFIRE_GRACE_SECONDS,
    )
    if after_labels:
        every = IntervalTrigger(seconds=LOOK_SECONDS, timezone="UTC")
        scheduler.add_job(look, every, id="retrain after labels", coalesce=True, max_instances=1)
    if daily is not None:
        at_night = WallClockTrigger(CronTrigger(hour=1, timezone=UTC), trigger.timezone)
        grace = {"coalesce": True, "max_instances": 1, "misfire_grace_time": MISFIRE_GRACE_SECONDS}
        scheduler.add_job(daily, at_night, id="daily", **grace)
    return scheduler


async def insert_runs(database: Database, now: datetime, min_labels: int) -> list[str]:
    """Ask for a run in each workspace that has enough new labels; return those workspaces.

    The slot is the minute, so that schedulers on several machines ask for one and the same run.
    """
    slot, asked = f"cron/{now:%Y-%m-%dT%H:%MZ}", []
    async with database.reader() as work:
        teams = await work.categories.teams()
    for team_id in teams:
        async with database.reader() as work:
            new_labels = await work.labels.count_since(
                team_id=team_id, when=await work.runs.last_success(team_id=team_id)
            )
        if new_labels < min_labels:
            log.info("retraining_skipped", team=team_id, new_labels=new_labels, needed=min_labels)
        elif await _insert(database, team_id, slot, "schedule", RunSource.CRON, now):
            asked.append(team_id)
    return asked


async def insert_label_runs(database: Database, now: datetime, after_labels: int) -> list[str]:
    """Ask for a run in each workspace with so many labels since the last attempt; return those workspaces.

    The slot names the attempt before, so that any number of schedulers make one run of it; and an attempt
    that failed is not repeated before as many further labels are there: the cron or a person may ask sooner.
    """
    asked = []
    async with database.reader() as work:
        teams = await work.categories.teams()
    for team_id in teams:
        async with database.reader() as work:
            before = await work.runs.latest_real(team_id=team_id)
            if before is not None and before.state in UNFINISHED:
                continue
            since = (before.started_at or before.created_at) if before is not None else None
            new_labels = await work.labels.count_since(team_id=team_id, when=since)
        slot = f"labels/{before.id if before is not None else 'first'}"
        if new_labels >= after_labels and await _insert(
            database, team_id, slot, "new labels", RunSource.LABELS, now
        ):
            asked.append(team_id)
    return asked


async def _insert(
    database: Database, team_id: str, slot: str, requested_by: str, source: RunSource, now: datetime
) -> bool:
    """Ask for a run; False where another one is in the way."""
    async with database.unit_of_work() as work:
        run, _ = await work.runs.add_if_free(
            team_id=team_id, slot=slot, requested_by=requested_by, source=source, now=now
        )
        await work.commit()
    return run is not None
