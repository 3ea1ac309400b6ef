"""What a rule gave is taken back as a whole: as if it had never run, apart from the record."""

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
    bulk,
    expiry,
    history,
    leaderboard,
    policy,
    privacy,
    rules,
    uses,
)
from points_core.database import Points
from points_core.errors import DuplicateTransaction, InvalidText, InvalidTime, RowsRefused, UnknownRule
from points_core.models import ActiveDay, RoleGrant, RuleGrant
from points_core.rules import Result
from points_core.rules.beside import Beside
from points_core.rules.definition import Limits, OnStreak, TotalAtLeast
from points_core.values import Kind, Mode, Receipt, RequestState
from points_core.verification import verify
from points_core.windows import Window
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, by, row_counts
from tests.core.rule_facts import check_in, definition
from tests.core.test_rules_firing import balance, fired, results, rule_made, said


async def undone(points: Points, number: int = 1, **span: Any) -> rules.Undone:
    return await points.write(rules.undo, by(MOD), number, reason="was wrong", **span)


def _used(tx: Connection) -> dict[Any, Any]:
    return uses.stored(tx, 1)


def _recounted(tx: Connection) -> dict[Any, Any]:
    return uses.summed(uses.standing(tx, 1), policy.by_number(tx, 1).zone)


def _lives(tx: Connection) -> tuple[list[Any], list[Any]]:
    """Return the active days there are, and the roles that are wanted."""
    days = [tuple(row) for row in tx.execute(select(ActiveDay.member_id, ActiveDay.day))]
    roles = tx.execute(select(RoleGrant.member_id, RoleGrant.role).where(RoleGrant.wanted.is_(True)))
    return days, [tuple(row) for row in roles]


async def test_a_rule_taken_back_leaves_the_server_as_if_it_had_never_run(points: Points) -> None:
    other = await rule_made(points, "other")
    await fired(points, said(100))
    board = await points.read(leaderboard.standings, COMMUNITY, window=Window.all_time())
    before = (await balance(points), await points.read(_lives), await points.read(_used))
    number = await rule_made(
        points, "wrong", amount=9, role="77", counts_for_streak=True, limits=Limits(member_day=20)
    )
    for n in range(3):
        await fired(points, said(n, user_id=GRACE))
    assert await balance(points, GRACE) == 3 * 2 + 20
    await points.write(rules.undo, by(MOD), other, reason="not this", since=NOON + timedelta(days=1))

    done = await undone(points, number)

    assert done.batch is not None
    assert (done.batch.transactions, done.batch.points, done.days, done.roles) == (3, -20, 1, 1)
    assert await balance(points, GRACE) == 3 * 2
    await undone(points, other)
    assert (await balance(points, GRACE), await balance(points)) == (0, 0)
    assert await points.read(_lives) == ([], [])
    assert await points.read(_used) == {}
    assert await points.read(verify) == []
    assert before[1] == ([], [])
    assert board.members == 1


async def test_an_undo_of_a_version_takes_the_role_that_only_this_version_gave(points: Points) -> None:
    number = await rule_made(points)
    await fired(points, said(1))
    await points.write(rules.edit, by(MOD), number, definition(role="77"))
    given = await fired(points, said(2))
    await points.write(rules.edit, by(MOD), number, definition())
    await fired(points, said(3))
    assert (await points.read(_lives))[1] != []

    done = await undone(points, number, version=given.outcomes[0].rule.version)

    assert (done.roles, (await points.read(_lives))[1]) == (1, [])
    assert await points.read(verify) == []


async def test_what_was_taken_back_gives_caps_and_cooldowns_free(points: Points) -> None:
    await rule_made(points, limits=Limits(member_day=2, member_cooldown=3_600))
    await fired(points, said(1))
    assert results(await fired(points, said(2))) == [Result.COOLDOWN]

    await undone(points)

    assert results(await fired(points, said(3))) == [Result.GIVEN]
    again = await fired(points, said(1))
    assert [(each.result, each.replayed) for each in again.outcomes] == [(Result.GIVEN, True)]
    assert await balance(points) == 2
    assert await points.read(_used) == await points.read(_recounted)


