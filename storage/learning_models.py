"""The tables of the learning loop: what is remembered, asked, doubted, judged on, tried and proposed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models import Base, key_column, ticket_key
from storage.types import enum_column, json_column


class ReviewState(StrEnum):
    """What became of a doubted label. While it is open, its ticket is out of training."""

    OPEN = "open"
    KEPT = "kept"
    CHANGED = "changed"


class QuestionState(StrEnum):
    """A question counts against the day's budget from the moment at which it is `posted`."""

    POSTED = "posted"
    ANSWERED = "answered"


class ProposalState(StrEnum):
    """What became of a proposed category."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


class TicketEmbedding(Base):
    """Where a labelled ticket lies in a model's space: float32[hidden], little endian, L2-normalised.

    Embeddings of two models do not compare, so a new model reads the labelled tickets again.
    """

    __tablename__ = "ticket_embedding"
    __table_args__ = (
        ticket_key(),
        UniqueConstraint("ticket_id", "model_version"),
        Index("ix_ticket_embedding_model", "team_id", "model_version"),
    )

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    ticket_id: Mapped[UUID]
    model_version: Mapped[str]
    embedding: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class GoldTicket(Base):
    """A ticket that judges models and is never trained on. `category` is frozen; None: none of these."""

    __tablename__ = "gold_ticket"
    __table_args__ = (ticket_key(), UniqueConstraint("ticket_id"))

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    ticket_id: Mapped[UUID]
    category: Mapped[str | None]
    added_by: Mapped[str]
    added_at: Mapped[datetime]


class LabelReview(Base):
    """A label that confident learning doubts, waiting for a person. None stands for "none of these"."""

    __tablename__ = "label_review"
    __table_args__ = (
        ticket_key(),
        Index(
            "uq_label_review_open",
            "team_id",
            "ticket_id",
            unique=True,
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    ticket_id: Mapped[UUID]
    given: Mapped[str | None]
    suggested: Mapped[str | None]
    score: Mapped[float]
    state: Mapped[ReviewState] = mapped_column(enum_column(ReviewState, "state"), default=ReviewState.OPEN)
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None]


class PersonTrust(Base):
    """How a person's labels fared where others said something too. Capped: their word needs a second one."""

    __tablename__ = "person_trust"
    __table_args__ = (UniqueConstraint("team_id", "user_id"),)

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    user_id: Mapped[str]
    judged: Mapped[int]
    lost: Mapped[int]
    capped: Mapped[bool]
    updated_at: Mapped[datetime]


class Question(Base):
    """A question that the bot asked by itself. One row a slot of a day: replicas cannot ask too much."""

    __tablename__ = "question"
    __table_args__ = (
        ticket_key(),
        UniqueConstraint("team_id", "day", "slot"),
        UniqueConstraint("ticket_id"),
    )

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    ticket_id: Mapped[UUID]
    day: Mapped[str]
    slot: Mapped[int]
    channel_id: Mapped[str]
    gain: Mapped[float]
    state: Mapped[QuestionState] = mapped_column(
        enum_column(QuestionState, "state"), default=QuestionState.POSTED
    )
    created_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]


class ShadowAnswer(Base):
    """What a challenger said silently about a ticket, beside the model that answered."""

    __tablename__ = "shadow_answer"
    __table_args__ = (
        ticket_key(),
        UniqueConstraint("ticket_id", "model_version"),
        Index("ix_shadow_answer_model", "team_id", "model_version"),
    )

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    ticket_id: Mapped[UUID]
    model_version: Mapped[str]
    category: Mapped[str]
    confidence: Mapped[float]
    out_of_scope: Mapped[float]
    agrees: Mapped[bool]
    created_at: Mapped[datetime]


class CategoryProposal(Base):
    """A group of tickets that no category fits. `key` names the group, so that it is proposed once."""

    __tablename__ = "category_proposal"
    __table_args__ = (UniqueConstraint("team_id", "key"),)

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    key: Mapped[str]
    words: Mapped[list[Any]] = mapped_column(json_column())
    ticket_ids: Mapped[list[Any]] = mapped_column(json_column())
    state: Mapped[ProposalState] = mapped_column(
        enum_column(ProposalState, "state"), default=ProposalState.OPEN
    )
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None]


class DriftState(Base):
    """What the detector of one signal remembers between restarts."""

    __tablename__ = "drift_state"
    __table_args__ = (UniqueConstraint("team_id", "signal"),)

    id: Mapped[UUID] = key_column()
    team_id: Mapped[str]
    signal: Mapped[str]
    state: Mapped[dict[str, Any]] = mapped_column(json_column())
    seen_until: Mapped[datetime | None]
    alerted_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
