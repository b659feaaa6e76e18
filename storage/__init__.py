"""Facts: tables, repositories, units of work. Imports nothing of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storage.errors import DatabaseBusy, DatabaseUnavailable, RowNotFound, SchemaOutOfDate, StorageError

if TYPE_CHECKING:
    from storage.database import Database, UnitOfWork

__all__ = [
    "Database",
    "DatabaseBusy",
    "DatabaseUnavailable",
    "RowNotFound",
    "SchemaOutOfDate",
    "StorageError",
    "UnitOfWork",
]


def __getattr__(name: str) -> Any:
    """Import the database where somebody asks for it: commands that only name its errors begin sooner."""
    if name not in ("Database", "UnitOfWork"):
        raise AttributeError(name)
    from storage import database  # noqa: PLC0415 - see above

    return getattr(database, name)
