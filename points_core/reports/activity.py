"""Activity over time: what happened in each day, week, month or year, and how many people it touched."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from dateutil.relativedelta import relativedelta
from sqlalchemy import ColumnElement, Connection, func, select

from points_core.errors import InvalidSetting
from points_core.models import PointTransaction
from points_core.reports.about import (
    During,
    Place,
    Totals,
    added_up,
    place,
    together,
    took_part,
    totals,
    within,
)
from points_core.reports.days import first_of, local_day, period
from points_core.windows import Span, WindowName, first_day

EVERY = {"day": Span.DAY, "week": Span.WEEK, "month": Span.MONTH, "year": Span.YEAR}
"""How finely activity can be told, by name."""

MAX_PERIODS = 400  # a year of days, and what one document or picture can still show
DAYS_SHOWN, WEEKS_SHOWN = 35, 190  # days in a window that is told by day, by week; longer ones by month
MONTHS_SHOWN = 30 * 365  # and by month: imported points may be dated 1970, where a clock began


@dataclass(frozen=True, slots=True)
class Period:
    """One day, week, month or year, called by its first day; `members` were moved points, `givers` awarded some.

    The first period of a report may begin before the report does; only days of the report count.
    """

    first: date
    totals: Totals
    members: int = 0
    givers: int = 0


@dataclass(frozen=True, slots=True)
class Activity:
    """What happened over time, `every` day, week, month or year, quiet ones included."""

    during: During
    every: str
    totals: Totals
    periods: tuple[Period, ...]


def activity(
    tx: Connection,
    community: str,
    now: datetime,
    *,
    window: WindowName | None = None,
    first: date | None = None,
    last: date | None = None,
    every: str | None = None,
) -> Activity:
    """Report what happened in each day, week, month or year of a window.

    every: one of EVERY; what suits the length of the window if None. now: aware; nothing later is shown empty.
    Raises InvalidSetting, InvalidTime.
    """
    where = place(tx, community, now, window, first, last)
    every, found = series(tx, where, now, every)
    return Activity(where.during, every, together(each.totals for each in found), found)


def series(
    tx: Connection, where: Place, now: datetime, every: str | None, *more: ColumnElement[bool]
) -> tuple[str, tuple[Period, ...]]:
    """Return how finely, and the periods of the transactions of which `more` is true. Raises InvalidSetting."""
    if every is not None and every not in EVERY:
        raise InvalidSetting("every", every, "one of " + ", ".join(EVERY))
    extent = _extent(tx, where, now, more)
    if extent is None:
        return every or "day", ()
    start, end = extent
    zone = where.rules.zone
    days = start.astimezone(zone).date(), (end - timedelta(microseconds=1)).astimezone(zone).date()
    every = every or _suitable(*days)
    span = EVERY[every]
    starts = list(_starts(span, *days))
    found = _found(tx, where, span, start, end, more)
    if len(starts) > MAX_PERIODS:
        if span is not Span.YEAR:
            expected = f"a longer one for so many days: at most {MAX_PERIODS} are told"
            raise InvalidSetting("every", every, expected)
        starts = sorted(found)  # centuries: the quiet years between them say nothing
    return every, tuple(found.get(first, Period(first, Totals())) for first in starts)


def _extent(
    tx: Connection, where: Place, now: datetime, more: tuple[ColumnElement[bool], ...]
) -> tuple[datetime, datetime] | None:
    """Return from when to when there is something to show; a window's days to come are not empty, but unknown."""
    clock = PointTransaction.effective_at
    row = tx.execute(select(func.min(clock), func.max(clock)).where(*within(where), *more)).one()
    earliest: datetime | None = row[0]
    if earliest is None:
        return None
    after = row[1] + timedelta(microseconds=1)
    if where.window.start is None or where.window.end is None:
        return earliest, after
    return where.window.start, min(where.window.end, max(after, now.astimezone(UTC)))


def _suitable(first: date, last: date) -> str:
    days = (last - first).days + 1
    if days <= WEEKS_SHOWN:
        return "day" if days <= DAYS_SHOWN else "week"
    return "month" if days <= MONTHS_SHOWN else "year"


def _starts(span: Span, first: date, last: date) -> Iterator[date]:
    step = {
        Span.DAY: relativedelta(days=1),
        Span.WEEK: relativedelta(weeks=1),
        Span.MONTH: relativedelta(months=1),
        Span.YEAR: relativedelta(years=1),
    }
    day = first_day(span, first)
    while day <= last:
        yield day
        day += step[span]


def _found(
    tx: Connection,
    where: Place,
    span: Span,
    start: datetime,
    end: datetime,
    more: tuple[ColumnElement[bool], ...],
) -> dict[date, Period]:
    dialect = tx.dialect.name
    number = period(dialect, local_day(dialect, where.rules.zone, start, end), span).label("number")
    rows = tx.execute(select(number, *took_part(), *added_up()).where(*within(where), *more).group_by(number))
    found = (Period(first_of(span, row[0]), totals(row[3:]), members=row[1], givers=row[2]) for row in rows)
    return {each.first: each for each in found}
