"""Labelled tickets that are like another one: a correction counts at once, before any retraining."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import numpy as np
import numpy.typing as npt

from bot.policy import Thresholds, predicted_by_model
from classifier.contract import Prediction
from classifier.feedback.correction_memory import Recalled, recall
from storage.database import Database, UnitOfWork
from storage.feedback.embeddings import Fingerprint, LabelledTicket
from storage.types import vector_from_bytes

Vector = npt.NDArray[np.float32]

VERSIONS_HELD = 2
"""Models whose memory is held in this process: during a swap answers of two arrive."""

_TOKEN = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Remembered:
    """A labelled ticket that has a say in how a new message is handled."""

    ticket: LabelledTicket
    recalled: Recalled


@dataclass(frozen=True, slots=True)
class _Held:
    """The memory of one model version, as it was when the database had this fingerprint.

    `placed` are the numbers of the tickets that the model has read, in the order of the rows of `matrix`.
    """

    fingerprint: Fingerprint
    read_until: datetime | None
    vectors: Mapping[UUID, Vector]
    tickets: Sequence[LabelledTicket]
    by_text: Mapping[str, list[int]]
    placed: Sequence[int]
    matrix: Vector


class TicketMemory:
    """What people said of labelled tickets, held in memory and read again whenever it changed.

    The database is asked at every look-up whether anything changed, so that all replicas know the same.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: OrderedDict[tuple[str, str], _Held] = OrderedDict()
        self._reading = asyncio.Lock()

    async def recall(
        self, prediction: Prediction, thresholds: Thresholds, *, team_id: str, text: str, leave_out: UUID
    ) -> Remembered | None:
        """Look for labelled tickets that overrule a prediction, or speak against it.

        The same words again are recognised whatever the model; else a model's own space decides.

        Args:
            prediction: of the new message.
            thresholds: which say whether the model alone would keep silent.
            team_id: of the workspace.
            text: of the new message, redacted.
            leave_out: the ticket itself.
        """
        predicted = predicted_by_model(prediction, thresholds)
        held = await self._current(team_id, prediction.model_version)
        same = [
            number
            for number in held.by_text.get(_key(text), ())
            if held.tickets[number].ticket_id != leave_out
        ]
        if same:
            numbers, similarities = same, np.ones(len(same), dtype=np.float32)
            threshold, near, confidence = 1.0, 1.0, 0.0
        elif len(held.placed) and held.matrix.shape[1] == len(prediction.embedding):
            numbers = list(held.placed)
            similarities = held.matrix @ prediction.embedding
            threshold, near = prediction.recall_threshold, prediction.recall_near
            confidence = prediction.confidence if predicted is not None else 0.0
        else:
            return None
        tickets = [held.tickets[number] for number in numbers]
        own = [row for row, ticket in enumerate(tickets) if ticket.ticket_id == leave_out]
        similarities[own] = -1.0
        recalled = recall(
            similarities,
            [ticket.category for ticket in tickets],
            predicted,
            threshold=threshold,
            near=near,
            rejected=[ticket.rejected for ticket in tickets],
            trusted=[ticket.trusted for ticket in tickets],
            voices=[ticket.voice for ticket in tickets],
            confidence=confidence,
        )
        return None if recalled is None else Remembered(tickets[recalled.index], recalled)

    async def _current(self, team_id: str, model_version: str) -> _Held:
        key = (team_id, model_version)
        async with self._reading, self._database.reader() as work:
            mark = await work.embeddings.fingerprint(team_id=team_id, model_version=model_version)
            held = self._held.get(key)
            if held is None or held.fingerprint != mark:
                held = await _read(work, team_id, model_version, mark, held)
                self._held[key] = held
            self._held.move_to_end(key)
            while len(self._held) > VERSIONS_HELD:
                self._held.popitem(last=False)
        return held


async def _read(
    work: UnitOfWork, team_id: str, model_version: str, mark: Fingerprint, before: _Held | None
) -> _Held:
    """Read all labels, but of the vectors, which never change, only those that are new."""
    count, until = mark[-2:]
    since, known = (before.read_until, dict(before.vectors)) if before else (None, {})
    for again in (since, None):
        rows = await work.embeddings.vectors(team_id=team_id, model_version=model_version, since=again)
        if again is None:
            known.clear()
        known.update((ticket_id, vector_from_bytes(packed)) for ticket_id, packed in rows)
        if again is None or len(known) == count:  # else rows were dropped, or another clock is behind
            break
    capped = await work.trust.capped(team_id=team_id)
    tickets = await work.embeddings.labelled(team_id=team_id, capped=capped)
    by_text: dict[str, list[int]] = {}
    for number, ticket in enumerate(tickets):
        if key := _key(ticket.text):
            by_text.setdefault(key, []).append(number)
    placed = [number for number, ticket in enumerate(tickets) if ticket.ticket_id in known]
    rows_of = [known[tickets[number].ticket_id] for number in placed]
    matrix = np.stack(rows_of) if rows_of else np.zeros((0, 0), dtype=np.float32)
    return _Held(mark, until, known, tickets, by_text, placed, matrix)


def _key(text: str) -> str:
    """Words alone, in lower case: how often people press Shift or "!" makes no other message."""
    return " ".join(_TOKEN.findall(unicodedata.normalize("NFKC", text).casefold()))
