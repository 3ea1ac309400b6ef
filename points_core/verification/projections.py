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

from points_core import policy, scores
from points_core.models import LedgerHead, PointScore, PointTransaction, ScoreBucket
from points_core.scores import EVERY_CATEGORY, LEVEL_BITS, LEVELS, RANKED, TOP, Term
from points_core.verification.broken import Problem, readable
from points_core.verification.chained import ROWS, Replay, instant
from points_core.windows import CALENDAR, Span, first_day

PART = 50_000  # transactions summed up at a time: some 100 MB
REMEMBERED = 250_000  # blocks whose day is known without looking
NAMED = 5
BLOCK = 30_000_000  # microseconds: offsets since 1970 are whole multiples of 30 s, so a block is in one day

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_STREAMED: Final = {"yield_per": ROWS}

Key = tuple[int, ...]
Scored = dict[
    tuple[int, int, int, int], tuple[int, int]
]  # member, span, start, category: points, last transaction


def problems(tx: Connection, replay: Replay) -> Iterator[Problem]:
    """Yield what differs from the transactions, all of which `replay` has gone through."""
    yield from readable("the head", head(tx, replay))
    yield from readable("balances", _balances(tx, replay))
    yield from readable("scores", _all_scores(tx, replay))
    yield from readable("buckets", _buckets(tx, replay.community_id))


def _all_scores(tx: Connection, replay: Replay) -> Iterator[Problem]:
    days, seen = Days(policy.by_number(tx, replay.community_id).zone), Seen()
    terms = Terms(scores.terms(tx, replay.community_id))
    for part in _parts(tx, replay):
        yield from _scores(tx, replay.community_id, days, terms, part, seen)
    yield from _others(tx, replay, seen)


def all_there(tx: Connection) -> bool:
    """Return whether there are as many transactions as the heads of all communities together say.

    A database counts a whole table without looking at its rows.
    """
    there = select(func.count()).select_from(PointTransaction)
    said = select(func.coalesce(func.sum(LedgerHead.seq), 0))
    return bool(tx.execute(there).scalar_one() == tx.execute(said).scalar_one())


def head(tx: Connection, replay: Replay, *, count: bool = True) -> Iterator[Problem]:
    """Yield where the head does not say what the replay came to; `count` the transactions, too."""
    last = tx.execute(
        select(LedgerHead.seq, LedgerHead.hash, LedgerHead.recorded_at).where(
            LedgerHead.community_id == replay.community_id
        )
    ).one()
    if last.seq != replay.seq:
        yield "numbers end at the head", f"the head says #{last.seq}, the last transaction is #{replay.seq}"
    elif last.hash != replay.hash:
        yield "the chain recomputes", f"the head's hash is not that of #{replay.seq}"
    elif (instant(last.recorded_at) if last.recorded_at else None) != replay.recorded_at:
        yield "numbers end at the head", f"the head was recorded at another time than #{replay.seq}"
    if not count:
        return
    there = tx.execute(
        select(func.count()).where(PointTransaction.community_id == replay.community_id)
    ).scalar_one()
    if there != replay.seq:
        yield "numbers are dense", f"there are {there:,} transactions, the last is #{replay.seq}"


SPENT = "CASE WHEN (t.kind = 'reversal') = (t.amount > 0) THEN -t.amount ELSE 0 END"
"""What a transaction adds to what its member has spent: a deduction, or a deduction taken back."""

