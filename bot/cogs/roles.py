"""Roles that follow levels, badges and rules; what could not be given, with the fix; and who is told of it."""

import asyncio
import logging
from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING, Final

import discord
from discord import app_commands
from discord.ext import commands, tasks

from bot import granting
from bot.checks import require
from bot.courier import Later
from bot.messages import roles as messages
from bot.policy_changes import carried_out
from bot.posting import send_once
from bot.replies import BROKEN, respond
from points_core import achievements
from points_core.achievements import announcing, roles
from points_core.achievements.announcing import Wait
from points_core.errors import DatabaseUnavailable
from points_core.outbox import Effect, Topic
from points_core.policy import Capability
from points_core.values import Origin

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from bot.client import PointsBot

Interaction = discord.Interaction["PointsBot"]

PERIOD_S: Final = 60
AT_ONCE: Final = 50  # roles between two looks at the books
PATIENCE_S: Final = 5  # for roles, before the next effect has its turn: Discord gives ten in about as long

log = logging.getLogger(__name__)


@app_commands.guild_only()
@app_commands.default_permissions(manage_guild=True)
class Roles(
    commands.GroupCog, group_name="roles", group_description="Roles that levels, badges and rules give"
):
    """Brings members' roles to what is wanted; tells of levels and badges."""

    def __init__(self, bot: "PointsBot") -> None:
        super().__init__()
        self.bot = bot
        self._one_at_a_time: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._under_way: set[asyncio.Task[None]] = set()
        bot.courier.on(Topic.ROLES, self.due)
        for topic in announcing.TOPICS:
            bot.courier.on(topic, self.announce)

    async def cog_load(self) -> None:
        """Begin to look for roles that wait."""
        self.rounds.start()

    async def cog_unload(self) -> None:
        """Look no more."""
        self.rounds.cancel()
        for under_way in self._under_way:
            under_way.cancel()

    # ── what happens by itself ──

    @tasks.loop(seconds=PERIOD_S)
    async def rounds(self) -> None:
        """Give and take what waits: ends of temporary roles, what was asked for again."""
        for guild in self.bot.guilds:  # another process has the others
            await self._settle_calmly(guild)

    @rounds.before_loop
    async def _until_ready(self) -> None:
        await self.bot.until_ready()

    @commands.Cog.listener()
    async def on_guild_available(self, guild: discord.Guild) -> None:
        """Give and take what waited for the end of an outage."""
        await self._settle_calmly(guild)

    async def _settle_calmly(self, guild: discord.Guild) -> None:
        """Give and take what is due in a server, unless that is under way; what cannot be waits for the next round."""
        community = str(guild.id)
        if self._one_at_a_time[community].locked():
            return
        try:
            await self.settle(community)
        except DatabaseUnavailable as fault:
            log.warning("the books could not be asked which roles are due: %s", fault.why)
        except (discord.HTTPException, *BROKEN) as error:
            log.warning("roles of %d wait for Discord: %r", guild.id, error)
        except Exception:  # a loop that raises is not begun again
            log.exception("roles of %d could not be given", guild.id)

    @commands.Cog.listener()
    async def on_member_join(self, member: discord.Member) -> None:
        """Give somebody who is back the roles they are to have; needs the members intent."""
        await self.bot.returning.see(str(member.guild.id), str(member.id), self.bot.now())

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """Notice who is back, also without that intent."""
        await self.bot.returning.see_all(interaction)

    async def settle(self, community: str) -> None:
        """Give and take the roles that are due in a community. Raises HTTPException."""
        async with self._one_at_a_time[community]:
            seen: set[tuple[str, int, str, datetime]] = set()
            while True:
                waiting = await self.bot.points.read(roles.due, community, AT_ONCE)
                new = [g for g in waiting if (g.community, g.member, g.role, g.changed_at) not in seen]
                if not new:
                    return
                for grant in new:
                    seen.add((grant.community, grant.member, grant.role, grant.changed_at))
                    await granting.carry_out(self.bot, grant)

    # ── effects ──

    async def due(self, effect: Effect) -> str:
        """Bring roles of a community to what is wanted; many take longer than other effects can wait.

        What is due stays due in the books until it is given. Raises HTTPException.
        """
        under_way = asyncio.create_task(self.settle(effect.community), name="roles")
        self._under_way.add(under_way)
        under_way.add_done_callback(self._under_way.discard)
        done, _ = await asyncio.wait([under_way], timeout=PATIENCE_S)
        if not done:
            under_way.add_done_callback(_look_at)
            return "under way"
        under_way.result()
        return "settled"

    async def announce(self, effect: Effect) -> str:
        """Tell of levels and badges, all that wait in one message, as often as the hour's measure allows.

        Raises Later, HTTPException.
        """
        claimed = await self.bot.points.write(announcing.claim, effect, self.bot.now())
        if isinstance(claimed, Wait):
            raise Later(claimed.until, "this hour's announcements are made")
        if claimed is None:
            return "announcements are off, or it was told with another"
        news = await self.bot.points.read(achievements.news, effect.community, claimed.effects)
        post = messages.announcement(news)
        if post is None:
            return "nobody to tell of"
        channel = self.bot.get_partial_messageable(int(claimed.channel))
        await send_once(self.bot, channel, effect, post, f"pts{effect.id}told")
        return announcing.ANNOUNCED

    # ── what admins ask for ──

    @app_commands.command()
    async def failures(self, interaction: Interaction) -> None:
        """See which roles could not be given or taken, and how to put that right."""
        await require(interaction, Capability.CONFIGURE)
        found = await self.bot.points.read(roles.failures, str(interaction.guild_id))
        await respond(interaction, **messages.failures(found))

    @app_commands.command()
    async def retry(self, interaction: Interaction) -> None:
        """Try again what failed, after you put it right."""
        await self._again(interaction, _retry)

    @app_commands.command()
    async def sync(self, interaction: Interaction) -> None:
        """Compare every role that is wanted with the server, and put right what differs."""
        await self._again(interaction, _sync)

    async def _again(self, interaction: Interaction, operation: "messages.Again") -> None:
        community = str(interaction.guild_id)
        count = await carried_out(interaction, operation)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self.settle(community)
        left = await self.bot.points.read(roles.failures, community)
        await interaction.followup.send(**messages.tried(count, left))


def _look_at(ended: "asyncio.Task[None]") -> None:
    """Log why giving roles broke off, for whom nobody waited; the next round goes on."""
    if not ended.cancelled() and (error := ended.exception()) is not None:
        log.warning("roles wait for the next round: %r", error)


def _retry(tx: "Connection", origin: Origin) -> int:
    return roles.retry(tx, origin.community, origin.at)


def _sync(tx: "Connection", origin: Origin) -> int:
    return roles.sync(tx, origin.community, origin.at)


async def setup(bot: "PointsBot") -> None:
    """Add the cog; discord.py calls this."""
    await bot.add_cog(Roles(bot))
