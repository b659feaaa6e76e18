"""Events: messages in channels, reactions put on and taken away, App Home opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import Any

from bot.listeners.types import EventListener
from bot.queue.backfill import Backfill
from bot.queue.inbox import Inbox, Kind
from bot.slack.incoming import (
    IncomingDeletion,
    IncomingMembership,
    IncomingMessage,
    IncomingReaction,
    IncomingRemoval,
    team_of,
)

Parsed = IncomingMessage | IncomingReaction | IncomingDeletion | IncomingRemoval | IncomingMembership
Parse = Callable[[Mapping[str, Any]], Parsed | None]


def on_event(inbox: Inbox, *ways: tuple[Kind, Parse], backfill: Backfill | None = None) -> EventListener:
    """Return the listener that keeps what the first parser makes of an event that makes anything of it.

    Args:
        inbox: where it is kept.
        ways: kinds with their parsers; where each returns None there is nothing to do.
        backfill: is told which messages were kept and which were not.
    """

    async def listener(body: dict[str, Any]) -> None:
        for kind, parse in ways:
            parsed = parse(body)
            if parsed is None:
                continue
            watched: AbstractContextManager[None] = nullcontext()
            if backfill is not None and isinstance(parsed, IncomingMessage):
                watched = backfill.watching(parsed.channel_id, parsed.ts)
            with watched:
                await inbox.add(
                    team_id=parsed.team_id, event_id=body["event_id"], kind=kind, payload=asdict(parsed)
                )
            return

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
