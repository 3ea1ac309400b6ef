"""What a verification looks at that begins where the books were last in order: what came since, and what it touched.

It trusts what was verified up to the mark, and reads it again only where a new transaction touched it. So it proves

    each new transaction, and that none is missing anywhere;
    the balance of each member who moved against their last transaction, every balance against the all-time score,
    and what all members together have and ever spent against the mark and what came since;
    every score of the days that were touched against the transactions of the day, and the longer spans of those who
    moved, in the categories they moved in, against the shorter ones that they consist of;
    on touched boards that each level of buckets counts whoever stands there, and the lowest their points.

It proves nothing of what older transactions say, nor of scores, buckets and sealed seasons that nobody touched: a
change there shows when everything is read. A season that begins or ends within a day is not added up from its days.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, func, select, text

from points_core import policy, scores
from points_core.models import PointBalance, UtcDateTime
from points_core.scores import EVERY_CATEGORY, RANKED, Term, levels
from points_core.verification import projections
from points_core.verification.broken import Problem, readable
from points_core.verification.chained import Replay, instant
from points_core.verification.projections import BALANCES, BUCKETS, NAMED, SCORES, SPENT, Days, Terms
from points_core.windows import CALENDAR, Span, Window

PRIME: Final = 2**31 - 1  # sums are compared modulo this one: whole ones could pass what a database holds

FOR_SPENT: Final = 1_000_003

PARTS: Final = {
    Span.WEEK: Span.DAY,
    Span.MONTH: Span.DAY,
    Span.QUARTER: Span.MONTH,
    Span.YEAR: Span.QUARTER,
    Span.ALL: Span.YEAR,
    Span.SEASON: Span.DAY,
}
"""Which shorter spans each one consists of."""


def problems(tx: Connection, replay: Replay, *, all_there: bool, totals: int | None) -> Iterator[Problem]:
    """Yield what the new transactions left otherwise than it should be.

    `all_there` says that no transaction is missing anywhere, `totals` what `totals_of` said at the mark.
    """
    yield from readable("the head", projections.head(tx, replay, count=not all_there))
    yield from readable("balances", _balances(tx, replay, totals))
    yield from readable("scores", _scores(tx, replay))


def totals_of(tx: Connection, community_id: int) -> int:
    """Return one number for what all members together have and ever spent: FOR_SPENT times the latter, modulo PRIME."""
    summed = select(func.sum(PointBalance.current % PRIME), func.sum(PointBalance.spent % PRIME))
    return _together(*tx.execute(summed.where(PointBalance.community_id == community_id)).one())


def _together(current: int | None, spent: int | None) -> int:
    return (int(current or 0) + FOR_SPENT * int(spent or 0)) % PRIME


# ── balances ──

_NEW = "t.community_id = :community AND t.seq > :after"
_MOVED = text(
    f"""
    SELECT m.member_id, b.current, m.last_seq FROM (
        SELECT t.member_id, MAX(t.seq) AS last_seq FROM point_transactions t WHERE {_NEW} GROUP BY t.member_id
    ) m JOIN point_transactions t ON t.community_id = :community AND t.seq = m.last_seq
    LEFT JOIN point_balances b ON b.community_id = :community AND b.member_id = m.member_id
    WHERE b.member_id IS NULL OR b.last_seq <> m.last_seq OR b.current <> t.balance_after
        OR b.transactions <> t.member_seq OR b.updated_at <> t.recorded_at
    ORDER BY m.member_id LIMIT :named
    """  # noqa: S608
)
_SINCE = text(
    f"SELECT SUM(t.amount % {PRIME}), SUM(({SPENT}) % {PRIME}) FROM point_transactions t WHERE {_NEW}"  # noqa: S608
)


def _balances(tx: Connection, replay: Replay, totals: int | None) -> Iterator[Problem]:
    since = {"community": replay.community_id, "after": replay.after}
    for row in tx.execute(_MOVED, {**since, "named": NAMED}):
        yield BALANCES, f"member {row.member_id}: {row.current} stored, not moved by #{row.last_seq}"
    if totals is not None:
        wanted = (totals + _together(*tx.execute(_SINCE, since).one())) % PRIME
        if totals_of(tx, replay.community_id) != wanted:
            yield BALANCES, "together they are not what they were at the mark and what came since"
    yield from projections.all_time(tx, replay.community_id)


# ── scores and buckets ──

_TOUCHING = text(f"SELECT t.category_id, t.effective_at FROM point_transactions t WHERE {_NEW}")  # noqa: S608
_INSTANTS = (bindparam("begin", type_=UtcDateTime()), bindparam("end", type_=UtcDateTime()))
_OF_A_DAY = text(
    "SELECT t.member_id, t.category_id, SUM(t.amount), MAX(t.seq) FROM point_transactions t"
    " WHERE t.community_id = :community AND t.effective_at >= :begin AND t.effective_at < :end GROUP BY 1, 2"
).bindparams(*_INSTANTS)
_KEPT = text(
    "SELECT member_id, category_id, points, reached_seq FROM point_scores"
    " WHERE community_id = :community AND span = :span AND start = :number"
)
_CONSIST = """
    SELECT COUNT(*) FROM (
        SELECT t.member_id, t.category_id FROM point_transactions t WHERE {new} AND t.category_id IS NOT NULL
        UNION SELECT t.member_id, 0 FROM point_transactions t WHERE {new}
    ) m LEFT JOIN point_scores s ON s.community_id = :community AND s.member_id = m.member_id
        AND s.span = :span AND s.start = :number AND s.category_id = m.category_id
    WHERE s.member_id IS NULL OR (s.points, s.reached_seq) <> (
        SELECT COALESCE(SUM(p.points), 0), COALESCE(MAX(p.reached_seq), 0) FROM point_scores p
        WHERE p.community_id = :community AND p.member_id = m.member_id AND p.span = :part
          AND p.start >= :first AND p.start < :after_last AND p.category_id = m.category_id)
