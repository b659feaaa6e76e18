"""SQLite connections that a cancelled task leaves behind in order.

A statement runs in aiosqlite's thread. When the task that waits for it is cancelled, the thread goes on: a
BEGIN that ends after nobody waits for it any more holds the write lock, and every other writer finds the
database locked (omnilib/aiosqlite#259 is the same of opening). So a cancelled task waits until its statement
has ended, which takes milliseconds, and SQLAlchemy then closes a connection that is at rest.

Closing does not end a transaction while anything refers to one of its statements, a traceback for example:
sqlite3_close_v2 then keeps the connection, and its lock, until nothing does. So it is rolled back first.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import stat
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
from aiosqlite.core import _STOP_RUNNING_SENTINEL

WAIT_SECONDS = 15.0
"""For another process that opens the same new file."""
_RETRY_SECONDS = 0.02
_ROWS_AT_ONCE = 64  # aiosqlite's own
_T = TypeVar("_T")


class OrderlyConnection(aiosqlite.Connection):
    """Ends what it began, also where nobody waits for it any more."""

    async def _execute(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        running = super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        return await _to_its_end(running)

    async def _connect(self) -> aiosqlite.Connection:
        try:
            await _to_its_end(super()._connect())
        except asyncio.CancelledError:
            await _to_its_end(self.close())  # nobody else knows of it
            raise
        return self

    async def close(self) -> None:
        """Roll back and close."""
        if self._running and self._connection is not None:
            await self._execute(self._end)
        await super().close()

    def stop(self) -> None:
        """The same, without waiting for it.

        Nor does the thread tell anybody of its end, as aiosqlite's does: the event loop may be closed then.
        """
        self._running = False
        self._tx.put_nowait((None, self._end_and_stop))

    def _end_and_stop(self) -> object:
        """Runs in the connection's thread."""
        with contextlib.suppress(sqlite3.Error):  # it is closed already, or its file went away
            self._end()
            if self._connection is not None:
                self._connection.close()
        self._connection = None
        return _STOP_RUNNING_SENTINEL

    def _end(self) -> None:
        """Runs in the connection's thread."""
        if self._connection is not None and self._connection.in_transaction:
            self._connection.rollback()


def connect(database: str, **options: Any) -> OrderlyConnection:
    """Open a database, with a write-ahead log, for SQLAlchemy's dialect; see `aiosqlite.connect`."""

    def open_it() -> sqlite3.Connection:
        opened: sqlite3.Connection = sqlite3.connect(database, **options)
        keep_private(database)
        try:
            _write_ahead(opened)
        except sqlite3.Error:
            opened.close()
            raise
        return opened

    connection = OrderlyConnection(open_it, _ROWS_AT_ONCE)
    connection._thread.daemon = True  # as the dialect does: a process must not wait for it
    return connection


def keep_private(database: str) -> None:
    """Let only its owner read a database, whatever its folder is like: tickets are in there.

    The files beside it get the mode of the database when SQLite makes them.
    """
    for path in map(Path, (database, f"{database}-wal", f"{database}-shm")):
        with contextlib.suppress(OSError):  # it is not there, or somebody else's, who decides
            mode = path.stat().st_mode
            if stat.S_ISREG(mode) and mode & 0o077:
                path.chmod(0o600)


def empty_log(database: str) -> None:
    """Move the write-ahead log into the database and cut it to nothing: older pages stand in it.

    Where readers are in the way for longer, a later checkpoint does it.
    """
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(database, timeout=1)) as own:
        own.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _write_ahead(opened: sqlite3.Connection) -> None:
    """Switch to the write-ahead log, which the file then keeps. Runs in the connection's thread.

    The first switch needs the file alone, and SQLite asks for that without waiting, whatever its timeout.
    """
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            opened.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        else:
            return
        time.sleep(_RETRY_SECONDS)


async def _to_its_end(work: Coroutine[Any, Any, _T]) -> _T:
    """Await it; where this is cancelled meanwhile, wait for its end first."""
    running = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError:  # once more: it is as impatient as before
                continue
        if not running.cancelled():
            running.exception()  # nobody waits for it, and a lost error is said at exit otherwise
        raise
