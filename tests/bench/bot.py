"""The bot: the core's share of an award in a simulated Discord, and the process over loopback while nothing happens.

`python -m tests.bench.bot PORT` is the least bot there is, for comparison: discord.py that connects, and nothing else.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import simcord

from bot.client import PointsBot
from points_core.database import Points
from points_core.settings import Settings
from tests.bench.suite import Bench, Figure, Times, part
from tests.stories.loopback import ROOT, TOKEN, bot_process, discord_on_loopback
from tests.stories.world import founded

AWARDS = 20  # in one round
MEMORY_MB, START_MS = 150, 2_000
READY_S = 60
IDLE_S = 2.0  # after it is ready, until its memory is read


class TimedPoints(Points):
    """The books, and how long their callers waited for them, in milliseconds."""

    spent = 0.0

    async def write(self, *args: Any, **kwargs: Any) -> Any:
        """Write, and count the time."""
        began = time.perf_counter()
        try:
            return await super().write(*args, **kwargs)
        finally:
            self.spent += (time.perf_counter() - began) * 1_000

    async def read(self, *args: Any, **kwargs: Any) -> Any:
        """Read, and count the time."""
        began = time.perf_counter()
        try:
            return await super().read(*args, **kwargs)
        finally:
            self.spent += (time.perf_counter() - began) * 1_000


class Calls:
    """How long the bot waited for its calls to the simulated Discord, in milliseconds."""

    def __init__(self, env: simcord.Env) -> None:
        self.spent = 0.0
        calling: tuple[Any, ...] = (env._webhook_adapter, env.bot.http)
        for each in calling:
            each.request = self._timed(each.request)

    def _timed(self, request: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return await request(*args, **kwargs)
            finally:
                self.spent += (time.perf_counter() - began) * 1_000

        return timed


@part("command")
async def command(bench: Bench) -> AsyncIterator[Figure]:
    """/award from its interaction to its answer, and what of that is the core's."""
    size = bench.sizes[0]
    file = bench.new_folder() / "points.db"
    settings = Settings.model_validate({"POINTS_DATABASE_URL": f"sqlite:///{file}"})
    rounds: dict[str, list[float]] = {"core": [], "call": [], "whole": []}
    async with TimedPoints.opened(settings) as points:
        env = simcord.Env(PointsBot(points, settings), check_errors=False)
        await env.start()
        world = founded(env, points)
        await env.settle()
        calls = Calls(env)
        for number in range(bench.rounds + 1):
            points.spent = calls.spent = whole = 0.0
            for n in range(min(AWARDS, size)):
                began = time.perf_counter()
                given = {"member": world.mia, "amount": n + 1, "reason": f"watering in round {number}"}
                await world.ada.slash(world.general, "award", **given)
                whole += (time.perf_counter() - began) * 1_000
            if number:
                rounds["core"].append(points.spent)
                rounds["call"].append(calls.spent)
                rounds["whole"].append(whole)
        await env.bot.close()
        await env.shutdown()
    times, work = Times(rounds), f"the core in {AWARDS} × /award"
    yield times.figure(
        work, size, ours="core", against="call", baseline="the reply's call, simulated in memory", most=1
    )
    yield times.figure(work, size, ours="core", against="whole", baseline="the whole interaction, simulated")


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


async def started(kind: str, folder: Path) -> dict[str, float]:
    """Start a bot; return the milliseconds until Discord calls it ready, and its memory a moment later in MB."""
    async with discord_on_loopback() as served:
        began = time.perf_counter()
        held = bot_process(served.port, folder / "points.db") if kind == "ours" else least_bot(served.port)
        async with held as process:
            async with asyncio.timeout(READY_S):
                await served.ready.wait()
            taken = (time.perf_counter() - began) * 1_000
            await asyncio.sleep(IDLE_S)
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
    for number in range(min(bench.rounds, 3) + 1):
        for kind in told:
            seen = await started(kind, folder)
            if number or bench.rounds == 1:
                told[kind].append(seen)
    ours, least = (
        {what: statistics.median(each[what] for each in seen) for what in ("ms", "MB")} for seen in told.values()
    )
    beyond = ours["ms"] - least["ms"]
    least_is = "a discord.py client and nothing else"
    yield Figure("start to ready", 1, ours["ms"], least_is, least["ms"], ours["ms"] / least["ms"])
    yield Figure(
        "start to ready beyond it", 1, beyond, least_is, least["ms"], beyond / least["ms"], most_value=START_MS
    )
    yield Figure(
        "memory while idle", 1, ours["MB"], least_is, least["MB"], ours["MB"] / least["MB"], "MB", most_value=MEMORY_MB
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
