"""What is left in the outbox, and when a new model may be called live."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.blocks.common import Card
from bot.workspace import Workspace
from storage.database import UnitOfWork
from storage.models import Ticket

SWAP = timedelta(minutes=2)
"""A classifier follows the registry within seconds; a model that does not answer by then was replaced."""


async def leave_post(
    space: Workspace,
    work: UnitOfWork,
    surface: str,
    channel_id: str,
    card: Card,
    *,
    ticket: Ticket | None = None,
    thread_ts: str | None = None,
) -> None:
    """Leave a card in the outbox; call `space.wake_outbox` after the commit.

    Args:
        space: the parts.
        work: the transaction.
        surface: what the post is; a ticket has one of each.
        channel_id: where it goes.
        card: what it shows.
        ticket: what it is about; None: a notice, which is always new.
        thread_ts: the message in whose thread it goes.
    """
    await work.replies.add_if_new(
        team_id=ticket.team_id if ticket else space.identity.team_id,
        ticket_id=ticket.id if ticket else None,
        surface=surface,
        channel_id=channel_id,
        thread_ts=thread_ts,
        text=card.text,
        blocks=card.blocks,
        now=space.clock(),
    )


async def swapping(space: Workspace, version: str | None, since: datetime) -> bool:
    """Whether a version that is to be live since then does not answer yet: look again."""
    return space.clock() - since < SWAP and (await space.classifier.model()).version != version
