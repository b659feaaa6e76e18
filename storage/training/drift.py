"""What the drift detectors remember, and the observations that they are fed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from storage.errors import RowNotFound
from storage.learning_models import DriftState
from storage.models import Label, LabelKind, Prediction, Ticket, TicketState
from storage.statements import insert_or_ignore

AGAINST = (LabelKind.CORRECTION, LabelKind.NONE_OF_THESE)
"""Labels that say that a routing was wrong."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One item of a signal: 0..1, when the ticket was decided, and by which model."""

    value: float
    at: datetime
    model_version: str


@dataclass(frozen=True, slots=True)
class Routing:
    """A routed ticket: which category the model named, whether people corrected it, its text, and where."""

    category: str
    corrected: bool
    at: datetime
    text: str
    channel_id: str = ""


class DriftRepository:
    """State and observations of the drift detectors."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self, *, team_id: str, signal: str, now: datetime) -> DriftState:
        """Return a signal's row, made where it is missing; other replicas wait until the commit."""
        await insert_or_ignore(
            self._session,
            DriftState,
            {"team_id": team_id, "signal": signal, "state": {}, "updated_at": now},
            [DriftState.team_id, DriftState.signal],
        )
        row = await self._session.scalar(
            select(DriftState)
            .where(DriftState.team_id == team_id, DriftState.signal == signal)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if row is None:
            raise RowNotFound
        return row

    async def states(self, *, team_id: str) -> list[DriftState]:
        """Return the rows of all signals."""
        rows = await self._session.scalars(
            select(DriftState).where(DriftState.team_id == team_id).order_by(DriftState.signal)
        )
        return list(rows)

    async def confidences(
        self, *, team_id: str, after: datetime, until: datetime, limit: int
    ) -> list[Observation]:
        """Return how sure the model was of each ticket's likeliest category, in the order of decisions."""
        rows = await self._session.execute(
            self._first_predictions(
                team_id, after, until, Prediction.confidence, Prediction.created_at, Prediction.model_version
            ).limit(limit + 1)
        )
        found = [Observation(min(1.0, max(0.0, float(p))), at, version) for p, at, version in rows]
        return whole_moments(found, limit)

    async def corrections(
        self, *, team_id: str, after: datetime, until: datetime, patience: timedelta, limit: int
    ) -> list[Observation]:
        """Return, for each routed ticket, 1 where people corrected it within `patience`, else 0.

        A label that was taken back does not count. Tickets are in the order in which they were routed.
        """
        rows = (await self._session.execute(self._routed(team_id, after, until).limit(limit + 1))).all()
        found = [
            Observation(float(_within(corrected_at, row, patience)), row.created_at, row.model_version)
            for row, _, corrected_at in rows
        ]
        return whole_moments(found, limit)

    async def routings(
        self, *, team_id: str, after: datetime, until: datetime, limit: int = 4000
    ) -> list[Routing]:
        """Return the routed tickets of a time, newest first; corrections count whenever they came."""
        statement = self._routed(team_id, after, until).order_by(None)
        rows = await self._session.execute(
            statement.order_by(Prediction.created_at.desc(), Prediction.id).limit(limit)
        )
        return [
            Routing(
                ticket.category or row.category,
                corrected_at is not None,
                row.created_at,
                ticket.text,
                ticket.channel_id,
            )
            for row, ticket, corrected_at in rows
        ]

    async def share_uncorrected(self, *, team_id: str, since: datetime) -> tuple[int, int]:
        """Count (uncorrected, all) of the tickets routed since a moment."""
        rows = self._first_predictions(team_id, since, None, Prediction.ticket_id).where(
            Prediction.decision == TicketState.ROUTED
        )
        routed = rows.order_by(None).subquery()
        corrected = exists().where(
            Label.team_id == team_id,
            Label.ticket_id == routed.c.ticket_id,
            Label.withdrawn_at.is_(None),
            Label.kind.in_(AGAINST),
        )
        count = select(func.count()).select_from(routed)
        everything = await self._session.scalar(count) or 0
        return await self._session.scalar(count.where(~corrected)) or 0, everything

    def _routed(self, team_id: str, after: datetime, until: datetime) -> Select[Any]:
        """Predictions that routed their ticket, the ticket, and when its first standing correction came."""
        first: Any = (
            select(func.min(Label.created_at))
            .where(
                Label.team_id == Prediction.team_id,
                Label.ticket_id == Prediction.ticket_id,
                Label.withdrawn_at.is_(None),
                Label.kind.in_(AGAINST),
            )
            .correlate(Prediction)
            .scalar_subquery()
        )
        statement = self._first_predictions(team_id, after, until, Prediction, Ticket, first)
        return statement.join(
            Ticket, and_(Ticket.team_id == Prediction.team_id, Ticket.id == Prediction.ticket_id)
        ).where(Prediction.decision == TicketState.ROUTED)

    @staticmethod
    def _first_predictions(
        team_id: str, after: datetime, until: datetime | None, *columns: Any
    ) -> Select[Any]:
        """Select from the first prediction of each ticket, oldest first: `after` < its time <= `until`."""
        earlier = aliased(Prediction)
        again: ColumnElement[bool] = exists().where(
            earlier.team_id == Prediction.team_id,
            earlier.ticket_id == Prediction.ticket_id,
            earlier.created_at < Prediction.created_at,
        )
        statement = select(*columns).where(
            Prediction.team_id == team_id, Prediction.created_at > after, ~again
        )
        if until is not None:
            statement = statement.where(Prediction.created_at <= until)
        return statement.order_by(Prediction.created_at, Prediction.id)


def whole_moments(found: Sequence[Observation], limit: int) -> list[Observation]:
    """Cut to about `limit` items without parting those of one moment: the next look begins after that moment.

    `found` holds one item more than `limit` where there are more.
    """
    if len(found) <= limit:
        return list(found)
    kept = [item for item in found if item.at < found[-1].at]
    return kept or list(found)


def _within(corrected_at: datetime | None, row: Prediction, patience: timedelta) -> bool:
    return corrected_at is not None and corrected_at <= row.created_at + patience
