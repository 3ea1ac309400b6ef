"""Connections to the books: one writer, several readers, long reads apart; what each driver has to be told."""

import sqlite3
import time
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from points_core.settings import async_url

BUSY_TIMEOUT_MS = 2_000  # below Discord's three seconds, so a refusal can still be spoken
WAL_PAUSE_MS = 10  # between two attempts to be the one who makes a new file's WAL
CACHE_KIB = 64_000  # SQLite's page cache per connection
STUDY_CACHE_KIB = 16_000  # what is read once from end to end gains nothing from more
CHECKPOINT_PAGES = 4_000  # 16 MB of WAL between checkpoints: fewer stalls, still small on disk
LOCK_TIMEOUT_MS = 10_000  # on PostgreSQL; no operation of ours holds a community's row that long
IDLE_TIMEOUT_MS = (
    60_000  # on PostgreSQL; a process that stands still within a transaction lets go of its rows
)
_LIMITS = {"lock_timeout": LOCK_TIMEOUT_MS, "idle_in_transaction_session_timeout": IDLE_TIMEOUT_MS}
READERS = 4  # connections for reads: more than two cores can use, few enough for small hosts

POOLED = "pooled"  # our own word in a URL of PostgreSQL

SQLITE_PRAGMAS = {
    "foreign_keys": "ON",
    "journal_mode": "WAL",
    "synchronous": "FULL",  # NORMAL loses acknowledged commits when the power goes
    "busy_timeout": str(BUSY_TIMEOUT_MS),
    "cache_size": str(-CACHE_KIB),
    "temp_store": "MEMORY",
    "wal_autocheckpoint": str(CHECKPOINT_PAGES),
    "recursive_triggers": "ON",  # or REPLACE deletes rows without firing the guards
    "secure_delete": "ON",  # what is erased is overwritten, not only let go of
}


def writer_engine(url: URL, *, patient: bool = True) -> Engine:
    """Return the engine of the one writer: every transaction takes the write lock when it begins.

    One that is not `patient` gives up on PostgreSQL when somebody else holds a lock for LOCK_TIMEOUT_MS, as
    on SQLite after BUSY_TIMEOUT_MS; a migration waits as long as it takes.
    """
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, pool_size=1, max_overflow=0)
        _prepare_sqlite(engine, "BEGIN IMMEDIATE", {})
        return engine
    # psycopg prepares a statement the fifth time it sees it; the pool checks a connection before use
    arguments = server_arguments(url)
    bounded = "" if patient or is_pooled(url) else "".join(f" -c {name}={ms}" for name, ms in _LIMITS.items())
    engine = create_engine(
        "postgresql+psycopg://",
        connect_args={**arguments, "options": f"{arguments.get('options', '')}{bounded}"},
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
    )
    if not patient and is_pooled(url):
        _bound_waits(engine)
    return engine


def _bound_waits(engine: Engine) -> None:
    """Say the limits in each transaction: a pooler lends another connection of the server to the next one."""
    limits = ", ".join(f"set_config('{name}', '{ms}', true)" for name, ms in _LIMITS.items())

    @event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT {limits}")


def reader_engine(url: URL) -> AsyncEngine:
    """Return the engine of the readers: each transaction sees one snapshot and cannot write."""
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(async_url(url), pool_size=READERS, max_overflow=0)
        _prepare_sqlite(engine.sync_engine, "BEGIN", {"query_only": "ON"})
        return engine
    return create_async_engine(
        "postgresql+psycopg://",
        connect_args=server_arguments(url),
        pool_size=READERS,
        pool_pre_ping=True,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
    )


def study_engine(url: URL) -> Engine:
    """Return the engine of one long read: like the readers', but for a thread and not for the loop."""
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, poolclass=NullPool)
        _prepare_sqlite(engine, "BEGIN", {"query_only": "ON", "cache_size": str(-STUDY_CACHE_KIB)})
        return engine
    return create_engine(
        "postgresql+psycopg://",
        connect_args=server_arguments(url),
        poolclass=NullPool,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
    )


def statement_engine(url: URL) -> Engine:
    """Return the engine of what is no transaction on PostgreSQL: each statement stands for itself."""
    return create_engine(
        "postgresql+psycopg://",
        connect_args=server_arguments(url),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
    )


def server_arguments(url: URL) -> dict[str, Any]:
    """Return what psycopg connects with to the server at `url`.

    `?pooled=true` in the URL means that a pooler lends connections by the transaction (pgbouncer): then no
    statement is prepared, the next one may reach another connection of the server.
    """
    _, arguments = url.get_dialect()().create_connect_args(without_ours(url))
    return {**arguments, **({"prepare_threshold": None} if is_pooled(url) else {})}


def is_pooled(url: URL) -> bool:
    """Return whether the URL says that a pooler stands before the server."""
    return str(url.query.get(POOLED, "")).lower() in {"1", "true", "yes"}


def without_ours(url: URL) -> URL:
    """Return `url` as PostgreSQL's own programs understand it."""
    return url.difference_update_query([POOLED])


def _prepare_sqlite(engine: Engine, begin: str, more_pragmas: dict[str, str]) -> None:
    """Take transactions out of the driver's hands: left alone it begins late and updates are lost.

    The journal's mode stays in the file, so only the writer sets it.
    """
    pragmas = SQLITE_PRAGMAS | more_pragmas
    if "query_only" in more_pragmas:
        del pragmas["journal_mode"]

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: ConnectionPoolEntry) -> None:  # noqa: ANN401 - the driver's own
        connection.isolation_level = None
        cursor = connection.cursor()
        for name, value in pragmas.items():
            _execute_patiently(cursor, f"PRAGMA {name}={value}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        cursor = connection.connection.cursor()  # SQLAlchemy's own way there takes longer than SQLite's BEGIN
        try:
            cursor.execute(begin)
        except connection.dialect.loaded_dbapi.Error as error:
            connection._handle_dbapi_exception(error, begin, None, cursor, None)
        finally:
            cursor.close()


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
