"""What is kept beside the transactions and must equal them: the head, balances, scores, buckets.

Scores are summed up a part of the members at a time, days first and longer spans out of the days, so that
memory follows the size of a part and not of the books.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Connection, bindparam, func, literal_column, select, text

from points_core import policy
from points_core.models import LedgerHead, PointScore, PointTransaction, ScoreBucket
from points_core.scores import EVERY_CATEGORY, LEVEL_BITS, LEVELS
from points_core.verification.broken import Problem, readable
from points_core.verification.chained import ROWS, Replay, instant
from points_core.windows import Span, first_day

PART = 250_000  # transactions summed up at a time: some 100 MB
NAMED = 5
BLOCK = 30_000_000  # microseconds: offsets since 1970 are whole multiples of 30 s, so a block is in one day

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_STREAMED: Final = {"yield_per": ROWS}

Key = tuple[int, int, int]  # start, category, member


def problems(tx: Connection, replay: Replay) -> Iterator[Problem]:
    """Yield what differs from the transactions, all of them, or the members moved since `replay` began."""
    yield from readable("the head", _head(tx, replay))
    yield from readable("balances", _balances(tx, replay))
    yield from readable("scores", _all_scores(tx, replay))
    yield from readable("buckets", _buckets(tx, replay.community_id))


def _all_scores(tx: Connection, replay: Replay) -> Iterator[Problem]:
    days, seen = Days(policy.by_number(tx, replay.community_id).zone), Seen()
    for part in _parts(tx, replay):
        yield from _scores(tx, replay.community_id, days, part, seen)
    yield from _others(tx, replay, seen)


def _head(tx: Connection, replay: Replay) -> Iterator[Problem]:
    head = tx.execute(
        select(LedgerHead.seq, LedgerHead.hash, LedgerHead.recorded_at).where(
            LedgerHead.community_id == replay.community_id
        )
    ).one()
    there = tx.execute(
        select(func.count()).where(PointTransaction.community_id == replay.community_id)
    ).scalar_one()
    if head.seq != replay.seq:
        yield "numbers end at the head", f"the head says #{head.seq}, the last transaction is #{replay.seq}"
    elif head.hash != replay.hash:
        yield "the chain recomputes", f"the head's hash is not that of #{replay.seq}"
    elif (instant(head.recorded_at) if head.recorded_at else None) != replay.recorded_at:
        yield "numbers end at the head", f"the head was recorded at another time than #{replay.seq}"
    if there != replay.seq:
        yield "numbers are dense", f"there are {there:,} transactions, the last is #{replay.seq}"


_SPENT = "CASE WHEN (t.kind = 'reversal') = (t.amount > 0) THEN -t.amount ELSE 0 END"
"""What a transaction adds to what its member has spent: a deduction, or a deduction taken back."""

_SUMMED = text(
    f"""
    SELECT s.member_id, s.summed, s.spent, s.transactions, s.last_seq, b.current AS stored
    FROM (SELECT t.member_id, SUM(t.amount) AS summed, SUM({_SPENT}) AS spent,
                 COUNT(*) AS transactions, MAX(t.seq) AS last_seq
          FROM point_transactions t WHERE t.community_id = :community GROUP BY t.member_id) s
    LEFT JOIN point_balances b ON b.community_id = :community AND b.member_id = s.member_id
    WHERE s.last_seq > :after AND (
        b.member_id IS NULL OR b.current <> s.summed OR b.spent <> s.spent OR b.earned <> s.summed + s.spent
        OR b.transactions <> s.transactions OR b.last_seq <> s.last_seq)
    ORDER BY s.member_id LIMIT :named
    """  # noqa: S608
)
_BESIDE_LAST = text(
    """
    SELECT b.member_id, b.current, b.last_seq FROM point_balances b
    LEFT JOIN point_transactions t ON t.community_id = b.community_id AND t.seq = b.last_seq
    WHERE b.community_id = :community AND (
        t.seq IS NULL OR t.member_id <> b.member_id OR t.balance_after <> b.current
        OR t.member_seq <> b.transactions OR t.recorded_at <> b.updated_at OR b.current <> b.earned - b.spent)
    ORDER BY b.member_id LIMIT :named
    """
)
_WITHOUT = text(
    """
    SELECT COUNT(*) FROM members m WHERE m.community_id = :community
    AND EXISTS (SELECT 1 FROM point_transactions t WHERE t.community_id = m.community_id AND t.member_id = m.id)
    AND NOT EXISTS (SELECT 1 FROM point_balances b WHERE b.community_id = m.community_id AND b.member_id = m.id)
    """
)

BALANCES = "balances equal the transactions"


def _balances(tx: Connection, replay: Replay) -> Iterator[Problem]:
    asked = {"community": replay.community_id, "named": NAMED}
    for row in tx.execute(_SUMMED, {**asked, "after": replay.after}):
        yield BALANCES, f"member {row.member_id}: {row.stored} stored, {row.summed} summed"
    for row in tx.execute(_BESIDE_LAST, asked):
        yield BALANCES, f"member {row.member_id}: {row.current} stored, not what #{row.last_seq} left"
    without = tx.execute(_WITHOUT, {"community": replay.community_id}).scalar_one()
    if without:
        yield BALANCES, f"{without:,} members with transactions have no balance"


@dataclass(slots=True)
class Seen:
    """How many stored scores were compared."""

    scores: int = 0


class Days:
    """The local day of an instant, remembered: most transactions share theirs with many."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._days: dict[int, int] = {}
        self._firsts: dict[tuple[Span, int], int] = {}

    def of(self, moment: int) -> int:
        """Return the ordinal of the local day at `moment` (microseconds since 1970)."""
        block = moment // BLOCK
        day = self._days.get(block)
        if day is None:
            if len(self._days) > PART:
                self._days.clear()
            local = (_EPOCH + timedelta(microseconds=block * BLOCK)).astimezone(self._zone)
            day = self._days[block] = local.date().toordinal()
        return day

    def first(self, span: Span, day: int) -> int:
        """Return the ordinal of the first day of the `span` around `day`; 0 for all time."""
        if span is Span.ALL:
            return 0
        first = self._firsts.get((span, day))
        if first is None:
            first = first_day(span, date.fromordinal(day)).toordinal()
            self._firsts[span, day] = first
        return first


