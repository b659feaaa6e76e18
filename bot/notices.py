"""Posts about no ticket, and when a new model may be called live."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.blocks.common import Card
from bot.workspace import Workspace
from storage.database import UnitOfWork

SWAP = timedelta(minutes=2)
"""A classifier follows the registry within seconds; a model that does not answer by then was replaced."""


async def leave_notice(space: Workspace, work: UnitOfWork, surface: str, channel_id: str, card: Card) -> None:
    """Leave a card in the outbox; call `space.wake_outbox` after the commit."""
    await work.replies.add_if_new(
        team_id=space.identity.team_id,
        ticket_id=None,
        surface=surface,
        channel_id=channel_id,
        thread_ts=None,
        text=card.text,
        blocks=card.blocks,
        now=space.clock(),
    )


async def swapping(space: Workspace, version: str | None, since: datetime) -> bool:
    """Whether a version that is to be live since then does not answer yet: look again."""
    return space.clock() - since < SWAP and (await space.classifier.model()).version != version
