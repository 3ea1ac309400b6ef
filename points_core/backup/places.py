"""The two kinds of places books are in: an SQLite file, and a database of a PostgreSQL server."""

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, Connection, StaticPool, create_engine, text
from sqlalchemy.exc import DBAPIError

from points_core import copies, migrations
from points_core.backup import postgres
from points_core.database import migrate, study_engine
from points_core.errors import BackupFailed, DatabaseUnavailable
from points_core.settings import database_file

STAGED = ".restore"
BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps beside a file
PATIENCE_S = 3.0  # for others to let go
LOOK_S = 0.05  # between two looks whether they have
OTHER_VERSION = "its tables are of another version; run `points db upgrade` first"
IN_USE = "another process uses it; stop the bot first"
_STAMP = re.compile(r"\d{8}t\d{12}")


def demand_left(others: Callable[[], int]) -> None:
    """Wait a little until `others()` counts nobody; a server ends a session some time after its client has left.

    Raises DatabaseUnavailable.
    """
    until = time.monotonic() + PATIENCE_S
    while others():
        if time.monotonic() > until:
            raise DatabaseUnavailable(IN_USE)
        time.sleep(LOOK_S)


class SqlitePlace:
    """A file: held by its lock, replaced in one transaction of its own."""

    def __init__(self, url: URL, restore_points: int) -> None:
        file = database_file(url)
        assert file is not None
        self.url = url
        self.file = file
        self.restore_points = restore_points
        self._held: sqlite3.Connection | None = None

    @contextmanager
    def staged(self, backup: Path) -> Iterator[URL]:
        """Hold a copy of the backup beside the file."""
        copied = self.file.with_name(self.file.name + STAGED)
        try:
            _remove(copied)
            copies.duplicate(backup, copied)
            url = self.url.set(database=str(copied))
            migrate(url, restore_points=0)
            yield url
        finally:
            _remove(copied)

    @contextmanager
    def seen(self) -> Iterator[Connection | None]:
        """Hold the file open for reading."""
        with _seen(self.url) if self.file.exists() else nullcontext() as connection:
            yield connection

    @contextmanager
    def held(self) -> Iterator[Connection | None]:
        """Hold the file's exclusive lock."""
        if not self.file.exists() or self.file.stat().st_size == 0:
            yield None
            return
        raw = _alone(self.file)
        if raw is None:
            yield None
            return
        with closing(raw):
            self._held = raw
            engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool)
            try:
                with engine.connect() as connection:
                    yield connection
            finally:
                self._held = None

    def restore_point(self) -> str | None:
        """Copy the file; one that cannot be read is moved aside as it is."""
        if self._held is None:
            return self._move_aside()
        if not self.restore_points:
            return None
        target = copies.restore_point_name(self.file, "restore")
        copies.copy_from(self._held, target)
        copies.forget(self.file, self.restore_points)
        return str(target)

    def _move_aside(self) -> str | None:
        if not self.file.exists():
            return None
        target = copies.restore_point_name(self.file, "damaged")
        copies.make_folder(target.parent)
        for suffix in BESIDE:
            with suppress(FileNotFoundError):
                Path(str(self.file) + suffix).rename(str(target) + suffix)
        self.file.rename(target)
        copies.sync_names(target.parent)  # before the old name is gone for good
        return str(target)

    def put(self, staged: URL) -> None:
        """Write the prepared file over this one, in one step and one transaction."""
        prepared = database_file(staged)
        assert prepared is not None
        try:
            _leave_wal(prepared)
            if self._held is None:
                copies.settle(prepared, self.file)
                return
            with closing(sqlite3.connect(prepared, isolation_level=None)) as source:
                source.backup(self._held, pages=-1)
            self._held.execute("PRAGMA journal_mode=WAL")
        except (OSError, sqlite3.Error) as error:
            raise BackupFailed(f"{self.file} could not be written: {error}") from error


def _leave_wal(file: Path) -> None:
    """Bring everything into the one file."""
    with closing(sqlite3.connect(file, isolation_level=None)) as raw:
        raw.execute("PRAGMA journal_mode=DELETE")


def _remove(file: Path) -> None:
    for suffix in ("", *BESIDE):
        Path(str(file) + suffix).unlink(missing_ok=True)


