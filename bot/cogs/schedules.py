"""Leaderboards and reports that post themselves: /schedule, and the posts."""

import logging
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.checks import allowed, require
from bot.messages import boards
from bot.messages import reports as report_messages
from bot.messages import schedules as messages
from bot.messages.text import Post
from bot.origin import origin_of
from bot.posting import find_own, has_footer, send
from bot.replies import respond
from bot.reporting import made
from bot.self_check import ELSEWHERE, POST, at_channel
from points_core import leaderboard, policy, schedules, seasons
from points_core.errors import UnknownSchedule
from points_core.leaderboard import Board
from points_core.outbox import Effect, Topic
from points_core.policy import Capability
from points_core.reports import SCHEDULABLE, ReportKind
from points_core.schedules import EVERY, MAX_TOP, SEASON
from points_core.schedules import Post as Due
from points_core.seasons import Season

if TYPE_CHECKING:
    from bot.client import PointsBot

OFFERED: Final = 25  # suggestions that Discord shows at once
WINDOWS: Final = [
    *(Choice(name=name[0].upper() + name[1:], value=window.value) for window, name in boards.WINDOWS.items()),
    Choice(name="The season that runs, or the last one", value=SEASON),
]
RHYTHMS: Final = [
    Choice(name=messages.EVERY[every][0].upper() + messages.EVERY[every][1:], value=every) for every in EVERY
]
REPORTS: Final = [Choice(name=report_messages.NAMES[kind], value=kind.value) for kind in SCHEDULABLE]

log = logging.getLogger(__name__)


async def numbers(interaction: "discord.Interaction[PointsBot]", typed: str) -> list[Choice[int]]:
    """Suggest the schedules; to others than admins, none."""
    community = str(interaction.guild_id)
    if not allowed(
        interaction, await interaction.client.points.read(policy.of, community), Capability.CONFIGURE
    ):
        return []
    found = await interaction.client.points.read(schedules.listed, community)
    choices = [Choice(name=messages.choice(schedule), value=schedule.number) for schedule in found]
    return [choice for choice in choices if typed.strip().casefold() in choice.name.casefold()][:OFFERED]


