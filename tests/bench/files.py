"""How fast exports and imports are, against raw SQL and csv on the same file in the same run.

    python -m tests.bench.files [MEMBERS] [TRANSACTIONS]

The ledger is filled by SQL as for tests.bench.as_of. The raw export is one SELECT of the ledger's own columns,
written by the csv module; ours names members, actors and categories, and neutralises texts. Memory is the
most a process ever had (read from Linux's /proc), so each figure comes from a process of its own. Nothing is
asserted.
"""

import asyncio
import csv
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import make_url

from points_core import exports, imports
from points_core.database import Points, migrate, writer_engine
from points_core.exports import Format
from points_core.imports import Options
from points_core.portable import Table
from points_core.settings import Settings
from points_core.values import Actor, ActorKind, Origin
from tests.bench import as_of

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RAW = (
    "SELECT seq, kind, member_id, amount, balance_after, category_id, reason, evidence, actor_kind, actor_id, "
    "effective_at, recorded_at, reverses, request_number, batch FROM point_transactions ORDER BY seq"
)
IMPORTED = 50_000  # rows of balances


def raw(file: Path, to: Path) -> None:
    """Export by one SELECT and csv."""
    with sqlite3.connect(file) as connection, to.open("w", newline="") as out:
        csv.writer(out).writerows(connection.execute(RAW))


def ours(format: Format) -> Callable[[Path, Path], None]:
    """Export as the command line does."""

    def export(file: Path, to: Path) -> None:
        async def run() -> None:
            async with Points.opened(
                Settings.model_validate({"POINTS_DATABASE_URL": f"sqlite:///{file}"})
            ) as points:
                with to.open("wb") as out:
                    await exports.export(points, as_of.TOWN, Table.TRANSACTIONS, out, at=NOW, format=format)

        asyncio.run(run())

    return export


def imported(file: Path, to: Path) -> None:
    """Import a list of balances."""
    rows = "".join(f"{10_000 + n},{n + 1}\n" for n in range(IMPORTED))
    content = ("user_id,points\n" + rows).encode()

    async def run() -> None:
        async with Points.opened(
            Settings.model_validate({"POINTS_DATABASE_URL": f"sqlite:///{file}"})
        ) as points:
            origin = Origin("elsewhere", Actor(ActorKind.OPERATOR), NOW, "bench")
            await points.write(imports.run, origin, imports.opened(content), Options())

    asyncio.run(run())


TASKS: dict[str, Callable[[Path, Path], None]] = {
    "raw SQL to CSV": raw,
    "export to CSV": ours(Format.CSV),
    "export to JSON Lines": ours(Format.JSONL),
    f"import of {IMPORTED:,} balances": imported,
}


def one(name: str, file: Path, to: Path) -> None:
    """Do one task and say how long it took and how much memory the process needed."""
    begun = time.process_time(), time.perf_counter()
    TASKS[name](file, to)
    used, passed = time.process_time() - begun[0], time.perf_counter() - begun[1]
    print(f"{used:.2f} {passed:.2f} {peak():.0f}")


def peak() -> float:
    """Return the most memory this process ever had, in MB; getrusage counts its parent's too."""
    told = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(told.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """Fill a file and say the figures."""
    members = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    transactions = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "points.db"
        url = make_url(f"sqlite:///{file}")
        migrate(url)
        engine = writer_engine(url)
        as_of.fill(engine, members, transactions)
        engine.dispose()
        print(f"{transactions:,} transactions of {members:,} members")
        yardstick = 0.0
        for name in TASKS:
            command = [sys.executable, "-m", "tests.bench.files", "one", name, str(file), f"{folder}/out"]
            ran = subprocess.run(command, check=True, capture_output=True, text=True)
            used, passed, memory = map(float, ran.stdout.split())
            yardstick = yardstick or used
            print(
                f"{name:26} {used:7.1f} s of CPU ({used / yardstick:4.1f} × raw), {passed:7.1f} s, {memory:5.0f} MB"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        one(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
