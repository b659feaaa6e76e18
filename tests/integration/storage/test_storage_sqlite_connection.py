"""Opening a SQLite file that others open too."""

from __future__ import annotations

import sqlite3

import pytest

from storage import sqlite_connection


@pytest.fixture
def reader(tmp_path):
    """Somebody who reads a file that has no write-ahead log yet: nobody can switch to one meanwhile."""
    connection = sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE t (x)")
    connection.execute("BEGIN")
    connection.execute("SELECT * FROM t").fetchall()
    yield connection
    connection.close()


async def test_who_comes_second_to_a_new_file_waits_for_the_first(tmp_path, reader, monkeypatch):
    waited = []

    def end_the_reading(seconds):
        waited.append(seconds)
        reader.execute("COMMIT")

    monkeypatch.setattr(sqlite_connection.time, "sleep", end_the_reading)
    opened = await sqlite_connection.connect(str(tmp_path / "new.db"))
    try:
        (row,) = await opened.execute_fetchall("PRAGMA journal_mode")
    finally:
        await opened.close()
    assert row == ("wal",)
    assert len(waited) == 1


async def test_one_that_stays_locked_is_told_and_left_closed(tmp_path, reader, monkeypatch):
    monkeypatch.setattr(sqlite_connection, "WAIT_SECONDS", 0.0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        await sqlite_connection.connect(str(tmp_path / "new.db"))
    reader.execute("COMMIT")
    reader.execute("DROP TABLE t")
