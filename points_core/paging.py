"""A board page by page, however long it is, and its statistics.

A page goes on after the `Place` that ended the one before: its points, and the transaction that reached them.
Nothing is skipped or shown twice while nobody's points change; when they do, each line is true when it is read.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Subquery, and_, case, cast, func, or_, select

from points_core import communities, policy, seasons, sums
from points_core.errors import InvalidSetting
from points_core.models import Member
from points_core.scores import EVERY_CATEGORY
from points_core.sums import Wanted
from points_core.windows import Window

MAX_LINES = 1_000  # of one page


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the last line's points, and the transaction that reached them."""

    points: int
    reached_seq: int


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a board; `user_id` and `name` are None for who is erased or hidden.

    `member_id` is the member's number in the books, not to be shown: a hidden one stays nameless.
    """

    rank: int
    user_id: str | None
    name: str | None
    points: int
    member_id: int


@dataclass(frozen=True, slots=True)
class Statistics:
    """How many members stand on a board, their points in all, and the median of them (0 for an empty board)."""

    members: int
    total: int
    median: float


@dataclass(frozen=True, slots=True)
class BoardPage:
    """Some lines of a board, best first; `next` is where the next page begins, None at the end."""

    lines: tuple[Line, ...] = ()
    next: Place | None = None


def page(
    tx: Connection,
    community: str,
    *,
    window: Window,
    season: str | None = None,
    category: str | None = None,
    as_of: datetime | None = None,
    corrected: bool = False,
    after: Place | None = None,
    limit: int = 10,
) -> BoardPage:
    """Return up to `limit` (1 to 1,000) lines of a board, after a place if given.

    The board is the one of `leaderboard.standings` with the same arguments; of a `season` (its name; `window`
    is then the season's) the one of `leaderboard.of_season`. Raises UnknownCategory, UnknownSeason,
    InvalidSetting.
    """
    if not 1 <= limit <= MAX_LINES:
        raise InvalidSetting("limit", limit, f"from 1 to {MAX_LINES:,}")
    board = _board(tx, community, window, season, category, as_of, corrected)
    if board is None:
        return BoardPage()
    community_id, summed = board
    rows = tx.execute(_lines(community_id, summed, after, limit)).all()
    if not rows:
        return BoardPage()
    lines = _ranked(rows[:limit], *_place_of(tx, summed, rows[0]))
    last = rows[limit - 1] if len(rows) > limit else None
    return BoardPage(lines, Place(last.points, last.reached_seq) if last else None)


def statistics(
    tx: Connection,
    community: str,
    *,
    window: Window,
    season: str | None = None,
    category: str | None = None,
    as_of: datetime | None = None,
    corrected: bool = False,
) -> Statistics:
    """Return the statistics of the same board, of all who have more than 0 points. Raises UnknownCategory."""
    board = _board(tx, community, window, season, category, as_of, corrected)
    if board is None:
        return Statistics(0, 0, 0)
    summed = board[1]
    counted = select(func.count(), cast(func.coalesce(func.sum(summed.c.points), 0), BigInteger))
    members, total = tx.execute(counted.where(summed.c.points > 0)).one()
    middle = select(summed.c.points).where(summed.c.points > 0).order_by(summed.c.points)
    # one line for an odd number of members, two for an even one
    two = tx.execute(middle.offset(max(members - 1, 0) // 2).limit(2 - members % 2)).scalars().all()
    return Statistics(int(members), int(total), sum(two) / len(two) if two else 0)


def _board(
    tx: Connection,
    community: str,
    window: Window,
    season: str | None,
    category: str | None,
    as_of: datetime | None,
    corrected: bool,
) -> tuple[int, Subquery] | None:
    rules = policy.of(tx, community)
    heading = rules.category(category, retired=True) if category is not None else None
    community_id = communities.find(tx, community)
    if community_id is None:
        return None
    category_id = heading.id if heading else EVERY_CATEGORY
    sealed = seasons.named(tx, community, season) if season is not None else None
    if sealed is not None and sealed.sealed_at is not None and as_of is None and not corrected:
        return community_id, seasons.result(community_id, sealed.number, category_id).subquery("summed")
    wanted = Wanted(community_id, category_id, window, rules.zone, as_of, corrected)
    return community_id, sums.of(tx, wanted).subquery("summed")


def _lines(community_id: int, summed: Subquery, after: Place | None, limit: int) -> Any:  # noqa: ANN401 - a SELECT
    points, reached = summed.c.points, summed.c.reached_seq
    conditions: list[ColumnElement[bool]] = [points > 0]
    if after is not None:
        worse = or_(points < after.points, and_(points == after.points, reached > after.reached_seq))
        conditions += [points <= after.points, worse]
    page = (
        select(summed.c.member_id, points, reached)
        .where(*conditions)
        .order_by(points.desc(), reached)
        .limit(limit + 1)
        .subquery("page")
    )
    shown = Member.hidden_at.is_(None)
    return (
        select(
            page.c.member_id,
            page.c.points,
            page.c.reached_seq,
            case((shown, Member.user_id)).label("user_id"),
            case((shown, Member.name)).label("name"),
        )
        .outerjoin(Member, and_(Member.community_id == community_id, Member.id == page.c.member_id))
        .order_by(page.c.points.desc(), page.c.reached_seq)
    )


def _place_of(tx: Connection, summed: Subquery, first: Any) -> tuple[int, int]:  # noqa: ANN401 - a row of _lines
    """Return the rank of a line, and how many with the same points stand before it."""
    better = func.coalesce(func.sum(case((summed.c.points > first.points, 1), else_=0)), 0)
    equal = and_(summed.c.points == first.points, summed.c.reached_seq < first.reached_seq)
    before = func.coalesce(func.sum(case((equal, 1), else_=0)), 0)
    row = tx.execute(select(better, before).where(summed.c.points >= first.points)).one()
    return 1 + int(row[0]), int(row[1])


def _ranked(rows: Any, rank: int, before: int) -> tuple[Line, ...]:  # noqa: ANN401 - rows of _lines
    lines: list[Line] = []
    for place, row in enumerate(rows, start=rank + before):
        if lines and lines[-1].points != row.points:
            rank = place
        lines.append(Line(rank, row.user_id, row.name, row.points, row.member_id))
    return tuple(lines)
