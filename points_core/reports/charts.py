"""Each report as a picture, and that picture in words for whoever does not see it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from points_core.reports import canvas
from points_core.reports.about import Person, Totals
from points_core.reports.activity import Activity, Period
from points_core.reports.canvas import (
    FAINT,
    GIVEN,
    LETTERS,
    NET,
    PEOPLE,
    TAKEN,
    Signs,
    beneath,
    beside,
    titled,
)
from points_core.reports.givers import GiversReport
from points_core.reports.members import MemberReport
from points_core.reports.summary import Heading, Summary
from points_core.reports.transactions import TransactionReport
from points_core.values import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MAX_WORDS = 1_000  # characters: Discord takes 1,024 beside a file
MAX_BARS = 10  # beside each other with a name

Drawn = tuple["Figure", str]


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture as a PNG file, and what it shows, in words.

    signs: letters that stand in the picture for names which cannot be drawn, each with its name.
    """

    png: bytes
    words: str
    signs: tuple[tuple[str, str], ...] = ()


def chart(report: Any) -> Chart | None:  # noqa: ANN401 - any of the reports
    """Return the picture of a report; None where there is nothing to show. The first takes some seconds."""
    signs = Signs()
    with canvas.drawing():
        drawn = _DRAWN[type(report)](report, signs)
        if drawn is None:
            return None
        figure, words = drawn
        words = words if len(words) <= MAX_WORDS else words[: MAX_WORDS - 1] + "…"
        return Chart(canvas.png(figure), words, signs.explained)


def named(person: Person) -> str:
    """Return what a person is called in words."""
    return "a hidden member" if person.hidden and person.name is None else _called(person)


def label(every: str, first: date) -> str:
    """Return what a period is called: "5 Mar 2026", "Mar 2026", "2026"; a week is called by its Monday."""
    if every == "year":
        return str(first.year)
    return f"{first:%b %Y}" if every == "month" else f"{first.day} {first:%b %Y}"


# ── each report ──


def _summary(report: Summary, signs: Signs) -> Drawn | None:
    if not report.totals.transactions:
        return None
    figure, (left, right) = canvas.figure(2, [3, 2])
    titled(left, "Points by weekday")
    _ups_and_downs(left, [each.totals for each in report.weekdays])
    beneath(left, [name[:3] for name in WEEKDAYS], leaning=False)
    _categories(right, report.categories, signs)
    days = (f"{WEEKDAYS[each.weekday]} {_moved(each.totals)}" for each in report.weekdays)
    return figure, f"Bars. By weekday: {', '.join(days)}. {_category_words(report.categories)}"


def _activity(report: Activity, signs: Signs) -> Drawn | None:
    if not report.totals.transactions:
        return None
    figure, (left, right) = canvas.figure(2, [3, 2])
    _over_time(left, report.every, report.periods)
    titled(right, f"People per {report.every}")
    places = range(len(report.periods))
    right.plot(
        places, [each.members for each in report.periods], color=PEOPLE, marker="o", ms=3, label="members"
    )
    right.plot(
        places, [each.givers for each in report.periods], color=NET, marker="s", ms=3, ls="--", label="givers"
    )
    right.set_ylim(bottom=0)
    canvas.amounts(right.yaxis)
    beneath(right, _labels(report.every, report.periods))
    canvas.legend(right)
    people = (f"{label(report.every, each.first)}: {_activity_words(each)}" for each in _busy(report.periods))
    return figure, f"Bars and lines per {report.every}. {'; '.join(people)}."


def _member(report: MemberReport, signs: Signs) -> Drawn | None:
    if not report.totals.transactions:
        return None
    figure, (left, right) = canvas.figure(2, [3, 2])
    _over_time(left, report.every, report.periods)
    _categories(right, report.categories, signs)
    return figure, f"{_time_words(report.every, report.periods)} {_category_words(report.categories)}"


def _transactions(report: TransactionReport, signs: Signs) -> Drawn | None:
    if not report.totals.transactions:
        return None
    figure, (left, right) = canvas.figure(2, [3, 2])
    _over_time(left, report.every, report.periods)
    titled(right, "Transactions by kind")
    places = range(len(report.kinds))
    right.barh(places, [each.transactions for each in report.kinds], color=NET)
    beside(right, [each.kind.value for each in report.kinds])
    canvas.amounts(right.xaxis)
    kinds = ", ".join(f"{each.kind.value} {each.transactions:,}" for each in report.kinds)
    return figure, f"{_time_words(report.every, report.periods)} Transactions by kind: {kinds}."


