"""Which level points reach, kept with the balance; and who has to be looked at anew because of it."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    case,
    false,
    literal,
    or_,
    select,
    true,
    union,
    update,
)
from sqlalchemy.orm import aliased

from points_core.models import AchievementDue, Member, PointBalance, PointTransaction, UtcDateTime
from points_core.statements import insert_or_update, insert_unless_there, upsertable
from points_core.values import ActorKind

TEAM: Final = 0
"""Stands for all members of a community together, whose own numbers begin with 1."""

_COLUMNS = ["community_id", "member_id", "due_at", "quiet"]


def reached(thresholds: Sequence[int], earned: int) -> int:
    """Return the number of the highest level that `earned` points reach: 1 for the lowest, 0 for none."""
    return bisect_right(thresholds, earned)


def of_column(thresholds: Sequence[int]) -> ColumnElement[int]:
    """Return the level that a row's `earned` reaches, for a statement."""
    rungs = [(PointBalance.earned >= earned, number) for number, earned in enumerate(thresholds, start=1)]
    return case(*reversed(rungs), else_=0) if rungs else literal(0)


def rebuild(tx: Connection, community_id: int, thresholds: Sequence[int], at: datetime) -> None:
    """Bring every member's level up to date with new levels, and have all who had or have one looked at anew."""
    level = of_column(thresholds)
    here = PointBalance.community_id == community_id
    _mark_found(
        tx,
        select(PointBalance.member_id).where(here, or_(PointBalance.level > 0, level > 0)),
        community_id,
        at,
    )
    tx.execute(update(PointBalance).where(here, PointBalance.level != level).values(level=level))


def mark(tx: Connection, community_id: int, member_ids: Iterable[int], at: datetime) -> None:
    """Have the achievements and roles of `member_ids` looked at anew, because of something they or others did."""
    rows = [
        {"community_id": community_id, "member_id": each, "due_at": at, "quiet": False} for each in member_ids
    ]
    if rows:
        tx.execute(insert_or_update(tx.dialect.name, AchievementDue, ("quiet",)), rows)


def mark_quietly(tx: Connection, community_id: int, member_ids: Iterable[int], at: datetime) -> None:
    """Have `member_ids` looked at anew because of a setting: what they have by it is announced to nobody."""
    rows = [
        {"community_id": community_id, "member_id": each, "due_at": at, "quiet": True} for each in member_ids
    ]
    if rows:
        tx.execute(insert_unless_there(tx.dialect.name, AchievementDue), rows)


def mark_everyone(tx: Connection, community_id: int, at: datetime) -> None:
    """Have every member, and all together, looked at anew because of a setting."""
    _mark_found(tx, select(Member.id).where(Member.community_id == community_id), community_id, at)
    mark_quietly(tx, community_id, [TEAM], at)


def mark_movements(tx: Connection, community_id: int, after: int, at: datetime) -> None:
    """Have everyone looked at anew whom the transactions after number `after` concern, and all together.

    That is who got or lost the points and which member gave them; for a reversal, who gave what it takes back.
    """
    original = aliased(PointTransaction)
    new = (PointTransaction.community_id == community_id, PointTransaction.seq > after)
    concerned = union(
        select(literal(TEAM).label("id")),
        select(PointTransaction.member_id).where(*new),
        select(PointTransaction.actor_id).where(*new, _by_a_member(PointTransaction)),
        select(original.actor_id)
        .join_from(
            PointTransaction,
            original,
            (original.community_id == PointTransaction.community_id)
            & (original.seq == PointTransaction.reverses),
        )
        .where(*new, _by_a_member(original)),
    ).subquery()
    rows = select(
        literal(community_id, BigInteger), concerned.c.id, literal(at, UtcDateTime()), false()
    ).where(concerned.c.id >= TEAM)
    insertion = upsertable(tx.dialect.name, AchievementDue).from_select(_COLUMNS, rows)
    tx.execute(
        insertion.on_conflict_do_update(index_elements=["community_id", "member_id"], set_={"quiet": False})
    )


def _by_a_member(model: type[PointTransaction]) -> ColumnElement[bool]:
    return (model.actor_kind == ActorKind.MEMBER.value) & model.actor_id.is_not(None)


def _mark_found(tx: Connection, members: Select[int], community_id: int, at: datetime) -> None:
    """Have the members whose numbers a statement finds looked at anew, unless they are to be already."""
    found = members.subquery()
    number = next(iter(found.c))
    rows = select(literal(community_id, BigInteger), number, literal(at, UtcDateTime()), true())
    tx.execute(
        upsertable(tx.dialect.name, AchievementDue)
        .from_select(_COLUMNS, rows.where(number > TEAM))
        .on_conflict_do_nothing()
    )
