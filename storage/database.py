"""The database: one engine, units of work, and errors that say what to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from storage import sqlite_connection
from storage.characters import replaced_in, to_json
from storage.credentials import HIDDEN, without_credentials
from storage.errors import DatabaseBusy, DatabaseUnavailable, DatabaseUrlInvalid, SchemaOutOfDate
from storage.feedback.categories import CategoryRepository
from storage.feedback.embeddings import EmbeddingRepository
from storage.feedback.gold import GoldRepository
from storage.feedback.labels import LabelRepository
from storage.feedback.owners import OwnerRepository
from storage.feedback.proposals import ProposalRepository
from storage.feedback.questions import QuestionRepository
from storage.feedback.reviews import ReviewRepository
from storage.feedback.taxonomy import TaxonomyRepository
from storage.feedback.trust import TrustRepository
from storage.tickets.audit import AuditRepository
from storage.tickets.channels import ChannelRepository, KnownChannelRepository
from storage.tickets.forgetting import ForgettingRepository
from storage.tickets.inbox import InboxRepository
from storage.tickets.installations import InstallationRepository
from storage.tickets.personal_data import PersonalDataRepository
from storage.tickets.replies import ReplyRepository
from storage.tickets.tickets import TicketRepository
from storage.tickets.turns import TurnRepository
from storage.training.drift import DriftRepository
from storage.training.model_versions import ModelRepository
from storage.training.runs import RunRepository
from storage.training.shadows import ShadowRepository

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}

SQLITE_BUSY_MS = 10_000
"""How long a writer waits for writers of other processes; ours write for milliseconds."""

WRITE_TURN_SECONDS = 30.0
"""How long a writer waits for writers of this process before it says so."""

POSTGRES_CONNECT_SECONDS = 5
"""Shorter than Slack's patience, so that an unreachable database becomes a refusal and Slack sends again."""

ABOUT_A_STATEMENT = (IntegrityError, DataError, ProgrammingError, InternalError, NotSupportedError)
"""Errors that say nothing about the database as a whole."""

_READING = "fingerpost_reading"


