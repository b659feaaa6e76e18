"""Retrainings: one at a time a workspace, one a slot, one holder each."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import RetrainRun, RunSource, RunState
from storage.statements import insert_or_ignore

UNFINISHED = (RunState.QUEUED, RunState.RUNNING)


class RunRepository:
    """The queue of retrainings, with leases and fencing tokens.

    Method: M. Kleppmann, "How to do distributed locking", 2016.
    """

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add_if_free(
        self,
        *,
        team_id: str,
        slot: str,
        requested_by: str,
        source: RunSource,
        now: datetime,
        channel_id: str | None = None,
        dry_run: bool = False,
        response_url: str | None = None,
    ) -> tuple[RetrainRun | None, RetrainRun | None]:
        """Queue a retraining unless one is unfinished or had this slot.

        Returns:
            (the new run, None), or (None, the run in the way: unfinished, or else of this slot).
        """
        values = {
            "team_id": team_id,
            "slot": slot,
            "requested_by": requested_by,
            "source": source,
            "channel_id": channel_id,
            "created_at": now,
            "dry_run": dry_run,
            "response_url": response_url,
        }
        while True:
            new = await insert_or_ignore(self._session, RetrainRun, values)
            unfinished_first = case((RetrainRun.state.in_(UNFINISHED), 0), else_=1)
            run = await self._session.scalar(
                select(RetrainRun)
                .where(
                    RetrainRun.team_id == team_id,
                    or_(RetrainRun.slot == slot, RetrainRun.state.in_(UNFINISHED)),
                )
                .order_by(unfinished_first)
                .limit(1)
                .execution_options(populate_existing=True)
            )
            if run is not None:
                return (run, None) if new else (None, run)
            # The run in the way finished between the two statements: the way is free now.

    async def add_update(
        self, *, team_id: str, slot: str, requested_by: str, response_url: str | None, now: datetime
    ) -> bool:
        """Queue an update for changed categories; behind the run that is unfinished, if there is one.

        Changes while one and the same run is under way share an update; everybody who asked is told.

        Returns:
            Whether it comes first: False where another run has to end before.
        """
        follow_up = {"slot": slot, "requested_by": requested_by, "response_url": response_url}
        while True:
            _, busy = await self.add_if_free(
                team_id=team_id,
                slot=slot,
                requested_by=requested_by,
                source=RunSource.CATEGORY,
                now=now,
                response_url=response_url,
            )
            if busy is None or busy.slot == slot:
                return True
            # locked, so that nobody claims it, and reads the labels, before the caller's change is there
            waits = await self._session.scalar(
                select(RetrainRun)
                .where(
                    RetrainRun.id == busy.id,
                    RetrainRun.state == RunState.QUEUED,
                    RetrainRun.source == RunSource.CATEGORY,
                )
                .with_for_update()
                .execution_options(populate_existing=True)
            )
            if waits is not None:  # it learns this change with the one before
                waits.response_url = _both(waits.response_url, response_url)
                await self._session.flush()
                return True
            marked = await self._session.scalar(
                select(RetrainRun)
                .where(RetrainRun.id == busy.id, RetrainRun.state.in_(UNFINISHED))
                .with_for_update()
                .execution_options(populate_existing=True)
            )
            if marked is not None:
                before = (marked.follow_up or {}).get("response_url")
                marked.follow_up = follow_up | {"response_url": _both(before, response_url)}
                await self._session.flush()
                return False
            # The run in the way finished meanwhile: the way is free now.

    async def claim(self, *, holder: str, now: datetime, lease: timedelta) -> RetrainRun | None:
        """Take the oldest run that waits, or whose holder let its lease run out; of all teams."""
        free = or_(
            RetrainRun.state == RunState.QUEUED,
            and_(RetrainRun.state == RunState.RUNNING, RetrainRun.lease_until <= now),
        )
        run = await self._session.scalar(
            select(RetrainRun)
            .where(free)
            .order_by(RetrainRun.created_at, RetrainRun.id)
            .limit(1)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        if run is None:
            return None
        run.state = RunState.RUNNING
        run.lease_holder = holder
        run.lease_until = now + lease
        run.fence += 1
        run.started_at = now
        await self._session.flush()
        return run

    async def heartbeat(
        self,
        run_id: UUID,
        *,
        fence: int,
        now: datetime,
        lease: timedelta,
        progress: dict[str, Any] | None = None,
    ) -> bool:
        """Stay the holder; False means fenced off: somebody else has the run, stop working on it."""
        values: dict[str, Any] = {"lease_until": now + lease}
        if progress is not None:
            values["progress"] = progress
        return await self._write(run_id, fence, values)

    async def finish(
        self,
        run_id: UUID,
        *,
        fence: int,
        state: RunState,
        now: datetime,
        metrics: dict[str, Any] | None = None,
        reason: str | None = None,
        model_version: str | None = None,
    ) -> bool:
        """End a run, and queue what follows it.

        False means fenced off: nothing was written, and nothing may be promoted.
        """
        values = {
            "state": state,
            "finished_at": now,
            "lease_until": None,
            "metrics": metrics,
            "reason": reason,
            "model_version": model_version,
        }
        written = await self._write(run_id, fence, values)
        if written:
            await self._follow(run_id, now)
        return written

    async def request_cancel(self, *, team_id: str, by: str, now: datetime) -> RetrainRun | None:
        """Ask for the end of the unfinished run; one that waits ends at once. The first who asks counts.

        Returns:
            The run as it is now, or None where none is unfinished.
        """
        run = await self._session.scalar(
            select(RetrainRun)
            .where(RetrainRun.team_id == team_id, RetrainRun.state.in_(UNFINISHED))
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if run is None:
            return None
        if run.cancel_requested_at is None:
            run.cancel_requested_at, run.cancel_requested_by = now, by
        if run.state == RunState.QUEUED:
            run.state, run.finished_at = RunState.CANCELLED, now
        await self._session.flush()
        if run.state == RunState.CANCELLED:
            await self._follow(run.id, now)
        return run

    async def cancelled_by(self, run_id: UUID) -> str | None:
        """Say who asked for the end of a run, None while nobody did."""
        return await self._session.scalar(
            select(RetrainRun.cancel_requested_by).where(RetrainRun.id == run_id)
        )

    async def note_manifest(self, *, team_id: str, run_id: UUID, manifest_hash: str) -> None:
        """Keep which training a run made."""
        await self._session.execute(
            update(RetrainRun)
            .where(RetrainRun.team_id == team_id, RetrainRun.id == run_id)
            .values(manifest_hash=manifest_hash)
        )

    async def set_message(self, run_id: UUID, *, channel_id: str, ts: str) -> None:
        """Keep where the run's progress is shown."""
        await self._session.execute(
            update(RetrainRun).where(RetrainRun.id == run_id).values(channel_id=channel_id, message_ts=ts)
        )

    async def get(self, *, team_id: str, run_id: UUID) -> RetrainRun | None:
        """Return a run of this team."""
        return await self._session.scalar(
            select(RetrainRun).where(RetrainRun.team_id == team_id, RetrainRun.id == run_id)
        )

    async def active(self, *, team_id: str) -> RetrainRun | None:
        """Return the run that is queued or running."""
        return await self._session.scalar(
            select(RetrainRun).where(RetrainRun.team_id == team_id, RetrainRun.state.in_(UNFINISHED))
        )

    async def latest(self, *, team_id: str) -> RetrainRun | None:
        """Return the newest run in any state."""
        return await self._session.scalar(_newest_first(team_id).limit(1))

    async def history(self, *, team_id: str, limit: int) -> list[RetrainRun]:
        """Return the newest runs in any state, newest first."""
        return list(await self._session.scalars(_newest_first(team_id).limit(limit)))

    async def latest_real(self, *, team_id: str) -> RetrainRun | None:
        """Return the newest run that could have changed the model: no dry run."""
        return await self._session.scalar(
            _newest_first(team_id).where(RetrainRun.dry_run.is_(False)).limit(1)
        )

    async def holds(self, *, now: datetime) -> set[tuple[UUID, int]]:
        """Return (run, fence) of what is being worked on, of all teams: they may share a model directory."""
        rows = await self._session.execute(
            select(RetrainRun.id, RetrainRun.fence).where(
                RetrainRun.state == RunState.RUNNING, RetrainRun.lease_until > now
            )
        )
        return {(run_id, fence) for run_id, fence in rows}

    async def known(self, run_ids: Collection[UUID]) -> set[UUID]:
        """Return those of the runs that this database has, of any team."""
        return set(await self._session.scalars(select(RetrainRun.id).where(RetrainRun.id.in_(run_ids))))

    async def by_slot(self, *, team_id: str, slot: str) -> RetrainRun | None:
        """Return the run of a slot."""
        return await self._session.scalar(
            select(RetrainRun).where(RetrainRun.team_id == team_id, RetrainRun.slot == slot)
        )

    async def of_version(self, *, team_id: str, version: str) -> RetrainRun | None:
        """Return the run that brought a model version."""
        return await self._session.scalar(
            select(RetrainRun)
            .where(RetrainRun.team_id == team_id, RetrainRun.model_version == version)
            .limit(1)
        )

    async def last_success(self, *, team_id: str) -> datetime | None:
        """Say when the last run that brought a model began: labels given since then are not learned yet."""
        return await self._session.scalar(
            select(func.max(RetrainRun.started_at)).where(
                RetrainRun.team_id == team_id,
                RetrainRun.state == RunState.DONE,
                RetrainRun.dry_run.is_(False),
                RetrainRun.source != RunSource.CATEGORY,  # a new head: the labels wait for a training
            )
        )

    async def unannounced(self, *, team_id: str) -> list[RetrainRun]:
        """Return the runs whose end nobody has been told of, unfinished ones included, oldest first."""
        rows = await self._session.scalars(
            select(RetrainRun)
            .where(RetrainRun.team_id == team_id, RetrainRun.announced_at.is_(None))
            .order_by(RetrainRun.created_at, RetrainRun.id)
        )
        return list(rows)

    async def mark_announced(self, run_id: UUID, *, now: datetime) -> bool:
        """Take it on oneself to tell people; True for the first who asks."""
        marked = await self._session.scalar(
            update(RetrainRun)
            .where(RetrainRun.id == run_id, RetrainRun.announced_at.is_(None))
            .values(announced_at=now)
            .returning(RetrainRun.id)
        )
        return marked is not None

    async def tell_again(self, run_id: UUID, *, response_url: str) -> None:
        """Give the telling back: Slack did not take it from these addresses."""
        await self._session.execute(
            update(RetrainRun)
            .where(RetrainRun.id == run_id)
            .values(announced_at=None, response_url=response_url)
        )

    async def latest_update(self, *, team_id: str, since: datetime) -> RetrainRun | None:
        """Return the update for changed categories that ended last, since then."""
        return await self._session.scalar(
            _newest_first(team_id)
            .where(
                RetrainRun.source == RunSource.CATEGORY,
                RetrainRun.state.not_in(UNFINISHED),
                RetrainRun.finished_at >= since,
            )
            .limit(1)
        )

    async def _follow(self, run_id: UUID, now: datetime) -> None:
        """Queue the update that waited for the end of a run."""
        row = await self._session.execute(
            select(RetrainRun.team_id, RetrainRun.follow_up).where(RetrainRun.id == run_id)
        )
        team_id, follow_up = row.one()
        if follow_up is not None:
            await self.add_if_free(team_id=team_id, source=RunSource.CATEGORY, now=now, **follow_up)

    async def _write(self, run_id: UUID, fence: int, values: dict[str, Any]) -> bool:
        written = await self._session.scalar(
            update(RetrainRun)
            .where(RetrainRun.id == run_id, RetrainRun.fence == fence, RetrainRun.state == RunState.RUNNING)
            .values(**values)
            .returning(RetrainRun.id)
        )
        return written is not None


def _both(before: str | None, url: str | None) -> str | None:
    """Put an address behind those that are there; the same one once."""
    known = (before or "").split()
    return " ".join(dict.fromkeys([*known, *([url] if url else [])])) or None


def _newest_first(team_id: str) -> Select[RetrainRun]:
    return (
        select(RetrainRun)
        .where(RetrainRun.team_id == team_id)
        .order_by(RetrainRun.created_at.desc(), RetrainRun.id)
    )
