"""Boards of one stored span: read off the index in the order of the board, however many members there are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, func, select

from points_core import ranks
from points_core.leaderboard.board import TIED, Found, Line, cut
from points_core.models import Member, PointScore
from points_core.scores import RANKED
from points_core.windows import Span

Rows = Select[*tuple[Any, ...]]
Score = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Scores:
    """The stored scores of one span and category."""

    community_id: int
    span: Span
    start: int
    category_id: int

    def condition(self) -> ColumnElement[bool]:
        """Return what is true of these scores alone."""
        return and_(
            PointScore.community_id == self.community_id,
            PointScore.span == int(self.span),
            PointScore.start == self.start,
            PointScore.category_id == self.category_id,
        )

    def lines(self, *conditions: ColumnElement[bool]) -> Rows:
        """Return the SELECT of the scores of which `conditions` are true, with their members."""
        # the outer join is there for its order: names are looked up for the lines found, never the other way
        return (
            select(
                PointScore.member_id,
                PointScore.points,
                PointScore.reached_seq,
                Member.user_id,
                Member.name,
                Member.hidden_at,
            )
            .outerjoin(
                Member,
                and_(Member.community_id == PointScore.community_id, Member.id == PointScore.member_id),
            )
            .where(self.condition(), *conditions)
        )

    def rank(self, tx: Connection, points: int) -> int:
        """Return the rank of `points`: one more than the members with more."""
        if self.span in RANKED:
            return ranks.rank(tx, self.community_id, self.category_id, points, self.span, self.start)
        counted = select(func.count()).where(self.condition(), PointScore.points > points)
        return 1 + int(tx.execute(counted).scalar_one())

    def members(self, tx: Connection) -> int:
        """Return how many members stand on the board."""
        return ranks.count(tx, self.community_id, self.category_id, self.span, self.start)

    def ranks(self, tx: Connection, member_ids: Iterable[int]) -> dict[int, int]:
        """Return the ranks of those of `member_ids` who stand on the board."""
        held = select(PointScore.member_id, PointScore.points).where(
            self.condition(), _ON_BOARD, PointScore.member_id.in_(list(member_ids))
        )
        points = {row.member_id: row.points for row in tx.execute(held)}
        places = {each: self.rank(tx, each) for each in set(points.values())}
        return {member_id: places[each] for member_id, each in points.items()}


_ON_BOARD = PointScore.points > 0
_BEST_FIRST = (PointScore.points.desc(), PointScore.reached_seq)
_WORST_FIRST = (PointScore.points, PointScore.reached_seq.desc())


def found(tx: Connection, scores: Scores, top: int, member_id: int | None) -> Found:
    """Return the lines up to rank `top`, and those around the member."""
    rows = tx.execute(scores.lines(_ON_BOARD).order_by(*_BEST_FIRST).limit(top + TIED)).all()
    lines = cut(rows, top)
    full = len(lines) == top + TIED
    mine, neighbours = (None, ()) if member_id is None else _around(tx, scores, member_id)
    return Found(
        lines,
        more_tied=scores.rank(tx, lines[-1].points - 1) - 1 - len(lines) if full else 0,
        members=scores.members(tx),
        mine=mine,
        neighbours=neighbours,
    )


def _around(tx: Connection, scores: Scores, member_id: int) -> tuple[Line | None, tuple[Line, ...]]:
    row = tx.execute(scores.lines(_ON_BOARD, PointScore.member_id == member_id)).one_or_none()
    if row is None:
        return None, ()
    above, mine, below = (
        [Line.of(scores.rank(tx, each.points), each) for each in rows]
        for rows in (_next_above(tx, scores, row), [row], _next_below(tx, scores, row))
    )
    return mine[0], (*above, *mine, *below)


def _next_above(tx: Connection, scores: Scores, mine: Score) -> Sequence[Score]:
    earlier = scores.lines(PointScore.points == mine.points, PointScore.reached_seq < mine.reached_seq)
    better = scores.lines(PointScore.points > mine.points)
    return (
        tx.execute(earlier.order_by(*_WORST_FIRST).limit(1)).all()
        or tx.execute(better.order_by(*_WORST_FIRST).limit(1)).all()
    )


def _next_below(tx: Connection, scores: Scores, mine: Score) -> Sequence[Score]:
    later = scores.lines(PointScore.points == mine.points, PointScore.reached_seq > mine.reached_seq)
    worse = scores.lines(_ON_BOARD, PointScore.points < mine.points)
    return (
        tx.execute(later.order_by(*_BEST_FIRST).limit(1)).all()
        or tx.execute(worse.order_by(*_BEST_FIRST).limit(1)).all()
    )
