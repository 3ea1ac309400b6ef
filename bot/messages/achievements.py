"""Levels and badges in words: what a member achieved, what a change of levels or a new badge would do.

bar                       progress as a row of cells, always beside its numbers
level_line, badge_line    one level or badge, as far as a member has come
achievements              the answer of /achievements
levels_preview, levels    the answers of /programme levels
badge_preview, badges     the answers of /badge
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import discord

from bot.messages import boards, text
from bot.messages.movements import MAX_SHOWN_NAME, inline
from bot.messages.text import Colour, Reply
from points_core.achievements import (
    Achievements,
    Badge,
    BadgeProgress,
    Goal,
    LevelProgress,
    Mover,
    Preview,
    Revoked,
    sentence,
)
from points_core.policy import Policy
from points_core.programme import MAX_LEVEL_NAME, Programme

CELLS = 10  # of a bar: as wide as a phone shows without a break
FULL, EMPTY = "▰", "▱"
MAX_BADGE_NAME = 50
REVOKED_SHOWN = 5
NO_LEVEL = "no level"


def bar(have: int, need: int) -> str:
    """Return how much of `need` there is as ten cells; full only when nothing is missing."""
    cells = max(0, min(CELLS, CELLS * have // need if need > 0 else CELLS))
    return FULL * cells + EMPTY * (CELLS - cells)


# ── what a member achieved ──


def level_line(level: LevelProgress) -> str:
    """Return a level and the way to the next, in words and as a bar."""
    name = f"**{_level(level.name)}**" if level.name else "No level yet"
    if level.next_at is None or level.next_name is None:
        return f"{name}, the highest level · {text.points(level.earned)} earned"
    way = f"{level.earned:,} of {text.points(level.next_at)} to **{_level(level.next_name)}**"
    return f"{name} · {way}\n{bar(level.earned - level.since, level.next_at - level.since)}"


def badge_line(badge: BadgeProgress) -> str:
    """Return a badge as far as a member has come: steps, when, and what the next step takes."""
    parts = [f"**{_badge(badge.name)}**"]
    if badge.steps > 1 and badge.step:
        parts[0] += f" {badge.step} of {badge.steps}"
    if badge.earned_at is not None:
        parts.append(text.when(badge.earned_at, "d"))
    if badge.have is None or badge.need is None:
        parts.append(_sentence(badge.goal))
        return " · ".join(parts)
    parts.append(f"{badge.have:,} of {badge.need:,}: {_sentence(badge.goal)}")
    return f"{' · '.join(parts)}\n{bar(badge.have, badge.need)}"


def achievements(found: Achievements, name: str) -> discord.Embed:
    """Return everything the member called `name` has achieved, and what is next."""
    embed = discord.Embed(
        title=f"What {inline(name, MAX_SHOWN_NAME)} has achieved",
        description=level_line(found.level) if found.level else None,
        colour=Colour.BLUE,
    )
    if found.held:
        embed.add_field(
            name=f"Badges ({len(found.held)})",
            value=boards.joined(map(badge_line, found.held), boards.FIELD),
            inline=False,
        )
    if found.open:
        embed.add_field(
            name="Still to earn",
            value=boards.joined(map(badge_line, found.open), boards.FIELD),
            inline=False,
        )
    if found.revoked:
        lines = map(_revoked, found.revoked[:REVOKED_SHOWN])
        embed.add_field(name="Taken back", value=boards.joined(lines, boards.FIELD), inline=False)
    if not embed.fields and not embed.description:
        embed.description = "There are no levels and no badges here yet."
    return embed


def _revoked(lost: Revoked) -> str:
    step = f" {lost.step} of {lost.steps}" if lost.steps > 1 else ""
    because = text.shown(lost.because, 100)
    return f"**{_badge(lost.name)}**{step} · {text.when(lost.revoked_at, 'd')} · {because}"


def _level(name: str) -> str:
    return inline(name, MAX_LEVEL_NAME)


def _badge(name: str) -> str:
    return inline(name, MAX_BADGE_NAME)


def _sentence(goal: str) -> str:
    return text.shown(goal, 200)


# ── levels ──


def levels(rules: Policy, seen: Preview) -> Reply:
    """Return the levels as they are, with how many members have each."""
    embed = discord.Embed(title="Levels", colour=Colour.BLUE)
    embed.description = _ladder(rules.programme, seen.after, seen.after) or (
        "There are none. `/programme levels preset` switches a ready-made programme on, with a preview first."
    )
    return Reply(embed=embed, ephemeral=True)


def levels_preview(programme: Programme, seen: Preview, lacking: Sequence[str]) -> Reply:
    """Return what other levels would do; `lacking` says which roles the bot could not give, and why."""
    embed = discord.Embed(title="Before levels change", colour=Colour.AMBER)
    ladder = _ladder(programme, seen.before, seen.after) or "There would be no levels."
    embed.description = f"{ladder}\n\n{_moves(seen)}"
    if seen.movers:
        lines = [_mover(mover, programme) for mover in seen.movers]
        embed.add_field(name="Who would move", value=boards.joined(lines, boards.FIELD), inline=False)
    if roles := _roles(seen):
        embed.add_field(name="Roles", value=boards.joined(roles, boards.FIELD), inline=False)
    if lacking:
        embed.add_field(name="What I lack", value=boards.joined(lacking, boards.FIELD), inline=False)
    embed.set_footer(text="Nothing is changed yet.")
    return Reply(embed=embed, ephemeral=True)


def _ladder(programme: Programme, before: Sequence[int], after: Sequence[int]) -> str:
    lines = []
    for number, level in enumerate(programme.levels, start=1):
        role = f" · <@&{level.role}>" if level.role else ""
        was = before[number] if number < len(before) else 0
        now = after[number] if number < len(after) else 0
        count = _members(now) + (f" (now {was:,})" if was != now else "")
        lines.append(f"{number}. **{_level(level.name)}** from {text.points(level.earned)} · {count}{role}")
    return "\n".join(lines)


def _moves(seen: Preview) -> str:
    if not seen.up and not seen.down:
        return "Nobody would move."
    return f"{_members(seen.up)} would rise, {_members(seen.down)} would fall."


def _mover(mover: Mover, programme: Programme) -> str:
    after = programme.level(mover.after)
    name = (
        inline(mover.name or mover.user_id, MAX_SHOWN_NAME)
        if mover.name or mover.user_id
        else "someone erased"
    )
    way = "▲" if mover.after > mover.before else "▼"
    return f"{way} {name} · {text.points(mover.earned)} earned → {_level(after.name) if after else NO_LEVEL}"


def _roles(seen: Preview) -> list[str]:
    lines = []
    for role in sorted(seen.gives.keys() | seen.takes.keys()):
        gains, loses = seen.gives.get(role, 0), seen.takes.get(role, 0)
        parts = [f"{_members(gains)} would get it"] if gains else []
        parts += [f"{_members(loses)} would lose it"] if loses else []
        lines.append(f"<@&{role}>: {', '.join(parts)}")
    return lines


def _members(count: int) -> str:
    return f"{count:,} {'member' if count == 1 else 'members'}"


# ── badges ──


def badge_preview(
    name: str, goal: str, steps: Sequence[int], earners: Sequence[int], notes: Sequence[str]
) -> Reply:
    """Return what a new badge would be, and who would have it at once; `notes` are lines about its role."""
    embed = discord.Embed(title=f"A new badge: {_badge(name)}", colour=Colour.AMBER)
    lines = [f"For who will {_sentence(goal)}.", "", *_at_once(steps, earners), *notes]
    embed.description = "\n".join(lines)
    embed.set_footer(text="Nothing is changed yet. A goal stays as it is once somebody has earned the badge.")
    return Reply(embed=embed, ephemeral=True)


def badge_made(badge: Badge) -> str:
    """Return that a badge was made."""
    return f"🏅 **{_badge(badge.name)}** is badge #{badge.number}. Members see it in `/achievements`" + (
        " once they earn it." if badge.hidden else "."
    )


def badge_changed(badge: Badge) -> str:
    """Return that a badge was changed."""
    return f"Badge #{badge.number}, **{_badge(badge.name)}**, is changed."


def badge_as_it_is(badge: Badge) -> Reply:
    """Return that a badge is already what was asked for."""
    words = f"Badge #{badge.number}, **{_badge(badge.name)}**, is like that already."
    return Reply(content=words, ephemeral=True)


def role_notes(role: str | None, days: int | None) -> list[str]:
    """Return the line about a badge's role, none without one."""
    return [f"<@&{role}> comes with it{f' for {days:,} days' if days else ''}."] if role else []


