"""/badge for admins: badges made, changed and retired; who would have one is shown first."""

from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands
from sqlalchemy import Connection

from bot.checks import allowed, require
from bot.granting import givable
from bot.messages import achievements as messages
from bot.policy_changes import carried_out
from bot.proposals import propose, unless_changed
from bot.replies import respond
from points_core import achievements, policy
from points_core.achievements import Badge, badges, goals
from points_core.achievements.presets import PRESETS
from points_core.errors import InvalidSetting
from points_core.policy import Capability, Policy
from points_core.values import MAX_AMOUNT, MAX_CATEGORY_NAME, Origin
from points_core.windows import parse_day

if TYPE_CHECKING:
    from bot.client import PointsBot

Interaction = discord.Interaction["PointsBot"]

CHOICES: Final = 25
MAX_DESCRIPTION: Final = 200  # characters
MAX_DAY: Final = 20  # characters
MAX_ROLE_DAYS: Final = 3_650
Kind = Literal["first-award", "points", "recognised-by", "gives-to", "streak", "level", "team"]
Number = Range[int, 1, 1_000_000]

_described = app_commands.describe(
    name="What it is called",
    goal="What it is given for",
    steps="How many, or several with commas: 10, 50, 100",
    category="Of points: in this category only",
    unit="Of a streak: days or weeks",
    each="Of all together: how much each has to have earned of it",
    first_day="Of all together: the first day that counts, as 2026-01-31",
    last_day="Of all together: the last day that counts",
    description="What members read about it",
    hidden="Whether nobody sees it before they have it",
    role="The role that comes with it",
    role_days="For how many days; as long as the badge is held if you choose none",
)
_renamed = app_commands.rename(role_days="role-days", first_day="first-day", last_day="last-day")

