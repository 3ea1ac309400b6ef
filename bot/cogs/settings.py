"""/points-settings: how points work in a server, seen and changed; every change is on record."""

import re
from typing import TYPE_CHECKING, Any, Final, Self
from zoneinfo import ZoneInfo

import discord
import pytz
from discord import app_commands, ui
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot import policy_changes, rights
from bot.checks import allowed, require
from bot.messages import settings as messages
from bot.messages.changes import CAPABILITIES, CHANNELS, LEAVING
from bot.messages.text import Reply
from bot.policy_changes import carried_out
from bot.refusals import View, answered
from bot.replies import respond
from bot.rights import RoleMenu
from bot.self_check import NEEDS, at_channel
from points_core import audit, policy
from points_core.policy import MAX_ERASURE_DAYS, MAX_LEAVE_DAYS, MAX_REQUEST_HOURS, Capability, Policy
from points_core.values import MAX_AMOUNT, MAX_CATEGORY_NAME

if TYPE_CHECKING:
    from bot.client import PointsBot

OFFERED = 25  # suggestions that Discord shows at once
ENTRIES = 10  # changes on one page of the audit record
MAX_QUORUM = 25
NO_LIMIT, NEVER = 0, -1  # how an option says "none": Discord's numbers cannot be emptied on purpose

CHANNEL_CHOICES: Final = [Choice(name=label, value=name) for name, label in CHANNELS.items()]
RIGHT_CHOICES: Final = [
    Choice(name=label, value=capability.value) for capability, label in CAPABILITIES.items()
]
LEAVE_CHOICES: Final = [
    Choice(name=words.capitalize(), value=policy.value) for policy, words in LEAVING.items()
]

Amount = Range[int, 1, MAX_AMOUNT]
Name = Range[str, 1, MAX_CATEGORY_NAME]


async def zones(interaction: "discord.Interaction[PointsBot]", typed: str) -> list[Choice[str]]:
    """Suggest time zones that contain what is typed, with what their clocks show."""
    if await _configuring(interaction) is None:
        return []
    wanted = typed.strip().replace(" ", "_").casefold()
    found = [name for name in pytz.common_timezones if wanted in name.casefold()]
    found.sort(key=lambda name: not name.casefold().rpartition("/")[2].startswith(wanted))
    now = interaction.client.now()
    return [
        Choice(name=f"{name} (now {now.astimezone(ZoneInfo(name)):%H:%M})", value=name)
        for name in found[:OFFERED]
    ]


async def open_categories(interaction: "discord.Interaction[PointsBot]", typed: str) -> list[Choice[str]]:
    """Suggest the categories that take points."""
    rules = await _configuring(interaction)
    names = rules.open_categories if rules else ()
    return [Choice(name=name, value=name) for name in names if typed.strip().casefold() in name.casefold()][
        :OFFERED
    ]


