"""What a rule would have seen: messages and reactions out of Discord's own history, as facts.

Only ids, times and lengths are taken from it, and nothing of it is kept. Channels take turns, newest first, so
that a busy one does not leave the others unread.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import discord

from bot.facts import of_message, of_reaction, word_of
from bot.listeners.people import about
from points_core.rules.conditions import parts
from points_core.rules.definition import (
    Definition,
    HasRole,
    MembershipAge,
    OnReactionGiven,
    OnReactionReceived,
)
from points_core.rules.facts import Fact, On
from points_core.rules.matching import places

if TYPE_CHECKING:
    from bot.client import PointsBot

MAX_MESSAGES: Final = 10_000  # a hundred requests to Discord
MAX_REACTIONS: Final = 300  # lists of who reacted: one request each, and Discord lets few through
MAX_PEOPLE: Final = 2_000  # looked up for their roles
AT_ONCE: Final = 100  # messages, and people, that Discord gives in one answer
LONGEST: Final = timedelta(minutes=10)  # Discord takes no answer to a command after fifteen

READ: Final = frozenset({On.MESSAGE, On.BOOST, On.REACTION_RECEIVED, On.REACTION_GIVEN})
"""What Discord's own history tells of."""

Readable = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
Progress = Callable[["Read"], Awaitable[None]]


@dataclass(slots=True)
class Read:
    """What was read: how many `messages` in how many `channels`, from when, and whether that was all there is."""

    since: datetime
    channels: int = 0
    messages: int = 0
    reactions: int = 0
    complete: bool = True
    unread: list[str] = field(default_factory=list)
    """The ids of channels that the bot may not read."""
    facts: list[Fact] = field(default_factory=list)


async def read(
    bot: "PointsBot", guild: discord.Guild, definition: Definition, since: datetime, progress: Progress
) -> Read:
    """Return the facts that the definition's trigger would have waited for since then. Raises HTTPException."""
    found = Read(since)
    ends = bot.now() + LONGEST
    turns = [_messages(channel, since) for channel in _channels(guild, definition, found)]
    found.channels = len(turns)
    while turns:
        for turn in tuple(turns):
            several = await _some(turn)
            for message in several:
                found.facts += await _facts(bot, message, definition, found)
            found.messages += len(several)
            if len(several) < AT_ONCE:
                turns.remove(turn)
            if found.messages >= MAX_MESSAGES or bot.now() >= ends:
                found.complete = found.complete and not turns
                turns.clear()
                break
        await progress(found)
    if asks_for_people(definition):
        await _look_up(guild, found)
    return found


def _channels(guild: discord.Guild, definition: Definition, found: Read) -> list[Readable]:
    """Return the channels in which the rule might see something, threads that are open included."""
    named = places(definition.when)
    every: list[Readable] = [
        *guild.text_channels,
        *guild.voice_channels,
        *guild.stage_channels,
        *guild.threads,
    ]
    wanted = [channel for channel in every if named is None or not named.isdisjoint(_around(channel))]
    found.unread = [str(channel.id) for channel in wanted if not _readable(guild, channel)]
    return [channel for channel in wanted if _readable(guild, channel)]


def _around(channel: Readable) -> set[str]:
    """Return the channel's id, and those of what it stands in."""
    parent = str(channel.parent_id) if isinstance(channel, discord.Thread) else ""
    return {str(channel.id), str(channel.category_id), parent}


def _readable(guild: discord.Guild, channel: Readable) -> bool:
    allowed = channel.permissions_for(guild.me)
    return allowed.view_channel and allowed.read_message_history


def _messages(channel: Readable, since: datetime) -> AsyncIterator[discord.Message]:
    return channel.history(limit=None, after=since, oldest_first=False)


async def _some(turn: AsyncIterator[discord.Message]) -> list[discord.Message]:
    """Return the next messages of a channel; none of one that was closed or deleted meanwhile."""
    several: list[discord.Message] = []
    try:
        async for message in turn:
            several.append(message)
            if len(several) == AT_ONCE:
                break
    except (discord.Forbidden, discord.NotFound):
        return []
    return several


async def _facts(
    bot: "PointsBot", message: discord.Message, definition: Definition, found: Read
) -> list[Fact]:
    trigger = definition.trigger
    if isinstance(trigger, OnReactionReceived | OnReactionGiven):
        return await _reactions(message, trigger, found)
    fact = of_message(message, content=bot.intents.message_content)
    return [fact] if fact is not None and fact.on is trigger.on else []


async def _reactions(
    message: discord.Message, trigger: OnReactionReceived | OnReactionGiven, found: Read
) -> list[Fact]:
    facts: list[Fact] = []
    for reaction in message.reactions:
        if message.author.bot or (trigger.emoji and word_of(reaction.emoji) not in trigger.emoji):
            continue
        if found.reactions >= MAX_REACTIONS:
            found.complete = False
            break
        found.reactions += 1
        received = trigger.on is On.REACTION_RECEIVED
        async for person in reaction.users(limit=min(reaction.count, AT_ONCE)):
            fact = of_reaction(message, reaction.emoji, person, received=received)
            facts += [fact] if fact is not None else []
    return facts


def asks_for_people(definition: Definition) -> bool:
    """Return whether the rule asks for what Discord's history does not say of people: roles, since when here."""
    asked = any(isinstance(part, HasRole | MembershipAge) for part in parts(definition.when))
    return asked or any(each.role for each in definition.multipliers)


async def _look_up(guild: discord.Guild, found: Read) -> None:
    """Fill in who the people are, as they are today; who left has no roles."""
    ids = list(dict.fromkeys(int(fact.user_id) for fact in found.facts))
    if len(ids) > MAX_PEOPLE:
        found.complete = False
    known: dict[str, dict[str, Any]] = {}
    for begin in range(0, min(len(ids), MAX_PEOPLE), AT_ONCE):
        several = ids[begin : begin + AT_ONCE]
        members = await guild.query_members(user_ids=several, limit=AT_ONCE, cache=False)
        known |= {str(member.id): about(member) for member in members}
    found.facts = [replace(fact, **known.get(fact.user_id, {})) for fact in found.facts]
