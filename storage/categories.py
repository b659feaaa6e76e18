"""The kinds of ticket that a workspace has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Category, CategoryState
from storage.statements import insert_or_ignore


@dataclass(frozen=True, slots=True)
class CategorySpec:
    """A category as a starter pack names it. `destination` is the owning team's channel, or None."""

    slug: str
    name: str
    emoji: str
    description: str
    destination: str | None = None


class CategoryRepository:
    """Categories, in the order in which people see them."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def sync(self, *, team_id: str, specs: Sequence[CategorySpec]) -> int:
        """Add the categories that are missing; what people changed stays. Return how many were added."""
        added = 0
        for position, spec in enumerate(specs):
            added += await insert_or_ignore(
                self._session,
                Category,
                {
                    "team_id": team_id,
                    "slug": spec.slug,
                    "name": spec.name,
                    "emoji": spec.emoji,
                    "description": spec.description,
                    "destination": spec.destination,
                    "position": position,
                },
                [Category.team_id, Category.slug],
            )
        return added

    async def active(self, *, team_id: str) -> list[Category]:
        """Return the categories in use, in order."""
        rows = await self._session.scalars(
            select(Category)
            .where(Category.team_id == team_id, Category.state == CategoryState.ACTIVE)
            .order_by(Category.position, Category.slug)
        )
        return list(rows)

    async def teams(self) -> list[str]:
        """Return the workspaces that have categories."""
        statement = select(Category.team_id).distinct().order_by(Category.team_id)
        return list(await self._session.scalars(statement))

    async def get(self, *, team_id: str, slug: str) -> Category | None:
        """Return a category, retired ones too."""
        return await self._session.scalar(
            select(Category).where(Category.team_id == team_id, Category.slug == slug)
        )
