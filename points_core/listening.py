"""How a process hears what others changed: notifications on PostgreSQL, a look at the file on SQLite."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import uuid4

import psycopg
from sqlalchemy import URL, Engine

from points_core.changes import ANYTHING, CHANNEL, Change, Changes
from points_core.engines import server_arguments
from points_core.errors import DatabaseUnavailable

LOOK_S = 1.0  # between two looks at an SQLite file: one pragma on the writer's connection
AGAIN_S = 1.0  # before a connection that broke is made anew
DEAF_S = 5.0  # how old what is kept may get where no notification comes through
DEAF_ROUNDS = 60  # before notifications are tried again
HEARING_S = 2.0  # for a notification to oneself to arrive
ALIVE_S = 60.0  # between two questions whether the connection still stands

log = logging.getLogger(__name__)


async def hear(url: URL, changes: Changes) -> None:
    """Tell `changes` what is notified on the PostgreSQL at `url`, until cancelled.

    While nothing can be heard (the server is away; a pooler stands between that lends connections by the
    transaction) anything may have changed, every few seconds.
    """
    while True:
        rounds, pause = 1, AGAIN_S
        try:
            await _hear_out(url, changes)
        except DeafError:
            log.warning("no notifications come through: what is kept is read anew every %.0f s", DEAF_S)
            rounds, pause = DEAF_ROUNDS, DEAF_S
        except (psycopg.Error, OSError) as error:
            log.warning("notifications are not heard: %s", error)
        for _ in range(rounds):
            changes.tell([ANYTHING])
            await asyncio.sleep(pause)


class DeafError(Exception):
    """A notification to oneself did not arrive."""


async def _hear_out(url: URL, changes: Changes) -> None:
    """Hear until the connection breaks. Raises DeafError, psycopg.Error, OSError."""
    async with await _connect(url) as connection:
        await connection.execute(f"LISTEN {CHANNEL}")
        await _prove(url, connection)
        changes.tell([ANYTHING])  # it may have changed before
        while True:
            async for notification in connection.notifies(timeout=ALIVE_S):
                changes.tell([Change.parsed(notification.payload)])
            await connection.execute("SELECT 1")


async def hears(url: URL) -> bool:
    """Return whether a notification of another connection arrives. Raises psycopg.Error, OSError."""
    async with await _connect(url) as connection:
        try:
            await _prove(url, connection)
        except DeafError:
            return False
    return True


async def _prove(url: URL, connection: psycopg.AsyncConnection) -> None:
    """Send oneself a notification over another connection, as another process would. Raises DeafError."""
    channel = f"points_{uuid4().hex}"
    await connection.execute(f"LISTEN {channel}")
    async with await _connect(url) as other:
        await other.execute("SELECT pg_notify(%s, '')", (channel,))
    async for notification in connection.notifies(timeout=HEARING_S):
        if notification.channel == channel:
            break
    else:
        raise DeafError
    await connection.execute(f"UNLISTEN {channel}")


async def _connect(url: URL) -> psycopg.AsyncConnection:
    arguments = server_arguments(url)
    return await psycopg.AsyncConnection.connect(autocommit=True, **arguments)


async def look(version: Callable[[], Awaitable[object]], changes: Changes) -> None:
    """Tell `changes` that anything may have changed whenever `version()` is another, until cancelled."""
    seen: object = None
    while True:
        with suppress(DatabaseUnavailable):  # whoever needs the books says so
            now = await version()
            if now != seen and seen is not None:
                changes.tell([ANYTHING])
            seen = now
        await asyncio.sleep(LOOK_S)


def file_version(engine: Engine) -> tuple[int, int]:
    """Return what is another once others wrote to the SQLite file; the writer's own commits do not count."""
    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert raw is not None
        version = raw.cursor().execute("PRAGMA data_version").fetchone()[0]
    return id(raw), int(version)
