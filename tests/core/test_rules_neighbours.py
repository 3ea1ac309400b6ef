"""One town's rules beside another's: the same story comes to the same whether a village lives on the database too.

The village has the same numbers, people, facts and keys, other amounts, and more of everything.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from points_core import approvals, communities, policy, rules
from points_core.database import Points
from points_core.models import ActiveDay, AuditEvent, PointRule, RoleGrant, RuleGrant, RuleSlot, RuleUse
from points_core.models import Fact as FactRow
from points_core.rules import Fact, keeping, reading
from points_core.rules.conditions import Asked
from points_core.rules.definition import (
    IsReply,
    Limits,
    OnCheckIn,
    OnSchedule,
    OnStreak,
    StreakAtLeast,
    TotalAtLeast,
)
from points_core.rules.standing import standings
from points_core.rules.tally import Tally
from points_core.rules.why import why_fact, why_member, why_message, why_transaction
from points_core.values import Actor, ActorKind, Mode, Origin
from points_core.verification import verify
from tests.conftest import Databases
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, by, settings_for
from tests.core.rule_facts import check_in, definition, message

VILLAGE = "village"
DAY = timedelta(days=1)
KEPT = (RuleGrant, FactRow, RuleUse, ActiveDay, RoleGrant, RuleSlot, PointRule)


@asynccontextmanager
async def opened(databases: Databases) -> AsyncIterator[Points]:
    async with Points.opened(settings_for(databases.new("sqlite"))) as points:
        yield points


class Town:
    """A community in which a story is told, `times` as many points to everything."""

    def __init__(self, points: Points, key: str, times: int = 1) -> None:
        self.points, self.key, self.times, self._keys = points, key, times, 0

    def by(self, who: str = MOD, after: timedelta = timedelta(0)) -> Origin:
        self._keys += 1
        return by(who, f"step:{self._keys}", NOON + after, self.key)

    async def rule(self, name: str, mode: Mode = Mode.LIVE, amount: int = 2, **changes: Any) -> None:
        wanted = definition(amount=amount * self.times, **changes)
        await self.points.write(rules.create, self.by(), name=name, definition=wanted, mode=mode)

    async def told(self, fact: Fact) -> None:
        origin = Origin(self.key, Actor(ActorKind.SYSTEM), max(NOON, fact.at), f"told:{fact.key}")
        await self.points.write(rules.fire, origin, fact)

    async def undone(self, number: int, **part: Any) -> rules.Undone:
        return await self.points.write(rules.undo, self.by(), number, reason="was wrong", **part)


def said(number: int, days: float = 0, user_id: str = ADA, **more: Any) -> Fact:
    at = NOON + days * DAY
    return message(number, at=at, user_id=user_id, message=f"9{number}", joined_at=None, **more)


async def begun(town: Town) -> None:
    """Make rules of every kind and have them act for three days."""
    await town.rule(
        "talk", counts_for_streak=True, role="77", limits=Limits(member_cooldown=60, rule_week=40)
    )
    await town.rule("shadow", Mode.SHADOW, amount=3, when=TotalAtLeast(points=4))
    await town.rule("days", trigger=OnStreak(length=2), amount=20, role="78")
    await town.rule("asks", amount=5, when=IsReply(), approval=True)
    await town.rule("here", trigger=OnCheckIn(), counts_for_streak=True, when=StreakAtLeast(length=1))
    await town.rule("turns", trigger=OnSchedule(every="day", roles=("21",)), limits=Limits(community_day=500))
    await town.rule("draft", Mode.DRAFT)
    for day in range(3):
        await town.told(said(day, day, other_id=GRACE))
        await town.told(said(10 + day, day + 0.01, GRACE, reply=day < 2))
        await town.told(said(20 + day, day + 0.01, reply=day == 1))
    await town.told(said(10, 1, GRACE))
    for day in range(2):
        await town.told(check_in(day))
    await town.points.write(approvals.vote, town.by(OTHER_MOD), 1, approve=True)


async def taken_back(town: Town) -> list[rules.Undone]:
    """Take some of it back, a part first."""
    part = await town.undone(1, since=NOON + 2 * DAY, until=NOON + 3 * DAY)
    return [part, await town.undone(4), await town.undone(1, partial=True)]


async def everything(town: Town) -> dict[str, Any]:
    """Return all that can be asked about the rules of a town, and its rows."""
    read, key = town.points.read, town.key
    views = await read(reading.listed, key, retired=True)
    numbers = [view.rule.number for view in views]
    span: dict[str, Any] = {"since": NOON + DAY, "until": NOON + 2 * DAY}
    found: dict[str, Any] = {
        "listed": views,
        "changes": await read(rules.changes, key),
        "compiled": [rule.number for rule in (await read(rules.compiled, key))[1].rules],
        "history": [await read(rules.history, key, number) for number in numbers],
        "tallies": [await read(rules.tally, key, number) for number in numbers],
        "parts": [await read(rules.tally, key, number, **span) for number in numbers],
        "versions": [await read(rules.tally, key, number, version=2) for number in numbers],
        "leaves": [await read(rules.leaves, key, number) for number in numbers],
        "messages": [await read(why_message, key, f"9{n}") for n in range(30)],
        "transactions": [await read(why_transaction, key, n) for n in range(30)],
        "members": [await read(why_member, key, user, NOON + 3 * DAY) for user in (ADA, GRACE, MOD)],
        "facts": [await read(why_fact, key, fact) for fact in (said(0), said(99), check_in(0))],
        "kept": await read(_kept, key),
        "standings": await read(_standings, key),
    }
    return found | await read(_rows, key)


def _kept(tx: Connection, key: str) -> list[Fact]:
    return list(keeping.kept(tx, key, since=NOON, until=NOON + 9 * DAY))


def _standings(tx: Connection, key: str) -> Any:
    community_id = communities.find(tx, key)
    assert community_id is not None
    asked = Asked(frozenset({"day", "week"}), frozenset({None, 1}))
    return standings(tx, community_id, policy.of(tx, key), [1, 2], NOON + 2 * DAY, asked)


def _rows(tx: Connection, key: str) -> dict[str, Any]:
    community_id = communities.find(tx, key)
    found: dict[str, Any] = {}
    for table in KEPT:
        columns = [each for each in table.__table__.columns if each.name != "community_id"]
        rows = tx.execute(select(*columns).where(table.community_id == community_id))
        found[table.__tablename__] = sorted((tuple(row) for row in rows), key=str)
    record = select(AuditEvent.action, AuditEvent.target, AuditEvent.before, AuditEvent.after)
    rows = tx.execute(record.where(AuditEvent.community_id == community_id).order_by(AuditEvent.number))
    return found | {"record": [tuple(row) for row in rows]}


async def test_a_story_of_rules_comes_to_the_same_beside_a_village_with_the_same_numbers(
    databases: Databases,
) -> None:
    async with opened(databases) as points:
        alone = Town(points, COMMUNITY)
        await begun(alone)
        first = await everything(alone)
        undone = await taken_back(alone)
        last = await everything(alone)
        assert await points.read(verify) == []
    evening = NOON + timedelta(minutes=14, seconds=24)  # a hundredth of a day
    days = [evening + n * DAY for n in range(3)]
    assert first["tallies"] == [
        Tally(9, 18, 2, last_at=days[2]),
        Tally(shadow_times=7, shadow_points=21, last_at=days[2]),
        Tally(2, 40, 2, last_at=days[1]),
        Tally(3, 15, 2, last_at=days[1]),
        Tally(2, 4, 1, last_at=NOON + DAY),
        Tally(),
        Tally(),
    ]
    assert first["parts"] == [
        Tally(3, 6, 2, last_at=days[1]),
        Tally(shadow_times=3, shadow_points=9, last_at=days[1]),
        Tally(2, 40, 2, last_at=days[1]),
        Tally(2, 10, 2, last_at=days[1]),
        Tally(1, 2, 1, last_at=NOON + DAY),
        Tally(),
        Tally(),
    ]
    assert first["versions"] == [Tally()] * 7
    assert last["tallies"][:4] == [
        Tally(undone=9, last_at=days[2]),
        first["tallies"][1],
        Tally(1, 20, 1, undone=1, last_at=days[1]),
        Tally(undone=1, last_at=days[1]),
    ]

    async with opened(databases) as points:
        village, town = Town(points, VILLAGE, times=4), Town(points, COMMUNITY)
        await village.rule("talk", amount=9)
        for n in range(40, 45):
            await village.told(said(n, n / 100, (MOD, GRACE, ADA)[n % 3]))
        await points.write(rules.undo, village.by(), 1, reason="again", until=NOON + DAY)
        await village.rule("all", counts_for_streak=True, amount=1)
        for day in range(6):
            await village.told(said(day, day / 2, GRACE))
            await village.told(said(10 + day, day + 0.01, ADA))
        before = await everything(village)
        await begun(town)
        assert await everything(town) == first
        assert await taken_back(town) == undone
        assert await everything(town) == last
        assert await everything(village) == before
        assert await points.read(verify) == []


async def test_turns_and_forgotten_facts_are_each_towns_own(databases: Databases) -> None:
    async with opened(databases) as points:
        towns = Town(points, COMMUNITY), Town(points, VILLAGE)
        for town in towns:
            await begun(town)
        later = NOON + DAY
        turns = await points.write(rules.due_slots, later, (COMMUNITY, VILLAGE))
        assert [(turn.community, turn.rule.number, turn.slot) for turn in turns] == [
            (COMMUNITY, 6, "2026-03-19"),
            (VILLAGE, 6, "2026-03-19"),
        ]
        await points.write(rules.slot_done, turns[0], later)
        again = later + timedelta(minutes=11)
        assert await points.write(rules.due_slots, again, (COMMUNITY, VILLAGE)) == turns[1:]

        kept = [len(await points.read(_kept, town.key)) for town in towns]
        assert kept[0] == kept[1] > 5
        assert await points.write(keeping.forget, NOON + 90 * DAY + DAY, 4) == 4
        assert [len(await points.read(_kept, town.key)) for town in towns] == [kept[0] - 4, kept[1]]
        assert await points.write(keeping.forget, NOON + 99 * DAY) == sum(kept) - 4
