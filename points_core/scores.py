"""What boards and ranks need, kept in the commit that moves the points: scores per span, and buckets.

A score is a member's net points in one span (day, week, month, quarter, year, all time) and category, 0
standing for all of them; a transaction counts where it is effective, so a reversal lands in its original's
week. Buckets count members by all-time score: level L holds score >> 8·L, so that a rank is the sum of at
most eight short ranges, however many members there are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, delete, select, update

from points_core.models import PointScore, PointTransaction, ScoreBucket
from points_core.prepared import Prepared
from points_core.statements import upsertable
from points_core.windows import Span, ordinals

LEVEL_BITS = 8  # 256 buckets under each: a rank reads at most 255 rows a level, usually a handful
LEVELS = 8  # 8 · 8 bits hold every score up to 2⁵³; the top level has one bucket, the board's size
EVERY_CATEGORY = 0
REBUILD_ROWS = 10_000  # transactions summed up between writes, so that a rebuild needs little memory

ScoreKey = tuple[int, int, int, int]  # span, start, category, member
BucketKey = tuple[int, int, int]  # category, level, bucket


@dataclass(frozen=True, slots=True)
class Movement:
    """What scores need to know of a transaction."""

    seq: int
    member_id: int
    category_id: int | None
    amount: int
    effective_at: datetime


class Scores:
    """Changes of scores and buckets, gathered over a batch and written at once."""

    def __init__(self, zone: ZoneInfo, totals: dict[tuple[int, int], int]) -> None:
        """Begin with the all-time `totals` by (category, member) of everyone the batch may touch."""
        self._zone = zone
        self._totals = totals
        self.scores: dict[ScoreKey, tuple[int, int]] = {}
        self.buckets: dict[BucketKey, int] = {}

    def add(self, movement: Movement) -> None:
        """Count one transaction in."""
        starts = ordinals(movement.effective_at, self._zone)
        categories = [EVERY_CATEGORY] + ([movement.category_id] if movement.category_id else [])
        for category in categories:
            for span, start in starts.items():
                key = (int(span), start, category, movement.member_id)
                points = self.scores.get(key, (0, 0))[0] + movement.amount
                self.scores[key] = (points, movement.seq)
            self._move_bucket(category, movement.member_id, movement.amount)

    def total(self, category: int, member: int) -> int:
        """Return a member's points in a category so far, this batch included; 0 for a category not loaded."""
        return self._totals.get((category, member), 0)

    def _move_bucket(self, category: int, member: int, amount: int) -> None:
        old = self._totals.get((category, member), 0)
        new = self._totals[category, member] = old + amount
        for key, change in bucket_changes(category, old, new):
            self.buckets[key] = self.buckets.get(key, 0) + change

    def save(self, tx: Connection, community_id: int) -> None:
        """Write what was gathered."""
        if self.scores:
            self._save_scores(tx, community_id)
        changed = {key: change for key, change in self.buckets.items() if change}
        if changed:
            self._save_buckets(tx, community_id, changed)

    def _save_scores(self, tx: Connection, community_id: int) -> None:
        upserts(tx.dialect.name).scores.run(
            tx,
            [
                {
                    "community_id": community_id,
                    "span": span,
                    "start": start,
                    "category_id": category,
                    "member_id": member,
                    "points": points,
                    "reached_seq": seq,
                }
                for (span, start, category, member), (points, seq) in self.scores.items()
            ],
        )

    @staticmethod
    def _save_buckets(tx: Connection, community_id: int, changed: dict[BucketKey, int]) -> None:
        rows = [
            {
                "community_id": community_id,
                "category_id": category,
                "level": level,
                "bucket": bucket,
                "members": n,
            }
            for (category, level, bucket), n in changed.items()
        ]
        # SQLite checks a row's constraints before it looks for the conflict: what grows is upserted,
        # what shrinks is there already
        growing = [row for row in rows if row["members"] > 0]
        shrinking = [row for row in rows if row["members"] < 0]
        if growing:
            upserts(tx.dialect.name).buckets.run(tx, growing)
        if shrinking:
            there = [{f"b_{name}": value for name, value in row.items()} for row in shrinking]
            _SHRINK.run(tx, there)
            _CLEAR.run(tx, [{k: v for k, v in row.items() if k != "b_members"} for row in there])