_SUMMED = text(
    f"""
    SELECT s.member_id, s.summed, s.spent, s.transactions, s.last_seq, b.current AS stored
    FROM (SELECT t.member_id, SUM(t.amount) AS summed, SUM({SPENT}) AS spent,
                 COUNT(*) AS transactions, MAX(t.seq) AS last_seq
          FROM point_transactions t WHERE t.community_id = :community GROUP BY t.member_id) s
    LEFT JOIN point_balances b ON b.community_id = :community AND b.member_id = s.member_id
    WHERE b.member_id IS NULL OR b.current <> s.summed OR b.spent <> s.spent OR b.earned <> s.summed + s.spent
        OR b.transactions <> s.transactions OR b.last_seq <> s.last_seq
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
SCORES = "scores equal the transactions"
BUCKETS = "buckets equal the transactions"


def _balances(tx: Connection, replay: Replay) -> Iterator[Problem]:
    asked = {"community": replay.community_id, "named": NAMED}
    for row in tx.execute(_SUMMED, asked):
        yield BALANCES, f"member {row.member_id}: {row.stored} stored, {row.summed} summed"
    yield from beside_last(tx, replay.community_id)
    without = tx.execute(_WITHOUT, {"community": replay.community_id}).scalar_one()
    if without:
        yield BALANCES, f"{without:,} members with transactions have no balance"


def beside_last(tx: Connection, community_id: int) -> Iterator[Problem]:
    """Yield the balances that are not what the last transaction of their member left."""
    for row in tx.execute(_BESIDE_LAST, {"community": community_id, "named": NAMED}):
        yield BALANCES, f"member {row.member_id}: {row.current} stored, not what #{row.last_seq} left"


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
            if len(self._days) > REMEMBERED:
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


class Terms:
    """The season of an instant."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms = [(instant(term.starts_at), instant(term.ends_at), term.number) for term in terms]

    def of(self, moment: int) -> int | None:
        """Return the number of the season that ran at `moment` (microseconds since 1970), None if none did."""
        for starts_at, ends_at, number in self._terms:
            if starts_at <= moment < ends_at:
                return number
        return None


_MEMBERS = text(
    "SELECT member_id, seq, category_id, amount, effective_at FROM point_transactions"
    " WHERE community_id = :community AND member_id BETWEEN :first AND :last ORDER BY member_id, member_seq"
)
_STORED = select(
    PointScore.member_id,
    PointScore.span,
    PointScore.start,
    PointScore.category_id,
    PointScore.points,
    PointScore.reached_seq,
).where(
    PointScore.community_id == bindparam("community"),
    PointScore.member_id.between(bindparam("first"), bindparam("last")),
)


def _scores(
    tx: Connection, community_id: int, days: Days, terms: Terms, members: Sequence[int], seen: Seen
) -> Iterator[Problem]:
    """Compare the scores of `members`, who are in order, with their transactions."""
    wanted = set(members)
    between = {"community": community_id, "first": members[0], "last": members[-1]}
    summed = _summed(tx, between, days, terms, wanted)
    wrong: dict[int, list[tuple[Key, object, object]]] = {}
    for member, span, start, category, points, seq in tx.execute(
        _STORED, between, execution_options=_STREAMED
    ):
        if member in wanted:
            seen.scores += 1
            want = summed.pop((member, span, start, category), None)
            if want != (points, seq):
                wrong.setdefault(span, []).append(((start, category, member), (points, seq), want))
    for (member, span, start, category), want in summed.items():
        wrong.setdefault(span, []).append(((start, category, member), None, want))
    for span, each in sorted(wrong.items()):
        yield from _differ(SCORES, _named(span), each)


def _summed(tx: Connection, between: dict[str, int], days: Days, terms: Terms, wanted: set[int]) -> Scored:
    """Return the scores of `wanted` members that their transactions make."""
    points: dict[Key, int] = {}
    reached: dict[Key, int] = {}
    summed: Scored = {}
    for member, seq, category, amount, moment in tx.execute(_MEMBERS, between, execution_options=_STREAMED):
        if member not in wanted:
            continue
        at = instant(moment)
        key = (member, days.of(at), category or EVERY_CATEGORY)
        points[key] = points.get(key, 0) + amount
        reached[key] = max(reached.get(key, 0), seq)
        if number := terms.of(at):
            _count(summed, (member, int(Span.SEASON), number), category, amount, seq)
    for (member, day, category), amount in points.items():
        seq = reached[member, day, category]
        for span in CALENDAR:
            _count(summed, (member, int(span), days.first(span, day)), category, amount, seq)
    return summed


def _count(summed: Scored, where: tuple[int, int, int], category: int, amount: int, seq: int) -> None:
    for heading in (EVERY_CATEGORY, category) if category else (EVERY_CATEGORY,):
        key = (*where, heading)
        before, earlier = summed.get(key, (0, 0))
        summed[key] = (before + amount, max(earlier, seq))


def _named(span: int) -> str:
    return Span(span).name.lower() if span in list(Span) else f"span {span}"


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


def all_time(tx: Connection, community_id: int) -> Iterator[Problem]:
    """Yield whether somebody's all-time score is not their balance."""
    differing = tx.execute(_ALL_TIME, {"community": community_id}).scalar_one()
    if differing:
        yield SCORES, f"{differing:,} all-time scores are not the balance"


def _others(tx: Connection, replay: Replay, seen: Seen) -> Iterator[Problem]:
    """Look at the scores of those who have no transactions."""
    yield from all_time(tx, replay.community_id)
    there = select(func.count()).select_from(PointScore)
    count = tx.execute(there.where(PointScore.community_id == replay.community_id)).scalar_one()
    if count != seen.scores:
        yield SCORES, f"{count - seen.scores:,} belong to no transaction"


def _buckets(tx: Connection, community_id: int) -> Iterator[Problem]:
    """Count the scores into buckets again; the scores were compared before."""
    stored = {
        tuple(row[1:-1]): row.members
        for row in tx.execute(select(ScoreBucket.__table__).where(ScoreBucket.community_id == community_id))
    }
    counted: dict[Key, int] = {}
    for level in range(LEVELS):
        bucket: ColumnElement[int] = literal_column(f"points >> {LEVEL_BITS * level}", BigInteger)
        board = (PointScore.span, PointScore.start, PointScore.category_id)
        query = (
            select(*board, bucket.label("bucket"), func.count())
            .where(PointScore.community_id == community_id, PointScore.points > 0)
            .group_by(*board, bucket)
        )
        if level != TOP:
            query = query.where(PointScore.span.in_([int(span) for span in RANKED]))
        for span, start, category, number, members in tx.execute(query):
            counted[span, start, category, level, number] = members
    wrong: list[tuple[Key, object, object]] = [
        (key, stored.get(key), counted.get(key))
        for key in stored.keys() | counted.keys()
        if stored.get(key) != counted.get(key)
    ]
    yield from _differ(BUCKETS, "counts", wrong)
