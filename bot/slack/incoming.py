"""Slack payload -> a value of ours, or None where there is nothing to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from bot.slack.emoji import normalise
from bot.slack.message_text import has_files, is_mail, text_of
from bot.slack.redaction import redact

# A root message that a person wrote has no subtype, or `file_share` where something is attached.
ROOT_SUBTYPES = (None, "", "file_share")
APP_SUBTYPES = (*ROOT_SUBTYPES, "bot_message")
SLACKBOT = "USLACKBOT"
"""In whose name Slack posts the mails that are sent to a channel, and much that nobody wrote."""

_TS = re.compile(r"\d{1,12}\.\d{1,9}", re.ASCII)
_LINK = re.compile(r"/archives/(?P<channel>[A-Z0-9]+)/p(?P<seconds>\d{10})(?P<fraction>\d{6})")


@dataclass(frozen=True, slots=True)
class Accepted:
    """Which apps' posts are read as a person's are; none unless the operator names them.

    Attributes:
        apps: ids of apps, bots or workflows (`A...`, `B...`, `Wf...`).
        own: our own ids, whose posts are never read: the bot would answer itself.
    """

    apps: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()

    def takes(self, body: Mapping[str, Any], message: Mapping[str, Any]) -> bool:
        """Say whether a message is by an app that was chosen."""
        profile = _mapping(message.get("bot_profile"))
        named = (
            *(message.get(name) for name in ("app_id", "bot_id", "workflow_id", "user")),
            *(profile.get(name) for name in ("app_id", "id")),
        )
        ids = {name for name in named if isinstance(name, str)}
        return bool(ids & self.apps) and not ids & {*self.own, str(body.get("api_app_id"))}


NO_APPS = Accepted()


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A root message in a channel: a person's, a mail, or a chosen app's. `text` is redacted already.

    Attributes:
        user_id: who wrote it; of an app without a user its bot's id.
        edited_ts: Slack's mark of its last edit; "" where it was not edited. Later edits have greater ones.
    """

    team_id: str
    channel_id: str
    ts: str
    user_id: str
    text: str
    has_files: bool = False
    edited_ts: str = ""


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
class IncomingDeletion:
    """A root message of a channel was deleted. `user_id` wrote it; "" where Slack does not say who."""

    team_id: str
    channel_id: str
    ts: str
    user_id: str


@dataclass(frozen=True, slots=True)
class IncomingRemoval:
    """A workspace removed the app or took tokens back: the bot's (`bot`), or those of some people."""

    team_id: str
    event: str
    bot: bool
    users: tuple[str, ...] = ()


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


def parse_message(body: Mapping[str, Any], accepted: Accepted = NO_APPS) -> IncomingMessage | None:
    """Return the root message that somebody asks something with, or None (joins, thread replies, DMs)."""
    event = _mapping(body.get("event"))
    if event.get("type") != "message" or event.get("hidden"):
        return None
    return _root_message(body, event, event, accepted)


def parse_edit(body: Mapping[str, Any], accepted: Accepted = NO_APPS) -> IncomingMessage | None:
    """Return a root message as it reads after an edit, or None where what it says did not change.

    Slack sends the same event when it unfurls a link, when a thread grows, and for our own updates.
    """
    event = _mapping(body.get("event"))
    if event.get("type") != "message" or event.get("subtype") != "message_changed":
        return None
    message, before = _mapping(event.get("message")), _mapping(event.get("previous_message"))
    edited = _root_message(body, event, message, accepted)
    if edited is None:
        return None
    if before and text_of(before, by_app=_by_app(before)) == text_of(message, by_app=_by_app(message)):
        return None
    mark = edited.edited_ts or event.get("event_ts") or event.get("ts")
    return replace(edited, edited_ts=mark) if isinstance(mark, str) else None


def _root_message(
    body: Mapping[str, Any], event: Mapping[str, Any], message: Mapping[str, Any], accepted: Accepted
) -> IncomingMessage | None:
    """Read a message; `event` says of which channel. Compares only: any field may be odd."""
    in_thread = message.get("thread_ts") is not None and message["thread_ts"] != message.get("ts")
    if in_thread or any(event.get("channel_type") == direct for direct in ("im", "mpim")):
        return None
    by_app, author = _by_app(message), message.get("user")
    if by_app:
        if not accepted.takes(body, message):
            return None
        author = author or message.get("bot_id")
    elif author == SLACKBOT and not is_mail(message):
        return None
    subtypes = APP_SUBTYPES if by_app else ROOT_SUBTYPES
    names = _names(team_of(body), event.get("channel"), message.get("ts"), author)
    if names is None or not _TS.fullmatch(names[2]) or message.get("subtype") not in subtypes:
        return None
    text, files = redact(text_of(message, by_app=by_app)), has_files(message)
    if not text.strip() and not files:
        return None
    mark = _mapping(message.get("edited")).get("ts")
    return IncomingMessage(*names, text, files, mark if isinstance(mark, str) else "")


def _by_app(message: Mapping[str, Any]) -> bool:
    """Say whether an app wrote it. A mail has a bot's marks, and is a person's words."""
    if message.get("user") == SLACKBOT and is_mail(message):
        return False
    return message.get("subtype") == "bot_message" or any(
        message.get(mark) for mark in ("bot_id", "bot_profile", "app_id")
    )


def parse_deletion(body: Mapping[str, Any]) -> IncomingDeletion | None:
    """Return the root message that was deleted, or None where the event tells of something else.

    Where a thread hangs on the message Slack tells of a change: what is left of it is a tombstone.
    """
    event = _mapping(body.get("event"))
    before, left = _mapping(event.get("previous_message")), _mapping(event.get("message"))
    if event.get("type") != "message" or any(event.get("channel_type") == one for one in ("im", "mpim")):
        return None
    if event.get("subtype") == "message_deleted":
        ts = event.get("deleted_ts") or before.get("ts")
    elif event.get("subtype") == "message_changed" and left.get("subtype") == "tombstone":
        ts = left.get("ts")
    else:
        return None
    if before.get("thread_ts") not in (None, ts):
        return None  # a reply in a thread
    names = _names(team_of(body), event.get("channel"), ts, before.get("user") or "unknown")
    return None if names is None else IncomingDeletion(*names[:3], str(before.get("user") or ""))


def parse_removal(body: Mapping[str, Any]) -> IncomingRemoval | None:
    """Return what became of our installation: `app_uninstalled`, or `tokens_revoked` with whose they were."""
    event, team_id = _mapping(body.get("event")), team_of(body)
    kind, tokens = event.get("type"), _mapping(event.get("tokens"))
    if team_id is None or kind not in ("app_uninstalled", "tokens_revoked"):
        return None
    of_people = tokens.get("oauth")
    users = tuple(map(str, of_people)) if isinstance(of_people, list) else ()
    return IncomingRemoval(team_id, kind, kind == "app_uninstalled" or bool(tokens.get("bot")), users)


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
    """Return the workspace whose installation was spoken to: events, commands and interactions differ.

    In a shared channel an event's own `team_id` may be the partner's; `authorizations` names ours. A modal
    that was opened there says in `view` where the app is installed.
    """
    granted = body.get("authorizations")
    first = _mapping(granted[0]) if isinstance(granted, list) and granted else {}
    view = _mapping(body.get("view"))
    team = body.get("team")
    nested = team.get("id") if isinstance(team, Mapping) else team
    for value in (first.get("team_id"), view.get("app_installed_team_id"), body.get("team_id"), nested):
        if isinstance(value, str) and value:
            return value
    return None


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
