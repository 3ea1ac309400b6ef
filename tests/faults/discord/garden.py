"""The server of the stories on a Discord of real sockets, and bots that run as they do in production.

`Garden` is simcord's Env without its simulation of the network and of time: its people act, and what they do
reaches the bots through a gateway and a REST API on this machine's loopback. Nothing of discord.py is replaced;
it is only told another address.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from typing import Any

import discord
import simcord
import yarl
from aiohttp import web
from discord.gateway import DiscordWebSocket
from discord.http import Route
from simcord.backend import Backend

from bot.client import PointsBot
from bot.run import stay_connected
from points_core.database import Points
from tests.faults.discord.gateway import Gateway
from tests.faults.discord.rest import Rest, Ticking, briefly

TOKEN = "MTQ1NjA3NDQ0Mzk4MDgwMDAwMA.loopback.secret"
PATIENCE_S = 30.0
WORKING = ("CommandTree-invoker", "discord-ui-", "discord.py: ", "courier")


class Pace:
    """How fast this loop's time passes: hurried, a wait of a minute takes a second, and so does its timeout."""

    def __init__(self) -> None:
        loop: Any = asyncio.get_running_loop()
        self._base = self._since = time.monotonic()
        self._speed = 1.0
        select = loop._selector.select
        loop.time = self._time
        loop._selector.select = lambda timeout=None: select(timeout and timeout / self._speed)

    def _time(self) -> float:
        return self._base + (time.monotonic() - self._since) * self._speed

    @contextmanager
    def hurried(self, speed: float = 20.0) -> Iterator[None]:
        """Let time pass `speed` times as fast in the block; Discord's deadlines do not follow."""
        self._set(speed)
        try:
            yield
        finally:
            self._set(1.0)

    def _set(self, speed: float) -> None:
        self._base, self._since, self._speed = self._time(), time.monotonic(), speed


class Garden(simcord.Env):
    """Discord, its people, and the bots that are connected to it; `bot` is the latest of them."""

    def __init__(self, points: Points, clock: Ticking) -> None:
        self._clock = clock
        super().__init__(self.new_bot(points), check_errors=False)
        self.backend = Backend(clock=clock)
        self.rest = Rest(self.backend)
        self.gateway = Gateway(self.backend)
        self.pace = Pace()
        self.bots: list[PointsBot] = []
        self.waits = True
        self.readies = 0
        self._running: dict[PointsBot, asyncio.Task[None]] = {}

    # ── the bots ──

    def new_bot(self, points: Points, *, ahead: float = 0.0) -> PointsBot:
        """Return a bot over these books, whose clock is `ahead` seconds ahead of Discord's."""
        return PointsBot(points, points.settings, clock=lambda: self._clock.now() + timedelta(seconds=ahead))

    async def start_bot(self, bot: PointsBot) -> None:
        """Run a bot as the process does, and wait until it is ready."""
        state: Any = bot._connection
        state.guild_ready_timeout = (
            0.05  # how long discord.py waits for another server; two seconds by default
        )
        self._message_states.add(state)
        bot.add_listener(self._ready, "on_ready")
        self.bots.append(bot)
        self.bot = bot
        self._running[bot] = asyncio.create_task(stay_connected(bot, TOKEN), name="bot")
        await self.until(bot.is_ready)
        await self.settled()

    async def _ready(self) -> None:
        self.readies += 1

    async def stop_bot(self, bot: PointsBot) -> None:
        """Stop a bot in order, as a signal does."""
        running = self._running.pop(bot)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await bot.close()
        self.bots.remove(bot)

    def alive(self, bot: PointsBot) -> bool:
        """Whether the bot is still being kept connected."""
        return not self._running[bot].done()

    # ── waiting ──

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something holds. Raises TimeoutError."""
        end = time.monotonic() + PATIENCE_S
        while not true():
            if time.monotonic() > end:
                raise TimeoutError(f"in vain: {true}; under way: {self._working()}")
            await briefly()

    async def settled(self) -> None:
        """Wait until every bot has heard everything and done what follows, retries included."""
        calm = 0

        def quiet() -> bool:
            nonlocal calm
            calm = calm + 1 if self._heard() and not self._working() and not self.rest.under_way else 0
            return calm >= 3

        await self.until(quiet)

    async def _settle_internal(self, **asked: Any) -> None:
        if self.waits:
            await self.settled()

    @contextmanager
    def not_waiting(self) -> Iterator[None]:
        """Let people act without waiting for what comes of it."""
        self.waits = False
        try:
            yield
        finally:
            self.waits = True

    def _heard(self) -> bool:
        sockets: dict[str | None, Any] = {bot.ws.session_id: bot.ws for bot in self.bots}
        return all(
            sockets[key].sequence == len(session.sent)
            for key, session in self.gateway.sessions.items()
            if key in sockets and session.socket is not None
        )

    def _working(self) -> list[str]:
        return [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith(WORKING)]

    def now(self) -> datetime:
        return self.backend.clock.now()

    async def pass_by(self, seconds: float) -> None:
        """Let time pass for Discord and for the bots, then let what is due by then be done."""
        self.backend.clock.advance(seconds)
        for bot in self.bots:
            await bot.ticker.tick(bot.now())
        await self.settled()


@asynccontextmanager
async def opened(points: Points) -> AsyncIterator[Garden]:
    """Serve Discord on loopback for the length of the block, and tell discord.py that it is there."""
    garden = Garden(points, Ticking())
    application = web.Application(client_max_size=64 << 20)
    application.router.add_get("/", garden.gateway.connect)
    application.router.add_route("*", "/api/v10/{path:.*}", garden.rest.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    garden.gateway.url = f"ws://127.0.0.1:{port}/"
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE = f"http://127.0.0.1:{port}/api/v10"
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(garden.gateway.url)
    try:
        yield garden
    finally:
        for running in list(garden.bots):
            with contextlib.suppress(discord.DiscordException):
                await garden.stop_bot(running)
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before
        await runner.cleanup()
