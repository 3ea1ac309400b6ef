"""One bot as several connections to Discord, in one process or in several: each has a range of its shards."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime

import discord
from discord.ext import commands

from bot.client import PointsBot
from points_core.database import Points
from points_core.settings import Settings

log = logging.getLogger(__name__)


def bot_for(
    points: Points, settings: Settings, *, clock: Callable[[], datetime] = discord.utils.utcnow
) -> PointsBot:
    """Return the bot that the settings ask for: with one connection, or sharded."""
    return (PointsBot if settings.shards is None else ShardedPointsBot)(points, settings, clock=clock)


class ShardedPointsBot(PointsBot, commands.AutoShardedBot):
    """The bot on the shards that its settings name; `auto`: on as many as Discord wants."""

    def __init__(
        self, points: Points, settings: Settings, *, clock: Callable[[], datetime] = discord.utils.utcnow
    ) -> None:
        super().__init__(points, settings, clock=clock)
        if settings.shards is not None and settings.shards.of is not None:
            self.shard_count = settings.shards.of
            self.shard_ids = list(settings.shards.ours)
        self._connecting: asyncio.Task[object] | None = None

    async def connect(self, *, reconnect: bool = True) -> None:
        """Connect every shard and stay connected; raises what breaks one beyond repair."""
        self._connecting = asyncio.current_task()
        try:
            await super().connect(reconnect=reconnect)
        finally:
            self._connecting = None

    async def close(self) -> None:
        """Stop in order. When one shard broke, only hang up: whoever called `connect` calls it again."""
        if self._connecting is None or asyncio.current_task() is not self._connecting:
            await super().close()
            return
        log.warning("a shard broke, all are connected anew")
        for shard in self.shards.values():
            with contextlib.suppress(Exception):  # it is broken already
                await shard.disconnect()
