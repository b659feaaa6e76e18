"""One call of a Web API method: who calls, with which arguments."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from playground.delivery.interactions import Interactions
from playground.delivery.socket_mode import SocketMode
from playground.errors import NoSuchThing, SlackError
from playground.workspace.conversations import Conversations
from playground.workspace.shapes import JSON, Channel, Message
from playground.workspace.state import Installation, State
from playground.workspace.streams import Streams
from playground.workspace.uploads import Uploads
from playground.workspace.views import Views

_TRUE = {"true", "1", "yes"}


@dataclass(frozen=True, slots=True)
class Services:
    """What the methods work with."""

    state: State
    conversations: Conversations
    views: Views
    interactions: Interactions
    uploads: Uploads
    sockets: SocketMode
    streams: Streams
    base_url: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Call:
    """Arguments and caller of one call.

    Attributes:
        services: the playground's parts.
        arguments: by name; strings where the body was a form, JSON values where it was JSON.
        caller: the installation whose bot token was used; `None` for methods with another token.
        mentions: filled by methods that post, for the journal.
    """

    services: Services
    arguments: JSON
    caller: Installation | None = None
    mentions: list[str] = field(default_factory=list)

    @property
    def state(self) -> State:
        """The workspaces."""
        return self.services.state

    @property
    def bot(self) -> Installation:
        """The calling bot's installation."""
        if self.caller is None:
            raise SlackError("not_allowed_token_type")
        return self.caller

    def text(self, name: str, default: str = "") -> str:
        """An argument as text; the default when it is missing or null."""
        value = self.arguments.get(name)
        return default if value is None else str(value)

    def required(self, name: str) -> str:
        """An argument that must be there.

        Raises:
            SlackError: invalid_arguments.
        """
        value = self.text(name)
        if not value:
            raise SlackError("invalid_arguments", [f"[ERROR] missing required field: {name}"])
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """An argument as a truth value, in all of Slack's spellings."""
        value = self.arguments.get(name)
        return default if value is None else str(value).lower() in _TRUE

    def number(self, name: str, default: int, largest: int) -> int:
        """An argument as a number from 1 to `largest`.

        Raises:
            SlackError: invalid_limit.
        """
        try:
            value = int(self.text(name, str(default)))
        except ValueError:
            raise SlackError("invalid_arguments", [f"[ERROR] must be an integer: {name}"]) from None
        if value < 1:
            raise SlackError("invalid_limit")
        return min(value, largest)

    def structure(self, name: str, error: str = "invalid_arguments") -> Any:
        """A list or an object, which forms carry as JSON text; None when missing.

        Raises:
            SlackError: `error` when it is no JSON.
        """
        value = self.arguments.get(name)
        if not isinstance(value, str):
            return value
        if not value:
            return None
        try:
            return json.loads(value)
        except ValueError:
            raise SlackError(error, [f"[ERROR] {name} is not valid JSON"]) from None

    def channel(self, name: str = "channel", *, by_name: bool = False) -> Channel:
        """The channel of an argument, if the caller may know of it.

        Raises:
            SlackError: channel_not_found, also for channels of other workspaces and private ones.
        """
        wanted = self.required(name)
        try:
            channel = self.state.channel(wanted, self.bot.team_id)
        except NoSuchThing:
            raise SlackError("channel_not_found") from None
        hidden = channel.is_private and self.bot.bot_user_id not in channel.members
        if channel.team_id != self.bot.team_id or hidden or (channel.id != wanted and not by_name):
            raise SlackError("channel_not_found")
        return channel

    def own_channel(self) -> Channel:
        """A channel that the bot is in.

        Raises:
            SlackError: channel_not_found, not_in_channel.
        """
        channel = self.channel()
        if self.bot.bot_user_id not in channel.members:
            raise SlackError("not_in_channel")
        return channel

    def message(self, channel: Channel, name: str = "ts") -> Message:
        """A message of a channel.

        Raises:
            SlackError: message_not_found.
        """
        message = channel.messages.get(self.required(name))
        if message is None or message.body.get("subtype") == "tombstone":
            raise SlackError("message_not_found")
        return message

    def metadata_wanted(self) -> bool:
        """Whether message metadata is asked for."""
        return self.flag("include_all_metadata")


Handler = Callable[[Call], Awaitable[JSON]]


@dataclass(frozen=True, slots=True)
class Method:
    """A method: its handler, the scopes it needs (any one of them), and who may call it: bot, app, anyone."""

    handler: Handler
    scopes: tuple[str, ...] = ()
    caller: str = "bot"


def page(items: list[Any], call: Call, *, default: int, largest: int) -> tuple[list[Any], str]:
    """A page of a list by `limit` and `cursor`.

    Returns:
        The items, and the next cursor: empty at the end.

    Raises:
        SlackError: invalid_cursor.
    """
    limit = call.number("limit", default, largest)
    cursor = call.text("cursor")
    if cursor and not (cursor.startswith("next:") and cursor[5:].isdigit()):
        raise SlackError("invalid_cursor")
    start = int(cursor[5:]) if cursor else 0
    end = start + limit
    return items[start:end], f"next:{end}" if end < len(items) else ""
