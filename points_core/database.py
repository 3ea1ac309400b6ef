"""The seam: `write` runs an operation and returns after the commit, `read` runs one against a snapshot.

receipt = await points.write(approvals.request, origin, …)
board   = await points.read(leaderboard.standings, community, …)
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from points_core import migrations
from points_core.errors import DatabaseUnavailable
from points_core.settings import Settings, async_url, database_file, sync_url
from points_core.writer import Call, Writer

P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_MS = 2_000  # below Discord's three seconds, so a refusal can still be spoken
WAL_PAUSE_MS = 10  # between two attempts to be the one who makes a new file's WAL
CACHE_KIB = 64_000  # SQLite's page cache per connection
CHECKPOINT_PAGES = 4_000  # 16 MB of WAL between checkpoints: fewer stalls, still small on disk
READERS = 4  # connections for reads: more than two cores can use, few enough for small hosts

SQLITE_PRAGMAS = {
    "foreign_keys": "ON",
    "journal_mode": "WAL",
    "synchronous": "FULL",  # NORMAL loses acknowledged commits when the power goes
    "busy_timeout": str(BUSY_TIMEOUT_MS),
    "cache_size": str(-CACHE_KIB),
    "temp_store": "MEMORY",
    "wal_autocheckpoint": str(CHECKPOINT_PAGES),
    "recursive_triggers": "ON",  # or REPLACE deletes rows without firing the guards
}


class Points:
    """An open points database: one writer, several readers. Make it with `Points.open`."""

    def __init__(self, settings: Settings, writer_engine: Engine, reader_engine: AsyncEngine) -> None:
        self.settings = settings
        self._writer_engine = writer_engine
        self._reader_engine = reader_engine
        self._writer = Writer(writer_engine)

    @classmethod
    async def open(cls, settings: Settings | None = None) -> Self:
        """Create or migrate the database of `settings` (default: the environment's) and open it.

        Close it with `close()`. Raises SettingsInvalid, DatabaseUnavailable.
        """
        settings = settings or Settings.load()
        url = sync_url(settings.database_url)
        await asyncio.to_thread(migrate, url)
        defaults = {"points_settings": settings}  # what a new community starts with
        return cls(
            settings,
            writer_engine(url).execution_options(**defaults),
            reader_engine(url).execution_options(**defaults),
        )

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: Settings | None = None) -> AsyncIterator[Self]:
        """Open for the length of an `async with` block."""
        points = await cls.open(settings)
        try:
            yield points
        finally:
            await points.close()

    async def write(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `operation(tx, *args, **kwargs)` in its turn and return its value once it is durable.

        A caller that is cancelled while waiting stops waiting; the operation still runs whole.
        Raises what the operation raises, and DatabaseUnavailable.
        """
        result: T = await asyncio.shield(self._writer.submit(operation, Call(args, kwargs)))
        return result

    async def read(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `operation(tx, *args, **kwargs)` against one snapshot of the database and return its value.

        Raises what the operation raises, and DatabaseUnavailable.
        """
        try:
            async with self._reader_engine.connect() as connection:
                return await connection.run_sync(operation, *args, **kwargs)
        except DBAPIError as error:
            raise DatabaseUnavailable(str(error.orig).strip()) from error

    async def close(self) -> None:
        """Finish what is queued and let go of the database."""
        await asyncio.to_thread(self._writer.stop)
        await self._reader_engine.dispose()
        self._writer_engine.dispose()


def migrate(url: URL) -> None:
    """Bring the database at `url` to this version's tables. Raises DatabaseUnavailable.

    A new SQLite file is made readable by its owner alone: it holds who has which points, and why.
    """
    file = database_file(url)
    engine = writer_engine(url)
    try:
        if file is not None and not file.exists():
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        with engine.connect() as connection:
            migrations.upgrade(connection)
    except OSError as error:
        raise DatabaseUnavailable(f"{file}: {error.strerror}") from error
    except DBAPIError as error:
        raise DatabaseUnavailable(str(error.orig).strip()) from error
    finally:
        engine.dispose()


def writer_engine(url: URL) -> Engine:
    """Return the engine of the one writer: every transaction takes the write lock when it begins."""
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, pool_size=1, max_overflow=0)
        _prepare_sqlite(engine, "BEGIN IMMEDIATE", {})
        return engine
    # psycopg prepares a statement the fifth time it sees it; the pool checks a connection before use
    return create_engine(
        url, pool_size=1, max_overflow=0, pool_pre_ping=True, isolation_level="READ COMMITTED"
    )


def reader_engine(url: URL) -> AsyncEngine:
    """Return the engine of the readers: each transaction sees one snapshot and cannot write."""
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(async_url(url), pool_size=READERS, max_overflow=0)
        _prepare_sqlite(engine.sync_engine, "BEGIN", {"query_only": "ON"})
        return engine
    return create_async_engine(
        url,
        pool_size=READERS,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
    )


def _prepare_sqlite(engine: Engine, begin: str, more_pragmas: dict[str, str]) -> None:
    """Take transactions out of the driver's hands: left alone it begins late and updates are lost."""

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: ConnectionPoolEntry) -> None:  # noqa: ANN401 - the driver's own
        connection.isolation_level = None
        cursor = connection.cursor()
        for name, value in (SQLITE_PRAGMAS | more_pragmas).items():
            _execute_patiently(cursor, f"PRAGMA {name}={value}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _execute_patiently(cursor: Any, statement: str) -> None:  # noqa: ANN401 - the driver's own
    """Execute `statement`, waiting for a lock that SQLite itself does not wait for.

    A new file's journal becomes a WAL in a moment that belongs to one connection alone, whatever the busy
    timeout; of two processes that start together one comes in between.
    """
    for _ in range(BUSY_TIMEOUT_MS // WAL_PAUSE_MS):
        try:
            cursor.execute(statement)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # the rest says why it is busy
                raise
            time.sleep(WAL_PAUSE_MS / 1_000)
        else:
            return
    cursor.execute(statement)
