"""Who wished to be erased, and who left: done when it is due, a little at a time.

Without the privileged members intent Discord tells the bot of nobody's leaving, so members with points are
looked up one by one, where a server's policy wants something to become of who left; nowhere else.
"""

import logging
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import discord

from bot.origin import system_origin
from bot.replies import BROKEN
from points_core import privacy
from points_core.privacy import Leaver

if TYPE_CHECKING:
    from bot.client import PointsBot

AT_ONCE = 10  # members looked up in one tick: 40 a minute, a fiftieth of what Discord allows
A_DAY = 1_000  # of one server: a larger one is gone through in several days
REWRITE_EVERY = timedelta(hours=1)  # at most: writes wait for it, and several erasures can share one

UNKNOWN_MEMBER, UNKNOWN_USER = 10007, 10013  # Discord's codes: not in this server; deleted their account
GONE: Final = {UNKNOWN_MEMBER, UNKNOWN_USER}

log = logging.getLogger(__name__)


class Forgetting:
    """Carries out erasures, and looks who is still there; asked by the ticker."""

    def __init__(self, bot: "PointsBot", *, at_once: int = AT_ONCE, a_day: int = A_DAY) -> None:
        """Look up at most `at_once` members in one tick and `a_day` of one server in a day."""
        self._bot = bot
        self._at_once = at_once
        self._a_day = a_day
        self._rewrite_after: datetime | None = None
        self._day: date | None = None
        self._reached: dict[str, int] = {}  # by server: the last member looked up; goes on the next day
        self._looked_up: dict[str, int] = {}  # by server: how many today

    async def tick(self, now: datetime) -> None:
        """Do what is due at `now` (aware); what failed is due again at the next tick. Raises DatabaseUnavailable."""
        await self._erase(now)
        await self._look_around(now)

    async def _erase(self, now: datetime) -> None:
        for erased in await self._bot.points.write(privacy.erase_due, now):
            log.info("member %d of %s was erased", erased.member, erased.community)
        if self._rewrite_after is not None and now < self._rewrite_after <= now + REWRITE_EVERY:
            return
        if await self._bot.points.read(privacy.unscrubbed):
            await self._rewrite(now)

    async def _rewrite(self, now: datetime) -> None:
        before = max(now, self._bot.now())
        self._rewrite_after = now + REWRITE_EVERY
        if await self._bot.points.scrub():
            await self._bot.points.write(privacy.scrubbed, self._bot.now(), before)
        else:
            log.warning("the file holds traces of an erasure until a reader lets go; again in an hour")

    async def _look_around(self, now: datetime) -> None:
        watched = await self._bot.points.read(privacy.watched)
        guilds = {place: guild for place in watched if (guild := self._guild(place)) is not None}
        if not guilds:
            return
        if now.date() != self._day:
            self._day = now.date()
            self._looked_up = {}
        room = self._at_once
        for community, guild in guilds.items():
            room -= await self._look_up(community, guild, room)
        for leaver in await self._bot.points.read(privacy.overdue, now, list(guilds), limit=self._at_once):
            await self._part(guilds[leaver.community], leaver)

    def _guild(self, community: str) -> discord.Guild | None:
        guild = self._bot.get_guild(int(community)) if community.isdigit() else None
        return None if guild is None or guild.unavailable else guild

    async def _look_up(self, community: str, guild: discord.Guild, limit: int) -> int:
        """Look up the next members of a server, as many as today allows; return how many."""
        limit = min(limit, self._a_day - self._looked_up.get(community, 0))
        if limit <= 0:
            return 0
        after = self._reached.get(community, 0)
        members = await self._bot.points.read(privacy.to_look_up, community, after=after, limit=limit)
        for member in members:
            await self._note(guild, member)
            self._reached[community] = member.number
        if len(members) < limit:  # once through: enough for today
            self._reached[community] = 0
            self._looked_up[community] = self._a_day
        else:
            self._looked_up[community] = self._looked_up.get(community, 0) + len(members)
        return len(members)

    async def _note(self, guild: discord.Guild, member: Leaver) -> bool | None:
        """Note whether a member is there; return it, None if Discord did not say."""
        here = await _is_here(guild, member.user_id)
        if here is not None and here is (member.left_at is not None):
            origin = system_origin(self._bot, guild.id, f"seen:{member.number}:{self._bot.now().isoformat()}")
            operation = privacy.returned if here else privacy.left
            await self._bot.points.write(operation, origin, member.user_id)
        return here

    async def _part(self, guild: discord.Guild, leaver: Leaver) -> None:
        """Do what the server wants to become of who left, if they are still away at a second look."""
        if await self._note(guild, leaver) is False:
            origin = system_origin(self._bot, guild.id, f"left:{leaver.number}:{self._bot.now().isoformat()}")
            done = await self._bot.points.write(privacy.away, origin, leaver.user_id)
            log.info("member %d of %s left: %s", leaver.number, leaver.community, done)


async def _is_here(guild: discord.Guild, user_id: str) -> bool | None:
    """Return whether somebody is in a server, None if Discord does not say."""
    if not (user_id.isascii() and user_id.isdigit()):
        return None
    try:
        await guild.fetch_member(int(user_id))
    except discord.NotFound as error:
        return False if error.code in GONE else None
    except (discord.HTTPException, *BROKEN) as error:
        log.info("a member could not be looked up: %r", error)
        return None
    return True
