"""The tables of what is known and set of Slack itself: when to call again, channels, who is where."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base, key_column


class SlackTurn(Base):
    """When a method may be called again, for every process that shares the database.

    `key` is a method ("chat.postMessage", after a 429), a method and a channel ("chat.postMessage/C1", the
    pace of posts), or a silent method's next probe ("chat.postMessage?").
    """

    __tablename__ = "slack_turn"
    __table_args__ = (UniqueConstraint("team_id", "key"),)

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    key: Mapped[str]
    next_at: Mapped[datetime]


class KnownChannel(Base):
    """What Slack last said of a channel that we are in or that a team has, so that nobody waits for Slack.

    `read_until` is the `ts` of the newest root message that we know of; what is newer may have been missed
    while we were off. None: we have read nothing there yet.
    """

    __tablename__ = "known_channel"
    __table_args__ = (UniqueConstraint("team_id", "channel_id"),)

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    channel_id: Mapped[str]
    name: Mapped[str | None]
    is_private: Mapped[bool | None]
    is_archived: Mapped[bool] = mapped_column(default=False)
    is_member: Mapped[bool] = mapped_column(default=False)
    read_until: Mapped[str | None]
    updated_at: Mapped[datetime]


class ChannelSetting(Base):
    """Whether the bot listens in a channel, and from which confidence it routes there."""

    __tablename__ = "channel_setting"
    __table_args__ = (UniqueConstraint("team_id", "channel_id"),)

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    channel_id: Mapped[str]
    enabled: Mapped[bool]
    threshold: Mapped[float | None]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str]


class ChannelMember(Base):
    """Since when a person is in a team's channel; `since` None: when we first looked they were there."""

    __tablename__ = "channel_member"
    __table_args__ = (UniqueConstraint("team_id", "channel_id", "user_id"),)

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    channel_id: Mapped[str]
    user_id: Mapped[str]
    since: Mapped[datetime | None]


class CategoryOwner(Base):
    """A person whom an admin named an owner of a category's tickets."""

    __tablename__ = "category_owner"
    __table_args__ = (UniqueConstraint("team_id", "slug", "user_id"),)

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    slug: Mapped[str]
    user_id: Mapped[str]
    named_by: Mapped[str]
    created_at: Mapped[datetime]