async def test_what_other_rules_gave_for_streaks_of_its_days_goes_with_it(points: Points) -> None:
    number = await rule_made(points, "days", amount=1, counts_for_streak=True)
    await rule_made(points, "reward", amount=20, trigger=OnStreak(length=2), role="77")
    for day in range(3):
        await fired(points, said(day, after=timedelta(days=day)))
        await fired(points, said(10 + day, after=timedelta(days=day), user_id=GRACE))
    assert (await balance(points), await balance(points, GRACE)) == (23, 23)

    done = await undone(points, number, since=NOON + timedelta(days=2))
    assert done.streaks is None  # two days still stand, and they are a streak of two
    assert await balance(points) == 22

    done = await undone(points, number)
    assert done.streaks is not None
    assert (done.streaks.transactions, done.streaks.points) == (2, -40)
    assert (await balance(points), await balance(points, GRACE)) == (0, 0)
    assert await points.read(_lives) == ([], [])
    assert await points.read(_used) == {}
    assert await points.read(verify) == []


async def test_an_undo_asked_twice_is_done_once(points: Points) -> None:
    number = await rule_made(points)
    await fired(points, said(1))
    origin = by(MOD, "undo:1")
    first = await points.write(rules.undo, origin, number, reason="was wrong")
    rows = await row_counts(points)
    second = await points.write(rules.undo, origin, number, reason="was wrong")

    assert second.replayed
    assert first.batch is not None
    assert second.batch is not None
    assert second.batch.number == first.batch.number
    assert await row_counts(points) == rows
    nothing = await undone(points, number)
    assert (nothing.batch, nothing.requests, nothing.days, nothing.roles) == (None, (), 0, 0)
    assert await row_counts(points) == rows


async def test_only_a_span_or_a_version_is_taken_back(points: Points) -> None:
    number = await rule_made(points)
    for hours in range(3):
        await fired(points, said(hours, after=timedelta(hours=hours)))
    await points.write(rules.edit, by(MOD), number, (await current(points)).model_copy(update={"amount": 5}))
    for hours in range(3, 5):
        await fired(points, said(hours, after=timedelta(hours=hours)))

    span = await undone(points, since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=2))
    assert span.batch is not None
    assert (span.batch.transactions, await balance(points)) == (1, 3 * 2 + 2 * 5 - 2)

    version = await undone(points, version=3)
    assert version.batch is not None
    assert (version.batch.points, await balance(points)) == (-10, 2 * 2)
    assert await points.read(_used) == await points.read(_recounted)
    assert await points.read(verify) == []


async def current(points: Points) -> rules.Definition:
    return (await points.read(rules.get, COMMUNITY, 1)).rule.definition


async def test_what_waits_is_cancelled_and_what_was_approved_is_taken_back(points: Points) -> None:
    number = await rule_made(points, approval=True)
    first, second = [(await fired(points, said(n))).outcomes[0].request for n in range(2)]
    assert first is not None
    assert second is not None
    await points.write(approvals.vote, by(OTHER_MOD), first.number, approve=True)

    done = await undone(points, number)

    assert done.requests == (second.number,)
    assert done.batch is not None
    assert (done.batch.transactions, await balance(points)) == (1, 0)
    closed = await points.read(approvals.get, COMMUNITY, second.number)
    assert closed.state is RequestState.CANCELLED
    assert await points.read(_used) == {}
    assert await points.read(verify) == []


async def test_what_was_taken_back_one_by_one_is_left_alone(points: Points) -> None:
    number = await rule_made(points)
    for n in range(2):
        await fired(points, said(n))
    await points.write(awards.reverse, by(MOD), 1, reason="by hand")

    done = await undone(points, number)

    assert done.batch is not None
    assert (done.batch.transactions, await balance(points)) == (1, 0)
    assert await points.read(_used) == {}


async def test_points_that_are_spent_stop_an_undo_unless_they_are_left_out(points: Points) -> None:
    number = await rule_made(points)
    for n, user in enumerate((ADA, GRACE)):
        await fired(points, said(n, user_id=user))
    taken = await points.write(
        approvals.request, by(MOD), kind=Kind.DEDUCTION, user_id=ADA, amount=2, reason="spent"
    )
    assert isinstance(taken, Receipt)
    rows = await row_counts(points)

    with pytest.raises(RowsRefused):
        await undone(points, number)
    assert await row_counts(points) == rows

    done = await undone(points, number, partial=True)
    assert done.batch is not None
    assert (done.batch.transactions, len(done.batch.refused)) == (1, 1)
    assert (await balance(points), await balance(points, GRACE)) == (0, 0)
    assert await points.read(_used) == await points.read(_recounted)
    assert await points.read(verify) == []


