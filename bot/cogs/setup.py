"""/points-setup: the first five minutes in a server, and what the bot lacks there."""

import re
from typing import TYPE_CHECKING, Any, Self

import discord
from discord import ChannelType, app_commands, ui
from discord.ext import commands

from bot import policy_changes
from bot.checks import require
from bot.linked_roles import check
from bot.messages import settings as words
from bot.messages import setup as messages
from bot.messages.changes import CHANNELS
from bot.messages.text import Reply
from bot.policy_changes import carried_out
from bot.refusals import View, answered
from bot.replies import respond
from bot.self_check import NEEDS, at_channel, findings
from points_core import policy, schedules
from points_core.achievements import badges
from points_core.policy import Capability, Policy
from points_core.rules import reading

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from bot.client import PointsBot

PLACEHOLDERS = {
    "approvals_channel": "Where approval requests are shown (none: where they were asked for)",
    "announcements_channel": "Where points that others approved are announced as well",
    "log_channel": "Where everything is written down (none: nowhere)",
}


class Setup(commands.Cog):
    """Guides an admin through what is worth deciding, and checks the bot's permissions."""

    @app_commands.command(name="points-setup")
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def points_setup(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Set points up in five minutes, and check what I lack."""
        await respond(interaction, **await page(interaction))


async def page(interaction: "discord.Interaction[PointsBot]", notice: str | None = None) -> Reply:
    """Return the page as things stand now, under `notice`. Raises NotAllowed."""
    rules = await require(interaction, Capability.CONFIGURE)
    guild = interaction.guild
    if guild is None:
        raise app_commands.NoPrivateMessage
    boards = await interaction.client.points.read(schedules.listed, str(guild.id))
    given = await interaction.client.points.read(_given_roles, str(guild.id))
    found = findings(guild, rules, messages.SUBJECTS, (board.channel for board in boards), given)
    if (linked := await check.finding(interaction.client, str(guild.id))) is not None:
        found = sorted([*found, linked], key=lambda each: each.fix is None)
    reply = messages.page(rules, found, notice)
    reply["view"] = _view(guild, rules)
    return reply


def _given_roles(tx: "Connection", community: str) -> tuple[str, ...]:
    """Return the ids of the roles that levels, badges and rules give, each once."""
    levels = policy.of(tx, community).programme.levels
    every = [
        *(level.role for level in levels),
        *(badge.role for badge in badges.listed(tx, community, retired=False)),
        *(view.rule.definition.role for view in reading.listed(tx, community)),
    ]
    return tuple(dict.fromkeys(role for role in every if role is not None))


def _view(guild: discord.Guild, rules: Policy) -> View:
    view = View(timeout=None)
    for setting in PLACEHOLDERS:
        view.add_item(ChannelMenu(setting, _known(guild, getattr(rules, setting))))
    view.add_item(CheckButton())
    return view


def _known(guild: discord.Guild, channel_id: str | None) -> discord.abc.GuildChannel | None:
    return guild.get_channel(int(channel_id)) if channel_id and channel_id.isdecimal() else None


async def _turn(interaction: "discord.Interaction[PointsBot]", notice: str | None = None) -> None:
    """Show the page anew in its own place."""
    fresh = await page(interaction, notice)
    await interaction.response.edit_message(
        content=fresh["content"], embed=fresh["embed"], view=fresh["view"]
    )


class ChannelMenu(
    ui.DynamicItem[ui.ChannelSelect[ui.View]],
    template=rf"points:channel:(?P<setting>{'|'.join(PLACEHOLDERS)})",
):
    """Chooses the channel for one setting; emptied, there is none."""

    def __init__(self, setting: str, chosen: discord.abc.GuildChannel | None = None) -> None:
        super().__init__(
            ui.ChannelSelect(
                custom_id=f"points:channel:{setting}",
                placeholder=PLACEHOLDERS[setting],
                channel_types=[ChannelType.text, ChannelType.news],
                min_values=0,
                default_values=[chosen] if chosen else [],
            )
        )
        self.setting = setting

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the menu that was used."""
        return cls(match["setting"])

    @answered
    async def callback(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Take the channel, or say why not; the menus then show what is in force."""
        await _turn(interaction, await self._take(interaction))

    async def _take(self, interaction: "discord.Interaction[PointsBot]") -> str:
        chosen = str(self.item.values[0].id) if self.item.values else None
        if chosen and interaction.guild:
            finding = at_channel(interaction.guild, CHANNELS[self.setting], chosen, NEEDS[self.setting])
            if finding.fix:
                return words.not_taken(finding)
        change = await carried_out(interaction, policy_changes.change, **{self.setting: chosen})
        return words.changed(change)["content"]


class CheckButton(ui.DynamicItem[ui.Button[ui.View]], template="points:check"):
    """Looks again, after something was put right in Discord's own settings."""

    def __init__(self) -> None:
        super().__init__(ui.Button(label="Check again", custom_id="points:check"))

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the button that was pressed."""
        return cls()

    @answered
    async def callback(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Show the page as things stand now."""
        await _turn(interaction)


async def setup(bot: "PointsBot") -> None:
    """Add the command, its menus and its button."""
    bot.add_dynamic_items(ChannelMenu, CheckButton)
    await bot.add_cog(Setup())
