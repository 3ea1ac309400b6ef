"""Batches read back: what they did, whether they were taken back, which file they came from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, cast, func, select
from sqlalchemy.orm import aliased

from points_core.communities import Head
from points_core.errors import RowRefused, UnknownBatch
from points_core.models import Batch, Community, Member, PointTransaction
from points_core.values import Actor, ActorKind, bounded


class BatchKind(StrEnum):
    """Why transactions were made together."""

    BULK = "bulk"
    IMPORT = "import"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class BatchReceipt:
    """What a batch did: `transactions` of `members` people, `points` in all (signed).

    `undoes` is the batch it took back, `undone_by` the one that took it back. `refused` are the rows that
    could not be, known only to whoever just posted it. `replayed` when it was there before.
    """

    number: int
    kind: BatchKind
    transactions: int
    members: int
    points: int
    actor: Actor
    created_at: datetime
    undoes: int | None = None
    undone_by: int | None = None
    refused: tuple[RowRefused, ...] = ()
    replayed: bool = False


def get(tx: Connection, community: str, number: int) -> BatchReceipt:
    """Return the community's batch `number`. Raises UnknownBatch."""
    found = _found(tx, Community.key == community, Batch.number == bounded(number))
    if not found:
        raise UnknownBatch(number)
    return found[0]


def recent(
    tx: Connection, community: str, *, limit: int = 20, before: int | None = None
) -> tuple[BatchReceipt, ...]:
    """Return the community's latest batches, newest first, older than `before` if given."""
    older = () if before is None else (Batch.number < bounded(before),)
    return _found(tx, Community.key == community, *older, limit=limit)


def of_file(tx: Connection, community: str, mark: bytes) -> BatchReceipt | None:
    """Return the latest batch that came from the file with this mark, None if there is none."""
    found = _found(tx, Community.key == community, Batch.checksum == mark, limit=1)
    return found[0] if found else None


def by_key(tx: Connection, head: Head, key: str) -> BatchReceipt | None:
    """Return the batch that was made under this idempotency key, None if there is none."""
    found = _found(tx, Batch.community_id == head.community_id, Batch.key == key)
    return found[0] if found else None


def standing(tx: Connection, head: Head, number: int) -> list[int]:
    """Return the numbers of a batch's transactions that nothing has taken back, newest first."""
    return sorted(tx.execute(_standing(head, number)).scalars(), reverse=True)


def deducted_from(tx: Connection, head: Head, actor: Actor, number: int) -> str | None:
    """Return the id of the member who acts if a batch took points from them that still are gone, or None."""
    if actor.kind is not ActorKind.MEMBER:
        return None
    member = select(Member.id).where(
        Member.community_id == head.community_id, Member.user_id == actor.user_id
    )
    taken = _standing(head, number).where(
        PointTransaction.member_id == member.scalar_subquery(), PointTransaction.amount < 0
    )
    return actor.user_id if tx.execute(taken.limit(1)).first() else None


def _standing(head: Head, number: int) -> Select[int]:
    reversal = aliased(PointTransaction)
    taken_back = (
        select(reversal.seq)
        .where(reversal.community_id == head.community_id, reversal.reverses == PointTransaction.seq)
        .exists()
    )
    return select(PointTransaction.seq).where(
        PointTransaction.community_id == head.community_id,
        PointTransaction.batch == number,
        PointTransaction.reverses.is_(None),
        ~taken_back,
    )


_Undo = aliased(Batch, name="undo")
_MINE = (PointTransaction.community_id == Batch.community_id, PointTransaction.batch == Batch.number)
_BATCHES = (
    select(
        Batch,
        Member.user_id,
        Member.name,
        _Undo.number.label("undone_by"),
        select(func.count(PointTransaction.member_id.distinct()))
        .where(*_MINE)
        .scalar_subquery()
        .label("members"),
        cast(
            select(func.coalesce(func.sum(PointTransaction.amount), 0)).where(*_MINE).scalar_subquery(),
            BigInteger,
        ).label("points"),
    )
    .join(Community, Community.id == Batch.community_id)
    .outerjoin(
        Member,
        (Batch.actor_kind == ActorKind.MEMBER.value)
        & (Member.community_id == Batch.community_id)
        & (Member.id == Batch.actor_id),
    )
    .outerjoin(_Undo, (_Undo.community_id == Batch.community_id) & (_Undo.undoes == Batch.number))
    .order_by(Batch.number.desc())
)


def _found(
    tx: Connection, *conditions: ColumnElement[bool], limit: int | None = None
) -> tuple[BatchReceipt, ...]:
    return tuple(_receipt(row) for row in tx.execute(_BATCHES.where(*conditions).limit(limit)))


def _receipt(row: Any) -> BatchReceipt:  # noqa: ANN401 - a row of _BATCHES
    kind = ActorKind(row.actor_kind)
    client = row.actor_id if kind is ActorKind.CLIENT else None
    return BatchReceipt(
        number=row.number,
        kind=BatchKind(row.kind),
        transactions=row.transactions,
        members=row.members,
        points=row.points,
        actor=Actor(kind, row.user_id, row.name, client),
        created_at=row.created_at,
        undoes=row.undoes,
        undone_by=row.undone_by,
    )