def _parts(tx: Connection, replay: Replay) -> Iterator[list[int]]:
    """Yield the members whose scores are to be looked at, some transactions' worth at a time."""
    counted = (
        select(PointTransaction.member_id, func.count())
        .where(PointTransaction.community_id == replay.community_id)
        .group_by(PointTransaction.member_id)
        .having(func.max(PointTransaction.seq) > replay.after)
        .order_by(PointTransaction.member_id)
    )
    part: list[int] = []
    size = 0
    for member_id, transactions in tx.execute(counted, execution_options=_STREAMED):
        part.append(member_id)
        size += transactions
        if size >= PART:
            yield part
            part, size = [], 0
    if part:
        yield part


_MEMBERS = text(
    "SELECT member_id, seq, category_id, amount, effective_at FROM point_transactions"
    " WHERE community_id = :community AND member_id BETWEEN :first AND :last ORDER BY member_id, member_seq"
)
_STORED = select(
    PointScore.start, PointScore.category_id, PointScore.member_id, PointScore.points, PointScore.reached_seq
).where(
    PointScore.community_id == bindparam("community"),
    PointScore.span == bindparam("span"),
    PointScore.member_id.between(bindparam("first"), bindparam("last")),
)


def _scores(
    tx: Connection, community_id: int, days: Days, members: Sequence[int], seen: Seen
) -> Iterator[Problem]:
    """Compare the scores of `members`, who are in order, with their transactions."""
    wanted = set(members)
    between = {"community": community_id, "first": members[0], "last": members[-1]}
    points: dict[Key, int] = {}
    reached: dict[Key, int] = {}
    for member, seq, category, amount, moment in tx.execute(_MEMBERS, between, execution_options=_STREAMED):
        if member in wanted:
            key = (days.of(instant(moment)), category or EVERY_CATEGORY, member)
            points[key] = points.get(key, 0) + amount
            reached[key] = max(reached.get(key, 0), seq)
    for span in Span:
        summed = _in_spans(days, span, points, reached)
        wrong: list[tuple[Key, object, object]] = []
        for start, category, member, stored, seq in tx.execute(
            _STORED, {**between, "span": int(span)}, execution_options=_STREAMED
        ):
            if member in wanted:
                seen.scores += 1
                want = summed.pop((start, category, member), None)
                if want != (stored, seq):
                    wrong.append(((start, category, member), (stored, seq), want))
        wrong += [(key, None, want) for key, want in summed.items()]
        yield from _differ("scores equal the transactions", span.name.lower(), wrong)


