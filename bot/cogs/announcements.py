"""Announcements of movements whose answer was lost, posted where it was asked."""

from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from bot.messages import movements
from bot.posting import find_own, send
from bot.undo import announcement
from points_core import history
from points_core.outbox import Effect, Topic
from points_core.values import Kind, Receipt

if TYPE_CHECKING:
    from bot.client import PointsBot


class Announcements(commands.Cog):
    """Says what was not said."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot
        bot.courier.on(Topic.UNSAID, self.unsaid)

    async def unsaid(self, effect: Effect) -> str:
        """Post the announcement of a movement, unless the answer that seemed lost is there."""
        if effect.place is None:
            return "nowhere to say it"
        receipt = await self.bot.points.read(history.transaction, effect.community, int(effect.subject))
        channel = self.bot.get_partial_messageable(int(effect.place), guild_id=int(effect.community))
        told = await find_own(self.bot, channel, effect.created_at, lambda message: _is_of(message, receipt))
        if told is not None:
            return "said already"
        reversal = receipt.kind is Kind.REVERSAL
        await send(
            channel, movements.moved(receipt) if reversal else announcement(receipt), f"pts{effect.id}"
        )
        return "delivered"


def _is_of(message: discord.Message, receipt: Receipt) -> bool:
    """Return whether `message` announces the movement."""
    return any(embed.title == f"#{receipt.number}" for embed in message.embeds)


async def setup(bot: "PointsBot") -> None:
    """Begin to say it."""
    await bot.add_cog(Announcements(bot))
