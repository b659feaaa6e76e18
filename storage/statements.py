"""The few statements that SQLAlchemy spells differently for SQLite and Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from storage.models import Base


async def insert_or_ignore(
    session: AsyncSession,
    table: type[Base],
    values: dict[str, Any],
    unique: Sequence[InstrumentedAttribute[Any]] | None = None,
) -> bool:
    """Insert a row unless a unique key is taken already; never an error, never a poisoned transaction.

    Args:
        session: the unit of work's session.
        table: the mapped class.
        values: column values; defaults fill the rest.
        unique: the columns of the one key that may clash; None means any unique key.

    Returns:
        Whether the row was inserted.
    """
    columns = None if unique is None else [attribute.key for attribute in unique]
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(**values).on_conflict_do_nothing(index_elements=columns)
    inserted = await session.scalar(statement.returning(table.__table__.c.id))
    return inserted is not None
