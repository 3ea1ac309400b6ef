"""/points-tokens: admins let programs in, see what they may do and when they did, and show them out."""

from datetime import timedelta
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.checks import allowed, require
from bot.messages import tokens as messages
from bot.policy_changes import carried_out
from bot.replies import respond
from points_core import clients, policy
from points_core.clients import MAX_PER_MINUTE, PER_MINUTE, Scope
from points_core.policy import Capability
from points_core.values import MAX_AMOUNT, MAX_NAME

if TYPE_CHECKING:
    from bot.client import PointsBot

OFFERED = 25  # suggestions that Discord shows at once
MAX_DAYS = 3_650
MAX_NUMBER = 2**53 - 1  # the largest that Discord takes

Interaction = discord.Interaction["PointsBot"]


async def working(interaction: Interaction, typed: str) -> list[Choice[int]]:
    """Suggest the tokens that still open something; suggestions tell nothing to others."""
    bot, community = interaction.client, str(interaction.guild_id)
    if not allowed(interaction, await bot.points.read(policy.of, community), Capability.CONFIGURE):
        return []
    found = await bot.points.read(clients.listed_all, community)
    named = [(f"#{each.number} {each.name}"[:100], each.number) for each in found if each.works(bot.now())]
    wanted = str(typed).strip().casefold()
    return [Choice(name=name, value=number) for name, number in named if wanted in name.casefold()][:OFFERED]


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class Tokens(
    commands.GroupCog, group_name="points-tokens", group_description="Tokens for programs that use points"
):
    """For admins; every answer is private."""

    @app_commands.command()
    @app_commands.rename(per_minute="per-minute", max_amount="max-amount")
    @app_commands.describe(
        name="Which program it is for",
        read="May look things up (yes, unless you say no)",
        award="May give points",
        deduct="May take points",
        approve="May tell people's decisions on approval requests",
        admin="May do everything, undo and categories included",
        per_minute=f"Requests a minute; {PER_MINUTE} if you leave it out",
        max_amount="The most points in one award or deduction",
        days="After how many days it expires; never if you leave it out",
    )
    async def create(
        self,
        interaction: Interaction,
        name: Range[str, 1, MAX_NAME],
        read: bool = True,
        award: bool = False,
        deduct: bool = False,
        approve: bool = False,
        admin: bool = False,
        per_minute: Range[int, 1, MAX_PER_MINUTE] = PER_MINUTE,
        max_amount: Range[int, 1, MAX_AMOUNT] | None = None,
        days: Range[int, 1, MAX_DAYS] | None = None,
    ) -> None:
        """Make a token for a program; it is shown once."""
        chosen = zip(Scope, (read, award, deduct, approve, admin), strict=True)
        token = clients.new_token()
        client = await carried_out(
            interaction,
            clients.create,
            token=token,
            name=name,
            scopes=[scope for scope, may in chosen if may],
            per_minute=per_minute,
            max_amount=max_amount,
            expires_at=interaction.client.now() + timedelta(days=days) if days else None,
        )
        await respond(interaction, **messages.made(client, token))

    @app_commands.command(name="list")
    async def listed(self, interaction: Interaction) -> None:
        """Show the tokens: what they may do, and when each was last used."""
        await require(interaction, Capability.CONFIGURE)
        bot = interaction.client
        found = await bot.points.read(clients.listed_all, str(interaction.guild_id))
        await respond(interaction, **messages.listed(found, bot.now()))

    @app_commands.command()
    @app_commands.describe(number="The token's number")
    @app_commands.autocomplete(number=working)
    async def revoke(self, interaction: Interaction, number: Range[int, 1, MAX_NUMBER]) -> None:
        """End a token, for good."""
        client = await carried_out(interaction, clients.revoke, number)
        await respond(interaction, **messages.revoked(client))


async def setup(bot: "PointsBot") -> None:
    """Add the commands."""
    await bot.add_cog(Tokens())
