"""Spans of time in a community's zone: today, week, month, quarter, year, all, those just finished, from–to.

Windows are half-open, [start, end). Weeks begin on Monday (ISO 8601). A local midnight that a clock
change skips begins at the first instant after it (PEP 495).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import IntEnum, StrEnum
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytz
from dateutil.parser import isoparse
from dateutil.relativedelta import relativedelta

from points_core.errors import InvalidSetting, InvalidTime
from points_core.values import clean_day, clean_instant


class Span(IntEnum):
    """The lengths of time for which scores are kept; the numbers are stored."""

    ALL = 0
    YEAR = 1
    QUARTER = 2
    MONTH = 3
    WEEK = 4
    DAY = 5
    SEASON = 6


CALENDAR = tuple(span for span in Span if span is not Span.SEASON)
"""The spans that follow from the date alone; a season is what a community makes it."""


class WindowName(StrEnum):
    """The windows that can be asked for by name."""

    ALL = "all"
    TODAY = "today"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    YESTERDAY = "yesterday"
    LAST_WEEK = "last-week"
    LAST_MONTH = "last-month"
    LAST_QUARTER = "last-quarter"
    LAST_YEAR = "last-year"


_SPANS: dict[WindowName, tuple[Span, int]] = {
    WindowName.ALL: (Span.ALL, 0),
    WindowName.TODAY: (Span.DAY, 0),
    WindowName.WEEK: (Span.WEEK, 0),
    WindowName.MONTH: (Span.MONTH, 0),
    WindowName.QUARTER: (Span.QUARTER, 0),
    WindowName.YEAR: (Span.YEAR, 0),
    WindowName.YESTERDAY: (Span.DAY, -1),
    WindowName.LAST_WEEK: (Span.WEEK, -1),
    WindowName.LAST_MONTH: (Span.MONTH, -1),
    WindowName.LAST_QUARTER: (Span.QUARTER, -1),
    WindowName.LAST_YEAR: (Span.YEAR, -1),
}

_LENGTHS: dict[Span, relativedelta] = {
    Span.YEAR: relativedelta(years=1),
    Span.QUARTER: relativedelta(months=3),
    Span.MONTH: relativedelta(months=1),
    Span.WEEK: relativedelta(weeks=1),
    Span.DAY: relativedelta(days=1),
}


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of local days: `first` to before `after`, as UTC instants in `start` and `end`.

    `span` is set when the window is one whole stored span, None for a from–to of other days. A season's may
    begin or end within a day; `season` is its number. The all-time window has no ends.
    """

    span: Span | None
    first: date | None
    after: date | None
    start: datetime | None
    end: datetime | None
    season: int | None = None

    @classmethod
    def all_time(cls) -> "Window":
        """Return the window without ends."""
        return cls(Span.ALL, None, None, None, None)

    @classmethod
    def named(cls, name: WindowName, now: datetime, zone: ZoneInfo) -> "Window":
        """Return the window called `name` as seen at `now` (aware) in `zone`."""
        span, step = _SPANS[name]
        if span is Span.ALL:
            return cls.all_time()
        first = first_day(span, now.astimezone(zone).date())
        return cls.of_span(span, first + _LENGTHS[span] * step, zone)

    @classmethod
    def today(cls, now: datetime, zone: ZoneInfo) -> "Window":
        """Return the local day that holds `now`."""
        return cls.named(WindowName.TODAY, now, zone)

    @classmethod
    def week(cls, now: datetime, zone: ZoneInfo) -> "Window":
        """Return the local week, Monday to Sunday, that holds `now`."""
        return cls.named(WindowName.WEEK, now, zone)

    @classmethod
    def month(cls, now: datetime, zone: ZoneInfo) -> "Window":
        """Return the local month that holds `now`."""
        return cls.named(WindowName.MONTH, now, zone)

    @classmethod
    def of_span(cls, span: Span, first: date, zone: ZoneInfo) -> "Window":
        """Return the stored span that begins on the local day `first`."""
        return cls.between(first, first + _LENGTHS[span], zone, span)

    @classmethod
    def between(cls, first: date, after: date, zone: ZoneInfo, span: Span | None = None) -> "Window":
        """Return the window of local days from `first` to before `after`. Raises InvalidTime if it is empty."""
        if after <= first:
            raise InvalidTime(f"{first.isoformat()} to {after.isoformat()}")
        return cls(span, first, after, midnight(first, zone), midnight(after, zone))

    def previous(self, zone: ZoneInfo) -> "Window | None":
        """Return the window just before: the span before, or as many days; None for all time and year 1."""
        if self.first is None or self.after is None:
            return None
        try:
            if self.span in _LENGTHS:
                return Window.of_span(self.span, self.first - _LENGTHS[self.span], zone)
            return Window.between(self.first - (self.after - self.first), self.first, zone)
        except (OverflowError, ValueError):
            return None

    def counted_in(self, zone: ZoneInfo) -> bool:
        """Return whether the window consists of whole days of `zone`, which scores are kept for."""
        begins = self.first is None or self.start == midnight(self.first, zone)
        return begins and (self.after is None or self.end == midnight(self.after, zone))

    @property
    def ordinal(self) -> int:
        """Return the number under which this span's scores are stored: its first day's, a season's own, 0 for all."""
        if self.season is not None:
            return self.season
        return self.first.toordinal() if self.first else 0

    def holds(self, instant: datetime) -> bool:
        """Return whether `instant` (aware) lies in the window."""
        return (self.start is None or self.start <= instant) and (self.end is None or instant < self.end)


