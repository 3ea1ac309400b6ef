"""Books to measure with, written past the core: true ones, which verify, and shaped ones, which are quick to make.

True books have real hashes, commitments, scores and buckets, and a few members have most transactions. Shaped
ones are filled by SQL, with the members drawn evenly and one transaction in twenty dated back; their hashes are
zeros, and nobody may verify them.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import URL, Connection, make_url

from points_core import policy
from points_core.database import migrate, writer_engine
from points_core.ledger import chain
from points_core.scores import BucketKey, Movement, Scores, bucket_changes, levels
from points_core.values import Actor, ActorKind, Origin
from tests.bench.suite import Bench

BEGIN = datetime(2025, 11, 20, tzinfo=UTC)
NOW = BEGIN + timedelta(days=365)
TOWN = "town"
OPERATOR = Actor(ActorKind.OPERATOR)
SEED = 7
MOST_POINTS = 50  # of one true transaction; shaped ones are mostly small and sometimes very large

COLUMNS = (*chain.CHAINED, "key", "reason", "evidence", "salt", "prev_hash", "hash")
TRANSACTION = (
    f"INSERT INTO point_transactions ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
)
SHAPED = """
INSERT INTO point_transactions (community_id, seq, member_id, member_seq, kind, amount, balance_after,
  category_id, reason, actor_kind, key, request_hash, effective_at, recorded_at, prev_hash, hash)
