"""Labelled tickets that are like another one, and which of them a person may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from bot.workspace import Workspace
from storage.database import UnitOfWork
from storage.feedback.resolution import resolve_labels
from storage.models import Ticket
from storage.types import vector_from_bytes


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A labelled ticket that is like another one.

    Attributes:
        ticket: as it was posted.
        category: the slug that people settled on; None for "none of these".
        similarity: cosine of both embeddings, -1..1.
    """

    ticket: Ticket
    category: str | None
    similarity: float


async def nearest_labelled(
    work: UnitOfWork,
    embedding: npt.ArrayLike,
    *,
    team_id: str,
    model_version: str,
    leave_out: UUID | None = None,
    count: int,
) -> list[Neighbour]:
    """Find the labelled tickets nearest to an embedding, nearest first.

    Embeddings of two models do not compare, so only tickets that this model has read are looked at.

    Args:
        work: an open unit of work.
        embedding: [hidden], L2-normalised.
        team_id: of the workspace.
        model_version: that made the embedding.
        leave_out: the ticket itself.
        count: how many at most.
    """
    rows = await work.embeddings.vectors(team_id=team_id, model_version=model_version)
    rows = [row for row in rows if row[0] != leave_out]
    if not rows:
        return []
    matrix = np.stack([vector_from_bytes(packed) for _, packed in rows])
    similarities = matrix @ np.asarray(embedding, dtype=np.float32)
    capped = await work.trust.capped(team_id=team_id)
    found: list[Neighbour] = []
    for place in np.argsort(-similarities, kind="stable"):
        ticket_id = rows[place][0]
        ticket = await work.tickets.get(team_id=team_id, ticket_id=ticket_id)
        verdict = resolve_labels(await work.labels.active_for(team_id=team_id, ticket_id=ticket_id), capped)
        if ticket and verdict and not verdict.disputed:  # a label that was taken back leaves its vector
            found.append(Neighbour(ticket, verdict.category, float(similarities[place])))
        if len(found) == count:
            break
    return found


async def readable(space: Workspace, user_id: str, near: Sequence[Neighbour], count: int) -> list[Neighbour]:
    """Return so many of the nearest tickets that a person may see."""
    seen = {ticket.id for ticket in await space.access.seen(user_id, [each.ticket for each in near])}
    return [each for each in near if each.ticket.id in seen][:count]
