"""A movement is announced to everybody: as the answer to who asked, or in its channel where Discord takes none."""

import logging
from typing import TYPE_CHECKING

import discord

from bot.messages.text import Reply
from bot.replies import respond
from points_core import outbox
from points_core.values import Receipt

if TYPE_CHECKING:
    from bot.client import PointsBot

log = logging.getLogger(__name__)


async def announce(interaction: "discord.Interaction[PointsBot]", receipt: Receipt, reply: Reply) -> None:
    """Answer who asked with the announcement of what is in the books now.

    If the answer cannot be given (too late, say, or Discord is ill) the courier posts the announcement.
    """
    try:
        await respond(interaction, **reply)
    except Exception as lost:
        log.warning("the answer about #%d is lost, it is posted instead: %r", receipt.number, lost)
        bot, channel = interaction.client, interaction.channel_id
        place = None if channel is None else str(channel)
        await bot.points.write(outbox.unsaid, str(interaction.guild_id), receipt.number, place, bot.now())
        bot.courier.wake()
