"""A busy server's day: 100,000 events, doubled, replayed, out of order, by a clock that is set back and forth."""

from asyncio import gather
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, select

from points_core import achievements, policy, rules
from points_core.achievements import badges, goals
from points_core.achievements.goals import FirstAward, LevelReached, Streak, Team
from points_core.database import Points
from points_core.models import (
    ActiveDay,
    BadgeHolding,
    Member,
    PointBalance,
    RoleGrant,
    RuleGrant,
    RuleUse,
)
from points_core.programme import Level
from points_core.rules import Compiled, Fact, Fired, On
from points_core.rules.definition import (
    AllOf,
    InChannels,
    IsReply,
    Limits,
    Multiplier,
    OnCheckIn,
    OnMessage,
    OnReactionReceived,
    OnStreak,
    OnVoice,
)
from points_core.values import Actor, ActorKind, Mode, Origin
from points_core.verification import verify
from tests.conftest import Databases
from tests.core.conftest import COMMUNITY, MOD, by, row_counts, settings_for
from tests.core.rule_facts import definition

EVENTS = 100_000
FEWER = 25_000  # on PostgreSQL, where each costs a round trip: the rules are decided in the same code
MEMBERS = 1_500
CHANNELS = 40
TOGETHER = 1_000  # facts told at a time
BEGINS = datetime(2026, 3, 28, 17, tzinfo=UTC)  # in Berlin the next morning's third hour is skipped
TWICE, LATER, SWAPPED = 0.03, 0.03, 0.2  # parts of the events
CLOCK_STEPS = {0.2: -timedelta(hours=1), 0.5: timedelta(hours=2), 0.8: -timedelta(minutes=50)}


@dataclass(frozen=True)
class Event:
    """A fact, and what the clock of whoever tells of it shows then."""

    fact: Fact
    heard: datetime


def a_day(seed: int, events: int = EVENTS) -> list[Event]:
    """Return the events of a day, in the order in which they are told; the same for the same seed."""
    draw = Random(seed)
    facts = [_fact(draw, number) for number in range(events - int(events * (TWICE + LATER)))]
    facts += draw.sample(facts, int(events * TWICE))
    facts.sort(key=lambda fact: (fact.at, fact.key))
    for place in draw.sample(range(len(facts) - 300), int(len(facts) * SWAPPED)):
        other = place + draw.randrange(300)
        facts[place], facts[other] = facts[other], facts[place]
    facts += draw.sample(facts, events - len(facts))
    return list(_heard(facts))


def _heard(facts: Sequence[Fact]) -> Iterable[Event]:
    steps = {int(part * len(facts)): step for part, step in CLOCK_STEPS.items()}
    clock, off = BEGINS, timedelta(0)
    for number, fact in enumerate(facts):
        off += steps.get(number, timedelta(0))
        clock = max(clock, fact.at)
        yield Event(fact, clock + off)


def _fact(draw: Random, number: int) -> Fact:
    at = BEGINS + timedelta(seconds=draw.randrange(86_400), milliseconds=draw.randrange(1_000))
    user = str(10_000 + int(MEMBERS * draw.random() ** 2))  # some are there much more than others
    channel = str(100 + draw.randrange(CHANNELS))
    shared: dict[str, Any] = {"at": at, "user_id": user, "roles": frozenset({"21"} if number % 5 else {"22"})}
    kind = draw.random()
    if kind < 0.02:
        local = at.astimezone(BERLIN).date().toordinal()
        return Fact(on=On.CHECK_IN, key=f"check-in:{user}:{local}", **shared)
    if kind < 0.05:
        return Fact(
            on=On.VOICE, key=f"voice:{number}", channel=channel, minutes=10, people=3, rule=4, **shared
        )
    shared |= {"channel": channel, "message": str(number), "reply": draw.random() < 0.3}
    if kind < 0.12:
        other = str(10_000 + draw.randrange(MEMBERS))
        return Fact(on=On.REACTION_RECEIVED, key=f"reaction:{number}", other_id=other, what="⭐", **shared)
    return Fact(on=On.MESSAGE, key=f"message:{number}", **shared)


BERLIN = policy.Policy(timezone="Europe/Berlin").zone