async def _configuring(interaction: "discord.Interaction[PointsBot]") -> Policy | None:
    """Return the policy for those who may configure; suggestions tell nothing to others."""
    rules = await interaction.client.points.read(policy.of, str(interaction.guild_id))
    return rules if allowed(interaction, rules, Capability.CONFIGURE) else None


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class PointsSettings(
    commands.GroupCog, group_name="points-settings", group_description="See and change how points work here"
):
    """Everything an admin can decide about points; Discord's permissions may be overridden, so each handler asks."""

    categories = app_commands.Group(name="categories", description="What points are given for")

    def __init__(self, bot: "PointsBot") -> None:
        super().__init__()
        self.bot = bot

    @app_commands.command()
    async def show(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Show how points work here."""
        await respond(interaction, **messages.shown(await require(interaction, Capability.CONFIGURE)))

    @app_commands.command()
    async def audit(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Show who changed what, newest first."""
        await respond(interaction, **await audit_page(interaction))

    @app_commands.command()
    @app_commands.rename(daily_limit="daily-limit", negative_balances="negative-balances")
    @app_commands.describe(
        minimum="The smallest award or deduction, in points",
        maximum="The largest award or deduction, in points",
        daily_limit="How many points one person may award in a day; 0 for no limit",
        negative_balances="Whether a deduction may take a balance below 0",
    )
    async def limits(
        self,
        interaction: "discord.Interaction[PointsBot]",
        minimum: Amount | None = None,
        maximum: Amount | None = None,
        daily_limit: Range[int, 0, MAX_AMOUNT] | None = None,
        negative_balances: bool | None = None,
    ) -> None:
        """Change how many points can move."""
        given = _given(min_award=minimum, max_award=maximum, allow_negative=negative_balances)
        if daily_limit is not None:
            given["daily_limit"] = None if daily_limit == NO_LIMIT else daily_limit
        await _change(interaction, "limits", given)

    @app_commands.command()
    @app_commands.rename(expires_after="expires-after")
    @app_commands.describe(
        threshold="More points than this wait for approval; 0 for all, -1 for none",
        quorum="How many other people have to agree",
        expires_after="After how many hours a request expires",
    )
    async def approval(
        self,
        interaction: "discord.Interaction[PointsBot]",
        threshold: Range[int, NEVER, MAX_AMOUNT] | None = None,
        quorum: Range[int, 1, MAX_QUORUM] | None = None,
        expires_after: Range[int, 1, MAX_REQUEST_HOURS] | None = None,
    ) -> None:
        """Change which points wait for other people, and for how many."""
        given = _given(quorum=quorum, request_hours=expires_after)
        if threshold is not None:
            given["approval_threshold"] = None if threshold == NEVER else threshold
        await _change(interaction, "approval", given)

    @app_commands.command()
    @app_commands.rename(capability="right")
    @app_commands.describe(
        capability="What the roles may do",
        add="A role that gets this right",
        remove="A role that loses it",
    )
    @app_commands.choices(capability=RIGHT_CHOICES)
    async def roles(
        self,
        interaction: "discord.Interaction[PointsBot]",
        capability: str,
        add: discord.Role | None = None,
        remove: discord.Role | None = None,
    ) -> None:
        """Change which roles may award, deduct, approve, undo or configure; without a role, choose from a menu."""
        right = Capability(capability)
        if add is None and remove is None:
            rules = await require(interaction, Capability.CONFIGURE)
            reply = rights.menu(interaction.guild, rules, right)
        else:
            reply = await rights.add_and_remove(interaction, right, _id(add), _id(remove))
        await respond(interaction, **reply)

    @app_commands.command()
    @app_commands.describe(
        announcements="Where points that others approved are announced as well",
        approvals="Where approval requests are shown",
        log="Where every movement of points and every change is written down",
        clear="A channel that is no longer used for this",
    )
    @app_commands.choices(clear=CHANNEL_CHOICES)
    async def channels(
        self,
        interaction: "discord.Interaction[PointsBot]",
        announcements: discord.TextChannel | None = None,
        approvals: discord.TextChannel | None = None,
        log: discord.TextChannel | None = None,
        clear: str | None = None,
    ) -> None:
        """Change where things are said."""
        given: dict[str, Any] = _given(
            announcements_channel=_id(announcements), approvals_channel=_id(approvals), log_channel=_id(log)
        )
        await require(interaction, Capability.CONFIGURE)
        for name, channel_id in given.items():
            finding = at_channel(_guild(interaction), CHANNELS[name], channel_id, NEEDS[name])
            if finding.fix:
                await respond(interaction, **messages.unusable(finding))
                return
        await _change(interaction, "channels", ({clear: None} if clear else {}) | given)

    @app_commands.command()
    @app_commands.describe(zone="In which days, weeks and schedules are counted")
    @app_commands.autocomplete(zone=zones)
    async def time(self, interaction: "discord.Interaction[PointsBot]", zone: Range[str, 1, 64]) -> None:
        """Change the time zone; all boards are counted anew."""
        await require(interaction, Capability.CONFIGURE)
        # A long history takes longer than the three seconds Discord waits; all answers here are private
        await interaction.response.defer(ephemeral=True, thinking=True)
        change = await carried_out(interaction, policy_changes.change, timezone=zone)
        await interaction.followup.send(**messages.changed(change))

    @app_commands.command()
    @app_commands.rename(erasure_days="erasure-days", leave_days="leave-days")
    @app_commands.describe(
        erasure_days="How many days a member has to take back the wish to be erased",
        leave="What becomes of members who left, and stay away",
        leave_days="After how many days away",
    )
    @app_commands.choices(leave=LEAVE_CHOICES)
    async def privacy(
        self,
        interaction: "discord.Interaction[PointsBot]",
        erasure_days: Range[int, 0, MAX_ERASURE_DAYS] | None = None,
        leave: str | None = None,
        leave_days: Range[int, 1, MAX_LEAVE_DAYS] | None = None,
    ) -> None:
        """Change how personal data is kept."""
        given = _given(erasure_days=erasure_days, leave_policy=leave, leave_days=leave_days)
        await _change(interaction, "privacy", given)

    @categories.command(name="add")
    @app_commands.describe(name="What points can be given for, in a word or two")
    async def add_category(self, interaction: "discord.Interaction[PointsBot]", name: Name) -> None:
        """Add a category, or take up a retired one again."""
        rules = await carried_out(interaction, policy.add_category, name)
        await respond(interaction, **messages.category(messages.opened(name), rules))

    @categories.command(name="retire")
    @app_commands.describe(category="Takes no new points; what was given in it stays")
    @app_commands.autocomplete(category=open_categories)
    async def retire_category(self, interaction: "discord.Interaction[PointsBot]", category: Name) -> None:
        """Close a category to new points."""
        rules = await carried_out(interaction, policy.retire_category, category)
        await respond(interaction, **messages.category(messages.retired(category), rules))

    @categories.command(name="rename")
    @app_commands.describe(category="The category", to="Its new name, for past points too")
    @app_commands.autocomplete(category=open_categories)
    async def rename_category(
        self, interaction: "discord.Interaction[PointsBot]", category: Name, to: Name
    ) -> None:
        """Give a category another name."""
        rules = await carried_out(interaction, policy.rename_category, category, to)
        await respond(interaction, **messages.category(messages.renamed(category, to), rules))


async def _change(
    interaction: "discord.Interaction[PointsBot]", subcommand: str, given: dict[str, Any]
) -> None:
    """Change what was given and answer before → after."""
    if not given:
        await require(interaction, Capability.CONFIGURE)
        await respond(interaction, **messages.nothing_named(subcommand))
        return
    change = await carried_out(interaction, policy_changes.change, **given)
    warning = await rights.warning(interaction, change.before, change.after)
    await respond(interaction, **messages.changed(change, warning))


def _given(**options: object) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _id(chosen: discord.abc.Snowflake | None) -> str | None:
    return None if chosen is None else str(chosen.id)


def _guild(interaction: "discord.Interaction[PointsBot]") -> discord.Guild:
    if interaction.guild is None:
        raise app_commands.NoPrivateMessage
    return interaction.guild


async def audit_page(interaction: "discord.Interaction[PointsBot]", before: int | None = None) -> Reply:
    """Return the changes older than number `before`, the latest without it. Raises NotAllowed."""
    rules = await require(interaction, Capability.CONFIGURE)
    community = str(interaction.guild_id)
    entries = await interaction.client.points.read(audit.recent, community, limit=ENTRIES + 1, before=before)
    reply = messages.audit(entries[:ENTRIES], rules)
    if len(entries) > ENTRIES:
        view = View(timeout=None)
        view.add_item(OlderButton(entries[ENTRIES - 1].number))
        reply["view"] = view
    return reply


class OlderButton(ui.DynamicItem[ui.Button[ui.View]], template=r"points:audit:(?P<before>[1-9][0-9]{0,15})"):
    """Shows the changes before the last one on the page."""

    def __init__(self, before: int) -> None:
        super().__init__(ui.Button(label="Older", custom_id=f"points:audit:{before}"))
        self.before = before

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Return the button that was pressed."""
        return cls(int(match["before"]))

    @answered
    async def callback(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """Turn the page."""
        page = await audit_page(interaction, self.before)
        await interaction.response.edit_message(embed=page["embed"], view=page.get("view"))


async def setup(bot: "PointsBot") -> None:
    """Add the commands, and what their answers can be pressed on."""
    bot.add_dynamic_items(RoleMenu, OlderButton)
    await bot.add_cog(PointsSettings(bot))
