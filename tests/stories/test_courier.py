"""What must be delivered is delivered: through broken connections, in order, once; or given up with a word."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest
from sqlalchemy import Connection, select

from points_core import outbox
from points_core.models import Community, OutboxEntry
from points_core.outbox import Effect, Topic
from tests.stories.world import Wire, World

Handler = Callable[[Effect], Awaitable[str]]
MESSAGES = "/channels/*/messages"


def leave(tx: Connection, community: str, subjects: list[str], at: datetime, place: str) -> None:
    """Leave effects of topic BOARD, one for each of `subjects`."""
    (number,) = tx.execute(select(Community.id).where(Community.key == community)).one()
    for subject in subjects:
        outbox.add(tx, number, Topic.BOARD, subject, at=at, place=place)


def outcomes(tx: Connection) -> list[tuple[str, int, bool, str | None]]:
    """Return subject, attempts, whether it is over, and the outcome, of all effects of topic BOARD."""
    columns = (OutboxEntry.subject, OutboxEntry.attempts, OutboxEntry.done_at, OutboxEntry.outcome)
    rows = tx.execute(select(*columns).where(OutboxEntry.topic == Topic.BOARD).order_by(OutboxEntry.id))
    return [(subject, attempts, done is not None, outcome) for subject, attempts, done, outcome in rows]


@pytest.fixture
async def garden(world: World) -> World:
    """A server whose effects of topic BOARD are delivered as messages in #leaderboard, under a nonce."""
    await world.configure(log_channel=world.log)

    async def deliver(effect: Effect) -> str:
        channel = world.bot.get_partial_messageable(world.leaderboard.id)
        await channel.send(f"board {effect.subject}", nonce=f"pts{effect.id}")
        return "delivered"

    world.bot.courier.on(Topic.BOARD, deliver)
    return world


async def deliver(world: World, *subjects: str) -> None:
    """Leave effects and let the courier deliver what is due."""
    at, place = world.env.now(), str(world.leaderboard.id)
    await world.points.write(leave, world.community, list(subjects), at, place)
    await wake(world)


async def wake(world: World) -> None:
    world.bot.courier.wake()
    await world.bot.courier.idle()


def posted(world: World) -> list[str]:
    return [message.content or "" for message in world.leaderboard.history()]


async def test_effects_are_delivered_in_order(garden: World) -> None:
    await deliver(garden, "1", "2", "3")

    assert posted(garden) == ["board 1", "board 2", "board 3"]
    assert await garden.points.read(outcomes) == [(n, 1, True, "delivered") for n in "123"]


async def test_a_reset_before_discord_acted_is_tried_again_at_once(garden: World) -> None:
    Wire(garden.env).cut("POST", MESSAGES, answer_only=False)

    await deliver(garden, "1")

    assert posted(garden) == ["board 1"]
    assert await garden.points.read(outcomes) == [("1", 1, True, "delivered")]


async def test_a_message_whose_answer_was_lost_is_sent_again_under_its_nonce(garden: World) -> None:
    Wire(garden.env).cut("POST", MESSAGES, answer_only=True)

    await deliver(garden, "1")

    bodies = garden.sent(f"/channels/{garden.leaderboard.id}/messages")
    assert len(bodies) == 2  # Discord drops the second for its nonce, the simulation does not
    assert {(body["nonce"], body["enforce_nonce"]) for body in bodies} == {(bodies[0]["nonce"], True)}


async def test_an_ill_discord_is_tried_again_later(garden: World) -> None:
    garden.env.inject_error("POST", MESSAGES, status=503, code=0, times=1)

    await deliver(garden, "1")
    assert posted(garden) == []
    await wake(garden)
    assert posted(garden) == []  # not before its time
    await garden.env.advance_time(60)

    assert posted(garden) == ["board 1"]
    assert await garden.points.read(outcomes) == [("1", 2, True, "delivered")]


async def test_what_discord_refuses_is_given_up_and_told_in_the_log_channel(garden: World) -> None:
    garden.expected.append("is given up")
    garden.env.inject_error(
        "POST", f"/channels/{garden.leaderboard.id}/messages", status=403, code=50013, times=9
    )

    await deliver(garden, "1:2026-01-05", "2:2026-01-05")

    assert [entry[1:3] for entry in await garden.points.read(outcomes)] == [(1, True), (1, True)]
    complaint = garden.log.history()[-1].content or ""
    assert (
        f"I could not post the scheduled leaderboard 2, 2026-01-05 in <#{garden.leaderboard.id}>" in complaint
    )
    assert "/points-setup" in complaint


async def test_one_effect_that_fails_does_not_hold_up_the_next(garden: World) -> None:
    garden.env.inject_error("POST", MESSAGES, status=503, code=0, times=1)

    await deliver(garden, "1", "2")

    assert posted(garden) == ["board 2"]


async def test_a_bug_in_a_delivery_is_logged_and_given_up_after_twelve_attempts(garden: World) -> None:
    garden.expected += ["failed", "is given up", "kaputt"]

    async def broken(effect: Effect) -> str:
        raise RuntimeError("kaputt")

    garden.bot.courier.on(Topic.BOARD, broken)
    await deliver(garden, "1")
    for attempt in range(1, outbox.MAX_ATTEMPTS):
        garden.env.backend.clock.advance(40 * 2 ** (attempt - 1))
        await wake(garden)

    ((_, attempts, over, outcome),) = await garden.points.read(outcomes)
    assert (attempts, over) == (outbox.MAX_ATTEMPTS, True)
    assert outcome is not None
    assert outcome.startswith("given up: 12 attempts failed")
    assert "kaputt" in outcome


async def test_effects_under_lease_wait_for_their_lease_and_not_for_their_process(garden: World) -> None:
    at, place = garden.env.now(), str(garden.leaderboard.id)
    await garden.points.write(leave, garden.community, ["1"], at, place)
    await garden.points.write(outbox.lease, at, seconds=60)  # by a process that dies here

    await wake(garden)
    assert posted(garden) == []
    await garden.env.advance_time(75)

    assert posted(garden) == ["board 1"]


async def test_nothing_is_delivered_after_the_stop(garden: World) -> None:
    await garden.bot.courier.stop()

    await deliver(garden, "1")

    assert posted(garden) == []
    assert await garden.points.read(outcomes) == [("1", 0, False, None)]
