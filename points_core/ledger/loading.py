"""What a batch reads before it decides: the accounts it touches, the transactions behind its keys and numbers."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, select

from points_core.ledger.receipts import RECEIPTS, receipt_of
from points_core.models import PointBalance, PointTransaction
from points_core.prepared import Prepared
from points_core.values import Receipt


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a batch may touch: people by outside id, idempotency keys, transactions to take back."""

    user_ids: frozenset[str]
    keys: frozenset[str]
    numbers: frozenset[int] = frozenset()


@dataclass(slots=True)
class Account:
    """A member's balance as it changes through a batch."""

    member_id: int
    current: int = 0
    earned: int = 0
    spent: int = 0
    transactions: int = 0
    last_seq: int = 0
    level: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction known to the batch, with what a comparison or a reversal needs beyond its receipt."""

    receipt: Receipt
    member_id: int
    category_id: int | None
    salt: bytes | None
    request_hash: bytes
    reversed_by: int | None = None


_COMMUNITY = PointTransaction.community_id == bindparam("community")
_ENTRIES = RECEIPTS.add_columns(
    PointTransaction.key,
    PointTransaction.member_id,
    PointTransaction.category_id,
    PointTransaction.salt,
    PointTransaction.request_hash,
).where(_COMMUNITY)
_BY_KEY = Prepared(_ENTRIES.where(PointTransaction.key.in_(bindparam("wanted", expanding=True))))
_BY_NUMBER = Prepared(_ENTRIES.where(PointTransaction.seq.in_(bindparam("wanted", expanding=True))))
_REVERSALS = Prepared(
    select(PointTransaction.reverses, PointTransaction.seq).where(
        _COMMUNITY, PointTransaction.reverses.in_(bindparam("wanted", expanding=True))
    )
)
_ACCOUNTS = Prepared(
    select(
        PointBalance.member_id,
        PointBalance.current,
        PointBalance.earned,
        PointBalance.spent,
        PointBalance.transactions,
        PointBalance.last_seq,
        PointBalance.level,
    ).where(
        PointBalance.community_id == bindparam("community"),
        PointBalance.member_id.in_(bindparam("wanted", expanding=True)),
    )
)


def entries(tx: Connection, community_id: int, wanted: Wanted) -> list[tuple[str, Entry]]:
    """Return the stored transactions with the wanted keys or numbers, each with its key."""
    found = {
        row.seq: (row.key, _entry(row))
        for statement, values in ((_BY_KEY, wanted.keys), (_BY_NUMBER, wanted.numbers))
        for row in _wanted(tx, statement, community_id, values)
    }
    for number, by in _wanted(tx, _REVERSALS, community_id, wanted.numbers & found.keys()):
        key, entry = found[number]
        found[number] = (key, replace(entry, reversed_by=by))
    return list(found.values())


def accounts(tx: Connection, community_id: int, member_ids: Iterable[int]) -> dict[int, Account]:
    """Return the accounts of those of `member_ids` that ever had points."""
    return {row.member_id: Account(*row) for row in _wanted(tx, _ACCOUNTS, community_id, set(member_ids))}


def _wanted(tx: Connection, statement: Prepared, community_id: int, values: Collection[Any]) -> Iterable[Any]:
    if not values:
        return ()
    return statement.rows(tx, {"community": community_id, "wanted": sorted(values)})


def _entry(row: Any) -> Entry:  # noqa: ANN401 - a row of _ENTRIES
    return Entry(receipt_of(row), row.member_id, row.category_id, row.salt, row.request_hash)
