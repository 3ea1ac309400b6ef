"""How fast the books are proven and backed up, against raw SQL over the same file in the same run.

    python -m tests.bench.proof [MEMBERS] [TRANSACTIONS]

The file holds true books: every hash, commitment, score and bucket is real, and verify finds nothing. The raw
scan reads every column of every transaction and does nothing with them. Processor seconds stand beside the
clock's, which on a shared machine says more about the others. Nothing is asserted.
"""

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, make_url

from points_core import policy, verification
from points_core.backup import make
from points_core.database import migrate, study_engine, writer_engine
from points_core.ledger import chain
from points_core.scores import Movement, Scores
from points_core.values import Actor, ActorKind, Origin
from tests.bench.as_of import stored
from tests.core.posting import Move, post

MEMBERS, TRANSACTIONS = 10_000, 1_000_000
BEGIN = datetime(2025, 11, 20, tzinfo=UTC)
TOWN = "town"

COLUMNS = (*chain.CHAINED, "key", "reason", "evidence", "salt", "prev_hash", "hash")
ROW = f"INSERT INTO point_transactions ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"


class Filling:
    """The books of one community, written past the core and true all the same."""

    def __init__(self, members: int, transactions: int) -> None:
        self.members, self.transactions = members, transactions
        self.draw = random.Random(7)
        self.balances: dict[int, tuple[int, int, int, str]] = dict.fromkeys(
            range(1, members + 1), (0, 0, 0, "")
        )
        self.scores = Scores(ZoneInfo("UTC"), {})
        self.hash = bytes(32)
        self.last = ""

    def write(self, tx: Connection) -> None:
        """Write everything in one transaction."""
        policy.locked(tx, Origin(TOWN, Actor(ActorKind.OPERATOR), BEGIN, "begin"))
        driver = tx.connection.driver_connection
        assert driver is not None
        people = [(n, f"u{n}", stored(BEGIN)) for n in self.balances]
        driver.executemany(
            "INSERT INTO members (community_id, id, user_id, created_at) VALUES (1, ?, ?, ?)", people
        )
        driver.executemany(ROW, self.rows())
        driver.executemany(
            "INSERT INTO point_balances VALUES (1, ?, ?, ?, 0, ?, ?, ?)",
            [(n, b[0], b[0], b[1], b[2], b[3]) for n, b in self.balances.items() if b[1]],
        )
        driver.executemany(
            "INSERT INTO point_scores VALUES (1, ?, ?, ?, ?, ?, ?)",
            sorted((*key, *value) for key, value in self.scores.scores.items()),
        )
        driver.executemany(
            "INSERT INTO score_buckets VALUES (1, ?, ?, ?, ?)",
            [(*key, members) for key, members in self.scores.buckets.items() if members],
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
            yield self.row(seq, member, self.draw.randint(1, 50), self.draw.randint(1, 4), at)

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


def timed(what: str, work: Callable[[], object], raw: float | None = None) -> float:
    """Run `work` once, print how long it took, and return the processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    ratio = f", {cpu / raw:.1f} × raw" if raw else ""
    print(f"{what:<45} {cpu:7.1f} s of processor, {wall:7.1f} s on the clock{ratio}")
    return cpu


def scan(tx: Connection) -> None:
    """Read the ledger and do nothing with it."""
    for _ in tx.exec_driver_sql("SELECT * FROM point_transactions ORDER BY community_id, seq"):
        pass


def main() -> None:
    """Fill a file and print one line for each question."""
    given = [int(number) for number in sys.argv[1:3]]
    members, transactions = (*given, *(MEMBERS, TRANSACTIONS)[len(given) :])
    with tempfile.TemporaryDirectory() as folder:
        url = make_url(f"sqlite:///{Path(folder) / 'bench.db'}")
        migrate(url)
        writer, reader = writer_engine(url), study_engine(url)
        with writer.begin() as tx:
            Filling(members, transactions).write(tx)
        print(f"{members:,} members, {transactions:,} transactions")
        with reader.connect() as tx:
            raw = timed("raw scan of the ledger", lambda: scan(tx))
            timed("verify, full", lambda: verification.examine(tx), raw)
            outcome = verification.examine(tx)
            assert outcome.broken == ()
        with writer.begin() as tx:
            verification.settle(tx, BEGIN, outcome)
            moves = [Move(f"u{n}", 5, at=BEGIN + timedelta(days=366)) for n in range(members - 100, members)]
            post(tx, TOWN, moves)
        with reader.connect() as tx:
            timed("verify, incremental, 100 new", lambda: verification.examine(tx, incremental=True), raw)
        timed("backup: copy, check, verify, seal", lambda: make(url, Path(folder) / "backups", BEGIN), raw)
        writer.dispose()
        reader.dispose()


if __name__ == "__main__":
    main()