VALUES (1, ?, ?, ?, 'award', ?, ?, ?, 'because', 'operator', ?, zeroblob(32), ?, ?, zeroblob(32), zeroblob(32))
"""
MEMBER = "INSERT INTO members (community_id, id, user_id, name, created_at) VALUES (1, ?, ?, ?, ?)"
BALANCE = (
    "INSERT INTO point_balances "
    "(community_id, member_id, current, earned, spent, transactions, last_seq, updated_at) "
)
SCORE = "INSERT INTO point_scores (community_id, member_id, span, start, category_id, points, reached_seq) "
BUCKET = "INSERT INTO score_buckets (community_id, span, start, category_id, level, bucket, members) "
STARTS = {
    0: "'0'",
    1: "strftime('%Y-01-01', effective_at)",
    2: "strftime('%Y-', effective_at) || printf('%02d', 1 + (strftime('%m', effective_at) - 1) / 3 * 3) || '-01'",
    3: "strftime('%Y-%m-01', effective_at)",
    4: "date(effective_at, 'weekday 0', '-6 days')",
    5: "date(effective_at)",
}


def stored(moment: datetime) -> str:
    """Return an instant as an SQLite file holds it."""
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def origin(key: str, at: datetime = NOW, actor: Actor = OPERATOR) -> Origin:
    """Return who asks, in the community that is measured."""
    return Origin(TOWN, actor, at, key)


def file_of(url: URL) -> Path:
    """Return the file of an SQLite database."""
    assert url.database is not None
    return Path(url.database)


def shaped_books(bench: Bench, members: int, transactions: int) -> URL:
    """Return the URL of a new file with shaped books."""
    return _made(bench, lambda tx: _shape(tx, members, transactions))


def true_books(bench: Bench, members: int, transactions: int) -> URL:
    """Return the URL of a new file with true books."""
    return _made(bench, Filling(members, transactions).write)


def _made(bench: Bench, write: Callable[[Connection], None]) -> URL:
    url = make_url(f"sqlite:///{bench.new_folder() / 'points.db'}")
    migrate(url)
    engine = writer_engine(url)
    with engine.begin() as tx:
        policy.locked(tx, origin("begin", BEGIN))
        write(tx)
    with engine.connect() as tx:
        tx.exec_driver_sql("COMMIT")  # a checkpoint is made between transactions
        tx.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return url


def _driver(tx: Connection) -> Any:
    driver = tx.connection.driver_connection
    assert driver is not None
    return driver


def _shape(tx: Connection, members: int, transactions: int) -> None:
    driver = _driver(tx)
    driver.executemany(MEMBER, ((n, f"u{n}", f"Member {n}", stored(BEGIN)) for n in range(1, members + 1)))
    driver.executemany(SHAPED, _drawn(members, transactions))
    for span, start in STARTS.items():
        day = "0" if span == 0 else f"CAST(julianday({start}) - 1721424.5 AS INTEGER)"
        for category in ("0", "category_id"):
            driver.execute(
                f"{SCORE} SELECT 1, member_id, {span}, {day}, {category}, sum(amount), max(seq) "
                "FROM point_transactions GROUP BY 2, 3, 4, 5"
            )
    driver.execute(
        f"{BALANCE} SELECT 1, member_id, sum(amount), sum(amount), 0, count(*), max(seq), ? "
        "FROM point_transactions GROUP BY member_id",
        (stored(NOW),),
    )
    for span in STARTS:
        for level in levels(span):
            driver.execute(
                f"{BUCKET} SELECT 1, span, start, category_id, {level}, points >> {8 * level}, count(*) "
                f"FROM point_scores WHERE span = {span} GROUP BY 3, 4, 6"
            )
    driver.execute(
        "UPDATE ledger_heads SET seq = ?, members = ?, recorded_at = ?", (transactions, members, stored(NOW))
    )


def _drawn(members: int, transactions: int) -> Iterator[tuple[object, ...]]:
    """Yield transactions; everybody has one before anybody has a second."""
    draw = random.Random(SEED)
    counts, balances = [0] * (members + 1), [0] * (members + 1)
    for seq in range(1, transactions + 1):
        member = seq if seq <= members else draw.randint(1, members)
        amount = min(int(3 * draw.paretovariate(0.8)), 100_000)
        counts[member] += 1
        balances[member] += amount
        recorded = BEGIN + (NOW - BEGIN) * seq / transactions
        effective = recorded - timedelta(days=12) if draw.random() < 0.05 else recorded
        category, key = draw.randint(1, 4), f"key {seq}"
        yield (
            *(seq, member, counts[member], amount, balances[member], category, key),
            *(stored(effective), stored(recorded)),
        )


class Filling:
    """The true books of one community."""

    def __init__(self, members: int, transactions: int) -> None:
        self.members, self.transactions = members, transactions
        self.draw = random.Random(SEED)
        self.balances: dict[int, tuple[int, int, int, str]] = dict.fromkeys(
            range(1, members + 1), (0, 0, 0, "")
        )
        self.scores = Scores(ZoneInfo("UTC"))
        self.hash = bytes(32)
        self.last = ""

    def write(self, tx: Connection) -> None:
        """Write everything in one transaction."""
        driver = _driver(tx)
        driver.executemany(MEMBER, ((n, f"u{n}", None, stored(BEGIN)) for n in self.balances))
        driver.executemany(TRANSACTION, self.rows())
        driver.executemany(
            f"{BALANCE} VALUES (1, ?, ?, ?, 0, ?, ?, ?)",
            [(n, b[0], b[0], b[1], b[2], b[3]) for n, b in self.balances.items() if b[1]],
        )
        driver.executemany(
            f"{SCORE} VALUES (1, ?, ?, ?, ?, ?, ?)",
            sorted((*key, *value) for key, value in self.scores.scores.items()),
        )
        counts: Counter[BucketKey] = Counter()
        for (_, span, start, category), (points, _) in self.scores.scores.items():
            for key, _ in bucket_changes(span, start, category, 0, points):
                counts[key] += 1
        driver.executemany(
            f"{BUCKET} VALUES (1, ?, ?, ?, ?, ?, ?)", [(*key, members) for key, members in counts.items()]
        )
        driver.execute(
            "UPDATE ledger_heads SET seq = ?, hash = ?, recorded_at = ?, members = ?",
            (self.transactions, self.hash, self.last, self.members),
        )

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield transactions over a year; a few members have most of them."""
        for seq in range(1, self.transactions + 1):
            member = int(self.draw.paretovariate(0.5)) % self.members + 1
            at = BEGIN + timedelta(days=365) * seq / self.transactions
            yield self.row(seq, member, self.draw.randint(1, MOST_POINTS), self.draw.randint(1, 4), at)

    def row(self, seq: int, member: int, amount: int, category: int, at: datetime) -> tuple[object, ...]:
        """Return one sealed transaction, counted in."""
        balance = self.balances[member]
        salt, key, reason = os.urandom(chain.SALT_BYTES), f"key {seq}", "helped with a question"
        row: dict[str, Any] = dict.fromkeys(COLUMNS) | {
            "community_id": 1,
            "seq": seq,
            "member_id": member,
            "member_seq": balance[1] + 1,
            "kind": "award",
            "amount": amount,
            "balance_after": balance[0] + amount,
            "floor": 0,
            "category_id": category,
            "actor_kind": "operator",
            "effective_at": at,
            "recorded_at": at,
            "key": key,
            "reason": reason,
            "salt": salt,
            "prev_hash": self.hash,
        }
        row["request_hash"] = chain.commitment(
            salt,
            key=key,
            kind="award",
            member_id=member,
            amount=amount,
            category_id=category,
            reason=reason,
            evidence=None,
        )
        row["hash"] = self.hash = chain.link(self.hash, row)
        self.last = row["effective_at"] = row["recorded_at"] = stored(at)
        self.balances[member] = (balance[0] + amount, balance[1] + 1, seq, self.last)
        self.scores.add(Movement(seq, member, category, amount, at))
        return tuple(row[name] for name in COLUMNS)