def badge_change_preview(
    badge: Badge, changed: Mapping[str, Any], rules: Policy, holders: int, earners: Sequence[int]
) -> Reply:
    """Return what would become of a badge and of its holders; `earners` of another goal would have it at once."""
    embed = discord.Embed(title=f"Badge #{badge.number}, {_badge(badge.name)}: a change", colour=Colour.AMBER)
    lines = [f"**{_FIELDS[name]}**: {_way(badge, name, value, rules)}" for name, value in changed.items()]
    goal: Goal | None = changed.get("goal")
    if goal is not None:
        lines += ["", *_at_once(goal.steps, earners)]
    else:
        lines += ["", *_gains_and_losses(badge, changed, holders)]
    embed.description = boards.joined(lines, boards.DESCRIPTION)
    embed.set_footer(text="Nothing is changed yet. A goal stays as it is once somebody has earned the badge.")
    return Reply(embed=embed, ephemeral=True)


_FIELDS: Final = {
    "name": "Name",
    "description": "Description",
    "goal": "Goal",
    "hidden": "Hidden",
    "role": "Role",
    "role_days": "Days of the role",
}


def _way(badge: Badge, name: str, value: object, rules: Policy) -> str:
    return f"{_shown(name, getattr(badge, name), rules)} → {_shown(name, value, rules)}"


