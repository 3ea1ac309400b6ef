"""Three ways to sum points up, with the same answer; which is the shortest depends on the question."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Connection, cast, func, literal, select, union_all

from points_core.models import PointScore, PointTransaction
from points_core.sums.wanted import Conditions, Sums, Wanted
from points_core.windows import Span, first_day, midnight, whole_spans


def from_ledger(wanted: Wanted, counted: Conditions = ()) -> Sums:
    """Sum up the transactions of which `counted` is true."""
    # without the + 0 SQLite, once analyzed, reads the whole ledger in the order of an index by member
    member_id = PointTransaction.member_id + 0
    return (
        select(
            member_id.label("member_id"),
            cast(func.sum(PointTransaction.amount), BigInteger).label("points"),
            func.max(PointTransaction.seq).label("reached_seq"),
        )
        .where(*wanted.transactions(), *counted)
        .group_by(member_id)
    )


def of_span(wanted: Wanted, span: Span, starts: list[int]) -> Sums:
    """Return the scores of `span` that begin on the days `starts`: each member once if that is one day."""
    return select(PointScore.member_id, PointScore.points, PointScore.reached_seq).where(
        PointScore.community_id == wanted.community_id,
        PointScore.span == int(span),
        PointScore.start.in_(starts),
        PointScore.category_id == wanted.category_id,
    )


def spans_of(wanted: Wanted, after: date, earliest: datetime | None) -> dict[Span, list[date]]:
    """Return the largest spans that make up the window's days before `after`.

    A window without a beginning begins with the year of the `earliest` points.
    """
    first = wanted.window.first
    if first is None:
        first = first_day(Span.YEAR, earliest.astimezone(wanted.zone).date()) if earliest else after
    return whole_spans(first, after)


def from_spans(wanted: Wanted, spans: dict[Span, list[date]]) -> Sums:
    """Add the scores of `spans` up, and of the day of `wanted.as_of` the transactions up to that instant."""
    parts = [of_span(wanted, span, [day.toordinal() for day in days]) for span, days in spans.items()]
    if wanted.as_of is not None:
        day = wanted.as_of.astimezone(wanted.zone).date()
        parts.append(
            select(
                PointTransaction.member_id,
                PointTransaction.amount.label("points"),
                PointTransaction.seq.label("reached_seq"),
            ).where(
                *wanted.transactions(),
                PointTransaction.effective_at >= midnight(day, wanted.zone),
                PointTransaction.effective_at <= wanted.as_of,
            )
        )
    every = union_all(*parts).subquery("every") if len(parts) > 1 else parts[0].subquery("every")
    return select(
        every.c.member_id,
        cast(func.sum(every.c.points), BigInteger).label("points"),
        func.max(every.c.reached_seq).label("reached_seq"),
    ).group_by(every.c.member_id)


def taken_back(wanted: Wanted, span: Span, counted: Conditions, later: Conditions) -> Sums:
    """Return today's scores of the window, which is one `span`, less the transactions of which `later` is true.

    Whoever was in one of those reached today's points with it: what they reached before is looked up, among
    those of which `counted` is true.
    """
    since = from_ledger(wanted, later).cte("later")
    untouched = of_span(wanted, span, [wanted.window.ordinal])
    now = untouched.subquery("now").c
    earlier = _last_of(wanted, counted).where(PointTransaction.member_id == since.c.member_id)
    touched = select(
        since.c.member_id,
        now.points - since.c.points,
        earlier.correlate(since).scalar_subquery(),
    ).join_from(since, now.points.table, now.member_id == since.c.member_id)
    others = untouched.where(PointScore.member_id.not_in(select(since.c.member_id)))
    return select(union_all(others, touched).subquery("stood"))


def _last_of(wanted: Wanted, counted: Conditions) -> Sums:
    last = select(PointTransaction.seq).where(*wanted.transactions(), *counted)
    return last.order_by(PointTransaction.member_seq.desc()).limit(1)


def how_many(tx: Connection, conditions: Conditions, most: int) -> int:
    """Return how many transactions fulfil `conditions`, at most `most`."""
    some = select(literal(1)).where(*conditions).limit(most).subquery()
    return int(tx.execute(select(func.count()).select_from(some)).scalar_one())