"""
_ALL_CONSIST = text(_CONSIST.format(new=_NEW))
# the few new ones are found by their number: an index by date would have a year's read
_WHEN = "COALESCE(t.effective_at, t.recorded_at)"
_SPAN_CONSISTS = text(_CONSIST.format(new=f"{_NEW} AND {_WHEN} >= :begin AND {_WHEN} < :end")).bindparams(
    *_INSTANTS
)

_COUNTED = text(
    f"""
    SELECT COUNT(*), COALESCE(SUM(points % {PRIME}), 0) FROM point_scores
    WHERE community_id = :community AND span = :span AND start = :number AND category_id = :category AND points > 0
    """  # noqa: S608
)
_LEVELS = text(
    f"""
    SELECT level, SUM(members), SUM((bucket % {PRIME}) * members % {PRIME}) FROM score_buckets
    WHERE community_id = :community AND span = :span AND start = :number AND category_id = :category
    GROUP BY level ORDER BY level
    """  # noqa: S608
)


def _scores(tx: Connection, replay: Replay) -> Iterator[Problem]:
    zone, terms = policy.by_number(tx, replay.community_id).zone, scores.terms(tx, replay.community_id)
    for (span, number), categories in sorted(_touched(tx, replay, zone, terms).items()):
        window = _window(span, number, zone, terms)
        if span is Span.DAY:
            yield from _day(tx, replay.community_id, window)
        elif span is not Span.SEASON or window.counted_in(zone):
            yield from _longer(tx, replay, span, window)
        for category in sorted(categories):
            yield from _board(tx, replay.community_id, span, number, category)


def _touched(
    tx: Connection, replay: Replay, zone: ZoneInfo, terms: Sequence[Term]
) -> dict[tuple[Span, int], set[int]]:
    """Return which boards the new transactions changed, by span and start, and in which categories."""
    days, seasons = Days(zone), Terms(terms)
    touched: dict[tuple[Span, int], set[int]] = {}
    for category, moment in tx.execute(_TOUCHING, {"community": replay.community_id, "after": replay.after}):
        at = instant(moment)
        day, season = days.of(at), seasons.of(at)
        boards = [(span, days.first(span, day)) for span in CALENDAR]
        for board in (*boards, (Span.SEASON, season)) if season else boards:
            touched.setdefault(board, {EVERY_CATEGORY}).add(category or EVERY_CATEGORY)
    return touched


def _window(span: Span, number: int, zone: ZoneInfo, terms: Sequence[Term]) -> Window:
    if span is Span.ALL:
        return Window.all_time()
    if span is not Span.SEASON:
        return Window.of_span(span, date.fromordinal(number), zone)
    term = next(term for term in terms if term.number == number)
    first, after = (moment.astimezone(zone).date() for moment in (term.starts_at, term.ends_at))
    return Window(span, first, after, term.starts_at, term.ends_at, season=number)


def _day(tx: Connection, community_id: int, window: Window) -> Iterator[Problem]:
    """Compare every score of a day with its transactions."""
    here = {"community": community_id, "span": int(Span.DAY), "number": window.ordinal}
    summed: dict[tuple[int, int], tuple[int, int]] = {}
    instants = {"begin": window.start, "end": window.end}
    for member, category, points, seq in tx.execute(_OF_A_DAY, {"community": community_id, **instants}):
        for heading in (EVERY_CATEGORY, category) if category else (EVERY_CATEGORY,):
            before, earlier = summed.get((member, heading), (0, 0))
            summed[member, heading] = (before + int(points), max(earlier, seq))
    stored = {(member, heading): (points, seq) for member, heading, points, seq in tx.execute(_KEPT, here)}
    if stored != summed:
        wrong = sorted(key for key in stored.keys() | summed.keys() if stored.get(key) != summed.get(key))
        have, want = stored.get(wrong[0]), summed.get(wrong[0])
        yield SCORES, f"day: {len(wrong):,} differ; the first, {wrong[0]}: {have} stored, {want} summed"


def _longer(tx: Connection, replay: Replay, span: Span, window: Window) -> Iterator[Problem]:
    """Compare the scores of those who moved with the shorter spans that they consist of."""
    asked: dict[str, object] = {
        "community": replay.community_id,
        "after": replay.after,
        "span": int(span),
        "number": window.ordinal,
        "part": int(PARTS[span]),
        "first": window.first.toordinal() if window.first else 0,
        "after_last": window.after.toordinal() if window.after else date.max.toordinal(),
    }
    if window.start is None:
        differing = tx.execute(_ALL_CONSIST, asked).scalar_one()
    else:
        differing = tx.execute(
            _SPAN_CONSISTS, {**asked, "begin": window.start, "end": window.end}
        ).scalar_one()
    if differing:
        name = f"{span.name.lower()} {window.ordinal}"
        yield SCORES, f"{name}: {differing:,} of those who moved are not the sum of what is in it"


def _board(tx: Connection, community_id: int, span: Span, number: int, category: int) -> Iterator[Problem]:
    """Look whether the buckets of each level count who stands on a board, and the lowest their points."""
    board = {"community": community_id, "span": int(span), "number": number, "category": category}
    members, points = tx.execute(_COUNTED, board).one()
    found = {level: (int(count), int(summed) % PRIME) for level, count, summed in tx.execute(_LEVELS, board)}
    wanted = dict.fromkeys(levels(span) if members else (), members)
    name = f"{span.name.lower()} {number}, category {category}"
    if {level: count for level, (count, _) in found.items()} != wanted:
        yield BUCKETS, f"{name}: not every level counts the {members:,} members of the board"
    elif span in RANKED and members and found[0][1] != int(points) % PRIME:
        yield BUCKETS, f"{name}: the lowest level does not hold the board's points"
