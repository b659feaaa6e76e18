"""What Alembic runs, for `alembic` on the command line and for `migrations.runner`."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, text

import storage.learning_models
import storage.slack_models
import storage.tickets.installations  # noqa: F401 - both: importing them makes their tables known to Base
from migrations.runner import migration_engine
from storage.database import make_folder, parse_url
from storage.models import Base
from storage.settings import StorageSettings
from storage.types import UTCDateTime

ADVISORY_LOCK = 0x66696E676572  # "finger": two instances that start together upgrade one after the other

LOCK_TIMEOUT = "10s"
"""An ALTER TABLE that waits behind a long query makes everybody wait behind it: rather fail and try again."""


def render(kind: str, item: object, autogenerating: AutogenContext) -> str | Literal[False]:
    """Write our column types as what they are in the database: a migration must not change with our code."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, sa.JSON):
        autogenerating.imports.add("from sqlalchemy.dialects import postgresql")
        return "sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), 'postgresql')"
    return False


def run(connection: Connection) -> None:
    """Migrate in one transaction, alone.

    Alembic thinks that SQLite cannot, and would commit after each revision: two instances that start together
    would come between each other's, and broken keys would be found too late. Our engine begins itself.
    """
    options: dict[str, Any] = {"render_as_batch": connection.dialect.name == "sqlite"}
    context.configure(
        transactional_ddl=True,
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        render_item=render,
        **options,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        context.run_migrations()
        if connection.dialect.name == "sqlite":
            broken = connection.execute(text("PRAGMA foreign_key_check")).first()
            if broken is not None:
                raise RuntimeError(f"the migration would leave a row of {broken[0]} without its {broken[2]}")


async def connect_and_run() -> None:
    """Open the database that FINGERPOST_DATABASE_URL names."""
    url = parse_url(StorageSettings().database_url)
    make_folder(url)
    engine = migration_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(run)
    finally:
        await engine.dispose()


given: Connection | None = context.config.attributes.get("connection")
if context.is_offline_mode():
    raise SystemExit("SQL scripts (--sql) are not supported: run `alembic upgrade head` on a database")
if given is None:
    asyncio.run(connect_and_run())
else:
    run(given)
