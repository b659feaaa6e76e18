"""Messages in channels."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bot.listeners.types import EventListener
from bot.queue.inbox import Inbox, Kind
from bot.slack.incoming import parse_message


def on_message(inbox: Inbox) -> EventListener:
    """Return the listener for `message` events of every subtype."""

    async def listener(body: dict[str, Any]) -> None:
        message = parse_message(body)
        if message is not None:
            await inbox.add(
                team_id=message.team_id,
                event_id=body["event_id"],
                kind=Kind.MESSAGE,
                payload=asdict(message),
            )

    return listener
