"""Answers to interactions: given once, and once more if the connection broke before Discord acted."""

from typing import Any, Final, Unpack

import aiohttp
import discord

from bot.messages.text import Reply

BROKEN: Final = (aiohttp.ClientError, OSError, TimeoutError)
"""How a broken connection arrives: on Linux discord.py neither retries nor wraps a reset."""

ALREADY_ANSWERED: Final = 40060  # Discord's code: this interaction has its first answer
EXPIRED: Final = 10062  # Discord's code: three seconds have passed


def may_pass(error: BaseException) -> bool:
    """Return whether the same call may succeed later: the connection broke, or Discord itself is ill."""
    if isinstance(error, discord.HTTPException):
        return error.status >= 500 or error.status == 429
    return isinstance(error, BROKEN)


async def respond(interaction: discord.Interaction[Any], **reply: Unpack[Reply]) -> None:
    """Give `interaction` its first answer.

    If it got lost, it is given once more; Discord takes only one, so the person sees it once.
    Raises HTTPException or one of BROKEN when both were in vain.
    """
    try:
        await interaction.response.send_message(**reply)
    except (discord.HTTPException, *BROKEN) as error:
        if not may_pass(error):
            raise
        await _respond_again(interaction, reply)


async def _respond_again(interaction: discord.Interaction[Any], reply: Reply) -> None:
    try:
        await interaction.response.send_message(**reply)
    except discord.HTTPException as error:
        if error.code != ALREADY_ANSWERED:
            raise
        if "view" in reply:  # only the answer's number, now read, tells discord.py whose buttons these are
            await interaction.edit_original_response(view=reply["view"])
