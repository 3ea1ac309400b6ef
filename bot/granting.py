"""Giving and taking a role in Discord, and in words what stands in the way.

obstacle   why the bot cannot, or must not, give a role, with the fix
givable    a refusal of roles that the bot could not give, before they are kept
carry_out  bring one member's role to what is wanted, and put down how that went
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import discord

from bot.replies import may_pass
from points_core.achievements import roles
from points_core.achievements.roles import Grant
from points_core.errors import InvalidSetting

if TYPE_CHECKING:
    from bot.client import PointsBot

FORBIDDEN: Final = discord.Permissions(
    administrator=True,
    manage_guild=True,
    manage_roles=True,
    manage_channels=True,
    manage_webhooks=True,
    manage_messages=True,
    manage_threads=True,
    moderate_members=True,
    kick_members=True,
    ban_members=True,
    mention_everyone=True,
)
"""What no role that points give may hold: whoever moves points would hand out power over the server."""

GONE: Final = "they are not in the server; they get it when they are back"
NAMED: Final = 3  # of a role's powers: one is enough to refuse it

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What stands in the way of giving a role, and the fix, each in a few words."""

    wrong: str
    fix: str

    def __str__(self) -> str:
        return f"{self.wrong}; {self.fix}"


def obstacle(guild: discord.Guild, role_id: str, *, taking: bool = False) -> Obstacle | None:
    """Return why the bot cannot give (or, `taking`, take) the role, with the fix; None if nothing does.

    A role that came to hold power since it was given is the first that should be taken.
    """
    role = _role(guild, role_id)
    if role is None:
        return Obstacle("it is not there any more", "choose another")
    if role.is_default() or role.managed:
        return Obstacle("Discord gives and takes it by itself", "choose another")
    if not taking and (power := role.permissions.value & FORBIDDEN.value):
        held = [name.replace("_", " ") for name, on in discord.Permissions(power) if on]
        named = ", ".join(held[:NAMED]) + (f" and {len(held) - NAMED} more" if len(held) > NAMED else "")
        return Obstacle(f"it holds power over the server ({named})", "take that from it, or choose another")
    if not guild.me.guild_permissions.manage_roles:
        return Obstacle("I lack Manage Roles", "allow it to my role in Server Settings › Roles")
    if role >= guild.me.top_role:
        return Obstacle("it stands above my own role", "drag mine above it in Server Settings › Roles")
    return None


def givable(
    guild: discord.Guild | None, chosen: Iterable[str | None], before: Iterable[str | None] = ()
) -> None:
    """Refuse to keep roles that the bot could not give, but those that were chosen `before`.

    Raises InvalidSetting with what stands in the way and the fix.
    """
    if guild is None:
        return
    for role_id in dict.fromkeys(chosen):
        if role_id is None or role_id in set(before):
            continue
        if (found := obstacle(guild, role_id)) is not None:
            role = _role(guild, role_id)
            name = f"@{role.name.removeprefix('@')}" if role else role_id
            raise InvalidSetting("role", name, f"one that I can give: {found}")


async def carry_out(bot: "PointsBot", grant: Grant) -> None:
    """Give or take one role, and put down that it is done or what is missing.

    Raises HTTPException when Discord itself is ill: the role stays due.
    """
    guild = bot.get_guild(int(grant.community)) if grant.community.isdigit() else None
    if guild is None or guild.unavailable or grant.user_id is None:  # while unavailable it has no roles
        return
    if not _of_discord(grant.user_id):  # a person of another place: here is nobody to give it to
        await bot.points.write(roles.done, grant, bot.now())
        return
    why = await _tried(guild, grant)
    if why is None:
        await bot.points.write(roles.done, grant, bot.now())
        return
    log.info("role %s of member %d in %s: %s", grant.role, grant.member, grant.community, why)
    await bot.points.write(roles.failed, grant, why, bot.now())


async def _tried(guild: discord.Guild, grant: Grant) -> str | None:
    """Return what is missing, None when the member's role is as it is wanted."""
    assert grant.user_id is not None
    member = await _member(guild, int(grant.user_id))
    role = _role(guild, grant.role)
    if not grant.wanted and (member is None or role is None):
        return None
    if member is None:
        return GONE
    if not grant.wanted and role not in member.roles:
        return None  # it could never be given: nothing stands in the way of what is
    if (found := obstacle(guild, grant.role, taking=not grant.wanted)) is not None:
        return str(found)
    assert role is not None
    if (role in member.roles) == grant.wanted:
        return None
    change = member.add_roles if grant.wanted else member.remove_roles
    try:
        await change(role, reason=f"points: {grant.source}")
    except discord.HTTPException as error:
        if may_pass(error):
            raise
        return f"Discord refused: {error.text or error.status}"
    return None


def _of_discord(user_id: str) -> bool:
    return user_id.isascii() and user_id.isdigit()


def _role(guild: discord.Guild, role_id: str) -> discord.Role | None:
    """Return the role, None if it is gone or is no role of Discord's."""
    return guild.get_role(int(role_id)) if role_id.isascii() and role_id.isdigit() else None


async def _member(guild: discord.Guild, user_id: int) -> discord.Member | None:
    """Return the member as they are now: what was remembered of their roles may be old."""
    if guild.chunked and (known := guild.get_member(user_id)) is not None:
        return known
    try:
        return await guild.fetch_member(user_id)
    except discord.NotFound:
        return None
