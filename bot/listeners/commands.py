"""Slash commands. They are committed to the inbox first: an acknowledgement is a promise."""

from __future__ import annotations

import hashlib
from typing import Any

from bot.listeners.types import Ack, AckListener
from bot.queue.inbox import Inbox, Kind
from bot.slack.incoming import team_of


def on_why(inbox: Inbox) -> AckListener:
    """Return the listener for `/why <link | last>`."""
    return _listener(inbox, Kind.WHY)


def on_retrain(inbox: Inbox) -> AckListener:
    """Return the listener for `/retrain`."""
    return _listener(inbox, Kind.RETRAIN)


def _listener(inbox: Inbox, kind: Kind) -> AckListener:
    async def listener(ack: Ack, body: dict[str, Any]) -> None:
        keys = ("team_id", "user_id", "channel_id", "text", "response_url")
        payload = {key: body.get(key) or "" for key in keys}
        await inbox.add(
            team_id=team_of(body) or "", event_id=f"command-{trigger(body)}", kind=kind, payload=payload
        )
        await ack()

    return listener


def trigger(body: dict[str, Any]) -> str:
    """Return a name for this very click or command: a hash of its single-use trigger id."""
    return hashlib.sha256(str(body["trigger_id"]).encode()).hexdigest()[:32]
