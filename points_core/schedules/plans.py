"""The schedules themselves: add, remove, list."""

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Update, func, insert, select, update

from points_core import audit, communities, policy
from points_core.communities import Head
from points_core.errors import InvalidSetting, UnknownSchedule
from points_core.models import Publication, Schedule
from points_core.policy import Policy, put_on_record
from points_core.reports import SCHEDULABLE, ReportKind
from points_core.schedules.slots import EVERY, is_time, next_slot
from points_core.values import MAX_NUMBER, Origin, clean_id
from points_core.windows import WindowName

MAX_TOP = 25  # places on one board: more is no longer read
MAX_BOARDS = 5  # categories in one post
MAX_SCHEDULES = 25  # in one community: what one of Discord's menus can offer

SEASON: Final = "season"
"""The window of a schedule that shows the season which runs, or the last one."""

A_DAY = "____-__-__"  # LIKE: a slot that is a local date, not a post asked for by hand


@dataclass(frozen=True, slots=True)
class ScheduleView:
    """A schedule as people see it; no `categories` means one board of all points together.

    `at` is a local time "HH:MM", `next_due_at` the instant of the next slot, None once removed. `report` is
    the report that it posts instead of a board. `window` None is the season that runs, or the last one.
    """

    number: int
    channel: str
    window: WindowName | None
    every: str
    at: str
    categories: tuple[str, ...]
    top: int
    live: bool
    next_due_at: datetime | None
    report: ReportKind | None = None


def add(
    tx: Connection,
    origin: Origin,
    *,
    channel: str,
    window: WindowName | str,
    every: str,
    at: str,
    categories: tuple[str, ...] = (),
    top: int = 10,
    live: bool = False,
    report: ReportKind | str | None = None,
) -> ScheduleView:
    """Post a leaderboard of `window` in `channel` on `every` (one of EVERY) at local time `at` ("HH:MM").

    window: a window's name, or SEASON. `live` edits one message instead of posting anew. `report` (one of
    SCHEDULABLE) posts that report of the window instead, about all categories; there is none of a season.
    Returns the schedule; the first one's when `origin.key` was used
    before. Raises InvalidSetting, InvalidText, UnknownCategory.
    """
    head, rules = policy.locked(tx, origin)
    again = _one(tx, head.community_id, Schedule.key == origin.key)
    if again is not None:
        return view(again, rules)
    values = _checked(rules, channel, window, every, at, categories, top)
    values["report"] = _checked_report(report, window, categories)
    _refuse_too_many(tx, head)
    head.schedules += 1
    tx.execute(
        insert(Schedule).values(
            community_id=head.community_id,
            number=head.schedules,
            key=origin.key,
            live=bool(live),
            created_at=origin.at,
            next_due_at=next_slot(every, at, rules.zone, last=None, since=origin.at).due_at,
            **values,
        )
    )
    made = view(found(tx, head.community_id, head.schedules), rules)
    after = _document(made)
    target = str(made.number)
    put_on_record(tx, head, origin, rules, action="schedule.add", target=target, before=None, after=after)
    return made


def remove(tx: Connection, origin: Origin, number: int) -> ScheduleView:
    """Stop a schedule; what it posted stays. Returns what it was. Raises UnknownSchedule."""
    head, rules = policy.locked(tx, origin)
    if audit.was_done(tx, head, origin, "schedule.remove", str(number)):
        return view(found(tx, head.community_id, number, removed=True), rules)
    row = found(tx, head.community_id, number)
    tx.execute(this(head.community_id, number).values(removed_at=origin.at, next_due_at=None))
    before, target = _document(view(row, rules)), str(number)
    put_on_record(tx, head, origin, rules, action="schedule.remove", target=target, before=before, after=None)
    return replace(view(row, rules), next_due_at=None)


def listed(tx: Connection, community: str) -> tuple[ScheduleView, ...]:
    """Return the community's schedules by number, each with its next moment in the zone of today."""
    community_id = communities.find(tx, community)
    if community_id is None:
        return ()
    rules = policy.by_number(tx, community_id)
    rows = tx.execute(
        select(Schedule.__table__)
        .where(Schedule.community_id == community_id, Schedule.removed_at.is_(None))
        .order_by(Schedule.number)
    )
    return tuple(_with_next(tx, row, rules) for row in rows.all())


