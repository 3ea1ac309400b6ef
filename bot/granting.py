"""Giving and taking a role in Discord, and in words what stands in the way.

obstacle   why the bot cannot, or must not, give a role, with the fix
carry_out  bring one member's role to what is wanted, and put down how that went
"""

import logging
from typing import TYPE_CHECKING, Final

import discord

from bot.replies import may_pass
from points_core.achievements import roles
from points_core.achievements.roles import Grant

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
NOBODY: Final = "they are nobody of Discord's; only people of the server have roles"

log = logging.getLogger(__name__)


def obstacle(guild: discord.Guild, role_id: str, *, taking: bool = False) -> str | None:
    """Return why the bot cannot give (or, `taking`, take) the role, with the fix; None if nothing does.

    A role that came to hold power since it was given is the first that should be taken.
    """
    role = _role(guild, role_id)
    if role is None:
        return "it is not there any more; choose another"
    if role.is_default() or role.managed:
        return "Discord gives and takes it by itself; choose another"
    if not taking and (power := role.permissions.value & FORBIDDEN.value):
        held = ", ".join(name.replace("_", " ") for name, on in discord.Permissions(power) if on)
        return f"it holds power over the server ({held}); take that from it, or choose another"
    if not guild.me.guild_permissions.manage_roles:
        return "I lack Manage Roles; allow it to my role in Server Settings › Roles"
    if role >= guild.me.top_role:
        return "it stands above my own role; drag mine above it in Server Settings › Roles"
    return None


async def carry_out(bot: "PointsBot", grant: Grant) -> None:
    """Give or take one role, and put down that it is done or what is missing.

    Raises HTTPException when Discord itself is ill: the role stays due.
    """
    guild = bot.get_guild(int(grant.community)) if grant.community.isdigit() else None
    if guild is None or grant.user_id is None:
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
    if not (grant.user_id.isascii() and grant.user_id.isdigit()):
        return NOBODY  # left due, fifty of them would keep everybody else's roles waiting
    member = await _member(guild, int(grant.user_id))
    role = _role(guild, grant.role)
    if not grant.wanted and (member is None or role is None):
        return None
    if member is None:
        return GONE
    if (why := obstacle(guild, grant.role, taking=not grant.wanted)) is not None:
        return why
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
