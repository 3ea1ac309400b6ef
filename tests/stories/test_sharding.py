"""One bot on several connections and in several processes: who serves whom, and that nothing happens twice."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Barrier, Thread

import discord
import pytest
import simcord
from sqlalchemy import Connection, func, select

from bot.client import PointsBot
from bot.sharded import bot_for
from points_core import outbox, policy, verification
from points_core.database import Points
from points_core.models import ApprovalVote, PointTransaction, VerifiedMark
from points_core.settings import Settings
from points_core.shards import Shards
from points_core.values import Actor, Origin
from tests.conftest import BACKENDS, Databases
from tests.stories.loopback import Discord, bot_process, discord_on_loopback
from tests.stories.world import World, founded

SECONDS = 60
FIRST_MS = 400_000_000_000  # since Discord's beginning: years after all other ids of these stories
SERVER = 77 << 22  # on shard 77 % 2 = 1


async def stopped(process: asyncio.subprocess.Process) -> str:
    """Tell a process to stop, and return what it wrote; it has to end in order."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(SECONDS):
        _, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return errors.decode()


async def test_a_process_connects_the_shards_it_is_told(tmp_path: Path) -> None:
    async with (
        discord_on_loopback() as served,
        bot_process(served.port, tmp_path / "points.db", POINTS_SHARDS="2-3/4") as process,
    ):
        await served.asked_to_identify(2)

        assert sorted(served.shards) == [[2, 4], [3, 4]]
        assert "Traceback" not in await stopped(process)


async def test_auto_asks_discord_how_many_it_should_be(tmp_path: Path) -> None:
    async with (
        discord_on_loopback() as served,
        bot_process(served.port, tmp_path / "points.db", POINTS_SHARDS="auto") as process,
    ):
        await served.asked_to_identify(1)

        assert served.shards == [[0, 1]]
        assert "Traceback" not in await stopped(process)


async def test_an_event_that_nobody_can_read_does_not_end_a_shard(tmp_path: Path) -> None:
    async with (
        discord_on_loopback() as served,
        bot_process(served.port, tmp_path / "points.db", POINTS_SHARDS="auto") as process,
    ):
        await served.ready.wait()

        await served.emit("GUILD_CREATE", {"id": "not a number"})
        await served.award(5)

        async with asyncio.timeout(SECONDS):
            await served.answered.wait()
        assert served.identified == 1
        assert "GUILD_CREATE cannot be read" in await stopped(process)


async def test_a_shard_that_breaks_for_good_is_connected_anew(tmp_path: Path) -> None:
    async with (
        discord_on_loopback() as served,
        bot_process(served.port, tmp_path / "points.db", POINTS_SHARDS="auto") as process,
    ):
        await served.ready.wait()
        served.ready.clear()

        await served.emit("READY", {"session_id": "s"})  # it cannot do without

        async with asyncio.timeout(SECONDS):
            await served.ready.wait()
        assert served.identified == 2
        assert "connecting again" in await stopped(process)


async def hang_up_always(served: Discord) -> None:
    """Refuse every connection that needs sharding, as Discord does: one that was refused early is tried again."""
    while True:
        await served.ready.wait()
        await served.hang_up(4011)


@pytest.mark.parametrize("shards", ["auto", ""])
async def test_a_bot_that_needs_more_connections_is_told_how(tmp_path: Path, shards: str) -> None:
    async with (
        discord_on_loopback() as served,
        bot_process(served.port, tmp_path / "points.db", POINTS_SHARDS=shards) as process,
    ):
        refusing = asyncio.create_task(hang_up_always(served))
        async with asyncio.timeout(SECONDS):
            _, errors = await process.communicate()
        refusing.cancel()
        assert process.returncode == 1
        assert "--shards auto" in errors.decode().splitlines()[-1]


async def test_without_shards_the_bot_has_one_connection(points: Points) -> None:
    assert not isinstance(bot_for(points, points.settings), discord.AutoShardedClient)


async def sharded(points: Points, shards: str) -> tuple[simcord.Env, World]:
    """Return a simulated Discord with a bot on some of its shards, and the server Open Garden in it."""
    settings = points.settings.model_copy(update={"shards": Shards.parse(shards)})
    env = simcord.Env(bot_for(points, settings), check_errors=False)
    await env.start()
    world = founded(env, points)
    await env.settle()
    return env, world


def shown(answer: simcord.InteractionResult) -> str:
    """Return what an answer says."""
    assert answer.response is not None
    assert answer.response.embeds, answer.response.content
    return str(answer.response.embeds[0].to_dict())


async def ended(env: simcord.Env) -> None:
    await env.bot.close()
    await env.shutdown()


