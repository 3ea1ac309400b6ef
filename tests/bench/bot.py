"""The bot: the core's share of an award in a simulated Discord, and the process over loopback while nothing happens.

`python -m tests.bench.bot PORT` is the least bot there is, for comparison: discord.py that connects, and nothing else.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import simcord

from bot.client import PointsBot
from points_core.database import Points
from points_core.settings import Settings
from tests.bench.suite import Bench, Figure, Times, milliseconds, part
from tests.stories.loopback import ROOT, TOKEN, bot_process, discord_on_loopback
from tests.stories.world import founded

AWARDS = 20  # in one round
MEMORY_MB, START_MS = 150, 2_000
READY_S = 60
IDLE_S = 2.0  # after it is ready, until its memory is read


class TimedPoints(Points):
    """The books, and how long who answers an interaction waited for them, in milliseconds.

    What is asked once the answer is on its way keeps nobody waiting.
    """

    spent = 0.0
    answered = True

    async def write(self, *args: Any, **kwargs: Any) -> Any:
        """Write, and count the time."""
        began, counts = time.perf_counter(), not self.answered
        try:
            return await super().write(*args, **kwargs)
        finally:
            self.spent += counts * (time.perf_counter() - began) * 1_000

    async def read(self, *args: Any, **kwargs: Any) -> Any:
        """Read, and count the time."""
        began, counts = time.perf_counter(), not self.answered
        try:
            return await super().read(*args, **kwargs)
        finally:
            self.spent += counts * (time.perf_counter() - began) * 1_000


def listen(env: simcord.Env, points: TimedPoints) -> None:
    """Tell the books when the answer to an interaction is on its way."""
    adapter: Any = env._webhook_adapter
    request = adapter.request

    async def heard(*args: Any, **kwargs: Any) -> Any:
        points.answered = True
        return await request(*args, **kwargs)

    adapter.request = heard


async def call(session: aiohttp.ClientSession, port: int) -> None:
    """Answer an interaction over loopback, where nothing is done with it."""
    url = f"http://127.0.0.1:{port}/api/v10/interactions/1/t/callback"
    async with session.post(url, json={"type": 4, "data": {"content": "+10 points"}}) as response:
        await response.read()


@part("command")
async def command(bench: Bench) -> AsyncIterator[Figure]:
    """/award from its interaction to its answer, and what of that is the core's."""
    count = min(AWARDS, bench.sizes[0])
    settings = Settings.model_validate(
        {"POINTS_DATABASE_URL": f"sqlite:///{bench.new_folder() / 'points.db'}"}
    )
    rounds: dict[str, list[float]] = {"core": [], "call": [], "whole": []}
    async with (
        TimedPoints.opened(settings) as points,
        discord_on_loopback() as served,
        aiohttp.ClientSession() as session,
    ):
        env = simcord.Env(PointsBot(points, settings), check_errors=False)
        await env.start()
        world = founded(env, points)
        await env.settle()
        listen(env, points)
        for number in range(bench.rounds + 1):
            points.spent = whole = calls = 0.0
            for n in range(count):
                given = {"member": world.mia, "amount": n + 1, "reason": f"watering in round {number}"}
                points.answered = False
                whole += await milliseconds(partial(world.ada.slash, world.general, "award", **given))
                calls += await milliseconds(partial(call, session, served.port))
            if number:
                for name, taken in (("core", points.spent), ("call", calls), ("whole", whole)):
                    rounds[name].append(taken)
        await env.bot.close()
        await env.shutdown()
    times, work = Times(rounds), f"the core in {count} × /award"
    yield times.figure(
        work, count, ours="core", against="call", baseline="the reply's HTTP call, over loopback", most=1
    )
    yield times.figure(work, count, ours="core", against="whole", baseline="all until the simulation rests")


@asynccontextmanager
async def least_bot(port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start discord.py's own client against this machine's loopback."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.bot", str(port)]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def started(kind: str, folder: Path, idle_s: float = IDLE_S) -> dict[str, float]:
    """Start a bot; return the milliseconds until Discord calls it ready, and its memory a moment later in MB."""
    async with discord_on_loopback() as served:
        began = time.perf_counter()
        held = bot_process(served.port, folder / "points.db") if kind == "ours" else least_bot(served.port)
        async with held as process:
            async with asyncio.timeout(READY_S):
                await served.ready.wait()
            taken = (time.perf_counter() - began) * 1_000
            await asyncio.sleep(idle_s)
            told = {"ms": taken, "MB": resident(process.pid)}
            if process.returncode is None:
                process.terminate()
            await process.communicate()
    return told


def resident(pid: int) -> float:
    """Return how much memory a process has now, in MB."""
    told = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(told.partition("VmRSS:")[2].split()[0]) / 1024


@part("process")
async def process(bench: Bench) -> AsyncIterator[Figure]:
    """The bot's process: how soon it is ready, and what it needs while nothing happens."""
    told: dict[str, list[dict[str, float]]] = {"ours": [], "least": []}
    folder = bench.new_folder()
    rounds, idle_s = (min(bench.rounds, 3) + 1, IDLE_S) if bench.rounds > 1 else (1, 0.1)
    for number in range(rounds):
        for kind, seen_before in told.items():
            seen = await started(kind, folder, idle_s)
            if number or rounds == 1:  # at first the files are read from the disk
                seen_before.append(seen)
    ours, least = (
        {what: statistics.median(each[what] for each in seen) for what in ("ms", "MB")}
        for seen in told.values()
    )
    beyond = ours["ms"] - least["ms"]
    least_is = "a discord.py client and nothing else"
    yield Figure("start to ready", 1, ours["ms"], least_is, least["ms"], ours["ms"] / least["ms"])
    yield Figure(
        "start to ready beyond it",
        1,
        beyond,
        least_is,
        least["ms"],
        beyond / least["ms"],
        most_value=START_MS,
    )
    yield Figure(
        "memory while idle",
        1,
        ours["MB"],
        least_is,
        least["MB"],
        ours["MB"] / least["MB"],
        "MB",
        most_value=MEMORY_MB,
    )


def main(port: str) -> None:
    """Connect and stay connected."""
    import discord
    import yarl
    from discord.gateway import DiscordWebSocket
    from discord.http import Route

    Route.BASE = f"http://127.0.0.1:{port}/api/v10"
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(f"ws://127.0.0.1:{port}/")
    discord.Client(intents=discord.Intents(guilds=True)).run(TOKEN, log_handler=None)


if __name__ == "__main__":
    main(sys.argv[1])
