"""What time brings, four times a minute: nobody has to ask for it."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot import health
from points_core import approvals, schedules
from points_core.values import Actor, Origin
from points_core.windows import WindowName
from tests.stories.world import World


async def ask_for_much(world: World) -> int:
    """Ada asks for more than the threshold; return the request's number."""
    await world.ada.slash(world.general, "award", member=world.mia, amount=500, reason="the whole fence")
    (request,) = await world.points.read(approvals.pending, world.community)
    return request.number


async def test_each_tick_leaves_a_heartbeat_for_the_hosts_health_check(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert health.seconds_since_beat() is None
    await world.bot.ticker.tick(world.env.now())
    assert health.seconds_since_beat() is not None


async def test_a_request_expires_by_itself(world: World) -> None:
    number = await ask_for_much(world)
    rules = await world.configure(request_hours=1)
    assert rules.request_hours == 1
    request = await world.points.read(approvals.get, world.community, number)

    await world.bot.ticker.tick(request.expires_at - timedelta(seconds=1))
    assert (await world.points.read(approvals.get, world.community, number)).state == "pending"
    await world.bot.ticker.tick(request.expires_at)

    assert (await world.points.read(approvals.get, world.community, number)).state == "expired"


async def test_a_scheduled_board_is_posted_by_itself_and_once(world: World) -> None:
    await world.ada.slash(world.general, "award", member=world.mia, amount=5, reason="watering")
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

    await world.env.advance_time(59)
    assert world.leaderboard.history() == []
    await world.env.advance_time(60)
    await world.bot.ticker.tick(world.bot.now())

    assert len(world.leaderboard.history()) == 1


async def test_a_tick_that_fails_is_only_logged_and_the_next_one_comes(world: World) -> None:
    world.expected.append("what is due could not be done")

    await world.bot.ticker.tick(world.env.now().replace(tzinfo=None))  # no core operation takes a naive time
    await world.bot.ticker.tick(world.env.now())
