"""Effects: left once, leased by one, given back, given up, forgotten when they are old."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import NullPool, create_engine, text

from points_core import approvals, outbox, policy
from points_core.database import Points
from points_core.outbox import Effect, Topic
from points_core.settings import sync_url
from points_core.shards import Shards
from points_core.values import Kind
from tests.core.conftest import ADA, COMMUNITY, MOD, NOON, by


async def award(points: Points, n: int) -> None:
    await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=1, reason=f"{n}")


async def logged(points: Points, awards: int = 1) -> list[Effect]:
    """Return the effects of some awards in a community with a log channel, under lease."""
    await points.write(policy.change, by(MOD), log_channel="77")
    for n in range(awards):
        await award(points, n)
    effects = await points.write(outbox.lease, NOON)
    return [effect for effect in effects if effect.topic is Topic.RECORDED]


async def test_every_movement_leaves_one_effect_for_the_log_channel(points: Points) -> None:
    effects = await logged(points, awards=3)
    assert [(e.subject, e.place, e.attempts) for e in effects] == [
        ("1", "77", 1),
        ("2", "77", 1),
        ("3", "77", 1),
    ]


async def test_what_is_leased_is_nobody_elses_until_the_lease_runs_out(points: Points) -> None:
    (effect,) = await logged(points)
    assert await points.write(outbox.lease, NOON + timedelta(seconds=59)) == []
    again = await points.write(outbox.lease, NOON + timedelta(seconds=60))
    assert [(e.id, e.attempts) for e in again if e.topic is Topic.RECORDED] == [(effect.id, 2)]


async def test_what_is_done_is_not_leased_again(points: Points) -> None:
    (effect,) = await logged(points)
    await points.write(outbox.done, effect.id, NOON)
    leased = await points.write(outbox.lease, NOON + timedelta(days=1))
    assert effect.id not in [e.id for e in leased]


async def test_what_is_put_off_comes_again_when_it_is_due(points: Points) -> None:
    (effect,) = await logged(points)
    await points.write(outbox.later, effect, NOON + timedelta(hours=1), "a storm")
    soon = await points.write(outbox.lease, NOON + timedelta(minutes=59))
    assert effect.id not in [e.id for e in soon]
    later = await points.write(outbox.lease, NOON + timedelta(hours=1))
    assert effect.id in [e.id for e in later]


async def test_who_lost_the_lease_cannot_give_the_effect_back(points: Points) -> None:
    (slow,) = await logged(points)
    (quick,) = [
        e for e in await points.write(outbox.lease, NOON + timedelta(seconds=60)) if e.topic is Topic.RECORDED
    ]

    await points.write(outbox.later, slow, NOON + timedelta(seconds=61), "too slow")

    assert quick.id == slow.id
    leased = await points.write(outbox.lease, NOON + timedelta(seconds=90))
    assert quick.id not in [e.id for e in leased]


async def test_only_effects_of_ones_own_shards_are_leased(points: Points) -> None:
    servers = [str((n << 22) + 5) for n in range(4)]
    for server in servers:
        await points.write(policy.change, by(MOD, community=server), log_channel="77", quorum=2)

    second = await points.write(outbox.lease, NOON, shards=Shards.parse("2/4"))
    rest = await points.write(outbox.lease, NOON, shards=Shards.parse("0-1,3/4"))

    assert {e.community for e in second} == {servers[2]}
    assert {e.community for e in rest} == {servers[0], servers[1], servers[3]}


async def test_what_is_done_is_forgotten_after_thirty_days_and_what_waits_never(points: Points) -> None:
    done, *waiting = await logged(points, awards=3)
    await points.write(outbox.done, done.id, NOON)
    before = await points.read(outbox.waiting, COMMUNITY)

    assert await points.write(outbox.forget, NOON + timedelta(days=30)) == 0
    assert await points.write(outbox.forget, NOON + timedelta(days=30, seconds=1)) == 1
    assert await points.read(outbox.waiting, COMMUNITY) == before
    assert len(waiting) == 2


async def test_what_another_process_has_in_hand_is_passed_over_and_the_rest_is_leased_at_once(
    points: Points,
) -> None:
    """Whoever waits instead waits as long as the other takes; whoever takes the same delivers it twice."""
    if points.settings.database_url.startswith("sqlite"):
        pytest.skip("a file has one writer at a time")
    effects = await logged(points, awards=3)
    first = min(effect.id for effect in effects)
    later = NOON + timedelta(minutes=5)
    for strength in ("UPDATE", "SHARE"):  # a lease in hand, or one that only looks on
        row = text(f"SELECT 1 FROM outbox WHERE id = :id FOR {strength}")
        other = create_engine(sync_url(points.settings.database_url), poolclass=NullPool)
        with other.connect() as connection, connection.begin() as held:
            connection.execute(row, {"id": first})
            async with asyncio.timeout(5):
                leased = await points.write(outbox.lease, later)
            assert first not in {effect.id for effect in leased}
            assert {effect.id for effect in effects} - {first} <= {effect.id for effect in leased}
            held.rollback()
        later += timedelta(minutes=5)
    assert first in {effect.id for effect in await points.write(outbox.lease, later)}
