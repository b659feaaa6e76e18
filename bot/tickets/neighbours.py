"""Labelled tickets that are like another one, and which of them a person may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from bot.errors import SlackUnavailable
from bot.tickets.label_files import IMPORTED
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


class Sight:
    """What one person may read; each channel is asked about once."""

    def __init__(self, space: Workspace, user_id: str, *, is_admin: bool) -> None:
        self._space = space
        self._user_id = user_id
        # Imported texts were in no channel: those who may import may read them.
        self._known: dict[str, bool] = {IMPORTED: is_admin}

    async def reaches(self, channel: str) -> bool:
        """Say whether the person may read a channel; not where it is gone."""
        if channel not in self._known:
            try:
                self._known[channel] = await self._space.messenger.may_read(channel, self._user_id)
            except SlackUnavailable as error:
                if not error.permanent:
                    raise
                self._known[channel] = False
        return self._known[channel]

    async def of(self, near: Sequence[Neighbour], count: int) -> list[Neighbour]:
        """Return so many of the nearest tickets that the person may read."""
        found: list[Neighbour] = []
        for each in near:
            if len(found) < count and await self.reaches(each.ticket.channel_id):
                found.append(each)
        return found
