"""The server in which the stories happen, and how its connection to Discord is broken on purpose."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

import aiohttp
import discord
import simcord

from bot.client import PointsBot
from points_core import policy
from points_core.database import Points
from points_core.errors import PointsError
from points_core.policy import Policy
from points_core.values import Actor, ActorKind, Origin

GUILD_ID = 77 << 22  # pinned: two simulations can speak of one server


@dataclass
class World:
    """Open Garden: an admin, three moderators, three members, four channels; the books are a real SQLite file.

    The policy is the default one, without any channel, unless a story changes it with `configure`.
    """

    env: simcord.Env
    points: Points
    guild: simcord.GuildHandle
    general: simcord.ChannelHandle
    approvals: simcord.ChannelHandle
    log: simcord.ChannelHandle
    leaderboard: simcord.ChannelHandle
    moderator: simcord.RoleHandle
    olivia: simcord.MemberActor  # the admin: Manage Server and Moderate Members
    ada: simcord.MemberActor  # moderators
    grace: simcord.MemberActor
    linus: simcord.MemberActor
    mia: simcord.MemberActor  # members
    noah: simcord.MemberActor
    zoe: simcord.MemberActor
    expected: list[str] = field(default_factory=list)
    """Parts of the error lines that the story provokes; any other error line fails it."""
    _changes: int = 0

    @property
    def bot(self) -> PointsBot:
        """The bot that runs now; another one after a restart."""
        bot = self.env.bot
        assert isinstance(bot, PointsBot)
        return bot

    @property
    def community(self) -> str:
        """The server's id, as the core knows it."""
        return str(self.guild.id)

    async def configure(self, **changes: Any) -> Policy:
        """Change the policy of the server behind the bot's back; channels as handles or ids."""
        self._changes += 1
        origin = Origin(self.community, Actor(ActorKind.OPERATOR), self.env.now(), f"story:{self._changes}")
        ids = {name: str(value.id) if hasattr(value, "id") else value for name, value in changes.items()}
        changed = await self.points.write(policy.change, origin, **ids)
        self.bot.courier.wake()
        await self.bot.courier.idle()
        return changed

    async def restart(
        self, *, away: float = 0, meanwhile: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Stop the bot in order, let `away` seconds and `meanwhile` pass without it, start a new one."""
        await self.bot.ws.close()  # it hears nothing from here on
        await self.bot.close()
        if meanwhile is not None:
            await meanwhile()
        self.env.backend.clock.advance(away)
        await self.env.restart_bot(PointsBot(self.points, self.points.settings))

    def sent(self, path: str, method: str = "POST") -> list[Any]:
        """Return the JSON bodies of the requests to paths like `path` (fnmatch), in order."""
        return [
            request.json
            for request in self.env.http_requests
            if request.method == method and fnmatch(request.path, path)
        ]

    def unexpected(self) -> list[BaseException]:
        """Return what the bot raised and was neither a refusal nor provoked."""
        raised = (getattr(error, "original", error) for error in self.env.errors)
        return [
            error
            for error in raised
            if not isinstance(error, PointsError) and not any(part in repr(error) for part in self.expected)
        ]


def founded(env: simcord.Env, points: Points) -> World:
    """Return the server, just made; `await env.settle()` lets the bot see it."""
    guild = env.create_guild("Open Garden", id=GUILD_ID)
    admin = guild.create_role(
        "Admin", permissions=discord.Permissions(manage_guild=True, moderate_members=True)
    )
    moderator = guild.create_role("Moderator", permissions=discord.Permissions(moderate_members=True))

    def person(name: str, *roles: simcord.RoleHandle) -> simcord.MemberActor:
        return guild.add_member(env.create_user(name.lower(), global_name=name), roles=list(roles))

    return World(
        env,
        points,
        guild,
        general=guild.create_text_channel("general"),
        approvals=guild.create_text_channel("approvals"),
        log=guild.create_text_channel("log"),
        leaderboard=guild.create_text_channel("leaderboard"),
        moderator=moderator,
        olivia=person("Olivia", admin),
        ada=person("Ada", moderator),
        grace=person("Grace", moderator),
        linus=person("Linus", moderator),
        mia=person("Mia"),
        noah=person("Noah"),
        zoe=person("Zoë"),
    )


class Wire:
    """The bot's connection to Discord, which can break: before Discord acts, or before its answer arrives.

    It stands where simcord takes the place of the network; install a new one after a restart.
    """

    def __init__(self, env: simcord.Env) -> None:
        self._cuts: list[tuple[str, str, bool]] = []
        parts: tuple[Any, ...] = (env._webhook_adapter, env.bot.http)
        for part in parts:
            part.request = self._cut_off(part.request)

    def cut(self, method: str, path: str, *, answer_only: bool) -> None:
        """Break the next request of `method` to a path like `path`; with `answer_only` Discord has acted."""
        self._cuts.append((method, path, answer_only))

    def _cut_off(self, original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def request(route: Any, *args: Any, **kwargs: Any) -> Any:
            path = route.url.split("?")[0].split("/api/v10")[-1]
            for cut in self._cuts:
                if cut[0] == route.method and fnmatch(path, cut[1]):
                    self._cuts.remove(cut)
                    if cut[2]:
                        await original(route, *args, **kwargs)
                    raise aiohttp.ClientOSError(104, "Connection reset by peer")
            return await original(route, *args, **kwargs)

        return request
