"""Events: messages in channels, reactions put on and taken away, App Home opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from bot.listeners.types import EventListener
from bot.queue.inbox import Inbox, Kind
from bot.slack.incoming import IncomingMembership, IncomingMessage, IncomingReaction, team_of

Parse = Callable[[Mapping[str, Any]], IncomingMessage | IncomingReaction | IncomingMembership | None]


def on_event(inbox: Inbox, kind: Kind, parse: Parse) -> EventListener:
    """Return the listener that keeps what `parse` makes of an event; None is nothing to do."""

    async def listener(body: dict[str, Any]) -> None:
        parsed = parse(body)
        if parsed is not None:
            await inbox.add(
                team_id=parsed.team_id, event_id=body["event_id"], kind=kind, payload=asdict(parsed)
            )

    return listener


def on_home_opened(inbox: Inbox) -> EventListener:
    """Return the listener for `app_home_opened`; the messages tab sends it too and is left alone."""

    async def listener(body: dict[str, Any]) -> None:
        event = body["event"]
        if event.get("tab", "home") == "home":
            team_id = team_of(body) or ""
            payload = {"team_id": team_id, "user_id": event["user"]}
            await inbox.add(team_id=team_id, event_id=body["event_id"], kind=Kind.HOME, payload=payload)

    return listener
