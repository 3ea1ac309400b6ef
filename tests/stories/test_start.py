"""The bot starts quickly, tells Discord about its commands only when they changed, and stops in order."""

import gc
import time
import weakref

import discord
import simcord
from discord import app_commands

from bot.client import PointsBot
from points_core.database import Points
from points_core.settings import Settings
from tests.bot.discord_api import Watch
from tests.stories.world import World


async def test_the_bot_is_ready_within_three_seconds(settings: Settings) -> None:
    began = time.perf_counter()
    async with Points.opened(settings) as points:
        env = simcord.Env(PointsBot(points, settings), check_errors=False)
        await env.start()
        ready = time.perf_counter() - began
        assert env.bot.is_ready()
        await env.bot.close()
        await env.shutdown()

    assert ready < 3


async def test_the_bot_asks_for_no_privileged_intent_and_pings_nobody(world: World) -> None:
    asked = world.bot.intents
    assert (asked.members, asked.message_content, asked.presences) == (False, False, False)
    assert {name for name, on in asked if on} == {
        "guilds",
        "guild_messages",
        "guild_reactions",
        "guild_scheduled_events",
        "voice_states",
    }
    mentions = world.bot.allowed_mentions
    assert mentions is not None
    assert (mentions.everyone, mentions.users, mentions.roles) == (False, False, False)


async def test_commands_are_sent_at_the_first_start_and_not_at_the_second(world: World) -> None:
    assert len(world.sent("/applications/*/commands", "PUT")) == 1

    await world.restart()

    assert len(world.sent("/applications/*/commands", "GET")) == 2
    assert len(world.sent("/applications/*/commands", "PUT")) == 1


async def test_commands_are_sent_again_when_one_of_them_changed(world: World) -> None:
    @app_commands.command(name="award", description="Another form")
    async def other(interaction: discord.Interaction) -> None: ...

    await world.bot.http.bulk_upsert_global_commands(
        world.bot.application_id or 0, [other.to_dict(world.bot.tree)]
    )

    await world.restart()

    assert len(world.sent("/applications/*/commands", "PUT")) == 3
    kept = {command.name for command in await world.bot.tree.fetch_commands()}
    assert kept == {command.name for command in world.bot.tree.get_commands()}


async def test_a_broken_connection_at_the_start_delays_the_commands_and_not_the_bot(
    env: simcord.Env, world: World
) -> None:
    env.inject_error("GET", "/applications/*/commands", status=503, code=0, times=1)

    await world.restart()
    await env.settle()

    assert world.bot.is_ready()
    assert len(world.sent("/applications/*/commands", "GET")) == 3  # the first tick asked again


async def test_a_bot_that_was_stopped_is_let_go_of(settings: Settings, discord_watch: Watch) -> None:
    async with Points.opened(settings) as points:
        env = simcord.Env(PointsBot(points, settings), check_errors=False)
        await env.start()
        await env.bot.close()
        await env.shutdown()
    stopped = weakref.ref(env.bot)
    discord_watch.seen.clear()

    del env
    gc.collect()

    assert stopped() is None
