"""Leaderboards and reports that post themselves: what is posted, and how their schedules are spoken of."""

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

import discord

from bot.messages import boards, reports, text
from bot.messages.text import Colour, Post, Reply
from bot.self_check import Finding
from points_core.leaderboard import Board
from points_core.schedules import WEEKDAYS, ScheduleView
from points_core.schedules import Post as Due

TOGETHER = 6_000  # characters that Discord takes in all embeds of one message
SKIPPED_SHOWN = 10  # days named one by one

EVERY = (
    {"day": "every day"} | {day: f"every {day.capitalize()}" for day in WEEKDAYS} | {"month": "on the 1st"}
)
"""How each rhythm is called, for choosing and in lists."""


SEASON_NAME = "the season"  # that runs, or the last one


# ── the post ──


def board_post(due: Due, shown: Sequence[Board], zone: ZoneInfo) -> Post:
    """Return the post for one slot: a board for each category, and what was late or left out."""
    embeds = [boards.leaderboard(board, zone) for board in shown]
    _mark(embeds[-1], marker(due))
    return Post(
        content=_lateness(due), embeds=fitted(embeds), allowed_mentions=discord.AllowedMentions.none()
    )


def no_season(due: Due) -> Post:
    """Return the post for one slot where no season has begun."""
    embed = discord.Embed(
        title="Leaderboard · season",
        description="No season has begun here yet. An admin begins one with `/season start`.",
        colour=Colour.BLUE,
    )
    _mark(embed, marker(due))
    return Post(content=_lateness(due), embeds=[embed], allowed_mentions=discord.AllowedMentions.none())


def report_post(due: Due, report: Post) -> Post:
    """Return the post for one slot of a report, with what was late or left out."""
    _mark(report["embeds"][-1], marker(due))
    report["content"] = _lateness(due)
    return report


def marker(due: Due) -> str:
    """Return the line under the last board by which the bot recognises the post of a slot."""
    slot = due.slot.removeprefix("now-")
    named = slot if slot == due.slot else f"by hand {slot[:6]}"
    return f"Schedule #{due.schedule.number} · {named}"


def _mark(embed: discord.Embed, line: str) -> None:
    embed.set_footer(text=f"{embed.footer.text} · {line}" if embed.footer.text else line)


def _lateness(due: Due) -> str:
    what = "report" if due.schedule.report else "board"
    lines = [f"This {what} was due {text.when(due.due_at, 'f')}."] if due.late else []
    if due.skipped:
        days = [boards.long_day(date.fromisoformat(slot)) for slot in due.skipped]
        named = ", ".join(days[-SKIPPED_SHOWN:])
        more = f"{len(days) - SKIPPED_SHOWN:,} earlier ones, " if len(days) > SKIPPED_SHOWN else ""
        lines.append(f"Left out, because I could not post in time: {more}{named}.")
    return "\n".join(lines)


def fitted(embeds: list[discord.Embed]) -> list[discord.Embed]:
    """Return the embeds with lines cut off until Discord takes them in one message."""
    if sum(map(len, embeds)) <= TOGETHER:
        return embeds
    room = (TOGETHER - sum(len(embed) - len(embed.description or "") for embed in embeds)) // len(embeds)
    for embed in embeds:
        embed.description = boards.joined((embed.description or "").split("\n"), room)
    return embeds


# ── the schedules ──


def added(schedule: ScheduleView, zone: ZoneInfo) -> Reply:
    """Return the private answer to who added a schedule."""
    next_time = f" The first comes {_when(schedule)}." if schedule.next_due_at else ""
    return Reply(
        content=f"Schedule **#{schedule.number}**: {line(schedule, zone)}.{next_time}", ephemeral=True
    )


def removed(schedule: ScheduleView, zone: ZoneInfo) -> Reply:
    """Return the private answer to who removed a schedule."""
    return Reply(
        content=f"Schedule **#{schedule.number}** posts no more: {line(schedule, zone)}. What it posted stays.",
        ephemeral=True,
    )


def posting(schedule: ScheduleView) -> Reply:
    """Return the private answer to who wants a board now."""
    return Reply(
        content=f"{'The report' if schedule.report else 'The board'} of schedule #{schedule.number} "
        f"goes to <#{schedule.channel}> now.",
        ephemeral=True,
    )


def unusable(finding: Finding) -> Reply:
    """Return the private answer to who chose a channel in which the bot cannot post."""
    return Reply(
        content=f"I cannot post in {finding.place}: {finding.wrong}. Fix: {finding.fix}.", ephemeral=True
    )


def listed(schedules: Sequence[ScheduleView], zone: ZoneInfo) -> Reply:
    """Return the private list of a server's schedules."""
    if not schedules:
        return Reply(
            content="No leaderboard posts itself yet. `/schedule add` makes one do so.", ephemeral=True
        )
    lines = (
        f"**#{schedule.number}** {line(schedule, zone)} · next {_when(schedule)}" for schedule in schedules
    )
    embed = discord.Embed(
        title="Leaderboards that post themselves",
        description=boards.joined(lines, boards.DESCRIPTION),
        colour=Colour.BLUE,
    )
    return Reply(embed=embed, ephemeral=True)


def line(schedule: ScheduleView, zone: ZoneInfo) -> str:
    """Return a schedule in a line: what, where, when."""
    categories = ", ".join(text.category(name) for name in schedule.categories)
    what = f"{_window(schedule)}, top {schedule.top}" + (f", for {categories}" if categories else "")
    if schedule.report is not None:
        what = f"report {reports.NAMES[schedule.report]}, {_window(schedule)}"
    how = "kept up to date in one message in" if schedule.live else "in"
    return f"{what}, {how} <#{schedule.channel}> {EVERY[schedule.every]} at {schedule.at} ({zone.key})"


def _window(schedule: ScheduleView) -> str:
    return boards.WINDOWS[schedule.window] if schedule.window is not None else SEASON_NAME


def choice(schedule: ScheduleView) -> str:
    """Return a schedule as a choice of at most 100 characters, without markdown."""
    report = f"{reports.NAMES[schedule.report]}, " if schedule.report is not None else ""
    what = f"#{schedule.number} · {report}{_window(schedule)}"
    return f"{what} · {EVERY[schedule.every]} at {schedule.at}"


def _when(schedule: ScheduleView) -> str:
    return text.when(schedule.next_due_at, "f") if schedule.next_due_at else "never"
