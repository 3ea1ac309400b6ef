"""Who is in voice channels and at scheduled events, as rules count it. Off until a rule asks."""

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import discord
from discord.ext import commands, tasks

from bot.listeners.people import about, whereabouts
from bot.listeners.presence import Meter, Occupant, Presence, Reached, Rooms
from bot.replies import BROKEN
from points_core.errors import DatabaseUnavailable
from points_core.rules import Fact, OnEventAttended, OnVoice, Rule
from points_core.rules import On as Happening

if TYPE_CHECKING:
    from bot.client import PointsBot

log = logging.getLogger(__name__)

PERIOD_S: Final = 30  # between two looks where nothing happens: a minute of voice is told this late at most

ONLY: Final = 0  # the shard of a bot with one connection

Voice = discord.VoiceChannel | discord.StageChannel


class Attendance(commands.Cog):
    """Voice channels are looked at when somebody comes, goes or mutes, and every half minute."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot
        self._presences: dict[int, Presence] = {}
        self._seen: dict[int, dict[str, discord.Member]] = {}
        self._deaf: set[int] = set()

    async def cog_load(self) -> None:
        """Begin to look."""
        self.rounds.start()

    async def cog_unload(self) -> None:
        """Look no more."""
        self.rounds.cancel()

    @tasks.loop(seconds=PERIOD_S)
    async def rounds(self) -> None:
        """Look at every server in which somebody may be counted. What failed is looked at again at the next round."""
        for guild in self.bot.guilds:
            if guild.shard_id not in self._deaf and not guild.unavailable:
                await self._try_to_look(guild)

    @rounds.before_loop
    async def _until_ready(self) -> None:
        await self.bot.until_ready()

    @commands.Cog.listener()
    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        """Count what was until now, and remember how it is from now on."""
        await self._try_to_look(member.guild)

    @commands.Cog.listener()
    async def on_scheduled_event_update(
        self, before: discord.ScheduledEvent, after: discord.ScheduledEvent
    ) -> None:
        """Count up to the moment at which an event begins or is over."""
        if after.guild is None or before.status is after.status:
            return
        was_active = before.status is discord.EventStatus.active
        await self._try_to_look(after.guild, over=before if was_active else None)
        if after.status is not discord.EventStatus.active:
            self._forget(after)

    @commands.Cog.listener()
    async def on_scheduled_event_delete(self, event: discord.ScheduledEvent) -> None:
        """Count up to the moment at which an event is deleted."""
        if event.guild is not None:
            await self._try_to_look(
                event.guild, over=event if event.status is discord.EventStatus.active else None
            )
            self._forget(event)

    def _forget(self, event: discord.ScheduledEvent) -> None:
        if event.guild is not None and event.guild.id in self._presences:
            self._presences[event.guild.id].forget_event(str(event.id))

    @commands.Cog.listener()
    async def on_disconnect(self) -> None:
        """Know that nobody tells any more who comes and goes."""
        if not isinstance(self.bot, discord.AutoShardedClient):  # told shard by shard
            self._deaf.add(ONLY)

    @commands.Cog.listener()
    async def on_shard_disconnect(self, shard: int) -> None:
        """Know that nobody tells any more who comes and goes in this shard's servers."""
        self._deaf.add(shard)

    @commands.Cog.listener("on_ready")
    @commands.Cog.listener("on_resumed")
    async def _hear_again(self) -> None:
        if not isinstance(self.bot, discord.AutoShardedClient):
            self._deaf.discard(ONLY)

    @commands.Cog.listener("on_shard_ready")
    @commands.Cog.listener("on_shard_resumed")
    async def _hear_shard_again(self, shard: int) -> None:
        self._deaf.discard(shard)

    async def _try_to_look(self, guild: discord.Guild, *, over: discord.ScheduledEvent | None = None) -> None:
        try:
            await self.look(guild, over=over)
        except DatabaseUnavailable as fault:
            log.warning("the books could not be asked what counts in %d: %s", guild.id, fault.why)
        except Exception:  # a loop that raises is not begun again
            log.exception("who is in the voice channels of %d could not be counted", guild.id)

    async def look(self, guild: discord.Guild, *, over: discord.ScheduledEvent | None = None) -> None:
        """Count who was in the server's voice channels since the last look; `over` is an event that just ended."""
        community = str(guild.id)
        voice = await self.bot.rulebook.listening(community, Happening.VOICE)
        events = await self.bot.rulebook.listening(community, Happening.EVENT_ATTENDED)
        if not (voice or events):
            self._presences.pop(guild.id, None)
            self._seen.pop(guild.id, None)
            return
        meters = [*_voice_meters(voice), *_event_meters(events, guild, over)]
        presence = self._presences.setdefault(guild.id, Presence())
        rooms, before = _rooms(guild), self._seen.get(guild.id, {})
        self._seen[guild.id] = _known(guild, rooms)
        for reached in presence.look(self.bot.now(), rooms, meters):
            who = await self._who(guild, reached.occupant.user_id, before)
            await self.bot.rulebook.hear(community, _fact(guild, reached, who))

    async def _who(
        self, guild: discord.Guild, user_id: str, before: Mapping[str, discord.Member]
    ) -> discord.Member | None:
        """Return the member; as they came to voice if they cannot be looked up."""
        try:
            return await self.bot.people.member(guild, int(user_id))
        except (discord.HTTPException, *BROKEN) as error:
            log.warning("member %s could not be looked up: %r", user_id, error)
            return guild.get_member(int(user_id)) or before.get(user_id)


