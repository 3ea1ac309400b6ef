"""The seam: `write` runs an operation and returns after the commit, `read` runs one against a snapshot.

receipt = await points.write(approvals.request, origin, …)
board   = await points.read(leaderboard.standings, community, …)
"""

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from points_core import copies, dumps, listening, migrations
from points_core.asides import Unbroken, aside
from points_core.changes import Changes
from points_core.engines import (
    SQLITE_PRAGMAS,
    reader_engine,
    statement_engine,
    study_engine,
    writer_engine,
)
from points_core.errors import DatabaseUnavailable
from points_core.migrations import partitions
from points_core.replica import END, Replica, is_its_fault
from points_core.settings import Settings, database_file, sync_url
from points_core.writer import Call, Writer

P = ParamSpec("P")
T = TypeVar("T")

__all__ = [
    "Opening",
    "Points",
    "aside",
    "demand",
    "migrate",
    "reader_engine",
    "rewrite",
    "study_engine",
    "vacuum",
    "writer_engine",
]

log = logging.getLogger(__name__)


class Opening(Enum):
    """What must be there for a database to be opened."""

    MIGRATED = "nothing: it is created, or brought to this version's tables"
    CURRENT = "this version's tables"
    ANY = "a database, of whichever version"


class Points:
    """An open points database: one writer, several readers. Make it with `Points.open`."""

    def __init__(self, settings: Settings, writer_engine: Engine, reader_engine: AsyncEngine) -> None:
        self.settings = settings
        self._writer_engine = writer_engine
        self._reader_engine = reader_engine
        self.changes = Changes()
        self.changes.on_first = self._listen
        self._writer = Writer(writer_engine, self.changes)
        replica = settings.replica_url
        self._replica = Replica(sync_url(replica), settings) if replica else None
        self._reading = Unbroken()
        self._listening: asyncio.Task[None] | None = None
        self._closed = False

    @classmethod
    async def open(cls, settings: Settings | None = None, opening: Opening = Opening.MIGRATED) -> Self:
        """Create or migrate the database of `settings` (default: the environment's) and open it.

        With another `opening` it is opened as it is. Close it with `close()`.
        Raises SettingsInvalid, DatabaseUnavailable.
        """
        settings = settings or Settings.load()
        url = sync_url(settings.database_url)
        if opening is Opening.MIGRATED:
            await asyncio.to_thread(migrate, url, settings.restore_points)
        else:
            await asyncio.to_thread(demand, url, opening)
        defaults = {"points_settings": settings}  # what a new community starts with
        return cls(
            settings,
            writer_engine(url, patient=False).execution_options(**defaults),
            reader_engine(url).execution_options(**defaults),
        )

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, settings: Settings | None = None, opening: Opening = Opening.MIGRATED
    ) -> AsyncIterator[Self]:
        """Open for the length of an `async with` block."""
        points = await cls.open(settings, opening)
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
        result: T = await self._writer.submit(operation, Call(args, kwargs))
        if self._replica is not None:
            self._replica.wrote()
        return result

    async def read(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `operation(tx, *args, **kwargs)` against one snapshot of the database and return its value.

        A caller that is cancelled while waiting stops waiting. Raises what the operation raises, and
        DatabaseUnavailable.
        """
        self._refuse_if_closed()
        return await self._reading.run(self._read(operation, *args, **kwargs))

    async def look(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a read that decides nothing: on the replica if there is one and it is not behind, else as `read`.

        It sees what this process wrote; what others wrote may be missing for a second. Raises what `read` does.
        """
        self._refuse_if_closed()
        return await self._reading.run(self._look(operation, *args, **kwargs))

    async def _read(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        try:
            async with self._reader_engine.connect() as connection:
                return await connection.run_sync(operation, *args, **kwargs)
        except DBAPIError as error:
            raise DatabaseUnavailable(str(error.orig).strip()) from error

    async def _look(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self._replica is not None and await self._replica.ready(self._end):
            try:
                return await self._replica.read(operation, *args, **kwargs)
            except DBAPIError as error:
                if not is_its_fault(error):
                    raise DatabaseUnavailable(str(error.orig).strip()) from error
                self._replica.lost(error.orig)
        return await self._read(operation, *args, **kwargs)

    async def survey(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a long read that decides nothing, as `study` does: on the replica if it can be, else on the primary.

        `operation` may be run twice: a replica that falls too far behind breaks off what reads it.
        Raises what `study` does.
        """
        self._refuse_if_closed()
        if self._replica is not None and await self._reading.run(self._replica.ready(self._end)):
            url = self._replica.url
            try:
                return await aside(lambda: self._studied(url, operation, *args, **kwargs))
            except DatabaseUnavailable as fault:
                self._replica.lost(fault.why)
        return await self.study(operation, *args, **kwargs)

    async def _end(self) -> str:
        async with self._reader_engine.connect() as connection:
            return str((await connection.execute(END)).scalar_one())

    async def study(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a long `operation` against one snapshot, in a thread of its own: nobody waits for it meanwhile.

        Raises what the operation raises, and DatabaseUnavailable.
        """
        return await aside(lambda: self.studied(operation, *args, **kwargs))

    def studied(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Do what `study` does in the thread of the caller, who may take long."""
        return self._studied(sync_url(self.settings.database_url), operation, *args, **kwargs)

    def _studied(
        self,
        url: URL,
        operation: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        self._refuse_if_closed()
        engine = study_engine(url).execution_options(points_settings=self.settings)
        try:
            with engine.connect() as connection:
                return operation(connection, *args, **kwargs)
        except DBAPIError as error:
            raise DatabaseUnavailable(str(error.orig).strip()) from error
        finally:
            engine.dispose()

    async def scrub(self) -> bool:
        """Rewrite the database so that nothing erased is left in it; return False if somebody stood in the way.

        On SQLite it takes its turn among the writes, which wait for it: about half a second for each 100 MB.
        Raises DatabaseUnavailable, also when the disk has no room for a second copy.
        """
        self._refuse_if_closed()
        url = sync_url(self.settings.database_url)
        if url.get_backend_name() != "sqlite":
            await aside(vacuum, url)
            return True
        done: bool = await asyncio.shield(self._writer.submit_alone(rewrite))
        return done

    async def close(self) -> None:
        """Finish what is queued and let go of the database; nothing can be asked of it afterwards.

        A caller that is cancelled meanwhile waits until it is let go of: no connection stays open behind it.
        """
        self._closed = True
        closing = asyncio.create_task(self._let_go())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            await asyncio.wait([closing])
            raise

    async def _let_go(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        await asyncio.to_thread(self._writer.stop)
        await self._reading.through()
        await self._reader_engine.dispose()
        if self._replica is not None:
            await self._replica.close()
        self._writer_engine.dispose()

    def _listen(self) -> None:
        """Hear what other processes change, from now until `close`."""
        if self._listening is not None:
            return
        url = sync_url(self.settings.database_url)
        hearing = (
            listening.look(self._file_version, self.changes)
            if url.get_backend_name() == "sqlite"
            else listening.hear(url, self.changes)
        )
        # In a context of its own: it outlives whoever subscribed first
        begin = partial(asyncio.get_running_loop().create_task, hearing, name="points-listening")
        self._listening = Context().run(begin)

    async def _file_version(self) -> object:
        return await self._writer.submit_alone(listening.file_version)

    def _refuse_if_closed(self) -> None:
        """Raise DatabaseUnavailable after `close`: an engine that is let go of would connect anew."""
        if self._closed:
            raise DatabaseUnavailable("it is closed")


def migrate(url: URL, restore_points: int = copies.KEPT, parts: int | None = None) -> None:
    """Bring the database at `url` to this version's tables. Raises DatabaseUnavailable, BackupFailed.

    `parts`: how many parts to divide the growing tables into; raises InvalidSetting where that cannot be.

    A new SQLite file is made readable by its owner alone: it holds who has which points, and why. One that
    holds tables is copied beside itself first, a server's database dumped; that many of such copies are kept,
    0 makes none.
    """
    if parts is not None:
        partitions.check(url.get_backend_name(), parts)
    file = database_file(url)
    engine = writer_engine(url)
    try:
        if file is not None and not file.exists():
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        with engine.connect() as connection:
            with connection.begin():
                at = migrations.known(connection)
            if at not in {None, migrations.HEAD} and restore_points:
                _keep_before(url, f"migration-{at}-{migrations.HEAD}", restore_points)
            migrations.upgrade(connection)
            if parts is not None:
                partitions.divide(connection, parts)
    except OSError as error:
        raise DatabaseUnavailable(f"{file}: {error.strerror}") from error
    except DBAPIError as error:
        raise DatabaseUnavailable(str(error.orig).strip()) from error
    finally:
        engine.dispose()


def demand(url: URL, opening: Opening = Opening.CURRENT) -> None:
    """Look whether the database at `url` is there and, unless ANY does, at this version; change nothing.

    Raises DatabaseUnavailable.
    """
    file = database_file(url)
    if file is not None and not file.exists():
        raise DatabaseUnavailable(f"{file}: No such file or directory")
    engine = study_engine(url)
    try:
        with engine.connect() as connection:
            at = migrations.current(connection) if opening is Opening.ANY else migrations.known(connection)
    except DBAPIError as error:
        raise DatabaseUnavailable(str(error.orig).strip()) from error
    finally:
        engine.dispose()
    if at is None and (opening is Opening.CURRENT or file is None or not file.stat().st_size):
        raise DatabaseUnavailable("it holds no books; run `points db upgrade` to make the tables")
    if at != migrations.HEAD and opening is Opening.CURRENT:
        raise DatabaseUnavailable(
            f"its tables are at revision {at}, this version needs {migrations.HEAD}; run `points db upgrade`"
        )


def vacuum(url: URL) -> None:
    """Give dead rows on PostgreSQL up to be overwritten, and take the planner's samples of values anew.

    Raises DatabaseUnavailable.
    """
    engine = statement_engine(url)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("VACUUM (ANALYZE)")
    except DBAPIError as error:
        raise DatabaseUnavailable(str(error.orig).strip()) from error
    finally:
        engine.dispose()


def rewrite(engine: Engine) -> bool:
    """Write an SQLite file anew and empty its WAL, so that no byte of a deleted text stays between the rows.

    Returns False if a reader kept the WAL from being emptied. Raises DatabaseUnavailable.
    """
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        if cursor.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat4'").fetchone():
            cursor.execute("DELETE FROM sqlite_stat4")  # samples of indexed values, ids among them
        cursor.execute("PRAGMA temp_store=FILE")  # the copy is as large as the database
        cursor.execute("VACUUM")
        busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        cursor.execute(f"PRAGMA temp_store={SQLITE_PRAGMAS['temp_store']}")
    except sqlite3.Error as error:
        raw.invalidate()  # its settings may be half changed
        raise DatabaseUnavailable(str(error)) from error
    finally:
        raw.close()
    return not busy


def _keep_before(url: URL, what: str, keep: int) -> None:
    """Keep the books as they are before they are migrated."""
    file = database_file(url)
    if file is not None:
        copies.restore_point(file, what, keep)
    elif dumps.available():
        dumps.restore_point(url, Path(copies.FOLDER), what, keep)
    else:
        log.warning("migrating without a restore point: there is no pg_dump on PATH")
