"""An answer marked as the solution of a thread or forum post, by who asked or by a moderator."""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import discord
from discord import app_commands
from discord.app_commands import ContextMenu
from discord.ext import commands

from bot.checks import allowed
from bot.facts import is_written
from bot.listeners.people import about, whereabouts
from bot.messages import solutions as messages
from bot.replies import BROKEN, respond
from points_core import policy
from points_core.errors import NotAllowed, SelfAward
from points_core.policy import Capability
from points_core.rules import Fact, On

if TYPE_CHECKING:
    from bot.client import PointsBot

Interaction = discord.Interaction["PointsBot"]
Person = discord.Member | discord.User

LOOK_UP_S: Final = 1.0  # of the three in which Discord wants an answer

log = logging.getLogger(__name__)


class Solutions(commands.Cog):
    """The menu "Mark as solution" on a message."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot
        self.menu = ContextMenu(name="Mark as solution", callback=self.mark)

    async def cog_load(self) -> None:
        """Bring the menu; discord.py knows it only on the tree."""
        self.bot.tree.add_command(self.menu)

    async def cog_unload(self) -> None:
        """Take the menu away again."""
        self.bot.tree.remove_command(self.menu.name, type=self.menu.type)

    @app_commands.guild_only()
    async def mark(self, interaction: Interaction, message: discord.Message) -> None:
        """Say that this message solved the thread it stands in."""
        thread = interaction.channel
        if not isinstance(thread, discord.Thread) or interaction.guild_id is None:
            await respond(interaction, **messages.not_a_thread())
            return
        rules = await self.bot.points.read(policy.of, str(interaction.guild_id))
        asked = thread.owner_id == interaction.user.id
        if not asked and not allowed(interaction, rules, Capability.AWARD):
            raise NotAllowed(Capability.AWARD.value)
        if message.author.bot or message.webhook_id is not None or not is_written(message):
            await respond(interaction, **messages.no_answer())
            return
        if message.author.id == interaction.user.id:
            raise SelfAward(str(message.author.id))
        fact = Fact(
            on=On.SOLVED,
            key=f"solved:{thread.id}",
            at=interaction.created_at,
            user_id=str(message.author.id),
            other_id=str(interaction.user.id),
            other_name=interaction.user.display_name,
            message=str(message.id),
            link=message.jump_url,
            **whereabouts(thread),
            **about(await self._member(interaction, message)),
        )
        fired = await self.bot.rulebook.hear(str(interaction.guild_id), fact)
        if fired is not None and any(outcome.replayed for outcome in fired.outcomes):
            await respond(interaction, **messages.solved_before(fired))
            return
        await respond(interaction, **messages.solved(message, fired))

    async def _member(self, interaction: Interaction, message: discord.Message) -> Person:
        """Return the author as a member; as the message brings them where they are not, or cannot be looked up."""
        if interaction.guild is None:
            return message.author
        try:
            async with asyncio.timeout(LOOK_UP_S):
                found = await self.bot.people.member(interaction.guild, message.author.id)
        except (discord.HTTPException, *BROKEN) as error:
            log.warning("member %d could not be looked up: %r", message.author.id, error)
            return message.author
        return found or message.author


async def setup(bot: "PointsBot") -> None:
    """Add the cog; discord.py calls this."""
    await bot.add_cog(Solutions(bot))