def last_day(tx: Connection, row: Row[Any], until: datetime | None = None) -> date | None:
    """Return the last local day for which the schedule of `row` was claimed or skipped, up to `until` if given."""
    latest = select(func.max(Publication.slot)).where(*of(row), Publication.slot.like(A_DAY))
    if until is not None:
        latest = latest.where(Publication.claimed_at <= until)
    day = tx.execute(latest).scalar()
    return date.fromisoformat(day) if day else None


def found(tx: Connection, community_id: int, number: int, *, removed: bool = False) -> Row[Any]:
    """Return the row of a schedule. Raises UnknownSchedule; for a removed one too, unless `removed`."""
    row = _one(tx, community_id, Schedule.number == number) if 1 <= number <= MAX_NUMBER else None
    if row is None or (row.removed_at is not None and not removed):
        raise UnknownSchedule(number)
    return row


def view(row: Row[Any], rules: Policy) -> ScheduleView:
    """Return the schedule of `row` in the words of its community."""
    names = tuple(name for id in row.categories if (name := rules.category_name(id)) is not None)
    return ScheduleView(
        number=row.number,
        channel=row.channel,
        window=None if row.window_name == SEASON else WindowName(row.window_name),
        every=row.every,
        at=row.at_time,
        categories=names,
        top=row.top,
        live=row.live,
        next_due_at=row.next_due_at,
        report=ReportKind(row.report) if row.report else None,
    )


def of(row: Row[Any]) -> tuple[ColumnElement[bool], ...]:
    """Return what picks the publications of the schedule of `row`."""
    return Publication.community_id == row.community_id, Publication.schedule_number == row.number


def this(community_id: int, number: int) -> Update:
    """Return an UPDATE of one schedule."""
    return update(Schedule).where(Schedule.community_id == community_id, Schedule.number == number)


def _with_next(tx: Connection, row: Row[Any], rules: Policy) -> ScheduleView:
    slot = next_slot(row.every, row.at_time, rules.zone, last=last_day(tx, row), since=row.created_at)
    return replace(view(row, rules), next_due_at=slot.due_at)


def _one(tx: Connection, community_id: int, which: ColumnElement[bool]) -> Row[Any] | None:
    rows = tx.execute(select(Schedule.__table__).where(Schedule.community_id == community_id, which))
    return rows.one_or_none()


def _checked(
    rules: Policy, channel: str, window: str, every: str, at: str, categories: tuple[str, ...], top: int
) -> dict[str, Any]:
    if window not in {*WindowName, SEASON}:
        raise InvalidSetting("window", window, "one of " + ", ".join([*WindowName, SEASON]))
    if every not in EVERY:
        raise InvalidSetting("every", every, "one of " + ", ".join(EVERY))
    if not is_time(at):
        raise InvalidSetting("at", at, "a time of day such as 09:00 or 18:30")
    if type(top) is not int or not 1 <= top <= MAX_TOP:
        raise InvalidSetting("top", top, f"a whole number from 1 to {MAX_TOP}")
    chosen = [category.id for name in categories if (category := rules.category(name)) is not None]
    if len(chosen) > MAX_BOARDS or len(set(chosen)) < len(chosen):
        raise InvalidSetting(
            "categories", ", ".join(categories), f"at most {MAX_BOARDS} different categories"
        )
    return {
        "channel": clean_id("channel", channel),
        "window_name": str(window),
        "every": every,
        "at_time": at,
        "categories": chosen,
        "top": top,
    }


def _checked_report(report: str | None, window: str, categories: tuple[str, ...]) -> str | None:
    if report is None:
        return None
    if report not in set(SCHEDULABLE):
        raise InvalidSetting("report", report, "one of " + ", ".join(SCHEDULABLE))
    if window == SEASON:
        raise InvalidSetting("window", window, "one of " + ", ".join(WindowName) + " for a report")
    if categories:
        raise InvalidSetting("categories", ", ".join(categories), "left out: a report is about all of them")
    return str(report)


def _refuse_too_many(tx: Connection, head: Head) -> None:
    running = select(func.count()).where(
        Schedule.community_id == head.community_id, Schedule.removed_at.is_(None)
    )
    if tx.execute(running).scalar_one() >= MAX_SCHEDULES:
        raise InvalidSetting("schedules", MAX_SCHEDULES + 1, f"at most {MAX_SCHEDULES}; remove one first")


def _document(schedule: ScheduleView) -> dict[str, Any]:
    document = asdict(schedule)
    del document["next_due_at"], document["number"]
    if schedule.report is None:
        del document["report"]
    return {**document, "window": str(schedule.window or SEASON), "categories": list(schedule.categories)}
