"""/achievements for everybody: what members achieved, and what there is to achieve."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.checks import hides
from bot.messages import achievements as messages
from bot.messages.privacy import ALONE
from bot.messages.text import Reply
from bot.proposals import ProposalButton
from bot.replies import respond
from points_core import achievements

if TYPE_CHECKING:
    from bot.client import PointsBot

Interaction = discord.Interaction["PointsBot"]
Person = discord.Member | discord.User


class Achievements(commands.Cog):
    """What members have achieved."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        """Know the buttons of proposals, those from before a restart too."""
        self.bot.add_dynamic_items(ProposalButton)

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.describe(
        member="Whose; your own if you choose nobody", private="Only you see it (so if not chosen)"
    )
    async def achievements(
        self, interaction: Interaction, member: Person | None = None, private: bool = True
    ) -> None:
        """See somebody's level and badges, and what is next."""
        person = member or interaction.user
        found = await self.bot.points.read(
            achievements.of, str(interaction.guild_id), str(person.id), self.bot.now()
        )
        reply = Reply(embed=messages.achievements(found, person.display_name), ephemeral=private)
        if not private and await hides(interaction, person):
            reply["content"], reply["ephemeral"] = ALONE, True
        await respond(interaction, **reply)


async def setup(bot: "PointsBot") -> None:
    """Add the cog; discord.py calls this."""
    await bot.add_cog(Achievements(bot))
