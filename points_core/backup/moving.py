"""All the books moved into another database, SQLite or PostgreSQL: row by row, proven on both sides, in one commit.

Nobody may use the source meanwhile, and nothing of it changes. The target has to be empty and stays so
unless every row, every chain and every recomputed sum is the same there.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import (
    URL,
    Connection,
    Engine,
    Row,
    StaticPool,
    Table,
    create_engine,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import DBAPIError

from points_core import migrations, verification
from points_core.backup.places import IN_USE, OTHER_VERSION, PATIENCE_S, demand_left
from points_core.database import migrate, study_engine, writer_engine
from points_core.errors import BackupFailed, DatabaseUnavailable, InvalidSetting, LedgerCorrupt
from points_core.models import Base
from points_core.settings import database_file
from points_core.verification import anchors

TOGETHER = 1_000  # rows held in memory at once
DIGEST_BYTES = 16
HEADER_BYTES = 100  # with which every SQLite file begins

Telling = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows a table has, and the sum of their digests: the same for the same rows in any order."""

    rows: int = 0
    digests: int = 0

    def plus(self, rows: Sequence[Row[Any]]) -> "Tally":
        """Return the tally with `rows` counted too."""
        digests = sum(int.from_bytes(_digest(row)) for row in rows)
        return Tally(self.rows + len(rows), (self.digests + digests) % 256**DIGEST_BYTES)


@dataclass(frozen=True, slots=True)
class MovedBooks:
    """What is now in the target: rows by table, transactions by community."""

    tables: dict[str, int]
    communities: dict[str, int]


def move(source: URL, target: URL, told: Telling = lambda table, rows: None) -> MovedBooks:
    """Copy the books at `source` into the empty database at `target`; `told(table, rows)` after each table.

    Raises InvalidSetting for a target that is not empty, LedgerCorrupt for books that are not in order,
    DatabaseUnavailable, BackupFailed. Then the target holds no books. The source is never changed.
    """
    if _same(source, target):
        raise InvalidSetting("target", _shown(target), "another database than the source")
    try:
        with _alone(source) as live:
            _demand_order(live, "the source")
            _prepare(target)
            engine = writer_engine(target)
            try:
                with engine.begin() as staged:
                    return _carry(live, staged, target, told)
            finally:
                engine.dispose()
    except DBAPIError as error:
        raise DatabaseUnavailable(str(error.orig).strip()) from error


def _carry(live: Connection, staged: Connection, target: URL, told: Telling) -> MovedBooks:
    _lock_out(staged)
    _demand_empty(staged, target)
    tables: dict[str, int] = {}
    for table in Base.metadata.sorted_tables:
        written = _copy(live, staged, table)
        found = _tally(staged, table)
        if written != found:
            raise BackupFailed(
                f"{table.name} is not the same in the target: {written.rows} rows, {found.rows}"
            )
        _set_sequence(staged, table)
        tables[table.name] = found.rows
        told(table.name, found.rows)
    if staged.dialect.name == "postgresql":
        staged.exec_driver_sql("ANALYZE")  # its planner knows nothing of the new rows
    ends = anchors.heads(live)
    if ends != anchors.heads(staged):
        raise BackupFailed("the chains end differently in the target")
    _demand_order(staged, "the target")
    return MovedBooks(tables, {head.community: head.seq for head in ends})


def _copy(live: Connection, staged: Connection, table: Table) -> Tally:
    tally = Tally()
    try:
        with _filling(staged, table) as fill:
            for rows in _chunks(live, table):
                fill(rows)
                tally = tally.plus(rows)
    except (DBAPIError, psycopg.Error) as error:
        why = getattr(error, "orig", error)
        raise BackupFailed(f"{table.name} could not be copied: {' '.join(str(why).split())}") from error
    return tally


@contextmanager
def _filling(tx: Connection, table: Table) -> Iterator[Callable[[Sequence[Row[Any]]], object]]:
    """Hold open the fastest way to write rows: COPY on PostgreSQL."""
    if tx.dialect.name == "sqlite":
        yield lambda rows: tx.execute(insert(table), [dict(row._mapping) for row in rows])
        return
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    bound = [column.type.dialect_impl(tx.dialect).bind_processor(tx.dialect) for column in table.columns]
    driver: Any = tx.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copying:

        def fill(rows: Sequence[Row[Any]]) -> None:
            for row in rows:
                copying.write_row(
                    [value if bind is None else bind(value) for value, bind in zip(row, bound, strict=True)]
                )

        yield fill


