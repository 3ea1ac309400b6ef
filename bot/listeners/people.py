"""Who somebody is when Discord's event does not say it: looked up once, remembered for a while."""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import discord

if TYPE_CHECKING:
    from bot.client import PointsBot

FRESH: Final = timedelta(minutes=10)  # roles may change meanwhile without the bot hearing of it
REMEMBERED: Final = 2_000


class People:
    """Members looked up without the privileged intent that would list them all."""

    def __init__(self, bot: "PointsBot") -> None:
        self._bot = bot
        self._known: OrderedDict[tuple[int, int], tuple[datetime, discord.Member | None]] = OrderedDict()

    async def member(self, guild: discord.Guild, user_id: int) -> discord.Member | None:
        """Return the member, None for who is not (or no longer) in the server, a webhook included.

        Raises HTTPException, and one of BROKEN.
        """
        # Without the intent discord.py knows who is in voice, with the roles they came with
        if self._bot.intents.members and (cached := guild.get_member(user_id)) is not None:
            return cached
        now = self._bot.now()
        at, known = self._known.get((guild.id, user_id), (None, None))
        if at is not None and abs(now - at) < FRESH:
            return known
        try:
            known = await guild.fetch_member(user_id)
        except discord.NotFound:
            known = None
        self._known[guild.id, user_id] = (now, known)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return known


def about(member: discord.Member | discord.User | None) -> dict[str, Any]:
    """Return what a fact says of its person: roles, how old the account is, since when they are here."""
    if member is None:
        return {}
    of_user = {"name": member.display_name, "account_created_at": member.created_at}
    if not isinstance(member, discord.Member):
        return of_user
    roles = frozenset(str(role.id) for role in member.roles if not role.is_default())
    return {**of_user, "roles": roles, "joined_at": member.joined_at}


def whereabouts(channel: Any) -> dict[str, Any]:  # noqa: ANN401 - any kind of channel, also a partial one
    """Return what a fact says of its place: the channel, a thread's channel, the channel's group."""
    if channel is None:
        return {}
    thread = channel if isinstance(channel, discord.Thread) else None
    home = thread.parent if thread is not None else channel
    group = getattr(home, "category_id", None)
    return {
        "channel": str(channel.id),
        "parent": str(thread.parent_id) if thread is not None else None,
        "group": str(group) if group else None,
    }
