"""How fast boards as of a date are, against the raw SQL scan of the same file in the same run.

    python -m tests.bench.as_of [MEMBERS] [TRANSACTIONS]

The file is filled by SQL, a year of transactions with scores in UTC; hashes are not real ones, nobody verifies
them here. Each figure is the best of three runs, each ratio raw scan ÷ ours. Nothing is asserted.
"""

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, make_url

from points_core import history, leaderboard, policy
from points_core.database import migrate, writer_engine
from points_core.values import Actor, ActorKind, Origin
from points_core.windows import Window, WindowName

MEMBERS, TRANSACTIONS = 100_000, 1_000_000
BEGIN = datetime(2025, 11, 20, tzinfo=UTC)
NOW = BEGIN + timedelta(days=365)
RUNS = 3
TOWN = "town"

INSERT = """
INSERT INTO point_transactions (community_id, seq, member_id, member_seq, kind, amount, balance_after,
  category_id, reason, actor_kind, key, request_hash, effective_at, recorded_at, prev_hash, hash)
VALUES (1, ?, ?, ?, 'award', ?, ?, ?, 'because', 'operator', ?, zeroblob(32), ?, ?, zeroblob(32), zeroblob(32))
"""
STARTS = {
    0: "'0'",
    1: "strftime('%Y-01-01', effective_at)",
    2: "strftime('%Y-', effective_at) || printf('%02d', 1 + (strftime('%m', effective_at) - 1) / 3 * 3) || '-01'",
    3: "strftime('%Y-%m-01', effective_at)",
    4: "date(effective_at, 'weekday 0', '-6 days')",
    5: "date(effective_at)",
}
SCORES = """
INSERT INTO point_scores (community_id, span, start, category_id, member_id, points, reached_seq)
SELECT 1, {span}, {start}, {category}, member_id, sum(amount), max(seq) FROM point_transactions
GROUP BY 2, 3, 4, 5
"""


def fill(engine: Engine, members: int, transactions: int) -> None:
    """Write the books of one community."""
    with engine.begin() as tx:
        policy.locked(tx, Origin(TOWN, Actor(ActorKind.OPERATOR), BEGIN, "begin"))
        tx.exec_driver_sql(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :members) "
            "INSERT INTO members (community_id, id, user_id, name, created_at) "
            "SELECT 1, i, 'u' || i, 'Member ' || i, '2025-11-20 00:00:00.000000' FROM n",
            {"members": members},
        )
        driver = tx.connection.driver_connection
        assert driver is not None
        driver.executemany(INSERT, drawn(members, transactions))
        for span, start in STARTS.items():
            day = "0" if span == 0 else f"CAST(julianday({start}) - 1721424.5 AS INTEGER)"
            for category in ("0", "category_id"):
                tx.exec_driver_sql(SCORES.format(span=span, start=day, category=category))
        tx.exec_driver_sql(
            "INSERT INTO point_balances SELECT 1, member_id, sum(amount), sum(amount), 0, count(*), max(seq), "
            "'2026-11-20 00:00:00.000000' FROM point_transactions GROUP BY member_id"
        )
        for level in range(8):
            tx.exec_driver_sql(
                f"INSERT INTO score_buckets SELECT 1, category_id, {level}, points >> {8 * level}, count(*) "
                "FROM point_scores WHERE span = 0 GROUP BY 2, 4"
            )
        tx.exec_driver_sql(
            "UPDATE ledger_heads SET seq = :seq, members = :members, recorded_at = '2026-11-20 00:00:00.000000'",
            {"seq": transactions, "members": members},
        )


def drawn(members: int, transactions: int) -> Iterator[tuple[object, ...]]:
    """Yield transactions, one in twenty dated back by twelve days."""
    draw = random.Random(7)
    counts, balances = [0] * (members + 1), [0] * (members + 1)
    for seq in range(1, transactions + 1):
        member, amount = draw.randint(1, members), draw.randint(1, 50)
        counts[member] += 1
        balances[member] += amount
        recorded = BEGIN + (NOW - BEGIN) * seq / transactions
        effective = recorded - timedelta(days=12) if draw.random() < 0.05 else recorded
        yield (
            seq,
            member,
            counts[member],
            amount,
            balances[member],
            draw.randint(1, 4),
            f"key {seq}",
            stored(effective),
            stored(recorded),
        )


