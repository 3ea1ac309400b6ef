"""The border on the way in: an interaction, a reaction or the clock becomes an Origin."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from points_core.values import Actor, ActorKind, Origin

if TYPE_CHECKING:
    from bot.client import PointsBot


def origin_of(interaction: "discord.Interaction[PointsBot]") -> Origin:
    """Return who asked in `interaction`, where and when.

    Discord keeps an interaction's number when it delivers it again: it is the idempotency key.
    Raises NoPrivateMessage outside of servers.
    """
    if interaction.guild_id is None:
        raise app_commands.NoPrivateMessage
    user = interaction.user
    return origin_for(
        interaction.client,
        guild_id=interaction.guild_id,
        user_id=user.id,
        name=user.display_name,
        key=f"interaction:{interaction.id}",
        place=interaction.channel_id,
    )


def origin_for(
    bot: "PointsBot", *, guild_id: int, user_id: int, name: str | None, key: str, place: int | None = None
) -> Origin:
    """Return the origin of what a person did without an interaction (a reaction, say); `key` names it."""
    return Origin(
        community=str(guild_id),
        actor=Actor.member(str(user_id), name),
        at=bot.now(),
        key=key,
        place=None if place is None else str(place),
    )


def system_origin(bot: "PointsBot", guild_id: int | str, key: str) -> Origin:
    """Return the origin of what the bot does by itself in a server."""
    return Origin(community=str(guild_id), actor=Actor(ActorKind.SYSTEM), at=bot.now(), key=key)
