"""Linked Roles as a whole: made where the host set them up, nothing at all otherwise."""

import logging
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import discord

from bot.linked_roles import metadata
from bot.linked_roles.keys import Seal, Visits
from bot.linked_roles.oauth import DiscordOAuth
from bot.linked_roles.showing import PAUSE, Showing
from bot.replies import may_pass
from points_core import links
from points_core.database import Points
from points_core.settings import Settings

if TYPE_CHECKING:
    from fastapi import APIRouter

    from bot.client import PointsBot

MAX_PLATFORM: Final = 50  # Discord's limit for a platform's name
NAMELESS: Final = "Points"
HERE: Final = "/linked-roles"
CALLBACK: Final = f"{HERE}/callback"

log = logging.getLogger(__name__)


class LinkedRoles:
    """What members' accounts are asked to show, and the pages where they allow it.

    named: how a community is called, by its id, if that is known. api: where Discord is asked, if not where
    discord.py asks.
    """

    def __init__(
        self,
        points: Points,
        settings: Settings,
        now: Callable[[], datetime],
        named: Callable[[str], str | None],
        *,
        api: str | None = None,
        pause: timedelta = PAUSE,
    ) -> None:
        assert settings.public_url is not None
        assert settings.discord_client_id is not None
        assert settings.discord_client_secret is not None
        secret = settings.discord_client_secret.get_secret_value()
        self.points = points
        self.now = now
        self.address = settings.public_url
        self.client_id = settings.discord_client_id
        self.trouble: str | None = None
        """What stands in the way at Discord, for whoever looks; None as far as is known."""
        self.oauth = DiscordOAuth(self.client_id, secret, self.address + CALLBACK, api=api)
        self.seal = Seal(secret)
        self.visits = Visits(secret)
        self.showing = Showing(points, self.oauth, self.seal, now, self.platform, pause=pause)
        self._named = named
        self._registered = False

    @classmethod
    def of(cls, bot: "PointsBot") -> "LinkedRoles | None":
        """Return what `bot` has of it: nothing unless everything is set that belongs together."""
        if not links.wanted(bot.settings):
            return None
        if lacking := links.missing(bot.settings):
            log.warning("Linked Roles are off: %s not set", ", ".join(lacking))
            return None
        return cls(bot.points, bot.settings, bot.now, lambda community: _guild_name(bot, community))

    def platform(self, community: str) -> str:
        """Return how a community is called on accounts and pages."""
        return (self._named(community) or NAMELESS)[:MAX_PLATFORM]

    def new_key(self) -> str:
        """Return a key under which one link is made."""
        return secrets.token_hex(16)

    def router(self, ticks: Callable[[], float] = time.monotonic) -> "APIRouter":
        """Return the pages. ticks: seconds that never go back."""
        from bot.linked_roles.doors import router  # heavy: only where pages are served
        from points_core.http.limits import Limiter

        return router(self, Limiter(ticks))

    async def register(self, bot: "PointsBot") -> None:
        """Tell Discord once what there is to know of members; never raises. Of several processes one does it."""
        shards = bot.settings.shards
        if self._registered or (shards is not None and not shards.first):
            return
        if bot.application_id is not None and str(bot.application_id) != self.client_id:
            self._registered = True
            self.trouble = f"DISCORD_CLIENT_ID is not the bot's own application, {bot.application_id}"
            log.error("Linked Roles cannot work: %s", self.trouble)
            return
        try:
            await metadata.bring_up_to_date(bot.http, int(self.client_id))
            self._registered, self.trouble = True, None
        except Exception as error:
            self.trouble = "Discord could not be told yet what roles can ask for"
            if may_pass(error):
                log.warning("Discord could not be told what roles can ask for, soon again: %r", error)
            else:  # it would be refused again
                self._registered = True
                self.trouble = "Discord refused to be told what roles can ask for; the log says why"
                log.exception("Discord did not take what roles can ask for")

    async def stop(self) -> None:
        """Finish what is under way."""
        await self.showing.stop()
        await self.oauth.close()


def _guild_name(bot: "PointsBot", community: str) -> str | None:
    guild: discord.Guild | None = bot.get_guild(int(community)) if community.isdecimal() else None
    return guild.name if guild is not None else None