def _shown(name: str, value: Any, rules: Policy) -> str:  # noqa: ANN401 - whatever a badge's field holds
    if name == "hidden":
        return "yes" if value else "no"
    if value is None:
        return "as long as it is held" if name == "role_days" else "none"
    if name == "goal":
        return _sentence(sentence(value, rules))
    return f"<@&{value}>" if name == "role" else text.shown(str(value), 200)


def _gains_and_losses(badge: Badge, changed: Mapping[str, Any], holders: int) -> list[str]:
    held = f"It is held by {_members(holders)}"
    if "role" not in changed and "role_days" not in changed:
        return [f"{held}: nobody gains or loses anything."]
    before, after = badge.role, changed.get("role", badge.role)
    if before == after:
        return [f"{held}; the days are counted from when each earned it."]
    parts = [f"would get <@&{after}>"] if after else []
    parts += [f"would lose <@&{before}>, unless they have it for something else"] if before else []
    return [f"{held}, who {' and '.join(parts)}."]


def _at_once(steps: Sequence[int], earners: Sequence[int]) -> list[str]:
    return [
        f"{_members(members)} would have {'it' if len(steps) == 1 else f'step {number} ({needed:,})'} at once."
        for number, (needed, members) in enumerate(zip(steps, earners, strict=True), start=1)
    ]


def badge_retired(badge: Badge) -> Reply:
    """Return that a badge was retired."""
    words = f"Badge #{badge.number}, **{_badge(badge.name)}**, is retired: who holds it keeps it, nobody earns it."
    return Reply(content=words, ephemeral=True)


def badges(found: Sequence[Badge], holders: Mapping[int, int], rules: Policy) -> Reply:
    """Return the badges there are, with how many members hold each."""
    embed = discord.Embed(title="Badges", colour=Colour.BLUE)
    lines = [_listed(badge, holders.get(badge.number, 0), rules) for badge in found]
    embed.description = boards.joined(lines, boards.DESCRIPTION) or (
        "There are none yet. `/badge preset` makes ready-made ones, `/badge new` your own."
    )
    return Reply(embed=embed, ephemeral=True)


def _listed(badge: Badge, holders: int, rules: Policy) -> str:
    notes = [f"held by {holders:,}"]
    if badge.role:
        days = f" for {badge.role_days:,} days" if badge.role_days else ""
        notes.append(f"<@&{badge.role}>{days}")
    notes += ["hidden"] if badge.hidden else []
    notes += ["retired"] if badge.retired else []
    goal = _sentence(sentence(badge.goal, rules))
    return f"#{badge.number} **{_badge(badge.name)}** · {goal} · {' · '.join(notes)}"


# ── asking first ──


def changed_meanwhile() -> str:
    """Return that somebody else changed the policy since a preview was made."""
    return "Nothing was changed: somebody changed the settings since this preview was made. Send the command again."


def called_off() -> str:
    """Return that nothing happens."""
    return "Nothing was changed."


def lacking(role_id: str, why: str) -> str:
    """Return why the bot cannot give a role, and the fix."""
    return f"I could not give <@&{role_id}>: {why}"