def _in_spans(
    days: Days, span: Span, points: dict[Key, int], reached: dict[Key, int]
) -> dict[Key, tuple[int, int]]:
    summed: dict[Key, tuple[int, int]] = {}
    for (day, category, member), amount in points.items():
        start, seq = days.first(span, day), reached[day, category, member]
        for heading in (EVERY_CATEGORY, category) if category else (EVERY_CATEGORY,):
            key = (start, heading, member)
            before, earlier = summed.get(key, (0, 0))
            summed[key] = (before + amount, max(earlier, seq))
    return summed


def _differ(invariant: str, what: str, wrong: list[tuple[Key, object, object]]) -> Iterator[Problem]:
    if wrong:
        key, have, want = min(wrong, key=lambda each: each[0])
        yield (
            invariant,
            f"{what}: {len(wrong):,} differ; the first, {key}: {have} stored, {want} summed",
        )


_ALL_TIME = text(
    """
    SELECT COUNT(*) FROM point_balances b LEFT JOIN point_scores s ON s.community_id = b.community_id
        AND s.span = 0 AND s.start = 0 AND s.category_id = 0 AND s.member_id = b.member_id
    WHERE b.community_id = :community
      AND (s.member_id IS NULL OR s.points <> b.current OR s.reached_seq <> b.last_seq)
    """
)


def _others(tx: Connection, replay: Replay, seen: Seen) -> Iterator[Problem]:
    """Look at the scores of those whose transactions were not summed up."""
    differing = tx.execute(_ALL_TIME, {"community": replay.community_id}).scalar_one()
    if differing:
        yield "scores equal the transactions", f"{differing:,} all-time scores are not the balance"
    if replay.after == 0:
        there = select(func.count()).select_from(PointScore)
        count = tx.execute(there.where(PointScore.community_id == replay.community_id)).scalar_one()
        if count != seen.scores:
            yield "scores equal the transactions", f"{count - seen.scores:,} belong to no transaction"


def _buckets(tx: Connection, community_id: int) -> Iterator[Problem]:
    """Count all-time scores into buckets again; the scores were compared before."""
    stored = {
        (row.category_id, row.level, row.bucket): row.members
        for row in tx.execute(select(ScoreBucket.__table__).where(ScoreBucket.community_id == community_id))
    }
    counted: dict[Key, int] = {}
    for level in range(LEVELS):
        bucket: ColumnElement[int] = literal_column(f"points >> {LEVEL_BITS * level}", BigInteger)
        for category, number, members in tx.execute(
            select(PointScore.category_id, bucket.label("bucket"), func.count())
            .where(
                PointScore.community_id == community_id,
                PointScore.span == int(Span.ALL),
                PointScore.start == 0,
                PointScore.points > 0,
            )
            .group_by(PointScore.category_id, bucket)
        ):
            counted[category, level, number] = members
    wrong: list[tuple[Key, object, object]] = [
        (key, stored.get(key), counted.get(key))
        for key in stored.keys() | counted.keys()
        if stored.get(key) != counted.get(key)
    ]
    yield from _differ("buckets equal the transactions", "counts", wrong)
