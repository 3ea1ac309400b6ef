"""Boards of summed-up points: any days, any date, any season; each board is one statement, since sums are dear."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import CTE, Connection, Select, and_, func, literal, null, or_, select, union_all
from sqlalchemy.sql.selectable import NamedFromClause

from points_core.leaderboard.board import TIED, Found, Line, cut
from points_core.models import Member
from points_core.sums import Sums

_TOP, _NEAR = 0, 1  # parts of the statement's answer


def found(tx: Connection, community_id: int, sums: Sums, top: int, member_id: int | None) -> Found:
    """Return the lines of `sums` up to rank `top`, and those around the member."""
    rows = tx.execute(_lines(community_id, sums, top, member_id)).all()
    lines = cut([row for row in rows if row.part == _TOP], top)
    if not lines:
        return Found()
    full = len(lines) == top + TIED
    before_last = sum(line.points > lines[-1].points for line in lines)
    near = tuple(Line.of(row.rank, row) for row in rows if row.part == _NEAR)
    return Found(
        lines,
        more_tied=before_last + rows[0].tied - len(lines) if full else 0,
        members=rows[0].members,
        mine=next((line for line in near if line.member_id == member_id), None),
        neighbours=near,
    )


def ranks(tx: Connection, sums: Sums, member_ids: Iterable[int]) -> dict[int, int]:
    """Return the ranks in `sums` of those of `member_ids` who stand on the board."""
    board = _board(sums)
    ranked = select(board.c.member_id, func.rank().over(order_by=board.c.points.desc()).label("rank"))
    every = ranked.subquery()
    wanted = select(every).where(every.c.member_id.in_(list(member_ids)))
    return {row.member_id: row.rank for row in tx.execute(wanted)}


def _board(sums: Sums) -> CTE:
    """Return who stands on the board; asked more than once, a database sums it up once."""
    summed = sums.subquery()
    return select(summed).where(summed.c.points > 0).cte()


def _lines(community_id: int, sums: Sums, top: int, member_id: int | None) -> Select[*tuple[Any, ...]]:
    """Return the first lines and those around the member, each part in the order of the board."""
    board = _board(sums)
    best = select(board).order_by(board.c.points.desc(), board.c.reached_seq).limit(top + TIED).cte()
    parts = [select(literal(_TOP).label("part"), best, null().label("rank"))]
    if member_id is not None:
        near = _near(board, member_id)
        better = board.alias()
        rank = 1 + select(func.count()).where(better.c.points > near.c.points).scalar_subquery()
        parts.append(select(literal(_NEAR), near, rank))
    line = union_all(*parts).subquery()
    tied = board.alias()
    last = select(func.min(best.c.points)).scalar_subquery()
    return (
        select(
            line,
            Member.user_id,
            Member.name,
            Member.hidden_at,
            select(func.count()).select_from(board).scalar_subquery().label("members"),
            select(func.count()).where(tied.c.points == last).scalar_subquery().label("tied"),
        )
        .outerjoin(Member, and_(Member.community_id == community_id, Member.id == line.c.member_id))
        .order_by(line.c.points.desc(), line.c.reached_seq)
    )


def _near(board: CTE, member_id: int) -> NamedFromClause:
    """Return the member's line, the one above and the one below."""
    mine = select(board).where(board.c.member_id == member_id).cte()
    same = board.c.points == mine.c.points
    above = or_(board.c.points > mine.c.points, and_(same, board.c.reached_seq < mine.c.reached_seq))
    below = or_(board.c.points < mine.c.points, and_(same, board.c.reached_seq > mine.c.reached_seq))
    next_above = select(board).join(mine, above).order_by(board.c.points, board.c.reached_seq.desc()).limit(1)
    next_below = select(board).join(mine, below).order_by(board.c.points.desc(), board.c.reached_seq).limit(1)
    each = (next_above.subquery(), mine, next_below.subquery())
    return union_all(*(select(one) for one in each)).subquery()
