"""Reads that decide nothing, on a streaming replica of the books, as long as it is there and not behind.

A process never reads less on it than it has written itself; what other processes wrote may be missing for
FRESH_S seconds.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from points_core.engines import reader_engine
from points_core.settings import Settings

FRESH_S = 1.0  # how old what is known of the primary's end may be
AWAY_S = 10.0  # before a replica that could not be used is asked again
PATIENCE_S = 0.5  # for its answer: a person waits meanwhile
STATEMENT_TIMEOUT = "57014"  # it would take as long elsewhere

P = ParamSpec("P")
T = TypeVar("T")

END = text("SELECT pg_current_wal_lsn()::text")
"""How far the primary's log reaches."""

_REACHED = text("SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn() >= CAST(:end AS pg_lsn)")

log = logging.getLogger(__name__)


class Replica:
    """A replica and what is known of it. Ask `ready` before each read."""

    def __init__(self, url: URL, settings: Settings) -> None:
        self.url = url
        self._engine = reader_engine(url).execution_options(points_settings=settings)
        self._end: tuple[float, str] | None = None
        self._not_before = 0.0

    def wrote(self) -> None:
        """Take note that this process wrote: what it reads from now on has to have that."""
        self._end = None

    async def ready(self, end: Callable[[], Awaitable[str]]) -> bool:
        """Return whether the replica can be read; `end()` asks the primary how far its log reaches."""
        if time.monotonic() < self._not_before:
            return False
        try:
            wanted = await self._wanted(end)
            async with asyncio.timeout(PATIENCE_S), self._engine.connect() as connection:
                follows, reached = (await connection.execute(_REACHED, {"end": wanted})).one()
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            self.lost(error)
            return False
        if not follows:
            self.lost("it follows no primary")
        return bool(follows and reached)

    async def read(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `operation` against one snapshot of the replica. Raises SQLAlchemyError, and what it raises."""
        async with self._engine.connect() as connection:
            return await connection.run_sync(operation, *args, **kwargs)

    def lost(self, why: object) -> None:
        """Leave the replica alone for a while."""
        self._not_before = time.monotonic() + AWAY_S
        log.warning("the replica is not used for %.0f s: %s", AWAY_S, why)

    async def close(self) -> None:
        """Let go of it."""
        await self._engine.dispose()

    async def _wanted(self, end: Callable[[], Awaitable[str]]) -> str:
        now = time.monotonic()
        if self._end is None or now - self._end[0] > FRESH_S:
            self._end = (now, await end())
        return self._end[1]


def is_its_fault(error: DBAPIError) -> bool:
    """Tell whether a read that failed on a replica is worth another try on the primary."""
    return getattr(error.orig, "sqlstate", None) != STATEMENT_TIMEOUT
