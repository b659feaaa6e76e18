"""A ticket's history, with what the model said, what people said and what they left unsaid kept apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from storage.models import Label, LabelKind, LabelRole, LabelSource, Prediction, Ticket, TicketState


class Said(StrEnum):
    """What a fact of a ticket's history is. Only what a person gave can become a training label."""

    PREDICTION = "prediction"
    SILENCE = "silence"
    CONFIRMATION = "confirmation"
    CORRECTION = "correction"
    NONE_OF_THESE = "none_of_these"
    IMPORT = "import"


_KINDS = {
    LabelKind.CONFIRMATION: Said.CONFIRMATION,
    LabelKind.CORRECTION: Said.CORRECTION,
    LabelKind.NONE_OF_THESE: Said.NONE_OF_THESE,
    LabelKind.IMPORTED: Said.IMPORT,
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One step of a ticket's history. Predictions name a model, labels a person; silence names neither.

    Attributes:
        what: which of them it is.
        category: a slug; None: none of these.
        at: when. Of silence: since when.
        model_version: of a prediction.
        label_id: of a label, and so `user_id`, `role`, `source` (the surface) and `withdrawn_at`.
        moved_from: the category that the person named, where it was merged into another since.
    """

    what: Said
    category: str | None
    at: datetime
    model_version: str | None = None
    label_id: UUID | None = None
    user_id: str | None = None
    role: LabelRole | None = None
    source: LabelSource | None = None
    withdrawn_at: datetime | None = None
    moved_from: str | None = None


def provenance(
    ticket: Ticket, predictions: Iterable[Prediction], labels: Iterable[Label]
) -> tuple[Fact, ...]:
    """Return the history of a ticket, oldest first.

    Silence is a fact of its own: the bot routed the ticket and nobody ever said anything. It is weak evidence
    at best (nobody may have looked), so it is never taken for a confirmation.

    Args:
        ticket: as it is decided now.
        predictions: of this ticket.
        labels: of this ticket, withdrawn ones too.
    """
    asked = [
        Fact(Said.PREDICTION, row.category, row.created_at, model_version=row.model_version)
        for row in predictions
    ]
    given = [_of(label) for label in labels]
    silence = []
    if not given and ticket.state == TicketState.ROUTED:
        since = max((fact.at for fact in asked), default=ticket.created_at)
        silence.append(Fact(Said.SILENCE, ticket.category, since))
    return tuple(sorted([*asked, *given, *silence], key=lambda fact: fact.at))


def _of(label: Label) -> Fact:
    return Fact(
        what=_KINDS[label.kind],
        category=label.category,
        at=label.created_at,
        label_id=label.id,
        user_id=label.user_id,
        role=label.role,
        source=label.source,
        withdrawn_at=label.withdrawn_at,
        moved_from=label.moved_from,
    )
