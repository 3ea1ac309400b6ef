"""The transactions themselves: each one's hash and commitment, and how it follows from those before it.

Hashes are recomputed row by row as they stream by; what only needs two rows side by side is asked of the
database in one statement. Values come as the driver gives them: converting a million rows' times to
datetimes and back would take longer than hashing them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, text

from points_core.ledger import chain
from points_core.models import PointTransaction
from points_core.verification.broken import Problem

ROWS = 5_000  # transactions read at a time: memory stays flat however long the books are
NAMED = 5  # broken rows named one by one; the rest are counted

DENSE = "numbers are dense"
CHAIN = "the chain recomputes"
TEXTS = "texts are what was asked"

_COLUMNS = (*chain.CHAINED, "prev_hash", "hash", "key", "reason", "evidence", "salt")
_NEXT = text(
    f"SELECT {', '.join(_COLUMNS)} FROM point_transactions"  # noqa: S608 - columns of our own
    " WHERE community_id = :community AND seq > :last ORDER BY seq LIMIT :rows"
)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - what an SQLite file holds is UTC without saying so
_MICROSECOND = timedelta(microseconds=1)
_UNREADABLE = (AttributeError, TypeError, ValueError, OverflowError)


@dataclass(slots=True)
class Replay:
    """Where the replay of a community's transactions stands; `after` is where it began."""

    community_id: int
    seq: int
    hash: bytes
    after: int = 0
    recorded_at: int | None = None

    def __post_init__(self) -> None:
        self.after = self.seq

    def check(self, row: dict[str, Any]) -> Iterator[Problem]:
        """Yield what is wrong with the next transaction, and go on from it."""
        name = f"#{row['seq']}"
        if row["seq"] != self.seq + 1:
            yield DENSE, f"{name} follows #{self.seq}"
        if row["prev_hash"] != self.hash or chain.link(row["prev_hash"], row) != row["hash"]:
            yield CHAIN, f"{name} does not fit the hash before it"
        if self.recorded_at is not None and row["recorded_at"] < self.recorded_at:
            yield "recorded times never go back", f"{name} was recorded before #{self.seq}"
        if row["salt"] is not None and not _is_what_was_asked(row):
            yield TEXTS, f"the reason, evidence or key of {name} was changed"
        if row["salt"] is None and (row["reason"] is not None or row["evidence"] is not None):
            yield TEXTS, f"{name} has texts and no salt"
        self.seq, self.hash, self.recorded_at = row["seq"], bytes(row["hash"]), row["recorded_at"]


