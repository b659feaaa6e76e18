"""Buttons and menus under our cards."""

from __future__ import annotations

from typing import Any

from bot.listeners.commands import trigger
from bot.listeners.types import Ack, AckListener
from bot.queue.inbox import Inbox, Kind
from bot.slack.incoming import team_of


def on_label(inbox: Inbox) -> AckListener:
    """Return the listener for "Right", the choices of a question, and the menu."""
    return _listener(inbox, Kind.ACTION)


def on_why(inbox: Inbox) -> AckListener:
    """Return the listener for "Why?"."""
    return _listener(inbox, Kind.WHY_BUTTON)


def on_picture(inbox: Inbox) -> AckListener:
    """Return the listener for "Show the words in the thread"."""
    return _listener(inbox, Kind.PICTURE)


def on_review(inbox: Inbox) -> AckListener:
    """Return the listener for the buttons of the review queue."""
    return _listener(inbox, Kind.REVIEW)


def _listener(inbox: Inbox, kind: Kind) -> AckListener:
    async def listener(ack: Ack, body: dict[str, Any]) -> None:
        action = body["actions"][0]
        payload = {
            "team_id": team_of(body) or "",
            "user_id": body["user"]["id"],
            "channel_id": (body.get("channel") or {}).get("id", ""),
            "ts": (body.get("container") or {}).get("thread_ts") or "",
            "action_id": action["action_id"],
            "value": action.get("value") or (action.get("selected_option") or {}).get("value", ""),
            "response_url": body.get("response_url") or "",
        }
        await inbox.add(
            team_id=payload["team_id"], event_id=f"action-{trigger(body)}", kind=kind, payload=payload
        )
        await ack()

    return listener
