"""Slash commands, and buttons and menus under our cards.

They are committed to the inbox first: an acknowledgement is a promise.
"""

from __future__ import annotations

import hashlib
from typing import Any

from bot.listeners.types import Ack, AckListener
from bot.queue.inbox import Inbox, Kind
from bot.slack.incoming import team_of
from bot.slack.redaction import redact


def on_command(inbox: Inbox, kind: Kind) -> AckListener:
    """Return the listener for a command."""

    async def listener(ack: Ack, body: dict[str, Any]) -> None:
        keys = ("team_id", "user_id", "channel_id", "text", "response_url")
        payload = {key: body.get(key) or "" for key in keys}
        payload["text"] = redact(payload["text"])
        await inbox.add(
            team_id=team_of(body) or "", event_id=f"command-{trigger(body)}", kind=kind, payload=payload
        )
        await ack()

    return listener


def on_action(inbox: Inbox, kind: Kind) -> AckListener:
    """Return the listener for buttons or a menu."""

    async def listener(ack: Ack, body: dict[str, Any]) -> None:
        action, container = body["actions"][0], body.get("container") or {}
        payload = {
            "team_id": team_of(body) or "",
            "user_id": body["user"]["id"],
            "channel_id": (body.get("channel") or {}).get("id", ""),
            "ts": container.get("thread_ts") or "",
            "message_ts": container.get("message_ts") or "",
            "ephemeral": bool(container.get("is_ephemeral")),
            "action_id": action["action_id"],
            "value": action.get("value") or (action.get("selected_option") or {}).get("value", ""),
            "response_url": body.get("response_url") or "",
        }
        await inbox.add(
            team_id=payload["team_id"], event_id=f"action-{trigger(body)}", kind=kind, payload=payload
        )
        await ack()

    return listener


def trigger(body: dict[str, Any]) -> str:
    """Return a name for this very click or command: a hash of its single-use trigger id."""
    return hashlib.sha256(str(body["trigger_id"]).encode()).hexdigest()[:32]
