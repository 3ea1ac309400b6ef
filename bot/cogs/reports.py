"""/report: what a window's points say together, for moderators; an admin may show it to everybody.

All that is reported here a moderator could also add up from `/history`. Reports about everybody can be shared,
which leaves out the names of those who hid theirs; those about one member or with reasons cannot.
"""

from datetime import date
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import app_commands
from discord.app_commands import Choice
from discord.ext import commands

from bot.checks import require
from bot.messages import boards
from bot.messages import reports as messages
from bot.reporting import made
from points_core import policy
from points_core.errors import InvalidSetting
from points_core.policy import Capability
from points_core.reports import EVERY, ReportKind
from points_core.values import Kind
from points_core.windows import WindowName, parse_day

if TYPE_CHECKING:
    from bot.client import PointsBot

Person = discord.Member | discord.User  # a User where someone has left: chosen by mention or id
Interaction = discord.Interaction["PointsBot"]

OFFERED: Final = 25  # as many as Discord shows
WINDOWS: Final = [
    Choice(name=name[0].upper() + name[1:], value=window.value) for window, name in boards.WINDOWS.items()
]
RHYTHMS: Final = [Choice(name=f"By {every}", value=every) for every in EVERY]
KINDS: Final = [Choice(name=kind.value.capitalize(), value=kind.value) for kind in Kind]

WINDOW, FIRST, LAST = (
    "Only points of this time; this month if you choose none",
    "Only points from this day on, as 2026-01-31",
    "Only points up to this day, as 2026-01-31",
)
SHARE = "Show it to everybody in this channel (admins); you alone see it if not chosen"


@app_commands.guild_only()
@app_commands.default_permissions(moderate_members=True)
class Reports(commands.GroupCog, group_name="report", group_description="What the points say together"):
    """For moderators; Discord's permissions may be overridden, so each command asks."""

    def __init__(self, bot: "PointsBot") -> None:
        super().__init__()
        self.bot = bot

    @app_commands.command()
    @app_commands.rename(first="from", last="to")
    @app_commands.choices(window=WINDOWS)
    @app_commands.describe(window=WINDOW, first=FIRST, last=LAST, share=SHARE)
    async def summary(
        self,
        interaction: Interaction,
        window: str | None = None,
        first: str | None = None,
        last: str | None = None,
        share: bool = False,
    ) -> None:
        """See what was given and taken, by category and by weekday, and how many took part."""
        await self._report(interaction, ReportKind.SUMMARY, _days(window, first, last), share=share)

    @app_commands.command()
    @app_commands.rename(first="from", last="to")
    @app_commands.choices(window=WINDOWS, every=RHYTHMS)
    @app_commands.describe(
        window=WINDOW, first=FIRST, last=LAST, every="How finely; what fits if not chosen", share=SHARE
    )
    async def activity(
        self,
        interaction: Interaction,
        window: str | None = None,
        first: str | None = None,
        last: str | None = None,
        every: str | None = None,
        share: bool = False,
    ) -> None:
        """See points and people over time, by day, week, month or year."""
        asked = {**_days(window, first, last), "every": every}
        await self._report(interaction, ReportKind.ACTIVITY, asked, share=share)

    @app_commands.command()
    @app_commands.rename(first="from", last="to")
    @app_commands.choices(window=WINDOWS)
    @app_commands.describe(window=WINDOW, first=FIRST, last=LAST, share=SHARE)
    async def givers(
        self,
        interaction: Interaction,
        window: str | None = None,
        first: str | None = None,
        last: str | None = None,
        share: bool = False,
    ) -> None:
        """See who awards whom and how evenly, who is never recognised, and how much work it is."""
        asked = {**_days(window, first, last), "public": share}
        await self._report(interaction, ReportKind.GIVERS, asked, share=share)

    @app_commands.command()
    @app_commands.rename(first="from", last="to")
    @app_commands.choices(window=WINDOWS, every=RHYTHMS)
    @app_commands.describe(
        member="Whose points",
        window=WINDOW,
        first=FIRST,
        last=LAST,
        every="How finely; what fits if not chosen",
    )
    async def member(
        self,
        interaction: Interaction,
        member: Person,
        window: str | None = None,
        first: str | None = None,
        last: str | None = None,
        every: str | None = None,
    ) -> None:
        """See one member's points: for what, from whom, when, and what they gave."""
        asked = {**_days(window, first, last), "every": every, "user_id": str(member.id)}
        await self._report(interaction, ReportKind.MEMBER, asked)

    @app_commands.command()
    @app_commands.rename(first="from", last="to")
    @app_commands.choices(window=WINDOWS, kind=KINDS)
    @app_commands.describe(
        window=WINDOW,
        first=FIRST,
        last=LAST,
        member="Only this member's",
        category="Only this heading",
        kind="Only this kind",
        giver="Only what this person saw to",
    )
    async def transactions(
        self,
        interaction: Interaction,
        window: str | None = None,
        first: str | None = None,
        last: str | None = None,
        member: Person | None = None,
        category: str | None = None,
        kind: str | None = None,
        giver: Person | None = None,
    ) -> None:
        """See transactions added up, with filters: how many, how large, the latest."""
        asked = {
            **_days(window, first, last),
            "user_id": str(member.id) if member else None,
            "category": category,
            "kind": Kind(kind) if kind else None,
            "actor": str(giver.id) if giver else None,
        }
        await self._report(interaction, ReportKind.TRANSACTIONS, asked)

    @transactions.autocomplete("category")
    async def _categories(self, interaction: Interaction, current: str) -> list[Choice[str]]:
        rules = await self.bot.points.read(policy.of, str(interaction.guild_id))
        names = [c.name for c in rules.categories if current.casefold() in c.name.casefold()]
        return [Choice(name=name, value=name) for name in names[:OFFERED]]

    async def _report(
        self, interaction: Interaction, kind: ReportKind, asked: dict[str, Any], *, share: bool = False
    ) -> None:
        """Answer privately, with a spinner until the report is made; then show it to everybody if asked to."""
        await require(interaction, Capability.CONFIGURE if share else Capability.AWARD)
        await interaction.response.defer(ephemeral=True, thinking=True)
        message = await made(self.bot, str(interaction.guild_id), kind, self.bot.now(), asked)
        if share:  # the first message after a private spinner is private, whatever it says
            await interaction.followup.send(**messages.shared())
        await interaction.followup.send(**message, ephemeral=not share)


def _days(window: str | None, first: str | None, last: str | None) -> dict[str, WindowName | date | None]:
    """Return which days are meant. Raises InvalidTime, and InvalidSetting for a window and days at once."""
    if window is not None and (first is not None or last is not None):
        raise InvalidSetting("window", window, "the only one of window and days")
    return {
        "window": WindowName(window) if window else None,
        "first": parse_day(first.strip()) if first else None,
        "last": parse_day(last.strip()) if last else None,
    }


async def setup(bot: "PointsBot") -> None:
    """Add the commands."""
    await bot.add_cog(Reports(bot))
