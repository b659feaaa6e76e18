"""Bring a database to the newest schema; works from an installed package as well."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool

from storage.database import create_engine, make_folder, parse_url, readable_errors

Result = TypeVar("Result")


def config() -> Config:
    """Alembic's configuration: the scripts beside this file."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return made


def migration_engine(url: URL) -> AsyncEngine:
    """Make an engine for one migration.

    SQLite changes a table by making it anew; with foreign keys on, dropping the old one would delete the rows
    that point to it. env.py checks the keys before it commits.
    """
    engine = create_engine(url, poolclass=NullPool)
    if url.get_backend_name() == "sqlite":

        @event.listens_for(engine.sync_engine, "connect")
        def without_foreign_keys(connection: object, _record: object) -> None:
            cursor = connection.cursor()  # type: ignore[attr-defined]  # a DBAPI connection has no common type
            cursor.execute("PRAGMA foreign_keys=OFF")
            cursor.close()

    return engine


async def upgrade_async(url: str) -> None:
    """Upgrade to the newest revision; does nothing where it is there already. Safe to run twice at once.

    Raises:
        DatabaseUnavailable: not reachable, or locked for too long.
        DatabaseUrlInvalid: the URL names no database that we can open.
    """

    def work(connection: Connection) -> None:
        alembic = config()
        alembic.attributes["connection"] = connection
        command.upgrade(alembic, "head")

    await _run(url, work)


def upgrade(url: str) -> None:
    """Do `upgrade_async` where no event loop runs."""
    asyncio.run(upgrade_async(url))


async def is_current_async(url: str) -> bool:
    """Tell whether the database has the newest revision; False for an empty one.

    Raises:
        DatabaseUnavailable: not reachable.
        DatabaseUrlInvalid: the URL names no database that we can open.
    """
    newest = set(ScriptDirectory.from_config(config()).get_heads())
    parsed = parse_url(url)
    if _is_missing_file(parsed):
        return False  # and asking would make the file
    return await _run(url, lambda connection: set(_heads(connection)) == newest)


def is_current(url: str) -> bool:
    """Do `is_current_async` where no event loop runs."""
    return asyncio.run(is_current_async(url))


def _is_missing_file(url: URL) -> bool:
    return url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists()


def _heads(connection: Connection) -> tuple[str, ...]:
    return MigrationContext.configure(connection).get_current_heads()


async def _run(url: str, work: Callable[[Connection], Result]) -> Result:
    parsed = parse_url(url)
    make_folder(parsed)
    engine = migration_engine(parsed)
    try:
        with readable_errors(parsed):
            async with engine.connect() as connection:
                return await connection.run_sync(work)
    finally:
        await engine.dispose()
