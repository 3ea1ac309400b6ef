"""Each member's points in any window: as they are now, as they stood then, as corrected since.

Scores are kept per span; here they are added up, and the ledger is read only for what they cannot say.

now            the stored span, or the largest spans that make the window up
as corrected   whole days up to the date from scores, the rest of its day from the ledger
as it stood    today's scores less what was recorded since, or what was recorded by then: whichever is shorter

Every way says the same of a member: the points, and `reached_seq`, the last transaction that counts.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    case,
    cast,
    func,
    literal,
    select,
    union_all,
)

from points_core import ranks
from points_core.models import PointScore, PointTransaction
from points_core.scores import EVERY_CATEGORY
from points_core.windows import Span, Window, first_day, midnight, whole_spans

Sums = Select[*tuple[Any, ...]]
"""Rows of (member_id, points, reached_seq)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which points: of a community, in a category (0: all), in a window, at a date.

    `zone` is the one in which the community counts its scores. `as_of` is the instant to look at, None for
    now; as it stood then, unless `corrected`.
    """

    community_id: int
    category_id: int
    window: Window
    zone: ZoneInfo
    as_of: datetime | None = None
    corrected: bool = False

    @property
    def stored(self) -> Span | None:
        """Return the span whose scores are exactly what is wanted, None if there is none."""
        current = self.as_of is None and self.window.counted_in(self.zone)
        return self.window.span if current else None


def settled(tx: Connection, wanted: Wanted) -> Wanted:
    """Return what is wanted without its date, if nothing that came after it changes the answer."""
    as_of, window = wanted.as_of, wanted.window
    if as_of is None:
        return wanted
    if wanted.corrected and window.end is not None and window.end <= as_of:
        return replace(wanted, as_of=None)
    clock = PointTransaction.effective_at if wanted.corrected else PointTransaction.recorded_at
    later = select(PointTransaction.seq).where(
        PointTransaction.community_id == wanted.community_id, clock > as_of
    )
    return wanted if tx.execute(later.limit(1)).first() else replace(wanted, as_of=None)


def of(tx: Connection, wanted: Wanted) -> Sums:
    """Return the SELECT that sums up what is `wanted`; some of its members have 0 points or fewer."""
    wanted = settled(tx, wanted)
    whole = wanted.window.counted_in(wanted.zone)
    if wanted.as_of is None:
        return _scores(tx, wanted) if whole else _ledger(wanted)
    if wanted.corrected:
        return _corrected(tx, wanted, wanted.as_of) if whole else _ledger(wanted, _by(wanted.as_of))
    return _as_it_stood(tx, wanted, wanted.as_of, whole=whole)


def place(tx: Connection, wanted: Wanted, points: int) -> tuple[int, int]:
    """Return the rank that `points` have among what is wanted, and how many members have more than 0."""
    wanted = settled(tx, wanted)
    if wanted.stored is Span.ALL:
        whose = (wanted.community_id, wanted.category_id)
        return ranks.rank(tx, *whose, max(points, 0)), ranks.count(tx, *whose)
    summed = of(tx, wanted).subquery("summed")
    above = func.coalesce(func.sum(case((summed.c.points > points, 1), else_=0)), 0)
    row = tx.execute(select(above, func.count()).where(summed.c.points > 0)).one()
    return 1 + int(row[0]), int(row[1])


def last_recorded(tx: Connection, community_id: int, as_of: datetime) -> int:
    """Return the number of the last transaction recorded by `as_of`, 0 if there is none."""
    latest = (
        select(PointTransaction.seq)
        .where(PointTransaction.community_id == community_id, PointTransaction.recorded_at <= as_of)
        .order_by(PointTransaction.recorded_at.desc(), PointTransaction.seq.desc())
        .limit(1)
    )
    return tx.execute(latest).scalar() or 0


def first_effective(tx: Connection, community_id: int, as_of: datetime | None = None) -> datetime | None:
    """Return when the earliest of the community's points count, None if it has none.

    as_of: an instant (aware); of what was recorded by then.
    """
    earliest = (
        select(PointTransaction.effective_at)
        .where(PointTransaction.community_id == community_id)
        .order_by(PointTransaction.effective_at)
        .limit(1)
    )
    if as_of is not None:
        earliest = earliest.where(PointTransaction.recorded_at <= as_of)
    return tx.execute(earliest).scalar()


# ── scores ──


def _scores(tx: Connection, wanted: Wanted) -> Sums:
    window = wanted.window
    if window.span is not None:
        return _of_span(wanted, window.span, [window.ordinal])
    assert window.after is not None
    return _together(_days(tx, wanted, window.after))


def _of_span(wanted: Wanted, span: Span, starts: list[int]) -> Sums:
    return select(PointScore.member_id, PointScore.points, PointScore.reached_seq).where(
        PointScore.community_id == wanted.community_id,
        PointScore.span == int(span),
        PointScore.start.in_(starts),
        PointScore.category_id == wanted.category_id,
    )


def _days(tx: Connection, wanted: Wanted, after: date) -> list[Sums]:
    """Return the scores that make up the window's days before `after`."""
    first = wanted.window.first
    if first is None:
        earliest = first_effective(tx, wanted.community_id)
        first = first_day(Span.YEAR, earliest.astimezone(wanted.zone).date()) if earliest else after
    return [
        _of_span(wanted, span, [day.toordinal() for day in days])
        for span, days in whole_spans(first, after).items()
    ]


