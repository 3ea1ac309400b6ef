"""A post whose answer got lost may be out already: it is looked for before it is sent again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import discord

from bot.messages.text import Post

if TYPE_CHECKING:
    from bot.client import PointsBot

LOOKED_THROUGH = 100  # messages: a busy channel writes fewer between two attempts
CLOCKS_DIFFER = timedelta(minutes=1)  # between this machine and Discord


async def find_own(
    bot: "PointsBot",
    channel: discord.abc.Messageable,
    since: datetime,
    is_it: Callable[[discord.Message], bool],
) -> discord.Message | None:
    """Return the bot's own message in `channel`, written after `since`, of which `is_it` is true.

    Discord itself drops a repeated nonce, but only for some minutes. None where history cannot be read.
    """
    try:
        async for message in channel.history(
            after=since - CLOCKS_DIFFER, limit=LOOKED_THROUGH, oldest_first=True
        ):
            if bot.user is not None and message.author.id == bot.user.id and is_it(message):
                return message
    except discord.Forbidden:
        pass
    return None


def has_footer(ending: str) -> Callable[[discord.Message], bool]:
    """Return the test for a message with a line under one of its embeds that ends with `ending`."""
    return lambda message: any((embed.footer.text or "").endswith(ending) for embed in message.embeds)


async def send(channel: discord.abc.Messageable, post: Post, nonce: str) -> discord.Message:
    """Send `post`; Discord drops a second one with the same `nonce` (at most 25 characters) for some minutes."""
    return await channel.send(**cast(dict[str, Any], post), nonce=nonce)
