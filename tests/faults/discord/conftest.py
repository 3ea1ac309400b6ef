"""The real bot with the real discord.py, and a Discord on loopback in which everything can go wrong."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest

from points_core import verification
from points_core.database import Points
from points_core.settings import Settings
from tests.bot.discord_api import violations
from tests.conftest import Databases
from tests.faults.discord.garden import Garden, opened
from tests.stories.world import World, founded


@pytest.fixture
def settings(databases: Databases) -> Iterator[Settings]:
    """A fresh database, and otherwise what a new host has."""
    url = databases.new("sqlite")
    yield Settings(_env_file=None, POINTS_DATABASE_URL=url)
    databases.drop(url)


@pytest.fixture
async def points(settings: Settings) -> AsyncIterator[Points]:
    async with Points.opened(settings) as opened_points:
        yield opened_points


@pytest.fixture
async def garden(points: Points) -> AsyncIterator[Garden]:
    """Discord, before any bot is connected to it."""
    async with opened(points) as served:
        yield served


@pytest.fixture
async def world(garden: Garden, points: Points, caplog: pytest.LogCaptureFixture) -> AsyncIterator[World]:
    """Open Garden with its bot connected.

    After the test nothing went wrong unheard: no unexpected error line, the books are clean, every effect is
    over or waits for a time that is set, and Discord would have taken what was sent.
    """
    with garden.not_waiting():
        world = founded(garden, points)
    await garden.start_bot(world.bot)
    yield world
    await garden.settled()
    assert garden.rest.unknown == []
    assert await points.read(verification.verify) == []
    assert violations(garden.http_requests) == []
    errors = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.levelno >= logging.ERROR
        and record.name != "aiohttp.server"  # a connection broken on purpose
    ]
    assert [error for error in errors if not any(part in error for part in world.expected)] == []