def first_day(span: Span, day: date) -> date:
    """Return the first local day of the `span` that holds `day`; the day itself for ALL and DAY."""
    if span is Span.YEAR:
        return day.replace(month=1, day=1)
    if span is Span.QUARTER:
        return day.replace(month=day.month - (day.month - 1) % 3, day=1)
    if span is Span.MONTH:
        return day.replace(day=1)
    if span is Span.WEEK:
        return day - timedelta(days=day.weekday())
    return day


def whole_spans(first: date, after: date) -> dict[Span, list[date]]:
    """Return stored spans that make up the local days from `first` to before `after`, the largest that fit.

    For each span the days on which it begins.
    """
    spans: dict[Span, list[date]] = {}
    day = first
    while day < after:
        span = next(span for span in _BY_LENGTH if _fits(span, day, after))
        spans.setdefault(span, []).append(day)
        day += _LENGTHS[span]
    return spans


_BY_LENGTH = (Span.YEAR, Span.QUARTER, Span.MONTH, Span.WEEK, Span.DAY)


def _fits(span: Span, day: date, after: date) -> bool:
    if first_day(span, day) != day or day + _LENGTHS[span] > after:
        return False
    if span is not Span.WEEK:
        return True
    month = first_day(Span.MONTH, day) + _LENGTHS[Span.MONTH]  # a week must not eat into a whole month
    return day + _LENGTHS[span] <= month or month + _LENGTHS[Span.MONTH] > after


def ordinals(instant: datetime, zone: ZoneInfo) -> Mapping[int, int]:
    """Return, for each span of the calendar, the number of the one that holds `instant` (aware) in `zone`.

    The spans are plain numbers, as rows hold them: sqlite3 takes five times as long to bind one of an enum.
    """
    return _ordinals_on(instant.astimezone(zone).date())


@lru_cache(maxsize=1_000)  # days: most movements are of one of a few
def _ordinals_on(day: date) -> Mapping[int, int]:
    return MappingProxyType(
        {int(span): 0 if span is Span.ALL else first_day(span, day).toordinal() for span in CALENDAR}
    )


def local_instant(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which the clocks of `zone` show the naive `moment`.

    In the hour that autumn repeats, the first; in the hour that spring skips, as far after the change as
    the moment is after the hour's beginning (PEP 495, fold=0).
    """
    return moment.replace(tzinfo=zone, fold=0).astimezone(UTC)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which the local `day` begins."""
    return local_instant(datetime(day.year, day.month, day.day), zone)  # noqa: DTZ001 - a wall clock, on purpose


def zone_named(name: str) -> ZoneInfo:
    """Return the time zone called `name` (an IANA name). Raises InvalidSetting for names nobody keeps."""
    if name not in pytz.all_timezones_set:
        raise InvalidSetting("timezone", name, "the name of a time zone, such as Europe/Paris")
    return ZoneInfo(name)


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def parse_day(text: str) -> date:
    """Return the day written as YYYY-MM-DD, from 1970 to 9998. Raises InvalidTime for anything else."""
    if not _DAY.fullmatch(text):
        raise InvalidTime(text[:40])
    try:
        return clean_day(date.fromisoformat(text))
    except ValueError:
        raise InvalidTime(text[:40]) from None


def parse_instant(text: str, zone: ZoneInfo) -> datetime:
    """Return the UTC instant written in ISO 8601; a day alone is its beginning, no offset means `zone`.

    Raises InvalidTime for anything else.
    """
    try:
        moment = isoparse(text)
        instant = local_instant(moment, zone) if moment.tzinfo is None else moment.astimezone(UTC)
        return clean_instant(instant)
    except (ValueError, OverflowError, InvalidTime):
        raise InvalidTime(text[:40]) from None
