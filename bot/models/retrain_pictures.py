"""What a result card needs besides the run's row: links of tickets, and the picture of the mistakes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from bot.blocks.common import title
from bot.errors import SlackUnavailable
from bot.tickets.posts import link_of
from bot.workspace import Workspace
from storage.models import RetrainRun

log = structlog.get_logger(__name__)
LARGEST = 4 * 1024 * 1024
"""Bytes of a picture that is shown; ours have about 100 KiB."""


async def with_links(space: Workspace, metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's metrics with the links of the tickets that its card names; one that is gone has none."""
    changes = metrics.get("changes") or {}
    rows = [*(changes.get("newly_right") or ()), *(changes.get("newly_wrong") or ())]
    links = {}
    for name in dict.fromkeys(str(row["ticket"]) for row in rows if "ticket" in row):
        async with space.database.reader() as work:
            ticket = await work.tickets.get(team_id=space.identity.team_id, ticket_id=UUID(name))
        if ticket is not None and link_of(ticket):
            links[name] = space.messenger.permalink(ticket.channel_id, ticket.ts)
    return {**metrics, "links": links}


async def upload_matrix(space: Workspace, run: RetrainRun) -> bool:
    """Put the confusion matrix of a run's model into the run's thread; say whether there was one.

    It lies in the model directory: a bot on another machine than the registry has none to show. A failure is
    logged and no more, since the card has said what matters.
    """
    name = (run.metrics or {}).get("picture")
    if not name or not run.model_version or not run.channel_id or not run.message_ts:
        return False
    async with space.database.reader() as work:
        versions = await work.models.list(team_id=space.identity.team_id)
    folder = next((row.path for row in versions if row.version == run.model_version), None)
    content = await asyncio.to_thread(_read, folder, str(name)) if folder else None
    if content is None:
        return False
    try:
        await space.messenger.upload(
            run.channel_id,
            run.message_ts,
            name=f"confusion-{run.model_version}.png",
            content=content,
            title=f"What {title(run.model_version)} confuses",
            description=str((run.metrics or {}).get("picture_alt") or "Confusion matrix"),
        )
    except SlackUnavailable as error:
        log.warning("retrain_picture_failed", run=str(run.id), error=error.code)
        return False
    return True


def _read(folder: str, name: str) -> bytes | None:
    """Return a file of a model directory, never one outside of it."""
    file = Path(folder) / Path(name).name
    try:
        return file.read_bytes() if file.stat().st_size <= LARGEST else None
    except OSError:
        return None
