"""The givers' report: who awards whom and how much, how evenly, who is never seen, how much work it is.

Awards count here if nobody took them back. What was given is dated like everywhere, by when it counts; the
moderators' work is dated by when they did it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Connection, cast, func, select

from points_core.models import Member, PointTransaction
from points_core.reports.about import (
    During,
    Person,
    Place,
    by_people,
    people,
    person,
    place,
    standing,
    within,
)
from points_core.reports.work import Latency, Load, latency, workload
from points_core.windows import WindowName

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Giver:
    """What one person gave: `share` of all that people gave, `top_share` of it to `top`, who got the most of it."""

    giver: Person
    awards: int
    points: int
    members: int
    share: float
    top: Person
    top_share: float


@dataclass(frozen=True, slots=True)
class Pair:
    """What one person gave another, and what came back."""

    giver: Person
    member: Person
    awards: int
    points: int
    back: int


@dataclass(frozen=True, slots=True)
class Reciprocal:
    """Two people who award each other: `given` from one to the other, `back` the other way, which is less or equal."""

    one: Person
    other: Person
    given: int
    back: int


@dataclass(frozen=True, slots=True)
class Concentration:
    """How unevenly points are spread over `people`: the largest share, and HHI, the sum of the squared shares.

    HHI is 1 where one person has everything and 1/n where n have the same; 1/HHI, `alike`, says "as if so
    many had the same". All are 0 where there is nothing to share.
    """

    people: int
    top_share: float
    hhi: float
    alike: float


@dataclass(frozen=True, slots=True)
class GiversReport:
    """Who awards whom. The lists are cut at `top` lines; the numbers beside them count everybody.

    points: what people gave; by_others: what programs, rules and the host gave. never: members who were
    there before the window ended and got no award in it, whoever left or was erased aside. unused: open
    categories without an award.
    """

    during: During
    awards: int
    points: int
    by_others: int
    giving: Concentration
    receiving: Concentration
    givers: tuple[Giver, ...]
    pairs: tuple[Pair, ...]
    reciprocal: tuple[Reciprocal, ...]
    reciprocal_pairs: int
    never: tuple[Person, ...]
    never_recognised: int
    members: int
    unused: tuple[str, ...]
    latency: Latency
    workload: tuple[Load, ...]
    moderators: int


def givers(
    tx: Connection,
    community: str,
    now: datetime,
    *,
    window: WindowName | None = None,
    first: date | None = None,
    last: date | None = None,
    top: int = 10,
    public: bool = False,
) -> GiversReport:
    """Report who awards whom and how much, and what follows from it.

    public: leave out the names of members who hid theirs. Raises InvalidSetting, InvalidTime.
    """
    where = place(tx, community, now, window, first, last)
    given = _given(tx, where)
    named = _Named(tx, where, public=public)
    never, count, members = _never(tx, where, top, public=public)
    mutual = _mutual(given)
    loads = workload(tx, where)
    named.learn([each.member_id for each in loads[:top]])
    return GiversReport(
        during=where.during,
        awards=int(given["awards"].sum()),
        points=int(given["points"].sum()),
        by_others=_by_others(tx, where),
        giving=_concentration(given.groupby("giver")["points"].sum()),
        receiving=_concentration(given.groupby("member")["points"].sum()),
        givers=_givers(given, named, top),
        pairs=_pairs(given, named, top),
        reciprocal=_reciprocal(mutual, named, top),
        reciprocal_pairs=len(mutual),
        never=never,
        never_recognised=count,
        members=members,
        unused=_unused(tx, where),
        latency=latency(tx, where),
        workload=tuple(Load.of(each, named[each.member_id]) for each in loads[:top]),
        moderators=len(loads),
    )


class _Named:
    """The people of the report, looked up together before they are named."""

    def __init__(self, tx: Connection, where: Place, *, public: bool) -> None:
        self._tx, self._where, self._public = tx, where, public
        self._known: dict[int, Person] = {}

    def learn(self, numbers: Sequence[int]) -> None:
        """Look up the members of these numbers."""
        unknown = [number for number in map(int, numbers) if number not in self._known]
        if unknown and self._where.community_id is not None:
            self._known |= people(self._tx, self._where.community_id, unknown, public=self._public)

    def __getitem__(self, number: int) -> Person:
        return self._known[int(number)]


# ── who awards whom ──


def _given(tx: Connection, where: Place) -> "pd.DataFrame":
    """Return what each giver gave each member: giver, member (numbers), awards, points and back."""
    import pandas as pd

    rows = tx.execute(
        select(
            PointTransaction.actor_id,
            PointTransaction.member_id,
            func.count(),
            cast(func.sum(PointTransaction.amount), BigInteger),
        )
        .where(*within(where), *standing(), by_people())
        .group_by(PointTransaction.actor_id, PointTransaction.member_id)
    )
    table = pd.DataFrame(
        [tuple(row) for row in rows], columns=["giver", "member", "awards", "points"]
    ).astype("int64")
    returned = table.rename(columns={"giver": "member", "member": "giver", "points": "back"})
    table = table.merge(returned[["giver", "member", "back"]], on=["giver", "member"], how="left")
    table["back"] = table["back"].fillna(0).astype("int64")
    return table.sort_values(["points", "giver", "member"], ascending=[False, True, True], ignore_index=True)


def _givers(given: "pd.DataFrame", named: _Named, top: int) -> tuple[Giver, ...]:
    every = int(given["points"].sum())
    grouped = given.groupby("giver", sort=True).agg(
        awards=("awards", "sum"),
        points=("points", "sum"),
        members=("member", "size"),
        most=("points", "first"),  # the rows come with the most points first
        favourite=("member", "first"),
    )
    lines = grouped.sort_values("points", ascending=False, kind="stable").head(top).reset_index()
    named.learn([*lines["giver"], *lines["favourite"]])
    return tuple(
        Giver(
            giver=named[line.giver],
            awards=int(line.awards),
            points=int(line.points),
            members=int(line.members),
            share=_share(int(line.points), every),
            top=named[line.favourite],
            top_share=_share(int(line.most), int(line.points)),
        )
        for line in _lines(lines)
    )


def _pairs(given: "pd.DataFrame", named: _Named, top: int) -> tuple[Pair, ...]:
    lines = given.head(top)
    named.learn([*lines["giver"], *lines["member"]])
    return tuple(
        Pair(named[line.giver], named[line.member], int(line.awards), int(line.points), int(line.back))
        for line in _lines(lines)
    )


def _mutual(given: "pd.DataFrame") -> "pd.DataFrame":
    """Return each pair of people who gave both ways once, the one who gave more first."""
    more = given["points"] > given["back"]
    even = (given["points"] == given["back"]) & (given["giver"] < given["member"])
    found = given[(given["back"] > 0) & (more | even)]
    return found.sort_values(["back", "giver", "member"], ascending=[False, True, True])


def _reciprocal(mutual: "pd.DataFrame", named: _Named, top: int) -> tuple[Reciprocal, ...]:
    lines = mutual.head(top)
    named.learn([*lines["giver"], *lines["member"]])
    return tuple(
        Reciprocal(named[line.giver], named[line.member], int(line.points), int(line.back))
        for line in _lines(lines)
    )


def _concentration(points: "pd.Series[int]") -> Concentration:
    if points.empty:
        return Concentration(0, 0.0, 0.0, 0.0)
    shares = points / int(points.sum())
    hhi = float((shares**2).sum())
    return Concentration(len(points), round(float(shares.max()), 4), round(hhi, 4), round(1 / hhi, 2))


def _lines(table: "pd.DataFrame") -> list[Any]:
    """Return the rows, with their columns as fields."""
    return list(table.itertuples(index=False))


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


# ── who and what is left out ──


def _by_others(tx: Connection, where: Place) -> int:
    points = func.coalesce(func.sum(PointTransaction.amount), 0)
    others = (*within(where), *standing(), ~by_people())
    return int(tx.execute(select(cast(points, BigInteger)).where(*others)).scalar_one())


def _never(tx: Connection, where: Place, top: int, *, public: bool) -> tuple[tuple[Person, ...], int, int]:
    """Return some of the members without an award, how many they are, and how many members there are."""
    there = [
        Member.community_id == where.community_id,
        Member.erased_at.is_(None),
        Member.left_at.is_(None),
    ]
    if where.window.end is not None:
        there.append(Member.created_at < where.window.end)
    awarded = select(PointTransaction.member_id).where(*within(where), *standing())
    without = [*there, Member.id.not_in(awarded)]
    members = tx.execute(select(func.count()).select_from(Member).where(*there)).scalar_one()
    count = tx.execute(select(func.count()).select_from(Member).where(*without)).scalar_one()
    shown = [Member.hidden_at.is_(None)] if public else []
    rows = tx.execute(
        select(Member.user_id, Member.name, Member.hidden_at)
        .where(*without, *shown)
        .order_by(Member.id)
        .limit(top)
    )
    return tuple(person(row, public=public) for row in rows), count, members


def _unused(tx: Connection, where: Place) -> tuple[str, ...]:
    used = set(
        tx.execute(
            select(PointTransaction.category_id).distinct().where(*within(where), *standing())
        ).scalars()
    )
    return tuple(c.name for c in where.rules.categories if not c.retired and c.id not in used)
