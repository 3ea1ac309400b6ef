"""What everybody may look at: /balance, /history, /leaderboard, and the menu "Points history".

A balance and a history are answered privately unless asked otherwise: looking does not fill the channel, and
nobody has to wonder why they were looked up. A leaderboard is for everybody.
"""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import discord
from discord import app_commands
from discord.app_commands import Choice, ContextMenu
from discord.ext import commands

from bot.checks import hides
from bot.messages import achievements as achievement_messages
from bot.messages import boards
from bot.messages.privacy import ALONE
from bot.messages.text import Reply
from bot.pages import Turn, TurnButton, page_of
from bot.replies import respond
from bot.suggestions import suggested_seasons
from points_core import achievements, expiry, history, leaderboard, policy, seasons
from points_core.errors import InvalidTime
from points_core.expiry import Going
from points_core.history import Streaks
from points_core.policy import Policy
from points_core.windows import WindowName, midnight, parse_day

if TYPE_CHECKING:
    from bot.client import PointsBot

Person = discord.Member | discord.User  # a User where someone has left: chosen by mention or id
Interaction = discord.Interaction["PointsBot"]

CHOICES: Final = 25  # as many as Discord shows
LAST_INSTANT: Final = timedelta(microseconds=1)  # before midnight: a day's end still belongs to its month

WINDOWS = [
    Choice(name=name[0].upper() + name[1:], value=window.value) for window, name in boards.WINDOWS.items()
]


def _day(text: str | None) -> date | None:
    """Return the day somebody wrote. Raises InvalidTime."""
    return None if text is None else parse_day(text.strip())


