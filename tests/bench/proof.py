"""Proving and backing up the books, against raw SQL over the same file."""

import shutil
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import URL, Connection

from points_core import verification
from points_core.backup import make
from points_core.database import study_engine, writer_engine
from tests.bench.filling import NOW, TOWN, file_of, true_books
from tests.bench.suite import Bench, Figure, part
from tests.core.posting import Move, post

MEMBERS = 10_000
LATEST = 1_000
FULL_MS, LATEST_MS = 60_000, 20
LARGE = 1_000_000


def scan(tx: Connection, after: int = 0) -> None:
    """Read the ledger after a number and do nothing with it."""
    query = "SELECT * FROM point_transactions WHERE community_id = 1 AND seq > ? ORDER BY seq"
    for _ in tx.exec_driver_sql(query, (after,)):
        pass


def copied(url: URL, to: Path) -> None:
    """Copy the file by SQLite's own backup."""
    with sqlite3.connect(file_of(url)) as source, sqlite3.connect(to) as target:
        source.backup(target)


@part("proof")
async def proof(bench: Bench) -> AsyncIterator[Figure]:
    """Verify everything, and only what came last; make a backup."""
    for size in bench.sizes:
        members = min(MEMBERS, size)
        url = true_books(bench, members, size)
        rounds = min(bench.rounds, 3)
        writer, reader = writer_engine(url), study_engine(url)
        with reader.connect() as tx:
            times = await bench.turns(
                rounds=rounds, warm=0, ours=partial(verification.examine, tx), raw=partial(scan, tx)
            )
            outcome = verification.examine(tx)
            assert outcome.broken == (), outcome.broken
        yield times.figure(
            "verify",
            size,
            against="raw",
            baseline="reading every row",
            most_value=FULL_MS if size >= LARGE else None,
        )
        latest = min(LATEST, members)
        with writer.begin() as tx:
            verification.settle(tx, NOW, outcome)
            post(tx, TOWN, [Move(f"u{n + 1}", 5, at=NOW + timedelta(seconds=n)) for n in range(latest)])
        with reader.connect() as tx:
            times = await bench.turns(
                ours=partial(verification.examine, tx, incremental=True), raw=partial(scan, tx, size)
            )
        yield times.figure(
            f"verify the last {latest:,}", size, against="raw", baseline="reading them", most_value=LATEST_MS
        )
        folder = bench.new_folder()
        times = await bench.turns(
            rounds=rounds,
            ours=partial(make, url, folder / "backups", NOW),
            raw=partial(copied, url, folder / "copy.db"),
        )
        yield times.figure(
            "backup: copied, checked, verified, sealed", size, against="raw", baseline="a bare copy"
        )
        writer.dispose()
        reader.dispose()
        shutil.rmtree(folder)
