"""Errors of the storage.

StorageError
├── DatabaseUnavailable     not reachable now; trying again later makes sense
│   ├── DatabaseBusy        another writer held it for too long
│   └── DatabaseUrlInvalid  the URL names no database that we can open
├── SchemaOutOfDate         tables or columns are missing
└── RowNotFound             a row that the caller named does not exist in that workspace
"""

from __future__ import annotations


class StorageError(Exception):
    """Something is wrong with the database. Run `fingerpost doctor`."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class DatabaseUnavailable(StorageError):
    """The database does not answer. Check FINGERPOST_DATABASE_URL and that the server runs."""


class DatabaseBusy(DatabaseUnavailable):
    """Another writer held the database for too long. Try again."""


class DatabaseUrlInvalid(DatabaseUnavailable):
    """FINGERPOST_DATABASE_URL must look like sqlite:///path/file.db or postgresql://user:password@host/name."""


class SchemaOutOfDate(StorageError):
    """The database lacks tables or columns. Run `fingerpost db upgrade`."""


class RowNotFound(StorageError):
    """There is no such row in this workspace."""
