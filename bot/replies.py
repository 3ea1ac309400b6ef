"""Answers to interactions: given once, and once more if the connection broke before Discord acted."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, Unpack

import aiohttp
import discord

from bot.messages.text import Reply

BROKEN: Final = (
    aiohttp.ClientError,
    OSError,
    TimeoutError,
    json.JSONDecodeError,  # something between Discord and us answered in its place
    discord.RateLimited,  # Discord wants us to wait longer than LONGEST_WAIT_S
)
"""How a broken connection arrives: on Linux discord.py neither retries nor wraps a reset."""

ALREADY_ANSWERED: Final = 40060  # Discord's code: this interaction has its first answer
EXPIRED: Final = 10062  # Discord's code: three seconds have passed
FORGOTTEN: Final = 10015  # Discord's code: fifteen minutes have passed, or there never was an answer

ANSWER_S: Final = 3.0  # Discord takes no first answer after that, whatever becomes of one under way
LONGEST_WAIT_S: Final = 30.0  # that a request waits for a rate limit to end; the least discord.py takes

T = TypeVar("T")

log = logging.getLogger(__name__)


def may_pass(error: BaseException) -> bool:
    """Return whether the same call may succeed later: the connection broke, or Discord itself is ill."""
    if isinstance(error, discord.HTTPException):
        return error.status >= 500 or error.status == 429
    return isinstance(error, BROKEN)


def too_late(error: BaseException) -> bool:
    """Return whether Discord takes no answer to this interaction any more."""
    return isinstance(error, discord.HTTPException) and error.code in {EXPIRED, FORGOTTEN}


async def respond(interaction: discord.Interaction[Any], **reply: Unpack[Reply]) -> int | None:
    """Give `interaction` its first answer; one that got lost is given once more, and seen once.

    Returns the answer's message number, None if only Discord knows it. Raises HTTPException, one of BROKEN, or
    what a garbled answer makes discord.py raise, when both were in vain.
    """
    given = await given_once(interaction, lambda: interaction.response.send_message(**reply))
    if given is None and "view" in reply:  # only the answer's number, now read, tells whose buttons these are
        await interaction.edit_original_response(view=reply["view"])
    return None if given is None else given.message_id


async def given_once(interaction: discord.Interaction[Any], give: Callable[[], Awaitable[T]]) -> T | None:
    """Give an answer, once more if it may have got lost; return what Discord said to this very call.

    None when it had the answer already: by a try that got lost, discord.py's own tries among them, or by another
    process. Raises what `respond` raises.
    """
    try:
        return await _given(interaction, give)
    except Exception as error:
        if isinstance(error, discord.HTTPException) and not may_pass(error):
            raise
        log.info("the answer to interaction %d is given once more: %r", interaction.id, error)
        return await _given(interaction, give)


async def _given(interaction: discord.Interaction[Any], give: Callable[[], Awaitable[T]]) -> T | None:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await give()
    except discord.HTTPException as error:
        if error.code != ALREADY_ANSWERED:
            raise
    log.info("interaction %d has its answer already", interaction.id)
    return None