async def host(points: Points) -> None:
    """Make a server with rules of every kind."""
    await points.write(policy.change, by(MOD, at=BEGINS), timezone="Europe/Berlin")
    here = InChannels(channels=tuple(str(100 + n) for n in range(4)))
    there = InChannels(channels=tuple(str(104 + n) for n in range(4)))
    limits = Limits(member_cooldown=30, member_day=60, rule_day=9_000)
    for name, mode, changes in (
        ("talk", Mode.LIVE, {"when": here, "amount": 2, "limits": limits}),
        ("shadow", Mode.SHADOW, {"when": here, "limits": Limits(channel_cooldown=10, community_week=7_777)}),
        (
            "thanks",
            Mode.LIVE,
            {"trigger": OnReactionReceived(), "limits": Limits(pair_cooldown=3_600, member_week=20)},
        ),
        (
            "voice",
            Mode.LIVE,
            {
                "trigger": OnVoice(),
                "amount": 3,
                "limits": Limits(community_day=9_999, every_rule_member_day=80),
                "role": "900",
            },
        ),
        ("check-in", Mode.LIVE, {"trigger": OnCheckIn(), "amount": 5}),
        ("two days", Mode.LIVE, {"trigger": OnStreak(length=2), "amount": 20}),
        (
            "replies",
            Mode.LIVE,
            {
                "trigger": OnMessage(),
                "when": AllOf(of=(IsReply(), there)),
                "amount": 1,
                "multipliers": (Multiplier(role="22", percent=0),),
                "limits": Limits(member_cooldown=600),
                "counts_for_streak": True,
            },
        ),
    ):
        origin = by(MOD, at=BEGINS)
        wanted = definition(**changes)
        await points.write(rules.create, origin, name=name, definition=wanted, mode=mode)


async def honour(points: Points) -> None:
    """Have levels and badges of every kind in the server, with roles."""
    low, high = (Level(name=name, earned=earned, role=role) for name, earned, role in LEVELS)
    await points.write(policy.amend, by(MOD, at=BEGINS), levels=(low, high))
    for name, goal, role in (
        ("First", FirstAward(), "911"),
        ("Points", goals.Points(steps=(5, 20, 60)), "912"),
        ("Regular", Streak(steps=(2,)), "913"),
        ("High", LevelReached(steps=(2,)), "914"),
        ("Together", Team(points=10_000, each=30), "915"),
    ):
        await points.write(badges.add, by(MOD, at=BEGINS), name=name, goal=goal, role=role)


LEVELS = (("Low", 10, "901"), ("High", 45, "902"))


async def tell(points: Points, day: Sequence[Event], together: int = TOGETHER) -> list[Fired]:
    """Tell of a day as a bot does: what no rule cares about goes no further."""
    _, compiled = await points.read(rules.compiled, COMMUNITY)
    cared = [event for event in day if _cares(compiled, event.fact)]
    fired: list[Fired] = []
    for start in range(0, len(cared), together):
        fired += await gather(
            *(points.write(rules.fire, origin_of(e), e.fact) for e in cared[start : start + together])
        )
    return fired


def _cares(compiled: Compiled, fact: Fact) -> bool:
    return compiled.watched(fact.on, fact.channel) and bool(compiled.caring(fact))


def origin_of(event: Event) -> Origin:
    return Origin(COMMUNITY, Actor(ActorKind.SYSTEM), event.heard, "gateway")


def books(tx: Connection) -> dict[str, list[Any]]:
    """Return what a day came to, by outside ids: numbers are given in the order in which people were met."""
    users = {0: "everyone"} | {row.id: row.user_id for row in tx.execute(select(Member.id, Member.user_id))}
    grants = select(
        RuleGrant.member_id,
        RuleGrant.rule_number,
        RuleGrant.fact_key,
        RuleGrant.version,
        RuleGrant.shadow,
        RuleGrant.at,
        RuleGrant.amount,
        RuleGrant.standing,
    )
    uses = select(
        RuleUse.member_id,
        RuleUse.rule_number,
        RuleUse.shadow,
        RuleUse.span,
        RuleUse.start,
        RuleUse.points,
        RuleUse.times,
    )
    balances = select(PointBalance.member_id, PointBalance.current, PointBalance.earned, PointBalance.spent)
    days = select(ActiveDay.member_id, ActiveDay.day, ActiveDay.source)
    levels = select(PointBalance.member_id, PointBalance.level).where(PointBalance.level > 0)
    held = select(BadgeHolding.member_id, BadgeHolding.badge_number, BadgeHolding.step)
    roles = select(RoleGrant.member_id, RoleGrant.role, RoleGrant.source).where(RoleGrant.wanted)
    named = {
        "grants": grants,
        "uses": uses,
        "balances": balances,
        "days": days,
        "levels": levels,
        "badges": held.where(BadgeHolding.revoked_at.is_(None)),
        "roles": roles,
    }
    return {
        name: sorted((users[row[0]], *row[1:]) for row in tx.execute(statement))
        for name, statement in named.items()
    }


