"""The summary of a window: what was given and taken, by category and by weekday, and how many took part."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, select

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
from points_core.reports.days import local_day, weekday
from points_core.windows import WindowName


@dataclass(frozen=True, slots=True)
class Heading:
    """What happened under one category; None for points without one."""

    category: str | None
    totals: Totals
    members: int


@dataclass(frozen=True, slots=True)
class Weekday:
    """What happened on one day of the week: 0 is Monday."""

    weekday: int
    totals: Totals


@dataclass(frozen=True, slots=True)
class Summary:
    """A window in numbers: `members` were moved points, `givers` awarded some.

    `categories` are those in use, the most awarded first; `weekdays` are all seven.
    """

    during: During
    totals: Totals
    members: int
    givers: int
    categories: tuple[Heading, ...]
    weekdays: tuple[Weekday, ...]


def summary(
    tx: Connection,
    community: str,
    now: datetime,
    *,
    window: WindowName | None = None,
    first: date | None = None,
    last: date | None = None,
) -> Summary:
    """Report a window in numbers. Raises InvalidSetting, InvalidTime."""
    where = place(tx, community, now, window, first, last)
    headings = by_category(tx, where)
    members, givers = tx.execute(select(*took_part()).where(*within(where))).one()
    return Summary(
        during=where.during,
        totals=together(heading.totals for heading in headings),
        members=members,
        givers=givers,
        categories=headings,
        weekdays=_by_weekday(tx, where),
    )


def by_category(tx: Connection, where: Place, *more: ColumnElement[bool]) -> tuple[Heading, ...]:
    """Return what happened under each category of the transactions of which `more` is true."""
    rows = tx.execute(
        select(
            PointTransaction.category_id,
            func.count(PointTransaction.member_id.distinct()),
            *added_up(),
        )
        .where(*within(where), *more)
        .group_by(PointTransaction.category_id)
    )
    found = [Heading(where.rules.category_name(row[0]), totals(row[2:]), row[1]) for row in rows]
    return tuple(sorted(found, key=lambda each: (-each.totals.awarded, each.category or "")))


def _by_weekday(tx: Connection, where: Place) -> tuple[Weekday, ...]:
    clock = PointTransaction.effective_at
    ends = tx.execute(select(func.min(clock), func.max(clock)).where(*within(where))).one()
    found: dict[int, Totals] = {}
    if ends[0] is not None:
        end = ends[1].astimezone(UTC) + timedelta(microseconds=1)
        day = weekday(local_day(tx.dialect.name, where.rules.zone, ends[0], end)).label("day")
        rows = tx.execute(select(day, *added_up()).where(*within(where)).group_by(day))
        found = {row[0]: totals(row[1:]) for row in rows}
    return tuple(Weekday(number, found.get(number, Totals())) for number in range(7))
