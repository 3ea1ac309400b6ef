"""Messages and reactions of Discord in the words of rules; what somebody wrote goes no further than its length.

of_message    a message, or the boost that a system message tells of
of_reaction   a reaction on somebody else's message, for either of the two
word_of       an emoji as rules name it
"""

from typing import Any, Final

import discord

from bot.listeners.people import about, whereabouts
from points_core.rules.facts import Fact, On

_WRITTEN: Final = frozenset({discord.MessageType.default, discord.MessageType.reply})
_BOOSTS: Final = frozenset(
    {
        discord.MessageType.premium_guild_subscription,
        discord.MessageType.premium_guild_tier_1,
        discord.MessageType.premium_guild_tier_2,
        discord.MessageType.premium_guild_tier_3,
    }
)


def is_boost(message: discord.Message) -> bool:
    """Return whether it is the system message by which Discord tells of a boost."""
    return message.type in _BOOSTS


def is_written(message: discord.Message) -> bool:
    """Return whether somebody wrote it, and not Discord; also not the message that a thread was made of."""
    return message.type in _WRITTEN and message.id != message.channel.id


def of_message(message: discord.Message, *, content: bool = False) -> Fact | None:
    """Return the fact that somebody wrote a message, or boosted the server; None for bots and anything else.

    content: whether the bot may read messages; without it Discord shows every message as an empty one.
    """
    if message.guild is None or message.author.bot or message.webhook_id is not None:
        return None
    if not is_boost(message) and message.type not in _WRITTEN:
        return None
    on = On.BOOST if is_boost(message) else On.MESSAGE
    seen: dict[str, Any] = {}
    if on is On.MESSAGE:
        seen = whereabouts(message.channel) | {"reply": message.type is discord.MessageType.reply}
        if content:
            seen |= {"length": len(message.content), "attachments": len(message.attachments)}
    return Fact(
        on=on,
        key=f"{on}:{message.id}",
        at=message.created_at,
        user_id=str(message.author.id),
        message=str(message.id),
        link=message.jump_url,
        **about(message.author),
        **seen,
    )


def of_reaction(
    message: discord.Message,
    emoji: discord.PartialEmoji | discord.Emoji | str,
    by: discord.Member | discord.User,
    *,
    received: bool,
) -> Fact | None:
    """Return the fact that `by` reacted to a message: for its author if `received`, else for `by` themself.

    It counts at the time of the message: Discord does not tell later when somebody reacted. None for bots, for
    webhooks, and for who reacts to their own message.
    """
    author = message.author
    if author.bot or by.bot or message.webhook_id is not None or author.id == by.id:
        return None
    on, member, other = (On.REACTION_RECEIVED, author, by) if received else (On.REACTION_GIVEN, by, author)
    word = word_of(emoji)
    return Fact(
        on=on,
        key=f"{on}:{message.id}:{by.id}:{word}",
        at=message.created_at,
        user_id=str(member.id),
        other_id=str(other.id),
        other_name=other.display_name,
        message=str(message.id),
        link=message.jump_url,
        what=word,
        **about(member),
        **whereabouts(message.channel),
    )


def word_of(emoji: discord.PartialEmoji | discord.Emoji | str) -> str:
    """Return an emoji as rules name it: the id of a server's own, else itself without how it is to be drawn."""
    if isinstance(emoji, str):
        emoji = discord.PartialEmoji.from_str(emoji)
    return str(emoji.id) if emoji.id else emoji.name.replace("\ufe0f", "")
