"""Turns of rules that wait for a time, to the second: which is due, since when, for how long it is held."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from points_core import policy, rules
from points_core.database import Points
from points_core.models import RuleSlot
from points_core.rules.definition import OnSchedule
from points_core.rules.slots import LEASE, DueSlot
from points_core.values import Mode
from tests.conftest import Databases
from tests.core.conftest import COMMUNITY, MOD, NOON, by, settings_for
from tests.core.rule_facts import definition

VILLAGE = "village"
BOTH = (COMMUNITY, VILLAGE)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
NINE = datetime(2026, 3, 19, 9, tzinfo=UTC)
"""The first turn of a rule that is switched on at NOON, on the day before."""


@pytest.fixture
async def points(databases: Databases) -> AsyncIterator[Points]:
    async with Points.opened(settings_for(databases.new("sqlite"))) as opened:
        yield opened


async def daily(
    points: Points, name: str = "daily", community: str = COMMUNITY, at: datetime = NOON, **changes: Any
) -> int:
    wanted = definition(trigger=OnSchedule(every="day", at="09:00", roles=("21",)), **changes)
    origin = by(MOD, at=at, community=community)
    made = await points.write(rules.create, origin, name=name, definition=wanted, mode=Mode.LIVE)
    return made.rule.number


async def due(points: Points, at: datetime, places: tuple[str, ...] = BOTH, **more: Any) -> list[DueSlot]:
    return await points.write(rules.due_slots, at, places, **more)


async def slots(points: Points, at: datetime) -> list[str]:
    return [turn.slot for turn in await due(points, at)]


def _rows(tx: Connection) -> list[Any]:
    columns = (RuleSlot.rule_number, RuleSlot.slot, RuleSlot.due_at, RuleSlot.leased_until, RuleSlot.done_at)
    return [tuple(row) for row in tx.execute(select(*columns).order_by(RuleSlot.rule_number, RuleSlot.slot))]


async def test_a_turn_is_due_from_its_second_on_and_held_to_the_end_of_its_lease(points: Points) -> None:
    number = await daily(points)
    assert await due(points, NINE - SECOND) == []
    (turn,) = await due(points, NINE)
    rule = (await points.read(rules.get, COMMUNITY, number)).rule
    assert turn == DueSlot(COMMUNITY, rule, "2026-03-19", NINE)
    assert await points.read(_rows) == [(number, "2026-03-19", NINE, NINE + LEASE, None)]
    assert await due(points, NINE + LEASE - SECOND) == []
    assert await due(points, NINE + LEASE) == [turn]
    assert await points.read(_rows) == [(number, "2026-03-19", NINE, NINE + 2 * LEASE, None)]

    await points.write(rules.slot_done, turn, NINE + LEASE + SECOND)

    assert await points.read(_rows) == [(number, "2026-03-19", NINE, None, NINE + LEASE + SECOND)]
    assert await due(points, NINE + DAY - SECOND) == []
    assert await slots(points, NINE + DAY) == ["2026-03-20"]


async def test_before_its_hour_the_latest_turn_is_that_of_the_day_before(points: Points) -> None:
    await daily(points)
    assert await slots(points, NINE + 3 * DAY - SECOND) == ["2026-03-21"]
    assert await slots(points, NINE + 3 * DAY) == ["2026-03-22"]


async def test_a_turn_at_the_second_in_which_the_rule_was_switched_on_is_from_before_it(
    points: Points,
) -> None:
    await daily(points, at=NINE)
    await daily(points, "sooner", at=NINE - SECOND)
    assert [turn.rule.name for turn in await due(points, NINE)] == ["sooner"]


async def test_a_rule_acts_since_it_was_last_switched_on_whatever_was_changed_of_it_since(
    points: Points,
) -> None:
    number = await daily(points)
    await points.write(rules.rename, by(MOD, at=NINE + timedelta(hours=2)), number, "renamed")
    assert await slots(points, NINE + timedelta(hours=3)) == ["2026-03-19"]
    for hours, mode in ((4, Mode.PAUSED), (28, Mode.LIVE), (29, Mode.SHADOW)):
        await points.write(rules.set_mode, by(MOD, at=NINE + timedelta(hours=hours)), number, mode)
    assert await due(points, NINE + timedelta(hours=30)) == []
    assert await slots(points, NINE + 2 * DAY) == ["2026-03-21"]


async def test_a_rule_has_turns_up_to_its_end_and_none_at_it(points: Points) -> None:
    await daily(points, "until nine", expires_at=NINE)
    await daily(points, "a second more", expires_at=NINE + SECOND)
    assert [turn.rule.name for turn in await due(points, NINE + timedelta(hours=5))] == ["a second more"]


async def test_so_many_turns_are_claimed_at_once_and_the_rest_later(points: Points) -> None:
    for n in range(23):
        await daily(points, f"daily {n}")
    first = await due(points, NINE)
    assert [turn.rule.number for turn in first] == list(range(1, 21))
    assert [turn.rule.number for turn in await due(points, NINE, limit=2)] == [21, 22]
    assert [turn.rule.number for turn in await due(points, NINE)] == [23]


async def test_a_place_that_is_another_processes_is_passed_over(points: Points) -> None:
    await points.write(policy.change, by(MOD), timezone="Europe/Berlin")
    await daily(points)
    await daily(points, community=VILLAGE)
    assert [turn.community for turn in await due(points, NINE - SECOND)] == [
        COMMUNITY
    ]  # an hour sooner there
    assert [turn.community for turn in await due(points, NINE, (VILLAGE,))] == [VILLAGE]


async def test_turns_come_town_by_town_and_rule_by_rule(points: Points) -> None:
    for community in (VILLAGE, COMMUNITY):
        for name in ("first", "second"):
            await daily(points, name, community)
    assert [(turn.community, turn.rule.number) for turn in await due(points, NINE)] == [
        (VILLAGE, 1),
        (VILLAGE, 2),
        (COMMUNITY, 1),
        (COMMUNITY, 2),
    ]


async def test_a_rule_that_only_speaks_of_a_schedule_has_no_turns(points: Points) -> None:
    talk = definition(reason='"schedule"')
    await points.write(rules.create, by(MOD), name="talk", definition=talk, mode=Mode.LIVE)
    await daily(points)
    assert [turn.rule.name for turn in await due(points, NINE)] == ["daily"]
