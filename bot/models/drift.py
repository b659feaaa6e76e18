"""Watches whether the world has moved away from the model: corrections of routed tickets, and confidence.

Each ticket is one item of a signal, in the order in which tickets were decided:

- corrections: a routed ticket counts once, a day after it was routed: 1 where a label that stands says that
  the routing was wrong, else 0. All tickets wait equally long, because corrections come early and silence
  only with time: counting them as they come would make every night and every weekend a change.
- confidence: the calibrated probability of the likeliest category. A new model begins a new window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog

from bot.blocks.drift import DriftFigures, DriftView, Signal, drift_alert
from bot.errors import SlackUnavailable
from bot.models.drift_signals import Detector, new_words, shifts
from bot.notices import leave_post
from bot.queue.serial_tasks import poll
from bot.workspace import Workspace
from storage.database import UnitOfWork
from storage.learning_models import DriftState
from storage.training.drift import Observation, Routing

log = structlog.get_logger(__name__)
POLL_SECONDS = 300.0
CORRECTED_WITHIN = timedelta(days=1)
COMMIT_LAG = timedelta(minutes=1)
"""A decision is committed a moment after its time; the watermark must not pass it by."""
FIRST_LOOK = timedelta(days=30)
"""How far back a new detector reads."""
BATCH = 500
"""Items in one transaction: a tenth of a second."""
ONE_ALERT = timedelta(days=1)
COMPARED = timedelta(days=30)
"""What "before" means for categories and words."""
SHOWN_FOR = timedelta(days=7)


class DriftWatch:
    """Feeds the detectors and tells the admins.

    Any number of replicas may run: state, watermark and alert are one transaction on one locked row.

    Args:
        workspace: the parts.
        poll_seconds: between two looks.
    """

    def __init__(self, workspace: Workspace, *, poll_seconds: float = POLL_SECONDS) -> None:
        self._workspace = workspace
        self._poll_seconds = poll_seconds

    async def run(self) -> None:
        """Watch until cancelled."""
        await poll("drift_watch", self._catch_up, self._poll_seconds, SlackUnavailable)

    async def _catch_up(self) -> None:
        while await self.look():  # one transaction takes so much at once
            pass

    async def look(self) -> bool:
        """Feed what is new to both detectors; return whether more is waiting."""
        space = self._workspace
        channel_id = await space.directory.admin_channel_id()
        async with space.database.reader() as work:
            since = space.clock() - COMPARED
            channels = await work.tickets.channels(team_id=space.identity.team_id, since=since)
        await space.access.look(*channels)
        return any([await self._look_at(signal, channel_id) for signal in Signal])

    async def _look_at(self, signal: Signal, channel_id: str | None) -> bool:
        space, team_id, now = self._workspace, self._workspace.identity.team_id, self._workspace.clock()
        async with space.database.unit_of_work() as work:
            row = await work.drift.lock(team_id=team_id, signal=signal.value, now=now)
            items = await _observations(work, row, signal, now)
            if not items:
                return False
            detector = Detector.from_json(row.state)
            change = detector.feed(signal, items)
            seen_until = items[-1].at
            if change is not None:
                detector.change = {"before": change.before, "after": change.after, "since": change.since}
                if await self._tell(work, row, _view(signal, detector.change), channel_id, now):
                    detector.alerted_until = seen_until.timestamp()
            row.state, row.seen_until, row.updated_at = detector.to_json(), seen_until, now
            await work.commit()
        if change is not None:
            space.wake_outbox()
            log.warning("drift", signal=signal.value, before=change.before, after=change.after)
        return len(items) >= BATCH // 2

    async def _tell(
        self, work: UnitOfWork, row: DriftState, view: DriftView, channel_id: str | None, now: datetime
    ) -> bool:
        """Leave one card for the admins, unless they had one within a day; keep the change in the audit.

        Returns whether it counts as told; without an admin channel App Home tells it.
        """
        due = row.alerted_at is None or now - row.alerted_at >= ONE_ALERT
        details = {"before": view.before, "after": view.after, "alerted": due and channel_id is not None}
        await self._workspace.audit(work, "fingerpost", "drift", view.signal.value, details)
        if not due:
            return False
        row.alerted_at = now
        if channel_id is None:
            return True
        card = drift_alert(await self._explain(work, row.team_id, view, now))
        await leave_post(self._workspace, work, f"drift:{view.signal.value}", channel_id, card)
        return True

    async def _explain(self, work: UnitOfWork, team_id: str, view: DriftView, now: datetime) -> DriftView:
        """Add which categories are corrected more often, which words are new, and the model's age."""
        before = await work.drift.routings(team_id=team_id, after=view.since - COMPARED, until=view.since)
        after = await work.drift.routings(team_id=team_id, after=view.since, until=now)
        names = {c.slug: c.name for c in await self._workspace.directory.categories(work)}
        return replace(
            view,
            shifts=shifts(before, after, names),
            words=new_words(self._quotable(before), self._quotable(after)),
            model_age=await _model_age(work, team_id, now),
        )

    def _quotable(self, routings: Sequence[Routing]) -> list[Routing]:
        """Return those whose words another channel may read."""
        return [each for each in routings if self._workspace.access.is_open(each.channel_id)]


async def drift_figures(work: UnitOfWork, team_id: str, now: datetime) -> DriftFigures:
    """Return what App Home shows: the model's age, and the share of routings that nobody corrected."""
    changes = []
    for row in await work.drift.states(team_id=team_id):
        change = row.state.get("change") if row.state else None
        if change and row.alerted_at is not None and now - row.alerted_at <= SHOWN_FOR:
            changes.append(_view(Signal(row.signal), change))
    return DriftFigures(
        model_age=await _model_age(work, team_id, now),
        week=await work.drift.share_uncorrected(team_id=team_id, since=now - timedelta(days=7)),
        month=await work.drift.share_uncorrected(team_id=team_id, since=now - timedelta(days=30)),
        changes=changes,
    )


async def _observations(
    work: UnitOfWork, row: DriftState, signal: Signal, now: datetime
) -> list[Observation]:
    after = row.seen_until or now - FIRST_LOOK
    if signal is Signal.CONFIDENCE:
        return await work.drift.confidences(
            team_id=row.team_id, after=after, until=now - COMMIT_LAG, limit=BATCH
        )
    return await work.drift.corrections(
        team_id=row.team_id,
        after=after,
        until=now - CORRECTED_WITHIN - COMMIT_LAG,
        patience=CORRECTED_WITHIN,
        limit=BATCH,
    )


async def _model_age(work: UnitOfWork, team_id: str, now: datetime) -> timedelta | None:
    active = await work.models.active(team_id=team_id)
    if active is None or active.activated_at is None:
        return None
    return max(timedelta(0), now - active.activated_at)


def _view(signal: Signal, change: dict[str, float]) -> DriftView:
    since = datetime.fromtimestamp(change["since"], UTC)
    return DriftView(signal, change["before"], change["after"], since)
