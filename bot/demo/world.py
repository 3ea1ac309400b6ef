"""The server Open Garden: its people, roles and channels, in simcord's in-memory Discord.

Everybody keeps their Discord id from one start of the demo to the next, so that a database file which is
used again finds the same people. simcord numbers things by its clock and in the order in which they are
made; therefore people come first, and everything is made while that clock still stands at its beginning.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import discord

from bot.demo.faces import flower
from bot.demo.refused import keep_apart

if TYPE_CHECKING:
    from simcord import ChannelHandle, Env, GuildHandle, MemberActor

BOT_NAME = "Points"
BOT_FACE = ("#5865f2", "#ffffff", 5)  # as for a Person


@dataclass(frozen=True)
class Person:
    """Somebody of the server: a Discord username, the name shown, the role, and the flower (see faces.py)."""

    username: str
    name: str
    role: str
    face: tuple[str, str, int]


PEOPLE = (
    Person("ada", "Ada", "Moderator", ("#1f6f50", "#f7f4ea", 6)),
    Person("grace", "Grace", "Moderator", ("#2b4a7f", "#f4a7b9", 5)),
    Person("zoe", "Zoë", "Member", ("#7a3b69", "#f6c945", 8)),
    Person("liming", "李明", "Member", ("#8a2f2f", "#ffdede", 7)),
    Person("yusuf", "يوسف", "Member", ("#356859", "#fd5523", 5)),
    Person("mateo", "Mateo", "Member", ("#b5651d", "#fff3c4", 6)),
    Person("amara", "Amara", "Member", ("#3b3561", "#b7e4c7", 7)),
    Person("olivia", "Olivia", "Admin", ("#444b54", "#e4b1f0", 8)),
)

ROLES = {
    "Admin": (discord.Permissions(manage_guild=True, moderate_members=True), 0xE67E22),
    "Moderator": (discord.Permissions(moderate_members=True, manage_messages=True), 0x2ECC71),
    "Member": (discord.Permissions(), 0x9BA9F5),
}

CHANNELS = {
    "general": "Hello and good morning",
    "points": "Who did what for the garden",
    "mod-log": "What changed, and who changed it",
}


@dataclass(frozen=True)
class World:
    """The running simulation: `env` is simcord's, `people` are by username, `channels` by name.

    `refused` is what the bot said no to, which is none of the failures in `env.errors`.
    """

    env: "Env"
    guild: "GuildHandle"
    people: "dict[str, MemberActor]"
    channels: "dict[str, ChannelHandle]"
    make_bot: Callable[[], discord.Client]
    refused: list[BaseException]

    async def wait(self, time: timedelta) -> None:
        """Let `time` pass with the bot running."""
        await self.env.advance_time(time.total_seconds())

    async def skip_to(self, moment: datetime) -> None:
        """Go on at `moment`; the bot is away meanwhile, or its timers would ring for every second between."""
        await self.env.bot.close()
        _set_clock(self.env, moment)
        await self.env.restart_bot(self.make_bot())

    def pictures(self) -> dict[str, tuple[str, bytes]]:
        """Return everybody's picture by its address at Discord, as a preview wants them."""
        from simcord.backend.cdn import CDN_BASE

        faces = {self.people[person.username].id: person.face for person in PEOPLE}
        faces[self.env.backend.bot_user.id] = BOT_FACE
        return {
            f"{CDN_BASE}/avatars/{number}/flower.png": ("flower.png", flower(*face))
            for number, face in faces.items()
        }


@asynccontextmanager
async def running(make_bot: Callable[[], discord.Client], at: datetime) -> AsyncIterator[World]:
    """Run a bot in the server Open Garden, where it is now `at`. Raises ImportError without simcord."""
    from simcord import Env

    from bot.demo import member_counts  # noqa: F401 - the simulation learns to count a role's members

    env = Env(make_bot(), check_errors=False)
    world = _built(env, make_bot)
    _set_clock(env, at)
    await env.start()
    try:
        with env.time_context():
            yield world
    finally:
        await env.bot.close()
        await env.shutdown()


def _built(env: "Env", make_bot: Callable[[], discord.Client]) -> World:
    env.backend.edit_bot_profile(BOT_NAME).avatar = "flower"
    users = {
        person.username: env.create_user(person.username, global_name=person.name, avatar="flower")
        for person in PEOPLE
    }
    guild = env.create_guild("Open Garden", owner=users["olivia"])
    roles = {
        name: guild.create_role(name, permissions=permissions, color=colour, hoist=True)
        for name, (permissions, colour) in reversed(ROLES.items())
    }
    people = {
        person.username: guild.add_member(users[person.username], roles=[roles[person.role]])
        for person in PEOPLE
    }
    channels = {name: guild.create_text_channel(name, topic=topic) for name, topic in CHANNELS.items()}
    return World(env, guild, people, channels, make_bot, keep_apart(env))


def _set_clock(env: "Env", moment: datetime) -> None:
    env.backend.clock.advance(max(0.0, (moment - env.now()).total_seconds()))
