"""Streaks: days, or weeks, in a row on which a member did something that counts.

Days are the ordinals of dates (`date.toordinal`) as a community's own clocks showed them, so neither an hour
that a clock change skips nor one that it repeats can break a streak. No database here, and no clock.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

Unit = Literal["day", "week"]

SHORTEST_MONTH = 28  # days


@dataclass(frozen=True, slots=True)
class Run:
    """Days (or weeks) in a row: `length` of them from the day `first` to the day `last`, `frozen` missed between.

    Of weeks, `first` and `last` are their Mondays.
    """

    first: int
    last: int
    length: int
    frozen: int


@dataclass(frozen=True, slots=True)
class Streak:
    """How a member's streak stands: `current` days (or weeks) in a row, 0 when it is broken; `best` is the longest.

    `first_day` is where the current one began, `last_day` the latest that counts (None: none ever did),
    `frozen` the missed days that did not break the current one, `freezes_left` how many more of this calendar
    month would not. `done` tells whether today (or this week) counts already; until it is over it breaks nothing.
    """

    current: int
    best: int
    first_day: int | None
    last_day: int | None
    frozen: int
    freezes_left: int
    done: bool


def streak(days: Iterable[int], today: int, freezes: int = 0) -> Streak:
    """Return the daily streak that `days` (ordinals, in any order) make, as it stands on the day `today`.

    freezes: how many missed days of a calendar month break nothing; they do not lengthen it either. A day later
    than `today` counts: a change of the community's zone can leave one. Later ones a clock that was ahead left:
    the current streak knows of them when they come, the best is of all days whenever it is asked for.
    """
    every = set(days)
    come = {day for day in every if day <= today + 1}
    found, left = _runs(come, freezes)
    stands = _standing(found, left, today, freezes)
    return stands if come == every else replace(stands, best=_longest(runs(every, freezes)))


def weekly(days: Iterable[int], today: int) -> Streak:
    """Return the streak of ISO weeks with at least one of `days` in it, as it stands in the week of `today`.

    Weeks know no freezes.
    """
    now = _monday(today)
    every = set(days)
    best = _longest(weeks(every))
    found = weeks(day for day in every if day <= today + 1)
    if not found:
        return Streak(0, best, None, None, 0, 0, done=False)
    run = found[-1]
    alive = run.last >= now - 7
    return Streak(
        current=run.length if alive else 0,
        best=best,
        first_day=run.first if alive else None,
        last_day=run.last,
        frozen=0,
        freezes_left=0,
        done=run.last >= now,
    )


def runs(days: Iterable[int], freezes: int = 0) -> list[Run]:
    """Return the runs of days that `days` make, oldest first; see `streak`."""
    return _runs(days, freezes)[0]


def weeks(days: Iterable[int]) -> list[Run]:
    """Return the runs of weeks that `days` make, oldest first."""
    found: list[Run] = []
    for monday in sorted({_monday(day) for day in days}):
        if found and monday == found[-1].last + 7:
            found[-1] = Run(found[-1].first, monday, found[-1].length + 1, 0)
        else:
            found.append(Run(monday, monday, 1, 0))
    return found


def _runs(days: Iterable[int], freezes: int) -> tuple[list[Run], Counter[int]]:
    """Return the runs, and the freezes that were spent on them by month."""
    found: list[Run] = []
    spent: Counter[int] = Counter()
    for day in sorted(set(days)):
        run = found[-1] if found else None
        if run is not None and _bridged(run.last, day, freezes, spent):
            found[-1] = Run(run.first, day, run.length + 1, run.frozen + day - run.last - 1)
        else:
            found.append(Run(day, day, 1, 0))
    return found, spent


def _bridged(last: int, day: int, freezes: int, spent: Counter[int]) -> bool:
    """Return whether the days between break nothing, and spend the freezes they take if so."""
    if day - last - 1 > 2 * freezes and freezes < SHORTEST_MONTH:
        return False  # it holds a whole month, or more days of one than could freeze
    missed = Counter(_month(each) for each in range(last + 1, day))
    if any(spent[month] + count > freezes for month, count in missed.items()):
        return False
    spent.update(missed)
    return True


def _standing(found: list[Run], spent: Counter[int], today: int, freezes: int) -> Streak:
    if not found:
        return Streak(0, 0, None, None, 0, freezes, done=False)
    run = found[-1]
    now = max(today, run.last)
    missed = max(0, now - run.last - 1)
    alive = _bridged(run.last, now, freezes, spent)
    return Streak(
        current=run.length if alive else 0,
        best=_longest(found),
        first_day=run.first if alive else None,
        last_day=run.last,
        frozen=run.frozen + missed if alive else 0,
        freezes_left=max(0, freezes - spent[_month(now)]),
        done=run.last >= today,
    )


def _longest(found: list[Run]) -> int:
    return max((run.length for run in found), default=0)


def _month(day: int) -> int:
    at = date.fromordinal(day)
    return at.year * 12 + at.month


def _monday(day: int) -> int:
    return day - (day - 1) % 7  # the first ordinal was a Monday
