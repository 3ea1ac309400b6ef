"""/achievements for everybody, /badge for admins: what members achieved, and what there is to achieve."""

from typing import TYPE_CHECKING, Final, Literal

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.checks import hides, require
from bot.granting import givable
from bot.messages import achievements as messages
from bot.messages.privacy import ALONE
from bot.messages.text import Reply
from bot.policy_changes import carried_out
from bot.proposals import ProposalButton, propose
from bot.replies import respond
from points_core import achievements
from points_core.achievements import badges, goals
from points_core.achievements.presets import PRESETS
from points_core.errors import InvalidSetting
from points_core.policy import Capability, Policy
from points_core.values import MAX_AMOUNT, MAX_CATEGORY_NAME

if TYPE_CHECKING:
    from bot.client import PointsBot

Interaction = discord.Interaction["PointsBot"]
Person = discord.Member | discord.User

CHOICES: Final = 25
MAX_DESCRIPTION: Final = 200  # characters
MAX_ROLE_DAYS: Final = 3_650
Kind = Literal["first-award", "points", "recognised-by", "gives-to", "streak", "level", "team"]


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


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class Badges(commands.GroupCog, group_name="badge", group_description="Badges: none until you make one"):
    """For admins; each command asks, whatever Discord allowed."""

    def __init__(self, bot: "PointsBot") -> None:
        super().__init__()
        self.bot = bot

    @app_commands.command(name="list")
    async def list_(self, interaction: Interaction) -> None:
        """Show the badges, and how many members hold each."""
        rules = await require(interaction, Capability.CONFIGURE)
        community = str(interaction.guild_id)
        found = await self.bot.points.read(badges.listed, community)
        holders = await self.bot.points.read(badges.holders, community)
        await respond(interaction, **messages.badges(found, holders, rules))

    @app_commands.command()
    @app_commands.rename(role_days="role-days")
    @app_commands.describe(
        name="What it is called",
        goal="What it is given for",
        steps="How many, or several with commas: 10, 50, 100",
        category="Of points: in this category only",
        unit="Of a streak: days or weeks",
        each="Of all together: how much each has to have earned of it",
        description="What members read about it",
        hidden="Whether nobody sees it before they have it",
        role="The role that comes with it",
        role_days="For how many days; as long as the badge is held if you choose none",
    )
    async def new(
        self,
        interaction: Interaction,
        name: Range[str, 1, messages.MAX_BADGE_NAME],
        goal: Kind,
        steps: Range[str, 1, 100] | None = None,
        category: Range[str, 1, MAX_CATEGORY_NAME] | None = None,
        unit: Literal["day", "week"] | None = None,
        each: Range[int, 1, MAX_AMOUNT] | None = None,
        description: Range[str, 1, MAX_DESCRIPTION] | None = None,
        hidden: bool = False,
        role: discord.Role | None = None,
        role_days: Range[int, 1, MAX_ROLE_DAYS] | None = None,
    ) -> None:
        """Make a badge: you see first who would have it at once."""
        rules = await require(interaction, Capability.CONFIGURE)
        heading = rules.category(category)
        made = goals.made(
            goal, _steps(steps), category_id=heading.id if heading else None, unit=unit, each=each
        )
        await self._propose(
            interaction,
            rules,
            made,
            name=name,
            description=description,
            hidden=hidden,
            role=str(role.id) if role else None,
            role_days=role_days,
        )

    @app_commands.command()
    @app_commands.describe(badge="Which")
    @app_commands.choices(badge=[Choice(name=each.name, value=key) for key, each in PRESETS.items()])
    async def preset(self, interaction: Interaction, badge: Choice[str]) -> None:
        """Make a ready-made badge: you see first who would have it at once."""
        rules = await require(interaction, Capability.CONFIGURE)
        chosen = PRESETS[badge.value]
        await self._propose(
            interaction,
            rules,
            chosen.goal,
            name=chosen.name,
            description=chosen.description,
            hidden=chosen.hidden,
            role=None,
            role_days=None,
        )

    @app_commands.command()
    @app_commands.describe(badge="Its number")
    async def retire(self, interaction: Interaction, badge: Range[int, 1, 1_000_000]) -> None:
        """Let nobody earn a badge any more; who holds it keeps it."""
        retired = await carried_out(interaction, badges.retire, badge)
        await respond(interaction, **messages.badge_retired(retired))

    @new.autocomplete("category")
    async def _categories(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        rules = await require(interaction, Capability.CONFIGURE)
        names = [name for name in rules.open_categories if typed.strip().casefold() in name.casefold()]
        return [Choice(name=name, value=name) for name in names[:CHOICES]]

    async def _propose(
        self,
        interaction: Interaction,
        rules: Policy,
        goal: goals.Goal,
        *,
        name: str,
        description: str | None,
        hidden: bool,
        role: str | None,
        role_days: int | None,
    ) -> None:
        """Show who would have the badge at once, with the button that makes it. Raises InvalidSetting."""
        givable(interaction.guild, [role])
        await interaction.response.defer(ephemeral=True, thinking=True)
        community = str(interaction.guild_id)
        earners = await self.bot.points.study(achievements.earners, community, goal, self.bot.now())
        notes = (
            [f"<@&{role}> comes with it{f' for {role_days:,} days' if role_days else ''}."] if role else []
        )

        async def carry_out(pressed: Interaction) -> str:
            givable(pressed.guild, [role])
            made = await carried_out(
                pressed,
                badges.add,
                name=name,
                goal=goal,
                description=description,
                hidden=hidden,
                role=role,
                role_days=role_days,
            )
            return messages.badge_made(made)

        said = achievements.sentence(goal, rules)
        preview = messages.badge_preview(name, said, goal.steps, earners, notes)
        await propose(interaction, preview, rules.version, carry_out)


def _steps(typed: str | None) -> tuple[int, ...]:
    """Return the steps that somebody typed. Raises InvalidSetting."""
    if typed is None:
        return ()
    parts = [part.strip() for part in typed.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 13 for part in parts):
        raise InvalidSetting("steps", typed[:60], "whole numbers with commas between them, as 10, 50, 100")
    return tuple(int(part) for part in parts)


async def setup(bot: "PointsBot") -> None:
    """Add the cogs; discord.py calls this."""
    await bot.add_cog(Achievements(bot))
    await bot.add_cog(Badges(bot))
