"""What boards and ranks need, kept in the commit that moves the points: scores per span, and buckets.

A score is a member's net points in one span (day, week, month, quarter, year, season, all time) and category, 0
standing for all of them; a transaction counts where it is effective, so a reversal lands in its original's
week. Buckets count members by their score: level L holds score >> 8·L, so that a rank is the sum of at most
eight short ranges, however many members there are. They are kept for the spans in which many members gather
(RANKED); of the shorter ones the top level alone, which is how many stand on the board.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Insert,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from points_core.adding import Adding
from points_core.models import PointScore, PointTransaction, ScoreBucket, Season
from points_core.prepared import Prepared
from points_core.windows import Span, ordinals

LEVEL_BITS = 8  # 256 buckets under each: a rank reads at most 255 rows a level, usually a handful
LEVELS = 8  # 8 · 8 bits hold every score up to 2⁵³; the top level has one bucket, the board's size
TOP = LEVELS - 1
RANKED: Final = frozenset({Span.ALL, Span.YEAR, Span.SEASON})
"""The spans whose ranks are read off buckets; each costs an award two rows more."""

_EVERY_LEVEL, _TOP_ALONE = range(LEVELS), range(TOP, LEVELS)

EVERY_CATEGORY = 0
REBUILD_ROWS = 10_000  # transactions summed up between writes, so that a rebuild needs little memory

ScoreKey = tuple[int, int, int, int]  # member, span, start, category
BucketKey = tuple[int, int, int, int, int]  # span, start, category, level, bucket


class Term(NamedTuple):
    """A season as scores need it: its number, and its instants from `starts_at` to before `ends_at`."""

    number: int
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Movement:
    """What scores need to know of a transaction."""

    seq: int
    member_id: int
    category_id: int | None
    amount: int
    effective_at: datetime


class Scores:
    """Changes of scores, gathered over a batch and written at once, with what they change in the buckets."""

    def __init__(self, zone: ZoneInfo, terms: Sequence[Term] = ()) -> None:
        """Begin with nothing; days are those of `zone`, `terms` the community's seasons."""
        self._zone = zone
        self._terms = terms
        self.scores: dict[ScoreKey, tuple[int, int]] = {}

    def add(self, movement: Movement) -> None:
        """Count one transaction in."""
        scores, amount, seq = self.scores, movement.amount, movement.seq
        headings = (EVERY_CATEGORY, movement.category_id) if movement.category_id else (EVERY_CATEGORY,)
        for span, start in self._starts(movement.effective_at):
            for category in headings:
                key = (movement.member_id, span, start, category)
                known = scores.get(key)
                scores[key] = (known[0] + amount if known else amount, seq)

    def _starts(self, effective_at: datetime) -> Iterable[tuple[int, int]]:
        calendar = ordinals(effective_at, self._zone).items()
        for term in self._terms:
            if term.starts_at <= effective_at < term.ends_at:
                return (*calendar, (int(Span.SEASON), term.number))
        return calendar

    def save(self, tx: Connection, community_id: int) -> None:
        """Write what was gathered."""
        changed = [(community_id, *key, *value) for key, value in self.scores.items()]
        buckets: dict[BucketKey, int] = {}
        for member, span, start, category, points in _SCORES.run(tx, changed):
            before = points - self.scores[member, span, start, category][0]
            if span not in RANKED and (before > 0) == (points > 0):
                continue  # on the board before and after, or on neither: it has as many members
            for key, change in bucket_changes(span, start, category, before, points):
                buckets[key] = buckets.get(key, 0) + change
        _save_buckets(tx, community_id, {key: change for key, change in buckets.items() if change})


def _save_buckets(tx: Connection, community_id: int, changed: dict[BucketKey, int]) -> None:
    # SQLite checks a row's constraints before it looks for the conflict: what grows is upserted,
    # what shrinks is there already
    growing = [(community_id, *key, change) for key, change in changed.items() if change > 0]
    shrinking = [
        dict(zip(_GONE, (community_id, *key, change), strict=True))
        for key, change in changed.items()
        if change < 0
    ]
    _BUCKETS.run(tx, growing)
    if shrinking:
        _SHRINK.run(tx, shrinking)
        _CLEAR.run(tx, [{name: row[name] for name in _GONE[:-1]} for row in shrinking])


_SCORES = Adding(
    PointScore,
    added=("points",),
    replaced=("reached_seq",),
    returned=("member_id", "span", "start", "category_id", "points"),
)
_BUCKETS = Adding(ScoreBucket, added=("members",), returned=("level",))
_GONE = tuple(f"b_{name}" for name in _BUCKETS.columns)
_THIS_BUCKET = (
    (ScoreBucket.community_id == bindparam("b_community_id"))
    & (ScoreBucket.span == bindparam("b_span"))
    & (ScoreBucket.start == bindparam("b_start"))
    & (ScoreBucket.category_id == bindparam("b_category_id"))
    & (ScoreBucket.level == bindparam("b_level"))
    & (ScoreBucket.bucket == bindparam("b_bucket"))
)
_SHRINK = Prepared(
    update(ScoreBucket).where(_THIS_BUCKET).values(members=ScoreBucket.members + bindparam("b_members"))
)
_CLEAR = Prepared(delete(ScoreBucket).where(_THIS_BUCKET, ScoreBucket.members == 0))


