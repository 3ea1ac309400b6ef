"""Streaks: how many days or weeks in a row, what freezes forgive, and what clocks do to them: nothing."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points_core.streaks import Run, Streak, runs, streak, weekly

MONDAY = date(2026, 3, 2).toordinal()
MARCH = date(2026, 3, 1).toordinal()

days_of_years = st.sets(st.integers(MARCH - 400, MARCH + 400), max_size=60)
freezes = st.integers(0, 31)


def day(month: int, number: int) -> int:
    return date(2026, month, number).toordinal()


def local_days(instants: list[datetime], zone: str) -> list[int]:
    return [each.astimezone(ZoneInfo(zone)).date().toordinal() for each in instants]


def test_who_never_did_anything_has_no_streak() -> None:
    assert streak([], MARCH, 2) == Streak(0, 0, None, None, 0, 2, done=False)
    assert weekly([], MARCH) == Streak(0, 0, None, None, 0, 0, done=False)


def test_days_in_a_row_are_counted_once_each_in_any_order() -> None:
    found = streak([MARCH + 2, MARCH, MARCH + 1, MARCH + 2], MARCH + 2)

    assert (found.current, found.best, found.first_day, found.last_day) == (3, 3, MARCH, MARCH + 2)
    assert found.done


def test_today_breaks_nothing_until_it_is_over() -> None:
    found = streak([MARCH, MARCH + 1], MARCH + 2)

    assert (found.current, found.done) == (2, False)
    assert streak([MARCH, MARCH + 1], MARCH + 3).current == 0


def test_a_broken_streak_leaves_its_length_as_the_best() -> None:
    found = streak([MARCH, MARCH + 1, MARCH + 2, MARCH + 4], MARCH + 4)

    assert (found.current, found.best, found.first_day) == (1, 3, MARCH + 4)


def test_a_freeze_forgives_a_missed_day_without_counting_it() -> None:
    found = streak([MARCH, MARCH + 2], MARCH + 2, 1)

    assert (found.current, found.frozen, found.freezes_left) == (2, 1, 0)


def test_one_more_missed_day_than_freezes_breaks_the_streak_and_spends_nothing() -> None:
    found = streak([MARCH, MARCH + 3], MARCH + 3, 1)

    assert (found.current, found.frozen, found.freezes_left) == (1, 0, 1)


def test_each_calendar_month_has_freezes_of_its_own() -> None:
    over_the_end = [day(3, 30), day(4, 2)]  # 31 March and 1 April are missed

    assert streak(over_the_end, day(4, 2), 1).current == 2
    assert streak([*over_the_end, day(4, 4)], day(4, 4), 1).current == 1
    assert streak([*over_the_end, day(4, 4)], day(4, 4), 2).current == 3


def test_days_missed_until_today_take_freezes_too() -> None:
    found = streak([MARCH], MARCH + 3, 2)

    assert (found.current, found.frozen, found.freezes_left) == (1, 2, 0)
    assert streak([MARCH], MARCH + 4, 2) == Streak(0, 1, None, MARCH, 0, 2, done=False)


def test_a_month_of_freezes_forgives_a_whole_month() -> None:
    assert streak([day(1, 31), day(3, 1)], day(3, 1), 28).current == 2
    assert streak([day(2, 28), day(4, 1)], day(4, 1), 30).current == 1
    assert streak([day(2, 28), day(4, 1)], day(4, 1), 31).current == 2


def test_weeks_in_a_row_need_one_day_each_and_this_one_is_not_over() -> None:
    found = weekly([MONDAY + 6, MONDAY + 7, MONDAY + 7 + 3], MONDAY + 20)

    assert (found.current, found.best, found.done) == (2, 2, False)
    assert (found.first_day, found.last_day) == (MONDAY, MONDAY + 7)
    assert weekly([MONDAY + 6, MONDAY + 7], MONDAY + 21).current == 0


def test_the_last_week_of_a_year_is_followed_by_the_first_of_the_next() -> None:
    old, new = date(2026, 12, 31).toordinal(), date(2027, 1, 4).toordinal()  # ISO week 53, then week 1

    assert weekly([old, new], new).current == 2


@pytest.mark.parametrize("unit", [streak, weekly])
def test_days_of_a_clock_that_was_ahead_are_in_the_best_and_not_in_the_current_one(
    unit: Callable[[Iterable[int], int], Streak],
) -> None:
    ahead = [MARCH + 400, MARCH + 407, MARCH + 408]
    stands = unit([MARCH, *ahead], MARCH)

    assert (stands.current, stands.best, stands.last_day) == (1, 2, unit([MARCH], MARCH).last_day)
    assert unit([MARCH, *ahead], 1).best == stands.best  # as a verification asks, which knows no today


def test_a_day_ahead_of_today_counts_as_a_change_of_zone_can_leave_it() -> None:
    found = streak([MARCH, MARCH + 1], MARCH)

    assert (found.current, found.done) == (2, True)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kolkata", "UTC"])
@pytest.mark.parametrize("clock", [(0, 0), (1, 30), (2, 30), (23, 59)])
def test_a_clock_change_never_breaks_a_streak(zone: str, clock: tuple[int, int]) -> None:
    begin = datetime(2026, 1, 1, *clock, tzinfo=ZoneInfo(zone))
    daily = [(begin + timedelta(days=each)).astimezone(UTC) for each in range(365)]  # wall clock arithmetic
    counted = local_days(daily, zone)

    assert streak(counted, counted[-1]).current == 365


@given(seconds=st.lists(st.integers(0, 86_399), min_size=2, max_size=120))
def test_one_moment_in_each_local_day_is_a_streak_of_as_many_days(seconds: list[int]) -> None:
    zone = ZoneInfo("Europe/Berlin")
    first = date(2026, 3, 1)
    moments = []
    for number, second in enumerate(seconds):
        at = first + timedelta(days=number)
        midnight = datetime(at.year, at.month, at.day, tzinfo=zone)
        following = at + timedelta(days=1)
        length = datetime(following.year, following.month, following.day, tzinfo=zone).timestamp()
        inside = second % int(length - midnight.timestamp())
        moments.append(datetime.fromtimestamp(midnight.timestamp() + inside, UTC))
    counted = local_days(moments, "Europe/Berlin")

    assert streak(counted, counted[-1]).current == len(seconds)


@given(days_of_years, freezes)
def test_runs_hold_every_day_once_and_spend_no_more_freezes_than_a_month_has(
    days: set[int], most: int
) -> None:
    found = runs(days, most)

    assert sum(run.length for run in found) == len(days)
    assert all(run.last - run.first + 1 == run.length + run.frozen for run in found)
    assert all(earlier.last < later.first for earlier, later in pairwise(found))
    missed = [each for run in found for each in range(run.first, run.last + 1) if each not in days]
    months = [(date.fromordinal(each).year, date.fromordinal(each).month) for each in missed]
    assert all(months.count(month) <= most for month in set(months))


@given(days_of_years, st.integers(0, 5))
def test_without_freezes_a_run_is_what_counting_day_by_day_says(days: set[int], ahead: int) -> None:
    today = max(days, default=MARCH) + ahead
    length, at = 0, today if today in days else today - 1
    while at in days:
        length, at = length + 1, at - 1

    assert streak(days, today).current == length


@given(days_of_years, freezes, st.integers(0, 40))
def test_more_freezes_never_shorten_the_best(days: set[int], most: int, ahead: int) -> None:
    today = max(days, default=MARCH) + ahead
    none = streak(days, today)
    some = streak(days, today, most)

    assert some.best >= none.best
    assert some.best >= some.current
    assert 0 <= some.freezes_left <= most


@given(days_of_years)
def test_weeks_are_counted_as_a_calendar_counts_them(days: set[int]) -> None:
    found = {date.fromordinal(each).isocalendar()[:2] for each in days}
    last = max(days, default=MARCH)
    length, at = 0, date.fromordinal(last)
    while at.isocalendar()[:2] in found:
        length, at = length + 1, at - timedelta(days=7)

    assert weekly(days, last).current == length


def test_a_run_says_where_it_began() -> None:
    assert runs([5, 3, 4, 9]) == [Run(3, 5, 3, 0), Run(9, 9, 1, 0)]
