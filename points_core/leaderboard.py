"""Boards: who stands where, in which window and category, now or as of any date.

Ranks are 1, 2, 2, 4: equal points share a rank and the next is skipped. Among equals, who got there first
stands first. Only members with more than 0 points stand on a board. A board is cut by rank, so that a tie
is never split; past TIED further lines `more_tied` says how many were left out.

Three sources, one shape:
stored     today, week, month, quarter, year, all time: read off the index in the order of the board
days       from–to: the days' scores summed up
ledger     as of a date: the transactions summed up, as it stood then or as corrected since
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Row, Select, and_, cast, func, or_, select

from points_core import communities, policy, ranks
from points_core.errors import InvalidSetting
from points_core.models import Member, PointScore, PointTransaction
from points_core.ranks import rank
from points_core.scores import EVERY_CATEGORY
from points_core.windows import Span, Window, WindowName

__all__ = ["MAX_TOP", "TIED", "Board", "Standing", "named", "rank", "standings"]

TIED = 15  # lines past the top that a tie at its end may add: a message's description holds 25 lines and more
MAX_TOP = 1_000  # lines of one board

Rows = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Standing:
    """One line of a board; `user_id` and `name` are None for an erased member."""

    rank: int
    user_id: str | None
    name: str | None
    points: int


@dataclass(frozen=True, slots=True)
class Board:
    """A leaderboard.

    `name` when the window was asked for by name; `category` None for all together; `as_of` None for now.
    `more_tied` members share the last line's rank and were left out; `members` stand on the whole board.
    `mine` is the line of the member asked about, `neighbours` it and the ones next to it, best first; None
    and empty when that member is not on the board.
    """

    window: Window
    name: WindowName | None
    category: str | None
    as_of: datetime | None
    standings: tuple[Standing, ...] = ()
    more_tied: int = 0
    members: int = 0
    mine: Standing | None = None
    neighbours: tuple[Standing, ...] = ()


def named(
    tx: Connection,
    community: str,
    name: WindowName,
    now: datetime,
    *,
    category: str | None = None,
    top: int = 10,
    around: str | None = None,
    as_of: datetime | None = None,
    corrected: bool = False,
) -> Board:
    """Return the board of the window called `name`, as seen in the community's zone at `as_of`, or `now`.

    The rest is as for `standings`. Raises UnknownCategory, InvalidSetting.
    """
    window = Window.named(name, as_of or now, policy.of(tx, community).zone)
    board = standings(
        tx,
        community,
        window=window,
        category=category,
        top=top,
        around=around,
        as_of=as_of,
        corrected=corrected,
    )
    return replace(board, name=name)


def standings(
    tx: Connection,
    community: str,
    *,
    window: Window,
    category: str | None = None,
    top: int = 10,
    around: str | None = None,
    as_of: datetime | None = None,
    corrected: bool = False,
) -> Board:
    """Return the board of `window`, up to rank `top`.

    community: its outside id; a community never seen has an empty board. category: its name, retired ones
    included; None for all points. around: the outside id of the member whose line is wanted too.
    as_of: an instant (aware) at which to look. The board is as it stood: of what was written by then;
    if `corrected`, of what counts by then, whenever it was written.
    Raises UnknownCategory, and InvalidSetting for a `top` outside 1 to 1,000.
    """
    if not 1 <= top <= MAX_TOP:
        raise InvalidSetting("top", top, f"from 1 to {MAX_TOP:,}")
    heading = policy.of(tx, community).category(category, retired=True) if category is not None else None
    board = Board(window, None, heading.name if heading else None, as_of)
    community_id = communities.find(tx, community)
    if community_id is None:
        return board
    category_id = heading.id if heading else EVERY_CATEGORY
    if as_of is not None:
        sums = _ledger_sums(community_id, category_id, window, as_of, corrected)
        return _summed(tx, board, community_id, sums, top, around)
    if window.span is None:
        return _summed(tx, board, community_id, _day_sums(community_id, category_id, window), top, around)
    return _stored(tx, board, _Scores(community_id, window.span, window.ordinal, category_id), top, around)


# ── stored ──


@dataclass(frozen=True, slots=True)
class _Scores:
    """The stored scores of one span and category."""

    community_id: int
    span: Span
    start: int
    category_id: int

    def condition(self) -> ColumnElement[bool]:
        return and_(
            PointScore.community_id == self.community_id,
            PointScore.span == int(self.span),
            PointScore.start == self.start,
            PointScore.category_id == self.category_id,
        )

    def lines(self, *conditions: ColumnElement[bool]) -> Rows:
        # the outer join is there for its order: names are looked up for the lines found, never the other way
        return (
            select(PointScore.points, PointScore.reached_seq, Member.user_id, Member.name)
            .outerjoin(
                Member,
                and_(Member.community_id == PointScore.community_id, Member.id == PointScore.member_id),
            )
            .where(self.condition(), *conditions)
        )

    def rank(self, tx: Connection, points: int) -> int:
        if self.span is Span.ALL:
            return ranks.rank(tx, self.community_id, self.category_id, points)
        return 1 + self._count(tx, points)

    def members(self, tx: Connection) -> int:
        if self.span is Span.ALL:
            return ranks.count(tx, self.community_id, self.category_id)
        return self._count(tx, 0)

    def _count(self, tx: Connection, points: int) -> int:
        counted = select(func.count()).where(self.condition(), PointScore.points > points)
        return int(tx.execute(counted).scalar_one())


_ON_BOARD = PointScore.points > 0
_BEST_FIRST = (PointScore.points.desc(), PointScore.reached_seq)
_WORST_FIRST = (PointScore.points, PointScore.reached_seq.desc())


def _stored(tx: Connection, board: Board, scores: _Scores, top: int, around: str | None) -> Board:
    rows = tx.execute(scores.lines(_ON_BOARD).order_by(*_BEST_FIRST).limit(top + TIED)).all()
    lines = _cut(rows, top)
    full = len(lines) == top + TIED
    board = replace(
        board,
        standings=lines,
        more_tied=scores.rank(tx, lines[-1].points - 1) - 1 - len(lines) if full else 0,
        members=scores.members(tx),
    )
    return board if around is None else _with_mine(tx, board, scores, around)


def _cut(rows: Sequence[Row[*tuple[Any, ...]]], top: int) -> tuple[Standing, ...]:
    """Return the lines of rank `top` or better, from rows in the order of the board."""
    lines: list[Standing] = []
    for place, row in enumerate(rows, start=1):
        tied = bool(lines) and lines[-1].points == row.points
        if place > top and not tied:
            break
        lines.append(Standing(lines[-1].rank if tied else place, row.user_id, row.name, row.points))
    return tuple(lines)


def _with_mine(tx: Connection, board: Board, scores: _Scores, user_id: str) -> Board:
    person = communities.people(tx, scores.community_id, [user_id]).get(user_id)
    row = (
        tx.execute(scores.lines(_ON_BOARD, PointScore.member_id == person.id)).one_or_none()
        if person
        else None
    )
    if row is None:
        return board
    mine = _standing(tx, scores, row)
    above = [_standing(tx, scores, found) for found in _next_above(tx, scores, row)]
    below = [_standing(tx, scores, found) for found in _next_below(tx, scores, row)]
    return replace(board, mine=mine, neighbours=(*above, mine, *below))


def _standing(tx: Connection, scores: _Scores, row: Row[*tuple[Any, ...]]) -> Standing:
    return Standing(scores.rank(tx, row.points), row.user_id, row.name, row.points)


def _next_above(
    tx: Connection, scores: _Scores, mine: Row[*tuple[Any, ...]]
) -> Sequence[Row[*tuple[Any, ...]]]:
    earlier = scores.lines(PointScore.points == mine.points, PointScore.reached_seq < mine.reached_seq)
    better = scores.lines(PointScore.points > mine.points)
    return (
        tx.execute(earlier.order_by(*_WORST_FIRST).limit(1)).all()
        or tx.execute(better.order_by(*_WORST_FIRST).limit(1)).all()
    )


def _next_below(
    tx: Connection, scores: _Scores, mine: Row[*tuple[Any, ...]]
) -> Sequence[Row[*tuple[Any, ...]]]:
    later = scores.lines(PointScore.points == mine.points, PointScore.reached_seq > mine.reached_seq)
    worse = scores.lines(_ON_BOARD, PointScore.points < mine.points)
    return (
        tx.execute(later.order_by(*_BEST_FIRST).limit(1)).all()
        or tx.execute(worse.order_by(*_BEST_FIRST).limit(1)).all()
    )


# ── summed up ──


def _day_sums(community_id: int, category_id: int, window: Window) -> Rows:
    assert window.first is not None
    assert window.after is not None
    return (
        select(
            PointScore.member_id,
            cast(func.sum(PointScore.points), BigInteger).label("points"),
            func.max(PointScore.reached_seq).label("reached_seq"),
        )
        .where(
            PointScore.community_id == community_id,
            PointScore.span == int(Span.DAY),
            PointScore.start >= window.first.toordinal(),
            PointScore.start < window.after.toordinal(),
            PointScore.category_id == category_id,
        )
        .group_by(PointScore.member_id)
    )


def _ledger_sums(
    community_id: int, category_id: int, window: Window, as_of: datetime, corrected: bool
) -> Rows:
    counted = [PointTransaction.community_id == community_id]
    counted.append((PointTransaction.effective_at if corrected else PointTransaction.recorded_at) <= as_of)
    if category_id != EVERY_CATEGORY:
        counted.append(PointTransaction.category_id == category_id)
    if window.start is not None:
        counted.append(PointTransaction.effective_at >= window.start)
    if window.end is not None:
        counted.append(PointTransaction.effective_at < window.end)
    # without the + 0 SQLite, once analyzed, reads the whole ledger in the order of an index by member
    member_id = PointTransaction.member_id + 0
    return (
        select(
            member_id.label("member_id"),
            cast(func.sum(PointTransaction.amount), BigInteger).label("points"),
            func.max(PointTransaction.seq).label("reached_seq"),
        )
        .where(*counted)
        .group_by(member_id)
    )


def _summed(
    tx: Connection, board: Board, community_id: int, sums: Rows, top: int, around: str | None
) -> Board:
    """Fill `board` from (member_id, points, reached_seq), in one statement, since each pass is dear."""
    person = communities.people(tx, community_id, [around]).get(around) if around is not None else None
    rows = tx.execute(_ranked(community_id, sums, top, person.id if person else 0)).all()
    lines = [row for row in rows if row.rank <= top and row.place <= top + TIED]
    if not lines:
        return board
    mine = next((row for row in rows if person and row.member_id == person.id), None)
    near = [row for row in rows if mine and abs(row.place - mine.place) <= 1]
    return replace(
        board,
        standings=tuple(_line(row) for row in lines),
        more_tied=lines[-1].rank + lines[-1].tied - 1 - len(lines),
        members=lines[-1].members,
        mine=_line(mine) if mine else None,
        neighbours=tuple(_line(row) for row in near),
    )


def _line(row: Row[*tuple[Any, ...]]) -> Standing:
    return Standing(row.rank, row.user_id, row.name, row.points)


def _ranked(community_id: int, sums: Rows, top: int, member_id: int) -> Rows:
    """Return the lines up to rank `top` and those next to `member_id`'s, in the order of the board."""
    summed = sums.subquery("summed")
    points = summed.c.points
    ranked = (
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
    mine = select(ranked.c.place).where(ranked.c.member_id == member_id).scalar_subquery()
    return (
        select(ranked, Member.user_id, Member.name)
        .outerjoin(Member, and_(Member.community_id == community_id, Member.id == ranked.c.member_id))
        .where(
            or_(
                and_(ranked.c.rank <= top, ranked.c.place <= top + TIED),
                ranked.c.place.between(mine - 1, mine + 1),
            )
        )
        .order_by(ranked.c.place)
    )
