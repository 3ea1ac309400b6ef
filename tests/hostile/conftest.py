"""A server that has one of everything, and the way to say to the bot what no honest client would."""

from collections.abc import AsyncIterator

import pytest

import bot.demo.member_counts  # noqa: F401 - the simulation answers that question too
from points_core.settings import Settings
from tests.bot.discord_api import discord_watch, pytest_runtest_call  # noqa: F401
from tests.hostile.simulated import Raw, furnished
from tests.stories.conftest import env, points, settings, world  # noqa: F401
from tests.stories.world import World


@pytest.fixture
async def raw(world: World, settings: Settings) -> AsyncIterator[Raw]:  # noqa: F811 - pytest's own idiom
    """The furnished server, without Discord's checks between people and the bot."""
    await furnished(world)
    sender = Raw(world, settings.database_url.removeprefix("sqlite:///"))
    sender.changes()
    yield sender
    sender.close()
