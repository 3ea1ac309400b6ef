"""Boards whole: every line and every field, read off stored scores, summed up, of a season; and what is refused."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from points_core import leaderboard, policy, seasons
from points_core.database import writer_engine
from points_core.errors import InvalidSetting, InvalidTime, Refused, UnknownCategory, UnknownSeason
from points_core.leaderboard import Board, Standing
from points_core.models import Community, Member
from points_core.settings import sync_url
from points_core.values import Origin
from points_core.windows import Span, Window, WindowName
from tests.conftest import Databases
from tests.core.posting import NOON, OPERATOR, Move, Town

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
UTC_ZONE, PARIS = ZoneInfo("UTC"), ZoneInfo("Europe/Paris")
BEFORE, LATER = NOON - WEEK, NOON + DAY
BO, CY, ADA, ED, DI, FAY, GUS = range(1, 8)
"""The members' numbers in the town; in the village they have others, and other points."""


@pytest.fixture(scope="module")
def shared(databases: Databases) -> Iterator[Town]:
    """Return a town with two weeks behind it, a hidden, an erased and an indebted member, beside a village."""
    engine = writer_engine(sync_url(databases.new("sqlite")))
    there = Town(engine)
    village = there.elsewhere("village")
    village.award("ada", 70, "events", at=BEFORE, name="Not here")
    village.award("bo", 3, "helping", name="Not here either")
    there.set(timezone="Europe/Paris", allow_negative=True)
    for name, first, last in (
        ("winter", (2026, 3, 9), (2026, 3, 15)),
        ("spring", (2026, 3, 16), (2026, 3, 22)),
    ):
        days = {"first": date(*first), "last": date(*last)}
        there.write(seasons.start, there.origin(BEFORE - 3 * DAY), name=name, **days)
    there.post(
        [
            Move("bo", 9, "events", at=BEFORE, name="Bo"),
            Move("cy", 9, at=BEFORE, name="Cy"),
            Move("ada", 5, "events", at=BEFORE, name="Ada"),
        ]
    )
    there.post(
        [
            Move("ada", 10),
            Move("ed", 6, "helping"),  # among equals the first, though the last to join of them
            Move("bo", 6, "events"),
            Move("di", 2, "events"),
            Move("cy", 6),
            Move("fay", 1),
            Move("gus", -4),
        ]
    )
    there.post([Move("di", 30, at=LATER, effective_at=LATER), Move("cy", 1, at=LATER, effective_at=NOON)])
    with engine.begin() as tx:
        here = Member.community_id == 2
        tx.execute(update(Member).where(here, Member.id == FAY).values(hidden_at=LATER))
        erased = {"user_id": None, "name": None, "erased_at": LATER}
        tx.execute(update(Member).where(here, Member.id == ED).values(**erased))
        assert list(tx.execute(Community.__table__.select()).scalars()) == [1, 2]
    there.write(seasons.seal_due, NOON + 30 * DAY)
    _found_a_city(there.elsewhere("city"))
    _found_an_island(there.elsewhere("island"))
    crowd = there.elsewhere("crowd")
    crowd.post([*(Move(f"u{n}", 4) for n in range(20)), Move("ed", 4), Move("bo", 8), Move("ada", 9)])
    crowd.post([Move(f"u{n}", 1) for n in reversed(range(20))])
    crowd.post(
        [Move("late", amount, at=LATER) for amount in (1, -1) * 3 + (1,)]
    )  # so many that the ledger is read, not the scores
    yield there
    engine.dispose()


def _found_a_city(city: Town) -> None:
    """Make a community of twelve, four of whom share a rank, the last to join the first to get there."""
    season: dict[str, Any] = {"name": "spring", "first": date(2026, 3, 1), "last": date(2026, 3, 31)}
    city.write(seasons.start, city.origin(NOON - 20 * DAY), **season)
    city.post([Move(f"c{n}", 20 - n) for n in range(12)])
    city.post([Move("c0", 1), *(Move(f"c{n}", n) for n in (4, 3, 2, 1))])