def _alone(file: Path) -> sqlite3.Connection | None:
    """Return a connection that nobody shares the file with, None if it is no database that can be read.

    Leaving WAL takes a lock that nobody else's open connection lets one have, idle ones included.
    """
    raw = sqlite3.connect(file, timeout=PATIENCE_S, isolation_level=None, check_same_thread=False)
    try:
        raw.execute("PRAGMA locking_mode=EXCLUSIVE")
        raw.execute("PRAGMA journal_mode=DELETE")
        raw.execute("BEGIN EXCLUSIVE")
        raw.execute("COMMIT")
        if raw.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
            raise sqlite3.DatabaseError("damaged")
        if raw.execute("SELECT version_num FROM alembic_version").fetchone() != (migrations.HEAD,):
            raise DatabaseUnavailable(OTHER_VERSION)
    except sqlite3.OperationalError as error:
        raw.close()
        raise DatabaseUnavailable(IN_USE if "locked" in str(error) else str(error)) from error
    except sqlite3.DatabaseError:
        raw.close()
        return None
    except DatabaseUnavailable:
        raw.close()
        raise
    return raw


class PostgresPlace:
    """A database of a server: prepared as another one, which then takes its name."""

    def __init__(self, url: URL) -> None:
        assert url.database is not None
        self.url = url
        self.name = url.database
        self._stamp = datetime.now(UTC).strftime("%Y%m%dt%H%M%S%f")  # a name for people
        self._before = postgres.named(self.name, f"before_{self._stamp}")
        self._held: Connection | None = None

    @contextmanager
    def staged(self, backup: Path) -> Iterator[URL]:
        """Hold a new database filled from the dump."""
        name = postgres.named(self.name, f"restore_{self._stamp}")
        url = self.url.set(database=name)
        with postgres.maintaining(self.url) as server:
            self._sweep(server)
            server.exec_driver_sql(f"CREATE DATABASE {postgres.quoted(name)} TEMPLATE template0")
        try:
            postgres.load(url, backup)
            migrate(url, restore_points=0)
            yield url
        finally:
            with postgres.maintaining(self.url) as server:
                server.exec_driver_sql(f"DROP DATABASE IF EXISTS {postgres.quoted(name)} WITH (FORCE)")

    def _sweep(self, server: Connection) -> None:
        """Drop what an earlier return prepared that was killed on the way; one that is under way stays."""
        prefix = postgres.named(self.name, f"restore_{self._stamp}").removesuffix(self._stamp)
        left = text(
            "SELECT datname FROM pg_database WHERE starts_with(datname, :prefix)"
            " AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pg_stat_activity.datname = pg_database.datname)"
        )
        for name in server.execute(left, {"prefix": prefix}).scalars().all():
            if _STAMP.fullmatch(name.removeprefix(prefix)):
                server.exec_driver_sql(f"DROP DATABASE IF EXISTS {postgres.quoted(name)}")

    def _there(self) -> bool:
        with postgres.maintaining(self.url) as server:
            return _exists(server, self.name)

    @contextmanager
    def seen(self) -> Iterator[Connection | None]:
        """Hold the database open for reading."""
        with _seen(self.url) if self._there() else nullcontext() as connection:
            yield connection

    @contextmanager
    def held(self) -> Iterator[Connection | None]:
        """Look that nobody else is connected; the renaming afterwards is refused if somebody is."""
        if not self._there():
            yield None
            return
        others = text("SELECT count(*) FROM pg_stat_activity WHERE datname = :name")
        with postgres.maintaining(self.url) as server:
            demand_left(lambda: int(server.execute(others, {"name": self.name}).scalar_one()))
        with _seen(self.url) as connection:
            if connection is None:
                raise DatabaseUnavailable(OTHER_VERSION)
            self._held = connection
            yield connection

    def restore_point(self) -> str | None:
        """Name the database that the live one becomes: it is kept whole."""
        return self._before if self._there() else None

    def put(self, staged: URL) -> None:
        """Rename the live database and give its name to the prepared one, in one transaction: both or neither."""
        assert staged.database is not None
        if self._held is not None:
            self._held.close()  # a database that somebody is connected to has to keep its name
        live, before = postgres.quoted(self.name), postgres.quoted(self._before)
        with postgres.maintaining(self.url, together=True) as server:
            if _exists(server, self.name):
                server.exec_driver_sql(f"ALTER DATABASE {live} RENAME TO {before}")
            server.exec_driver_sql(f"ALTER DATABASE {postgres.quoted(staged.database)} RENAME TO {live}")


@contextmanager
def _seen(url: URL) -> Iterator[Connection | None]:
    """Hold the books at `url` open for reading, if they have this version's tables."""
    engine = study_engine(url)
    try:
        with engine.connect() as connection:
            try:
                at = migrations.current(connection)
            except DBAPIError:  # no database at all, or a damaged one
                at = None
            yield connection if at == migrations.HEAD else None
    finally:
        engine.dispose()


def _exists(server: Connection, name: str) -> bool:
    found = server.execute(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
    return found.first() is not None
