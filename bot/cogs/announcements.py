"""Announcements of movements: posted where the answer was lost, marked when the movement is taken back."""

from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from bot.announcing import remember
from bot.messages import movements
from bot.posting import find_own, send
from bot.undo import announcement
from points_core import announcements, history
from points_core.outbox import Effect, Topic
from points_core.values import Kind, Receipt

if TYPE_CHECKING:
    from bot.client import PointsBot


class Announcements(commands.Cog):
    """Says what was not said, and that what was said holds no more."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot
        bot.courier.on(Topic.UNSAID, self.unsaid)
        bot.courier.on(Topic.TAKEN_BACK, self.taken_back)

    async def unsaid(self, effect: Effect) -> str:
        """Post the announcement of a movement, unless the answer that seemed lost is there."""
        if effect.place is None:
            return "nowhere to say it"
        receipt = await self.bot.points.read(history.transaction, effect.community, int(effect.subject))
        channel = self.bot.get_partial_messageable(int(effect.place), guild_id=int(effect.community))
        told = await find_own(
            self.bot, channel, receipt.effective_at, lambda message: _is_of(message, receipt)
        )
        if told is None:
            reversal = receipt.kind is Kind.REVERSAL
            post = movements.moved(receipt) if reversal else announcement(receipt)
            told = await send(channel, post, f"pts{effect.id}")
        await remember(self.bot, effect.community, receipt.number, effect.place, told.id)
        return "delivered"

    async def taken_back(self, effect: Effect) -> str:
        """Mark the announcement of a movement that was taken back, and take its button away."""
        number, message_id = effect.subject.split(":")
        by = await self.bot.points.read(announcements.reversal_of, effect.community, int(number))
        if by is None or effect.place is None:
            return "it was not taken back"
        channel = self.bot.get_partial_messageable(int(effect.place), guild_id=int(effect.community))
        try:
            told = await channel.fetch_message(int(message_id))
        except discord.NotFound:
            return "the announcement is gone"
        if told.embeds and told.components:
            await told.edit(embed=movements.taken_back(told.embeds[0], by), view=None)
        return "marked"


def _is_of(message: discord.Message, receipt: Receipt) -> bool:
    """Return whether `message` announces the movement."""
    return any(embed.title == f"#{receipt.number}" for embed in message.embeds)


async def setup(bot: "PointsBot") -> None:
    """Begin to say it."""
    await bot.add_cog(Announcements(bot))
