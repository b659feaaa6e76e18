"""What the labels of one ticket say together, and how a person's labels fared. Pure: labels in, facts out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from storage.models import Label, LabelRole, LabelSource

TRUST = (LabelRole.ADMIN, LabelRole.OWNER, LabelRole.STAFF, LabelRole.IMPORT)
"""Whose word counts, most trusted first."""

MIN_JUDGED = 8
"""Somebody who is right three times in four loses more than half of eight judged labels in 3% of cases, of
five in 10%: with fewer it would cap the unlucky, with many more a vandal would have a free hand for long."""

MOST_LOST = 0.5
"""From here on a label of this person says less than a coin."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the labels of one ticket say together.

    Attributes:
        category: a slug; None means "none of these". While it is disputed, what stood before the dispute.
        disputed: people of the same, highest role stand for different categories.
        label_ids: the labels that count, oldest first.
        created_at: when the winning label was given.
        label_id: the label that won.
        user_id: who gave it.
        role: of the winning label.
        agreeing: the labels that count and say the same as the winning one, itself among them.
        user_ids: the people behind those, latest first.
    """

    category: str | None
    disputed: bool
    label_ids: tuple[UUID, ...]
    created_at: datetime
    label_id: UUID
    user_id: str
    role: LabelRole
    agreeing: tuple[UUID, ...]
    user_ids: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        """Whether an admin, somebody of the owning team, or a second person says so."""
        return self.role in (LabelRole.ADMIN, LabelRole.OWNER) or len(self.user_ids) > 1


@dataclass(frozen=True, slots=True)
class Fared:
    """How a person's labels fared where others said something too; `capped` follows from both numbers."""

    judged: int
    lost: int
    capped: bool


def rank(role: LabelRole) -> int:
    """Return a role's place in the order of trust; 0 is the most trusted."""
    return TRUST.index(role)


def resolve_labels(labels: Iterable[Label], capped: frozenset[str] = frozenset()) -> Resolved | None:
    """Resolve the labels of one ticket; None where no label counts.

    Of each person the latest active label counts. The highest role present decides, and within it the latest
    label; where people of that role stand for different categories the ticket is disputed, and the category
    that stood first stays. An admin who settles a dispute in the review queue has seen both sides: that word
    ends it for the admins who spoke before, since nobody stands above them.

    Args:
        labels: of one ticket, withdrawn ones too, in any order.
        capped: people whose label counts only where a second person says the same. Admins are never capped.
    """
    counting = _counting(_standing(labels), capped)
    if not counting:
        return None
    highest = min((label.role for label in counting), key=rank)
    trusted = [label for label in counting if label.role == highest]
    if highest == LabelRole.ADMIN:
        trusted = _since_settled(trusted)
    disputed = len({label.category for label in trusted}) > 1
    winner = trusted[0] if disputed else trusted[-1]
    agreeing = [label for label in counting if label.category == winner.category]
    return Resolved(
        category=winner.category,
        disputed=disputed,
        label_ids=tuple(label.id for label in counting),
        created_at=winner.created_at,
        label_id=winner.id,
        user_id=winner.user_id,
        role=winner.role,
        agreeing=tuple(label.id for label in agreeing),
        user_ids=tuple(label.user_id for label in reversed(agreeing)),
    )


def tally(histories: Iterable[Sequence[Label]]) -> dict[str, Fared]:
    """Count for each person how often others decided about their label, and how often against it.

    A label is judged where others of the same or higher trust agree among themselves, and it won where they
    say the same. Against it speaks somebody of a higher role, or two people of the same role: one word
    against another decides nothing. Imports are no person, and admins are never capped.

    Args:
        histories: the labels of each ticket.
    """
    judged: dict[str, int] = defaultdict(int)
    lost: dict[str, int] = defaultdict(int)
    admins: set[str] = set()
    for history in histories:
        standing = _standing(history)
        admins |= {label.user_id for label in standing if label.role == LabelRole.ADMIN}
        for label in standing:
            won = _outcome(label, standing)
            if won is not None:
                judged[label.user_id] += 1
                lost[label.user_id] += not won
    return {
        user_id: Fared(
            count,
            lost[user_id],
            user_id not in admins and count >= MIN_JUDGED and lost[user_id] > MOST_LOST * count,
        )
        for user_id, count in judged.items()
    }


def capped_people(fared: dict[str, Fared]) -> frozenset[str]:
    """Return the people whose label needs a second person."""
    return frozenset(user_id for user_id, each in fared.items() if each.capped)


def _outcome(label: Label, standing: Sequence[Label]) -> bool | None:
    """Say whether a label won; None where others have not decided."""
    if label.role == LabelRole.IMPORT:
        return None
    said = resolve_labels(
        other for other in standing if other.user_id != label.user_id and rank(other.role) <= rank(label.role)
    )
    if said is None or said.disputed:
        return None
    if said.category == label.category:
        return True
    return False if rank(said.role) < rank(label.role) or len(said.user_ids) > 1 else None


def _standing(labels: Iterable[Label]) -> list[Label]:
    """Return the latest active label of each person, oldest first."""
    active = sorted((label for label in labels if label.withdrawn_at is None), key=_when)
    latest = {label.user_id: label for label in active}
    return sorted(latest.values(), key=_when)


def _counting(standing: Sequence[Label], capped: frozenset[str]) -> list[Label]:
    """Leave out what a capped person alone says."""

    def seconded(label: Label) -> bool:
        return any(o.user_id != label.user_id and o.category == label.category for o in standing)

    return [
        label
        for label in standing
        if label.role == LabelRole.ADMIN or label.user_id not in capped or seconded(label)
    ]


def _since_settled(trusted: Sequence[Label]) -> list[Label]:
    """Return the labels from the last one on that settled a dispute in the review queue; else all."""
    settled = [place for place, label in enumerate(trusted) if label.source == LabelSource.REVIEW]
    return list(trusted[settled[-1] if settled else 0 :])


def _when(label: Label) -> tuple[datetime, UUID]:
    return label.created_at, label.id
