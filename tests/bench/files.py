"""Exports and imports, against raw SQL and pandas on the same file.

Memory is the most a process ever had, as Linux tells it, so each export runs in a process of its own:
`python -m tests.bench.files NAME FILE OUT` does one and prints what it took.
"""

import asyncio
import csv
import json
import sqlite3
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url

from points_core import exports, imports, process
from points_core.exports import Format
from points_core.imports import Options
from points_core.portable import Table
from points_core.values import Origin
from tests.bench import pulse
from tests.bench.awards import opened
from tests.bench.filling import NOW, OPERATOR, TOWN, file_of, shaped_books
from tests.bench.raw import RawSqlite, Write, copy, noted
from tests.bench.suite import Bench, Figure, part

PER_MEMBER = 10
RAW = (
    "SELECT seq, kind, member_id, amount, balance_after, category_id, reason, evidence, actor_kind, actor_id, "
    "effective_at, recorded_at, reverses, request_number, batch FROM point_transactions ORDER BY seq"
)
MOST_IMPORTED = 100_000
MEMORY_MB = 100
P99_MS = 10


Work = Callable[[], Awaitable[object]]


@asynccontextmanager
async def raw(file: Path, to: Path) -> AsyncIterator[Work]:
    """Export by one SELECT and csv, in a thread."""

    def export() -> None:
        with sqlite3.connect(file) as connection, to.open("w", newline="") as out:
            csv.writer(out).writerows(connection.execute(RAW))

    yield lambda: asyncio.to_thread(export)


@asynccontextmanager
async def pandas(file: Path, to: Path) -> AsyncIterator[Work]:
    """Read the table whole by pandas, in a thread; nothing is written."""
    import pandas

    def read() -> None:
        with sqlite3.connect(file) as connection:
            pandas.read_sql_query("SELECT * FROM point_transactions", connection)

    yield lambda: asyncio.to_thread(read)


@asynccontextmanager
async def idle(file: Path, to: Path) -> AsyncIterator[Work]:
    """Hold the books open and do nothing for a moment."""
    async with opened(make_url(f"sqlite:///{file}")):
        yield lambda: asyncio.sleep(0.3)


@asynccontextmanager
async def ours(file: Path, to: Path, format: Format) -> AsyncIterator[Work]:
    """Export as every door of the core does."""
    async with opened(make_url(f"sqlite:///{file}")) as points:
        with to.open("wb") as out:
            yield lambda: exports.export(points, TOWN, Table.TRANSACTIONS, out, at=NOW, format=format)


TASKS: dict[str, Callable[[Path, Path], AbstractAsyncContextManager[Work]]] = {
    "idle": idle,
    "raw": raw,
    "pandas": pandas,
    "csv": partial(ours, format=Format.CSV),
    "jsonl": partial(ours, format=Format.JSONL),
}


async def one(name: str, file: Path, to: Path) -> dict[str, float]:
    """Do one task; return its milliseconds, the loop's p99 and longest hold meanwhile, and the most memory in MB.

    What it needs is loaded and opened before, and the process set up as the bot's is.
    """
    process.give_way()
    async with TASKS[name](file, to) as work:
        process.keep_what_is_loaded()
        async with pulse.felt() as beats:
            began = time.perf_counter()
            await work()
            taken = (time.perf_counter() - began) * 1_000
    return {"ms": taken, "p99": beats.p99, "longest": beats.longest, "MB": peak()}


def peak() -> float:
    """Return the most memory this process ever had, in MB; getrusage counts its parent's too."""
    told = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(told.partition("VmHWM:")[2].split()[0]) / 1024


async def apart(name: str, url: URL, to: Path) -> dict[str, float]:
    """Do one task in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.files", name, str(file_of(url)), str(to)]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    assert child.returncode == 0, name
    told: dict[str, float] = json.loads(said)
    return told


@part("export")
async def export(bench: Bench) -> AsyncIterator[Figure]:
    """All transactions to a file, and what that costs everybody else."""
    for size in bench.sizes:
        url = shaped_books(bench, max(1, size // PER_MEMBER), size)
        to = bench.new_folder() / "out"
        told: dict[str, list[dict[str, float]]] = {name: [] for name in TASKS}
        for _ in range(min(bench.rounds, 3)):
            for name in bench.draw.sample(list(TASKS), len(TASKS)):
                told[name].append(await apart(name, url, to))

        def median(name: str, what: str, told: Any = told) -> float:
            return float(statistics.median(each[what] for each in told[name]))

        def figure(
            work: str, name: str, against: str, baseline: str, what: str = "ms", size: int = size, **goal: Any
        ) -> Figure:
            mine, theirs = median(name, what), median(against, what)
            unit = "MB" if what == "MB" else "ms"
            return Figure(work, size, mine, baseline, theirs, mine / theirs, unit, **goal)

        large = size >= 1_000_000
        yield figure("export to CSV", "csv", "pandas", "pandas reads the table", most=1 if large else None)
        yield figure("export to CSV", "csv", "raw", "one SELECT and csv, no names")
        yield figure("export to JSON Lines", "jsonl", "raw", "one SELECT and csv, no names")
        yield figure("memory of it, at most", "csv", "idle", "an idle core", "MB", most_value=MEMORY_MB)
        yield figure("memory of it, at most", "csv", "pandas", "pandas", "MB")
        late = "99 of 100 turns of the event loop meanwhile, late by"
        yield figure(late, "csv", "idle", "an idle loop", "p99", most_value=P99_MS)
        yield figure("one turn, late by at most", "csv", "raw", "one SELECT and csv in a thread", "longest")


@part("import")
async def imported(bench: Bench) -> AsyncIterator[Figure]:
    """A list of balances brought in, against executemany of the rows that this writes."""
    for size in [size for size in bench.sizes if size <= MOST_IMPORTED]:
        rounds = min(bench.rounds, 3)
        rows = "".join(f"{10_000 + n},{n + 1}\n" for n in range(size))
        content = ("user_id,points\n" + rows).encode()

        async def bring(points: Any, n: int, content: bytes = content) -> None:
            origin = Origin(f"elsewhere-{n}", OPERATOR, NOW, "bench")
            await points.write(imports.run, origin, imports.opened(content), Options())

        url = shaped_books(bench, 1, 1)
        parts: list[list[Write]] = []
        async with opened(copy(bench, url)) as rehearsal:
            for n in range(rounds + 1):
                with noted() as written:
                    await bring(rehearsal, n)
                parts.append(written)
        bare = RawSqlite(file_of(copy(bench, url)))
        numbers = iter(range(rounds + 1))
        async with opened(url) as points:
            times = await bench.turns(
                rounds=rounds,
                ours=lambda points=points, numbers=numbers: bring(points, next(numbers)),  # type: ignore[misc]
                raw=bare.each(parts),
            )
        bare.close()
        yield times.figure(
            f"import of {size:,} balances", size, against="raw", baseline="sqlite3 executemany", most=4
        )


if __name__ == "__main__":
    print(json.dumps(asyncio.run(one(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))))
