"""Who is here again: somebody who joined after their roles were given has lost them, and gets them again.

Discord tells of people who join only with the privileged members intent. Without it they are noticed at the first
thing that carries since when they are here: what they ask for, what is asked for them, what a rule hears of them.
"""

import logging
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import discord

from points_core.achievements import roles
from points_core.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from bot.client import PointsBot

REMEMBERED: Final = 10_000  # people whose joining was looked at: of the others one small read

log = logging.getLogger(__name__)


class Returning:
    """Notices who joined since their roles were given; who was looked at once is known without the books."""

    def __init__(self, bot: "PointsBot") -> None:
        self._bot = bot
        self._seen: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    async def see(self, community: str, user_id: str, joined_at: datetime | None) -> None:
        """Have somebody who joined at `joined_at` (aware) get again what they had before; never raises."""
        if joined_at is None or self._seen.get((community, user_id)) == joined_at:
            return
        try:
            if await self._bot.points.read(roles.given_before, community, user_id, joined_at):
                await self._bot.points.write(roles.rejoined, community, user_id, self._bot.now())
                self._bot.courier.wake()
        except DatabaseUnavailable as fault:
            log.warning("whether %s is back could not be looked up: %s", user_id, fault.why)
            return
        self._seen[community, user_id] = joined_at
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    async def see_all(self, interaction: discord.Interaction[Any]) -> None:
        """Look at who asks, and at the people whom they chose."""
        if interaction.guild_id is None:
            return
        if isinstance(interaction.user, discord.Member):
            await self.see(str(interaction.guild_id), str(interaction.user.id), interaction.user.joined_at)
        for user_id, joined_at in _chosen(interaction):
            await self.see(str(interaction.guild_id), user_id, joined_at)


def _chosen(interaction: discord.Interaction[Any]) -> Iterator[tuple[str, datetime | None]]:
    """Yield the ids of the members that an option, a menu or a form named, each with when they joined."""
    given: dict[str, Any] = {**(interaction.data or {})}
    named: dict[str, Any] = given.get("resolved") or {}
    for user_id, member in named.get("members", {}).items():
        yield str(user_id), discord.utils.parse_time(member.get("joined_at"))
