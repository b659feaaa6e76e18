"""App Home."""

from __future__ import annotations

from typing import Any

from bot.listeners.types import EventListener
from bot.queue.inbox import Inbox, Kind
from bot.slack.incoming import team_of


def on_opened(inbox: Inbox) -> EventListener:
    """Return the listener for `app_home_opened`; the messages tab sends it too and is left alone."""

    async def listener(body: dict[str, Any]) -> None:
        event = body["event"]
        if event.get("tab", "home") == "home":
            team_id = team_of(body) or ""
            payload = {"team_id": team_id, "user_id": event["user"]}
            await inbox.add(team_id=team_id, event_id=body["event_id"], kind=Kind.HOME, payload=payload)

    return listener
