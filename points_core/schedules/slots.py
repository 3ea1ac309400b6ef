"""Days on the calendar and instants in time: when a schedule is due, in one zone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule

from points_core.windows import local_instant

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EVERY = ("day", *WEEKDAYS, "month")
"""On which local days: each day, a weekday, or the first of each month."""

_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Slot:
    """A local day on which a schedule is due, and the instant at which it is."""

    day: date
    due_at: datetime

    @property
    def name(self) -> str:
        """Return the day as YYYY-MM-DD: the slot's identity."""
        return self.day.isoformat()


def is_time(text: str) -> bool:
    """Return whether `text` is a time of day as "HH:MM"."""
    return bool(_TIME.fullmatch(text))


def next_slot(every: str, at: str, zone: ZoneInfo, *, last: date | None, since: datetime) -> Slot:
    """Return the first slot after the local day `last` whose moment comes after the instant `since`."""
    start = last + timedelta(days=1) if last else since.astimezone(zone).date()
    return next(slot for slot in _slots(every, at, zone, start) if slot.due_at > since)


def _slots(every: str, at: str, zone: ZoneInfo, start: date) -> Iterator[Slot]:
    """Yield the slots from the local day `start` on.

    The recurrence is one of days on a calendar, without a zone: a clock change moves a slot's instant, and
    can neither drop its day nor double it.
    """
    for moment in _days(every, datetime.combine(start, time.fromisoformat(at))):
        yield Slot(moment.date(), local_instant(moment, zone))


def _days(every: str, first: datetime) -> rrule:
    if every == "day":
        return rrule(DAILY, dtstart=first)
    if every == "month":
        return rrule(MONTHLY, dtstart=first, bymonthday=1)
    return rrule(WEEKLY, dtstart=first, byweekday=WEEKDAYS.index(every))