def _givers(report: GiversReport, signs: Signs) -> Drawn | None:
    if not report.givers:
        return None
    figure, (left, right) = canvas.figure(2, [2, 3])
    shown = report.givers[:MAX_BARS]
    titled(left, "Points given")
    bars = left.barh(range(len(shown)), [each.points for each in shown], color=GIVEN)
    left.bar_label(bars, [f"{each.share:.0%}" for each in shown], color=LETTERS, padding=3, fontsize=9)
    left.margins(x=0.3)
    beside(left, [_drawn(each.giver, signs) for each in shown])
    canvas.amounts(left.xaxis)
    titled(right, "Who awards whom most")
    _pairs(right, report, signs)
    givers = ", ".join(f"{named(each.giver)} {each.points:,} ({each.share:.0%})" for each in shown)
    pairs = ", ".join(
        f"{named(each.giver)} → {named(each.member)} {each.points:,}" for each in report.pairs[:MAX_BARS]
    )
    return figure, f"Bars. Points given: {givers}. Who awards whom most: {pairs}."


_DRAWN: Final[dict[type, Callable[[Any, Signs], Drawn | None]]] = {
    Summary: _summary,
    Activity: _activity,
    MemberReport: _member,
    TransactionReport: _transactions,
    GiversReport: _givers,
}


# ── what several draw ──


def _ups_and_downs(panel: "Axes", every: Sequence[Totals]) -> None:
    """Draw what was given above the line, what was taken below it."""
    places = range(len(every))
    panel.bar(places, [_given(each) for each in every], color=GIVEN, width=0.8, label="given")
    panel.bar(places, [-_taken(each) for each in every], color=TAKEN, width=0.8, label="taken or taken back")
    panel.axhline(0, color=FAINT, linewidth=0.8)
    canvas.amounts(panel.yaxis)
    canvas.legend(panel)


def _over_time(panel: "Axes", every: str, periods: Sequence[Period]) -> None:
    titled(panel, f"Points per {every}")
    _ups_and_downs(panel, [each.totals for each in periods])
    beneath(panel, _labels(every, periods))


def _categories(panel: "Axes", headings: Sequence[Heading], signs: Signs) -> None:
    titled(panel, "Points by category")
    shown = headings[:MAX_BARS]
    panel.barh(range(len(shown)), [_given(each.totals) for each in shown], color=GIVEN)
    panel.barh(range(len(shown)), [-_taken(each.totals) for each in shown], color=TAKEN)
    panel.axvline(0, color=FAINT, linewidth=0.8)
    beside(panel, [signs(each.category or "(none)") for each in shown])
    canvas.amounts(panel.xaxis)


def _pairs(panel: "Axes", report: GiversReport, signs: Signs) -> None:
    shown = report.pairs[:MAX_BARS]
    places = range(len(shown))
    panel.barh(places, [each.points for each in shown], color=NET, height=0.45, align="edge", label="given")
    back = [each.back for each in shown]
    panel.barh(places, back, color=PEOPLE, height=-0.35, align="edge", label="given back")
    beside(panel, [f"{_drawn(each.giver, signs)} → {_drawn(each.member, signs)}" for each in shown])
    canvas.amounts(panel.xaxis)
    if any(back):
        canvas.legend(panel)


def _labels(every: str, periods: Sequence[Period]) -> list[str]:
    if every in {"day", "week"}:
        return [f"{each.first.day} {each.first:%b}" for each in periods]
    return [label(every, each.first) for each in periods]


def _drawn(person: Person, signs: Signs) -> str:
    return "(hidden)" if person.hidden and person.name is None else signs(_called(person))


# ── in words ──


def _called(person: Person) -> str:
    return one_line(person.name) or person.user_id or "someone erased"


def _given(totals: Totals) -> int:
    return totals.awarded + max(totals.other, 0) + max(totals.reversed, 0)


def _taken(totals: Totals) -> int:
    return totals.deducted - min(totals.other, 0) - min(totals.reversed, 0)


def _moved(totals: Totals) -> str:
    taken = _taken(totals)
    return f"+{_given(totals):,}" + (f" −{taken:,}" if taken else "")


def _busy(periods: Iterable[Period]) -> list[Period]:
    return [each for each in periods if each.totals.transactions]


def _activity_words(period: Period) -> str:
    return f"{_moved(period.totals)}, {period.members:,} members, {period.givers:,} givers"


def _time_words(every: str, periods: Iterable[Period]) -> str:
    parts = (f"{label(every, each.first)} {_moved(each.totals)}" for each in _busy(periods))
    return f"Bars. Points per {every}: {', '.join(parts)}."


def _category_words(headings: Iterable[Heading]) -> str:
    parts = (f"{each.category or 'none'} {_moved(each.totals)}" for each in headings)
    return f"By category: {', '.join(parts)}."
