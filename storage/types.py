"""Column types that mean the same on SQLite and on Postgres."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sqlalchemy import JSON, DateTime, Dialect, Enum
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator, TypeEngine

ENUM_LENGTH = 32
"""Wide enough for any later value, so that a new one changes a CHECK and never a column type."""


class UTCDateTime(TypeDecorator[datetime]):
    """An aware time: stored in UTC, read back aware in UTC, refused when naive.

    SQLite keeps text without a zone; one zone for all rows makes that text sort by time.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; move aware ones to UTC.

        Raises:
            ValueError: the time is naive.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored: pass an aware datetime")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def json_column() -> TypeEngine[Any]:
    """JSON on SQLite, JSONB on Postgres; None is SQL NULL on both."""
    return JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def enum_column(values: type[StrEnum], name: str) -> Enum:
    """VARCHAR with a CHECK: a new value needs no ALTER TYPE and reads as itself in psql.

    Args:
        values: the enum; its values (not its names) are stored.
        name: the constraint's name within the table.
    """
    return Enum(
        values,
        name=name,
        native_enum=False,
        create_constraint=True,
        validate_strings=True,
        length=ENUM_LENGTH,
        values_callable=lambda enum: [member.value for member in enum],
    )


def vector_to_bytes(vector: ArrayLike) -> bytes:
    """Pack a vector as float32, little endian, whatever this machine's order is."""
    return np.asarray(vector, dtype="<f4").tobytes()


def vector_from_bytes(packed: bytes) -> NDArray[np.float32]:
    """Unpack what `vector_to_bytes` packed; shape [hidden]."""
    return np.frombuffer(packed, dtype="<f4").astype(np.float32)
