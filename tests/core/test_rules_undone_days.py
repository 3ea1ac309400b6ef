"""Which active days go with what is taken back of a rule: also those on which it gave nothing, in whatever zone."""

from datetime import timedelta
from typing import Any

from points_core import approvals, history, policy, rules
from points_core.database import Points
from points_core.rules.definition import IsReply, Limits, OnStreak
from points_core.values import Kind
from points_core.verification import verify
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, by
from tests.core.test_rules_firing import balance, fired, rule_made, said


async def undone(points: Points, number: int = 1, **span: Any) -> rules.Undone:
    return await points.write(rules.undo, by(MOD), number, reason="was wrong", **span)


async def current(points: Points) -> rules.Definition:
    return (await points.read(rules.get, COMMUNITY, 1)).rule.definition


LATE = timedelta(hours=11, minutes=30)  # after noon in Greenwich: tomorrow in Berlin


async def moved_to_berlin(points: Points, days: int) -> None:
    await points.write(policy.change, by(MOD, at=NOON + timedelta(days=days)), timezone="Europe/Berlin")


async def daily(points: Points) -> int:
    return (await points.read(history.streaks, COMMUNITY, ADA, NOON + timedelta(days=9))).daily.best


async def test_a_reward_for_a_streak_of_days_in_an_earlier_zone_stands(points: Points) -> None:
    await rule_made(points, "days", amount=1, counts_for_streak=True)
    await rule_made(points, "reward", amount=20, trigger=OnStreak(length=2))
    other = await rule_made(points, "other", amount=3, when=IsReply(), counts_for_streak=True)
    for day in range(2):
        await fired(points, said(day, after=timedelta(days=day) + LATE))
    await fired(points, said(8, after=timedelta(days=6), reply=True))
    assert await balance(points) == 3 + 20 + 3
    await moved_to_berlin(points, 7)

    done = await undone(points, other)

    assert done.streaks is None  # both days are there as they were
    assert await balance(points) == 3 + 20


async def test_a_day_in_an_earlier_zone_goes_with_what_was_given_on_it(points: Points) -> None:
    number = await rule_made(points, counts_for_streak=True)
    for day in range(3):
        await fired(points, said(day, after=timedelta(days=day) + LATE))
    await moved_to_berlin(points, 4)

    done = await undone(points, number, since=NOON + timedelta(days=1), until=NOON + timedelta(days=2))

    assert (done.days, await daily(points)) == (1, 1)
    assert await points.read(verify) == []


async def test_a_day_in_an_earlier_zone_stays_with_what_stays(points: Points) -> None:
    number = await rule_made(points, counts_for_streak=True)
    await fired(points, said(1, after=LATE))
    await fired(points, said(2, after=LATE, user_id=GRACE))
    await points.write(approvals.request, by(MOD), kind=Kind.DEDUCTION, user_id=ADA, amount=2, reason="spent")
    await moved_to_berlin(points, 4)

    done = await undone(points, number, partial=True)

    assert (done.days, await daily(points)) == (1, 1)  # Grace's went, Ada's points are spent


async def test_days_of_a_span_on_which_the_rule_was_met_and_gave_nothing_go_with_it(points: Points) -> None:
    number = await rule_made(points, counts_for_streak=True, limits=Limits(member_week=2))
    for day in range(4):  # Wednesday to Saturday: the cap of the week is reached on Wednesday
        await fired(points, said(day, after=timedelta(days=day)))
    assert (await balance(points), await daily(points)) == (2, 4)

    done = await undone(
        points, number, since=NOON + timedelta(days=1, hours=-1), until=NOON + timedelta(days=3)
    )

    assert (done.batch, done.days) == (None, 2)  # Thursday, of which only a part is meant, and Friday
    assert await daily(points) == 1
    assert await points.read(verify) == []


async def test_a_day_on_which_the_rule_was_met_before_or_after_the_span_stays(points: Points) -> None:
    number = await rule_made(points, counts_for_streak=True, limits=Limits(member_week=2))
    await fired(points, said(0))
    for hours in (24, 26, 28):
        await fired(points, said(hours, after=timedelta(hours=hours)))

    middle = await undone(points, number, since=NOON + timedelta(hours=25), until=NOON + timedelta(hours=27))
    assert (middle.days, await daily(points)) == (0, 2)


async def test_of_a_version_go_the_days_on_which_it_was_met(points: Points) -> None:
    number = await rule_made(points, counts_for_streak=True, limits=Limits(member_week=2))
    await fired(points, said(0))
    await fired(points, said(1, after=timedelta(days=1)))
    await points.write(rules.edit, by(MOD), number, (await current(points)).model_copy(update={"amount": 5}))
    await fired(points, said(2, after=timedelta(days=2)))

    done = await undone(points, number, version=3)

    assert (done.batch, done.days, await daily(points)) == (None, 1, 2)


async def test_days_within_a_long_span_go_also_when_their_facts_are_forgotten(points: Points) -> None:
    number = await rule_made(points, counts_for_streak=True, limits=Limits(member_cooldown=20 * 86_400))
    for day in range(10):
        await fired(points, said(day, after=timedelta(days=day)))
    await points.write(rules.forget, NOON + timedelta(days=200))
    assert await daily(points) == 10

    done = await undone(points, number, since=NOON + timedelta(hours=12), until=NOON + timedelta(days=20))

    assert (done.batch, done.days, await daily(points)) == (None, 9, 1)
