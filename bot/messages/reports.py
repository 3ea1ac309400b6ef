"""Reports in words, with their picture beside them; everything in the picture is said in words too."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from io import BytesIO
from typing import Any, Final

import discord

from bot.messages import boards, text
from bot.messages.boards import DESCRIPTION, FIELD, joined
from bot.messages.movements import MAX_SHOWN_NAME, by, inline, name_of, number
from bot.messages.text import Colour, Post, Reply
from points_core.reports import (
    Activity,
    Chart,
    Concentration,
    During,
    GiversReport,
    MemberReport,
    Period,
    Person,
    Report,
    ReportKind,
    Summary,
    Totals,
    TransactionReport,
)
from points_core.reports.charts import WEEKDAYS, label

NAMES: Final = {
    ReportKind.SUMMARY: "Summary",
    ReportKind.ACTIVITY: "Activity",
    ReportKind.GIVERS: "Givers",
    ReportKind.MEMBER: "Member",
    ReportKind.TRANSACTIONS: "Transactions",
}
"""How each report is called, for choosing and in titles."""

TOGETHER = 6_000  # characters that Discord takes in one embed
PERIODS = 20  # days, weeks or months written out: what a screen holds
PICTURE = "report.png"


def post(report: Report, drawn: Chart | None) -> Post:
    """Return the message with a report; its picture is attached and described in words."""
    embed = discord.Embed(title=_title(report), colour=Colour.BLUE)
    _FILLED[type(report)](embed, report)
    if drawn is not None and drawn.signs:
        signs = (f"{sign} {inline(name, MAX_SHOWN_NAME)}" for sign, name in drawn.signs)
        embed.add_field(name="In the picture", value=joined(signs, FIELD, " · "), inline=False)
    embed.set_footer(text=_days(report.during))
    while len(embed) > TOGETHER:
        embed.remove_field(len(embed.fields) - 1)
    made = Post(embeds=[embed], allowed_mentions=discord.AllowedMentions.none())
    if drawn is not None:
        embed.set_image(url=f"attachment://{PICTURE}")
        made["files"] = [discord.File(BytesIO(drawn.png), PICTURE, description=drawn.words)]
    return made


def shared() -> Reply:
    """Return the private answer to who shows a report to everybody."""
    return Reply(content="Here it is, for everybody in this channel.", ephemeral=True)


def _title(report: Report) -> str:
    if isinstance(report, MemberReport):
        name = f"Points of {_named(report.member)}"
    elif isinstance(report, TransactionReport):
        name = "Transactions"
    else:
        name = {Summary: "Summary", Activity: "Activity", GiversReport: "Givers"}[type(report)]
    return f"{name} · {_window(report.during)}"


def _window(during: During) -> str:
    return boards.WINDOWS[during.name] if during.name is not None else _span(during)


def _span(during: During) -> str:
    first, after = during.window.first, during.window.after
    if first is None or after is None:
        return "all time"
    last = after - timedelta(days=1)
    return boards.long_day(first) if first == last else f"{boards.long_day(first)} to {boards.long_day(last)}"


def _days(during: During) -> str:
    return f"{_span(during)} · {during.timezone}"


# ── each report ──


def _summary(embed: discord.Embed, report: Summary) -> None:
    people = (
        f"**{number(report.members)}** members had points moved, **{number(report.givers)}** people awarded."
    )
    embed.description = f"{_totals(report.totals)}\n{people}"
    headings = (f"{text.category(each.category)} {_moved(each.totals)}" for each in report.categories)
    _list(embed, "By category", headings, " · ")
    if report.totals.transactions:
        days = (f"{WEEKDAYS[day.weekday][:3]} {_moved(day.totals)}" for day in report.weekdays)
        _list(embed, "By weekday", days, " · ")


def _activity(embed: discord.Embed, report: Activity) -> None:
    lines = [
        f"{label(report.every, each.first)}: {_moved(each.totals)}"
        f" · {each.members:,} members, {each.givers:,} givers"
        for each in _told(report.periods)
    ]
    embed.description = joined([_totals(report.totals), *lines, *_quiet(report.every, report)], DESCRIPTION)


def _member(embed: discord.Embed, report: MemberReport) -> None:
    rank = f", rank **{report.rank:,}** of {report.ranked:,}" if report.rank else ""
    lines = [f"**{text.points(report.current)}** now{rank}.", _totals(report.totals)]
    lines.append(f"Gave **{text.points(report.given)}** in {number(report.given_awards)} awards that stand.")
    if report.best:
        best = f"{label(report.every, report.best.first)} with {text.signed(report.best.totals.net)}"
        lines.append(f"Best {report.every}: {best}.")
    embed.description = "\n".join(lines)
    headings = (f"{text.category(each.category)} {_moved(each.totals)}" for each in report.categories)
    _list(embed, "By category", headings, " · ")
    givers = (f"{_named(each.giver)} **{number(each.points)}** in {each.awards:,}" for each in report.givers)
    _list(embed, "Awarded by", givers)
    periods = (f"{label(report.every, each.first)} {_moved(each.totals)}" for each in _told(report.periods))
    _list(embed, f"By {report.every}", periods, " · ")


def _transactions(embed: discord.Embed, report: TransactionReport) -> None:
    lines = [_totals(report.totals)]
    if report.sized:
        sized = report.sized
        lines.append(
            f"In one: **{sized.median:g}** in the middle, nine of ten at most **{sized.p90:g}**, "
            f"the most **{number(sized.largest)}**."
        )
    embed.description = "\n".join(lines)
    filters = _filters(report)
    if filters:
        embed.description = f"{filters}\n{embed.description}"
    kinds = (f"{each.kind} {each.transactions:,} ({text.signed(each.points)})" for each in report.kinds)
    _list(embed, "By kind", kinds, " · ")
    latest = (
        f"`#{each.number}` **{text.signed(each.amount)}** {name_of(each.user_id, each.name)} · "
        f"{inline(each.reason, 60)} · by {by(each.actor)}"
        for each in report.latest
    )
    _list(embed, "Latest", latest)


def _filters(report: TransactionReport) -> str:
    kept = report.filters
    parts = [f"of <@{kept.user_id}>"] if kept.user_id else []
    parts += [f"by <@{kept.actor}>"] if kept.actor else []
    parts += [f"for {text.category(kept.category)}"] if kept.category else []
    parts += [f"only {kept.kind}"] if kept.kind else []
    return " · ".join(parts)


def _givers(embed: discord.Embed, report: GiversReport) -> None:
    others = f"; {text.points(report.by_others)} came from others" if report.by_others else ""
    given = f"**{text.points(report.points)}** in {report.awards:,} awards that stand, by people{others}."
    lines = [given]
    if report.giving.people:
        lines += [f"Giving: {_spread(report.giving)}.", f"Receiving: {_spread(report.receiving)}."]
        lines.append("*HHI adds up the squared shares: 1 is one person alone, 1/n is n people alike.*")
    embed.description = "\n".join(lines)
    _list(
        embed,
        "Givers",
        (
            f"{_named(each.giver)} **{number(each.points)}** ({each.share:.0%}) to {each.members:,}, "
            f"{each.top_share:.0%} of it to {_named(each.top)}"
            for each in report.givers
        ),
    )
    pairs = (
        f"{_named(each.giver)} → {_named(each.member)} **{number(each.points)}**"
        + (f", back {number(each.back)}" if each.back else "")
        for each in report.pairs
    )
    _list(embed, "Who awards whom", pairs)
    mutual = (
        f"{_named(each.one)} ⇄ {_named(each.other)}: {number(each.given)} and {number(each.back)}"
        for each in report.reciprocal
    )
    _list(embed, f"Award each other ({report.reciprocal_pairs:,})", mutual)
    _left_out(embed, report)
    loads = (
        f"{_named(each.moderator)}: {each.awards:,} awards, {each.deductions:,} deductions, "
        f"{each.reversals:,} reversals, {each.votes:,} votes"
        for each in report.workload
    )
    _list(embed, f"Work ({report.moderators:,})", loads)
    embed.add_field(name="Approval", value=_latency(report), inline=False)


def _left_out(embed: discord.Embed, report: GiversReport) -> None:
    never = ", ".join(map(_named, report.never))
    count = f"{report.never_recognised:,} of {report.members:,} known members"
    more = " …" if report.never_recognised > len(report.never) else ""
    value = f"{count}: {never}{more}" if never else count
    embed.add_field(name="Never recognised", value=joined([value], FIELD) or count, inline=False)
    if report.unused:
        unused = map(text.category, report.unused)
        embed.add_field(name="Categories without an award", value=joined(unused, FIELD, ", "), inline=False)


_FILLED: Final[dict[type, Callable[[discord.Embed, Any], None]]] = {
    Summary: _summary,
    Activity: _activity,
    MemberReport: _member,
    TransactionReport: _transactions,
    GiversReport: _givers,
}


# ── what several say ──


def _totals(totals: Totals) -> str:
    if not totals.transactions:
        return "No points were moved."
    parts = [
        f"**{number(totals.awarded)}** awarded in {totals.awards:,}",
        f"**{number(totals.deducted)}** deducted in {totals.deductions:,}",
        f"**{text.signed(totals.reversed)}** by {totals.reversals:,} taken back",
    ]
    parts += [f"**{text.signed(totals.other)}** of other kinds"] if totals.other else []
    return f"{', '.join(parts)}: **{text.signed(totals.net)}** on balance."


def _moved(totals: Totals) -> str:
    """Return what was given and what was taken, as the picture has it."""
    taken = totals.deducted - min(totals.other, 0) - min(totals.reversed, 0)
    given = totals.awarded + max(totals.other, 0) + max(totals.reversed, 0)
    return f"**{text.signed(given)}**" + (f" {text.signed(-taken)}" if taken else "")


def _told(periods: Sequence[Period]) -> list[Period]:
    """Return the latest periods in which something happened."""
    return [each for each in periods if each.totals.transactions][-PERIODS:]


def _quiet(every: str, report: Activity) -> list[str]:
    """Return what is not written out."""
    busy = sum(each.totals.transactions > 0 for each in report.periods)
    earlier = [f"… and {busy - PERIODS:,} earlier ones"] if busy > PERIODS else []
    quiet = len(report.periods) - busy
    return earlier + ([f"Without any points: {quiet:,} of {len(report.periods):,} {every}s"] if quiet else [])


def _list(embed: discord.Embed, name: str, lines: Iterable[str], between: str = "\n") -> None:
    value = joined(lines, FIELD, between)
    if value:
        embed.add_field(name=name, value=value, inline=False)


def _named(person: Person) -> str:
    if person.hidden and person.name is None and person.user_id is None:
        return boards.HIDDEN
    return name_of(person.user_id, person.name)


def _spread(spread: Concentration) -> str:
    return (
        f"**{spread.people:,}** people, the largest share **{spread.top_share:.0%}**, "
        f"HHI {spread.hhi:.2f}, as if {spread.alike:.3g} had the same"
    )


def _latency(report: GiversReport) -> str:
    waits = report.latency
    rest = f"{waits.lapsed:,} lapsed, {waits.waiting:,} wait now"
    if waits.median_s is None or waits.p90_s is None:
        return f"Nothing was decided; {rest}."
    median, p90 = _long(waits.median_s), _long(waits.p90_s)
    return f"{waits.decided:,} decided, half of them within {median}, nine of ten within {p90}; {rest}."


def _long(seconds: float) -> str:
    """Return a length of time as people say it: "2 h 5 min"."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{round(seconds)} s"
    days, hours, rest = minutes // 1_440, minutes % 1_440 // 60, minutes % 60
    parts = ((days, "d"), (hours, "h"), (rest if not days else 0, "min"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)