def instant(value: Any) -> int:  # noqa: ANN401 - a time as the driver gives it
    """Return a stored time in microseconds since 1970 UTC."""
    moment: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return int((moment - _EPOCH) // _MICROSECOND)


def problems(tx: Connection, replay: Replay) -> Iterator[Problem]:
    """Yield what is wrong with the transactions after those that `replay` begins with."""
    yield from _mark(tx, replay)
    yield from _few(_streamed(tx, replay))
    asked = {"community": replay.community_id, "after": replay.after}
    for invariant, statement, words in _PAIRS:
        rows = tx.execute(statement, {**asked, "named": NAMED}).all()
        yield from ((invariant, words.format(**row._mapping)) for row in rows)


def _few(found: Iterator[Problem]) -> Iterator[Problem]:
    """Name the first of each kind; a changed row near the beginning spoils every one after it."""
    counts: dict[str, int] = {}
    for invariant, detail in found:
        counts[invariant] = counts.get(invariant, 0) + 1
        if counts[invariant] <= NAMED:
            yield invariant, detail
    for invariant, count in counts.items():
        if count > NAMED:
            yield invariant, f"and {count - NAMED:,} more"


def _mark(tx: Connection, replay: Replay) -> Iterator[Problem]:
    """Look whether the transaction at which an earlier verification ended is still what it was."""
    if not replay.seq:
        return
    there = select(PointTransaction.hash, PointTransaction.recorded_at).where(
        PointTransaction.community_id == replay.community_id, PointTransaction.seq == replay.seq
    )
    row = tx.execute(there).one_or_none()
    if row is None or row.hash != replay.hash:
        yield CHAIN, f"#{replay.seq} is not what was verified before"
    else:
        replay.recorded_at = instant(row.recorded_at)


def _streamed(tx: Connection, replay: Replay) -> Iterator[Problem]:
    while True:
        asked = {"community": replay.community_id, "last": replay.seq, "rows": ROWS}
        rows = tx.execute(_NEXT, asked).all()
        for row in rows:
            yield from _one(replay, row)
        if len(rows) < ROWS:
            return


def _one(replay: Replay, values: Row[Any]) -> Iterator[Problem]:
    row = dict(zip(_COLUMNS, values, strict=True))
    try:
        row["effective_at"] = instant(row["effective_at"])
        row["recorded_at"] = instant(row["recorded_at"])
        yield from replay.check(row)
    except _UNREADABLE as error:
        yield CHAIN, f"#{row['seq']} cannot be read: {type(error).__name__}"
        replay.seq = row["seq"]


def _is_what_was_asked(row: dict[str, Any]) -> bool:
    given = (None,) if row["reverses"] is not None else (None, row["effective_at"])
    return any(
        chain.commitment(
            row["salt"],
            key=row["key"],
            kind=row["kind"],
            member_id=row["member_id"],
            amount=row["amount"],
            category_id=row["category_id"],
            reason=row["reason"],
            evidence=row["evidence"],
            reverses=row["reverses"],
            effective_at=moment,
        )
        == row["request_hash"]
        for moment in given
    )


_NEW = "t.community_id = :community AND t.seq > :after"
_ORIGINAL = (
    "FROM point_transactions t LEFT JOIN point_transactions o"
    f" ON o.community_id = t.community_id AND o.seq = t.reverses WHERE {_NEW} AND t.reverses IS NOT NULL"
)
_BEFORE = (
    "FROM point_transactions t LEFT JOIN point_transactions p ON p.community_id = t.community_id"
    f" AND p.member_id = t.member_id AND p.member_seq = t.member_seq - 1 WHERE {_NEW}"
)
_FIRST = " ORDER BY t.seq LIMIT :named"

_PAIRS = tuple(
    (invariant, text(statement), words)
    for invariant, statement, words in (
        (
            "balance_after is the running sum",
            f"SELECT t.seq, t.balance_after, COALESCE(p.balance_after, 0) + t.amount AS summed {_BEFORE}"
            f" AND t.balance_after <> COALESCE(p.balance_after, 0) + t.amount {_FIRST}",
            "#{seq} says {balance_after}, not {summed}",
        ),
        (
            DENSE,
            f"SELECT t.seq, t.member_seq {_BEFORE}"
            f" AND ((p.seq IS NULL AND t.member_seq <> 1) OR p.seq >= t.seq) {_FIRST}",
            "#{seq} is not the member's {member_seq}.",
        ),
        (
            "a floor is respected",
            f"SELECT t.seq, t.balance_after, t.floor FROM point_transactions t WHERE {_NEW}"  # noqa: S608
            f" AND t.amount < 0 AND t.balance_after < t.floor {_FIRST}",
            "#{seq} fell to {balance_after}, below {floor}",
        ),
        (
            "a reversal mirrors its original",
            f"SELECT t.seq, t.reverses {_ORIGINAL} AND (o.seq IS NULL OR o.seq >= t.seq"
            " OR o.member_id <> t.member_id OR o.amount <> -t.amount OR o.effective_at <> t.effective_at"
            f" OR COALESCE(o.category_id, 0) <> COALESCE(t.category_id, 0)) {_FIRST}",
            "#{seq} differs from #{reverses}",
        ),
        (
            "a reversal is never reversed",
            f"SELECT t.seq, t.reverses {_ORIGINAL} AND o.kind = 'reversal' {_FIRST}",
            "#{seq} takes back reversal #{reverses}",
        ),
        (
            "a transaction is reversed once",
            "SELECT t.reverses, COUNT(*) AS times FROM point_transactions t"
            " WHERE t.community_id = :community AND t.reverses IN (SELECT n.reverses FROM point_transactions n"
            " WHERE n.community_id = :community AND n.seq > :after AND n.reverses IS NOT NULL)"
            " GROUP BY t.reverses HAVING COUNT(*) > 1 ORDER BY t.reverses LIMIT :named",
            "#{reverses} is taken back {times} times",
        ),
        (
            "points belong to a member",
            f"SELECT t.seq, t.member_id FROM point_transactions t WHERE {_NEW} AND NOT EXISTS"  # noqa: S608
            f" (SELECT 1 FROM members m WHERE m.community_id = t.community_id AND m.id = t.member_id) {_FIRST}",
            "#{seq} moves points of member {member_id}, who is not there",
        ),
    )
)
