"""Awards on PostgreSQL, against asyncpg writing the same rows, and pgledger's function where its SQL is at hand."""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import URL, NullPool, create_engine, make_url

from points_core import bulk
from points_core.database import migrate
from tests.bench.awards import BATCH, IN_A_ROW, TOGETHER, Town, entries, opened, per_award
from tests.bench.filling import BEGIN, origin
from tests.bench.raw import Write, noted
from tests.bench.suite import Bench, Figure, part

POOL = 10
NAMED = re.compile(r"%\((\w+)\)s")

Awarding = Callable[[], Coroutine[Any, Any, None]]


class Server:
    """A server on which databases are made, and dropped in the end."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url).set(drivername="postgresql+psycopg")
        self.made: list[str] = []

    def new(self, template: URL | None = None) -> URL:
        """Return the URL of a new database, empty or a copy of another that nobody has open."""
        name = f"points_bench_{uuid4().hex[:8]}"
        like = f' TEMPLATE "{template.database}"' if template is not None else ""
        self._command(f'CREATE DATABASE "{name}"{like}')
        self.made.append(name)
        return self.url.set(database=name)

    def close(self) -> None:
        """Drop what was made."""
        for name in self.made:
            self._command(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _command(self, statement: str) -> None:
        engine = create_engine(self.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)


class RawPostgres:
    """A held connection of asyncpg, and the statements of the core as asyncpg spells them."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    @classmethod
    async def opened(cls, url: URL) -> "RawPostgres":
        """Connect."""
        return cls(await asyncpg.connect(plain(url)))

    async def write(self, writes: Sequence[Write]) -> None:
        """Write everything in one commit."""
        async with self.connection.transaction():
            for write in writes:
                if write.many:
                    await self.connection.executemany(write.statement, write.parameters)
                else:
                    await self.connection.execute(write.statement, *write.parameters)

    def each(self, parts: Sequence[Sequence[Sequence[Write]]]) -> Awarding:
        """Return what writes the next of `parts`, commit by commit, each time it is called."""
        left = iter([[[spelled(write) for write in commit] for commit in part] for part in parts])

        async def written() -> None:
            for commit in next(left):
                await self.write(commit)

        return written


def spelled(write: Write) -> Write:
    """Return a statement of psycopg's as asyncpg wants it: parameters by number, bytes bare."""
    names, numbers = NAMED.findall(write.statement), itertools.count(1)

    def values(row: dict[str, Any]) -> list[Any]:
        return [getattr(row[name], "obj", row[name]) for name in names]

    parameters = [values(row) for row in write.parameters] if write.many else values(write.parameters)
    return Write(NAMED.sub(lambda _: f"${next(numbers)}", write.statement), parameters, write.many)


def plain(url: URL) -> str:
    """Return a URL without the name of a driver."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


async def founded(server: Server, members: int) -> URL:
    """Return the URL of a new database in which so many members have points."""
    url = server.new()
    await asyncio.to_thread(migrate, url)
    async with opened(url) as points:
        await points.write(bulk.post, origin("begin", BEGIN), entries(members))
    return url


async def rehearsed(
    server: Server, url: URL, members: int, rounds: int, act: str, count: int
) -> list[list[Write]]:
    """Return what `act` writes, round by round, on a copy of the database."""
    parts = []
    async with opened(server.new(template=url)) as points:
        town = Town(points, members)
        for _ in range(rounds):
            with noted() as written:
                await getattr(town, act)(count)
            parts.append(written)
    return parts


@part("postgresql")
async def postgresql(bench: Bench) -> AsyncIterator[Figure]:
    """One award alone, and a thousand at once."""
    if bench.postgresql is None:
        return
    server = Server(bench.postgresql)
    try:
        for size in [size for size in bench.sizes if size <= BATCH]:
            async for figure in awards(bench, server, size):
                yield figure
    finally:
        server.close()


async def awards(bench: Bench, server: Server, size: int) -> AsyncIterator[Figure]:
    """Measure at one size."""
    url = await founded(server, size)
    rounds, count = bench.rounds + 1, min(TOGETHER, size)
    singles = await rehearsed(server, url, size, rounds, "one_by_one", IN_A_ROW)
    many = await rehearsed(server, url, size, rounds, "together", count)
    alone = await RawPostgres.opened(server.new(template=url))
    at_once = await RawPostgres.opened(server.new(template=url))
    other = server.new(template=url)
    pool = None
    works: dict[str, Any] = {
        "raw alone": alone.each([list(per_award(part)) for part in singles]),
        "raw together": at_once.each([[part] for part in many]),
    }
    if bench.pgledger is not None:
        pool = await asyncpg.create_pool(plain(server.new()), min_size=POOL, max_size=POOL)
        ledger = PgLedger(pool)
        await ledger.found(bench.pgledger.read_text(encoding="utf-8"), size)
        works["pgledger alone"] = lambda: ledger.one_by_one(IN_A_ROW)
        works["pgledger together"] = lambda: ledger.together(count)
    async with opened(url) as one, opened(other) as two:
        first, second = Town(one, size), Town(two, size)
        times = await bench.turns(works, alone=first.one_by_one, together=lambda: second.together(count))
    await alone.connection.close()
    await at_once.connection.close()
    single, together = f"{IN_A_ROW} awards, each alone", f"{count:,} awards at once"
    same = "asyncpg writing the same rows"
    yield times.figure(single, size, ours="alone", against="raw alone", baseline=same)
    yield times.figure(
        together, size, ours="together", against="raw together", baseline=f"{same}, one commit", most=1.25
    )
    if pool is not None:
        await pool.close()
        yield times.figure(
            single, size, ours="alone", against="pgledger alone", baseline="pgledger", most=0.67
        )
        yield times.figure(
            together,
            size,
            ours="together",
            against="pgledger together",
            baseline=f"pgledger, {POOL} connections",
            most=0.067,
        )


class PgLedger:
    """pgledger: accounts in one currency, and its function for a transfer."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.accounts: list[str] = []
        self.bank = ""
        self.numbers = itertools.count()

    async def found(self, sql: str, members: int) -> None:
        """Install it and open an account for each member."""
        await self.pool.execute(sql)
        self.bank = await self._account("bank")
        self.accounts = [await self._account(f"u{n}") for n in range(1, members + 1)]

    async def _account(self, name: str) -> str:
        found: str = await self.pool.fetchval("SELECT id FROM pgledger_create_account($1, 'POINTS')", name)
        return found

    async def transfer(self) -> None:
        """Give points to the next member."""
        to = self.accounts[next(self.numbers) % len(self.accounts)]
        await self.pool.fetchval("SELECT id FROM pgledger_create_transfer($1, $2, 10)", self.bank, to)

    async def one_by_one(self, count: int) -> None:
        """Transfer so many times, one after the other."""
        for _ in range(count):
            await self.transfer()

    async def together(self, count: int) -> None:
        """Transfer so many times at once, as far as the pool goes."""
        await asyncio.gather(*[self.transfer() for _ in range(count)])
