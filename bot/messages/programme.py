"""What earns by itself and what it leads to, in words: levels, streaks, expiry, decay.

PARTS                what each part of a programme is called, and how its value is said
differences, lines   two programmes as documents; one programme
expiry_preview …     the answers of /programme
going, streaks …     what a member sees of it
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import discord

from bot.messages import text
from bot.messages.text import Colour, Reply
from points_core.expiry import Going, Notice
from points_core.expiry.preview import Loss, Preview
from points_core.history import OtherFreezes, Streaks
from points_core.policy import Policy
from points_core.streaks import Streak

Document = Mapping[str, Any]
Names = Mapping[int, str]

OFF: Final = "off"
SHOWN = 5  # levels, or categories with an expiry: a line stays a line
GOING_SHOWN = 5  # lines of points that expire soon
LOSSES_SHOWN = 10


def days(count: int) -> str:
    """Return a number of days with its unit."""
    return f"{count:,} {'day' if count == 1 else 'days'}"


def on_day(day: date) -> str:
    """Return a date as people write it: "18 April 2026"."""
    return f"{day.day} {day:%B %Y}"


def _levels(levels: Sequence[Document], names: Names) -> str:
    return _listed([f"{text.shown(each['name'], 50)} ({each['earned']:,})" for each in levels]) or "none"


def _expiry(expiry: Sequence[Document], names: Names) -> str:
    return _listed([_kept(each, names, several=len(expiry) > 1) for each in expiry]) or OFF


def _listed(items: Sequence[str]) -> str:
    more = len(items) - SHOWN
    return ", ".join([*items[:SHOWN], f"and {more} more"] if more > 0 else items)


def _kept(expiry: Document, names: Names, *, several: bool) -> str:
    number = expiry["category_id"]
    others = "all others" if several else "all points"
    what = others if number is None else text.category(names.get(number, f"category no. {number}"))
    told = f", told {days(expiry['notice_days'])} before" if expiry["notice_days"] else ", nobody is told"
    begins = f", from {on_day(date.fromisoformat(expiry['begins']))} on" if expiry.get("begins") else ""
    return f"{what} after {days(expiry['days'])} ({told.removeprefix(', ')}{begins})"


def _decay(decay: Document | None, names: Names) -> str:
    if decay is None:
        return OFF
    kept = f", never the last {text.points(decay['keep'])}" if decay["keep"] else ""
    return (
        f"{decay['percent']} % every {decay['every']} after {days(decay['inactive_days'])} "
        f"without new points{kept}"
    )


def _freezes(freezes: int, names: Names) -> str:
    if not freezes:
        return "none"
    return f"{freezes} missed {'day' if freezes == 1 else 'days'} of a month"


PARTS: Final[dict[str, tuple[str, Callable[[Any, Names], str]]]] = {
    "levels": ("Levels", _levels),
    "level_roles": (
        "Roles of levels",
        lambda kind, _: "of every level reached" if kind == "stack" else "of the highest level only",
    ),
    "keep_roles": ("Who falls below a level", lambda kept, _: f"{'keeps' if kept else 'loses'} its role"),
    "announcements_per_hour": (
        "Announcements of levels and badges",
        lambda most, _: f"at most {most} an hour" if most else "none",
    ),
    "streak_freezes": ("Streak freezes", _freezes),
    "check_ins": ("Check-ins", lambda on, _: "on" if on else "only where a rule gives something for them"),
    "expiry": ("Expiry", _expiry),
    "decay": ("Decay", _decay),
}
"""Every part of a programme, in the order in which people read them."""


def names_in(policy: Document) -> Names:
    """Return the names of the categories that a policy's document holds, if it holds any."""
    return {each["id"]: each["name"] for each in policy.get("categories") or ()}


def differences(before: Document, after: Document, names: Names) -> list[str]:
    """Return a line "name: before → after" for each part that is not the same in two programmes as JSON."""
    return [
        f"**{label}**: {said(before.get(part), names)} → {said(after.get(part), names)}"
        for part, (label, said) in PARTS.items()
        if before.get(part) != after.get(part) and part in before and part in after
    ]


def lines(rules: Policy) -> list[str]:
    """Return a line for every part of a community's programme."""
    document = rules.programme.model_dump(mode="json")
    names = {category.id: category.name for category in rules.categories}
    return [f"{label}: **{said(document[part], names)}**" for part, (label, said) in PARTS.items()]


# ── /programme ──


