"""What a batch reads before it decides: the accounts it touches, the transactions behind its keys and numbers."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select

from points_core.ledger.receipts import RECEIPTS, receipt_of
from points_core.models import PointBalance, PointTransaction
from points_core.values import Receipt


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a batch may touch: people by outside id, idempotency keys, transactions to take back."""

    user_ids: frozenset[str]
    keys: frozenset[str]
    numbers: frozenset[int] = frozenset()
    category_ids: frozenset[int] = frozenset()


@dataclass(slots=True)
class Account:
    """A member's balance as it changes through a batch."""

    member_id: int
    current: int = 0
    earned: int = 0
    spent: int = 0
    transactions: int = 0
    last_seq: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A transaction known to the batch, with what a comparison or a reversal needs beyond its receipt."""

    receipt: Receipt
    member_id: int
    category_id: int | None
    salt: bytes | None
    request_hash: bytes
    reversed_by: int | None = None


def entries(tx: Connection, community_id: int, wanted: Wanted) -> list[tuple[str, Entry]]:
    """Return the stored transactions with the wanted keys or numbers, each with its key."""
    found: dict[int, tuple[str, Entry]] = {}
    for condition in (
        PointTransaction.key.in_(sorted(wanted.keys)) if wanted.keys else None,
        PointTransaction.seq.in_(sorted(wanted.numbers)) if wanted.numbers else None,
    ):
        if condition is not None:
            for row in tx.execute(_ENTRIES.where(PointTransaction.community_id == community_id, condition)):
                found[row.seq] = (row.key, _entry(row))
    for number, by in _reversals(tx, community_id, wanted.numbers & found.keys()).items():
        key, entry = found[number]
        found[number] = (key, replace(entry, reversed_by=by))
    return list(found.values())


_ENTRIES = RECEIPTS.add_columns(
    PointTransaction.key,
    PointTransaction.member_id,
    PointTransaction.category_id,
    PointTransaction.salt,
    PointTransaction.request_hash,
)


def _entry(row: Any) -> Entry:  # noqa: ANN401 - a row of _ENTRIES
    return Entry(receipt_of(row), row.member_id, row.category_id, row.salt, row.request_hash)


def _reversals(tx: Connection, community_id: int, numbers: Iterable[int]) -> dict[int, int]:
    """Return, for those of `numbers` that were taken back, the number of the reversal."""
    wanted = sorted(numbers)
    if not wanted:
        return {}
    rows = tx.execute(
        select(PointTransaction.reverses, PointTransaction.seq).where(
            PointTransaction.community_id == community_id, PointTransaction.reverses.in_(wanted)
        )
    )
    return {int(number): by for number, by in rows if number is not None}


def accounts(tx: Connection, community_id: int, member_ids: Iterable[int]) -> dict[int, Account]:
    """Return the accounts of those of `member_ids` that ever had points."""
    wanted = sorted(set(member_ids))
    if not wanted:
        return {}
    rows = tx.execute(
        select(
            PointBalance.member_id,
            PointBalance.current,
            PointBalance.earned,
            PointBalance.spent,
            PointBalance.transactions,
            PointBalance.last_seq,
        ).where(PointBalance.community_id == community_id, PointBalance.member_id.in_(wanted))
    )
    return {row.member_id: Account(*row) for row in rows}
