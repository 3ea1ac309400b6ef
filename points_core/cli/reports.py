"""The command `points report KIND`: what a window's points say together, as text, JSON or a picture."""

import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from points_core import reports
from points_core.cli.reading import line
from points_core.cli.running import AsJson, Community, community_of, now, run, say, say_json
from points_core.database import Opening, Points, aside
from points_core.reports import (
    Activity,
    Chart,
    Concentration,
    During,
    GiversReport,
    Heading,
    MemberReport,
    Period,
    Report,
    ReportKind,
    Summary,
    Totals,
    TransactionReport,
)
from points_core.reports.charts import WEEKDAYS, label, named
from points_core.values import Kind
from points_core.windows import WindowName, parse_day

Which = Annotated[ReportKind, typer.Argument(metavar="KIND", help="What is reported.")]
ONLY = "only for transactions"


def report(
    kind: Which,
    window: Annotated[WindowName | None, typer.Option(help="Which span of time; this month if none.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="The first day, as 2026-01-31.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day, included.")] = None,
    user: Annotated[
        str | None, typer.Option("--member", help="Whose: for member, and a filter of transactions.")
    ] = None,
    category: Annotated[str | None, typer.Option(help=f"Only this category ({ONLY}).")] = None,
    moved: Annotated[Kind | None, typer.Option("--kind", help=f"Only this kind ({ONLY}).")] = None,
    giver: Annotated[str | None, typer.Option(help=f"Only what this person saw to ({ONLY}).")] = None,
    every: Annotated[str | None, typer.Option(help="Told by day, week, month or year.")] = None,
    limit: Annotated[int, typer.Option(help="How long lists are.", min=1, max=1_000)] = 10,
    chart: Annotated[Path | None, typer.Option(help="Where to write the picture, a PNG file.")] = None,
    community: Community = None,
    as_json: AsJson = False,
) -> None:
    """Report a window: summary, transactions, member, activity or givers."""
    _check(kind, user, {"--category": category, "--kind": moved, "--giver": giver}, every)
    days = {"window": window, "first": parse_day(first) if first else None}
    days["last"] = parse_day(last) if last else None
    asked: dict[ReportKind, dict[str, Any]] = {
        ReportKind.SUMMARY: {},
        ReportKind.ACTIVITY: {"every": every},
        ReportKind.GIVERS: {"top": limit},
        ReportKind.MEMBER: {"user_id": user, "every": every, "top": limit},
        ReportKind.TRANSACTIONS: {
            "user_id": user,
            "category": category,
            "kind": moved,
            "actor": giver,
            "every": every,
            "limit": limit,
        },
    }

    async def work(points: Points) -> tuple[Report, Chart | None]:
        here = community_of(points, community)
        found = await points.survey(reports.OPERATIONS[kind], here, now(), **days, **asked[kind])
        return found, await aside(reports.chart, found) if chart else None

    found, drawn = run(work, Opening.CURRENT)
    if as_json:
        say_json(found)
    else:
        for each in text(found):
            say(each)
    if chart:
        _keep(chart, drawn)


def _check(kind: ReportKind, user: str | None, filters: dict[str, Any], every: str | None) -> None:
    """Refuse options that would do nothing."""
    if kind is ReportKind.MEMBER and user is None:
        raise typer.BadParameter("Say whose, with --member.")
    if kind not in {ReportKind.MEMBER, ReportKind.TRANSACTIONS}:
        filters = {"--member": user, **filters}
    unused = [name for name, value in filters.items() if value is not None]
    if unused and kind is not ReportKind.TRANSACTIONS:
        raise typer.BadParameter(f"{unused[0]} does nothing for {kind}.")
    if every is not None and kind in {ReportKind.SUMMARY, ReportKind.GIVERS}:
        raise typer.BadParameter(f"--every does nothing for {kind}.")


def _keep(file: Path, drawn: Chart | None) -> None:
    if drawn is None:
        typer.echo("There is nothing to draw; no picture was written.", err=True)
        return
    try:
        file.write_bytes(drawn.png)
    except OSError as error:
        typer.echo(f"The picture could not be written to {file}: {error.strerror}.", err=True)
        sys.exit(1)
    for sign, name in drawn.signs:
        typer.echo(f"In the picture {sign} is {name}.", err=True)


# ── as text ──


def text(report: Report) -> Iterator[str]:
    """Yield the lines of a report."""
    yield _days(report.during)
    yield from _TEXTS[type(report)](report)


def _summary(report: Summary) -> Iterator[str]:
    yield from _totals(report.totals)
    yield f"Members with points moved: {report.members}; people who awarded: {report.givers}"
    heads = (f"{_heading(each)}, members: {each.members}" for each in report.categories)
    yield from _listed("By category:", heads)
    days = (f"{WEEKDAYS[day.weekday]}: {_moved(day.totals)}" for day in report.weekdays)
    yield from _listed("By weekday:", days)


def _activity(report: Activity) -> Iterator[str]:
    yield from _totals(report.totals)
    people = (f", members: {each.members}, givers: {each.givers}" for each in report.periods)
    periods = (_period(report.every, each) for each in report.periods)
    yield from _listed(f"By {report.every}:", map("".join, zip(periods, people, strict=True)))


def _member(report: MemberReport) -> Iterator[str]:
    rank = f", rank {report.rank} of {report.ranked}" if report.rank else ""
    yield f"{named(report.member)}: {report.current} points now{rank}"
    yield from _totals(report.totals)
    yield f"Gave {report.given} points in {report.given_awards} awards that stand"
    if report.best:
        best = f"{report.best.totals.net:+} on balance"
        yield f"Best {report.every}: {label(report.every, report.best.first)}, {best}"
    yield from _listed("By category:", map(_heading, report.categories))
    yield from _listed(
        "Awarded by:", (f"{named(each.giver)}: {each.points} in {each.awards}" for each in report.givers)
    )
    yield from _listed(f"By {report.every}:", (_period(report.every, each) for each in report.periods))


def _transactions(report: TransactionReport) -> Iterator[str]:
    yield from _totals(report.totals)
    if report.sized:
        sized = report.sized
        yield f"Points in one: median {sized.median:g}, 90th percentile {sized.p90:g}, most {sized.largest}"
    kinds = (f"{each.kind}: {each.transactions}, {each.points:+} points" for each in report.kinds)
    yield from _listed("By kind:", kinds)
    yield from _listed("Latest:", map(line, report.latest))


def _givers(report: GiversReport) -> Iterator[str]:
    yield f"{report.points} points in {report.awards} awards that stand, by people; {report.by_others} by others"
    yield from _listed(
        "Givers:",
        (
            f"{named(each.giver)}: {each.points} ({each.share:.1%}) in {each.awards} awards to {each.members},"
            f" {each.top_share:.1%} of it to {named(each.top)}"
            for each in report.givers
        ),
    )
    yield f"Giving: {_spread(report.giving)}"
    yield f"Receiving: {_spread(report.receiving)}"
    if report.giving.people:
        yield "(HHI: the sum of the squared shares; 1 is one person alone, 1/n is n people alike)"
    yield from _listed(
        "Who awards whom:",
        (
            f"{named(each.giver)} → {named(each.member)}: {each.points} in {each.awards}, {each.back} back"
            for each in report.pairs
        ),
    )
    yield from _listed(
        f"Pairs who award each other: {report.reciprocal_pairs}",
        (f"{named(e.one)} ⇄ {named(e.other)}: {e.given} and {e.back}" for e in report.reciprocal),
    )
    yield f"Never recognised: {report.never_recognised} of {report.members} known members"
    yield from (f"  {named(each)}" for each in report.never)
    yield f"Categories without an award: {', '.join(report.unused) or 'none'}"
    yield _latency(report)
    yield from _listed(
        f"Work of {report.moderators} people:",
        (
            f"{named(each.moderator)}: {each.awards} awards, {each.deductions} deductions,"
            f" {each.reversals} reversals, {each.votes} votes"
            for each in report.workload
        ),
    )


_TEXTS: Final[dict[type, Callable[[Any], Iterator[str]]]] = {
    Summary: _summary,
    Activity: _activity,
    MemberReport: _member,
    TransactionReport: _transactions,
    GiversReport: _givers,
}


def _days(during: During) -> str:
    window = during.window
    if window.first is None or window.after is None:
        return f"All time ({during.timezone})"
    last: date = window.after - timedelta(days=1)
    return f"{window.first.isoformat()} to {last.isoformat()} ({during.timezone})"


def _totals(totals: Totals) -> Iterator[str]:
    yield (
        f"{totals.transactions} transactions: {totals.awarded} points awarded in {totals.awards}, "
        f"{totals.deducted} deducted in {totals.deductions}, {totals.reversed:+} by {totals.reversals} reversals"
    )
    other = (
        f" (with {totals.other:+} of imports, redemptions, transfers and expiries)" if totals.other else ""
    )
    yield f"Net: {totals.net:+} points{other}"


def _listed(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield title
    yield from (f"  {each}" for each in lines)


def _heading(heading: Heading) -> str:
    return f"{heading.category or '(none)'}: {_moved(heading.totals)}"


def _moved(totals: Totals) -> str:
    parts = [f"{totals.awarded} awarded", f"{totals.deducted} deducted"]
    parts += [f"{totals.reversed:+} reversed"] if totals.reversals else []
    return f"{totals.net:+} ({', '.join(parts)})"


def _period(every: str, period: Period) -> str:
    return f"{label(every, period.first)}: {_moved(period.totals)}"


def _spread(spread: Concentration) -> str:
    if not spread.people:
        return "nothing to spread"
    return (
        f"{spread.people} people, the largest share {spread.top_share:.1%}, HHI {spread.hhi:.3f}: "
        f"as if {spread.alike:g} people had the same"
    )


def _latency(report: GiversReport) -> str:
    waits = report.latency
    rest = f"{waits.lapsed} lapsed, {waits.waiting} wait now"
    if waits.median_s is None or waits.p90_s is None:
        return f"Approval: nothing was decided; {rest}"
    median, p90 = (str(timedelta(seconds=round(seconds))) for seconds in (waits.median_s, waits.p90_s))
    return f"Approval: {waits.decided} decided, median {median}, 90th percentile {p90}; {rest}"