async def test_days_that_another_reason_keeps_stay_and_part_of_a_day_keeps_it(points: Points) -> None:
    number = await rule_made(points, counts_for_streak=True)
    second = await rule_made(points, "second", counts_for_streak=True)
    for hours in (0, 1):
        await fired(points, said(hours, after=timedelta(hours=hours)))

    half = await undone(points, number, until=NOON + timedelta(hours=1))
    assert half.days == 0
    whole = await undone(points, number)
    assert whole.days == 1
    days = (await points.read(history.streaks, COMMUNITY, ADA, NOON)).daily
    assert days.current == 1  # the second rule's
    await undone(points, second)
    assert (await points.read(history.streaks, COMMUNITY, ADA, NOON)).daily.current == 0


async def test_an_undo_is_on_record_and_can_be_refused(points: Points) -> None:
    number = await rule_made(points)
    await fired(points, said(1))
    with pytest.raises(UnknownRule):
        await undone(points, 9)
    with pytest.raises(InvalidText):
        await points.write(rules.undo, by(MOD), number, reason=" ")
    await undone(points, number, version=2)

    (latest, batch, *_) = await points.read(audit.recent, COMMUNITY)
    assert (latest.action, latest.target, latest.after) == ("rule.undo", "1", {"version": 2, "batch": 1})
    assert (batch.action, (batch.after or {})["why"]) == ("batch.bulk", "rule 1 taken back")


async def test_a_shadow_rules_records_stay(points: Points) -> None:
    number = await rule_made(points, mode=Mode.SHADOW)
    await fired(points, said(1))
    done = await undone(points, number)
    assert done.batch is None
    assert len(await points.read(_grants)) == 1


def _grants(tx: Connection) -> list[Any]:
    return [tuple(row) for row in tx.execute(select(RuleGrant.rule_number, RuleGrant.standing))]


async def wanted_roles(points: Points, user_id: str = ADA) -> list[tuple[str, str, datetime | None]]:
    """Return the roles that somebody is to have, where each comes from, and until when."""
    found = await points.read(achievements.roles.of, COMMUNITY, user_id)
    return sorted((each.role, each.source, each.until) for each in found if each.wanted)


@pytest.mark.parametrize("second_days", [None, 30])
async def test_a_role_that_another_rule_gave_too_stays(points: Points, second_days: int | None) -> None:
    first = await rule_made(points, "first", role="77")
    second = await rule_made(points, "second", role="77", role_days=second_days)
    await fired(points, said(1))

    assert (await undone(points, first)).roles == 0
    until = NOON + timedelta(days=second_days) if second_days else None
    assert await wanted_roles(points) == [("77", "rule:2", until)]
    assert (await undone(points, second)).roles == 1
    assert await wanted_roles(points) == []


async def test_a_version_that_gives_a_role_takes_it_with_it(points: Points) -> None:
    number = await rule_made(points)
    await fired(points, said(1))
    await points.write(rules.edit, by(MOD), number, (await current(points)).model_copy(update={"role": "77"}))
    await fired(points, said(2))
    assert await wanted_roles(points) == [("77", "rule:1", None)]

    assert (await undone(points, number, version=3)).roles == 1
    assert await wanted_roles(points) == []


async def test_points_that_expired_meanwhile_are_neither_gained_nor_lost(points: Points) -> None:
    number = await rule_made(points, amount=10)
    await fired(points, said(1, after=-timedelta(days=40)))
    await fired(points, said(2, after=-timedelta(days=40), user_id=GRACE))
    await spend(points, GRACE, 4)
    await expire(points)
    assert (await balance(points), await balance(points, GRACE)) == (0, 0)
    rows = await row_counts(points)

    with pytest.raises(RowsRefused) as refused:  # Grace spent points that she would not have had
        await undone(points, number)
    assert [row.user_id for row in refused.value.rows] == [GRACE]
    assert await row_counts(points) == rows
    done = await undone(points, number, partial=True)

    found = await points.read(history.balance, COMMUNITY, ADA)
    assert (found.current, found.earned, found.spent) == (0, 0, 0)
    assert done.batch is not None
    assert (done.batch.transactions, done.batch.points, len(done.refused)) == (2, 0, 1)
    left = await points.read(history.balance, COMMUNITY, GRACE)
    assert (left.current, left.earned, left.spent) == (0, 10, 10)  # all of it stays, the expiry too
    await expire(points)
    assert await balance(points) == 0
    assert await points.read(verify) == []


async def spend(points: Points, user_id: str, amount: int) -> None:
    taken = await points.write(
        approvals.request, by(MOD), kind=Kind.DEDUCTION, user_id=user_id, amount=amount, reason="spent"
    )
    assert isinstance(taken, Receipt)


