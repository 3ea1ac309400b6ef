"""What Discord suggests while somebody types, where more than one command asks for the same."""

from typing import TYPE_CHECKING, Final

import discord
from discord.app_commands import Choice

from points_core import seasons

if TYPE_CHECKING:
    from bot.client import PointsBot

OFFERED: Final = 25  # as many as Discord shows


async def suggested_seasons(interaction: "discord.Interaction[PointsBot]", typed: str) -> list[Choice[str]]:
    """Suggest the server's seasons, the latest first."""
    found = await interaction.client.points.read(seasons.listed, str(interaction.guild_id))
    names = [each.name for each in reversed(found) if typed.strip().casefold() in each.name.casefold()]
    return [Choice(name=name, value=name) for name in names[:OFFERED]]
