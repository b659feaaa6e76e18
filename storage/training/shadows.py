"""Shadow time: what a challenger says silently about the tickets that the present model answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, case, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import RowNotFound
from storage.learning_models import ShadowAnswer
from storage.models import ModelState, ModelVersion, Prediction, Ticket
from storage.statements import insert_or_ignore


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A ticket that the challenger has yet to read. `said` is what the present model says of it."""

    ticket_id: UUID
    text: str
    said: str


@dataclass(frozen=True, slots=True)
class Silent:
    """What the challenger says of a ticket.

    Attributes:
        ticket_id: whose.
        category: its likeliest one.
        confidence: of that, 0..1.
        out_of_scope: 0..1.
        agrees: whether the present model names the same category.
    """

    ticket_id: UUID
    category: str
    confidence: float
    out_of_scope: float
    agrees: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A ticket about which both models differ: what the present one says, and the challenger."""

    ticket: Ticket
    said: str
    challenger: str


class ShadowRepository:
    """Challengers that answer silently. At most one a team."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(self, *, team_id: str, version: str, until: datetime) -> ModelVersion:
        """Let a version answer silently until then; one that did before is a candidate again.

        Raises:
            RowNotFound: the workspace has no such version.
        """
        await self._session.execute(
            update(ModelVersion)
            .where(
                ModelVersion.team_id == team_id,
                ModelVersion.state == ModelState.SHADOW,
                ModelVersion.version != version,
            )
            .values(state=ModelState.CANDIDATE, shadow_until=None)
        )
        row = await self._locked(team_id, version)
        if row is None:
            raise RowNotFound(f"there is no model version {version!r}; see `fingerpost models list`")
        row.state, row.shadow_until = ModelState.SHADOW, until
        await self._session.flush()
        return row

    async def current(self, *, team_id: str | None = None) -> list[ModelVersion]:
        """Return the challengers that answer silently, of one team or of all."""
        statement = select(ModelVersion).where(ModelVersion.state == ModelState.SHADOW)
        if team_id is not None:
            statement = statement.where(ModelVersion.team_id == team_id)
        return list(await self._session.scalars(statement.order_by(ModelVersion.team_id)))

    async def unanswered(
        self, *, team_id: str, version: str, since: datetime, limit: int
    ) -> list[Unanswered]:
        """Return tickets that the present model answered since and the challenger has not, oldest first."""
        answered = exists().where(ShadowAnswer.ticket_id == Ticket.id, ShadowAnswer.model_version == version)
        rows = await self._session.execute(
            _latest(team_id, Ticket.id, Ticket.text, Prediction.category)
            .where(Prediction.created_at >= since, Prediction.model_version != version, ~answered)
            .order_by(Prediction.created_at, Ticket.id)
            .limit(limit)
        )
        return [Unanswered(*row) for row in rows]

    async def record(self, *, team_id: str, version: str, answers: Iterable[Silent], now: datetime) -> None:
        """Keep what the challenger says; a ticket that it has answered before keeps the first answer."""
        for answer in answers:
            values = {
                "team_id": team_id,
                "ticket_id": answer.ticket_id,
                "model_version": version,
                "category": answer.category,
                "confidence": answer.confidence,
                "out_of_scope": answer.out_of_scope,
                "agrees": answer.agrees,
                "created_at": now,
            }
            unique = [ShadowAnswer.ticket_id, ShadowAnswer.model_version]
            await insert_or_ignore(self._session, ShadowAnswer, values, unique)

    async def counts(self, *, team_id: str, version: str) -> tuple[int, int]:
        """Return how many tickets the challenger has answered, and about how many of them it differs."""
        differs = func.sum(case((ShadowAnswer.agrees, 0), else_=1))
        row = await self._session.execute(
            select(func.count(ShadowAnswer.id), differs).where(
                ShadowAnswer.team_id == team_id, ShadowAnswer.model_version == version
            )
        )
        answered, different = row.one()
        return answered, different or 0

    async def differences(
        self, *, team_id: str, version: str, limit: int | None = None
    ) -> Sequence[Difference]:
        """Return the tickets about which the models differ, those where the challenger is surest first."""
        rows = await self._session.execute(
            _latest(team_id, Ticket, Prediction.category, ShadowAnswer.category)
            .join(ShadowAnswer, ShadowAnswer.ticket_id == Ticket.id)
            .where(
                Prediction.model_version != version,
                ShadowAnswer.model_version == version,
                ShadowAnswer.agrees.is_(False),
            )
            .order_by(ShadowAnswer.confidence.desc(), Ticket.id)
            .limit(limit)
        )
        return [Difference(*row) for row in rows]

    async def end(self, *, team_id: str, version: str, state: ModelState, result: dict[str, Any]) -> bool:
        """End the silence and keep the result under the version's metrics; False where somebody else did.

        One that is to answer stays a SHADOW until `ModelRepository.activate`: the registry comes first.
        """
        row = await self._locked(team_id, version)
        if row is None or row.state != ModelState.SHADOW:
            return False
        row.state, row.metrics = state, {**row.metrics, "shadow": result}
        if state != ModelState.SHADOW:
            row.shadow_until = None
        await self._session.flush()
        return True

    async def unannounced(self, *, team_id: str) -> list[ModelVersion]:
        """Return the versions whose shadow time has ended and was not told to anybody yet, oldest first."""
        rows = await self._session.scalars(
            select(ModelVersion)
            .where(ModelVersion.team_id == team_id, ModelVersion.state != ModelState.SHADOW)
            .order_by(ModelVersion.created_at.desc())
            .limit(_LOOKED_AT)
        )
        return [row for row in reversed(list(rows)) if _untold(row)]

    async def mark_announced(self, *, team_id: str, version: str) -> bool:
        """Note that the end was told; False where another replica has."""
        row = await self._locked(team_id, version)
        if row is None or not _untold(row):
            return False
        row.metrics = {**row.metrics, "shadow": {**row.metrics["shadow"], "told": True}}
        await self._session.flush()
        return True

    async def _locked(self, team_id: str, version: str) -> ModelVersion | None:
        """Return a version as it is now; nobody else changes it until the commit."""
        return await self._session.scalar(
            select(ModelVersion)
            .where(ModelVersion.team_id == team_id, ModelVersion.version == version)
            .with_for_update()
            .execution_options(populate_existing=True)
        )


_LOOKED_AT = 10
"""Newest versions among which one may have ended its shadow time untold."""


def _untold(row: ModelVersion) -> bool:
    """Whether people have yet to hear of an end; that a version is live they hear when it is."""
    result = row.metrics.get("shadow", {})
    went_live = result.get("state") != ModelState.ACTIVE or row.activated_at is not None
    return went_live and result.get("told") is False


def _latest(team_id: str, *columns: Any) -> Select[Any]:
    """Select of each ticket with its newest prediction."""
    newer = select(Prediction.id).correlate(Ticket)
    newest = (
        newer.where(Prediction.team_id == Ticket.team_id, Prediction.ticket_id == Ticket.id)
        .order_by(Prediction.created_at.desc(), Prediction.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return (
        select(*columns)
        .join_from(Ticket, Prediction, and_(Prediction.team_id == Ticket.team_id, Prediction.id == newest))
        .where(Ticket.team_id == team_id, Ticket.deleted_at.is_(None))
    )
