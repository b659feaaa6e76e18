"""Tells people how the shadow time of a model ended, and lets an admin end it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.blocks.shadow import SHOWN, Otherwise, shadow_card
from bot.notices import leave_post, swapping
from bot.tickets.posts import link_of
from bot.workspace import Workspace
from storage.database import UnitOfWork
from storage.models import ModelState, ModelVersion


async def announce_ended(space: Workspace) -> None:
    """Post how shadow times ended: where the retraining was asked for, else in the admin channel."""
    team_id = space.identity.team_id
    async with space.database.reader() as work:
        ended = await work.shadows.unannounced(team_id=team_id)
    for row in ended:
        result = row.metrics["shadow"]
        goes_live = result["state"] == ModelState.ACTIVE
        if goes_live and await swapping(space, row.version, datetime.fromisoformat(result["ended_at"])):
            continue
        async with space.database.reader() as work:
            run = await work.runs.of_version(team_id=team_id, version=row.version)
        channel_id = (run.channel_id if run else None) or await space.directory.admin_channel_id()
        card = shadow_card(row.version, result, await _shown(space, row)) if channel_id else None
        async with space.database.unit_of_work() as work:
            mine = await work.shadows.mark_announced(team_id=team_id, version=row.version)
            if mine and channel_id and card is not None:
                await leave_post(space, work, f"shadow:{row.version}", channel_id, card)
            await work.commit()
        space.wake_outbox()


async def _shown(space: Workspace, row: ModelVersion) -> list[Otherwise]:
    """The differences that the card lists: those that people labelled first."""
    async with space.database.reader() as work:
        found = await work.shadows.differences(team_id=row.team_id, version=row.version)
        right = await work.labels.settled(team_id=row.team_id)
        names = {c.slug: c.name for c in await work.categories.all(team_id=row.team_id)}
    order = sorted(found, key=lambda each: each.ticket.id not in right)
    shown = []
    for each in order[:SHOWN]:
        link = link_of(each.ticket)
        if link:
            said = (
                names.get(right[each.ticket.id] or "", "none of these") if each.ticket.id in right else None
            )
            before, now = (names.get(slug, slug) for slug in (each.said, each.challenger))
            shown.append(Otherwise(link, before, now, said))
    return shown


async def end_by(space: Workspace, work: UnitOfWork, user_id: str) -> str | None:
    """End the silence of a challenger for an admin; return its version, None where there is none."""
    team_id, now = space.identity.team_id, space.clock()
    for row in await work.shadows.current(team_id=team_id):
        result = {"state": str(ModelState.CANDIDATE), "reason": "", "ended_at": now.isoformat(), "told": True}
        if await work.shadows.end(
            team_id=team_id, version=row.version, state=ModelState.CANDIDATE, result=result
        ):
            await space.audit(work, user_id, "shadow_cancel", row.version)
            return row.version
    return None


async def silent(work: UnitOfWork, team_id: str) -> dict[str, Any] | None:
    """Return what `/retrain status` shows of a challenger that answers in silence."""
    for row in await work.shadows.current(team_id=team_id):
        answered, differ = await work.shadows.counts(team_id=team_id, version=row.version)
        return {"version": row.version, "until": row.shadow_until, "answered": answered, "differ": differ}
    return None
