"""Upgrading from nothing, on both databases."""

import asyncio
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command, op
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, make_url, text

from migrations.runner import config, is_current, is_current_async, migration_engine, upgrade, upgrade_async
from storage import Database, SchemaOutOfDate
from storage.database import parse_url
from storage.models import Base

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


def test_there_is_one_head():
    assert len(ScriptDirectory.from_config(config()).get_heads()) == 1


def test_an_empty_database_is_upgraded_and_then_current(empty_database_url):
    assert not is_current(empty_database_url)
    upgrade(empty_database_url)
    assert is_current(empty_database_url)
    upgrade(empty_database_url)


async def test_the_tables_are_those_of_the_models(database_url):
    """`alembic check`, on both databases."""
    engine = migration_engine(parse_url(database_url))

    def check(connection):
        alembic = config()
        alembic.attributes["connection"] = connection
        command.check(alembic)
        return set(inspect(connection).get_table_names())

    try:
        async with engine.connect() as connection:
            tables = await connection.run_sync(check)
    finally:
        await engine.dispose()
    assert tables == set(Base.metadata.tables) | {"alembic_version"}
    assert {"slack_bots", "slack_installations", "slack_oauth_states"} <= tables


async def test_migrations_make_exactly_what_the_models_say(sqlite_url, tmp_path):
    """CHECKs, partial indexes and names too, which `alembic check` does not compare."""
    made = tmp_path / "made.db"
    engine = migration_engine(parse_url(f"sqlite:///{made}"))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await engine.dispose()
    assert schema_of(Path(str(make_url(sqlite_url).database))) == schema_of(made)


def schema_of(path: Path) -> dict[str, set[str]]:
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    lines = {name: {line.replace('"', "").strip(" \t,)") for line in sql.splitlines()} for name, sql in rows}
    lines.pop("alembic_version", None)
    return lines


async def test_two_instances_may_upgrade_at_once(empty_database_url):
    code = "import sys; from migrations.runner import upgrade; upgrade(sys.argv[1])"
    started = [
        await asyncio.create_subprocess_exec(sys.executable, "-W", "error", "-c", code, empty_database_url)
        for _ in range(2)
    ]
    assert [await process.wait() for process in started] == [0, 0]
    assert await is_current_async(empty_database_url)


async def test_a_database_without_tables_names_the_command_that_makes_them(empty_database_url):
    database = Database(empty_database_url)
    try:
        with pytest.raises(SchemaOutOfDate, match="fingerpost db upgrade"):
            async with database.reader() as work:
                await work.inbox.counts()
    finally:
        await database.dispose()


async def test_asking_whether_it_is_current_makes_no_file(tmp_path):
    path = tmp_path / "none.db"
    assert not await is_current_async(f"sqlite:///{path}")
    assert not path.exists()


async def test_a_failed_migration_leaves_nothing_behind(empty_database_url, monkeypatch):
    def fail(*_arguments, **_options):
        raise RuntimeError("halfway")

    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.f", fail)
        with pytest.raises(RuntimeError, match="halfway"):
            await upgrade_async(empty_database_url)
    assert not await is_current_async(empty_database_url)
    await upgrade_async(empty_database_url)
    assert await is_current_async(empty_database_url)


async def test_a_later_revision_that_fails_takes_the_earlier_ones_with_it(empty_database_url, monkeypatch):
    make = op.create_table

    def fail(name, *arguments, **options):
        if name == "category_proposal":  # of the second revision
            raise RuntimeError("halfway")
        return make(name, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_table", fail)
        with pytest.raises(RuntimeError, match="halfway"):
            await upgrade_async(empty_database_url)
    engine = migration_engine(parse_url(empty_database_url))
    async with engine.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == []
    await engine.dispose()


def test_plain_alembic_check_passes_from_the_repository(database_url, monkeypatch):
    monkeypatch.setenv("FINGERPOST_DATABASE_URL", database_url)
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "check"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def test_a_row_of_an_enum_column_outside_its_values_is_refused(database):
    statement = text("UPDATE ticket SET state = 'lost'")
    async with database.unit_of_work() as work:
        await work.tickets.add_if_new(team_id="T1", channel_id="C1", ts="1.0", user_id="U1", text="", now=NOW)
        with pytest.raises(Exception, match="ck_ticket_state"):
            await work.session.execute(statement)
