"""The core, as this door asks it: with a time limit, an origin for every write, and the clock."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Concatenate, Final, ParamSpec, TypeVar

from fastapi import Depends, Request
from sqlalchemy import Connection, text
from sqlalchemy.util import await_only

from points_core.clients import Client
from points_core.database import Points
from points_core.errors import DatabaseUnavailable
from points_core.http.metrics import Metrics
from points_core.http.problems import Stopped
from points_core.values import Actor, ActorKind, Origin, outside_key

P = ParamSpec("P")
T = TypeVar("T")

DEADLINE_S: Final = 10.0  # for one statement, and for the wait until a write is durable
STEPS: Final = 20_000  # of SQLite's machine between two looks at the clock: about a millisecond
# A limit that is reached just as a statement ends breaks off the next one, and PostgreSQL calls it a request.
GIVEN_UP: Final = ("interrupted", "statement timeout", "canceling statement due to user request")


Read = Callable[[Callable[[Connection], T]], Awaitable[T]]
"""One of the ways to read."""


class Seam:
    """Open books, a clock, and what to do after each write (waking who delivers its effects)."""

    def __init__(
        self,
        points: Points,
        clock: Callable[[], datetime],
        metrics: Metrics,
        *,
        after_write: Callable[[], None] = lambda: None,
        deadline: float = DEADLINE_S,
    ) -> None:
        self.points = points
        self.now = clock
        self.metrics = metrics
        self.deadline = deadline
        self._after_write = after_write

    async def read(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a read whose statements may take `deadline` seconds. Raises Stopped (503), and what it raises."""
        return await self._bounded(self.points.read, lambda tx: operation(tx, *args, **kwargs))

    async def look(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a read that decides nothing, on a replica if there is one. Raises what `read` does."""
        return await self._bounded(self.points.look, lambda tx: operation(tx, *args, **kwargs))

    async def _bounded(self, read: Read[T], operation: Callable[[Connection], T]) -> T:
        try:
            return await read(lambda tx: within(tx, self.deadline, lambda: operation(tx)))
        except DatabaseUnavailable as fault:
            if any(words in fault.why for words in GIVEN_UP):
                raise Stopped("too-slow", {"Retry-After": "60"}) from fault
            raise

    async def write(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a write and wait at most `deadline` seconds for it to be durable.

        Raises Stopped (503) when it takes longer: it may still happen, and the same key finds out.
        """
        try:
            async with asyncio.timeout(self.deadline):
                done = await self.points.write(operation, *args, **kwargs)
        except TimeoutError as late:
            raise Stopped("too-slow", {"Retry-After": "5"}) from late
        self._after_write()
        return done

    def origin(self, client: Client, key: str) -> Origin:
        """Return the origin of what a client asks for with an Idempotency-Key."""
        actor = Actor(ActorKind.CLIENT, name=client.name, client=client.number)
        return Origin(client.community, actor, self.now(), outside_key(f"http:{client.number}", key))


def within(tx: Connection, seconds: float, work: Callable[[], T]) -> T:
    """Run `work` on a reader's connection; its statements end after `seconds`."""
    if tx.dialect.name == "postgresql":
        tx.execute(text(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}"))
        return work()
    driver = tx.connection.driver_connection
    assert driver is not None
    until = time.monotonic() + seconds
    await_only(driver.set_progress_handler(lambda: time.monotonic() > until, STEPS))
    try:
        return work()
    finally:
        await_only(driver.set_progress_handler(None, 0))


def _seam(request: Request) -> Seam:
    seam: Seam = request.app.state.seam
    return seam


def _caller(request: Request) -> Client:
    client: Client = request.state.client
    return client


Asking = Annotated[Seam, Depends(_seam)]
Caller = Annotated[Client, Depends(_caller)]
