"""Which level points reach, kept with the balance; and who has to be looked at anew because of it."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, case, literal, select, update

from points_core.models import AchievementDue, PointBalance
from points_core.statements import insert_unless_there


def reached(thresholds: Sequence[int], earned: int) -> int:
    """Return the number of the highest level that `earned` points reach: 1 for the lowest, 0 for none."""
    return bisect_right(thresholds, earned)


def of_column(thresholds: Sequence[int]) -> ColumnElement[int]:
    """Return the level that a row's `earned` reaches, for a statement."""
    rungs = [(PointBalance.earned >= earned, number) for number, earned in enumerate(thresholds, start=1)]
    return case(*reversed(rungs), else_=0) if rungs else literal(0)


def rebuild(tx: Connection, community_id: int, thresholds: Sequence[int], at: datetime) -> None:
    """Bring every member's level up to date with new thresholds, and have who moves looked at anew."""
    level = of_column(thresholds)
    moved = select(PointBalance.member_id).where(
        PointBalance.community_id == community_id, PointBalance.level != level
    )
    mark(tx, community_id, list(tx.execute(moved).scalars()), at)
    tx.execute(
        update(PointBalance)
        .where(PointBalance.community_id == community_id, PointBalance.level != level)
        .values(level=level)
    )


def mark(tx: Connection, community_id: int, member_ids: Iterable[int], at: datetime) -> None:
    """Have the achievements and roles of `member_ids` looked at anew."""
    rows = [{"community_id": community_id, "member_id": each, "due_at": at} for each in member_ids]
    if rows:
        tx.execute(insert_unless_there(tx.dialect.name, AchievementDue), rows)
