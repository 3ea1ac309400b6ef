"""What all reports share: which days, which sums, which people."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, case, cast, func, select

from points_core import communities, policy, sums
from points_core.errors import InvalidSetting, InvalidTime, UnknownMember
from points_core.models import Member, PointTransaction
from points_core.policy import Policy
from points_core.values import ActorKind, Kind
from points_core.windows import Window, WindowName


class ReportKind(StrEnum):
    """What can be reported."""

    SUMMARY = "summary"
    TRANSACTIONS = "transactions"
    MEMBER = "member"
    ACTIVITY = "activity"
    GIVERS = "givers"


SCHEDULABLE = (ReportKind.SUMMARY, ReportKind.ACTIVITY, ReportKind.GIVERS)
"""The reports about everybody: they may be shown to everybody, and post themselves."""


@dataclass(frozen=True, slots=True)
class During:
    """The days that a report is about, counted in `timezone`; `name` if the window was asked for by one."""

    window: Window
    name: WindowName | None
    timezone: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Some transactions added up: net = awarded − deducted + reversed + other.

    awards, deductions, reversals: how many. awarded, deducted: their points, both positive. reversed: the
    signed points that reversals moved. other: those of imports, redemptions, transfers and expiries.
    """

    transactions: int = 0
    awards: int = 0
    awarded: int = 0
    deductions: int = 0
    deducted: int = 0
    reversals: int = 0
    reversed: int = 0
    other: int = 0
    net: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a report: without id and name once erased, or where a public report leaves them out."""

    user_id: str | None
    name: str | None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a report reads: the community's number (None: never seen), its rules, the days."""

    community_id: int | None
    rules: Policy
    during: During

    @property
    def window(self) -> Window:
        """Return the days that the report is about."""
        return self.during.window


def place(
    tx: Connection,
    community: str,
    now: datetime,
    window: WindowName | None,
    first: date | None,
    last: date | None,
) -> Place:
    """Return where to read: a named window as it is at `now`, or the local days from `first` to `last`.

    This month if nothing is given. One end alone: to today, or from the first points on.
    Raises InvalidSetting for both ways at once, InvalidTime for a range without days.
    """
    rules = policy.of(tx, community)
    community_id = communities.find(tx, community)
    if first is None and last is None:
        name = window or WindowName.MONTH
        return Place(community_id, rules, During(Window.named(name, now, rules.zone), name, rules.timezone))
    if window is not None:
        raise InvalidSetting("window", window.value, "the only one of window and days")
    last = last or now.astimezone(rules.zone).date()
    if first is None:
        earliest = sums.first_effective(tx, community_id) if community_id is not None else None
        first = min(earliest.astimezone(rules.zone).date(), last) if earliest else last
    if last < first:
        raise InvalidTime(f"{first.isoformat()} to {last.isoformat()}")
    days = Window.between(first, last + timedelta(days=1), rules.zone)
    return Place(community_id, rules, During(days, None, rules.timezone))


# ── conditions ──


def within(place: Place, clock: Any = PointTransaction.effective_at) -> list[ColumnElement[bool]]:  # noqa: ANN401 - a column of times
    """Return what picks the rows of `clock`'s table that lie in the days of the report."""
    conditions: list[ColumnElement[bool]] = [clock.class_.community_id == place.community_id]
    if place.window.start is not None:
        conditions.append(clock >= place.window.start)
    if place.window.end is not None:
        conditions.append(clock < place.window.end)
    return conditions


def standing() -> list[ColumnElement[bool]]:
    """Return what picks awards that nobody took back."""
    takes_back = PointTransaction.__table__.alias("takes_back")
    undone = select(takes_back.c.seq).where(
        takes_back.c.community_id == PointTransaction.community_id,
        takes_back.c.reverses == PointTransaction.seq,
    )
    return [PointTransaction.kind == Kind.AWARD.value, ~undone.exists()]


def by_people() -> ColumnElement[bool]:
    """Return what picks transactions that a member saw to."""
    return PointTransaction.actor_kind == ActorKind.MEMBER.value


def took_part() -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Return the columns that count the members who were moved points, and those who awarded some."""
    awarded = by_people() & (PointTransaction.kind == Kind.AWARD.value)
    giver = case((awarded, PointTransaction.actor_id))
    return func.count(PointTransaction.member_id.distinct()), func.count(giver.distinct())


# ── sums ──


def added_up() -> list[ColumnElement[Any]]:
    """Return the columns of Totals, in the order of its fields."""
    kind, amount = PointTransaction.kind, PointTransaction.amount
    named = (Kind.AWARD.value, Kind.DEDUCTION.value, Kind.REVERSAL.value)
    award, deduction, reversal = (kind == name for name in named)

    def total(condition: ColumnElement[bool], value: Any) -> ColumnElement[Any]:  # noqa: ANN401 - a column or a number
        return cast(func.coalesce(func.sum(case((condition, value), else_=0)), 0), BigInteger)

    return [
        func.count(),
        total(award, 1),
        total(award, amount),
        total(deduction, 1),
        total(deduction, -amount),
        total(reversal, 1),
        total(reversal, amount),
        total(kind.not_in(named), amount),
        cast(func.coalesce(func.sum(amount), 0), BigInteger),
    ]


def totals(values: Iterable[Any]) -> Totals:
    """Return the Totals in the columns of `added_up`."""
    return Totals(*map(int, values))


def together(parts: Iterable[Totals]) -> Totals:
    """Return the sum of several Totals."""
    every = list(parts)
    return Totals(*(sum(getattr(part, field.name) for part in every) for field in fields(Totals)))


# ── people ──


def people(
    tx: Connection, community_id: int, member_ids: Iterable[int], *, public: bool
) -> Mapping[int, Person]:
    """Return who the members of these numbers are; if `public`, without the names of who hid theirs."""
    wanted = sorted(set(member_ids))
    found: dict[int, Person] = {}
    for begin in range(0, len(wanted), 1_000):  # SQLite takes 32,766 parameters in one statement
        rows = tx.execute(
            select(Member.id, Member.user_id, Member.name, Member.hidden_at).where(
                Member.community_id == community_id, Member.id.in_(wanted[begin : begin + 1_000])
            )
        )
        found |= {row.id: person(row, public=public) for row in rows}
    return found


def person(row: Any, *, public: bool) -> Person:  # noqa: ANN401 - a row with user_id, name and hidden_at
    """Return the person of a row."""
    hidden = row.hidden_at is not None
    return Person(None, None, True) if hidden and public else Person(row.user_id, row.name, hidden)


def member_number(tx: Connection, place: Place, user_id: str) -> int:
    """Return the number of the member with the outside id `user_id`. Raises UnknownMember."""
    known = communities.people(tx, place.community_id, [user_id]) if place.community_id is not None else {}
    if user_id not in known:
        raise UnknownMember(user_id)
    return known[user_id].id