def parse_url(url: str) -> URL:
    """Read a database URL; plain sqlite:// and postgresql:// get our drivers.

    Raises:
        DatabaseUrlInvalid: not a URL, another database, a synchronous driver, or SQLite in memory.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise DatabaseUrlInvalid from error
    parsed = parsed.set(drivername=DRIVERS.get(parsed.drivername, parsed.drivername))
    if parsed.drivername not in DRIVERS.values():
        raise DatabaseUrlInvalid
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseUrlInvalid(
            "a SQLite database must be a file (sqlite:///path/file.db): memory is not shared"
        )
    return parsed


def create_engine(url: URL, **options: Any) -> AsyncEngine:
    """Make an engine for either database; nothing is opened yet.

    SQLite: write-ahead log, foreign keys on, and BEGIN IMMEDIATE for all but readers: a transaction that
    reads first and then writes can be refused at once, however long it would have waited.
    Postgres: dead connections are noticed when they are taken from the pool.
    Both: characters that one of them refuses are replaced in whatever is bound.
    """
    options = {"json_serializer": to_json} | options
    if url.get_backend_name() == "postgresql":
        connect = {"connect_timeout": POSTGRES_CONNECT_SECONDS}
        engine = create_async_engine(
            url, hide_parameters=True, pool_pre_ping=True, connect_args=connect, **options
        )
        event.listen(engine.sync_engine, "before_cursor_execute", _replace_refused, retval=True)
        return engine
    engine = create_async_engine(
        url, hide_parameters=True, connect_args={"async_creator_fn": sqlite_connection.connect}, **options
    )

    event.listen(engine.sync_engine, "before_cursor_execute", _replace_refused, retval=True)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver would begin late, and always deferred
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")
        # FULL: what was acknowledged to Slack is on the disk. With NORMAL a power cut takes the last commits.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten, not only let go
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql(f"PRAGMA query_only={'ON' if reading else 'OFF'}")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _replace_refused(
    _connection: object, _cursor: object, statement: str, parameters: Any, _context: object, _many: bool
) -> tuple[str, Any]:
    return statement, replaced_in(parameters)


@contextmanager
def readable_errors(url: URL) -> Iterator[None]:
    """Turn the drivers' errors about a whole database into ours; the others pass.

    Raises:
        DatabaseUnavailable: not reachable, or it went away.
        DatabaseBusy: locked for too long.
        SchemaOutOfDate: a table or a column is missing.
    """
    where = without_credentials(url.render_as_string(hide_password=True))
    try:
        yield
    except (DatabaseError, InterfaceError, PoolTimeoutError) as error:
        said = " ".join(str(error.orig if isinstance(error, DBAPIError) else error).split())
        state = getattr(getattr(error, "orig", None), "sqlstate", None)
        if state in ("42P01", "42703") or "no such table" in said or "no such column" in said:
            raise SchemaOutOfDate(f"{where} lacks tables or columns. Run `fingerpost db upgrade`.") from error
        if isinstance(error, ABOUT_A_STATEMENT):
            raise
        if state in ("55P03", "40P01", "40001") or "database is locked" in said:
            raise DatabaseBusy(f"{where} was locked by another writer for too long. Try again.") from error
        raise DatabaseUnavailable(
            f"{where} does not answer ({_without_password(said, url)}). "
            "Check FINGERPOST_DATABASE_URL and that the database runs."
        ) from error


def _without_password(said: str, url: URL) -> str:
    said = without_credentials(said)
    return said.replace(url.password, HIDDEN) if url.password else said


class UnitOfWork:
    """The repositories over one transaction. Whatever is not committed when the block ends is rolled back."""

    def __init__(self, session: AsyncSession) -> None:
        self.session = session
        self.inbox = InboxRepository(session)
        self.tickets = TicketRepository(session)
        self.replies = ReplyRepository(session)
        self.labels = LabelRepository(session)
        self.categories = CategoryRepository(session)
        self.models = ModelRepository(session)
        self.runs = RunRepository(session)
        self.channels = ChannelRepository(session)
        self.known_channels = KnownChannelRepository(session)
        self.turns = TurnRepository(session)
        self.audit = AuditRepository(session)
        self.forgetting = ForgettingRepository(session)
        self.installations = InstallationRepository(session)
        self.personal_data = PersonalDataRepository(session)
        self.gold = GoldRepository(session)
        self.reviews = ReviewRepository(session)
        self.trust = TrustRepository(session)
        self.embeddings = EmbeddingRepository(session)
        self.questions = QuestionRepository(session)
        self.drift = DriftRepository(session)
        self.proposals = ProposalRepository(session)
        self.taxonomy = TaxonomyRepository(session)
        self.shadows = ShadowRepository(session)
        self.owners = OwnerRepository(session)

    async def commit(self) -> None:
        """Keep everything done so far. Rows stay readable afterwards."""
        await self.session.commit()

    async def rollback(self) -> None:
        """Forget everything done since the last commit."""
        await self.session.rollback()


class Database:
    """One database, SQLite or Postgres.

    Args:
        url: sqlite:///path/file.db or postgresql://user:password@host/name.

    Raises:
        DatabaseUrlInvalid: the URL names nothing that we can open.
        DatabaseUnavailable: the folder of the SQLite file cannot be made.
    """

    def __init__(self, url: str) -> None:
        self.url = parse_url(url)
        self.dialect = self.url.get_backend_name()
        make_folder(self.url)
        self._engine = create_engine(self.url)
        self._writing: asyncio.Lock | None = asyncio.Lock() if self.dialect == "sqlite" else None

    @property
    def engine(self) -> AsyncEngine:
        """The engine, for Bolt's installation store."""
        return self._engine

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[UnitOfWork]:
        """Open a transaction that writes. Do not nest two, and call nothing over the network inside.

        Raises:
            StorageError: see `readable_errors`.
        """
        async with self._turn(), self._transaction({}) as work:
            yield work

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[UnitOfWork]:
        """Open a transaction that can only read; it waits for no writer.

        Raises:
            StorageError: see `readable_errors`.
        """
        async with self._transaction({_READING: True, "postgresql_readonly": True}) as work:
            yield work

    async def ping(self) -> None:
        """Ask the database for a sign of life.

        Raises:
            DatabaseUnavailable: there is none.
        """
        async with self.reader() as work:
            await work.session.execute(text("SELECT 1"))

    async def sweep(self) -> None:
        """Take what was just deleted out of SQLite's log as well; Postgres does it by its own vacuum."""
        if self.dialect == "sqlite":
            await asyncio.to_thread(sqlite_connection.empty_log, str(self.url.database))

    async def dispose(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _transaction(self, options: dict[str, Any]) -> AsyncIterator[UnitOfWork]:
        with readable_errors(self.url):
            async with AsyncSession(
                self._engine.execution_options(**options), expire_on_commit=False
            ) as session:
                yield UnitOfWork(session)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Queue the writers of this process: SQLite takes one at a time, and its own waiting is polling."""
        if self._writing is None:
            yield
            return
        try:
            async with asyncio.timeout(WRITE_TURN_SECONDS):
                await self._writing.acquire()
        except TimeoutError as error:
            raise DatabaseBusy("another task of this process holds the database. Try again.") from error
        try:
            yield
        finally:
            self._writing.release()


def make_folder(url: URL) -> None:
    """Make the folder of a SQLite file, for its owner only: tickets are in there.

    Raises:
        DatabaseUnavailable: it cannot be made.
    """
    if url.get_backend_name() != "sqlite" or url.database is None:
        return
    folder = Path(url.database).parent
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DatabaseUnavailable(
            f"the folder {folder} cannot be made. Check FINGERPOST_DATABASE_URL."
        ) from error
