"""What the list of members tells rules: roles gained, anniversaries, turns of scheduled rules.

Discord sends that list only with the privileged members intent; without it these rules hear nothing, and
/rule says so.
"""

import logging
from collections.abc import Awaitable, Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import discord
from dateutil.relativedelta import relativedelta
from discord.ext import commands, tasks

from bot.listeners.people import about
from points_core import rules
from points_core.errors import DatabaseUnavailable
from points_core.rules import Compiled, DueSlot, Fact, On, OnSchedule

if TYPE_CHECKING:
    from bot.client import PointsBot

PERIOD_S: Final = 60
LATE: Final = timedelta(days=2)  # after its day an anniversary is still told after this long without the bot

log = logging.getLogger(__name__)


class Memberships(commands.Cog):
    """Roles gained are heard of; anniversaries and schedules are looked for once a minute."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot
        self._celebrated: dict[int, tuple[date, Compiled]] = {}

    async def cog_load(self) -> None:
        """Begin to look."""
        if self.bot.intents.members:
            self.rounds.start()

    async def cog_unload(self) -> None:
        """Look no more."""
        self.rounds.cancel()

    @tasks.loop(seconds=PERIOD_S)
    async def rounds(self) -> None:
        """Look for what time brings. What failed is looked for again at the next round."""
        for guild in self.bot.guilds:
            await self._attempt(self._anniversaries(guild))
        await self._attempt(self._schedules())

    async def _attempt(self, work: Awaitable[None]) -> None:
        """Do what one server asks for; what fails there holds up no other."""
        try:
            await work
        except DatabaseUnavailable as fault:
            log.warning("the books could not be asked about scheduled rules: %s", fault.why)
        except Exception:  # a loop that raises is not begun again
            log.exception("what time brings to rules could not be looked for")

    @rounds.before_loop
    async def _until_ready(self) -> None:
        await self.bot.until_ready()

    @commands.Cog.listener()
    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        """Hear that somebody was given a role."""
        gained = {role.id for role in after.roles} - {role.id for role in before.roles}
        if not gained or after.bot:
            return
        community = str(after.guild.id)
        compiled = await self.bot.rulebook.compiled(community)
        if not compiled.of(On.ROLE_GAINED):
            return
        now = self.bot.now()
        today = now.astimezone(compiled.zone).date()
        for role in sorted(gained):
            fact = Fact(
                on=On.ROLE_GAINED,
                # A role taken and given again the same day is the same gain
                key=f"role:{role}:{after.id}:{today.isoformat()}",
                at=now,
                user_id=str(after.id),
                what=str(role),
                **about(after),
            )
            await self.bot.rulebook.hear(community, fact)

    async def _anniversaries(self, guild: discord.Guild) -> None:
        """Tell of those who came on this day of an earlier year; once a local day, after each start, for new rules."""
        community = str(guild.id)
        compiled = await self.bot.rulebook.compiled(community)
        if not compiled.of(On.ANNIVERSARY):
            return
        today = self.bot.now().astimezone(compiled.zone).date()
        if self._celebrated.get(guild.id) == (today, compiled):
            return
        for member in await _everybody(guild):
            for fact in _anniversary(member, today, compiled.zone):
                await self.bot.rulebook.act(community, fact)
        self._celebrated[guild.id] = (today, compiled)

    async def _schedules(self) -> None:
        """Give scheduled rules their turn."""
        here = [str(guild.id) for guild in self.bot.guilds]
        for turn in await self.bot.points.write(rules.due_slots, self.bot.now(), here):
            await self._attempt(self._give(turn))

    async def _give(self, turn: DueSlot) -> None:
        """Give a rule its turn, holder by holder; one that was broken off is finished later."""
        guild = self.bot.get_guild(int(turn.community))
        trigger = turn.rule.definition.trigger
        assert isinstance(trigger, OnSchedule)
        if guild is None:  # left meanwhile
            return
        for member in _holders(await _everybody(guild), trigger.roles):
            fact = Fact(
                on=On.SCHEDULE,
                key=f"schedule:{turn.rule.number}:{turn.slot}:{member.id}",
                at=turn.due_at,
                user_id=str(member.id),
                rule=turn.rule.number,
                **about(member),
            )
            await self.bot.rulebook.act(turn.community, fact)
        await self.bot.points.write(rules.slot_done, turn, self.bot.now())


async def _everybody(guild: discord.Guild) -> list[discord.Member]:
    """Return the server's members without its bots, in a steady order; asked for where not all are known yet."""
    members = guild.members if guild.chunked else await guild.chunk()
    return sorted((member for member in members if not member.bot), key=lambda member: member.id)


def _holders(members: list[discord.Member], roles: tuple[str, ...]) -> list[discord.Member]:
    """Return who has one of the roles."""
    wanted = set(roles)
    return [member for member in members if any(str(role.id) in wanted for role in member.roles)]


def _anniversary(member: discord.Member, today: date, zone: ZoneInfo) -> Iterator[Fact]:
    """Yield the latest anniversary of a member's coming, if its day is no more than LATE before `today`."""
    if member.joined_at is None:
        return
    joined = member.joined_at.astimezone(zone)
    years = relativedelta(today, joined.date()).years
    at = joined + relativedelta(years=years)  # of the 29th of February: on the 28th
    if years >= 1 and today - at.date() <= LATE:
        yield Fact(
            on=On.ANNIVERSARY,
            key=f"anniversary:{member.id}:{member.joined_at.date().isoformat()}:{years}",  # in any zone
            at=at,
            user_id=str(member.id),
            years=years,
            **about(member),
        )


async def setup(bot: "PointsBot") -> None:
    """Add the cog; discord.py calls this."""
    await bot.add_cog(Memberships(bot))