def _found_an_island(island: Town) -> None:
    """Make a community that counted its days in UTC and, from Wednesday noon, counts them where it lies."""
    late = NOON.replace(day=17, hour=23, minute=30)  # the 18th, in Auckland
    island.post(
        [Move("eve", 5, at=late - 3 * HOUR), Move("ada", 1, at=late), Move("bo", 1, at=late - 2 * DAY)]
    )
    moved = Origin("island", OPERATOR, NOON, "moved")
    island.write(policy.change, moved, timezone="Pacific/Auckland")
    island.award("ada", 2, at=NOON - HOUR)  # already the 19th there
    island.post([Move("fay", 9), Move("cy", 3)])
    island.post([Move("cy", 1, at=LATER), Move("bo", 5, at=LATER, effective_at=NOON - 9 * DAY)])


@pytest.fixture
def town(shared: Town) -> Town:
    """Return the town, made once for all tests here: none changes it."""
    return shared


def refused(kind: type[Refused], call: Callable[..., object], /, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the fields of the refusal."""
    with pytest.raises(kind) as refusal:
        call(*args, **kwargs)
    return vars(refusal.value)


# As of Wednesday noon, before what came later: who stands where in its week, and where in the week before.
AS_OF_NOON = (
    Standing(1, "ada", "Ada", 10, moved=2),
    Standing(2, None, None, 6, new=True),
    Standing(2, "bo", "Bo", 6, moved=-1),
    Standing(2, "cy", "Cy", 6, moved=-1),
    Standing(5, "di", None, 2, new=True),
    Standing(6, None, None, 1, new=True, hidden=True),
)
IN_THE_END = (
    Standing(1, "di", None, 32, new=True),
    Standing(2, "ada", "Ada", 10, moved=1),
    Standing(3, "cy", "Cy", 7, moved=-2),
    Standing(4, None, None, 6, new=True),
    Standing(4, "bo", "Bo", 6, moved=-3),
    Standing(6, None, None, 1, new=True, hidden=True),
)
THIS_WEEK = Window.week(NOON, PARIS)


def plain(lines: tuple[Standing, ...]) -> tuple[Standing, ...]:
    """Return lines as they are where nothing is compared."""
    return tuple(replace(line, moved=None, new=False) for line in lines)


def test_a_week_is_told_whole_now_and_as_it_stood(town: Town) -> None:
    now = Board(
        window=THIS_WEEK,
        name=WindowName.WEEK,
        category=None,
        as_of=None,
        standings=IN_THE_END,
        members=6,
        mine=IN_THE_END[1],
        neighbours=IN_THE_END[:3],
    )
    asked: dict[str, Any] = {"around": "ada", "compare": True}
    assert town.read(leaderboard.named, WindowName.WEEK, LATER, **asked) == now

    stood = replace(now, as_of=NOON, standings=AS_OF_NOON, mine=AS_OF_NOON[0], neighbours=AS_OF_NOON[:2])
    assert town.read(leaderboard.named, WindowName.WEEK, LATER, as_of=NOON, **asked) == stood
    seven = (
        AS_OF_NOON[0],
        replace(AS_OF_NOON[3], points=7),
        replace(AS_OF_NOON[1], rank=3),
        replace(AS_OF_NOON[2], rank=3, moved=-2),
        *AS_OF_NOON[4:],
    )
    corrected = replace(stood, corrected=True, standings=seven, neighbours=seven[:2])
    assert (
        town.read(leaderboard.named, WindowName.WEEK, LATER, as_of=NOON, corrected=True, **asked) == corrected
    )


@pytest.mark.parametrize("as_of", [None, NOON, NOON + 9 * DAY])
def test_around_each_member_stand_the_next_ones_whoever_they_are(town: Town, as_of: datetime | None) -> None:
    every = plain(AS_OF_NOON if as_of == NOON else IN_THE_END)
    for place, line in enumerate(every):
        around = line.user_id or ("fay" if line.hidden else "ed")
        seen = town.read(leaderboard.standings, window=THIS_WEEK, around=around, as_of=as_of)
        assert seen.standings == every
        if around == "ed":  # nobody knows any more who that was
            assert (seen.mine, seen.neighbours) == (None, ())
        else:
            assert (seen.mine, seen.neighbours) == (line, every[max(place - 1, 0) : place + 2])
    for nobody in ("gus", "nobody", None):
        seen = town.read(leaderboard.standings, window=THIS_WEEK, around=nobody, as_of=as_of)
        assert (seen.mine, seen.neighbours, seen.members) == (None, (), 6)


@pytest.mark.parametrize("as_of", [None, NOON])
def test_a_board_is_cut_by_rank_and_counts_everyone(town: Town, as_of: datetime | None) -> None:
    every = plain(AS_OF_NOON if as_of else IN_THE_END)
    for top in range(1, 8):
        seen = town.read(leaderboard.standings, window=THIS_WEEK, top=top, as_of=as_of)
        assert seen.standings == tuple(line for line in every if line.rank <= top)
        assert (seen.members, seen.more_tied) == (6, 0)


def test_a_category_has_its_own_lines_ranks_and_places_before(town: Town) -> None:
    expected = Board(
        window=THIS_WEEK,
        name=None,
        category="events",
        as_of=None,
        standings=(Standing(1, "bo", "Bo", 6, moved=0), Standing(2, "di", None, 2, new=True)),
        members=2,
        mine=Standing(2, "di", None, 2, new=True),
        neighbours=(Standing(1, "bo", "Bo", 6, moved=0), Standing(2, "di", None, 2, new=True)),
    )
    asked: dict[str, Any] = {"window": THIS_WEEK, "category": "EVENTS", "around": "di", "compare": True}
    assert town.read(leaderboard.standings, **asked) == expected
    assert town.read(leaderboard.standings, as_of=NOON, **asked) == replace(expected, as_of=NOON)
    known = ("events", "helping", "content", "moderation")
    for ask in (leaderboard.standings, leaderboard.ranks_before):
        more = {"member_ids": [BO]} if ask is leaderboard.ranks_before else {}
        assert refused(UnknownCategory, town.read, ask, window=THIS_WEEK, category="evnts", **more) == {
            "category": "evnts",
            "known": known,
        }


def test_all_time_has_nothing_before_it(town: Town) -> None:
    every = (
        Standing(1, "di", None, 32),
        Standing(2, "cy", "Cy", 16),
        Standing(3, "ada", "Ada", 15),
        Standing(3, "bo", "Bo", 15),
        Standing(5, None, None, 6),
        Standing(6, None, None, 1, hidden=True),
    )
    window = Window.all_time()
    assert town.read(leaderboard.named, WindowName.ALL, LATER, compare=True) == Board(
        window=window, name=WindowName.ALL, category=None, as_of=None, standings=every, members=6
    )
    assert town.read(leaderboard.ranks_before, [BO, CY], window=window) is None
    assert town.read(leaderboard.ranks_before, [BO, CY], window=window, as_of=NOON) is None


# ── days ──


def test_days_are_told_whole_and_open_ends_are_the_first_points_and_today(town: Town) -> None:
    first, last = date(2026, 3, 12), date(2026, 3, 18)
    plain_lines = plain(AS_OF_NOON)
    seven = (
        plain_lines[0],
        replace(plain_lines[3], points=7),
        replace(plain_lines[1], rank=3),
        replace(plain_lines[2], rank=3),
        *plain_lines[4:],
    )
    days = Board(
        window=Window.between(first, last + DAY, PARIS),
        name=None,
        category=None,
        as_of=None,
        standings=seven,
        members=6,
        mine=seven[1],
        neighbours=seven[:3],
    )
    between = leaderboard.between
    assert town.read(between, first, last, LATER, around="cy") == days
    assert town.read(between, first, None, NOON, around="cy") == days
    assert town.read(between, first, None, LATER, around="cy", as_of=NOON, corrected=True) == replace(
        days, as_of=NOON, corrected=True
    )
    since = date(2026, 3, 11)
    for as_of, last_day in ((None, last + DAY), (NOON, last)):
        seen = town.read(between, None, None, LATER, as_of=as_of)
        assert seen.window == Window.between(since, last_day + DAY, PARIS)
    one_day = town.read(between, last, last, LATER)
    assert one_day.window == Window.between(last, last + DAY, PARIS)
    early = date(2026, 3, 1)
    assert town.read(between, None, early, LATER).window == Window.between(early, early + DAY, PARIS)
    late_at_night = datetime(2026, 3, 18, 23, 30, tzinfo=UTC)  # the 19th, in Paris
    assert town.read(between, first, None, late_at_night).window.after == date(2026, 3, 20)


def test_days_are_compared_with_as_many_before(town: Town) -> None:
    last = date(2026, 3, 18)
    seen = town.read(leaderboard.between, last, last, LATER, compare=True, top=1, category="events")
    assert seen.standings == (Standing(1, "bo", "Bo", 6, new=True),)
    first = last - 6 * DAY
    seen = town.read(leaderboard.between, first, last, LATER, compare=True, top=1, as_of=NOON)
    assert seen.standings == AS_OF_NOON[:1]


def test_days_that_end_before_they_begin_are_refused_in_words(town: Town) -> None:
    first, last = date(2026, 3, 18), date(2026, 3, 17)
    said = "2026-03-18 to 2026-03-17"
    assert list(refused(InvalidTime, town.read, leaderboard.between, first, last, LATER).values()) == [said]


# ── more members than are shown ──


def test_ten_are_shown_where_nobody_says_how_many(town: Town) -> None:
    city = town.elsewhere("city")
    day = date(2026, 3, 18)
    asks: list[tuple[Callable[..., Board], tuple[Any, ...], dict[str, Any]]] = [
        (leaderboard.asked, (LATER,), {}),
        (leaderboard.named, (WindowName.MONTH, LATER), {}),
        (leaderboard.between, (day, day, LATER), {}),
        (leaderboard.standings, (), {"window": Window.month(LATER, UTC_ZONE)}),
        (leaderboard.of_season, ("spring",), {}),
    ]
    for ask, args, more in asks:
        every = city.read(ask, *args, top=12, **more).standings
        assert [line.user_id for line in every][:6] == ["c0", "c4", "c3", "c2", "c1", "c5"]
        assert [line.rank for line in every] == [1, 2, 2, 2, 2, 6, 7, 8, 9, 10, 11, 12]
        assert city.read(ask, *args, **more).standings == every[:10]


@pytest.mark.parametrize("as_of", [None, NOON])
def test_around_who_shares_a_rank_stand_the_one_before_and_the_one_after(
    town: Town, as_of: datetime | None
) -> None:
    city = town.elsewhere("city")
    for window in (Window.all_time(), Window.month(NOON, UTC_ZONE), Window.today(NOON, UTC_ZONE)):
        every = city.read(leaderboard.standings, window=window, as_of=as_of, top=12).standings
        for place, line in enumerate(every):
            seen = city.read(leaderboard.standings, window=window, as_of=as_of, around=line.user_id)
            assert (seen.mine, seen.neighbours) == (line, every[max(place - 1, 0) : place + 2])


@pytest.mark.parametrize("as_of", [None, NOON])
@pytest.mark.parametrize("window", [Window.all_time(), Window.today(NOON, UTC_ZONE)])
def test_a_long_tie_is_bounded_and_what_is_left_out_is_counted(
    town: Town, window: Window, as_of: datetime | None
) -> None:
    crowd = town.elsewhere("crowd")
    seen = crowd.read(leaderboard.standings, window=window, top=3, as_of=as_of)
    tied = tuple(Standing(3, f"u{19 - n}", None, 5) for n in range(3 + leaderboard.TIED - 2))
    assert seen.standings == (Standing(1, "ada", None, 9), Standing(2, "bo", None, 8), *tied)
    everyone = 24 if as_of is None and window.first is None else 23
    assert (seen.more_tied, seen.members) == (20 - len(tied), everyone)
    one_more = crowd.read(leaderboard.standings, window=window, top=8, as_of=as_of)
    assert (len(one_more.standings), one_more.more_tied) == (22, 0)


# ── a community that moved to another zone ──

AUCKLAND = ZoneInfo("Pacific/Auckland")


def day_of(day: int, zone: ZoneInfo) -> Window:
    first = date(2026, 3, day)
    return Window.between(first, first + DAY, zone, Span.DAY)


def test_a_day_is_the_one_that_began_where_it_began_then(town: Town) -> None:
    island = town.elsewhere("island")
    ada = Standing(1, "ada", None, 2)
    asked: dict[str, Any] = {"as_of": NOON - HOUR, "compare": True}

    stood = island.read(leaderboard.named, WindowName.TODAY, LATER, **asked)
    assert (stood.window, stood.standings) == (day_of(18, UTC_ZONE), (replace(ada, moved=1),))
    corrected = island.read(leaderboard.named, WindowName.TODAY, LATER, corrected=True, **asked)
    assert (corrected.window, corrected.standings) == (day_of(19, AUCKLAND), (replace(ada, moved=1),))
    now = island.read(leaderboard.named, WindowName.TODAY, LATER, compare=True)
    assert (now.window, now.standings) == (day_of(20, AUCKLAND), (Standing(1, "cy", None, 1, moved=1),))


def test_the_first_points_are_those_known_then_on_the_day_it_was_then(town: Town) -> None:
    island = town.elsewhere("island")

    def days(**more: Any) -> tuple[date | None, date | None, datetime | None]:
        window = island.read(leaderboard.between, None, None, LATER, **more).window
        return window.first, window.after, window.start

    begins = {day: Window.between(date(2026, 3, day), date(2026, 3, 20), AUCKLAND).start for day in (9, 10)}
    assert days() == (date(2026, 3, 10), date(2026, 3, 21), begins[10])
    corrected = days(as_of=NOON - HOUR, corrected=True)
    assert corrected == (date(2026, 3, 10), date(2026, 3, 20), begins[10])
    assert days(as_of=NOON - HOUR) == (
        date(2026, 3, 15),
        date(2026, 3, 19),
        datetime(2026, 3, 15, tzinfo=UTC),
    )


# ── seasons ──


def test_a_sealed_season_is_its_result_and_stays_so_unless_it_is_asked_otherwise(town: Town) -> None:
    (winter, spring) = town.read(seasons.listed)
    result = Board(
        window=spring.window,
        name=None,
        category=None,
        as_of=None,
        standings=IN_THE_END,
        members=6,
        mine=IN_THE_END[2],
        neighbours=IN_THE_END[1:4],
        season="spring",
        sealed=True,
    )
    asked: dict[str, Any] = {"around": "cy", "compare": True}
    assert town.read(leaderboard.of_season, "Spring", **asked) == result
    assert town.read(leaderboard.of_season, "spring").standings == plain(IN_THE_END)
    corrected = town.read(leaderboard.of_season, "spring", corrected=True, **asked)
    assert corrected == replace(result, sealed=False, corrected=True)
    stood = town.read(leaderboard.of_season, "spring", as_of=NOON, **asked)
    assert stood == replace(
        result,
        sealed=False,
        as_of=NOON,
        standings=AS_OF_NOON,
        mine=AS_OF_NOON[3],
        neighbours=AS_OF_NOON[2:5],
    )
    events = town.read(leaderboard.of_season, "winter", category="events", top=1, compare=True)
    assert events == Board(
        window=winter.window,
        name=None,
        category="events",
        as_of=None,
        standings=(Standing(1, "bo", "Bo", 9),),
        members=2,
        season="winter",
        sealed=True,
    )
    known = {"season": "summer", "known": ("winter", "spring")}
    assert refused(UnknownSeason, town.read, leaderboard.of_season, "summer") == known
    assert (
        refused(UnknownSeason, town.read, leaderboard.ranks_before, [BO], window=THIS_WEEK, season="summer")
        == known
    )


# ── ranks before ──


def test_ranks_before_are_those_of_the_board_before(town: Town) -> None:
    def before(members: list[int], **more: Any) -> dict[int, int] | None:
        return town.read(leaderboard.ranks_before, members, window=more.pop("window", THIS_WEEK), **more)

    everyone = [BO, CY, ADA, DI, ED, FAY, GUS]
    for more in ({}, {"as_of": NOON}, {"as_of": NOON, "corrected": True}, {"season": "spring"}):
        assert before(everyone, **more) == {BO: 1, CY: 1, ADA: 3}
        assert before([ADA, DI], **more) == {ADA: 3}
        assert before(everyone, category="events", **more) == {BO: 1, ADA: 2}
        assert before(everyone, category="content", **more) == {}
        assert before([], **more) == {}
    assert before(everyone, as_of=BEFORE - DAY) == {}
    assert before(everyone, as_of=BEFORE - DAY, season="spring") == {}
    assert before(everyone, season="winter") is None
    next_week = Window.week(NOON + WEEK, PARIS)
    by_then = {DI: 1, ADA: 2, CY: 3, BO: 4, ED: 4, FAY: 6}
    assert before(everyone, window=next_week) == by_then
    assert before(everyone, window=next_week, as_of=NOON) == {ADA: 1, BO: 2, CY: 2, ED: 2, DI: 5, FAY: 6}
    corrected = before(everyone, window=next_week, as_of=NOON, corrected=True)
    assert corrected == {ADA: 1, CY: 2, BO: 3, ED: 3, DI: 5, FAY: 6}


# ── nobody there, and what is refused ──


def test_a_community_never_seen_has_empty_boards_of_every_kind(town: Town) -> None:
    nowhere = town.elsewhere("nowhere")
    today = date(2026, 3, 19)
    for as_of, corrected in ((None, False), (LATER, True)):
        more: dict[str, Any] = {"as_of": as_of, "corrected": corrected, "category": "helping"}
        empty = Board(window=Window.week(NOON, UTC_ZONE), name=None, **more)
        assert (
            nowhere.read(leaderboard.standings, window=empty.window, compare=True, around="ada", **more)
            == empty
        )
        assert nowhere.read(leaderboard.named, WindowName.WEEK, LATER, **more) == replace(
            empty, name=WindowName.WEEK
        )
        one_day = replace(empty, window=Window.between(today, today + DAY, UTC_ZONE))
        assert nowhere.read(leaderboard.between, None, None, LATER, **more) == one_day
    assert nowhere.read(leaderboard.ranks_before, [BO], window=THIS_WEEK) is None
    assert refused(UnknownSeason, nowhere.read, leaderboard.of_season, "spring") == {
        "season": "spring",
        "known": (),
    }


def test_a_board_has_from_one_to_a_thousand_lines(town: Town) -> None:
    def named(top: int) -> Board:
        return town.read(leaderboard.named, WindowName.WEEK, LATER, top=top)

    def of_season(top: int) -> Board:
        return town.read(leaderboard.of_season, "spring", top=top)

    for ask in (named, of_season):
        for top in (0, -1, 1_001):
            assert refused(InvalidSetting, ask, top) == {
                "name": "top",
                "value": top,
                "expected": "from 1 to 1,000",
            }
        assert [len(ask(top).standings) for top in (1, 1_000)] == [1, 6]
