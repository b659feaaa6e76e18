"""The state of all workspaces of a playground: people, channels, files, tokens. In memory only."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playground.errors import NoSuchThing, NotLoopback
from playground.workspace.shapes import JSON, Channel, File, Message, Team, User, View

# facts: the scopes a Fingerpost manifest asks for; chat:write.public is not among them.
DEFAULT_SCOPES = frozenset(
    [
        "channels:history",
        "groups:history",
        "im:history",
        "chat:write",
        "reactions:read",
        "reactions:write",
        "channels:read",
        "groups:read",
        "channels:join",
        "users:read",
        "commands",
        "files:write",
        "files:read",
        "im:write",
        "im:read",
        "mpim:read",
        "usergroups:read",
        "emoji:read",
        "team:read",
    ]
)
DEFAULT_EVENTS = frozenset(
    [
        "message.channels",
        "message.groups",
        "message.im",
        "reaction_added",
        "reaction_removed",
        "member_joined_channel",
        "member_left_channel",
        "app_home_opened",
        "emoji_changed",
        "app_uninstalled",
        "tokens_revoked",
        "app_mention",
    ]
)
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class Command:
    """A slash command as the app's manifest declares it."""

    command: str
    description: str
    usage_hint: str = ""
    should_escape: bool = False


@dataclass(slots=True)
class Installation:
    """Our app in one workspace."""

    team_id: str
    bot_user_id: str
    bot_id: str
    token: str
    scopes: set[str]
    revoked: bool = False


@dataclass(slots=True)
class SlackApp:
    """Our app, as Slack's configuration pages know it."""

    id: str
    name: str
    signing_secret: str
    app_token: str
    verification_token: str = "playground-verification-token"  # noqa: S105 - a toy's
    events: set[str] = field(default_factory=lambda: set(DEFAULT_EVENTS))
    commands: list[Command] = field(default_factory=list)
    installations: dict[str, Installation] = field(default_factory=dict)
    _request_url: str | None = None

    @property
    def request_url(self) -> str | None:
        """Where events, commands and interactions are posted to; None without HTTP delivery."""
        return self._request_url

    @request_url.setter
    def request_url(self, url: str | None) -> None:
        if url is not None and not is_loopback(urlsplit(url).hostname):
            raise NotLoopback(f"{url} is not on this machine")
        self._request_url = url

    @property
    def token(self) -> str:
        """The bot token of the first workspace."""
        return next(iter(self.installations.values())).token


def bot_message(app: SlackApp, installation: Installation, fields: JSON) -> JSON:
    """The body of a message by our app."""
    return {
        "user": installation.bot_user_id,
        "bot_id": installation.bot_id,
        "app_id": app.id,
        "team": installation.team_id,
        "bot_profile": {
            "id": installation.bot_id,
            "app_id": app.id,
            "name": app.name,
            "team_id": installation.team_id,
            "deleted": False,
        },
        **fields,
    }


class Ids:
    """Ids and timestamps: unguessable ids, strictly increasing message timestamps."""

    def __init__(self, clock: Callable[[], float], token: Callable[[int], str] = secrets.token_hex) -> None:
        self._clock = clock
        self._token = token
        self._last = 0

    def new(self, prefix: str) -> str:
        """An id such as `Ev0A1B2C3D4E`."""
        return f"{prefix}0{self._token(5).upper()}"

    def secret(self) -> str:
        """A part of an address that nobody can guess."""
        return self._token(16)

    def ts(self) -> str:
        """A message timestamp, unique in this playground: seconds and six digits."""
        self._last = max(int(self._clock() * 1_000_000), self._last + 1)
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"


class State:
    """Teams, users, channels, files, views; look-ups raise `NoSuchThing`."""

    def __init__(self, ids: Ids, app: SlackApp) -> None:
        self.ids = ids
        self.app = app
        self.teams: dict[str, Team] = {}
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, File] = {}
        self.ephemerals: dict[str, list[Message]] = {}
        self.homes: dict[str, View] = {}
        self.modals: dict[str, list[View]] = {}
        self.usergroups: dict[str, list[str]] = {}
        self.emoji: dict[str, str] = {}
        self.banner: dict[str, Any] | None = None

    def team(self, team_id: str) -> Team:
        """A workspace by id."""
        try:
            return self.teams[team_id]
        except KeyError:
            raise NoSuchThing(f"no team {team_id}; there are {sorted(self.teams)}") from None

    def user(self, user_id: str) -> User:
        """A user by id."""
        try:
            return self.users[user_id]
        except KeyError:
            raise NoSuchThing(f"no user {user_id}; there are {sorted(self.users)}") from None

    def people(self, team_id: str) -> Iterator[User]:
        """All users whom a workspace knows: its own, and those of others who are in its channels."""
        channels = (channel for channel in self.channels.values() if channel.team_id == team_id)
        guests = {user_id for channel in channels for user_id in channel.members}
        return (user for user in self.users.values() if user.team_id == team_id or user.id in guests)

    def knows(self, team_id: str, user_id: str) -> bool:
        """Whether a workspace knows of a user."""
        user = self.users.get(user_id)
        if user is None or user.team_id == team_id:
            return user is not None
        return any(user_id in each.members for each in self.channels.values() if each.team_id == team_id)

    def channel(self, name_or_id: str, team_id: str | None = None) -> Channel:
        """A channel by id, `name` or `#name`; names within `team_id`, or in any team without one."""
        if name_or_id in self.channels:
            return self.channels[name_or_id]
        wanted = name_or_id.removeprefix("#")
        for channel in self.channels.values():
            if channel.name == wanted and team_id in (None, channel.team_id) and not channel.is_im:
                return channel
        raise NoSuchThing(f"no channel {name_or_id}; there are {sorted(self.channels)}")

    def message(self, channel: str, ts: str) -> Message:
        """A message of a channel by its timestamp, ephemeral ones included."""
        place = self.channel(channel)
        if ts in place.messages:
            return place.messages[ts]
        for message in (m for each in self.ephemerals.values() for m in each):
            if message.ts == ts and message.channel == place.id:
                return message
        raise NoSuchThing(f"no message {ts} in {place.id}")

    def install(self, token: str) -> Installation | None:
        """The installation that a bot token belongs to."""
        return next((i for i in self.app.installations.values() if i.token == token), None)

    def direct(self, team_id: str, first: str, second: str) -> Channel:
        """The direct conversation of two users; made when there is none."""
        for channel in self.channels.values():
            if channel.is_im and set(channel.members) == {first, second}:
                return channel
        channel = Channel(self.ids.new("D"), team_id, "", [first, second], is_private=True, is_im=True)
        self.channels[channel.id] = channel
        return channel

    def bots(self) -> Iterator[User]:
        """All users that are bots."""
        return (user for user in self.users.values() if user.bot_id)


def is_loopback(host: str | None) -> bool:
    """Whether a host name is this machine, by name: no look-up that could be redirected."""
    return host in _LOOPBACK
