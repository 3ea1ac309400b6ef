"""/card: a member's rank card as a picture, and the same in words."""

import logging
from io import BytesIO
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.checks import hides
from bot.messages import card as messages
from bot.messages.privacy import ALONE
from bot.rank_facts import Card
from points_core import achievements, history
from points_core.database import aside

if TYPE_CHECKING:
    from bot.client import PointsBot

Interaction = discord.Interaction["PointsBot"]
Person = discord.Member | discord.User

log = logging.getLogger(__name__)


class RankCard(commands.Cog):
    """For everybody."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.describe(
        member="Whose; your own if you choose nobody", private="Only you see it (so if not chosen)"
    )
    async def card(
        self, interaction: Interaction, member: Person | None = None, private: bool = True
    ) -> None:
        """Show a rank card: level, rank, points, streak, badges."""
        person = member or interaction.user
        community, now, whose = str(interaction.guild_id), self.bot.now(), str(person.id)
        hidden = await hides(interaction, person)
        await interaction.response.defer(ephemeral=private or hidden, thinking=True)
        balance = await self.bot.points.read(history.balance, community, whose)
        achieved = await self.bot.points.read(achievements.of, community, whose, now)
        streaks = await self.bot.points.read(history.streaks, community, whose, now)
        shown = messages.card(balance, achieved, streaks, person.display_name)
        reply = messages.words(shown)
        if hidden and not private:
            reply["content"] += f"\n-# {ALONE}"
        try:
            picture = await aside(_drawn, shown)
        except Exception:  # the words are the card: they go out all the same
            log.exception("a rank card could not be drawn")
        else:
            described = messages.described(shown)
            reply["files"] = [discord.File(BytesIO(picture), "rank-card.png", description=described)]
        await interaction.followup.send(**reply)


def _drawn(shown: Card) -> bytes:
    from bot.rank_card import drawn  # heavy, and most bots never draw: imported by the thread that draws

    return drawn(shown)


async def setup(bot: "PointsBot") -> None:
    """Add the cog; discord.py calls this."""
    await bot.add_cog(RankCard(bot))
