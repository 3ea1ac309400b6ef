"""Awards on SQLite: alone, many at once, as a batch, and as they arrive; against the bare driver and a typical bot."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import URL

from points_core import approvals, bulk
from points_core.bulk import Entry
from points_core.database import Opening, Points
from points_core.settings import Settings
from points_core.values import Actor, Kind, Origin
from tests.bench import pulse
from tests.bench.filling import NOW, file_of, origin, shaped_books
from tests.bench.raw import RawSqlite, Write, copy, noted
from tests.bench.suite import Bench, Figure, Times, part

MODERATOR = Actor.member("moderator")
IN_A_ROW = 20  # awards one after the other in one round
TOGETHER = 1_000
BATCH = 10_000
MOST_BATCH = 100_000
PER_SECOND, SECONDS = 1_000, 30
DISCORD_MS = 3_000  # Discord waits that long for an answer

Awarding = Callable[[], Coroutine[Any, Any, object]]


@asynccontextmanager
async def opened(url: URL) -> AsyncIterator[Points]:
    """Open a database that was filled for the benchmarks."""
    settings = Settings.model_validate({"POINTS_DATABASE_URL": url.render_as_string(hide_password=False)})
    async with Points.opened(settings, Opening.CURRENT) as points:
        yield points


class Town:
    """An open community of so many members, in which a moderator awards points to one after the other."""

    def __init__(self, points: Points, members: int) -> None:
        self.points, self.members = points, members
        self.numbers = itertools.count()

    def origin(self, n: int) -> Origin:
        """Return the origin of the `n`th award, a second after the one before."""
        return origin(f"bench-{n}", NOW + timedelta(seconds=n), MODERATOR)

    async def award(self) -> None:
        """Award points to the next member."""
        n = next(self.numbers)
        await self.points.write(
            approvals.request,
            self.origin(n),
            kind=Kind.AWARD,
            user_id=f"u{n % self.members + 1}",
            amount=10,
            reason="helped with a question",
            category="helping",
        )

    async def one_by_one(self, count: int = IN_A_ROW) -> None:
        """Award so many times, each after the one before is durable."""
        for _ in range(count):
            await self.award()

    async def together(self, count: int) -> None:
        """Award so many times at once."""
        await asyncio.gather(*[self.award() for _ in range(count)])

    async def batch(self, entries: Sequence[Entry]) -> None:
        """Award to many members as one batch."""
        await self.points.write(bulk.post, self.origin(next(self.numbers)), entries)


def entries(count: int) -> list[Entry]:
    """Return an award for each of so many members."""
    return [
        Entry(
            row=n, user_id=f"u{n}", amount=10, reason="came to the event", kind=Kind.AWARD, category="events"
        )
        for n in range(1, count + 1)
    ]


async def rehearsed(
    bench: Bench, url: URL, members: int, rounds: int, act: str, *given: object
) -> list[list[Write]]:
    """Return what `act` writes, round by round, on a copy of the database at `url`."""
    parts = []
    async with opened(copy(bench, url)) as points:
        town = Town(points, members)
        for _ in range(rounds):
            with noted() as written:
                await getattr(town, act)(*given)
            parts.append(written)
    return parts


class TypicalBot:
    """What most points bots do: one held connection, one UPDATE and one commit for an award, no ledger."""

    def __init__(self, connection: aiosqlite.Connection, members: int) -> None:
        self.connection, self.members = connection, members
        self.numbers = itertools.count()

    @classmethod
    @asynccontextmanager
    async def opened(cls, file: Path, members: int, journal: str) -> AsyncIterator["TypicalBot"]:
        """Make its table and hold it open; `synchronous` is SQLite's own default, FULL."""
        async with aiosqlite.connect(file) as connection:
            await connection.execute(f"PRAGMA journal_mode={journal}")
            await connection.execute("CREATE TABLE users (user_id TEXT PRIMARY KEY, points INTEGER NOT NULL)")
            people = ((f"u{n}", 0) for n in range(1, members + 1))
            await connection.executemany("INSERT INTO users VALUES (?, ?)", people)
            await connection.commit()
            yield cls(connection, members)

    async def one_by_one(self, count: int = IN_A_ROW) -> None:
        """Award so many times, one after the other."""
        for _ in range(count):
            who = f"u{next(self.numbers) % self.members + 1}"
            await self.connection.execute("UPDATE users SET points = points + 10 WHERE user_id = ?", (who,))
            await self.connection.commit()


