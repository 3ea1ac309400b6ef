"""Local days in SQL: no database of ours knows a community's zone, so its offsets are told.

Days are numbered like Python's `date.toordinal`. A day, week, month or year belongs to the wall clock: in an hour
that autumn repeats, both count on the day they show.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Integer, case, cast, extract, func, literal

from points_core.models import PointTransaction
from points_core.windows import Span

EPOCH = date(1970, 1, 1).toordinal()
DAY_S = 86_400


def local_day(dialect: str, zone: ZoneInfo, start: datetime, end: datetime) -> ColumnElement[int]:
    """Return the number of the local day on which a transaction counts, right from `start` to `end`."""
    seconds = _epoch(dialect) + _offset(zone, start, end) + literal(EPOCH * DAY_S, BigInteger)
    return cast(seconds // literal(DAY_S, BigInteger), Integer)


def period(dialect: str, day: ColumnElement[int], span: Span) -> ColumnElement[int]:
    """Return the number of the `span` (day, week, month or year) that holds a local day; see `first_of`."""
    if span is Span.DAY:
        return day
    if span is Span.WEEK:
        return day - weekday(day)
    seconds = (cast(day, BigInteger) - EPOCH) * literal(DAY_S, BigInteger)  # past 2038, too
    if dialect == "sqlite":
        year, month = (cast(func.strftime(part, seconds, "unixepoch"), Integer) for part in ("%Y", "%m"))
    else:
        moment = func.timezone("UTC", func.to_timestamp(seconds))
        year, month = (cast(extract(part, moment), Integer) for part in ("year", "month"))
    return year if span is Span.YEAR else year * 12 + month - 1


def weekday(day: ColumnElement[int]) -> ColumnElement[int]:
    """Return the weekday of a local day: 0 for Monday."""
    return (day + 6) % 7


def first_of(span: Span, number: int) -> date:
    """Return the first day of the day, week, month or year that `period` numbered so."""
    if span is Span.YEAR:
        return date(number, 1, 1)
    return date(number // 12, number % 12 + 1, 1) if span is Span.MONTH else date.fromordinal(number)


def offsets(zone: ZoneInfo, start: datetime, end: datetime) -> list[tuple[datetime, int]]:
    """Return the zone's offsets in seconds from `start` to `end`, each with the instant before which it holds."""
    found: list[tuple[datetime, int]] = []
    moment = start
    while moment < end:
        following = min(moment + timedelta(days=1), end)
        if _seconds(zone, following) != _seconds(zone, moment):
            found.append((_change(zone, moment, following), _seconds(zone, moment)))
        moment = following
    return [*found, (end, _seconds(zone, end))]


def _change(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the second from which on the offset is the one of `after`."""
    new = _seconds(zone, after)
    low, high = int(before.timestamp()), int(after.timestamp()) + 1
    while high - low > 1:
        middle = (low + high) // 2
        if _seconds(zone, datetime.fromtimestamp(middle, UTC)) == new:
            high = middle
        else:
            low = middle
    return datetime.fromtimestamp(high, UTC)


def _seconds(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _offset(zone: ZoneInfo, start: datetime, end: datetime) -> ColumnElement[int]:
    *changes, (_, last) = offsets(zone, start, end)
    final = literal(last, BigInteger)
    if not changes:
        return final
    clock = PointTransaction.effective_at
    return case(*[(clock < until, literal(offset, BigInteger)) for until, offset in changes], else_=final)


def _epoch(dialect: str) -> ColumnElement[int]:
    """Return the whole seconds since 1970, rounded down; SQLite would round 23:59:59.9996 up to midnight."""
    clock = PointTransaction.effective_at
    if dialect == "sqlite":
        return cast(func.strftime("%s", func.substr(clock, 1, 19)), BigInteger)
    return cast(func.floor(extract("epoch", clock)), BigInteger)
