"""A program's address is told what people do in Discord, by the bot itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from points_core import schedules, webhooks
from points_core.values import Actor, ActorKind, Origin
from points_core.webhooks import Delivery, DeliveryState
from points_core.webhooks.postman import Postman
from points_core.windows import WindowName
from tests.core.hook_server import Certificate, Server, senders, serving
from tests.stories.world import World


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.made(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
async def server(certificate: Certificate, world: World) -> AsyncIterator[Server]:
    """An address that Open Garden tells everything; the bot may find it on loopback."""
    async with serving(certificate) as server:
        world.bot.postman = Postman(world.points, world.bot.now, sender=senders(certificate))
        origin = Origin(world.community, Actor(ActorKind.OPERATOR), world.env.now(), "story:hook")
        await world.points.write(webhooks.add, origin, url=server.url)
        yield server
        await world.bot.postman.stop()


async def told(server: Server) -> list[str]:
    """Wait until something was told; return the events."""
    async with asyncio.timeout(10):
        await server.arrived.wait()
    return [json.loads(each.content)["event"] for each in server.told]


async def delivery(world: World) -> Delivery:
    (only,) = await world.points.read(webhooks.deliveries, world.community)
    return only


async def test_an_award_is_told_at_once(world: World, server: Server) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="watering")

    assert await told(server) == ["transaction.recorded:1"]
    data = json.loads(server.told[0].content)["data"]
    assert (data["user_id"], data["amount"], data["reason"]) == (str(world.mia.id), 5, "watering")
    assert data["actor"]["user_id"] == str(world.ada.id)


async def test_a_request_that_opens_is_told(world: World, server: Server) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=500, reason="the whole fence")

    assert await told(server) == ["request.opened:1"]


async def test_a_board_is_told_with_the_message_that_it_is_in(world: World, server: Server) -> None:
    due = world.env.now() + timedelta(minutes=1)
    origin = Origin(world.community, Actor.member(str(world.olivia.id)), world.env.now(), "story:schedule")
    await world.points.write(
        schedules.add,
        origin,
        channel=str(world.leaderboard.id),
        window=WindowName.WEEK,
        every="day",
        at=f"{due:%H:%M}",
    )
    await world.env.advance_time(60)
    await world.bot.ticker.tick(world.bot.now())

    (event,) = await told(server)
    assert event.startswith("board.posted:1:")
    (posted,) = world.leaderboard.history()
    data = json.loads(server.told[0].content)["data"]
    assert (data["channel"], data["message"]) == (str(world.leaderboard.id), str(posted.id))


async def test_a_tick_tries_again_what_failed(world: World, server: Server) -> None:
    server.status = 503
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="watering")
    await told(server)
    async with asyncio.timeout(10):
        while (await delivery(world)).outcome != "HTTP 503":  # noqa: ASYNC110 - it is written after the answer
            await asyncio.sleep(0.01)
    server.status, server.arrived = 204, asyncio.Event()
    await world.env.advance_time(60)
    await world.bot.ticker.tick(world.bot.now())

    assert await told(server) == ["transaction.recorded:1"] * 2
    await world.bot.postman.stop()
    arrived = await delivery(world)
    assert (arrived.state, arrived.attempts) == (DeliveryState.DELIVERED, 2)
