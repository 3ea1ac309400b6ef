"""People in a simulated Discord, the real bot, the row in the database."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import simcord

import bot.demo.member_counts  # noqa: F401 - the simulation answers that question too
from bot.client import PointsBot
from points_core.database import Points
from points_core.settings import Settings
from tests.bot.discord_api import discord_watch, pytest_runtest_call  # noqa: F401
from tests.conftest import Databases
from tests.stories.world import Wire, World, founded


@pytest.fixture
def settings(databases: Databases) -> Iterator[Settings]:
    """A fresh database, and otherwise what a new host has."""
    url = databases.new("sqlite")
    yield Settings(_env_file=None, POINTS_DATABASE_URL=url)
    databases.drop(url)


@pytest.fixture
async def points(settings: Settings) -> AsyncIterator[Points]:
    """The books, open before the simulation: their writer belongs to no bot."""
    async with Points.opened(settings) as opened:
        yield opened


@pytest.fixture
async def env(points: Points) -> AsyncIterator[simcord.Env]:
    """The simulated Discord, with the bot in it."""
    env = simcord.Env(PointsBot(points, points.settings), check_errors=False)
    await env.start()
    yield env
    if not env.bot.is_closed():
        await env.bot.close()
    await env.shutdown()


@pytest.fixture
async def world(env: simcord.Env, points: Points, caplog: pytest.LogCaptureFixture) -> AsyncIterator[World]:
    """The server Open Garden. The story fails if the bot raises or logs an error that it did not provoke."""
    world = founded(env, points)
    await env.settle()
    yield world
    await world.bot.courier.idle()
    errors = [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert [error for error in errors if not any(part in error for part in world.expected)] == []
    assert world.unexpected() == []


@pytest.fixture
def wire(world: World) -> Wire:
    """The bot's connection, which can break."""
    return Wire(world.env)
