"""What people write and react to, as rules hear of it. Off until a rule listens; no message's text is looked at."""

import logging
from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from bot import facts
from bot.listeners.people import about, whereabouts
from bot.replies import BROKEN
from points_core.rules import Fact, On

if TYPE_CHECKING:
    from bot.client import PointsBot

log = logging.getLogger(__name__)


class Activity(commands.Cog):
    """Messages, boosts and reactions become facts."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Hear that somebody wrote, or boosted the server."""
        if message.guild is None or message.author.bot:
            return
        community = str(message.guild.id)
        on = On.BOOST if facts.is_boost(message) else On.MESSAGE
        place = whereabouts(message.channel)
        if not await self.bot.rulebook.watched(community, on, **place):
            return
        fact = facts.of_message(message, content=self.bot.intents.message_content)
        if fact is not None:
            await self.bot.rulebook.hear(community, fact)

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, payload: discord.RawReactionActionEvent) -> None:
        """Hear that somebody reacted to what somebody else wrote."""
        if payload.guild_id is None or payload.member is None or payload.member.bot:
            return
        community = str(payload.guild_id)
        if not await self._listened(payload):
            return
        try:
            author = await self._author(payload)
        except (discord.HTTPException, *BROKEN) as error:
            log.warning("who wrote message %d could not be looked up: %r", payload.message_id, error)
            return
        if author is None or author.bot or author.id == payload.user_id:
            return
        for fact in _reaction(payload, author, self.bot):
            await self.bot.rulebook.hear(community, fact)

    async def _listened(self, payload: discord.RawReactionActionEvent) -> bool:
        """Return whether a rule might care, before it is looked up who wrote the message."""
        assert payload.member is not None
        place = whereabouts(payload.member.guild.get_channel_or_thread(payload.channel_id))
        community, watched = str(payload.guild_id), self.bot.rulebook.watched
        return await watched(community, On.REACTION_RECEIVED, **place) or await watched(
            community, On.REACTION_GIVEN, **place
        )

    async def _author(self, payload: discord.RawReactionActionEvent) -> discord.Member | None:
        """Return who wrote the message, None for who is not a member."""
        guild = self.bot.get_guild(payload.guild_id or 0)
        if guild is None:
            return None
        author_id = payload.message_author_id
        if author_id is None:
            channel = self.bot.get_partial_messageable(payload.channel_id, guild_id=guild.id)
            author_id = (await channel.fetch_message(payload.message_id)).author.id
        return await self.bot.people.member(guild, author_id)


def _reaction(
    payload: discord.RawReactionActionEvent, author: discord.Member, bot: "PointsBot"
) -> tuple[Fact, Fact]:
    """Return a reaction as it concerns who wrote, and as it concerns who reacted, at the moment it is heard."""
    reactor = payload.member
    assert reactor is not None
    word = facts.word_of(payload.emoji)
    message = str(payload.message_id)
    key = f"{message}:{payload.user_id}:{word}"
    here = {
        "at": bot.now(),
        "message": message,
        "link": f"https://discord.com/channels/{payload.guild_id}/{payload.channel_id}/{message}",
        "what": word,
        **whereabouts(reactor.guild.get_channel_or_thread(payload.channel_id)),
    }
    return (
        Fact(
            on=On.REACTION_RECEIVED,
            key=f"{On.REACTION_RECEIVED}:{key}",
            user_id=str(author.id),
            other_id=str(reactor.id),
            other_name=reactor.display_name,
            **here,
            **about(author),
        ),
        Fact(
            on=On.REACTION_GIVEN,
            key=f"{On.REACTION_GIVEN}:{key}",
            user_id=str(reactor.id),
            other_id=str(author.id),
            other_name=author.display_name,
            **here,
            **about(reactor),
        ),
    )


async def setup(bot: "PointsBot") -> None:
    """Add the cog; discord.py calls this."""
    await bot.add_cog(Activity(bot))