def levels(span: int) -> Sequence[int]:
    """Return the levels of the buckets that are kept for a span."""
    return _EVERY_LEVEL if span in RANKED else _TOP_ALONE


def bucket_changes(
    span: int, start: int, category: int, old: int, new: int
) -> Iterator[tuple[BucketKey, int]]:
    """Yield how the counts of members change when one's score in a span goes from `old` to `new`."""
    for level in levels(span):
        before = old >> (LEVEL_BITS * level) if old > 0 else None
        after = new >> (LEVEL_BITS * level) if new > 0 else None
        if before == after:
            if before is not None:
                return  # the same bucket here means the same bucket on every level above
            continue
        if before is not None:
            yield (span, start, category, level, before), -1
        if after is not None:
            yield (span, start, category, level, after), 1


_TERMS = Prepared(
    select(Season.number, Season.starts_at, Season.ends_at)
    .where(Season.community_id == bindparam("community"), Season.starts_at < Season.ends_at)
    .order_by(Season.starts_at)
)


def terms(tx: Connection, community_id: int) -> list[Term]:
    """Return the community's seasons, the earliest first; those that were called off are none."""
    return [Term(*row) for row in _TERMS.rows(tx, {"community": community_id})]


def rebuild(tx: Connection, community_id: int, zone: ZoneInfo) -> None:
    """Write all of a community's scores and buckets anew from its transactions, counted in `zone`."""
    tx.execute(delete(PointScore).where(PointScore.community_id == community_id))
    tx.execute(delete(ScoreBucket).where(ScoreBucket.community_id == community_id))
    seasons = terms(tx, community_id)
    for part in movements(tx, community_id):
        scores = Scores(zone, seasons)
        for movement in part:
            scores.add(movement)
        scores.save(tx, community_id)


def rebuild_season(tx: Connection, community_id: int, number: int) -> None:
    """Write one season's scores and buckets anew, after its days were set or changed."""
    for table in (PointScore, ScoreBucket):
        this = (table.community_id == community_id, table.span == int(Span.SEASON), table.start == number)
        tx.execute(delete(table).where(*this))
    for apart in (False, True):
        tx.execute(_score_season(apart=apart), {"community": community_id, "number": number})
    for level in range(LEVELS):
        tx.execute(_count_season(level), {"community": community_id, "number": number})


def _score_season(*, apart: bool) -> Insert:
    """Return the INSERT of a season's scores, in all categories together or in each `apart`."""
    category = PointTransaction.category_id
    summed = (
        select(
            Season.community_id,
            PointTransaction.member_id,
            literal(int(Span.SEASON)),
            Season.number,
            category if apart else literal(EVERY_CATEGORY),
            cast(func.sum(PointTransaction.amount), BigInteger),
            func.max(PointTransaction.seq),
        )
        .join(PointTransaction, PointTransaction.community_id == Season.community_id)
        .where(
            Season.community_id == bindparam("community"),
            Season.number == bindparam("number"),
            PointTransaction.effective_at >= Season.starts_at,
            PointTransaction.effective_at < Season.ends_at,
        )
        .group_by(Season.community_id, Season.number, PointTransaction.member_id)
    )
    if apart:
        summed = summed.where(category.is_not(None)).group_by(category)
    return insert(PointScore).from_select([column.name for column in PointScore.__table__.columns], summed)


def _count_season(level: int) -> Insert:
    bucket: ColumnElement[int] = PointScore.points.op(">>")(literal(LEVEL_BITS * level))
    counted = (
        select(
            PointScore.community_id,
            PointScore.span,
            PointScore.start,
            PointScore.category_id,
            literal(level),
            bucket,
            func.count(),
        )
        .where(
            PointScore.community_id == bindparam("community"),
            PointScore.span == int(Span.SEASON),
            PointScore.start == bindparam("number"),
            PointScore.points > 0,
        )
        .group_by(PointScore.community_id, PointScore.span, PointScore.start, PointScore.category_id, bucket)
    )
    return insert(ScoreBucket).from_select([column.name for column in ScoreBucket.__table__.columns], counted)


def movements(tx: Connection, community_id: int) -> Iterator[list[Movement]]:
    """Yield a community's transactions in the order of their numbers, some thousands at a time."""
    columns = (
        PointTransaction.seq,
        PointTransaction.member_id,
        PointTransaction.category_id,
        PointTransaction.amount,
        PointTransaction.effective_at,
    )
    last = 0
    while True:
        rows = tx.execute(
            select(*columns)
            .where(PointTransaction.community_id == community_id, PointTransaction.seq > last)
            .order_by(PointTransaction.seq)
            .limit(REBUILD_ROWS)
        ).all()
        if not rows:
            return
        yield [Movement(*row) for row in rows]
        last = rows[-1].seq
