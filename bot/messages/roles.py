"""What is said of levels reached, badges earned and lost, and roles that could not be given."""

from collections.abc import Callable, Sequence
from typing import Any

import discord

from bot.messages import boards, text
from bot.messages.movements import inline, pinging
from bot.messages.text import Colour, Post, Reply
from points_core.achievements import BadgeTold, LevelTold
from points_core.achievements.roles import Grant
from points_core.programme import MAX_LEVEL_NAME

__all__ = ["Again", "Post", "badge", "failures", "level", "tried"]

Again = Callable[..., Any]

MAX_BADGE_NAME = 50
SHOWN = 15  # failures in one answer


def level(told: LevelTold) -> Post:
    """Return the announcement of another level; it pings the member and nobody else."""
    who = text.who(told.user_id, told.name)
    after = inline(told.after, MAX_LEVEL_NAME) if told.after else None
    if told.rose:
        words = f"🎉 {who} is now **{after}**."
    else:
        words = f"{who} is {f'**{after}**' if after else 'below the first level'} again."
    return Post(content=words, allowed_mentions=pinging(told.user_id))


def badge(told: BadgeTold, *, revoked: bool) -> Post:
    """Return the announcement of a badge earned, or taken back and why."""
    name = f"**{inline(told.badge.name, MAX_BADGE_NAME)}**"
    step = f" {told.step} of {told.steps}" if told.steps > 1 else ""
    who = "Everybody who took part" if told.everybody else text.who(told.user_id, told.name)
    if revoked:
        because = f": {text.shown(told.because, 150)}" if told.because else ""
        words = f"{who} no longer {'have' if told.everybody else 'has'} the badge {name}{step}{because}."
    else:
        words = f"🏅 {who} earned the badge {name}{step}: {text.shown(told.goal, 150)}."
    return Post(content=words, allowed_mentions=pinging(None if told.everybody else told.user_id))


def failures(found: Sequence[Grant]) -> Reply:
    """Return the roles that could not be given or taken, each with the fix."""
    if not found:
        return Reply(content="Every role is as it should be.", ephemeral=True)
    return Reply(embed=_listed(found), ephemeral=True)


def tried(count: int, left: Sequence[Grant]) -> Reply:
    """Return what came of trying `count` roles again."""
    words = f"Looked at {count:,} {'role' if count == 1 else 'roles'}."
    if not left:
        return Reply(content=f"{words} Every role is as it should be.", ephemeral=True)
    return Reply(content=words, embed=_listed(left), ephemeral=True)


def _listed(found: Sequence[Grant]) -> discord.Embed:
    embed = discord.Embed(title="Roles that could not be given or taken", colour=Colour.AMBER)
    embed.description = boards.joined(map(_failure, found[:SHOWN]), boards.DESCRIPTION)
    embed.set_footer(text="Put it right, then use /roles retry.")
    return embed


def _failure(grant: Grant) -> str:
    what = "to" if grant.wanted else "from"
    return f"<@&{grant.role}> {what} <@{grant.user_id}>: {text.shown(grant.why, 200)}"