@part("alone")
async def alone(bench: Bench) -> AsyncIterator[Figure]:
    """One durable award after the other."""
    for size in bench.sizes:
        url = shaped_books(bench, size, size)
        parts = await rehearsed(bench, url, size, bench.rounds + 1, "one_by_one")
        singles = [[list(award) for award in per_award(written)] for written in parts]
        raw, left = RawSqlite(file_of(copy(bench, url))), iter(singles)

        def bare(raw: RawSqlite = raw, left: Iterator[list[list[Write]]] = left) -> None:
            for award in next(left):
                raw.write(award)

        folder = bench.new_folder()
        async with (
            opened(url) as points,
            TypicalBot.opened(folder / "delete.db", size, "DELETE") as usual,
            TypicalBot.opened(folder / "wal.db", size, "WAL") as better,
        ):
            times = await bench.turns(
                ours=Town(points, size).one_by_one, usual=usual.one_by_one, better=better.one_by_one, raw=bare
            )
        raw.close()
        work = f"{IN_A_ROW} awards, each alone"
        yield times.figure(work, size, against="usual", baseline="a typical bot's UPDATEs", most=1)
        yield times.figure(work, size, against="better", baseline="the same bot's, with a WAL")
        yield times.figure(work, size, against="raw", baseline="sqlite3 writing the same rows", most=2)


def per_award(written: list[Write]) -> Iterator[list[Write]]:
    """Cut what was written where an award ends: each saves the community's head last."""
    award: list[Write] = []
    for write in written:
        award.append(write)
        if write.statement.startswith("UPDATE ledger_heads"):
            yield award
            award = []


@part("together")
async def together(bench: Bench) -> AsyncIterator[Figure]:
    """A thousand awards that are asked for at once."""
    for size in bench.sizes:
        count = min(TOGETHER, size)
        url = shaped_books(bench, size, size)
        parts = await rehearsed(bench, url, size, bench.rounds + 1, "together", count)
        raw, single = RawSqlite(file_of(copy(bench, url))), copy(bench, url)
        async with opened(url) as points, opened(single) as slow:
            town, other = Town(points, size), Town(slow, size)
            times = await bench.turns(
                ours=lambda town=town, count=count: town.together(count),  # type: ignore[misc]
                raw=raw.each(parts),
                single=lambda other=other, count=count: other.one_by_one(count),  # type: ignore[misc]
            )
        raw.close()
        work = f"{count:,} awards at once"
        yield times.figure(work, size, against="raw", baseline="sqlite3, one commit", most=2)
        yield times.figure(work, size, against="single", baseline="one after the other", most=0.05)


@part("bulk")
async def batches(bench: Bench) -> AsyncIterator[Figure]:
    """Awards to many members as one atomic batch, and how long it holds the event loop."""
    for size in bench.sizes:
        count = min(size, MOST_BATCH)
        url = shaped_books(bench, size, size)
        rounds = bench.rounds if count <= BATCH else min(bench.rounds, 3)
        batch = entries(count)
        parts = await rehearsed(bench, url, size, rounds + 1, "batch", batch)
        raw = RawSqlite(file_of(copy(bench, url)))
        write, held = raw.each(parts), Times({"ours": [], "raw": []})

        async with opened(url) as points:
            town = Town(points, size)

            async def ours(town: Town = town, batch: Any = batch, held: Times = held) -> None:
                async with pulse.felt() as beats:
                    await town.batch(batch)
                held.rounds["ours"].append(beats.longest)

            async def bare(write: Any = write, held: Times = held) -> None:
                async with pulse.felt() as beats:
                    await asyncio.to_thread(write)
                held.rounds["raw"].append(beats.longest)

            times = await bench.turns(rounds=rounds, ours=ours, raw=bare)
        raw.close()
        yield times.figure(
            f"a batch of {count:,}", size, against="raw", baseline="sqlite3 executemany", most=4
        )
        yield held.figure(
            "the event loop held by it, longest",
            size,
            against="raw",
            baseline="by the executemany in a thread",
            most_value=20 if count <= BATCH else None,
        )


@part("arriving")
async def arriving(bench: Bench) -> AsyncIterator[Figure]:
    """A thousand awards arriving each second, however long the ones before take."""
    for size in [size for size in bench.sizes if size <= BATCH][-1:]:
        seconds = SECONDS if size == BATCH else min(SECONDS, max(1, size // 500))
        async with opened(shaped_books(bench, size, size)) as points:
            taken = await open_loop(Town(points, size).award, seconds if bench.rounds > 1 else 1)
        p99 = pulse.quantile(taken, 99)
        yield Figure(
            work=f"{PER_SECOND:,} awards a second for {seconds} s, 99 of 100 done within",
            size=size,
            ours=p99,
            baseline="the 3 s that Discord waits",
            theirs=DISCORD_MS,
            ratio=p99 / DISCORD_MS,
            most=0.1,
        )


async def open_loop(award: Awarding, seconds: float) -> list[float]:
    """Begin awards at a steady pace and return how long each took, from when it was due, in milliseconds."""
    taken: list[float] = []
    began = time.perf_counter()

    async def one(due: float) -> None:
        await award()
        taken.append((time.perf_counter() - due) * 1_000)

    async with asyncio.TaskGroup() as group:
        for n in range(int(seconds * PER_SECOND)):
            due = began + n / PER_SECOND
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            group.create_task(one(due))
    return taken
