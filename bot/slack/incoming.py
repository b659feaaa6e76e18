"""Slack payload -> a value of ours, or None where there is nothing to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from bot.slack.emoji import normalise
from bot.slack.redaction import redact

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
class IncomingMembership:
    """A person joined a channel, or left it."""

    team_id: str
    channel_id: str
    ts: str
    user_id: str
    joined: bool
    event_ts: str


@dataclass(frozen=True, slots=True)
class MessageLink:
    """The message that a Slack link points to."""

    channel_id: str
    ts: str


def parse_message(body: Mapping[str, Any]) -> IncomingMessage | None:
    """Return the root message that a person wrote, or None (bots, edits, joins, thread replies, DMs)."""
    event = _mapping(body.get("event"))
    if not _is_root_message(event):
        return None
    names = _names(team_of(body), event.get("channel"), event.get("ts"), event.get("user"))
    if names is None or event["user"] == "USLACKBOT":
        return None
    given = event.get("text")
    text = redact(given) if isinstance(given, str) else ""  # Slack sends null for some messages
    has_files = bool(event.get("files"))
    if not text.strip() and not has_files:
        return None
    return IncomingMessage(*names, text, has_files)


def _is_root_message(event: Mapping[str, Any]) -> bool:
    """Say whether a person wrote it in a channel and not in a thread. Compares only: any field may be odd."""
    return (
        event.get("type") == "message"
        and any(event.get("subtype") == subtype for subtype in ROOT_SUBTYPES)
        and not any(event.get(mark) for mark in ("hidden", "bot_id", "bot_profile", "app_id"))
        and (event.get("thread_ts") is None or event["thread_ts"] == event.get("ts"))
        and not any(event.get("channel_type") == direct for direct in ("im", "mpim"))
    )


def parse_reaction(body: Mapping[str, Any]) -> IncomingReaction | None:
    """Return the reaction to a message, or None where it is on something else or incomplete."""
    event = _mapping(body.get("event"))
    item = _mapping(event.get("item"))
    added = event.get("type") == "reaction_added"
    if item.get("type") != "message" or not (added or event.get("type") == "reaction_removed"):
        return None
    names = _names(team_of(body), item.get("channel"), item.get("ts"), event.get("user"))
    name = event.get("reaction")
    if names is None or not isinstance(name, str) or not name:
        return None
    return IncomingReaction(*names, normalise(name), added, str(event.get("event_ts") or names[2]))


def parse_membership(body: Mapping[str, Any]) -> IncomingMembership | None:
    """Return who joined or left which channel; what one person does in a channel is worked off in order."""
    event = _mapping(body.get("event"))
    joined = event.get("type") == "member_joined_channel"
    if not joined and event.get("type") != "member_left_channel":
        return None
    names = _names(team_of(body), event.get("channel"), event.get("user"), event.get("user"))
    return None if names is None else IncomingMembership(*names, joined, str(event.get("event_ts") or ""))


def team_of(body: Mapping[str, Any]) -> str | None:
    """Return the workspace whose installation was spoken to: events, commands and interactions differ."""
    team = body.get("team")
    nested = team.get("id") if isinstance(team, Mapping) else team
    value = body.get("team_id") or nested
    return value if isinstance(value, str) and value else None


def _names(*values: object) -> tuple[str, str, str, str] | None:
    """Return team, channel, `ts` and person where all four are there."""
    if all(isinstance(value, str) and value for value in values):
        return cast("tuple[str, str, str, str]", values)
    return None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


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
