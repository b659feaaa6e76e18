"""Labelled tickets that are like another one, in the space of the model that answers."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import ArrayLike

from storage.database import UnitOfWork
from storage.labels import resolve_labels
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
    embedding: ArrayLike,
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
    rows = await work.labels.embeddings_of_labelled(team_id=team_id, model_version=model_version)
    rows = [row for row in rows if row[0] != leave_out]
    if not rows:
        return []
    matrix = np.stack([vector_from_bytes(packed) for _, packed in rows])
    similarities = matrix @ np.asarray(embedding, dtype=np.float32)
    found: list[Neighbour] = []
    for place in np.argsort(-similarities, kind="stable")[:count]:
        ticket_id = rows[place][0]
        ticket = await work.tickets.get(team_id=team_id, ticket_id=ticket_id)
        verdict = resolve_labels(await work.labels.active_for(team_id=team_id, ticket_id=ticket_id))
        if ticket is not None and verdict is not None:
            found.append(Neighbour(ticket, verdict.category, float(similarities[place])))
    return found
