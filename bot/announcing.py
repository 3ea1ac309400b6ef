"""A movement is announced to everybody: as the answer to who asked, or in its channel where Discord takes none.

Which messages announced it is kept, so that they can say so when it is taken back.
"""

import logging
from typing import TYPE_CHECKING

import discord

from bot.messages.text import Reply
from bot.replies import BROKEN, may_pass, respond, too_late
from points_core import announcements, outbox
from points_core.errors import DatabaseUnavailable
from points_core.values import Receipt

if TYPE_CHECKING:
    from bot.client import PointsBot

log = logging.getLogger(__name__)


async def announce(interaction: "discord.Interaction[PointsBot]", receipt: Receipt, reply: Reply) -> None:
    """Answer who asked with the announcement of what is in the books now.

    If the answer cannot be given (too late, say, or Discord is ill) the courier posts the announcement.
    """
    bot, community, place = interaction.client, str(interaction.guild_id), str(interaction.channel_id)
    try:
        answer = await respond(interaction, **reply)
    except Exception as lost:
        # Discord read it and will never take it: it is our mistake
        ours = isinstance(lost, discord.HTTPException) and not (may_pass(lost) or too_late(lost))
        log.log(
            logging.ERROR if ours else logging.WARNING,
            "the answer about #%d is lost, it is posted instead: %r",
            receipt.number,
            lost,
            exc_info=lost if ours else None,
        )
        await bot.points.write(outbox.unsaid, community, receipt.number, place, bot.now())
        bot.courier.wake()
        return
    try:
        message = answer or (await interaction.original_response()).id
        await remember(bot, community, receipt.number, place, message)
    except (discord.DiscordException, DatabaseUnavailable, *BROKEN) as error:
        log.warning("where #%d was announced is not known: %r", receipt.number, error)


async def remember(bot: "PointsBot", community: str, number: int, channel: str, message: int) -> None:
    """Keep that a message announced transaction `number`. Raises DatabaseUnavailable."""
    await bot.points.write(
        announcements.remember, community, number, channel=channel, message=str(message), now=bot.now()
    )
    bot.courier.wake()  # it may have been taken back meanwhile
