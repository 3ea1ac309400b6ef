"""Checking in, told: once a day, a streak, and what rules give for it."""

from datetime import timedelta
from typing import Any

from points_core import rules
from points_core.programme import Programme
from points_core.values import Actor, ActorKind, Kind, Mode, Origin
from tests.stories.answers import answer, private
from tests.stories.books import current, receipts
from tests.stories.world import World

DAY = timedelta(days=1).total_seconds()
HOUR = timedelta(hours=1).total_seconds()


async def check_in(world: World, member: Any = None, **options: Any) -> str:
    result = await (member or world.mia).slash(world.general, "check-in", **options)
    return private(result)


async def switch_on(world: World, **parts: object) -> None:
    await world.configure(programme=Programme(check_ins=True, **parts))  # type: ignore[arg-type]


async def rule(world: World, name: str, **definition: object) -> None:
    origin = Origin(
        world.community, Actor(ActorKind.OPERATOR), world.env.now(), f"rule:{definition['amount']}"
    )
    await world.points.write(rules.create, origin, name=name, definition=definition, mode=Mode.LIVE)


async def test_nobody_checks_in_where_nobody_switched_it_on(world: World) -> None:
    said = await check_in(world)

    assert "Check-ins are not switched on here." in said
    assert "/programme check-ins" in said
    assert await receipts(world) == ()


async def test_a_day_counts_once_and_days_in_a_row_are_a_streak(world: World) -> None:
    await switch_on(world)

    assert await check_in(world) == "✅ You are checked in for today.\n🔥 **1 day in a row**"
    assert (await check_in(world)).startswith("You were checked in for today already.\n🔥 **1 day in a row**")
    await world.restart(away=DAY)
    assert "🔥 **2 days in a row**" in await check_in(world)
    await world.restart(away=2 * DAY)
    assert "🔥 **1 day in a row (best: 2)**" in await check_in(world)
    assert await receipts(world) == (), "without a rule nothing is given"


async def test_a_frozen_day_does_not_break_the_streak(world: World) -> None:
    await switch_on(world, streak_freezes=2)
    await check_in(world)
    await world.restart(away=2 * DAY)

    said = await check_in(world)

    assert "🔥 **2 days in a row**" in said
    assert "❄️ 1 day that you missed did not break it." in said
    assert "❄️ 1 day more of this month may be missed." in said


async def test_a_local_midnight_begins_a_new_day(world: World) -> None:
    await switch_on(world)
    await world.configure(timezone="Asia/Tokyo")  # nine hours ahead of the simulation's midnight
    await check_in(world)
    await world.restart(away=14 * HOUR)
    assert "already" in await check_in(world)

    await world.restart(away=HOUR + 60)

    assert "🔥 **2 days in a row**" in await check_in(world)


async def test_a_live_rule_lets_members_check_in_and_gives_points_once_a_day(world: World) -> None:
    await rule(world, "Good morning", trigger={"on": "check-in"}, amount=5, reason="checked in")

    said = await check_in(world)
    again = await check_in(world)

    assert "🎁 **Good morning**: **5 points** (#1), 0 → 5" in said
    assert "🎁" not in again
    (receipt,) = await receipts(world)
    assert (receipt.kind, receipt.amount, receipt.reason) == (Kind.AWARD, 5, "checked in")
    assert receipt.actor.kind is ActorKind.RULE


async def test_a_milestone_of_the_streak_is_rewarded_with_the_check_in_that_reaches_it(world: World) -> None:
    await switch_on(world)
    await rule(
        world,
        "Three in a row",
        trigger={"on": "streak", "length": 3},
        amount=30,
        reason="three days in a row",
    )
    for _ in range(2):
        await check_in(world)
        await world.restart(away=DAY)
    assert await current(world, world.mia) == 0

    said = await check_in(world)

    assert "🔥 **3 days in a row**" in said
    assert "🎁 **Three in a row**: **30 points** (#1), 0 → 30" in said


async def test_points_of_a_check_in_wait_for_approval_if_the_rule_says_so(world: World) -> None:
    await rule(
        world, "Good morning", trigger={"on": "check-in"}, amount=5, reason="checked in", approval=True
    )

    said = await check_in(world)

    assert "⏳ **Good morning**: 5 points wait for approval (request 1)." in said
    assert await current(world, world.mia) == 0


async def test_a_check_in_may_be_shown_to_all(world: World) -> None:
    await switch_on(world)

    result = await world.mia.slash(world.general, "check-in", private=False)

    assert not result.ephemeral
    assert "🔥 **1 day in a row**" in str(answer(result).content)
