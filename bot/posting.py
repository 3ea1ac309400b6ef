"""A post whose answer got lost may be out already: it is looked for before it is sent again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import discord

from bot.messages.text import Post
from points_core.outbox import Effect

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
    The latest messages are looked at first: they tell whatever the two clocks say. Only in a channel too busy
    for that the first ones after `since` are looked at as well.
    """
    begin = since - CLOCKS_DIFFER
    try:
        latest = [message async for message in channel.history(limit=LOOKED_THROUGH)]
        if len(latest) == LOOKED_THROUGH and latest[-1].created_at > begin:
            first = channel.history(after=begin, limit=LOOKED_THROUGH, oldest_first=True)
            latest += [message async for message in first]
    except discord.Forbidden:
        return None
    own = (message for message in latest if bot.user is not None and message.author.id == bot.user.id)
    return next(filter(is_it, own), None)


def has_footer(ending: str) -> Callable[[discord.Message], bool]:
    """Return the test for a message with a line under one of its embeds that ends with `ending`."""
    return lambda message: any((embed.footer.text or "").endswith(ending) for embed in message.embeds)


async def send(channel: discord.abc.Messageable, post: Post, nonce: str) -> discord.Message:
    """Send `post`; Discord drops a second one with the same `nonce` (at most 25 characters) for some minutes."""
    return await channel.send(**cast(dict[str, Any], post), nonce=nonce)


async def send_once(
    bot: "PointsBot", channel: discord.abc.Messageable, effect: Effect, post: Post, nonce: str
) -> None:
    """Send the post of an effect that has no other mark than its words, unless an earlier attempt did."""
    content = post["content"]
    if effect.attempts > 1 and await find_own(
        bot, channel, effect.created_at, lambda message: message.content == content
    ):
        return
    await send(channel, post, nonce)