def answers(fired: Iterable[Fired]) -> list[Any]:
    """Return what was answered, without numbers of transactions and whether it was said before."""
    return [[(o.rule.number, o.result, o.amount, o.limit, o.until) for o in one.outcomes] for one in fired]


@pytest.mark.slow
async def test_a_day_of_100_000_events_told_twice_comes_to_the_same(points: Points) -> None:
    events = EVENTS if points.settings.database_url.startswith("sqlite") else FEWER
    day = a_day(seed=4, events=events)
    assert len(day) == events
    await host(points)

    first = await tell(points, day)
    after, rows = await points.read(books), await row_counts(points)
    again = await tell(points, day)

    assert 0.08 < len(after["grants"]) / events < 0.3
    assert answers(again) == answers(first)
    assert not any(one.receipts for one in again)
    assert await points.read(books) == after
    assert await row_counts(points) == rows
    assert await points.read(verify) == []


@pytest.mark.slow
async def test_how_many_facts_are_decided_together_changes_nothing(
    points: Points, databases: Databases
) -> None:
    day = a_day(seed=6)[:10_000]
    await host(points)
    large = await tell(points, day)

    url = databases.new("sqlite")
    async with Points.opened(settings_for(url)) as other:
        await host(other)
        small = await tell(other, day, together=37)
        assert answers(small) == answers(large)
        assert await other.read(books) == await points.read(books)
    databases.drop(url)


async def _honoured(points: Points, day: Sequence[Event]) -> None:
    """Tell of a day to a server with levels and badges, settled after each part of it as a bot does."""
    await honour(points)
    for start in range(0, len(day), TOGETHER * 5):
        part = day[start : start + TOGETHER * 5]
        await tell(points, part)
        await achievements.settled(points, part[-1].heard)


@pytest.mark.slow
async def test_a_rule_taken_back_after_a_day_leaves_the_books_of_a_day_without_it(
    points: Points, databases: Databases
) -> None:
    """Of a rule whose points no other rule's limits and conditions look at: what those gave can stay."""
    day, voice, after = a_day(seed=5)[20_000:40_000], 4, BEGINS + timedelta(days=3)
    await host(points)
    await _honoured(points, day)
    honoured = await points.read(books)

    undone = await points.write(rules.undo, by(MOD, at=after), voice, reason="was a mistake")
    await achievements.settled(points, after)

    assert undone.batch is not None
    assert undone.batch.transactions > 200
    url = databases.new("sqlite")
    async with Points.opened(settings_for(url)) as other:
        await host(other)
        await other.write(rules.set_mode, by(MOD, at=BEGINS), voice, Mode.RETIRED)
        await _honoured(other, day)
        await achievements.settled(other, after)
        never = await other.read(books)
    databases.drop(url)
    taken = await points.read(books)
    taken["grants"] = [grant for grant in taken["grants"] if grant[1] != voice]
    taken["balances"] = [row for row in taken["balances"] if row[1:] != (0, 0, 0)]
    assert {name: repr(rows) for name, rows in taken.items()} == {
        name: repr(rows) for name, rows in never.items()
    }
    for name in ("levels", "badges", "roles"):  # there was something to take, and something to leave
        assert 0 < len(taken[name]) < len(honoured[name])
    assert {row[1] for row in honoured["badges"]} == {1, 2, 3, 4, 5}
    assert {row[1] for row in taken["badges"]} == {1, 2, 3, 4}  # together they have too few without it
    assert not any(role == "900" for _, role, _ in taken["roles"])
    assert await points.read(verify) == []
    assert undone.batch.points == -sum(grant[6] for grant in honoured["grants"] if grant[1] == voice)
