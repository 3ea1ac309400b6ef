"""/export: the books as a file, for admins, on record."""

import io
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.checks import require
from bot.messages import batches as messages
from bot.origin import origin_of
from points_core import exports, policy
from points_core.errors import ExportTooLarge
from points_core.exports import Format, Scope
from points_core.policy import Capability
from points_core.portable import Table
from points_core.windows import Window, WindowName, parse_instant

if TYPE_CHECKING:
    from bot.client import PointsBot

MAX_BYTES = 10_000_000  # of a file in a server without boosts
TOO_LARGE = 40005  # Discord's code
EVERYTHING = "everything"

WHAT = [Choice(name=table.value.capitalize(), value=table.value) for table in Table]
WHAT.append(Choice(name="Everything, as a zip", value=EVERYTHING))
FORMATS = [
    Choice(name="CSV", value=Format.CSV.value),
    Choice(name="JSON Lines", value=Format.JSONL.value),
    Choice(name="Excel", value=Format.XLSX.value),
]


class Exports(commands.Cog):
    """What takes the books out of the bot."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(
        what="What the file is to hold",
        format="What kind of file",
        since="Only from this day on, as 2026-01-31",
        until="Only before this day",
        category="Only this category",
        window="Which board",
    )
    @app_commands.choices(
        what=WHAT,
        format=FORMATS,
        window=[Choice(name=name.value, value=name.value) for name in WindowName],
    )
    async def export(
        self,
        interaction: "discord.Interaction[PointsBot]",
        what: str,
        format: str = Format.CSV.value,
        since: Range[str, 1, 40] | None = None,
        until: Range[str, 1, 40] | None = None,
        category: str | None = None,
        window: str | None = None,
    ) -> None:
        """Get the books of this server as a file that only you can see."""
        rules = await require(interaction, Capability.CONFIGURE)
        scope = Scope(
            since=parse_instant(since, rules.zone) if since else None,
            until=parse_instant(until, rules.zone) if until else None,
            category=category,
            window=Window.named(WindowName(window), self.bot.now(), rules.zone) if window else None,
        )
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._hand_over(interaction, what, Format(format), scope)

    async def _hand_over(
        self, interaction: "discord.Interaction[PointsBot]", what: str, format: Format, scope: Scope
    ) -> None:
        origin = origin_of(interaction)
        table = None if what == EVERYTHING else Table(what)
        file = io.BytesIO()
        rows = await exports.export(
            self.bot.points,
            origin.community,
            table,
            file,
            at=origin.at,
            format=format,
            scope=scope,
            max_bytes=MAX_BYTES,
        )
        await self.bot.points.write(exports.noted, origin, what=what, format=format.value, rows=rows)
        self.bot.courier.wake()
        file.seek(0)
        ending = "zip" if table is None else format.value
        name = f"points-{what}-{origin.at:%Y-%m-%d}.{ending}"
        try:
            await interaction.followup.send(
                messages.exported(what, rows), file=discord.File(file, name), ephemeral=True
            )
        except discord.HTTPException as error:
            if error.status == 413 or error.code == TOO_LARGE:
                raise ExportTooLarge(MAX_BYTES, "bytes") from error
            raise

    @export.autocomplete("category")
    async def _categories(
        self, interaction: "discord.Interaction[PointsBot]", typed: str
    ) -> list[Choice[str]]:
        rules = await self.bot.points.read(policy.of, str(interaction.guild_id))
        names = [
            category.name for category in rules.categories if typed.casefold() in category.name.casefold()
        ]
        return [Choice(name=name, value=name) for name in names[:25]]


async def setup(bot: "PointsBot") -> None:
    """Bring the command."""
    await bot.add_cog(Exports(bot))
