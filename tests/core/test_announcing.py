"""What is announced together, and how often: kept in the outbox, for every process alike."""

import asyncio
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from points_core import achievements, approvals, outbox, policy
from points_core.achievements import announcing
from points_core.achievements.announcing import ANNOUNCED, Claim, Wait
from points_core.database import Points
from points_core.models import OutboxEntry
from points_core.outbox import Effect
from points_core.programme import Level, Programme
from points_core.values import Kind
from tests.core.conftest import COMMUNITY, MOD, NOON, by, settings_for

HOUR = timedelta(hours=1)


async def rise(points: Points, *people: str, most: int = 1) -> list[Effect]:
    """Have people reach the first level, with `most` announcements an hour; return the effects, under lease."""
    programme = Programme(levels=(Level(name="Member", earned=10),), announcements_per_hour=most)
    await points.write(policy.change, by(MOD), announcements_channel="55", programme=programme)
    await achievements.settled(points, NOON)
    for person in people:
        await points.write(
            approvals.request, by(MOD), kind=Kind.AWARD, user_id=person, amount=10, reason="because"
        )
        await achievements.settled(points, NOON)
    return await lease(points, NOON)


async def lease(points: Points, at: datetime) -> list[Effect]:
    leased = await points.write(outbox.lease, at, limit=100)
    return [effect for effect in leased if effect.topic in announcing.TOPICS]


async def attempts(points: Points, effect: Effect) -> int:
    def read(tx: Connection) -> int:
        return tx.execute(select(OutboxEntry.attempts).where(OutboxEntry.id == effect.id)).scalar_one()

    return await points.read(read)


async def test_one_announcement_tells_of_all_that_waits(points: Points) -> None:
    first, *others = await rise(points, "1", "2", "3")

    claim = await points.write(announcing.claim, first, NOON)

    assert isinstance(claim, Claim)
    assert (claim.channel, [e.id for e in claim.effects]) == ("55", [first.id, *(e.id for e in others)])
    news = await points.read(achievements.news, COMMUNITY, claim.effects)
    assert [told.user_id for told in news.levels] == ["1", "2", "3"]


async def test_what_was_claimed_is_claimed_again_with_the_same_effects(points: Points) -> None:
    (first,) = await rise(points, "1", most=5)
    before = await points.write(announcing.claim, first, NOON)
    await rise(points, "2", most=5)

    assert await points.write(announcing.claim, first, NOON) == before


async def test_what_another_announcement_tells_of_is_nobody_elses(points: Points) -> None:
    first, second = await rise(points, "1", "2", most=5)
    await points.write(announcing.claim, first, NOON)

    assert await points.write(announcing.claim, second, NOON) == Wait(NOON + announcing.UNDER_WAY)
    later = NOON + HOUR
    assert [effect.id for effect in await lease(points, later)] == [first.id]


async def test_all_that_was_told_is_done_and_all_that_was_given_up_is(points: Points) -> None:
    first, second = await rise(points, "1", "2")
    await points.write(announcing.claim, first, NOON)

    await points.write(outbox.done, first.id, NOON, ANNOUNCED)

    assert await points.write(announcing.claim, second, NOON) is None
    assert await lease(points, NOON + 2 * HOUR) == []


async def test_an_hours_measure_is_counted_by_every_process(points: Points) -> None:
    first, *_ = await rise(points, "1")
    await points.write(announcing.claim, first, NOON)
    await points.write(outbox.done, first.id, NOON, ANNOUNCED)
    (second,) = await rise(points, "2")

    async with Points.opened(settings_for(str(points.settings.database_url))) as another:
        waits = await another.write(announcing.claim, second, NOON + timedelta(minutes=59))
        assert waits == Wait(NOON + HOUR)
        assert isinstance(await another.write(announcing.claim, second, NOON + HOUR), Claim)


async def test_two_processes_that_announce_at_once_keep_the_measure(points: Points) -> None:
    first, second = await rise(points, "1", "2")
    async with Points.opened(settings_for(str(points.settings.database_url))) as another:
        claims = await asyncio.gather(
            points.write(announcing.claim, first, NOON), another.write(announcing.claim, second, NOON)
        )

    assert sorted(type(claim).__name__ for claim in claims) == ["Claim", "Wait"]


async def test_what_came_to_nothing_leaves_its_place_in_the_hour(points: Points) -> None:
    (first,) = await rise(points, "1")
    await points.write(announcing.claim, first, NOON)
    await points.write(outbox.done, first.id, NOON, "nobody to tell of")
    (second,) = await rise(points, "2")

    assert isinstance(await points.write(announcing.claim, second, NOON), Claim)


async def test_a_smaller_measure_holds_at_once(points: Points) -> None:
    for n in range(3):
        (effect,) = await rise(points, str(n), most=5)
        at = NOON + n * timedelta(minutes=10)
        await points.write(announcing.claim, effect, at)
        await points.write(outbox.done, effect.id, at, ANNOUNCED)

    (last,) = await rise(points, "9", most=2)

    waits = await points.write(announcing.claim, last, NOON + timedelta(minutes=30))
    assert waits == Wait(NOON + timedelta(minutes=70))  # the second youngest is over an hour old


async def test_waiting_for_room_is_no_attempt_and_a_failure_is(points: Points) -> None:
    (effect,) = await rise(points, "1")

    await points.write(outbox.later, effect, NOON + HOUR, "the hour is full", failed=False)
    assert await attempts(points, effect) == 0
    (again,) = await lease(points, NOON + HOUR)
    await points.write(outbox.later, again, NOON + HOUR, "a storm")
    assert await attempts(points, effect) == 1
