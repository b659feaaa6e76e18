"""Reactions put on messages and taken away."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bot.listeners.types import EventListener
from bot.queue.inbox import Inbox, Kind
from bot.slack.incoming import parse_reaction


def on_reaction(inbox: Inbox) -> EventListener:
    """Return the listener for `reaction_added` and `reaction_removed`."""

    async def listener(body: dict[str, Any]) -> None:
        reaction = parse_reaction(body)
        if reaction is not None:
            await inbox.add(
                team_id=reaction.team_id,
                event_id=body["event_id"],
                kind=Kind.REACTION,
                payload=asdict(reaction),
            )

    return listener
