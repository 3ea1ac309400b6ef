"""/rule: what moves points by itself; made, changed, tried out, switched, looked at, taken back."""

from typing import TYPE_CHECKING, Final

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.checks import allowed, require
from bot.messages import rules as messages
from bot.replies import respond
from bot.rule_editor import beginning, trying, undoing
from bot.rule_editor.card import RuleButton, RuleMenu, show, switch
from points_core import policy
from points_core.policy import Capability
from points_core.rules import reading
from points_core.rules.stored import MAX_RULE_NAME
from points_core.rules.tally import tally
from points_core.values import Mode

if TYPE_CHECKING:
    from bot.client import PointsBot

OFFERED: Final = 25  # suggestions that Discord shows at once
MODES: Final = [Choice(name=label, value=mode.value) for mode, label in messages.SWITCHES.items()]

Number = Range[int, 1]


async def numbers(interaction: "discord.Interaction[PointsBot]", typed: str) -> list[Choice[int]]:
    """Suggest the rules by number, name and mode; to others than admins, none."""
    points, community = interaction.client.points, str(interaction.guild_id)
    if not allowed(interaction, await points.read(policy.of, community), Capability.CONFIGURE):
        return []
    found = [view.rule for view in await points.read(reading.listed, community, retired=True)]
    found.sort(key=lambda rule: (rule.mode is Mode.RETIRED, rule.number))
    named = [Choice(name=f"#{rule.number} {rule.name} ({rule.mode})", value=rule.number) for rule in found]
    return [each for each in named if typed.strip().casefold() in each.name.casefold()][:OFFERED]


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class Rules(commands.GroupCog, group_name="rule", group_description="What gives points by itself"):
    """For admins; Discord's permissions may be overridden, so each command asks."""

    def __init__(self, bot: "PointsBot") -> None:
        super().__init__()
        self.bot = bot

    @app_commands.command()
    @app_commands.describe(start="What it begins from", name="How it is called")
    @app_commands.choices(start=beginning.STARTS)
    async def new(
        self,
        interaction: "discord.Interaction[PointsBot]",
        start: str,
        name: Range[str, 1, MAX_RULE_NAME] | None = None,
    ) -> None:
        """Begin a rule; it does nothing until you switch it."""
        await beginning.begin(interaction, start, name)

    @app_commands.command()
    @app_commands.describe(number="Which rule")
    @app_commands.autocomplete(number=numbers)
    async def edit(self, interaction: "discord.Interaction[PointsBot]", number: Number) -> None:
        """Change a rule; what it gave before stays as it is."""
        await require(interaction, Capability.CONFIGURE)
        await show(interaction, await self.bot.points.read(reading.get, str(interaction.guild_id), number))

    @app_commands.command()
    @app_commands.describe(number="Which rule", mode="What it is switched to")
    @app_commands.choices(mode=MODES)
    @app_commands.autocomplete(number=numbers)
    async def mode(self, interaction: "discord.Interaction[PointsBot]", number: Number, mode: str) -> None:
        """Switch a rule: draft, shadow, on, paused, or retired for good."""
        await switch(interaction, number, Mode(mode))

    @app_commands.command(name="show")
    @app_commands.describe(number="Which rule")
    @app_commands.autocomplete(number=numbers)
    async def show_one(self, interaction: "discord.Interaction[PointsBot]", number: Number) -> None:
        """Show a rule, and what it has given."""
        rules = await require(interaction, Capability.CONFIGURE)
        community = str(interaction.guild_id)
        view = await self.bot.points.read(reading.get, community, number)
        given = await self.bot.points.read(tally, community, number)
        await respond(interaction, **messages.shown(view, given, rules, self.bot.settings.intents))

    @app_commands.command(name="list")
    @app_commands.describe(retired="Also those that are retired for good")
    async def list_all(self, interaction: "discord.Interaction[PointsBot]", retired: bool = False) -> None:
        """List the rules of this server."""
        rules = await require(interaction, Capability.CONFIGURE)
        found = await self.bot.points.read(reading.listed, str(interaction.guild_id), retired=retired)
        await respond(interaction, **messages.listed(found, rules, self.bot.settings.intents))

    @app_commands.command()
    @app_commands.describe(number="Which rule")
    @app_commands.autocomplete(number=numbers)
    async def history(self, interaction: "discord.Interaction[PointsBot]", number: Number) -> None:
        """Show what a rule was before, and who changed it."""
        rules = await require(interaction, Capability.CONFIGURE)
        found = await self.bot.points.read(reading.history, str(interaction.guild_id), number)
        await respond(interaction, **messages.versions(found, rules))

    @app_commands.command(name="try")
    @app_commands.describe(number="Which rule", days="On how many of the last days")
    @app_commands.autocomplete(number=numbers)
    async def try_out(
        self,
        interaction: "discord.Interaction[PointsBot]",
        number: Number,
        days: Range[int, 1, trying.MAX_DAYS] = trying.USUAL_DAYS,
    ) -> None:
        """See what a rule would have given in the last days; nothing is given."""
        await trying.begin(interaction, number, days)

    @app_commands.command()
    @app_commands.describe(
        number="Which rule",
        version="Only what this version of it gave",
        since="From this day on, as 2026-01-31",
        until="Up to and with this day",
    )
    @app_commands.autocomplete(number=numbers)
    async def undo(
        self,
        interaction: "discord.Interaction[PointsBot]",
        number: Number,
        version: Number | None = None,
        since: Range[str, 1, 20] | None = None,
        until: Range[str, 1, 20] | None = None,
    ) -> None:
        """Take back everything that a rule gave, or what it gave in some days, as one batch."""
        rules = await require(interaction, Capability.CONFIGURE)
        await undoing.ask(interaction, undoing.part(number, version, since, until, rules))


async def setup(bot: "PointsBot") -> None:
    """Add the commands, and what their answers can be pressed on."""
    bot.add_dynamic_items(RuleMenu, RuleButton, undoing.UndoRuleButton)
    await bot.add_cog(Rules(bot))
