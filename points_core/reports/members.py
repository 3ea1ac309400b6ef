"""One member's statistics: what they got, for what, from whom, and what they gave themselves."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import BigInteger, Connection, cast, func, select

from points_core import history
from points_core.models import Member, PointTransaction
from points_core.reports.about import (
    During,
    Person,
    Place,
    Totals,
    by_people,
    member_number,
    people,
    person,
    place,
    standing,
    together,
    within,
)
from points_core.reports.activity import Period, series
from points_core.reports.summary import Heading, by_category
from points_core.values import Kind
from points_core.windows import WindowName


@dataclass(frozen=True, slots=True)
class From:
    """What one giver awarded a member; awards that were taken back do not count."""

    giver: Person
    awards: int
    points: int


@dataclass(frozen=True, slots=True)
class MemberReport:
    """One member in a window; `current` and `rank` are as of now, everything else is of the window.

    `best` is the day, week, month or year with the most points. `given` and `given_awards` are what the member
    awarded to others and nobody took back.
    """

    during: During
    member: Person
    current: int
    rank: int | None
    ranked: int
    totals: Totals
    categories: tuple[Heading, ...]
    givers: tuple[From, ...]
    given: int
    given_awards: int
    every: str
    periods: tuple[Period, ...]
    best: Period | None


def member(
    tx: Connection,
    community: str,
    now: datetime,
    *,
    user_id: str,
    window: WindowName | None = None,
    first: date | None = None,
    last: date | None = None,
    every: str | None = None,
    top: int = 10,
) -> MemberReport:
    """Report what `user_id` (an outside id) got and gave. Raises UnknownMember, InvalidSetting, InvalidTime."""
    where = place(tx, community, now, window, first, last)
    number = member_number(tx, where, user_id)
    theirs = PointTransaction.member_id == number
    every, periods = series(tx, where, now, every, theirs)
    balance = history.balance(tx, community, user_id, recent=0)
    given, given_awards = _given(tx, where, number)
    return MemberReport(
        during=where.during,
        member=_person(tx, where, number),
        current=balance.current,
        rank=balance.rank,
        ranked=balance.members,
        totals=together(each.totals for each in periods),
        categories=by_category(tx, where, theirs),
        givers=_givers(tx, where, number, top),
        given=given,
        given_awards=given_awards,
        every=every,
        periods=periods,
        best=max((each for each in periods if each.totals.net > 0), key=lambda p: p.totals.net, default=None),
    )


def _person(tx: Connection, where: Place, number: int) -> Person:
    row = tx.execute(
        select(Member.user_id, Member.name, Member.hidden_at).where(
            Member.community_id == where.community_id, Member.id == number
        )
    ).one()
    return person(row, public=False)


def _givers(tx: Connection, where: Place, number: int, top: int) -> tuple[From, ...]:
    total = cast(func.sum(PointTransaction.amount), BigInteger).label("points")
    rows = tx.execute(
        select(PointTransaction.actor_id, func.count(), total)
        .where(*within(where), *standing(), by_people(), PointTransaction.member_id == number)
        .group_by(PointTransaction.actor_id)
        .order_by(total.desc(), PointTransaction.actor_id)
        .limit(top)
    ).all()
    assert where.community_id is not None
    found = [(int(number), awards, int(points)) for number, awards, points in rows if number is not None]
    who = people(tx, where.community_id, [number for number, *_ in found], public=False)
    return tuple(From(who[number], awards, points) for number, awards, points in found)


def _given(tx: Connection, where: Place, number: int) -> tuple[int, int]:
    mine = (by_people(), PointTransaction.actor_id == number, PointTransaction.kind == Kind.AWARD.value)
    points = cast(func.coalesce(func.sum(PointTransaction.amount), 0), BigInteger)
    row = tx.execute(select(points, func.count()).where(*within(where), *standing(), *mine)).one()
    return int(row[0]), row[1]
