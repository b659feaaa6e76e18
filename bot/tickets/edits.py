"""A message was edited: its ticket and our posts about it follow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from bot.slack.incoming import IncomingMessage, moment
from bot.tickets.corrections import Corrections
from bot.tickets.router import Router
from bot.workspace import Workspace

NEWS = timedelta(hours=24)
"""A message that was no ticket becomes one by an edit as long as it is not older: nobody waits any more."""

log = structlog.get_logger(__name__)


class Edits:
    """Takes edits over, in whatever order and however often they come."""

    def __init__(self, workspace: Workspace, router: Router, corrections: Corrections) -> None:
        self._workspace = workspace
        self._router = router
        self._corrections = corrections

    async def on_edit(self, payload: Mapping[str, Any], received_at: datetime) -> None:
        """Decide again where nobody labelled the ticket, and bring its posts up to date.

        An edit that overtakes its message makes the ticket; an edit older than the one that was taken over
        is ignored; the same one again repeats what it did.
        """
        message, space = IncomingMessage(**payload), self._workspace
        if not await space.directory.is_support_channel(message.channel_id):
            return
        key = {"team_id": message.team_id, "channel_id": message.channel_id, "ts": message.ts}
        old = received_at - moment(message.ts, received_at) > NEWS
        async with space.database.unit_of_work() as work:
            if old and await work.tickets.find(**key) is None:
                return
            ticket, new = await work.tickets.add_if_new(
                **key,
                user_id=message.user_id,
                text=message.text,
                now=received_at,
                edited_ts=message.edited_ts,
            )
            if ticket.deleted_at is not None:
                return
            news = new or await work.tickets.edit(ticket, text=message.text, edited_ts=message.edited_ts)
            await work.commit()
        if not news:
            return
        log.info("ticket_edited", ticket=str(ticket.id), new=new)
        await self._router.decide(ticket)
        await self._corrections.refresh(ticket)
