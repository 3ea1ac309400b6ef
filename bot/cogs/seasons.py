"""Seasons: /season for admins, /seasons for everyone, and the post that names the winners."""

from datetime import date
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.app_commands import Range
from discord.ext import commands

from bot.checks import require
from bot.messages import seasons as messages
from bot.origin import origin_of
from bot.posting import find_own, has_footer, send
from bot.replies import respond
from bot.suggestions import suggested_seasons
from points_core import leaderboard, policy, seasons
from points_core.leaderboard import Board
from points_core.outbox import Effect, Topic
from points_core.policy import Capability
from points_core.seasons import MAX_NAME, Season
from points_core.windows import parse_day

if TYPE_CHECKING:
    from bot.client import PointsBot

Interaction = discord.Interaction["PointsBot"]


def _day(text: str | None) -> date | None:
    return None if text is None else parse_day(text.strip())


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class Seasons(commands.GroupCog, group_name="season", group_description="Seasons, sealed when they are over"):
    """For admins; Discord's permissions may be overridden, so each command asks."""

    def __init__(self, bot: "PointsBot") -> None:
        super().__init__()
        self.bot = bot
        bot.courier.on(Topic.SEASON, self.over)

    @app_commands.command()
    @app_commands.rename(last="to", first="from")
    @app_commands.describe(
        name="What it is called; no two seasons have the same name",
        last="Its last day, as 2026-03-31",
        first="Its first day, as 2026-01-01; today if you leave it out",
    )
    async def start(
        self,
        interaction: Interaction,
        name: Range[str, 1, MAX_NAME],
        last: str,
        first: str | None = None,
    ) -> None:
        """Have a season run; when it is over the winners are named."""
        await require(interaction, Capability.CONFIGURE)
        season = await self.bot.points.write(
            seasons.start, origin_of(interaction), name=name, last=parse_day(last.strip()), first=_day(first)
        )
        self.bot.courier.wake()
        await respond(interaction, **messages.started(season, self.bot.now()))

    @app_commands.command()
    @app_commands.describe(name="Which one; it ends now and is sealed, one to come is called off")
    @app_commands.autocomplete(name=suggested_seasons)
    async def end(self, interaction: Interaction, name: Range[str, 1, MAX_NAME]) -> None:
        """End a season before its last day."""
        await require(interaction, Capability.CONFIGURE)
        season = await self.bot.points.write(seasons.end, origin_of(interaction), name)
        self.bot.courier.wake()
        await respond(interaction, **messages.ended(season))

    async def over(self, effect: Effect) -> str:
        """Name the winners of a sealed season, unless that happened before."""
        season = await self.bot.points.read(seasons.numbered, effect.community, int(effect.subject))
        rules = await self.bot.points.read(policy.of, effect.community)
        place = rules.announcements_channel or effect.place
        if place is None:
            return "no channel to name the winners in"
        board = await self._board(effect.community, season, None)
        by_category = [
            await self._board(effect.community, season, category.name) for category in rules.categories
        ]
        channel = self.bot.get_partial_messageable(int(place), guild_id=int(effect.community))
        known = has_footer(messages.marker(season))
        if await find_own(self.bot, channel, effect.created_at, known) is None:
            await send(channel, messages.winners(season, board, by_category), f"pts{effect.id}")
        return "delivered"

    async def _board(self, community: str, season: Season, category: str | None) -> Board:
        return await self.bot.points.read(
            leaderboard.of_season, community, season.name, category=category, compare=category is None
        )


class SeasonBoards(commands.Cog):
    """For everyone: a season's board is a board."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot

    @app_commands.command(name="seasons")
    @app_commands.guild_only()
    @app_commands.describe(
        name="One of them, with its board and its seal; all if you leave it out",
        corrected="With what was dated into it since it was sealed",
    )
    @app_commands.autocomplete(name=suggested_seasons)
    async def show(
        self, interaction: Interaction, name: Range[str, 1, MAX_NAME] | None = None, corrected: bool = False
    ) -> None:
        """See the seasons there were, are and will be, or one of them."""
        community = str(interaction.guild_id)
        if name is None:
            found = await self.bot.points.read(seasons.listed, community)
            await respond(interaction, **messages.listed(found, self.bot.now()))
            return
        season = await self.bot.points.read(seasons.named, community, name)
        board = await self.bot.points.read(
            leaderboard.of_season, community, season.name, corrected=corrected, compare=True
        )
        await respond(interaction, **messages.shown(season, board, self.bot.now()))


async def setup(bot: "PointsBot") -> None:
    """Begin to name winners."""
    await bot.add_cog(Seasons(bot))
    await bot.add_cog(SeasonBoards(bot))
