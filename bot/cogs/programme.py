"""/programme: what earns by itself and what it leads to, seen and switched on; who loses by it is shown first."""

from typing import TYPE_CHECKING, Final, Literal

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot import policy_changes
from bot.checks import require
from bot.messages import programme as messages
from bot.messages import settings as settings_messages
from bot.messages.text import shown
from bot.policy_changes import carried_out
from bot.programme import DecayWish, ExpiryWish, FreezesWish, ProgrammeButton, propose
from bot.programme_levels import Levels
from bot.replies import respond
from points_core import expiry, policy
from points_core.outbox import Effect, Topic
from points_core.policy import Capability
from points_core.programme import MAX_DAYS, MAX_NOTICE
from points_core.values import MAX_AMOUNT, MAX_CATEGORY_NAME

if TYPE_CHECKING:
    from bot.client import PointsBot

Interaction = discord.Interaction["PointsBot"]

OFF: Final = 0  # how an option says "off"
CHOICES: Final = 25


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class Programme(
    commands.GroupCog,
    group_name="programme",
    group_description="Levels, streaks, expiry and decay: all off until you switch it on",
):
    """For admins; Discord's permissions may be overridden, so each command asks."""

    levels = Levels()

    def __init__(self, bot: "PointsBot") -> None:
        super().__init__()
        self.bot = bot
        bot.courier.on(Topic.EXPIRING, self.expiring)

    @app_commands.command()
    async def show(self, interaction: Interaction) -> None:
        """Show the whole programme."""
        await respond(interaction, **messages.shown(await require(interaction, Capability.CONFIGURE)))

    @app_commands.command()
    @app_commands.rename(notice="notice-days")
    @app_commands.describe(
        days="After how many whole days points expire; 0 to keep them for good",
        category="Only points of this heading; all without an expiry of their own if you choose none",
        notice="How many days before people are told; 0 for not at all",
    )
    async def expiry(
        self,
        interaction: Interaction,
        days: Range[int, OFF, MAX_DAYS],
        category: Range[str, 1, MAX_CATEGORY_NAME] | None = None,
        notice: Range[int, 0, MAX_NOTICE] | None = None,
    ) -> None:
        """Let points expire some days after they were earned: you see first who would lose what."""
        rules = await require(interaction, Capability.CONFIGURE)
        heading = rules.category(category, retired=True)
        if days == OFF:
            await self._end_expiry(interaction, category)
            return
        own = [e.notice_days for e in rules.programme.expiry if e.category_id == (heading and heading.id)]
        told = notice if notice is not None else next(iter(own), expiry.NOTICE_DAYS)
        await propose(interaction, ExpiryWish(heading.id if heading else 0, days, told))

    @expiry.autocomplete("category")
    async def _categories(self, interaction: Interaction, typed: str) -> list[Choice[str]]:
        rules = await self.bot.points.read(policy.of, str(interaction.guild_id))
        names = [c.name for c in rules.categories if typed.strip().casefold() in c.name.casefold()]
        return [Choice(name=name, value=name) for name in names[:CHOICES]]

    async def _end_expiry(self, interaction: Interaction, category: str | None) -> None:
        change = await carried_out(interaction, policy_changes.end_expiry, category)
        await respond(interaction, **settings_messages.changed(change))

    @app_commands.command()
    @app_commands.rename(inactive_days="inactive-days")
    @app_commands.describe(
        percent="How much of a member's points melts away each time; 0 to stop it",
        inactive_days="After how many days without new points",
        every="How often",
        keep="So many points are never taken",
    )
    async def decay(
        self,
        interaction: Interaction,
        percent: Range[int, OFF, 100],
        inactive_days: Range[int, 1, MAX_DAYS] = 30,
        every: Literal["week", "month"] = "week",
        keep: Range[int, 0, MAX_AMOUNT] = 0,
    ) -> None:
        """Let points of inactive members melt away: you see first who would lose what."""
        if percent == OFF:
            change = await carried_out(interaction, policy_changes.amend, decay=None)
            await respond(interaction, **settings_messages.changed(change))
            return
        await propose(interaction, DecayWish(percent, inactive_days, every, keep))

    @app_commands.command()
    @app_commands.describe(freezes="How many missed days of a calendar month break no streak")
    async def streaks(self, interaction: Interaction, freezes: Range[int, 0, 31]) -> None:
        """Forgive missed days: you see first whose streaks that changes."""
        await propose(interaction, FreezesWish(freezes))

    @app_commands.command(name="check-ins")
    @app_commands.describe(on="Whether members can use /check-in even if no rule gives something for it")
    async def check_ins(self, interaction: Interaction, on: bool) -> None:
        """Let members check in once a day, to keep a streak."""
        change = await carried_out(interaction, policy_changes.amend, check_ins=on)
        await respond(interaction, **settings_messages.changed(change))

    async def expiring(self, effect: Effect) -> str:
        """Tell a member, in a direct message, which of their points expire soon."""
        found = await self.bot.points.read(expiry.notice, effect.community, effect.subject)
        if found is None or not (found.user_id.isdigit() and effect.community.isdigit()):
            return "nothing is left to tell, or nobody of Discord's"
        guild = self.bot.get_guild(int(effect.community))
        words = messages.notice(found, guild.name if guild else shown(effect.community, 40))
        try:
            person = await self.bot.fetch_user(int(found.user_id))
            await person.send(words, nonce=f"pts{effect.id}")
        except discord.NotFound:
            return "no such person"
        except discord.Forbidden:
            return "takes no direct messages"
        return "delivered"


async def setup(bot: "PointsBot") -> None:
    """Bring the commands, and the buttons of messages sent before this start."""
    bot.add_dynamic_items(ProgrammeButton)
    await bot.add_cog(Programme(bot))