def _voice_meters(listening: tuple[Rule, ...]) -> list[Meter]:
    return [
        Meter(
            rule=rule.number,
            minutes=trigger.minutes,
            grace=timedelta(seconds=trigger.grace_seconds),
            people=trigger.people,
            most=timedelta(minutes=trigger.most_minutes),
        )
        for rule in listening
        if isinstance(trigger := rule.definition.trigger, OnVoice)
    ]


def _event_meters(
    listening: tuple[Rule, ...], guild: discord.Guild, over: discord.ScheduledEvent | None
) -> list[Meter]:
    """Return how attendance of the events under way is counted; those elsewhere have no channel to look at."""
    under_way = [e for e in guild.scheduled_events if e.status is discord.EventStatus.active]
    if over is not None and over.id not in {event.id for event in under_way}:
        under_way.append(over)
    return [
        Meter(rule=rule.number, minutes=trigger.minutes, channel=str(event.channel_id), event=str(event.id))
        for rule in listening
        if isinstance(trigger := rule.definition.trigger, OnEventAttended)
        for event in under_way
        if event.channel_id is not None
    ]


def _rooms(guild: discord.Guild) -> Rooms:
    """Return who is where, without bots and without the channel for the absent."""
    channels: list[Voice] = [*guild.voice_channels, *guild.stage_channels]
    return {
        str(channel.id): tuple(
            Occupant(str(user_id), state.session_id or "", heard=_heard(state))
            for user_id, state in channel.voice_states.items()
            if not _is_bot(guild, user_id)
        )
        for channel in channels
        if channel != guild.afk_channel
    }


def _heard(state: discord.VoiceState) -> bool:
    return not (state.mute or state.self_mute or state.deaf or state.self_deaf or state.suppress)


def _is_bot(guild: discord.Guild, user_id: int) -> bool:
    member = guild.get_member(user_id)
    return member is not None and member.bot


def _known(guild: discord.Guild, rooms: Rooms) -> dict[str, discord.Member]:
    """Return the people in voice as discord.py knows them; it forgets them when they leave."""
    ids = (occupant.user_id for occupants in rooms.values() for occupant in occupants)
    return {user_id: member for user_id in ids if (member := guild.get_member(int(user_id))) is not None}


def _fact(guild: discord.Guild, reached: Reached, member: discord.Member | None) -> Fact:
    meter, who = reached.meter, reached.occupant
    channel = guild.get_channel(int(reached.channel))
    more: dict[str, Any] = {
        "at": reached.at,
        "user_id": who.user_id,
        "minutes": reached.minutes,
        "people": reached.people,
        "rule": meter.rule,
        "link": f"https://discord.com/channels/{guild.id}/{reached.channel}",
        **whereabouts(channel),
        **about(member),
    }
    if meter.event is not None:
        more["link"] = f"https://discord.com/events/{guild.id}/{meter.event}"
        key = f"event:{meter.event}:{meter.rule}:{who.user_id}"
        return Fact(on=Happening.EVENT_ATTENDED, key=key, **more)
    # Another process, or this one after a restart, counts the same stretch: at most one of each length pays.
    # One's own are never closer to each other than that.
    stretch = int(reached.at.timestamp()) // (meter.minutes * 60)
    return Fact(on=Happening.VOICE, key=f"voice:{meter.rule}:{who.session}:{stretch}", **more)


async def setup(bot: "PointsBot") -> None:
    """Add the cog; discord.py calls this."""
    await bot.add_cog(Attendance(bot))
