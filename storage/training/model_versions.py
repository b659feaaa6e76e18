"""Which model versions a workspace has, and which one serves."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.errors import RowNotFound
from storage.models import ModelKind, ModelState, ModelVersion
from storage.statements import insert_or_ignore


class ModelRepository:
    """Model versions; the files themselves are the classifier's registry's."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(
        self,
        *,
        team_id: str,
        version: str,
        path: str,
        kind: ModelKind,
        manifest_hash: str,
        metrics: dict[str, Any],
        now: datetime,
        parent: str | None = None,
        state: ModelState = ModelState.CANDIDATE,
    ) -> ModelVersion:
        """Keep a version; the same version again is the row that is there already."""
        await insert_or_ignore(
            self._session,
            ModelVersion,
            {
                "team_id": team_id,
                "version": version,
                "path": path,
                "parent": parent,
                "kind": kind,
                "metrics": metrics,
                "state": state,
                "manifest_hash": manifest_hash,
                "created_at": now,
            },
            [ModelVersion.team_id, ModelVersion.version],
        )
        return await self._one(team_id, version)

    async def activate(self, *, team_id: str, version: str, now: datetime) -> ModelVersion | None:
        """Note that this version serves; the one before is retired, and can be activated again (a rollback).

        Which one serves, the classifier's registry says: this only follows.

        Returns:
            The version's row; None where there is none, as of one that was brought by hand: then at least
            the one before serves no more.
        """
        before = await self.active(team_id=team_id, lock=True)
        if before is not None and before.version == version:
            return before
        if before is not None:
            before.state = ModelState.RETIRED
            await self._session.flush()  # before the next update: one active version a team is a unique key
        chosen = await self._find(team_id, version)
        if chosen is not None:
            chosen.state = ModelState.ACTIVE
            chosen.activated_at, chosen.shadow_until = now, None
            await self._session.flush()
        return chosen

    async def serving(self, version: str) -> set[str]:
        """Return the teams whose active version this is."""
        return set(
            await self._session.scalars(
                select(ModelVersion.team_id).where(
                    ModelVersion.version == version, ModelVersion.state == ModelState.ACTIVE
                )
            )
        )

    async def known(self, versions: Collection[str]) -> set[str]:
        """Return those of the versions that any team has: teams may share a model directory."""
        return set(
            await self._session.scalars(
                select(ModelVersion.version).where(ModelVersion.version.in_(versions))
            )
        )

    async def refuse(self, *, team_id: str, version: str) -> ModelVersion:
        """The gate found this candidate worse.

        Raises:
            RowNotFound: the workspace has no such version.
        """
        refused = await self._one(team_id, version)
        refused.state = ModelState.REFUSED
        await self._session.flush()
        return refused

    async def active(self, *, team_id: str, lock: bool = False) -> ModelVersion | None:
        """Return the version that serves; `lock` keeps others from changing it until the commit."""
        statement = select(ModelVersion).where(
            ModelVersion.team_id == team_id, ModelVersion.state == ModelState.ACTIVE
        )
        return await self._session.scalar(statement.with_for_update() if lock else statement)

    async def list(self, *, team_id: str) -> Sequence[ModelVersion]:
        """Return all versions, newest first."""
        rows = await self._session.scalars(
            select(ModelVersion)
            .where(ModelVersion.team_id == team_id)
            .order_by(ModelVersion.created_at.desc(), ModelVersion.version.desc())
        )
        return rows.all()

    async def _find(self, team_id: str, version: str) -> ModelVersion | None:
        return await self._session.scalar(
            select(ModelVersion).where(ModelVersion.team_id == team_id, ModelVersion.version == version)
        )

    async def _one(self, team_id: str, version: str) -> ModelVersion:
        row = await self._find(team_id, version)
        if row is None:
            raise RowNotFound(f"there is no model version {version!r}; see `fingerpost models list`")
        return row
