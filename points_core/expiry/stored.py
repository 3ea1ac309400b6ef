"""Lots read from the books, and members in portions that one write can afford."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, bindparam, case, or_, select

from points_core.duties import lot_of_key
from points_core.expiry.lots import Entry, Lot, lots
from points_core.models import Member, PointBalance, PointTransaction
from points_core.programme import Expiry
from points_core.values import Kind

MEMBERS: Final = 500  # looked at in one write
ROWS: Final = 5_000  # transactions of theirs, if each has many


@dataclass(frozen=True, slots=True)
class Holder:
    """A member who is not erased, and so can be told and addressed."""

    id: int
    user_id: str
    name: str | None


_ENTRIES = (
    select(
        PointTransaction.member_id,
        PointTransaction.seq,
        PointTransaction.amount,
        PointTransaction.category_id,
        PointTransaction.effective_at,
        PointTransaction.kind,
        PointTransaction.reverses,
        case((PointTransaction.kind == Kind.EXPIRY.value, PointTransaction.key), else_=None).label("key"),
    )
    .where(
        PointTransaction.community_id == bindparam("community"),
        PointTransaction.member_id.in_(bindparam("members", expanding=True)),
    )
    .order_by(PointTransaction.member_id, PointTransaction.member_seq)
)
_HOLDERS = select(Member.id, Member.user_id, Member.name).where(
    Member.community_id == bindparam("community"),
    Member.id.in_(bindparam("members", expanding=True)),
    Member.user_id.is_not(None),
)


def of_members(tx: Connection, community_id: int, member_ids: Collection[int]) -> dict[int, list[Lot]]:
    """Return the lots of each of `member_ids`, oldest first."""
    entries: dict[int, list[Entry]] = {each: [] for each in sorted(member_ids)}
    if entries:
        for row in tx.execute(_ENTRIES, {"community": community_id, "members": list(entries)}):
            entries[row.member_id].append(
                Entry(
                    row.seq,
                    row.amount,
                    row.category_id,
                    row.effective_at,
                    Kind(row.kind),
                    row.reverses,
                    lot_of_key(row.key),
                )
            )
    return {member_id: lots(own) for member_id, own in entries.items()}


def holders(tx: Connection, community_id: int, member_ids: Collection[int]) -> dict[int, Holder]:
    """Return those of `member_ids` who are not erased."""
    if not member_ids:
        return {}
    found = tx.execute(_HOLDERS, {"community": community_id, "members": sorted(member_ids)})
    return {row.id: Holder(row.id, row.user_id, row.name) for row in found}


def with_more_than(
    tx: Connection, community_id: int, points: int, after: int, limit: int = MEMBERS
) -> list[int]:
    """Return the first members past number `after` who have more than `points`."""
    found = (
        select(PointBalance.member_id)
        .where(
            PointBalance.community_id == community_id,
            PointBalance.member_id > after,
            PointBalance.current > points,
        )
        .order_by(PointBalance.member_id)
        .limit(limit)
    )
    return list(tx.execute(found).scalars())


def affordable(tx: Connection, community_id: int, member_ids: Sequence[int]) -> list[int]:
    """Return as many of the first `member_ids` as have ROWS transactions together, one at least."""
    counted = select(PointBalance.member_id, PointBalance.transactions).where(
        PointBalance.community_id == community_id, PointBalance.member_id.in_(member_ids)
    )
    transactions = {row.member_id: row.transactions for row in tx.execute(counted)} if member_ids else {}
    taken: list[int] = []
    rows = 0
    for member_id in member_ids:
        rows += transactions.get(member_id, 0)
        if taken and rows > ROWS:
            break
        taken.append(member_id)
    return taken


def gained_within(expiry: Expiry, among: Sequence[Expiry]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions on a transaction whose points `expiry`, one of `among`, is for."""
    gained = (PointTransaction.amount > 0, PointTransaction.kind != Kind.REVERSAL.value)
    if expiry.category_id is not None:
        return (*gained, PointTransaction.category_id == expiry.category_id)
    others = [each.category_id for each in among if each.category_id is not None]
    return (
        *gained,
        or_(PointTransaction.category_id.is_(None), PointTransaction.category_id.not_in(others)),
    )