async def test_a_sharded_bot_serves_its_servers(points: Points) -> None:
    env, world = await sharded(points, "0-1/2")
    await world.configure(log_channel=world.log)

    answer = await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="Weeding")
    await world.bot.courier.idle()

    assert "#1" in shown(answer)
    assert any("#1" in str(message.content) for message in world.log.history())
    await ended(env)


async def test_effects_of_other_shards_are_left_to_their_process(points: Points) -> None:
    env, world = await sharded(points, "0/2")
    origin = Origin(str(SERVER), Actor.member("1"), env.now(), "setup")
    await points.write(policy.change, origin, log_channel=str(world.log.id), quorum=2)

    world.bot.courier.wake()
    await world.bot.courier.idle()

    assert await points.read(outbox.waiting, str(SERVER)) == 1
    assert await points.write(outbox.lease, env.now(), shards=Shards.parse("1/2")) != []
    await ended(env)


@pytest.mark.parametrize("shards, keeps", [("0/2", True), ("1/2", False)])
async def test_only_the_process_with_the_first_shard_keeps_the_books(
    points: Points, shards: str, keeps: bool
) -> None:
    origin = Origin(str(SERVER), Actor.member("1"), datetime(2025, 12, 1, tzinfo=UTC), "setup")
    await points.write(policy.change, origin, quorum=2)
    env, world = await sharded(points, shards)

    await world.bot.ticker.keeping.tick(env.now())
    await world.bot.ticker.keeping.idle()

    assert bool(await points.read(lambda tx: tx.execute(select(VerifiedMark.seq)).all())) is keeps
    await ended(env)


Story = Callable[[World], Awaitable[None]]


def counts_on(world: World, number: int) -> None:
    """Have ids begin anew, alike in several simulations: there is one Discord, and one id to an interaction.

    Left alone each counts by its own clock and by what it was sent.
    """
    first = (FIRST_MS + number) << 22
    world.env.backend.snowflake = count(first).__next__  # type: ignore[method-assign]


def at_the_same_time(url: str, story: Story, processes: int = 2) -> None:
    """Let the same happen to several bots, each with its own Discord, loop and thread, on one database."""
    together = Barrier(processes, timeout=SECONDS)
    failures: list[BaseException] = []

    async def lives() -> None:
        async with Points.opened(Settings(_env_file=None, POINTS_DATABASE_URL=url)) as points:
            env = simcord.Env(PointsBot(points, points.settings), check_errors=False)
            await env.start()
            world = founded(env, points)
            await env.settle()
            await asyncio.to_thread(together.wait)
            await story(world)
            await world.bot.courier.idle()
            await asyncio.to_thread(together.wait)
            await ended(env)

    def run() -> None:
        try:
            asyncio.run(lives())
        except BaseException as error:
            failures.append(error)
            together.abort()

    threads = [Thread(target=run) for _ in range(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    if failures:
        raise BaseExceptionGroup("what happened at the same time", failures)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_two_processes_that_answer_one_interaction_move_points_once(
    databases: Databases, backend: str
) -> None:
    url = databases.new(backend)
    said: list[str] = []

    async def story(world: World) -> None:
        for number in range(10):
            counts_on(world, number)
            answer = await world.ada.slash(
                world.general, "award", member=world.mia, amount=5 + number, reason=f"Bed {number}"
            )
            said.append(shown(answer))

    await asyncio.to_thread(at_the_same_time, url, story)

    async with Points.opened(Settings(_env_file=None, POINTS_DATABASE_URL=url)) as points:
        assert await points.read(_moved) == 10
        assert await points.read(verification.verify) == []
    assert all(sum(f"#{number}" in answer for answer in said) >= 2 for number in range(1, 11))
    databases.drop(url)


@pytest.mark.parametrize("backend", BACKENDS)
async def test_two_processes_that_see_one_press_count_one_vote(databases: Databases, backend: str) -> None:
    url = databases.new(backend)

    async def story(world: World) -> None:
        asked = await world.ada.slash(
            world.general, "award", member=world.mia, amount=500, reason="A greenhouse"
        )
        assert asked.acknowledged
        await world.bot.courier.idle()
        cards = [message for message in world.general.history() if message.components]
        for card in cards[:1]:
            await world.grace.click(card, label="Approve")

    await asyncio.to_thread(at_the_same_time, url, story)

    async with Points.opened(Settings(_env_file=None, POINTS_DATABASE_URL=url)) as points:
        assert await points.read(_moved) == 1
        votes = await points.read(
            lambda tx: tx.execute(select(func.count()).select_from(ApprovalVote)).scalar_one()
        )
        assert votes == 1
        assert await points.read(verification.verify) == []
    databases.drop(url)


def _moved(tx: Connection) -> int:
    return int(tx.execute(select(func.count(PointTransaction.seq))).scalar_one())
