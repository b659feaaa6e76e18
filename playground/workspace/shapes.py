"""The things a workspace consists of, and how Slack writes them as JSON."""

from dataclasses import dataclass, field
from typing import Any

JSON = dict[str, Any]

_COLORS = ("9f69e7", "4bbe2e", "e7392d", "3c989f", "674b1b", "e96699", "2b6836", "d58247")


@dataclass(slots=True)
class Team:
    """A workspace."""

    id: str
    name: str
    domain: str


@dataclass(slots=True)
class User:
    """A person, or a bot's user."""

    id: str
    team_id: str
    name: str
    real_name: str
    is_admin: bool = False
    is_owner: bool = False
    is_restricted: bool = False
    is_stranger: bool = False
    deleted: bool = False
    bot_id: str | None = None
    app_id: str | None = None
    overrides: JSON = field(default_factory=dict)

    @property
    def color(self) -> str:
        """A stable colour for the avatar, six hexadecimal digits."""
        return _COLORS[sum(map(ord, self.id)) % len(_COLORS)]

    def to_slack(self) -> JSON:
        """The user object of `users.info`."""
        body: JSON = {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "real_name": self.real_name,
            "deleted": self.deleted,
            "color": self.color,
            "tz": "Etc/UTC",
            "tz_offset": 0,
            "profile": {"real_name": self.real_name, "display_name": self.name, "team": self.team_id},
            "is_admin": self.is_admin,
            "is_owner": self.is_owner,
            "is_primary_owner": self.is_owner,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": False,
            "is_bot": self.bot_id is not None,
            "is_app_user": False,
        }
        # Slack sends is_stranger only for people of another organisation.
        if self.is_stranger:
            body["is_stranger"] = True
        if self.bot_id:
            body["profile"] |= {"bot_id": self.bot_id, "api_app_id": self.app_id}
        return body | self.overrides


@dataclass(slots=True)
class Message:
    """One message; `body` holds Slack's own fields, without reactions and counts."""

    channel: str
    body: JSON
    reactions: dict[str, list[str]] = field(default_factory=dict)
    mentions: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    ephemeral_to: str | None = None
    replies: list[str] = field(default_factory=list)
    repliers: list[str] = field(default_factory=list)

    @property
    def ts(self) -> str:
        """The message's id within its channel."""
        return str(self.body["ts"])

    @property
    def is_reply(self) -> bool:
        """Whether it lives in a thread (a thread's parent does not)."""
        return bool(self.body.get("thread_ts", self.ts) != self.ts)

    def to_slack(self, *, with_metadata: bool = False) -> JSON:
        """As `conversations.history` shows it; metadata only to those who ask for it, as in Slack."""
        body = {key: value for key, value in self.body.items() if with_metadata or key != "metadata"}
        if self.reactions:
            body["reactions"] = [
                {"name": name, "users": list(users), "count": len(users)}
                for name, users in self.reactions.items()
            ]
        if self.replies:
            body |= {
                "thread_ts": self.ts,
                "reply_count": len(self.replies),
                "reply_users": list(self.repliers),
                "reply_users_count": len(self.repliers),
                "latest_reply": self.replies[-1],
            }
        return body

    def to_page(self) -> JSON:
        """As the page and the tests see it: with the channel, and what Slack would make clickable."""
        body = self.to_slack(with_metadata=True) | {
            "channel": self.channel,
            "mentions": list(self.mentions),
            "links": list(self.links),
        }
        body.setdefault("reactions", [])
        if self.ephemeral_to:
            body["ephemeral"] = True
        return body


@dataclass(slots=True)
class Channel:
    """A public or private channel, or a direct conversation (`is_im`)."""

    id: str
    team_id: str
    name: str
    members: list[str] = field(default_factory=list)
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    messages: dict[str, Message] = field(default_factory=dict)

    @property
    def channel_type(self) -> str:
        """`channel`, `group` or `im`, as in message events."""
        if self.is_im:
            return "im"
        return "group" if self.is_private else "channel"

    def visible_to(self, user: User) -> bool:
        """Whether a person sees it: members do, and of a public one all colleagues who are no guests."""
        colleague = user.team_id == self.team_id and not user.is_restricted and not user.is_stranger
        return user.id in self.members or (colleague and not self.is_private)

    def to_slack(self, viewer: str | None = None) -> JSON:
        """The conversation object, as `viewer` sees it."""
        body: JSON = {
            "id": self.id,
            "created": 1700000000,
            "is_archived": self.is_archived,
            "is_im": self.is_im,
            "is_org_shared": False,
            "context_team_id": self.team_id,
        }
        if self.is_im:
            return body | {"user": next((m for m in self.members if m != viewer), viewer)}
        return body | {
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": True,
            "is_group": False,
            "is_mpim": False,
            "is_private": self.is_private,
            "is_general": False,
            "is_shared": False,
            "is_ext_shared": False,
            "is_member": viewer in self.members,
            "num_members": len(self.members),
            "topic": {"value": "", "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
        }


@dataclass(slots=True)
class File:
    """An uploaded file; `mimetype` stays empty until Slack has looked at it."""

    id: str
    team_id: str
    user: str
    name: str
    url: str
    length: int = 0
    title: str = ""
    alt_txt: str = ""
    content: bytes = b""
    mimetype: str = ""
    uploaded: bool = False
    completed: bool = False
    shares: dict[str, list[str]] = field(default_factory=dict)

    def to_slack(self) -> JSON:
        """The file object of `files.info` and of messages."""
        return {
            "id": self.id,
            "name": self.name,
            "title": self.title or self.name,
            "alt_txt": self.alt_txt,
            "mimetype": self.mimetype,
            "filetype": self.name.rpartition(".")[2] if self.mimetype else "",
            "size": len(self.content),
            "user": self.user,
            "url_private": self.url,
            "shares": {
                "public": {channel: [{"ts": ts} for ts in stamps] for channel, stamps in self.shares.items()}
            },
        }


@dataclass(slots=True)
class View:
    """A modal, or somebody's Home tab."""

    id: str
    team_id: str
    user: str
    content: JSON
    hash: str
    root_id: str
    previous_id: str | None = None
    state: JSON = field(default_factory=dict)

    def to_slack(self, *, app_id: str, bot_id: str) -> JSON:
        """The view object of `views.*` answers and of interactions."""
        defaults: JSON = {
            "title": None,
            "submit": None,
            "close": None,
            "callback_id": "",
            "private_metadata": "",
            "external_id": "",
            "clear_on_close": False,
            "notify_on_close": False,
        }
        return (
            defaults
            | self.content
            | {
                "id": self.id,
                "team_id": self.team_id,
                "app_id": app_id,
                "app_installed_team_id": self.team_id,
                "bot_id": bot_id,
                "hash": self.hash,
                "root_view_id": self.root_id,
                "previous_view_id": self.previous_id,
                "state": {"values": self.state},
            }
        )
