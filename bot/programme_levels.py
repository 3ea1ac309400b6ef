"""/programme levels: seen, switched on in one step, made of a curve, changed one by one; who moves is shown first."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal

import discord
from discord import app_commands
from discord.app_commands import Range

from bot import policy_changes
from bot.checks import require
from bot.granting import givable, obstacle
from bot.messages import achievements as messages
from bot.messages import settings as settings_messages
from bot.policy_changes import carried_out
from bot.proposals import propose, unless_changed
from bot.replies import respond
from points_core import achievements
from points_core.achievements import curves
from points_core.errors import InvalidSetting
from points_core.policy import Capability
from points_core.programme import MAX_LEVEL_NAME, MAX_LEVELS, Level, Programme
from points_core.values import MAX_AMOUNT

if TYPE_CHECKING:
    from bot.client import PointsBot

Interaction = discord.Interaction["PointsBot"]

CURVES: Final = tuple(curve.value for curve in curves.Curve)


class Levels(app_commands.Group, name="levels", description="Levels by all that was earned, and their roles"):
    """For admins; each command asks, whatever Discord allowed."""

    @app_commands.command()
    async def show(self, interaction: Interaction) -> None:
        """Show the levels, and how many members have each."""
        rules = await require(interaction, Capability.CONFIGURE)
        seen = await _preview(interaction.client, str(interaction.guild_id), rules.programme)
        await respond(interaction, **messages.levels(rules, seen))

    @app_commands.command()
    @app_commands.describe(roles="Whether I make a role for each level, without any permission, and give it")
    async def preset(self, interaction: Interaction, roles: bool = False) -> None:
        """Switch Distinguished Members on: Member, Contributor, Distinguished, Fellow."""
        await _propose(interaction, curves.DISTINGUISHED_MEMBERS, make_roles=roles)

    @app_commands.command()
    @app_commands.describe(
        shape="How steeply they rise",
        levels="How many",
        first="How many points the first one takes",
        growth="Of exponential ones: percent from one to the next",
    )
    async def curve(
        self,
        interaction: Interaction,
        shape: Literal["linear", "quadratic", "exponential"],
        levels: Range[int, 1, MAX_LEVELS],
        first: Range[int, 1, MAX_AMOUNT],
        growth: Range[int, curves.MIN_GROWTH, curves.MAX_GROWTH] = 200,
    ) -> None:
        """Make levels of a curve; names and roles of levels that are there stay."""
        rules = await require(interaction, Capability.CONFIGURE)
        points = curves.thresholds(curves.Curve(shape), levels, first, growth)
        old = rules.programme.levels
        made = curves.named(points, tuple(level.name for level in old))
        wanted = tuple(
            level.model_copy(update={"role": old[at].role}) if at < len(old) else level
            for at, level in enumerate(made)
        )
        await _propose(interaction, wanted)

    @app_commands.command()
    @app_commands.describe(
        name="What it is called; the level that is called so already is changed",
        points="How many points it takes, earned in all",
        role="The role that comes with it",
    )
    async def set(
        self,
        interaction: Interaction,
        name: Range[str, 1, MAX_LEVEL_NAME],
        points: Range[int, 1, MAX_AMOUNT],
        role: discord.Role | None = None,
    ) -> None:
        """Add a level, or change the one with this name."""
        rules = await require(interaction, Capability.CONFIGURE)
        same = [level for level in rules.programme.levels if level.name.casefold() == name.strip().casefold()]
        others = [level for level in rules.programme.levels if level not in same]
        kept = same[0].role if same else None
        made = Level(name=name, earned=points, role=str(role.id) if role else kept)
        await _propose(interaction, tuple(sorted([*others, made], key=lambda level: level.earned)))

    @app_commands.command()
    @app_commands.describe(name="Which level")
    async def remove(self, interaction: Interaction, name: Range[str, 1, MAX_LEVEL_NAME]) -> None:
        """Take a level away."""
        rules = await require(interaction, Capability.CONFIGURE)
        left = tuple(
            level for level in rules.programme.levels if level.name.casefold() != name.strip().casefold()
        )
        if left == rules.programme.levels:
            names = ", ".join(level.name for level in left) or "one that is there"
            raise InvalidSetting("level", name, names)
        await _propose(interaction, left)

    @app_commands.command()
    @app_commands.describe(
        lower="What becomes of the roles of lower levels",
        keep="Whether who falls below a level keeps its role",
        announcements="How many messages an hour may announce levels and badges; 0 for none",
    )
    async def roles(
        self,
        interaction: Interaction,
        lower: Literal["stack", "replace"] | None = None,
        keep: bool | None = None,
        announcements: Range[int, 0, 60] | None = None,
    ) -> None:
        """Choose how roles go with levels, and how much is announced."""
        wanted = {"level_roles": lower, "keep_roles": keep, "announcements_per_hour": announcements}
        parts = {name: value for name, value in wanted.items() if value is not None}
        change = await carried_out(interaction, policy_changes.amend, **parts)
        await respond(interaction, **settings_messages.changed(change))


async def _preview(bot: "PointsBot", community: str, programme: Programme) -> achievements.Preview:
    return await bot.points.read(achievements.preview, community, programme)


async def _propose(interaction: Interaction, levels: tuple[Level, ...], *, make_roles: bool = False) -> None:
    """Show who would move, with the button that does it. Raises NotAllowed, InvalidSetting."""
    rules = await require(interaction, Capability.CONFIGURE)
    wanted = rules.programme.amended(levels=levels)
    before = [level.role for level in rules.programme.levels]
    givable(interaction.guild, (level.role for level in levels), before)
    await interaction.response.defer(ephemeral=True, thinking=True)
    seen = await _preview(interaction.client, str(interaction.guild_id), wanted)

    async def carry_out(pressed: Interaction) -> str:
        givable(pressed.guild, (level.role for level in levels), before)
        chosen = await _with_roles(pressed, levels) if make_roles else levels
        change = await carried_out(
            pressed, unless_changed, rules.version, policy_changes.amend, levels=chosen
        )
        if change is None:
            await _unmake(pressed, set(chosen) - set(levels))
            return messages.changed_meanwhile()
        return settings_messages.changed(change)["content"]

    lacking = [
        messages.lacking(level.role, str(why))
        for level in levels
        if level.role and interaction.guild and (why := obstacle(interaction.guild, level.role))
    ]
    await propose(interaction, messages.levels_preview(wanted, seen, lacking), rules.version, carry_out)


async def _with_roles(interaction: Interaction, levels: tuple[Level, ...]) -> tuple[Level, ...]:
    """Return the levels with a role each, made where there is none. Raises Forbidden without Manage Roles."""
    guild = interaction.guild
    assert guild is not None
    made: list[Level] = []
    for level in levels:
        role_id = level.role
        if role_id is None:
            role: Any = await guild.create_role(
                name=level.name, permissions=discord.Permissions.none(), reason="a level of the programme"
            )
            role_id = str(role.id)
        made.append(level.model_copy(update={"role": role_id}))
    return tuple(made)


async def _unmake(interaction: Interaction, made: Iterable[Level]) -> None:
    """Delete roles that were made for levels which are not to be after all."""
    for level in made:
        role = interaction.guild.get_role(int(level.role)) if interaction.guild and level.role else None
        if role is not None:
            await role.delete(reason="the levels were changed meanwhile")
