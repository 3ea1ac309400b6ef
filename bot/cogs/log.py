"""The log channel: a line for every movement of points and every change, delivered from the outbox."""

from typing import TYPE_CHECKING

from discord.ext import commands

from bot.messages import log as messages
from bot.messages.text import Post
from bot.posting import send_once
from points_core import audit, history, policy
from points_core.outbox import Effect, Topic
from points_core.verification import anchors

if TYPE_CHECKING:
    from bot.client import PointsBot

NO_CHANNEL = "no log channel"


class Log(commands.Cog):
    """Writes down in the server what happened to its points."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot
        bot.courier.on(Topic.RECORDED, self.recorded)
        bot.courier.on(Topic.CHANGED, self.changed)
        bot.courier.on(Topic.ANCHORED, self.anchored)

    async def recorded(self, effect: Effect) -> str:
        """Log a movement of points."""
        receipt = await self.bot.points.read(history.transaction, effect.community, int(effect.subject))
        return await self._write(effect, messages.movement(receipt))

    async def changed(self, effect: Effect) -> str:
        """Log a change of settings, categories or schedules."""
        entry = await self.bot.points.read(audit.find, effect.community, int(effect.subject))
        if entry is None:
            return "no such change"
        rules = await self.bot.points.read(policy.of, effect.community)
        return await self._write(effect, messages.change(entry, rules))

    async def anchored(self, effect: Effect) -> str:
        """Show up to where the books go, outside of the database."""
        number = int(effect.subject)
        head = await self.bot.points.read(anchors.hash_at, effect.community, number)
        if head is None:
            return "no such transaction"
        return await self._write(effect, messages.anchor(number, head))

    async def _write(self, effect: Effect, line: str) -> str:
        """Send a line to where the log is now, which may not be where it was when this happened."""
        rules = await self.bot.points.read(policy.of, effect.community)
        if rules.log_channel is None:
            return NO_CHANNEL
        channel = self.bot.get_partial_messageable(int(rules.log_channel))
        # Links in reasons would unfold into pictures, and a log rings nobody's phone
        quiet = Post(content=line, suppress_embeds=True, silent=True)
        await send_once(self.bot, channel, effect, quiet, f"pts{effect.id}")
        return "delivered"


async def setup(bot: "PointsBot") -> None:
    """Begin to write the log."""
    await bot.add_cog(Log(bot))
