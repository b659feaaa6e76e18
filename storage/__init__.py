"""Facts: tables, repositories, units of work. Imports nothing of ours."""

from storage.database import Database, UnitOfWork
from storage.errors import DatabaseBusy, DatabaseUnavailable, RowNotFound, SchemaOutOfDate, StorageError

__all__ = [
    "Database",
    "DatabaseBusy",
    "DatabaseUnavailable",
    "RowNotFound",
    "SchemaOutOfDate",
    "StorageError",
    "UnitOfWork",
]
