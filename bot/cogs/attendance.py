"""Who is in voice channels and at scheduled events, as rules count it. Off until a rule asks."""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import discord
from discord.ext import commands, tasks

from bot.listeners.people import about, whereabouts
from bot.listeners.presence import Meter, Occupant, Presence, Reached, Rooms
from points_core.errors import DatabaseUnavailable
from points_core.rules import Fact, OnEventAttended, OnVoice, Rule
from points_core.rules import On as Happening

if TYPE_CHECKING:
    from bot.client import PointsBot

log = logging.getLogger(__name__)

PERIOD_S: Final = 30  # between two looks where nothing happens: a minute of voice is told this late at most

Voice = discord.VoiceChannel | discord.StageChannel


class Attendance(commands.Cog):
    """Voice channels are looked at when somebody comes, goes or mutes, and every half minute."""

    def __init__(self, bot: "PointsBot") -> None:
        self.bot = bot
        self._presences: dict[int, Presence] = {}

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
            try:
                await self.look(guild)
            except DatabaseUnavailable as fault:
                log.warning("the books could not be asked what counts in %d: %s", guild.id, fault.why)
            except Exception:  # a loop that raises is not begun again
                log.exception("who is in the voice channels of %d could not be counted", guild.id)

    @rounds.before_loop
    async def _until_ready(self) -> None:
        await self.bot.until_ready()

    @commands.Cog.listener()
    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        """Count what was until now, and remember how it is from now on."""
        await self.look(member.guild)

    @commands.Cog.listener()
    async def on_scheduled_event_update(
        self, before: discord.ScheduledEvent, after: discord.ScheduledEvent
    ) -> None:
        """Count up to the moment at which an event begins or is over."""
        if after.guild is None or before.status is after.status:
            return
        await self.look(after.guild, over=before if before.status is discord.EventStatus.active else None)
        if after.status is not discord.EventStatus.active and after.guild.id in self._presences:
            self._presences[after.guild.id].forget_event(str(after.id))

    async def look(self, guild: discord.Guild, *, over: discord.ScheduledEvent | None = None) -> None:
        """Count who was in the server's voice channels since the last look; `over` is an event that just ended."""
        community = str(guild.id)
        voice = await self.bot.rulebook.listening(community, Happening.VOICE)
        events = await self.bot.rulebook.listening(community, Happening.EVENT_ATTENDED)
        if not (voice or events):
            self._presences.pop(guild.id, None)
            return
        meters = [*_voice_meters(voice), *_event_meters(events, guild, over)]
        presence = self._presences.setdefault(guild.id, Presence())
        for reached in presence.look(self.bot.now(), _rooms(guild), meters):
            await self.bot.rulebook.hear(community, _fact(guild, reached))


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


def _fact(guild: discord.Guild, reached: Reached) -> Fact:
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
        **about(guild.get_member(int(who.user_id))),
    }
    if meter.event is not None:
        more["link"] = f"https://discord.com/events/{guild.id}/{meter.event}"
        key = f"event:{meter.event}:{meter.rule}:{who.user_id}"
        return Fact(on=Happening.EVENT_ATTENDED, key=key, **more)
    # Another process, or this one after a restart, counts the same stretch: at most one of each length pays
    stretch = int(reached.at.timestamp()) // (meter.minutes * 60)
    return Fact(on=Happening.VOICE, key=f"voice:{meter.rule}:{who.session}:{stretch}", **more)


async def setup(bot: "PointsBot") -> None:
    """Add the cog; discord.py calls this."""
    await bot.add_cog(Attendance(bot))
