"""Units of work, readers, concurrency and errors, on SQLite and Postgres."""

import asyncio
import time

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from storage import Database, DatabaseBusy, DatabaseUnavailable
from storage import database as module
from tests.factories.storage import NOW, add_event, add_ticket


async def count(database):
    async with database.reader() as work:
        return sum((await work.inbox.counts()).values())


async def test_what_is_not_committed_is_rolled_back(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1")
    assert await count(database) == 0


async def test_what_an_error_interrupts_is_rolled_back(database):
    async def add_and_fail():
        async with database.unit_of_work() as work:
            await add_event(work, "Ev1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await add_and_fail()
    assert await count(database) == 0


async def test_rows_can_be_read_after_the_commit(database):
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work)
        await work.commit()
    assert ticket.text == "the VPN drops"
    assert ticket.created_at == NOW


async def test_a_reader_cannot_write_and_leaves_the_next_writer_alone(database):
    with pytest.raises(Exception, match=r"(?i)read-?\s?only") as refused:
        async with database.reader() as work:
            await add_event(work, "Ev1")
    assert isinstance(refused.value, (DBAPIError, DatabaseUnavailable))
    async with database.unit_of_work() as work:
        assert await add_event(work, "Ev1")
        await work.commit()


async def test_a_reader_does_not_wait_for_a_writer(database):
    async with database.unit_of_work() as work:
        await add_event(work, "Ev1")
        assert await asyncio.wait_for(count(database), 5) == 0


async def test_ping_answers(database, dialect):
    await database.ping()
    assert database.dialect == {"sqlite": "sqlite", "postgres": "postgresql"}[dialect]


@pytest.mark.drill("locks")
@pytest.mark.parametrize(
    "seconds", [2, pytest.param(600, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
async def test_eight_writers_never_meet_a_locked_database(database, database_url, dialect, seconds, measured):
    """Two pools on one database, as two processes would be; writing without a pause."""
    other = Database(database_url)
    end = time.monotonic() + seconds

    async def write(name, target):
        written = 0
        while time.monotonic() < end:
            async with target.unit_of_work() as work:
                await add_event(work, f"{name}-{written}")
                await work.commit()
            written += 1
        return written

    try:
        targets = (database, other)
        written = await asyncio.gather(*(write(number, targets[number % 2]) for number in range(8)))
    finally:
        await other.dispose()
    assert min(written) > 0
    assert await count(database) == sum(written)
    measured(f"{dialect}: 8 writers, {seconds} s, {sum(written):,} rows: 0 times locked")


async def test_a_writer_that_waits_too_long_is_told_that_the_database_is_busy(sqlite_url, monkeypatch):
    monkeypatch.setattr(module, "WRITE_TURN_SECONDS", 0.05)
    monkeypatch.setattr(module, "SQLITE_BUSY_MS", 50)
    first, second = Database(sqlite_url), Database(sqlite_url)
    try:
        async with first.unit_of_work() as work:
            await add_event(work, "Ev1")
            for database in (first, second):
                with pytest.raises(DatabaseBusy, match="Try again"):
                    async with database.unit_of_work() as waiting:
                        await add_event(waiting, "Ev2")
    finally:
        await first.dispose()
        await second.dispose()


async def test_characters_that_a_database_refuses_are_replaced_in_any_column(database):
    odd, seen = "a\x00b \ud800 \x1b c\td", "a\ufffdb \ufffd \ufffd c\td"
    async with database.unit_of_work() as work:
        ticket = await add_ticket(work, team_id="T1", text=odd, user_id=odd)
        await work.commit()
        await work.session.refresh(ticket)
        assert (ticket.text, ticket.user_id) == (seen, seen)


async def test_sqlite_is_set_up_for_many_readers_and_one_writer(sqlite_url):
    database = Database(sqlite_url)
    wanted = {"journal_mode": "wal", "busy_timeout": 10_000, "synchronous": 2, "foreign_keys": 1}
    try:
        async with database.unit_of_work() as work:
            got = {name: await work.session.scalar(text(f"PRAGMA {name}")) for name in wanted}
    finally:
        await database.dispose()
    assert got == wanted


async def test_the_folder_of_a_new_file_is_the_owners_alone(tmp_path):
    folder = tmp_path / "state"
    await Database(f"sqlite:///{folder}/fingerpost.db").dispose()
    assert folder.stat().st_mode & 0o777 == 0o700


async def test_a_folder_that_cannot_be_made_is_an_unavailable_database(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnavailable, match="FINGERPOST_DATABASE_URL"):
        Database(f"sqlite:///{tmp_path}/file/fingerpost.db")


@pytest.fixture
def letter(tmp_path):
    path = tmp_path / "letter.db"
    path.write_text("Dear database, " * 100)
    return path


async def test_a_file_that_is_no_database_is_an_unavailable_one(letter):
    database = Database(f"sqlite:///{letter}")
    try:
        with pytest.raises(DatabaseUnavailable, match="FINGERPOST_DATABASE_URL"):
            await database.ping()
    finally:
        await database.dispose()


async def test_an_unreachable_server_is_one_line_without_the_password():
    database = Database("postgresql://bot:hunter2@127.0.0.1:1/fingerpost")
    try:
        with pytest.raises(DatabaseUnavailable) as refused:
            await database.ping()
    finally:
        await database.dispose()
    message = str(refused.value)
    assert "127.0.0.1:1" in message
    assert "FINGERPOST_DATABASE_URL" in message
    assert "hunter2" not in message
    assert "\n" not in message


async def test_a_restarted_postgres_costs_the_transaction_under_way_and_no_more(
    make_postgres_database, migrated_postgres
):
    url = make_postgres_database(migrated_postgres)
    database = Database(url)
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = %s AND pid <> pg_backend_pid()"
    )
    plain = make_url(url).set(drivername="postgresql")

    def restart():
        with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as admin:
            admin.execute(kill, [plain.database])

    async def add_while_it_restarts():
        async with database.unit_of_work() as work:
            await add_event(work, "Ev1")
            restart()
            await work.commit()

    try:
        await database.ping()
        restart()
        assert await count(database) == 0
        with pytest.raises(DatabaseUnavailable):
            await add_while_it_restarts()
        async with database.unit_of_work() as work:
            assert await add_event(work, "Ev1")
    finally:
        await database.dispose()


async def test_writers_that_are_cancelled_leave_no_lock(sqlite_url, monkeypatch):
    """A restart within a process, or a time-out: what was under way must not lock the others out."""
    monkeypatch.setattr(module, "SQLITE_BUSY_MS", 2000)

    async def write(database, name):
        async with database.unit_of_work() as work:
            await add_event(work, name)
            await work.inbox.counts()
            await work.commit()

    for turns in range(100):
        first, second = Database(sqlite_url), Database(sqlite_url)
        writers = [asyncio.create_task(write(first, f"{turns} {number}")) for number in range(3)]
        await asyncio.wait(writers, timeout=turns * 0.0003)  # at another moment each time
        for task in writers:
            task.cancel()
        ended = await asyncio.gather(*writers, return_exceptions=True)  # holds on to what they were at
        await write(second, f"{turns} after")
        assert len(ended) == 3
        await second.dispose()
        await first.dispose()