class Members(commands.Cog):
    """What everybody may look at."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot
        self.menu = ContextMenu(name="Points history", callback=self.person_history)

    async def cog_load(self) -> None:
        """Bring the menu; discord.py knows it only on the tree."""
        self.bot.tree.add_command(self.menu)

    async def cog_unload(self) -> None:
        """Take the menu away again."""
        self.bot.tree.remove_command(self.menu.name, type=self.menu.type)

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.rename(as_of="as-of")
    @app_commands.describe(
        member="Whose; your own if you choose nobody",
        as_of="As it stood at the end of this day, as 2026-01-31",
        corrected="With as-of: with what was corrected since",
        private="Only you see it (so if not chosen)",
    )
    async def balance(
        self,
        interaction: Interaction,
        member: Person | None = None,
        as_of: str | None = None,
        corrected: bool = False,
        private: bool = True,
    ) -> None:
        """See how many points somebody has, and what for."""
        person = member or interaction.user
        community, now = str(interaction.guild_id), self.bot.now()
        rules = await self.bot.points.read(policy.of, community)
        found = await self.bot.points.read(
            history.balance,
            community,
            str(person.id),
            as_of=_end_of(as_of, now, rules),
            corrected=corrected,
        )
        streaks: Streaks | None = None
        going: tuple[Going, ...] = ()
        level: str | None = None
        if found.as_of is None:
            progress = achievements.level_progress(rules.programme, found.earned)
            level = achievement_messages.level_line(progress) if progress else None
            streaks = await self.bot.points.read(history.streaks, community, str(person.id), now)
            going = await self.bot.points.read(expiry.soon, community, str(person.id), now)
        embed = boards.balance(found, person.display_name, rules.zone, streaks, going, level)
        reply = Reply(embed=embed, ephemeral=private)
        if not private and await hides(interaction, person):
            reply["content"], reply["ephemeral"] = ALONE, True
        await respond(interaction, **reply)

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.rename(as_of="as-of")
    @app_commands.describe(
        member="Whose points; your own if you choose nobody",
        giver="Only what this person gave or took; everybody's points if you choose no member",
        category="Only this heading",
        since="From this day on, as 2026-01-31",
        until="Up to this day, as 2026-01-31",
        season="Only the days of this season",
        as_of="Only what was recorded by the end of this day, as 2026-01-31",
        private="Only you see it (so if not chosen)",
    )
    async def history(
        self,
        interaction: Interaction,
        member: Person | None = None,
        giver: Person | None = None,
        category: str | None = None,
        since: str | None = None,
        until: str | None = None,
        season: str | None = None,
        as_of: str | None = None,
        private: bool = True,
    ) -> None:
        """See every movement of somebody's points: how many, why, when, by whom."""
        during = (
            await self.bot.points.read(seasons.named, str(interaction.guild_id), season) if season else None
        )
        rules = await self.bot.points.read(policy.of, str(interaction.guild_id))
        person = member or (interaction.user if giver is None else None)
        heading = rules.category(category, retired=True)
        turn = Turn(
            caller=interaction.user.id,
            member=person.id if person else None,
            giver=giver.id if giver else None,
            category=heading.id if heading else None,
            since=_day(since) or (during.first if during else None),
            until=_day(until) or (during.last if during else None),
            as_of=_day(as_of),
        )
        if turn.since and turn.until and turn.until < turn.since:
            raise InvalidTime(f"{turn.since} to {turn.until}")
        alone = not private and await hides(interaction, person, giver)
        title = boards.history_title(_name(person), _name(giver))
        await self._open(interaction, turn, title, private=private, alone=alone)

    @app_commands.guild_only()
    async def person_history(self, interaction: Interaction, member: Person) -> None:
        """Open the history of the person whose menu it was."""
        turn = Turn(caller=interaction.user.id, member=member.id)
        await self._open(interaction, turn, boards.history_title(_name(member), None), private=True)

    async def _open(
        self, interaction: Interaction, turn: Turn, title: str, *, private: bool, alone: bool = False
    ) -> None:
        page = await page_of(self.bot, str(interaction.guild_id), turn, title)
        page["ephemeral"] = private or alone
        if alone:
            page["content"] = ALONE
        await respond(interaction, **page)

    @app_commands.command()
    @app_commands.guild_only()
    @app_commands.rename(as_of="as-of", first="from", last="to")
    @app_commands.choices(window=WINDOWS)
    @app_commands.describe(
        category="Only this heading",
        window="Only points of this time; all time if you choose none",
        first="Only points from this day on, as 2026-01-31",
        last="Only points up to this day, as 2026-01-31",
        season="A season's result, or how it stands",
        as_of="As it stood at the end of this day, as 2026-01-31",
        corrected="With as-of or a season: with what was corrected since",
        private="Only you see it (everybody does if not chosen)",
    )
    async def leaderboard(
        self,
        interaction: Interaction,
        category: str | None = None,
        window: str | None = None,
        first: str | None = None,
        last: str | None = None,
        season: str | None = None,
        as_of: str | None = None,
        corrected: bool = False,
        private: bool = False,
    ) -> None:
        """See who has the most points, and where you stand."""
        rules = await self.bot.points.read(policy.of, str(interaction.guild_id))
        now = self.bot.now()
        board = await self.bot.points.look(
            leaderboard.asked,
            str(interaction.guild_id),
            now,
            window=WindowName(window) if window else None,
            first=_day(first),
            last=_day(last),
            season=season,
            category=category,
            around=str(interaction.user.id),
            as_of=_end_of(as_of, now, rules),
            corrected=corrected,
            compare=True,
        )
        mine_is_hidden = board.mine is not None and board.mine.hidden  # their own line would tell everybody
        await respond(
            interaction, embed=boards.leaderboard(board, rules.zone), ephemeral=private or mine_is_hidden
        )

    @history.autocomplete("category")
    @leaderboard.autocomplete("category")
    async def _categories(self, interaction: Interaction, current: str) -> list[Choice[str]]:
        rules = await self.bot.points.read(policy.of, str(interaction.guild_id))
        names = [c.name for c in rules.categories if current.casefold() in c.name.casefold()]
        return [Choice(name=name, value=name) for name in names[:CHOICES]]

    @history.autocomplete("season")
    @leaderboard.autocomplete("season")
    async def _seasons(self, interaction: Interaction, current: str) -> list[Choice[str]]:
        return await suggested_seasons(interaction, current)


def _name(person: Person | None) -> str | None:
    return person.display_name if person else None


def _end_of(text: str | None, now: datetime, rules: Policy) -> datetime | None:
    """Return the last instant of the local day somebody wrote, None for today, whose end is now.

    Raises InvalidTime for days to come.
    """
    day = _day(text)
    today = now.astimezone(rules.zone).date()
    if day is None or day == today:
        return None
    if day > today:
        raise InvalidTime(text or "")
    return midnight(day + timedelta(days=1), rules.zone) - LAST_INSTANT


async def setup(bot: "PointsBot") -> None:
    """Bring the commands, and the buttons of messages sent before this start."""
    bot.add_dynamic_items(TurnButton)
    await bot.add_cog(Members(bot))
