"""A workspace removed the app, or took its tokens back: Slack is called no more, and the data waits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from bot.slack.incoming import IncomingRemoval
from bot.workspace import Workspace

log = structlog.get_logger(__name__)

ACTION = "app.removed"
"""Of the audit row; its details name Slack's event."""


class Uninstall:
    """Carries out what Slack says about our installation."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    async def on_event(self, payload: Mapping[str, Any], _received_at: datetime) -> None:
        """Note it, forget the tokens, stop calling. Tickets and labels stay until the operator decides."""
        removal, space = IncomingRemoval(**payload), self._workspace
        async with space.database.unit_of_work() as work:
            if removal.users:
                await work.installations.remove(team_id=removal.team_id, user_ids=removal.users)
            if removal.bot:
                await work.installations.remove(team_id=removal.team_id)
                await space.audit(work, "slack", ACTION, removal.team_id, {"event": removal.event})
            await work.commit()
        if removal.bot and removal.team_id == space.identity.team_id:
            space.messenger.gate.stop(removal.event)
