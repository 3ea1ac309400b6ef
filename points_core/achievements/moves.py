"""Who would move if the levels were others: seen before anybody does."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from points_core import communities, levels, policy
from points_core.achievements.roles import of_level
from points_core.models import Member, PointBalance
from points_core.programme import Programme

SHOWN = 10  # members named each way


@dataclass(frozen=True, slots=True)
class Mover:
    """A member who would move from level `before` to `after` (numbers, 0 for none), with `earned` points."""

    user_id: str | None
    name: str | None
    earned: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What other levels would do. `before` and `after` count members by level, those without one first.

    `up` and `down` are how many would rise and fall, some of them in `movers`, who earned most first. `gives`
    and `takes` count by role how many members would get or lose it for their level.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    up: int
    down: int
    gives: dict[str, int]
    takes: dict[str, int]
    movers: tuple[Mover, ...]


def preview(tx: Connection, community: str, programme: Programme) -> Preview:
    """Return what would become of everybody's level and roles if `programme` were switched on now."""
    old = policy.of(tx, community).programme
    community_id = communities.find(tx, community)
    moves = Counter[tuple[int, int]]()
    if community_id is not None:
        moves.update(_moves(tx, community_id, old, programme))
    gives, takes = _roles(old, programme, moves)
    return Preview(
        before=_counts(moves, 0, len(old.levels)),
        after=_counts(moves, 1, len(programme.levels)),
        up=sum(members for (was, now), members in moves.items() if now > was),
        down=sum(members for (was, now), members in moves.items() if now < was),
        gives=gives,
        takes=takes,
        movers=_movers(tx, community_id, old, programme),
    )


def _moves(tx: Connection, community_id: int, old: Programme, new: Programme) -> dict[tuple[int, int], int]:
    rungs = (
        select(levels.of_column(old.thresholds).label("was"), levels.of_column(new.thresholds).label("now"))
        .where(PointBalance.community_id == community_id)
        .subquery()
    )
    counted = select(rungs.c.was, rungs.c.now, func.count()).group_by(rungs.c.was, rungs.c.now)
    return {(was, now): members for was, now, members in tx.execute(counted)}


def _counts(moves: Counter[tuple[int, int]], side: int, highest: int) -> tuple[int, ...]:
    counts = [0] * (highest + 1)
    for move, members in moves.items():
        counts[move[side]] += members
    return tuple(counts)


def _roles(
    old: Programme, new: Programme, moves: Counter[tuple[int, int]]
) -> tuple[dict[str, int], dict[str, int]]:
    gives, takes = Counter[str](), Counter[str]()
    for (was, now), members in moves.items():
        before, after = of_level(old, was).keys(), of_level(new, now).keys()
        gives.update(dict.fromkeys(after - before, members))
        if not new.keep_roles:
            takes.update(dict.fromkeys(before - after, members))
    return dict(sorted(gives.items())), dict(sorted(takes.items()))


def _movers(tx: Connection, community_id: int | None, old: Programme, new: Programme) -> tuple[Mover, ...]:
    """Return some who would rise and some who would fall."""
    was, now = levels.of_column(old.thresholds), levels.of_column(new.thresholds)
    found: list[Any] = []
    for condition in (now > was, now < was):
        moving = (
            select(Member.user_id, Member.name, PointBalance.earned, was, now)
            .join_from(
                PointBalance,
                Member,
                (Member.community_id == PointBalance.community_id) & (Member.id == PointBalance.member_id),
            )
            .where(PointBalance.community_id == community_id, condition)
            .order_by(PointBalance.earned.desc(), PointBalance.member_id)
        )
        found += tx.execute(moving.limit(SHOWN)).all()
    return tuple(Mover(*row) for row in found)
