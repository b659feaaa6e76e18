"""The tables. Rows and foreign keys carry `team_id`, so no row can point into another workspace."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from storage.states import (
    CategoryState,
    InboxState,
    LabelKind,
    LabelRole,
    LabelSource,
    ModelKind,
    ModelState,
    ReplyState,
    RunSource,
    RunState,
    TicketState,
)
from storage.types import UTCDateTime, enum_column, json_column

__all__ = [
    "AuditEvent",
    "Base",
    "Category",
    "CategoryState",
    "InboxEvent",
    "InboxState",
    "Label",
    "LabelKind",
    "LabelRole",
    "LabelSource",
    "ModelKind",
    "ModelState",
    "ModelVersion",
    "Prediction",
    "Reply",
    "ReplyState",
    "RetrainRun",
    "RunSource",
    "RunState",
    "Ticket",
    "TicketState",
    "key_column",
    "ticket_key",
]

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraints with known names can be changed by a later migration on both databases."""


class Base(DeclarativeBase):
    """Declarative base: named constraints, aware times."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UTCDateTime(), str: String()}  # noqa: RUF012  (SQLAlchemy declares it so)


def key_column() -> Mapped[UUID]:
    """A UUID that is made here."""
    return mapped_column(primary_key=True, default=uuid4)


def ticket_key() -> ForeignKeyConstraint:
    """Of what ends with its ticket."""
    return ForeignKeyConstraint(["team_id", "ticket_id"], ["ticket.team_id", "ticket.id"], ondelete="CASCADE")


def unique_where(condition: str, name: str, *columns: str) -> Index:
    """An index over the rows that a condition of SQL is true of: no two of them have the same columns."""
    return Index(name, *columns, unique=True, sqlite_where=text(condition), postgresql_where=text(condition))


class InboxEvent(Base):
    """An event as Slack sent it, kept from before the acknowledgement until it is worked off."""

    __tablename__ = "inbox_event"
    __table_args__ = (
        UniqueConstraint("team_id", "event_id"),
        Index("ix_inbox_event_due", "state", "next_attempt_at"),
    )

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    event_id: Mapped[str]
    kind: Mapped[str]
    payload: Mapped[dict[str, Any]] = mapped_column(json_column())
    state: Mapped[InboxState] = mapped_column(enum_column(InboxState, "state"), default=InboxState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    worker: Mapped[str | None]
    last_error: Mapped[str | None] = mapped_column(Text)
    received_at: Mapped[datetime]


class Ticket(Base):
    """A root message in a support channel. `category` is the decided one, and None while nobody decided.

    `edited_ts` is Slack's mark of the last edit that was taken over. Where `deleted_at` is set the message
    was deleted in Slack: the row stays, without text, so that a late delivery does not bring it back.
    """

    __tablename__ = "ticket"
    __table_args__ = (
        UniqueConstraint("team_id", "channel_id", "ts"),
        UniqueConstraint("team_id", "id"),
        Index("ix_ticket_recent", "team_id", "posted_at"),
    )

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    channel_id: Mapped[str]
    ts: Mapped[str]
    user_id: Mapped[str]
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[TicketState] = mapped_column(enum_column(TicketState, "state"), default=TicketState.NEW)
    category: Mapped[str | None]
    created_at: Mapped[datetime]
    posted_at: Mapped[datetime]
    edited_ts: Mapped[str | None]
    deleted_at: Mapped[datetime | None]


class Prediction(Base):
    """What a model said about a ticket. Never a training label.

    `alternatives` is [[category, p], ...], best first; `words` is [{text, start, end, score}, ...];
    `embedding` is float32[hidden], little endian (storage.types.vector_from_bytes). Where a labelled ticket
    overruled the model, `remembered_ticket_id` is that one, and the ticket's category what people said of it.
    """

    __tablename__ = "prediction"
    __table_args__ = (ticket_key(), Index("ix_prediction_ticket", "team_id", "ticket_id", "created_at"))

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    ticket_id: Mapped[UUID]
    model_version: Mapped[str]
    category: Mapped[str]
    confidence: Mapped[float]
    alternatives: Mapped[list[Any]] = mapped_column(json_column())
    words: Mapped[list[Any]] = mapped_column(json_column())
    out_of_scope: Mapped[float]
    decision: Mapped[TicketState] = mapped_column(enum_column(TicketState, "decision"))
    embedding: Mapped[bytes | None] = mapped_column(LargeBinary)
    truncated: Mapped[bool] = mapped_column(default=False)
    remembered_ticket_id: Mapped[UUID | None]
    created_at: Mapped[datetime]


class Reply(Base):
    """A post in the outbox. While `sending`, `next_attempt_at` is the end of the sender's lease.

    `surface` says what it is: the card in the thread ("card"), or a team's card ("team_card:<slug>").
    """

    __tablename__ = "reply"
    __table_args__ = (
        ticket_key(),
        UniqueConstraint("ticket_id", "surface"),
        Index("ix_reply_due", "state", "next_attempt_at"),
        Index("ix_reply_message", "team_id", "channel_id", "ts"),
    )

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    ticket_id: Mapped[UUID | None]
    surface: Mapped[str]
    channel_id: Mapped[str]
    thread_ts: Mapped[str | None]
    text: Mapped[str] = mapped_column(Text)
    blocks: Mapped[list[Any]] = mapped_column(json_column())
    state: Mapped[ReplyState] = mapped_column(enum_column(ReplyState, "state"), default=ReplyState.PENDING)
    ts: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    next_attempt_at: Mapped[datetime]
    last_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]

    was_sending = False  # set by a claim, not stored: an earlier sender may have posted this already


class Label(Base):
    """What a person said a ticket is. `category` None means "none of these".

    Where the category was merged into another, `moved_from` is the one that the person named.
    """

    __tablename__ = "label"
    __table_args__ = (
        ticket_key(),
        unique_where("withdrawn_at IS NULL", "uq_label_active", "team_id", "ticket_id", "user_id"),
        Index("ix_label_created", "team_id", "created_at"),
    )

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    ticket_id: Mapped[UUID]
    category: Mapped[str | None]
    user_id: Mapped[str]
    role: Mapped[LabelRole] = mapped_column(enum_column(LabelRole, "role"))
    kind: Mapped[LabelKind] = mapped_column(enum_column(LabelKind, "kind"))
    source: Mapped[LabelSource] = mapped_column(enum_column(LabelSource, "source"))
    detail: Mapped[str | None]
    moved_from: Mapped[str | None]
    created_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class Category(Base):
    """A kind of ticket and the channel of the team that owns it.

    `destination` is the channel as a person named it, `destination_id` Slack's id of it, which a rename
    leaves alone; `destination_trouble` is why the channel cannot be reached (Slack's error), None: it can.
    """

    __tablename__ = "category"
    __table_args__ = (UniqueConstraint("team_id", "slug"),)

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    slug: Mapped[str]
    name: Mapped[str]
    emoji: Mapped[str]
    description: Mapped[str] = mapped_column(Text)
    destination: Mapped[str | None]
    destination_id: Mapped[str | None]
    destination_trouble: Mapped[str | None]
    position: Mapped[int]
    state: Mapped[CategoryState] = mapped_column(
        enum_column(CategoryState, "state"), default=CategoryState.ACTIVE
    )
    merged_into: Mapped[str | None]
    created_at: Mapped[datetime | None]
    created_by: Mapped[str | None]


class ModelVersion(Base):
    """A model directory that a team has, had, or was refused."""

    __tablename__ = "model_version"
    __table_args__ = (
        UniqueConstraint("team_id", "version"),
        unique_where("state = 'active'", "uq_model_version_active", "team_id"),
    )

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    version: Mapped[str]
    path: Mapped[str]
    parent: Mapped[str | None]
    kind: Mapped[ModelKind] = mapped_column(enum_column(ModelKind, "kind"))
    metrics: Mapped[dict[str, Any]] = mapped_column(json_column())
    state: Mapped[ModelState] = mapped_column(enum_column(ModelState, "state"), default=ModelState.CANDIDATE)
    manifest_hash: Mapped[str]
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    shadow_until: Mapped[datetime | None]


class RetrainRun(Base):
    """One retraining. `fence` grows with each claim; a holder with an older one can no longer write.

    `follow_up` is what is queued at this run's end: the update that a change of categories asked for while
    it was under way. `response_url` holds Slack's, with a blank between two, for those who changed
    them; each lasts half an hour.
    """

    __tablename__ = "retrain_run"
    __table_args__ = (
        UniqueConstraint("team_id", "slot"),
        unique_where("state IN ('queued', 'running')", "uq_retrain_run_unfinished", "team_id"),
    )

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    slot: Mapped[str]
    state: Mapped[RunState] = mapped_column(enum_column(RunState, "state"), default=RunState.QUEUED)
    requested_by: Mapped[str]
    source: Mapped[RunSource] = mapped_column(enum_column(RunSource, "source"))
    channel_id: Mapped[str | None]
    message_ts: Mapped[str | None]
    lease_holder: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    fence: Mapped[int] = mapped_column(default=0)
    progress: Mapped[dict[str, Any] | None] = mapped_column(json_column())
    metrics: Mapped[dict[str, Any] | None] = mapped_column(json_column())
    reason: Mapped[str | None] = mapped_column(Text)
    model_version: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    announced_at: Mapped[datetime | None]
    cancel_requested_at: Mapped[datetime | None]
    cancel_requested_by: Mapped[str | None]
    dry_run: Mapped[bool] = mapped_column(default=False, server_default=false())
    manifest_hash: Mapped[str | None]
    response_url: Mapped[str | None]
    follow_up: Mapped[dict[str, Any] | None] = mapped_column(json_column())


class AuditEvent(Base):
    """Who changed what, and when."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_recent", "team_id", "at"),)

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str]
    details: Mapped[dict[str, Any]] = mapped_column(json_column())
    at: Mapped[datetime]