def shown(rules: Policy) -> Reply:
    """Return the whole programme."""
    embed = discord.Embed(title="The programme", colour=Colour.BLUE, description="\n".join(lines(rules)))
    embed.set_footer(text="Everything here is off until it is switched on.")
    return Reply(embed=embed, ephemeral=True)


def expiry_preview(found: Preview, said: str) -> Reply:
    """Return who would lose what, before an expiry is switched on; `said` is what is about to be changed."""
    if found.first_day is None:
        told = f"Until {on_day(found.last_day)} nobody would lose anything."
    else:
        told = (
            f"On {on_day(found.first_day)} **{text.points(found.first_points)}** of "
            f"{_members(found.first_members)} would expire; until {on_day(found.last_day)} "
            f"**{text.points(found.points)}** of {_members(found.members)}, if they spend nothing."
        )
    return _preview("Before points expire", said, told, found)


def decay_preview(found: Preview, said: str) -> Reply:
    """Return who would lose what, before decay is switched on."""
    if found.first_day is None:
        told = "If its next turn were today, nobody would lose anything."
    else:
        told = (
            f"Its first turn is on {on_day(found.first_day)}. If it were today, "
            f"{_members(found.members)} would lose **{text.points(found.points)}**."
        )
    return _preview("Before points decay", said, told, found)


def freezes_preview(found: OtherFreezes, said: str) -> Reply:
    """Return whose streaks other freezes would end, before they are changed."""
    told = (
        f"Of {found.members:,} running {'streak' if found.members == 1 else 'streaks'}, "
        f"**{found.ended:,}** would end or become shorter; **{found.revived:,}** would come back or become longer."
    )
    embed = discord.Embed(title="Before streaks are counted anew", colour=Colour.AMBER)
    embed.description = f"{said}\n\n{told}"
    return Reply(embed=embed, ephemeral=True)


def _preview(title: str, said: str, told: str, found: Preview) -> Reply:
    embed = discord.Embed(title=title, colour=Colour.AMBER, description=f"{said}\n\n{told}")
    if found.most:
        most = "\n".join(_loss(each) for each in found.most[:LOSSES_SHOWN])
        embed.add_field(name="Who would lose most", value=most, inline=False)
    embed.set_footer(text=f"All members have {text.points(found.total)} together. Nothing is changed yet.")
    return Reply(embed=embed, ephemeral=True)


def _loss(loss: Loss) -> str:
    name = text.shown(loss.name or loss.user_id, 32)
    return f"{name} · **{text.points(loss.points)}** of {loss.of:,}"


def _members(count: int) -> str:
    return f"{count:,} {'member' if count == 1 else 'members'}"


def old_preview() -> Reply:
    """Return that the programme was changed since a preview was made."""
    return Reply(
        content="Nothing was changed: somebody changed the programme since this preview was made. "
        "Send the command again.",
        ephemeral=True,
    )


# ── what a member sees ──


def going(found: Sequence[Going]) -> str:
    """Return which points expire soon, a line for each day and category; empty where none do."""
    told = [
        f"**{text.points(each.points)}**"
        + (f" of {text.category(each.category)}" if each.category else "")
        + f": kept until {on_day(each.last_day)}"
        for each in found[:GOING_SHOWN]
    ]
    if len(found) > GOING_SHOWN:
        rest = sum(each.points for each in found[GOING_SHOWN:])
        told.append(f"… and {text.points(rest)} later")
    return "\n".join(told)


def notice(found: Notice, server: str) -> str:
    """Return what a member is told before points expire."""
    return (
        f"⏳ **{text.points(found.points)}** of yours on **{text.shown(server, 100)}** expire soon:\n"
        f"{going(found.going)}"
    )


def streaks(found: Streaks) -> str:
    """Return a member's streaks: of days, and of weeks where they are longer than one."""
    frozen = f" · {days(found.daily.frozen)} frozen" if found.daily.frozen else ""
    daily = f"🔥 {streak_line(found.daily)}{frozen}"
    return f"{daily}\n📅 {streak_line(found.weekly, 'week')}" if found.weekly.best > 1 else daily


def streak_line(streak: Streak, unit: str = "day") -> str:
    """Return how long a streak is, and the best one: "5 days in a row (best: 12)"."""
    count = f"{streak.current:,} {unit if streak.current == 1 else f'{unit}s'} in a row"
    return f"{count} (best: {streak.best:,})" if streak.best > streak.current else count