def stored(moment: datetime) -> str:
    """Return an instant as the file holds it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def best(work: Callable[[], object]) -> float:
    """Return the shortest of several runs, in milliseconds."""
    times = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times) * 1_000


def against(ours: float, scan: float) -> str:
    """Return our time, the raw scan's, and their ratio."""
    return f"{ours:8.1f} ms, raw {scan:8.1f} ms, ×{scan / ours:.1f}"


def raw(tx: Connection, as_of: datetime, window: Window, column: str) -> list[object]:
    """Return the top ten the plain way: one statement over the ledger."""
    conditions = f"community_id = 1 AND {column} <= ?"
    values = [stored(as_of)]
    if window.start is not None and window.end is not None:
        conditions += " AND effective_at >= ? AND effective_at < ?"
        values += [stored(moment) for moment in (window.start, window.end)]
    scan = (
        f"SELECT member_id, sum(amount) AS points, max(seq) AS reached FROM point_transactions "
        f"WHERE {conditions} GROUP BY member_id HAVING points > 0 ORDER BY points DESC, reached LIMIT 10"
    )
    return list(tx.exec_driver_sql(scan, tuple(values)).all())


def main() -> None:
    """Fill a file and print one line for each question."""
    given = [int(text) for text in sys.argv[1:3]]
    members, transactions = (*given, *(MEMBERS, TRANSACTIONS)[len(given) :])
    with tempfile.TemporaryDirectory() as folder:
        url = make_url(f"sqlite:///{Path(folder) / 'bench.db'}")
        migrate(url)
        engine = writer_engine(url)
        fill(engine, members, transactions)
        print(f"{members:,} members, {transactions:,} transactions")
        with engine.connect() as tx:
            for analyzed in (False, True):
                if analyzed:
                    tx.exec_driver_sql("ANALYZE")
                    print("after ANALYZE")
                report(tx)
        engine.dispose()


def report(tx: Connection) -> None:
    """Print how long each question takes, ours and raw."""
    zone = ZoneInfo("UTC")
    for days in (1, 30, 180):
        as_of = NOW - timedelta(days=days, hours=5)
        for corrected, column in ((False, "recorded_at"), (True, "effective_at")):
            when = f"{days:>3} days ago {'corrected' if corrected else 'as it stood':<11}"
            for name in (WindowName.ALL, WindowName.MONTH, WindowName.LAST_MONTH):
                board = partial(leaderboard.named, tx, TOWN, name, NOW, as_of=as_of, corrected=corrected)
                scan = best(partial(raw, tx, as_of, Window.named(name, as_of, zone), column))
                print(f"board {name:<10} {when} {against(best(board), scan)}")
            balance = partial(history.balance, tx, TOWN, "u7", as_of=as_of, corrected=corrected)
            print(f"balance, rank    {when} {best(balance):8.1f} ms")
    for first, last in ((200, 100), (40, 3)):
        begin, end = ((NOW - timedelta(days=days)).date() for days in (first, last))
        window = Window.between(begin, end + timedelta(days=1), zone)
        board = partial(leaderboard.between, tx, TOWN, begin, end, NOW)
        compared = best(partial(leaderboard.between, tx, TOWN, begin, end, NOW, compare=True))
        scan = best(partial(raw, tx, NOW, window, "effective_at"))
        print(f"days {first} to {last} days ago {against(best(board), scan)}; compared {compared:.1f} ms")
    for name in (WindowName.ALL, WindowName.WEEK, WindowName.MONTH):
        spent = best(partial(leaderboard.named, tx, TOWN, name, NOW, compare=True))
        print(f"board {name:<10} now, compared {spent:8.1f} ms")


if __name__ == "__main__":
    main()