async def categories(interaction: "discord.Interaction[PointsBot]", typed: str) -> list[Choice[str]]:
    """Suggest how the list of categories that was begun can go on."""
    rules = await interaction.client.points.read(policy.of, str(interaction.guild_id))
    *begun, last = [part.strip() for part in typed.split(",")]
    found = [
        ", ".join([*begun, name])
        for name in rules.open_categories
        if name not in begun and last.casefold() in name.casefold()
    ]
    return [Choice(name=each[:100], value=each) for each in found if len(each) <= 100][:OFFERED]


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class Schedules(
    commands.GroupCog, group_name="schedule", group_description="Leaderboards that post themselves"
):
    """For admins; Discord's permissions may be overridden, so each command asks."""

    def __init__(self, bot: "PointsBot") -> None:
        super().__init__()
        self.bot = bot
        bot.courier.on(Topic.BOARD, self.due)

    @app_commands.command()
    @app_commands.rename(categories_text="categories", window_name="window")
    @app_commands.describe(
        channel="Where it is posted",
        window_name="Which points count",
        every="On which days",
        at="At what time, as 09:00 or 18:30, in the server's time zone",
        categories_text="One board for each of these, separated by commas; empty for all points together",
        top="How many places",
        live="Edit one message instead of posting a new one",
        report="Post this report of the window instead of a leaderboard",
    )
    @app_commands.choices(window_name=WINDOWS, every=RHYTHMS, report=REPORTS)
    @app_commands.autocomplete(categories_text=categories)
    async def add(
        self,
        interaction: "discord.Interaction[PointsBot]",
        channel: discord.TextChannel,
        window_name: str,
        every: str,
        at: Range[str, 4, 5],
        categories_text: Range[str, 1, 100] | None = None,
        top: Range[int, 1, MAX_TOP] = 10,
        live: bool = False,
        report: str | None = None,
    ) -> None:
        """Have a leaderboard or a report post itself."""
        rules = await require(interaction, Capability.CONFIGURE)
        assert interaction.guild is not None
        finding = at_channel(interaction.guild, "Scheduled leaderboards", str(channel.id), POST, ELSEWHERE)
        if finding.fix:
            await respond(interaction, **messages.unusable(finding))
            return
        schedule = await self.bot.points.write(
            schedules.add,
            origin_of(interaction),
            channel=str(channel.id),
            window=window_name,
            every=every,
            at=at.zfill(5),
            categories=tuple(part.strip() for part in (categories_text or "").split(",") if part.strip()),
            top=top,
            live=live,
            report=report,
        )
        self.bot.courier.wake()
        await respond(interaction, **messages.added(schedule, rules.zone))

    @app_commands.command(name="list")
    async def show(self, interaction: "discord.Interaction[PointsBot]") -> None:
        """List the leaderboards that post themselves."""
        rules = await require(interaction, Capability.CONFIGURE)
        found = await self.bot.points.read(schedules.listed, str(interaction.guild_id))
        await respond(interaction, **messages.listed(found, rules.zone))

    @app_commands.command()
    @app_commands.describe(number="Which one; what it posted stays")
    @app_commands.autocomplete(number=numbers)
    async def remove(self, interaction: "discord.Interaction[PointsBot]", number: Range[int, 1]) -> None:
        """Stop a leaderboard from posting itself."""
        rules = await require(interaction, Capability.CONFIGURE)
        schedule = await self.bot.points.write(schedules.remove, origin_of(interaction), number)
        self.bot.courier.wake()
        await respond(interaction, **messages.removed(schedule, rules.zone))

    @app_commands.command(name="post-now")
    @app_commands.describe(number="Which one; its next regular post still comes")
    @app_commands.autocomplete(number=numbers)
    async def post_now(self, interaction: "discord.Interaction[PointsBot]", number: Range[int, 1]) -> None:
        """Post a scheduled leaderboard now."""
        await require(interaction, Capability.CONFIGURE)
        slot = await self.bot.points.write(schedules.post_now, origin_of(interaction), number)
        self.bot.courier.wake()
        due = await self.bot.points.read(schedules.publication, str(interaction.guild_id), number, slot)
        await respond(interaction, **messages.posting(due.schedule))

    async def due(self, effect: Effect) -> str:
        """Post the board of a slot, or edit the live one, unless that happened before."""
        community, (number, slot) = effect.community, effect.subject.split(":", 1)
        try:
            due = await self.bot.points.read(schedules.publication, community, int(number), slot)
        except UnknownSchedule:
            return "removed before it was posted"
        if due.state != "claimed":
            return due.state
        try:
            message = await self._put_up(effect, due)
        except (discord.Forbidden, discord.NotFound):
            await self.bot.points.write(schedules.failed, community, int(number), slot, now=self.bot.now())
            raise
        await self.bot.points.write(
            schedules.published,
            community,
            int(number),
            slot,
            channel=due.schedule.channel,
            message=str(message.id),
            now=self.bot.now(),
        )
        return "delivered"

    async def _put_up(self, effect: Effect, due: Due) -> discord.Message | discord.PartialMessage:
        post = await self._post(effect.community, due)
        if due.live is not None and (edited := await self._edit(due.live, post)):
            return edited
        channel = self.bot.get_partial_messageable(int(due.schedule.channel), guild_id=int(effect.community))
        known = has_footer(messages.marker(due))
        return await find_own(self.bot, channel, effect.created_at, known) or await send(
            channel, post, f"pts{effect.id}"
        )

    async def _post(self, community: str, due: Due) -> Post:
        if due.schedule.report is not None:
            return messages.report_post(due, await self._report(community, due, due.schedule.report))
        rules = await self.bot.points.read(policy.of, community)
        season = None
        if due.schedule.window is None:
            season = await self.bot.points.read(seasons.latest, community, due.due_at)
            if season is None:
                return messages.no_season(due)
        categories = due.schedule.categories or (None,)
        shown = [await self._board(community, due, season, name) for name in categories]
        return messages.board_post(due, shown, rules.zone)

    async def _report(self, community: str, due: Due, kind: ReportKind) -> Post:
        """Return a report of the window in which the slot lay; without its picture where files are refused."""
        channel = self.bot.get_channel(int(due.schedule.channel))
        refused = (
            isinstance(channel, discord.TextChannel)
            and not channel.permissions_for(channel.guild.me).attach_files
        )
        asked: dict[str, Any] = {"window": due.schedule.window}
        if kind is ReportKind.GIVERS:
            asked |= {"top": due.schedule.top, "public": True}
        return await made(self.bot, community, kind, due.due_at, asked, pictured=not refused)

    async def _board(self, community: str, due: Due, season: Season | None, category: str | None) -> Board:
        """Return a board of the season or window in which the slot lay, however late it is posted."""
        return await self.bot.points.read(
            leaderboard.asked,
            community,
            due.due_at,
            window=due.schedule.window,
            season=season.name if season else None,
            category=category,
            top=due.schedule.top,
            compare=True,
        )

    async def _edit(self, live: tuple[str, str], post: Post) -> discord.PartialMessage | None:
        """Edit the live message; None if somebody deleted it."""
        message = self.bot.get_partial_messageable(int(live[0])).get_partial_message(int(live[1]))
        try:
            await message.edit(
                content=post["content"],
                embeds=post["embeds"],
                attachments=post.get("files", []),
                allowed_mentions=post["allowed_mentions"],
            )
        except discord.NotFound:
            for file in post.get("files", []):
                file.reset()  # it was read to its end, and goes out in a new message
            return None
        return message


async def setup(bot: "PointsBot") -> None:
    """Begin to post."""
    await bot.add_cog(Schedules(bot))
