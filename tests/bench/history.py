"""How fast a member's history pages are, first, middle and last, against raw SQL on the same file in the same run.

    python -m tests.bench.history [TRANSACTIONS]

The pages are those of the busiest member. Raw SQL reads the same ten rows off the same index and makes nothing
of them. Each figure is the median of several rounds, taken in turns. Nothing is asserted.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, make_url

from points_core import history
from points_core.database import migrate, study_engine, writer_engine
from tests.bench.proof import TOWN, Filling

MEMBERS, TRANSACTIONS = 1_000, 300_000
ROUNDS = 50
RAW = (
    "SELECT * FROM point_transactions WHERE community_id = 1 AND member_id = ? AND member_seq <= ? "
    "ORDER BY member_seq DESC LIMIT 10"
)


def busiest(tx: Connection) -> tuple[int, list[int]]:
    """Return the member with most transactions, and their numbers in order."""
    member = tx.exec_driver_sql(
        "SELECT member_id FROM point_balances ORDER BY transactions DESC LIMIT 1"
    ).scalar_one()
    found = "SELECT seq FROM point_transactions WHERE community_id = 1 AND member_id = ? ORDER BY member_seq"
    return member, [seq for (seq,) in tx.exec_driver_sql(found, (member,))]


def median_ms(*works: Callable[[], object]) -> list[float]:
    """Return the median time of each of `works`, run in turns, in milliseconds."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for taken, work in zip(times, works, strict=True):
            began = time.perf_counter()
            work()
            taken.append((time.perf_counter() - began) * 1_000)
    return [statistics.median(taken) for taken in times]


def measure(tx: Connection) -> None:
    """Print one line for each page."""
    member, numbers = busiest(tx)
    count = len(numbers)
    print(f"the busiest member has {count:,} transactions")
    print(f"{'page':<8} {'ours, ms':>9} {'raw, ms':>9} {'ratio':>7}")
    for name, upto in (("first", count), ("middle", count // 2), ("last", 10)):
        before = None if upto == count else numbers[upto]

        def ours(before: int | None = before) -> object:
            return history.page(tx, TOWN, user_id=f"u{member}", before=before, limit=10)

        def raw(upto: int = upto) -> object:
            return tx.exec_driver_sql(RAW, (member, upto)).all()

        mine, bare = median_ms(ours, raw)
        print(f"{name:<8} {mine:>9.2f} {bare:>9.2f} {mine / bare:>6.1f}×")


def main() -> None:
    """Fill a file and look at the pages."""
    transactions = int(sys.argv[1]) if len(sys.argv) > 1 else TRANSACTIONS
    with tempfile.TemporaryDirectory() as folder:
        url = make_url(f"sqlite:///{Path(folder) / 'bench.db'}")
        migrate(url)
        writer, reader = writer_engine(url), study_engine(url)
        with writer.begin() as tx:
            Filling(MEMBERS, transactions).write(tx)
        with reader.connect() as tx:
            measure(tx)
        writer.dispose()
        reader.dispose()


if __name__ == "__main__":
    main()