class Upserts(NamedTuple):
    """The two statements that add to what is there."""

    scores: Prepared
    buckets: Prepared


@cache
def upserts(dialect: str) -> Upserts:
    """Return the statements for a database of `dialect`, made once."""
    scores, buckets = upsertable(dialect, PointScore), upsertable(dialect, ScoreBucket)
    return Upserts(
        Prepared(
            scores.on_conflict_do_update(
                index_elements=["community_id", "span", "start", "category_id", "member_id"],
                set_={
                    "points": PointScore.points + scores.excluded.points,
                    "reached_seq": scores.excluded.reached_seq,
                },
            )
        ),
        Prepared(
            buckets.on_conflict_do_update(
                index_elements=["community_id", "category_id", "level", "bucket"],
                set_={"members": ScoreBucket.members + buckets.excluded.members},
            )
        ),
    )


_THIS_BUCKET = (
    (ScoreBucket.community_id == bindparam("b_community_id"))
    & (ScoreBucket.category_id == bindparam("b_category_id"))
    & (ScoreBucket.level == bindparam("b_level"))
    & (ScoreBucket.bucket == bindparam("b_bucket"))
)
_SHRINK = Prepared(
    update(ScoreBucket).where(_THIS_BUCKET).values(members=ScoreBucket.members + bindparam("b_members"))
)
_CLEAR = Prepared(delete(ScoreBucket).where(_THIS_BUCKET, ScoreBucket.members == 0))


def bucket_changes(category: int, old: int, new: int) -> Iterator[tuple[BucketKey, int]]:
    """Yield how the counts of members change when one's score goes from `old` to `new`."""
    for level in range(LEVELS):
        before = old >> (LEVEL_BITS * level) if old > 0 else None
        after = new >> (LEVEL_BITS * level) if new > 0 else None
        if before == after:
            if before is not None:
                return  # the same bucket here means the same bucket on every level above
            continue
        if before is not None:
            yield (category, level, before), -1
        if after is not None:
            yield (category, level, after), 1


_TOTALS = Prepared(
    select(PointScore.category_id, PointScore.member_id, PointScore.points).where(
        PointScore.community_id == bindparam("community"),
        PointScore.span == int(Span.ALL),
        PointScore.start == 0,
        PointScore.category_id.in_(bindparam("categories", expanding=True)),
        PointScore.member_id.in_(bindparam("members", expanding=True)),
    )
)


def load(
    tx: Connection, community_id: int, zone: ZoneInfo, member_ids: Iterable[int], category_ids: Iterable[int]
) -> Scores:
    """Return an empty batch that knows the all-time totals of `member_ids` in `category_ids` and in all."""
    members = sorted(set(member_ids))
    if not members:
        return Scores(zone, {})
    categories = [EVERY_CATEGORY, *sorted(set(category_ids))]
    rows = _TOTALS.rows(tx, {"community": community_id, "categories": categories, "members": members})
    return Scores(zone, {(category, member): points for category, member, points in rows})


def rebuild(tx: Connection, community_id: int, zone: ZoneInfo) -> None:
    """Write all of a community's scores and buckets anew from its transactions, counted in `zone`."""
    tx.execute(delete(PointScore).where(PointScore.community_id == community_id))
    tx.execute(delete(ScoreBucket).where(ScoreBucket.community_id == community_id))
    totals: dict[tuple[int, int], int] = {}
    for part in movements(tx, community_id):
        scores = Scores(zone, totals)
        for movement in part:
            scores.add(movement)
        scores.save(tx, community_id)


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