def _together(parts: list[Sums]) -> Sums:
    """Return the parts as one, each member once."""
    every = union_all(*parts).subquery("every") if len(parts) > 1 else parts[0].subquery("every")
    return select(
        every.c.member_id,
        cast(func.sum(every.c.points), BigInteger).label("points"),
        func.max(every.c.reached_seq).label("reached_seq"),
    ).group_by(every.c.member_id)


# ── the ledger ──


def _counted(wanted: Wanted, *more: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    conditions = [PointTransaction.community_id == wanted.community_id, *more]
    if wanted.category_id != EVERY_CATEGORY:
        conditions.append(PointTransaction.category_id == wanted.category_id)
    if wanted.window.start is not None:
        conditions.append(PointTransaction.effective_at >= wanted.window.start)
    if wanted.window.end is not None:
        conditions.append(PointTransaction.effective_at < wanted.window.end)
    return conditions


def _by(as_of: datetime) -> ColumnElement[bool]:
    return PointTransaction.effective_at <= as_of


def _rows(wanted: Wanted, *more: ColumnElement[bool]) -> Sums:
    """Return the transactions one by one, for adding to scores."""
    return select(
        PointTransaction.member_id,
        PointTransaction.amount.label("points"),
        PointTransaction.seq.label("reached_seq"),
    ).where(*_counted(wanted, *more))


def _ledger(wanted: Wanted, *more: ColumnElement[bool]) -> Sums:
    # without the + 0 SQLite, once analyzed, reads the whole ledger in the order of an index by member
    member_id = PointTransaction.member_id + 0
    return (
        select(
            member_id.label("member_id"),
            cast(func.sum(PointTransaction.amount), BigInteger).label("points"),
            func.max(PointTransaction.seq).label("reached_seq"),
        )
        .where(*_counted(wanted, *more))
        .group_by(member_id)
    )


# ── as corrected ──


def _corrected(tx: Connection, wanted: Wanted, as_of: datetime) -> Sums:
    """Whole days from the scores, the day of `as_of` from the ledger up to that instant."""
    day = as_of.astimezone(wanted.zone).date()
    remainder = (PointTransaction.effective_at >= midnight(day, wanted.zone), _by(as_of))
    first = wanted.window.first
    if first is not None and first >= day:
        return _ledger(wanted, *remainder)
    return _together([*_days(tx, wanted, day), _rows(wanted, *remainder)])


# ── as it stood ──


def _as_it_stood(tx: Connection, wanted: Wanted, as_of: datetime, *, whole: bool) -> Sums:
    last = last_recorded(tx, wanted.community_id, as_of)
    head = tx.execute(
        select(func.max(PointTransaction.seq)).where(PointTransaction.community_id == wanted.community_id)
    ).scalar()
    since = (head or 0) - last
    if _in_window(tx, wanted, min(last, since)) < min(last, since):
        return _ledger(wanted, PointTransaction.seq + 0 <= last)  # + 0: by date is shorter than by number
    if since < last and whole:
        return _taken_back(tx, replace(wanted, as_of=None), last)
    return _ledger(wanted, PointTransaction.seq <= last)


def _in_window(tx: Connection, wanted: Wanted, most: int) -> int:
    """Return how many transactions count in the window, at most `most`; all of them do in one without ends."""
    if wanted.window.start is None and wanted.window.end is None:
        return most
    every = replace(wanted, category_id=EVERY_CATEGORY)
    some = select(literal(1)).where(*_counted(every)).limit(most).subquery()
    return int(tx.execute(select(func.count()).select_from(some)).scalar_one())


def _taken_back(tx: Connection, wanted: Wanted, last: int) -> Sums:
    """Today's scores less every transaction after number `last`.

    Who was in one of those reached today's points with it: what they reached before is looked up.
    """
    now = _scores(tx, wanted).add_columns(literal(0).label("later"))
    since = select(
        PointTransaction.member_id,
        -PointTransaction.amount,
        literal(0),
        literal(1),
    ).where(*_counted(wanted, PointTransaction.seq > last))
    every = union_all(now, since).subquery("every").c
    then = (
        select(
            every.member_id,
            cast(func.sum(every.points), BigInteger).label("points"),
            func.max(every.reached_seq).label("reached_seq"),
            func.max(every.later).label("later"),
        )
        .group_by(every.member_id)
        .subquery("stood")
    )
    earlier = (
        select(PointTransaction.seq)
        .where(
            *_counted(wanted, PointTransaction.seq + 0 <= last),
            PointTransaction.member_id == then.c.member_id,
        )
        .order_by(PointTransaction.member_seq.desc())
        .limit(1)
        .correlate(then)
        .scalar_subquery()
    )
    reached = case((then.c.later == 0, then.c.reached_seq), else_=earlier).label("reached_seq")
    return select(then.c.member_id, then.c.points, reached)
