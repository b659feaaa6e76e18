"""Slack payload -> a value of ours, or None where there is nothing to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.emoji import normalise
from bot.redaction import redact

# A root message that a person wrote has no subtype, or `file_share` where something is attached.
ROOT_SUBTYPES = frozenset({None, "", "file_share"})

_LINK = re.compile(r"/archives/(?P<channel>[A-Z0-9]+)/p(?P<seconds>\d{10})(?P<fraction>\d{6})")


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A root message of a person in a channel. `text` is redacted already."""

    team_id: str
    channel_id: str
    ts: str
    user_id: str
    text: str
    has_files: bool = False


@dataclass(frozen=True, slots=True)
class IncomingReaction:
    """A person put a reaction on a message, or took it away."""

    team_id: str
    channel_id: str
    ts: str
    user_id: str
    emoji: str
    added: bool
    event_ts: str


@dataclass(frozen=True, slots=True)
class MessageLink:
    """The message that a Slack link points to."""

    channel_id: str
    ts: str


def parse_message(body: Mapping[str, Any]) -> IncomingMessage | None:
    """Return the root message that a person wrote, or None (bots, edits, joins, thread replies, DMs)."""
    event = body.get("event") or {}
    if event.get("type") != "message" or event.get("subtype") not in ROOT_SUBTYPES or event.get("hidden"):
        return None
    if event.get("bot_id") or event.get("bot_profile") or event.get("app_id"):
        return None
    if event.get("thread_ts") not in {None, event.get("ts")} or event.get("channel_type") in {"im", "mpim"}:
        return None
    team_id, channel_id = team_of(body), event.get("channel")
    ts, user_id = event.get("ts"), event.get("user")
    if not (team_id and channel_id and ts and user_id) or user_id == "USLACKBOT":
        return None
    text = redact(event.get("text") or "")  # Slack sends null for some messages
    has_files = bool(event.get("files"))
    if not text.strip() and not has_files:
        return None
    return IncomingMessage(team_id, channel_id, ts, user_id, text, has_files)


def parse_reaction(body: Mapping[str, Any]) -> IncomingReaction | None:
    """Return the reaction to a message, or None where it is on something else or incomplete."""
    event = body.get("event") or {}
    item = event.get("item") or {}
    added = event.get("type") == "reaction_added"
    if item.get("type") != "message" or not (added or event.get("type") == "reaction_removed"):
        return None
    values = (team_of(body), item.get("channel"), item.get("ts"), event.get("user"), event.get("reaction"))
    if not all(values):
        return None
    team_id, channel_id, ts, user_id, name = (str(value) for value in values)
    return IncomingReaction(
        team_id, channel_id, ts, user_id, normalise(name), added, str(event.get("event_ts") or ts)
    )


def team_of(body: Mapping[str, Any]) -> str | None:
    """Return the workspace whose installation was spoken to: events, commands and interactions differ."""
    team = body.get("team")
    nested = team.get("id") if isinstance(team, Mapping) else team
    value = body.get("team_id") or nested
    return str(value) if value else None


def parse_link(text: str) -> MessageLink | None:
    """Find a message link (`https://x.slack.com/archives/C1/p1700000000123456`) in what a person typed."""
    match = _LINK.search(text)
    if match is None:
        return None
    return MessageLink(match["channel"], f"{match['seconds']}.{match['fraction']}")


def moment(ts: str, fallback: datetime) -> datetime:
    """Turn Slack's `seconds.fraction` into an aware UTC time."""
    try:
        return datetime.fromtimestamp(float(ts), tz=UTC)
    except (ValueError, OverflowError, OSError):
        return fallback
