"""The kinds of ticket that a workspace has, and what moves when they change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from storage.learning_models import LabelReview, ReviewState
from storage.models import AuditEvent, Category, CategoryState, Label, Prediction, Reply, Ticket
from storage.statements import insert_or_ignore


@dataclass(frozen=True, slots=True)
class CategorySpec:
    """A category as a starter pack names it.

    `destination` is the name of the owning team's channel, or None; `destination_id` its id, where known.
    """

    slug: str
    name: str
    emoji: str
    description: str
    destination: str | None = None
    destination_id: str | None = None


def _open(team_id: str) -> tuple[ColumnElement[bool], ...]:
    return LabelReview.team_id == team_id, LabelReview.state == ReviewState.OPEN


def successors(rows: Sequence[Category]) -> dict[str, str]:
    """Return where each merged category's tickets belong today: slug -> slug of an active one.

    Merges chain (a into b, b into c); a chain that ends in a retired category, or in a circle, leads nowhere.
    """
    by_slug = {row.slug: row for row in rows}
    found = {}
    for row in rows:
        at, seen = row, {row.slug}
        while at.state == CategoryState.RETIRED and at.merged_into in by_slug:
            at = by_slug[str(at.merged_into)]
            if at.slug in seen:
                break
            seen.add(at.slug)
        if at.slug != row.slug and at.state == CategoryState.ACTIVE:
            found[row.slug] = at.slug
    return found


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

    async def all(self, *, team_id: str, lock: bool = False) -> list[Category]:
        """Return every category, retired ones too, in order; `lock` makes other changers wait for the end."""
        statement = select(Category).where(Category.team_id == team_id)
        if lock:
            statement = statement.with_for_update().execution_options(populate_existing=True)
        return list(await self._session.scalars(statement.order_by(Category.position, Category.slug)))

    async def teams(self) -> list[str]:
        """Return the workspaces that have categories."""
        statement = select(Category.team_id).distinct().order_by(Category.team_id)
        return list(await self._session.scalars(statement))

    async def get(self, *, team_id: str, slug: str) -> Category | None:
        """Return a category, retired ones too."""
        return await self._session.scalar(
            select(Category).where(Category.team_id == team_id, Category.slug == slug)
        )

    async def add(self, *, team_id: str, spec: CategorySpec, created_by: str, now: datetime) -> bool:
        """Add a category behind the others; False where its slug is taken, by a retired one too."""
        last = await self._session.scalar(
            select(func.max(Category.position)).where(Category.team_id == team_id)
        )
        values = {
            "team_id": team_id,
            "slug": spec.slug,
            "name": spec.name,
            "emoji": spec.emoji,
            "description": spec.description,
            "destination": spec.destination,
            "destination_id": spec.destination_id,
            "position": 0 if last is None else last + 1,
            "created_at": now,
            "created_by": created_by,
        }
        return await insert_or_ignore(self._session, Category, values, [Category.team_id, Category.slug])

    async def retire(self, category: Category, *, into: str | None = None) -> int:
        """Offer a category no more; return how many labels moved.

        With `into` its standing labels and its tickets become that category's; `moved_from` keeps what the
        person named, over further merges too. Without it they stay as they are.
        """
        category.state, category.merged_into = CategoryState.RETIRED, into
        await self._session.flush()
        if into is None:
            return 0
        team_id = category.team_id
        await self._session.execute(
            update(Ticket)
            .where(Ticket.team_id == team_id, Ticket.category == category.slug)
            .values(category=into)
        )
        await self._move_doubts(team_id, category.slug, into)
        return await self._move(team_id, [Label.category == category.slug], into, keep=category.slug)

    async def restore(self, category: Category) -> int:
        """Offer a retired category again; what a merge moved comes back. Return how many labels did."""
        team_id, rows = category.team_id, await self.all(team_id=category.team_id)
        held_by = successors(rows).get(category.slug)
        category.state, category.merged_into = CategoryState.ACTIVE, None
        await self._session.flush()
        if held_by is None:
            return 0
        # What was merged into this one before comes along; its labels still know their first name.
        followers = [slug for slug, end in successors(rows).items() if end == category.slug]
        predicted = select(Prediction.ticket_id).where(
            Prediction.team_id == team_id, Prediction.category.in_([category.slug, *followers])
        )
        await self._session.execute(
            update(Ticket)
            .where(Ticket.team_id == team_id, Ticket.category == held_by, Ticket.id.in_(predicted))
            .values(category=category.slug)
        )
        there = Label.category == held_by
        moved = await self._move(team_id, [there, Label.moved_from.in_(followers)], category.slug)
        moved += await self._move(team_id, [there, Label.moved_from == category.slug], category.slug)
        here = select(Label.ticket_id).where(
            Label.team_id == team_id, Label.category == category.slug, Label.withdrawn_at.is_(None)
        )
        await self._session.execute(
            update(LabelReview)
            .where(*_open(team_id), LabelReview.given == held_by, LabelReview.ticket_id.in_(here))
            .values(given=category.slug)
        )
        own = and_(Label.category == category.slug, Label.moved_from == category.slug)
        await self._session.execute(
            update(Label).where(Label.team_id == team_id, own).values(moved_from=None)
        )
        return moved

    async def move_labels(
        self, *, team_id: str, ticket_ids: Collection[UUID], source: str, target: str
    ) -> int:
        """Move what stands for some tickets from one category to another; return how many labels."""
        where = [Label.category == source, Label.ticket_id.in_(ticket_ids)]
        return await self._move(team_id, where, target, keep=source)

    async def label_counts(self, *, team_id: str) -> dict[str, int]:
        """Return how many labels stand for each category."""
        rows = await self._session.execute(
            select(Label.category, func.count(Label.id))
            .where(Label.team_id == team_id, Label.withdrawn_at.is_(None), Label.category.is_not(None))
            .group_by(Label.category)
        )
        return {str(slug): count for slug, count in rows}

    async def labelled_tickets(self, *, team_id: str, slug: str, limit: int) -> list[Ticket]:
        """Return the newest tickets that somebody's standing label puts into a category."""
        labelled = select(Label.ticket_id).where(
            Label.team_id == team_id, Label.category == slug, Label.withdrawn_at.is_(None)
        )
        return await self._tickets(team_id, Ticket.id.in_(labelled), limit)

    async def posted_tickets(
        self, *, team_id: str, slugs: Collection[str], since: datetime, limit: int
    ) -> list[Ticket]:
        """Return the newest tickets of these categories that we posted something of.

        A category counts as the decision, as what the model said, and in a label, also before a merge.
        """
        labelled = exists().where(
            Label.team_id == team_id,
            Label.ticket_id == Ticket.id,
            Label.withdrawn_at.is_(None),
            or_(Label.category.in_(slugs), Label.moved_from.in_(slugs)),
        )
        predicted = exists().where(
            Prediction.team_id == team_id, Prediction.ticket_id == Ticket.id, Prediction.category.in_(slugs)
        )
        posted = exists().where(Reply.team_id == team_id, Reply.ticket_id == Ticket.id)
        named = or_(Ticket.category.in_(slugs), labelled, predicted)
        where = and_(Ticket.posted_at >= since, posted, named)
        return await self._tickets(team_id, where, limit)

    async def change(self, *, team_id: str, request: str, since: datetime) -> AuditEvent | None:
        """Return what a request changed, where it was carried out already."""
        rows = await self._session.scalars(
            select(AuditEvent).where(
                AuditEvent.team_id == team_id,
                AuditEvent.action.startswith("category_"),
                AuditEvent.at >= since,
            )
        )
        return next((row for row in rows if row.details.get("request") == request), None)

    async def _move_doubts(self, team_id: str, source: str, target: str) -> None:
        """Let what waits for a person name today's categories; between two that are one now is no doubt."""
        for column in (LabelReview.given, LabelReview.suggested):
            await self._session.execute(
                update(LabelReview).where(*_open(team_id), column == source).values({column.key: target})
            )
        await self._session.execute(
            delete(LabelReview).where(*_open(team_id), LabelReview.given == LabelReview.suggested)
        )

    async def _tickets(self, team_id: str, where: Any, limit: int) -> list[Ticket]:
        statement = select(Ticket).where(Ticket.team_id == team_id, Ticket.deleted_at.is_(None), where)
        newest = statement.order_by(Ticket.posted_at.desc(), Ticket.id).limit(limit)
        return list(await self._session.scalars(newest))

    async def _move(self, team_id: str, where: Sequence[Any], target: str, keep: str | None = None) -> int:
        values: Mapping[str, Any] = {"category": target}
        if keep is not None:
            values = {"category": target, "moved_from": func.coalesce(Label.moved_from, keep)}
        moved = await self._session.scalars(
            update(Label)
            .where(Label.team_id == team_id, Label.withdrawn_at.is_(None), *where)
            .values(**values)
            .execution_options(synchronize_session=False)
            .returning(Label.id)
        )
        return len(moved.all())
