"""/check-in: once a local day, for a streak, and for whatever rules give for it."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.listeners.people import about
from bot.messages import check_in as messages
from bot.origin import origin_of
from bot.replies import respond
from points_core import active_days, policy, rules
from points_core.rules import Fact, On

if TYPE_CHECKING:
    from bot.client import PointsBot

Interaction = discord.Interaction["PointsBot"]


class CheckIn(commands.Cog):
    """Everybody may check in where an admin or a rule lets them."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot

    @app_commands.command(name="check-in")
    @app_commands.guild_only()
    @app_commands.describe(private="Only you see it (so if not chosen)")
    async def check_in(self, interaction: Interaction, private: bool = True) -> None:
        """Say that you are here today, and keep your streak."""
        community = str(interaction.guild_id)
        known = await self.bot.points.read(policy.of, community)
        _, compiled = await self.bot.points.read(rules.compiled, community)
        if not known.programme.check_ins and not compiled.of(On.CHECK_IN):
            await respond(interaction, **messages.off())
            return
        origin = origin_of(interaction)
        day = active_days.local_day(origin.at, known.zone)
        fact = Fact(
            on=On.CHECK_IN,
            key=f"{On.CHECK_IN}:{interaction.user.id}:{day}",
            at=origin.at,
            user_id=str(interaction.user.id),
            **about(interaction.user),
        )
        fired = await self.bot.points.write(rules.fire, origin, fact)
        self.bot.courier.wake()
        await respond(interaction, **messages.checked_in(fired, private=private))


async def setup(bot: "PointsBot") -> None:
    """Bring the command."""
    await bot.add_cog(CheckIn(bot))