async def expire(points: Points) -> None:
    """Have points expire after a month, at once."""
    await points.write(expiry.keep_for, by(MOD, at=NOON - timedelta(days=41)), days=30, notice_days=0)
    while await points.write(expiry.take_due, NOON) is not None:
        pass


async def test_an_undos_key_stands_for_that_undo_only(points: Points) -> None:
    number = await rule_made(points, approval=True)
    other = await rule_made(points, "other")
    await fired(points, said(1))
    entry = bulk.Entry(row=1, user_id=GRACE, amount=5, reason="helped", kind=Kind.AWARD)
    await points.write(bulk.post, by(MOD, "batch"), [entry])
    first = await points.write(rules.undo, by(MOD, "undo"), number, reason="was wrong")
    await fired(points, said(2))
    rows = await row_counts(points)

    again = await points.write(rules.undo, by(MOD, "undo"), number, reason="was wrong")
    assert again == replace(first, replayed=True, beside=again.beside)
    assert len(again.requests) == 1
    for key, which, changes in (
        ("batch", number, {}),
        ("undo", other, {}),
        ("undo", number, {"version": 1}),
        ("undo", number, {"partial": True}),
    ):
        with pytest.raises(DuplicateTransaction):
            await points.write(rules.undo, by(MOD, key), which, reason="was wrong", **changes)
    assert await row_counts(points) == rows


async def test_streaks_that_only_other_freezes_would_break_are_left_alone(points: Points) -> None:
    await points.write(policy.amend, by(MOD), streak_freezes=2, check_ins=True)
    number = await rule_made(points, "days", amount=1, counts_for_streak=True)
    await rule_made(points, "reward", amount=20, trigger=OnStreak(length=3))
    for day in (0, 1, 3):
        await fired(points, check_in(day))
    await fired(points, said(1, after=timedelta(days=60)))
    await points.write(policy.amend, by(MOD), streak_freezes=0)

    done = await undone(points, number)

    assert (done.days, done.streaks) == (1, None)
    assert await balance(points) == 20


async def test_in_part_an_undo_leaves_streaks_rewards_that_are_spent(points: Points) -> None:
    number = await rule_made(points, "days", amount=1, counts_for_streak=True)
    await rule_made(points, "reward", amount=20, trigger=OnStreak(length=2))
    for day in range(2):
        await fired(points, said(day, after=timedelta(days=day)))
    await spend(points, ADA, 5)
    with pytest.raises(RowsRefused):
        await undone(points, number)

    done = await undone(points, number, partial=True)

    assert done.batch is not None
    assert (done.batch.points, done.streaks, len(done.refused)) == (-2, None, 1)
    assert await balance(points) == 15
    assert await points.read(_used) == await points.read(_recounted)
    assert await points.read(verify) == []


async def test_what_an_undo_cannot_rewrite_is_named(points: Points) -> None:
    number = await rule_made(points, limits=Limits(community_day=100))
    total = await rule_made(points, "total", when=TotalAtLeast(points=2))
    shared = await rule_made(points, "shared", limits=Limits(every_rule_member_day=50))
    gone = await rule_made(points, "before", when=TotalAtLeast(points=2))
    await points.write(rules.set_mode, by(MOD), gone, Mode.PAUSED)
    await rule_made(points, "shadow", mode=Mode.SHADOW, when=TotalAtLeast(points=2))
    await fired(points, said(1, after=timedelta(hours=1)))

    assert (await undone(points, number)).beside == Beside(asked=(total,), capped=(shared,))
    assert (await undone(points, number)).beside == Beside()


async def test_a_span_without_a_zone_is_refused(points: Points) -> None:
    number = await rule_made(points)
    with pytest.raises(InvalidTime):
        await undone(points, number, since=NOON.replace(tzinfo=None))


async def test_what_an_erased_member_got_is_taken_back_too(points: Points) -> None:
    number = await rule_made(points)
    await fired(points, said(1))
    await fired(points, said(2, user_id=GRACE))
    await points.write(policy.change, by(MOD), erasure_days=0)
    await points.write(privacy.ask, by(ADA), ADA)
    await points.write(privacy.erase_due, NOON + timedelta(hours=1))

    done = await undone(points, number)

    assert done.batch is not None
    assert (done.batch.transactions, done.batch.points) == (2, -4)
    assert (await points.read(leaderboard.standings, COMMUNITY, window=Window.all_time())).members == 0
    assert await points.read(verify) == []
