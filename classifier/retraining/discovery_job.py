"""The daily look for groups of tickets that no category fits; what it finds waits for an admin."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import numpy.typing as npt
import structlog

from classifier.contract import Classifier, Prediction
from classifier.feedback.category_discovery import (
    FEWEST_MEMBERS,
    Doubtful,
    Group,
    measure_space,
    propose_groups,
)
from storage.database import Database
from storage.feedback.taxonomy import RecentTicket

WINDOW = timedelta(days=30)
_AT_MOST = 1500
"""Doubtful and labelled tickets that are read again, each: some seconds of the model, once a day."""

_AT_ONCE = 32

log = structlog.get_logger(__name__)


async def propose(database: Database, classifier: Classifier, team_id: str, now: datetime) -> list[Group]:
    """Look at the last 30 days, and keep what is worth a category as proposals. Safe to repeat.

    The tickets are read again by the model that answers now: vectors of different models do not compare.

    Args:
        database: holds the tickets.
        classifier: the model that answers now.
        team_id: the workspace.
        now: aware time.

    Returns:
        The groups that are new.

    Raises:
        ClassifierError: the model does not answer; the next day is another one.
    """
    async with database.reader() as work:
        tickets = await work.taxonomy.recent(team_id=team_id, since=now - WINDOW)
        active = {row.slug for row in await work.categories.active(team_id=team_id)}
        earlier = await work.taxonomy.proposed(team_id=team_id)
    doubtful = [ticket for ticket in tickets if ticket.doubtful and ticket.text.strip()][:_AT_MOST]
    labelled = [ticket for ticket in tickets if ticket.category in active][:_AT_MOST]
    if len(doubtful) < FEWEST_MEMBERS:
        return []
    vectors = await _read(classifier, [*doubtful, *labelled])
    chosen = {ticket.id for ticket in doubtful}
    space = measure_space(vectors[len(doubtful) :], [str(ticket.category) for ticket in labelled])
    groups = await asyncio.to_thread(
        propose_groups,
        [Doubtful(str(t.id), t.text, v) for t, v in zip(doubtful, vectors, strict=False)],
        [ticket.text for ticket in tickets if ticket.id not in chosen],
        space,
        earlier,
    )
    new = []
    async with database.unit_of_work() as work:
        for group in groups:
            ids = [UUID(member) for member in group.members]
            if await work.proposals.add(
                team_id=team_id, key=group.key, words=list(group.words), ticket_ids=ids, now=now
            ):
                new.append(group)
        await work.commit()
    log.info("categories_proposed", team=team_id, looked_at=len(doubtful), groups=len(new))
    return new


async def propose_everywhere(database: Database, classifier: Classifier, now: datetime) -> int:
    """Look in every workspace; one that fails does not keep the others. Return how many were proposed."""
    async with database.reader() as work:
        teams = await work.categories.teams()
    count = 0
    for team_id in teams:
        try:
            count += len(await propose(database, classifier, team_id, now))
        except Exception:  # an error boundary: a job that nobody waits for
            log.exception("proposing_failed", team=team_id)
    return count


async def _read(classifier: Classifier, tickets: Sequence[RecentTicket]) -> npt.NDArray[np.float32]:
    """Unit vectors, float32 [N, H], all of one model: a swap in between begins anew."""
    while True:
        answers: list[Prediction] = []
        for first in range(0, len(tickets), _AT_ONCE):
            answers += await classifier.classify([t.text for t in tickets[first : first + _AT_ONCE]])
        if len({answer.model_version for answer in answers}) == 1:
            return np.stack([answer.embedding for answer in answers])