Removable = Literal["description", "category", "first-day", "last-day", "role", "role-days"]


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
    @_renamed
    @_described
    async def new(
        self,
        interaction: Interaction,
        name: Range[str, 1, messages.MAX_BADGE_NAME],
        goal: Kind,
        steps: Range[str, 1, 100] | None = None,
        category: Range[str, 1, MAX_CATEGORY_NAME] | None = None,
        unit: Literal["day", "week"] | None = None,
        each: Range[int, 1, MAX_AMOUNT] | None = None,
        first_day: Range[str, 1, MAX_DAY] | None = None,
        last_day: Range[str, 1, MAX_DAY] | None = None,
        description: Range[str, 1, MAX_DESCRIPTION] | None = None,
        hidden: bool = False,
        role: discord.Role | None = None,
        role_days: Range[int, 1, MAX_ROLE_DAYS] | None = None,
    ) -> None:
        """Make a badge: you see first who would have it at once."""
        rules = await require(interaction, Capability.CONFIGURE)
        details = _details(rules, category, unit, each, first_day, last_day)
        made = goals.made(goal, _steps(steps), **details)
        role_id = str(role.id) if role else None
        fields = {"description": description, "hidden": hidden, "role": role_id, "role_days": role_days}
        await self._propose(interaction, rules, made, name=name, **fields)

    @app_commands.command()
    @app_commands.describe(badge="Which")
    @app_commands.choices(badge=[Choice(name=each.name, value=key) for key, each in PRESETS.items()])
    async def preset(self, interaction: Interaction, badge: Choice[str]) -> None:
        """Make a ready-made badge: you see first who would have it at once."""
        rules = await require(interaction, Capability.CONFIGURE)
        chosen = PRESETS[badge.value]
        fields = {"description": chosen.description, "hidden": chosen.hidden, "role": None, "role_days": None}
        await self._propose(interaction, rules, chosen.goal, name=chosen.name, **fields)

    @app_commands.command()
    @_renamed
    @_described
    @app_commands.describe(badge="Its number", remove="What it is to have no longer")
    async def edit(
        self,
        interaction: Interaction,
        badge: Number,
        name: Range[str, 1, messages.MAX_BADGE_NAME] | None = None,
        goal: Kind | None = None,
        steps: Range[str, 1, 100] | None = None,
        category: Range[str, 1, MAX_CATEGORY_NAME] | None = None,
        unit: Literal["day", "week"] | None = None,
        each: Range[int, 1, MAX_AMOUNT] | None = None,
        first_day: Range[str, 1, MAX_DAY] | None = None,
        last_day: Range[str, 1, MAX_DAY] | None = None,
        description: Range[str, 1, MAX_DESCRIPTION] | None = None,
        hidden: bool | None = None,
        role: discord.Role | None = None,
        role_days: Range[int, 1, MAX_ROLE_DAYS] | None = None,
        remove: Removable | None = None,
    ) -> None:
        """Change a badge: you see first who would gain or lose what. Its goal, while nobody has earned it."""
        rules = await require(interaction, Capability.CONFIGURE)
        before = await self.bot.points.read(badges.numbered, str(interaction.guild_id), badge)
        details = _details(rules, category, unit, each, first_day, last_day)
        fields: dict[str, Any] = {
            "name": name,
            "description": description,
            "hidden": hidden,
            "role": str(role.id) if role else None,
            "role_days": role_days,
        }
        wanted = {field: value for field, value in fields.items() if value is not None}
        no_more = (remove or "").replace("-", "_")
        if no_more in fields:
            wanted[no_more] = None
        new = goals.amended(before.goal, goal, _steps(steps), without=_DETAILS.get(no_more), **details)
        if new != before.goal:
            wanted["goal"] = new
        await self._propose_change(interaction, rules, before, wanted)

    @app_commands.command()
    @app_commands.describe(badge="Its number")
    async def retire(self, interaction: Interaction, badge: Number) -> None:
        """Let nobody earn a badge any more; who holds it keeps it."""
        retired = await carried_out(interaction, badges.retire, badge)
        await respond(interaction, **messages.badge_retired(retired))

    @new.autocomplete("category")
    @edit.autocomplete("category")
    async def _categories(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        rules = await self.bot.points.read(policy.of, str(interaction.guild_id))
        if not allowed(interaction, rules, Capability.CONFIGURE):
            return []
        names = [name for name in rules.open_categories if typed.strip().casefold() in name.casefold()]
        return [Choice(name=name, value=name) for name in names[:CHOICES]]

    @edit.autocomplete("badge")
    @retire.autocomplete("badge")
    async def _numbers(self, interaction: Interaction, typed: str | int) -> list[Choice[int]]:
        community = str(interaction.guild_id)
        if not allowed(interaction, await self.bot.points.read(policy.of, community), Capability.CONFIGURE):
            return []
        found = await self.bot.points.read(badges.listed, community, retired=False)
        named = [(f"#{badge.number} {badge.name}", badge.number) for badge in found]
        fitting = [each for each in named if str(typed).strip().casefold() in each[0].casefold()]
        return [Choice(name=name, value=number) for name, number in fitting[:CHOICES]]

    async def _propose(
        self,
        interaction: Interaction,
        rules: Policy,
        goal: goals.Goal,
        *,
        name: str,
        **fields: Any,  # noqa: ANN401 - each field has its own type
    ) -> None:
        """Show who would have the badge at once, with the button that makes it. Raises InvalidSetting."""
        givable(interaction.guild, [fields["role"]])
        await interaction.response.defer(ephemeral=True, thinking=True)
        community = str(interaction.guild_id)
        earners = await self.bot.points.study(achievements.earners, community, goal, self.bot.now())

        async def carry_out(pressed: Interaction) -> str:
            givable(pressed.guild, [fields["role"]])
            make = partial(badges.add, name=name, goal=goal, **fields)
            made = await carried_out(pressed, unless_changed, rules.version, make)
            return messages.changed_meanwhile() if made is None else messages.badge_made(made)

        said = achievements.sentence(goal, rules)
        notes = messages.role_notes(fields["role"], fields["role_days"])
        preview = messages.badge_preview(name, said, goal.steps, earners, notes)
        await propose(interaction, preview, rules.version, carry_out)

    async def _propose_change(
        self, interaction: Interaction, rules: Policy, before: Badge, wanted: dict[str, Any]
    ) -> None:
        """Show what would become of a badge and of those who hold it, with the button that changes it."""
        changed = {name: value for name, value in wanted.items() if value != getattr(before, name)}
        if not changed:
            await respond(interaction, **messages.badge_as_it_is(before))
            return
        givable(interaction.guild, [changed.get("role")])
        community = str(interaction.guild_id)
        if "goal" in changed:
            await self.bot.points.read(badges.require_unearned, community, before.number)
        await interaction.response.defer(ephemeral=True, thinking=True)
        holders = (await self.bot.points.read(badges.holders, community)).get(before.number, 0)
        goal: goals.Goal | None = changed.get("goal")
        earners = (
            await self.bot.points.study(achievements.earners, community, goal, self.bot.now()) if goal else ()
        )

        async def carry_out(pressed: Interaction) -> str:
            givable(pressed.guild, [changed.get("role")])
            made = await carried_out(pressed, unless_changed, rules.version, _change, before, changed)
            return messages.changed_meanwhile() if made is None else messages.badge_changed(made)

        preview = messages.badge_change_preview(before, changed, rules, holders, earners)
        await propose(interaction, preview, rules.version, carry_out)


_DETAILS: Final = {"category": "category_id", "first_day": "first", "last_day": "last"}
"""How a goal calls what can be taken from it."""


def _change(tx: Connection, origin: Origin, shown: Badge, changed: dict[str, Any]) -> Badge | None:
    """Change a badge that still is as it was shown; None if it is another by now."""
    now = badges.numbered(tx, origin.community, shown.number)
    return badges.change(tx, origin, shown.number, **changed) if now == shown else None


def _details(
    rules: Policy,
    category: str | None,
    unit: str | None,
    each: int | None,
    first_day: str | None,
    last_day: str | None,
) -> dict[str, Any]:
    """Return what was typed of a goal, as goals have it. Raises UnknownCategory, InvalidTime."""
    heading = rules.category(category)
    return {
        "category_id": heading.id if heading else None,
        "unit": unit,
        "each": each,
        "first": _day(first_day),
        "last": _day(last_day),
    }


def _day(typed: str | None) -> date | None:
    return parse_day(typed.strip()) if typed else None


def _steps(typed: str | None) -> tuple[int, ...]:
    """Return the steps that somebody typed. Raises InvalidSetting."""
    if typed is None:
        return ()
    parts = [part.strip() for part in typed.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) <= 13 for part in parts):
        raise InvalidSetting("steps", typed[:60], "whole numbers with commas between them, as 10, 50, 100")
    return tuple(int(part) for part in parts)


async def setup(bot: "PointsBot") -> None:
    """Add the cog; discord.py calls this."""
    await bot.add_cog(Badges(bot))
