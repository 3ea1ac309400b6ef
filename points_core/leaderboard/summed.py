"""Boards of summed-up points: any days, any date, any season; each sum is one statement, since passes are dear."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import CTE, Connection, Select, and_, func, or_, select

from points_core.leaderboard.board import TIED, Found, Line
from points_core.models import Member
from points_core.sums import Sums


def found(tx: Connection, community_id: int, sums: Sums, top: int, member_id: int | None) -> Found:
    """Return the lines of `sums` up to rank `top`, and those around the member."""
    rows = tx.execute(_lines(community_id, sums, top, member_id or 0)).all()
    lines = [row for row in rows if row.rank <= top and row.place <= top + TIED]
    if not lines:
        return Found()
    mine = next((row for row in rows if row.member_id == member_id), None)
    near = [row for row in rows if mine and abs(row.place - mine.place) <= 1]
    return Found(
        tuple(Line.of(row.rank, row) for row in lines),
        more_tied=lines[-1].rank + lines[-1].tied - 1 - len(lines),
        members=lines[-1].members,
        mine=Line.of(mine.rank, mine) if mine else None,
        neighbours=tuple(Line.of(row.rank, row) for row in near),
    )


def ranks(tx: Connection, sums: Sums, member_ids: Iterable[int]) -> dict[int, int]:
    """Return the ranks in `sums` of those of `member_ids` who stand on the board."""
    ranked = _ranked(sums)
    wanted = select(ranked.c.member_id, ranked.c.rank).where(ranked.c.member_id.in_(list(member_ids)))
    return {row.member_id: row.rank for row in tx.execute(wanted)}


def _ranked(sums: Sums) -> CTE:
    summed = sums.subquery("summed")
    points = summed.c.points
    return (
        select(
            summed.c.member_id,
            points,
            func.rank().over(order_by=points.desc()).label("rank"),
            func.row_number().over(order_by=(points.desc(), summed.c.reached_seq)).label("place"),
            func.count().over(partition_by=points).label("tied"),
            func.count().over().label("members"),
        )
        .where(points > 0)
        .cte("ranked")
    )


def _lines(community_id: int, sums: Sums, top: int, member_id: int) -> Select[*tuple[Any, ...]]:
    """Return the lines up to rank `top` and those next to `member_id`'s, in the order of the board."""
    ranked = _ranked(sums)
    mine = select(ranked.c.place).where(ranked.c.member_id == member_id).scalar_subquery()
    return (
        select(ranked, Member.user_id, Member.name, Member.hidden_at)
        .outerjoin(Member, and_(Member.community_id == community_id, Member.id == ranked.c.member_id))
        .where(
            or_(
                and_(ranked.c.rank <= top, ranked.c.place <= top + TIED),
                ranked.c.place.between(mine - 1, mine + 1),
            )
        )
        .order_by(ranked.c.place)
    )
