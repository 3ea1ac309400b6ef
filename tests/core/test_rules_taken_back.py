"""What an undo of a rule takes, whole: grants, days, streaks, requests, expiries; and what it passes over."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from points_core import (
    achievements,
    approvals,
    audit,
    awards,
    expiry,
    history,
    policy,
    rules,
    uses,
)
from points_core.achievements.goals import Streak as StreakGoal
from points_core.database import Points
from points_core.models import Batch
from points_core.models import Fact as FactRow
from points_core.programme import Decay, Programme
from points_core.rules import Fired, On, Result
from points_core.rules.beside import Beside
from points_core.rules.definition import (
    IsReply,
    Limits,
    NoneOf,
    OnCheckIn,
    OnReactionReceived,
    OnStreak,
    TotalAtLeast,
)
from points_core.values import Kind, Mode
from points_core.verification import verify
from tests.conftest import Databases
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, by, settings_for
from tests.core.rule_facts import check_in, days, definition, grants
from tests.core.test_rules_firing import balance, fired, results, rule_made, said, told

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MIDNIGHT = NOON.replace(hour=0)


@pytest.fixture
async def points(databases: Databases) -> AsyncIterator[Points]:
    async with Points.opened(settings_for(databases.new("sqlite"))) as opened:
        yield opened


async def undone(points: Points, number: int = 1, **part: Any) -> rules.Undone:
    origin = part.pop("origin", None) or by(MOD)
    return await points.write(rules.undo, origin, number, reason="was wrong", **part)


async def test_an_undo_goes_on_record_with_its_part_and_all_that_it_took(points: Points) -> None:
    number = await rule_made(points, "days", amount=1, counts_for_streak=True, role="77")
    await rule_made(points, "reward", amount=20, trigger=OnStreak(length=2))
    asks = await rule_made(points, "asks", approval=True, when=IsReply())
    for day in range(2):
        await fired(points, said(day, after=day * DAY, reply=not day))
    span = {"version": 2, "since": NOON, "until": NOON + 2 * DAY}

    done = await undone(points, number, partial=True, origin=by(MOD, "k" * 200), **span)
    asked = await undone(points, asks)

    assert (done.days, done.roles, done.requests, done.refused) == (2, 1, (), ())
    assert done.batch is not None
    assert done.streaks is not None
    assert (done.batch.points, done.streaks.points, asked.requests) == (-2, -20, (1,))
    on_record = {
        each.number: (each.action, each.target, each.before, each.after)
        for each in await points.read(audit.recent, COMMUNITY, limit=50)
        if each.action == "rule.undo"
    }
    assert [on_record[number] for number in sorted(on_record)] == [
        (
            "rule.undo",
            "1",
            None,
            {
                "version": 2,
                "since": "2026-03-18T12:00:00+00:00",
                "until": "2026-03-20T12:00:00+00:00",
                "partial": True,
                "batch": 1,
                "days": 2,
                "roles": 1,
                "streaks": 2,
            },
        ),
        ("rule.undo", "3", None, {"requests": [1]}),
    ]
    batches = await points.read(_batches)
    assert batches == [(1, "k" * 200), (2, "k" * 180 + ":streaks")]
    why = [
        (each.after or {}).get("why")
        for each in await points.read(audit.recent, COMMUNITY, limit=50)
        if each.action == "batch.bulk"
    ]
    assert sorted(filter(None, why)) == ["rule 1 taken back", "streaks that are no more"]
    reasons = [(await points.read(history.transaction, COMMUNITY, n)).reason for n in (4, 5, 6)]
    assert reasons == ["was wrong", "was wrong", "the streak is no more"]
    again = await undone(points, number, partial=True, origin=by(MOD, "k" * 200), **span)
    assert again == replace(done, replayed=True, beside=Beside())
    assert await points.read(verify) == []


def _batches(tx: Connection) -> list[tuple[int, str]]:
    return [
        (row.number, row.key) for row in tx.execute(select(Batch.number, Batch.key).order_by(Batch.number))
    ]


async def test_rewards_for_weeks_in_a_row_go_with_the_week_and_stay_with_another_day_of_it(
    points: Points,
) -> None:
    number = await rule_made(points, "days", amount=1, counts_for_streak=True)
    await rule_made(points, "weeks", amount=20, trigger=OnStreak(length=2, unit="week"))
    for day, user in ((0, ADA), (0, GRACE), (11, ADA), (11, GRACE)):  # the second one is a Sunday
        await fired(points, said(10 * day + int(user), after=day * DAY, user_id=user))
    await points.write(rules.fire, told(check_in(11), NOON + 11 * DAY), check_in(6))  # Ada's, in that week
    assert (await balance(points), await balance(points, GRACE)) == (22, 22)

    done = await undone(points, number, since=NOON + 11 * DAY)

    assert done.streaks is not None
    assert (done.days, done.streaks.transactions) == (2, 1)
    assert (await balance(points), await balance(points, GRACE)) == (21, 1)


@pytest.mark.parametrize(
    "since, until, gone",
    [
        (MIDNIGHT + DAY, MIDNIGHT + 2 * DAY, 1),
        (MIDNIGHT + DAY + timedelta(microseconds=1), MIDNIGHT + 2 * DAY, 0),
        (MIDNIGHT + DAY, MIDNIGHT + 2 * DAY - timedelta(microseconds=1), 0),
        (MIDNIGHT + DAY, None, 2),
        (None, MIDNIGHT + 2 * DAY, 3),
        (None, None, 4),
    ],
)
async def test_of_forgotten_facts_the_days_go_that_lie_in_the_span_from_midnight_to_midnight(
    points: Points, since: datetime | None, until: datetime | None, gone: int
) -> None:
    await rule_made(points, counts_for_streak=True, limits=Limits(member_cooldown=20 * 86_400))
    await fired(points, said(0, after=-DAY))
    for day in range(1, 4):
        await fired(points, said(day, after=(day - 1) * DAY))
    await points.write(rules.forget, NOON + 200 * DAY)
    assert len(await points.read(days)) == 4

    done = await undone(points, 1, since=since, until=until)

    assert (done.days, len(await points.read(days))) == (gone, 4 - gone)


@pytest.mark.parametrize(
    "since, until, gone",
    [(HOUR, 2 * HOUR, 1), (HOUR + timedelta(seconds=1), 2 * HOUR, 0), (HOUR, HOUR, 0), (0 * HOUR, HOUR, 0)],
)
async def test_a_fact_belongs_to_a_span_from_its_first_second_to_before_its_end(
    points: Points, since: timedelta, until: timedelta, gone: int
) -> None:
    await rule_made(points, counts_for_streak=True, limits=Limits(member_week=2))
    await fired(points, said(0, after=-DAY))
    await fired(points, said(1, after=HOUR))  # capped: only the fact is kept, and its day

    done = await undone(points, 1, since=NOON + since, until=NOON + until)

    assert (done.batch, done.days) == (None, gone)


async def test_days_that_no_rule_made_are_passed_over_on_the_way_to_those_that_it_did(points: Points) -> None:
    number = await rule_made(points, counts_for_streak=True, limits=Limits(member_day=2, member_week=2))
    await rule_made(points, "asked", trigger=OnReactionReceived())
    for n in range(12):
        await fired(points, said(n, on=On.REACTION_RECEIVED, after=-n * DAY))
    await fired(points, said(20))
    await points.write(rules.edit, by(MOD), number, definition(amount=3, counts_for_streak=True))
    await points.write(
        rules.edit, by(MOD), number, definition(amount=4, counts_for_streak=True, limits=Limits(rule_week=1))
    )
    for day in (1, 2):  # Thursday and Friday: the cap of the week was reached on Wednesday
        await fired(points, said(20 + day, after=day * DAY))

    done = await undone(points, number, version=4)

    assert (done.batch, done.days, await points.read(days)) == (None, 2, [NOON.date().toordinal()])


async def test_a_badge_for_days_goes_with_days_on_which_nothing_was_given(points: Points) -> None:
    await points.write(achievements.badges.add, by(MOD), name="Here", goal=StreakGoal(steps=(2,)))
    number = await rule_made(points, counts_for_streak=True, limits=Limits(member_week=2))
    for day in range(2):
        await fired(points, said(day, after=day * DAY))
    assert (await achievements.settled(points, NOON + DAY)).earned == 1

    origin = by(MOD, at=NOON + 2 * DAY)
    done = await undone(points, number, since=NOON + HOUR, origin=origin)

    assert (done.batch, done.days) == (None, 1)
    assert not await points.read(achievements.anything_due, NOON + 2 * DAY - HOUR)
    assert (await achievements.settled(points, NOON + 2 * DAY)).revoked == 1


async def test_who_never_had_points_has_none_for_a_rule_that_asks(points: Points) -> None:
    await rule_made(points, when=TotalAtLeast(points=1))
    assert await fired(points, said(1)) == Fired()
    await rule_made(points, "gives", when=IsReply())
    await rule_made(points, "asks for more", when=TotalAtLeast(points=3))
    first, second = [await fired(points, said(n, reply=True)) for n in (2, 3)]
    assert [each.rule.name for each in first.outcomes] == ["gives"]
    assert [each.rule.name for each in second.outcomes] == ["talk", "gives", "asks for more"]


async def test_a_streak_that_ended_shortly_before_makes_up_for_none_that_is_gone(points: Points) -> None:
    number = await rule_made(points, "days", amount=1, counts_for_streak=True)
    await rule_made(points, "three", trigger=OnStreak(length=3), amount=20)
    for day in range(3):
        await fired(points, check_in(day))
    for day in range(5, 8):
        await fired(points, said(day, after=day * DAY))
    assert await balance(points) == 3 + 2 * 20

    done = await undone(points, number)

    assert done.streaks is not None
    assert (done.streaks.transactions, await balance(points)) == (1, 20)


async def test_a_day_is_not_kept_by_what_another_rule_left_out_on_it(points: Points) -> None:
    number = await rule_made(points, when=NoneOf(of=(IsReply(),)), counts_for_streak=True)
    await rule_made(points, "other", when=IsReply(), limits=Limits(member_week=2))
    await fired(points, said(1, after=-DAY, reply=True))
    await fired(points, said(2))
    assert results(await fired(points, said(3, after=3 * HOUR, reply=True))) == [Result.CAPPED]

    assert (await undone(points, number, until=NOON + HOUR)).days == 1


async def test_a_reward_for_a_streak_that_was_taken_back_by_hand_is_left_alone(points: Points) -> None:
    number = await rule_made(points, "days", amount=1, counts_for_streak=True)
    await rule_made(points, "two", trigger=OnStreak(length=2), amount=20)
    for day in range(2):
        await fired(points, said(day, after=day * DAY))
    await points.write(awards.reverse, by(MOD), 3, reason="by hand")

    done = await undone(points, number)

    assert (done.streaks, done.refused, await balance(points)) == (None, (), 0)
    assert await points.read(verify) == []


async def test_a_streak_that_a_freeze_held_together_goes_with_its_days(points: Points) -> None:
    await points.write(policy.amend, by(MOD), streak_freezes=1)
    number = await rule_made(points, "days", amount=1, counts_for_streak=True)
    await rule_made(points, "two", trigger=OnStreak(length=2), amount=20)
    for day in (0, 2):
        await fired(points, said(day, after=day * DAY))
    assert await balance(points) == 22

    await undone(points, number)

    assert await balance(points) == 0


async def test_a_day_is_not_kept_by_what_the_rule_would_have_given_in_shadow(points: Points) -> None:
    number = await rule_made(points, counts_for_streak=True)
    await fired(points, said(1))
    await points.write(rules.set_mode, by(MOD), number, Mode.SHADOW)
    assert results(await fired(points, said(2, after=HOUR))) == [Result.SHADOW]

    assert (await undone(points, number)).days == 1


async def test_an_expiry_that_was_taken_back_by_hand_is_not_taken_back_again(points: Points) -> None:
    number = await rule_made(points, amount=10)
    await fired(points, said(1, after=-40 * DAY))
    await points.write(expiry.keep_for, by(MOD, at=NOON - 41 * DAY), days=30, notice_days=0)
    while await points.write(expiry.take_due, NOON) is not None:
        pass
    assert await balance(points) == 0
    await points.write(awards.reverse, by(MOD), 2, reason="not yet")
    assert await balance(points) == 10

    done = await undone(points, number)

    assert done.batch is not None
    assert (done.batch.transactions, done.batch.points, await balance(points)) == (1, -10, 0)
    assert await points.read(verify) == []


async def test_what_expired_in_another_town_is_nothing_to_this_one(points: Points) -> None:
    origin = by(MOD, at=NOON - 40 * DAY, community="village")
    await points.write(
        approvals.request, origin, kind=Kind.AWARD, user_id=ADA, amount=5, reason="roses", again=True
    )
    await points.write(expiry.keep_for, replace(origin, key="keep"), days=30, notice_days=0)
    while await points.write(expiry.take_due, NOON) is not None:
        pass
    await rule_made(points)
    for n in range(2):
        await fired(points, said(n, after=n * HOUR))

    done = await undone(points, 1, until=NOON + HOUR)

    assert done.batch is not None
    assert (done.batch.transactions, await balance(points)) == (1, 2)


async def test_caps_of_streaks_are_given_back_on_the_days_of_the_zone(points: Points) -> None:
    await points.write(policy.change, by(MOD), timezone="Europe/Berlin")
    number = await rule_made(points, amount=1, counts_for_streak=True)
    await rule_made(points, "two", trigger=OnStreak(length=2), amount=20)
    for day in range(2):
        await fired(points, said(day, after=day * DAY + 11.5 * HOUR))
    assert await balance(points) == 22

    await undone(points, number)

    assert (await points.read(uses.stored, 1), await balance(points)) == ({}, 0)
    assert await points.read(verify) == []


async def test_what_melted_meanwhile_may_have_been_part_of_what_is_taken_back(points: Points) -> None:
    number = await rule_made(points, amount=100)
    await fired(points, said(1))
    assert await points.read(rules.leaves, COMMUNITY, number) == Beside()
    decay = Programme(decay=Decay(percent=10, inactive_days=5))
    await points.write(policy.change, by(MOD), programme=decay)
    while await points.write(expiry.take_due, NOON + 40 * DAY) is not None:
        pass
    assert await balance(points) < 100
    late = await rule_made(points, "late", amount=5)
    (melted,) = await points.read(_melted)
    await points.write(rules.set_mode, by(MOD), late, Mode.PAUSED)
    at_once = await rule_made(points, "at once", amount=5)
    await points.write(rules.set_mode, by(MOD), number, Mode.PAUSED)
    await fired(points, said(2, after=melted - NOON))
    await points.write(rules.set_mode, by(MOD), at_once, Mode.PAUSED)
    await points.write(rules.set_mode, by(MOD), late, Mode.LIVE)
    await fired(points, said(3, after=melted - NOON + timedelta(seconds=1)))

    assert await points.read(rules.leaves, COMMUNITY, number) == Beside(decayed=True)
    assert await points.read(rules.leaves, COMMUNITY, number, since=NOON + HOUR) == Beside(decayed=False)
    assert await points.read(rules.leaves, COMMUNITY, at_once) == Beside(decayed=True)
    assert await points.read(rules.leaves, COMMUNITY, late) == Beside()
    assert await points.read(rules.leaves, "elsewhere", number) == Beside()


def _melted(tx: Connection) -> list[datetime]:
    return list(tx.execute(select(Batch.created_at)).scalars())


async def test_a_rule_that_asked_until_the_very_moment_is_not_named_and_one_that_still_asks_is(
    points: Points,
) -> None:
    number = await rule_made(points)
    total = await rule_made(points, "total", when=TotalAtLeast(points=2))
    shared = await rule_made(points, "shared", limits=Limits(community_week=9))
    await points.write(rules.edit, by(MOD, at=NOON + HOUR), total, definition())
    await points.write(rules.edit, by(MOD, at=NOON + 2 * HOUR), shared, definition())
    for n, at in enumerate((HOUR, 1.5 * HOUR)):
        await fired(points, said(n, after=at))
    assert await points.read(rules.leaves, COMMUNITY, number) == Beside(capped=(shared,))
    assert await points.read(
        rules.leaves, COMMUNITY, number, until=NOON + HOUR + timedelta(seconds=1)
    ) == Beside(capped=(shared,))
    await points.write(rules.fire, told(said(9), NOON + 3 * HOUR), said(9, after=59 * timedelta(minutes=1)))
    assert await points.read(rules.leaves, COMMUNITY, number) == Beside(asked=(total,), capped=(shared,))


async def test_what_rules_were_before_the_part_began_is_not_named(points: Points) -> None:
    number = await rule_made(points)
    for name in ("total", "other"):
        asks = await rule_made(points, name, when=TotalAtLeast(points=2))
        await points.write(rules.edit, by(MOD), asks, definition())
    await fired(points, said(1, after=HOUR))
    assert await points.read(rules.leaves, COMMUNITY, number) == Beside()


async def test_of_what_was_approved_and_taken_back_by_hand_nothing_is_taken_twice(points: Points) -> None:
    number = await rule_made(points, approval=True)
    for n in range(3):
        await fired(points, said(n))
    for request in (1, 2):
        await points.write(approvals.vote, by(OTHER_MOD), request, approve=True)
    await points.write(approvals.vote, by(OTHER_MOD), 3, approve=False)
    await points.write(awards.reverse, by(MOD), 1, reason="by hand")

    done = await undone(points, number)

    assert done.batch is not None
    assert (done.batch.transactions, done.batch.points, done.requests) == (1, -2, ())
    assert await balance(points) == 0
    stands = [(row["standing"], row["undone_batch"]) for row in await points.read(grants)]
    assert sorted(stands, key=str) == [(False, 1), (False, 1), (False, None)]


async def test_a_check_in_that_no_rule_met_is_kept_once_and_its_member_known(points: Points) -> None:
    first = await fired(points, check_in(0))
    again = await fired(points, check_in(0))

    assert first.streaks is not None
    assert (first.checked_in, again.checked_in, again.streaks) == (True, False, first.streaks)
    assert await points.read(days) == [NOON.date().toordinal()]
    facts = select(FactRow.key)

    def kept(tx: Connection) -> int:
        return len(tx.execute(facts).all())

    before = await points.read(kept)
    await rule_made(points, trigger=OnCheckIn())
    assert (await fired(points, check_in(0))).outcomes == ()
    assert await points.read(kept) <= before + 1