def _tally(tx: Connection, table: Table) -> Tally:
    tally = Tally()
    for rows in _chunks(tx, table):
        tally = tally.plus(rows)
    return tally


def _chunks(tx: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    """Yield the rows in the order of their numbers: what is referred to comes before what refers to it."""
    ordered = select(table).order_by(*table.primary_key.columns)
    yield from tx.execute(ordered.execution_options(yield_per=TOGETHER)).partitions()


def _digest(row: Row[Any]) -> bytes:
    return blake2b(repr(tuple(row)).encode(errors="surrogatepass"), digest_size=DIGEST_BYTES).digest()


def _set_sequence(tx: Connection, table: Table) -> None:
    """Have the next number come after the last one; SQLite looks for itself."""
    column = table.autoincrement_column
    if column is None or tx.dialect.name == "sqlite":
        return
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    last = select(func.max(column)).scalar_subquery()
    tx.execute(select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None))))


def _demand_order(tx: Connection, which: str) -> None:
    broken = verification.verify(tx)
    if broken:
        first = broken[0]
        raise LedgerCorrupt(f"{which}, {first.community}: {first.invariant}: {first.detail}")


def _demand_empty(tx: Connection, target: URL) -> None:
    for table in Base.metadata.sorted_tables:
        if tx.execute(select(table.c[0]).limit(1)).first() is not None:
            raise InvalidSetting("target", _shown(target), f"empty; there are rows in {table.name}")


def _prepare(target: URL) -> None:
    """Make this version's tables where there are none at all."""
    file = database_file(target)
    if file is None or (file.exists() and file.stat().st_size):
        engine = study_engine(target)
        try:
            with engine.connect() as connection:
                at = migrations.current(connection)
        finally:
            engine.dispose()
        if at is not None and at != migrations.HEAD:
            raise DatabaseUnavailable(OTHER_VERSION)
    migrate(target, restore_points=0)


def _lock_out(tx: Connection) -> None:
    """Let nobody write to the target on PostgreSQL while it is filled; on SQLite the transaction does."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("LOCK TABLE communities IN SHARE ROW EXCLUSIVE MODE"))


def _same(source: URL, target: URL) -> bool:
    files = database_file(source), database_file(target)
    if None not in files:
        return os.path.realpath(str(files[0])) == os.path.realpath(str(files[1]))
    where = [(url.get_backend_name(), url.host, url.port, url.database) for url in (source, target)]
    return where[0] == where[1]


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


@contextmanager
def _alone(source: URL) -> Iterator[Connection]:
    """Hold the source for reading, with nobody else connected. Raises DatabaseUnavailable."""
    file = database_file(source)
    engine = study_engine(source) if file is None else _file_alone(file)
    try:
        with engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                _demand_alone(connection)
            if migrations.known(connection) != migrations.HEAD:
                raise DatabaseUnavailable(OTHER_VERSION)
            yield connection
    finally:
        engine.dispose()


def _demand_alone(tx: Connection) -> None:
    others = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )

    def look() -> int:
        tx.rollback()  # the snapshot that is read is the one in which nobody was there
        return int(tx.execute(others).scalar_one())

    demand_left(look)


def _file_alone(file: Path) -> Engine:
    """Return the engine of a file that nobody else has open: the exclusive lock is refused while they do."""
    if not os.path.lexists(file):
        raise DatabaseUnavailable(f"{file}: No such file or directory")
    # SQLite would make a database of an empty file
    if not file.is_file() or file.stat().st_size < HEADER_BYTES:
        raise DatabaseUnavailable(f"{file} holds no books")
    raw = sqlite3.connect(file, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)
    try:
        raw.execute("PRAGMA locking_mode=EXCLUSIVE")
        raw.execute("BEGIN IMMEDIATE")
        raw.execute("COMMIT")
        raw.execute("PRAGMA query_only=ON")
        raw.execute("BEGIN")
    except sqlite3.Error as error:
        raw.close()
        raise DatabaseUnavailable(IN_USE if "locked" in str(error) else str(error)) from error
    return create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
