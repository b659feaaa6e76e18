"""Asking for a retraining: whether it makes sense, and the one message that shows how it goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.blocks.category_update import update_card
from bot.blocks.common import Card
from bot.blocks.retrain_result import result_card
from bot.blocks.retraining import cancelled_card, dry_run_card, progress_card
from bot.errors import NotAllowed, RetrainingRefused, SlackUnavailable, UserError
from bot.models.retrain_pictures import upload_matrix, with_links
from bot.models.shadow import announce_ended
from bot.notices import leave_post, swapping
from bot.queue.serial_tasks import poll
from bot.workspace import Workspace
from storage.models import RetrainRun, RunSource, RunState

log = structlog.get_logger(__name__)
EDIT_SECONDS = 3.0
"""chat.update is a tier 3 method (50 a minute): this leaves room for the cards."""
PATIENCE = 20
"""Looks that pass before something is told again that Slack did not take."""
ANSWERS_LAST = timedelta(minutes=30)
"""After that Slack takes no answer to a command any more."""
SCHEDULED = frozenset({RunSource.CRON, RunSource.LABELS})
FINAL = frozenset({RunState.DONE, RunState.FAILED, RunState.CANCELLED})


class RetrainRequests:
    """Asks for a run; the scheduler's worker carries it out."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def start(
        self, user_id: str, channel_id: str, received_at: datetime, *, dry_run: bool = False
    ) -> None:
        """Insert a run for an admin and post its progress message where it was asked.

        Raises:
            RetrainingRefused: one is under way, or there is too little to learn.
        """
        space = self._workspace
        if not channel_id.startswith("D") and not await space.access.may_read(user_id, channel_id):
            raise NotAllowed("You cannot see that channel, so I cannot show the progress there.")
        run, new = await self._insert(user_id, channel_id, received_at, dry_run=dry_run)
        try:
            ts = None if new else await self._posted(run)
            ts = ts or await space.messenger.post(
                channel_id, progress_card({"stage": "queued"}, user_id, dry_run=dry_run), reply_id=str(run.id)
            )
        except SlackUnavailable as error:
            if not error.permanent:
                raise
            raise UserError(
                "The retraining is under way, but I cannot post in this channel. "
                "Invite me to see its progress."
            ) from error
        async with space.database.unit_of_work() as work:
            await work.runs.set_message(run.id, channel_id=channel_id, ts=ts)
            await work.commit()

    async def _posted(self, run: RetrainRun) -> str | None:
        """Find the progress message of a command that is tried again after a failure."""
        if run.message_ts or not run.channel_id:
            return run.message_ts
        return await self._workspace.messenger.find_reply(
            run.channel_id, None, str(run.id), since=run.created_at
        )

    async def _insert(
        self, user_id: str, channel_id: str, received_at: datetime, *, dry_run: bool
    ) -> tuple[RetrainRun, bool]:
        """Return the run, and whether it is new."""
        space, team_id = self._workspace, self._workspace.identity.team_id
        slot = f"command/{received_at.isoformat()}"
        async with space.database.unit_of_work() as work:
            new_labels = await work.labels.count_since(
                team_id=team_id, when=await work.runs.last_success(team_id=team_id)
            )
            existing = await work.runs.by_slot(team_id=team_id, slot=slot)
            if existing is not None:
                return existing, False  # this very command, tried again after a failure
            busy = await work.runs.active(team_id=team_id)
            if busy is not None:
                done = round(100 * float((busy.progress or {}).get("fraction") or 0.0))
                raise RetrainingRefused(
                    f"A retraining is already running ({done}% done). Its message shows the rest."
                )
            if new_labels < space.retrain_min_labels and not dry_run:
                raise RetrainingRefused(
                    f"There is too little to learn: {new_labels} new label(s) since the last retraining, "
                    f"and I need at least {space.retrain_min_labels}. Correct a few messages first."
                )
            run, _ = await work.runs.add_if_free(
                team_id=team_id,
                slot=slot,
                requested_by=user_id,
                source=RunSource.COMMAND,
                channel_id=channel_id,
                now=space.clock(),
                dry_run=dry_run,
            )
            if run is None:
                raise RetrainingRefused("A retraining is already running. Its message shows how far it is.")
            await space.audit(work, user_id, "retrain", slot, {"dry_run": True} if dry_run else {})
            await work.commit()
        return run, True


