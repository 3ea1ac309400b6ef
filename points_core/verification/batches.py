"""Batches against the transactions that name them: counted right, all there, undone by what they undid."""

from collections.abc import Iterator

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import aliased

from points_core.models import Batch, PointTransaction
from points_core.verification.broken import Problem


def problems(tx: Connection, community_id: int) -> Iterator[Problem]:
    """Yield what is wrong with a community's batches."""
    yield from _counts(tx, community_id)
    yield from _undone(tx, community_id)


def _counts(tx: Connection, community_id: int) -> Iterator[Problem]:
    stored = {
        row.number: row.transactions
        for row in tx.execute(
            select(Batch.number, Batch.transactions).where(Batch.community_id == community_id)
        )
    }
    counted = select(PointTransaction.batch, func.count()).where(
        PointTransaction.community_id == community_id, PointTransaction.batch.is_not(None)
    )
    made = {int(row[0] or 0): int(row[1]) for row in tx.execute(counted.group_by(PointTransaction.batch))}
    for number in sorted(stored.keys() | made.keys()):
        if number not in stored:
            yield "a batch counts its transactions", f"transactions name batch {number}, which is not there"
        elif stored[number] != made.get(number, 0):
            yield (
                "a batch counts its transactions",
                f"batch {number} says {stored[number]}, there are {made.get(number, 0)}",
            )


def _undone(tx: Connection, community_id: int) -> Iterator[Problem]:
    original, undone = aliased(PointTransaction), aliased(Batch)
    astray = (
        select(PointTransaction.seq, Batch.number, Batch.undoes)
        .join(
            Batch,
            (Batch.community_id == PointTransaction.community_id) & (Batch.number == PointTransaction.batch),
        )
        .outerjoin(
            original,
            (original.community_id == PointTransaction.community_id)
            & (original.seq == PointTransaction.reverses),
        )
        .where(
            PointTransaction.community_id == community_id,
            PointTransaction.batch.is_not(None),
            Batch.undoes.is_not(None),
            func.coalesce(original.batch, 0) != Batch.undoes,
        )
        .order_by(PointTransaction.seq + 0)  # in the order of the numbers SQLite would read the whole ledger
    )
    for seq, number, undoes in tx.execute(astray):
        yield "an undo takes back its batch", f"#{seq} of batch {number} is not of batch {undoes}"
    wrong = (
        select(Batch.number, Batch.undoes)
        .outerjoin(undone, (undone.community_id == Batch.community_id) & (undone.number == Batch.undoes))
        .where(
            Batch.community_id == community_id,
            Batch.undoes.is_not(None),
            undone.number.is_(None) | undone.undoes.is_not(None) | (undone.number >= Batch.number),
        )
        .order_by(Batch.number)
    )
    for number, undoes in tx.execute(wrong):
        yield "an undo takes back its batch", f"batch {number} undoes {undoes}, which cannot be undone"