class RetrainAnnouncer:
    """Edits the progress message of a run and says when the new model answers.

    Args:
        workspace: the parts.
        poll_seconds: between two looks.
    """

    def __init__(self, workspace: Workspace, *, poll_seconds: float = 0.5) -> None:
        self._workspace = workspace
        self._poll_seconds = poll_seconds
        self._shown: dict[str, tuple[float, datetime]] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        await poll("retrain_message", self._look, self._poll_seconds, SlackUnavailable)

    async def _look(self) -> None:
        space = self._workspace
        async with space.database.reader() as work:
            runs = await work.runs.unannounced(team_id=space.identity.team_id)
        for run in runs:
            if run.state in FINAL:
                await self._announce(run)
            elif run.channel_id and run.message_ts:
                await self._show_progress(run, run.channel_id, run.message_ts)
        await announce_ended(space)

    async def _show_progress(self, run: RetrainRun, channel_id: str, message_ts: str) -> None:
        now, fraction = self._workspace.clock(), float((run.progress or {}).get("fraction") or 0.0)
        shown = self._shown.get(str(run.id))
        if shown and ((now - shown[1]).total_seconds() < EDIT_SECONDS or shown[0] == fraction):
            return
        self._shown[str(run.id)] = (fraction, now)
        await self._workspace.messenger.update(
            channel_id,
            message_ts,
            progress_card(run.progress or {}, run.requested_by, dry_run=run.dry_run),
        )

    async def _announce(self, run: RetrainRun) -> None:
        """Say what came of it, and only then that it is live when the classifier really answers with it."""
        space = self._workspace
        ended = run.finished_at or space.clock()
        live = run.state == RunState.DONE and not run.dry_run and not (run.metrics or {}).get("shadow_until")
        if live and await swapping(space, run.model_version, ended):
            return
        if run.source is RunSource.CATEGORY:
            await self._announce_update(run)
            return
        scheduled = not run.channel_id and run.source in SCHEDULED
        admins = await space.directory.admin_channel_id() if scheduled else None
        card = _end_card(run, await with_links(space, run.metrics or {}))
        async with space.database.unit_of_work() as work:
            mine = await work.runs.mark_announced(run.id, now=space.clock())
            # In the outbox an outage of Slack does not lose it. An edit of the progress message notifies
            # nobody, so the person who asked is told in its thread as well.
            where = run.channel_id or admins
            if mine and where:
                await leave_post(space, work, f"run:{run.id}", where, card, thread_ts=run.message_ts)
            await work.commit()
        space.wake_outbox()
        if not mine or not run.channel_id:  # what has no channel and no schedule is told otherwise
            return
        self._shown.pop(str(run.id), None)
        if run.message_ts:
            await space.messenger.update(run.channel_id, run.message_ts, card)
            await upload_matrix(space, run)

    async def _announce_update(self, run: RetrainRun) -> None:
        """Tell those who changed the categories; where Slack no longer takes that, the admin channel.

        While Slack does not answer the telling is given back, and taken up again a moment later.
        """
        space = self._workspace
        async with space.database.unit_of_work() as work:
            rows = await work.categories.all(team_id=run.team_id)
            mine = await work.runs.mark_announced(run.id, now=space.clock())
            await work.commit()
        if not mine:
            return
        card = _end_card(run, run.metrics or {}, {row.slug: row.name for row in rows})
        left, told = (run.response_url or "").split(), 0
        while left:
            try:
                await space.messenger.respond(left[0], card)
                told += 1
            except SlackUnavailable as error:
                log.info("category_update_not_told", run=str(run.id), error=error.code)
                lasts = space.clock() - (run.finished_at or space.clock()) < ANSWERS_LAST
                if lasts and not error.permanent:
                    await self._tell_again(run, left)
                    return
            left.pop(0)
        admins = None if told else await space.directory.admin_channel_id()
        if admins:
            async with space.database.unit_of_work() as work:
                await leave_post(space, work, f"run:{run.id}", admins, card)
                await work.commit()
            space.wake_outbox()

    async def _tell_again(self, run: RetrainRun, left: list[str]) -> None:
        await asyncio.sleep(self._poll_seconds * PATIENCE)
        async with self._workspace.database.unit_of_work() as work:
            await work.runs.tell_again(run.id, response_url=" ".join(left))
            await work.commit()


def _end_card(run: RetrainRun, metrics: Mapping[str, Any], names: Mapping[str, str] | None = None) -> Card:
    """Choose what says how a run ended; `names` of the categories by slug, for an update of theirs."""
    if run.state == RunState.CANCELLED:
        return cancelled_card(run.requested_by, run.cancel_requested_by or "somebody")
    if run.dry_run and run.state == RunState.DONE:
        return dry_run_card(run)
    if run.source is RunSource.CATEGORY:
        return update_card(run.state, run.reason or "", metrics, names or {})
    return result_card(run.state, run.reason or "", run.model_version, metrics, run.requested_by)
