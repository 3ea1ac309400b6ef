"""Levels: curves, previews before a change, and the roles that come of levels and badges."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some
from sqlalchemy import Connection, insert

from points_core import achievements, approvals, awards, policy
from points_core.achievements import DISTINGUISHED_MEMBERS, PRESETS, Curve, Preview, badges, curves, roles
from points_core.achievements.goals import FirstAward
from points_core.achievements.roles import Grant
from points_core.database import Points
from points_core.errors import InvalidSetting
from points_core.models import RoleGrant
from points_core.outbox import Topic
from points_core.programme import Level, Programme
from points_core.values import MAX_AMOUNT, Kind, Receipt
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, by
from tests.core.test_achievements import give, take_back, told

A, B, C = "701", "702", "703"  # roles
LEVELS = (
    Level(name="Member", earned=10, role=A),
    Level(name="Contributor", earned=50),
    Level(name="Fellow", earned=100, role=B),
)


async def switch_on(points: Points, levels: tuple[Level, ...] = LEVELS, **fields: object) -> None:
    programme = Programme(levels=levels, **fields)  # type: ignore[arg-type]
    await points.write(policy.change, by(MOD), programme=programme)
    await achievements.settled(points, NOON)


async def wanted(points: Points, user_id: str = ADA) -> dict[str, str]:
    """Return the roles somebody is to have, each with its source."""
    grants = await points.read(roles.of, COMMUNITY, user_id)
    return {grant.role: grant.source for grant in grants if grant.wanted}


async def due(points: Points) -> list[tuple[str, bool]]:
    return [(grant.role, grant.wanted) for grant in await points.read(roles.due)]


async def deliver(points: Points) -> None:
    """Be the outside that gives and takes every role."""
    for grant in await points.read(roles.due):
        assert await points.write(roles.done, grant, NOON)


# ── curves ──


@pytest.mark.parametrize(
    "curve, thresholds",
    [
        (Curve.LINEAR, (100, 200, 300, 400)),
        (Curve.QUADRATIC, (100, 400, 900, 1_600)),
        (Curve.EXPONENTIAL, (100, 200, 400, 800)),
    ],
)
def test_a_curve_says_what_each_level_takes(curve: Curve, thresholds: tuple[int, ...]) -> None:
    assert curves.thresholds(curve, 4, 100) == thresholds


@given(some.sampled_from(Curve), some.integers(1, 25), some.integers(1, 10_000), some.integers(101, 200))
def test_every_curve_makes_levels_that_can_be_switched_on(
    curve: Curve, levels: int, first: int, growth: int
) -> None:
    try:
        made = curves.named(curves.thresholds(curve, levels, first, growth))
    except InvalidSetting:
        assert curve is Curve.EXPONENTIAL
        return

    assert Programme(levels=made).thresholds[0] == first


@pytest.mark.parametrize(
    "levels, first, growth", [(0, 1, 200), (26, 1, 200), (3, 0, 200), (3, 1, 100), (3, MAX_AMOUNT, 200)]
)
def test_a_curve_that_leads_nowhere_is_refused(levels: int, first: int, growth: int) -> None:
    with pytest.raises(InvalidSetting):
        curves.thresholds(Curve.EXPONENTIAL, levels, first, growth)


def test_the_ready_made_programme_can_be_switched_on() -> None:
    assert [level.name for level in Programme(levels=DISTINGUISHED_MEMBERS).levels] == [
        "Member",
        "Contributor",
        "Distinguished",
        "Fellow",
    ]


async def test_every_ready_made_badge_can_be_made(points: Points) -> None:
    for preset in PRESETS.values():
        await points.write(
            badges.add,
            by(MOD),
            name=preset.name,
            description=preset.description,
            goal=preset.goal,
            hidden=preset.hidden,
        )

    assert len(await points.read(badges.listed, COMMUNITY)) == len(PRESETS)


# ── a preview ──


async def preview(points: Points, *levels: Level, **fields: object) -> Preview:
    programme = Programme(levels=levels, **fields)  # type: ignore[arg-type]
    return await points.read(achievements.preview, COMMUNITY, programme)


async def test_a_preview_says_who_would_rise_and_what_roles_they_would_get(points: Points) -> None:
    await give(points, ADA, 100)
    await give(points, GRACE, 10)
    await give(points, "1003", 5)

    seen = await preview(points, *LEVELS)

    assert (seen.before, seen.after, seen.up, seen.down) == ((3,), (1, 1, 0, 1), 2, 0)
    assert (seen.gives, seen.takes) == ({A: 1, B: 1}, {})
    assert [(m.user_id, m.before, m.after) for m in seen.movers] == [(ADA, 0, 3), (GRACE, 0, 1)]


async def test_a_preview_says_who_would_fall_and_what_roles_they_would_lose(points: Points) -> None:
    await switch_on(points)
    await give(points, ADA, 100)
    await give(points, GRACE, 60)
    harder = [level.model_copy(update={"earned": level.earned * 10}) for level in LEVELS]

    seen = await preview(points, *harder)
    kept = await preview(points, *harder, keep_roles=True)

    assert (seen.before, seen.after) == ((0, 0, 1, 1), (1, 1, 0, 0))
    assert (seen.up, seen.down, seen.gives, seen.takes) == (0, 2, {A: 1}, {A: 1, B: 1})
    assert kept.takes == {}


async def test_a_preview_is_what_then_happens(points: Points) -> None:
    await give(points, ADA, 100)
    await give(points, GRACE, 10)
    seen = await preview(points, *LEVELS)

    await switch_on(points)

    assert (await wanted(points, ADA), await wanted(points, GRACE)) == ({B: "level:3"}, {A: "level:1"})
    assert seen.gives == {A: 1, B: 1}


async def test_a_preview_changes_nothing(points: Points) -> None:
    await give(points, ADA, 100)

    await preview(points, *LEVELS)

    assert (await points.read(policy.of, COMMUNITY)).programme.levels == ()


# ── roles by level ──


async def test_the_role_of_the_highest_level_replaces_those_below(points: Points) -> None:
    await switch_on(points)
    await give(points, ADA, 10)
    await deliver(points)

    await give(points, ADA, 90)

    assert await due(points) == [(A, False), (B, True)]


async def test_a_level_without_a_role_keeps_the_one_below(points: Points) -> None:
    await switch_on(points)

    await give(points, ADA, 50)

    assert await wanted(points) == {A: "level:1"}


async def test_roles_stack_where_the_community_wants_that(points: Points) -> None:
    await switch_on(points, level_roles="stack")

    await give(points, ADA, 100)

    assert await wanted(points) == {A: "level:1", B: "level:3"}


async def test_who_falls_loses_the_role_and_gets_the_one_below(points: Points) -> None:
    await switch_on(points)
    await give(points, ADA, 10)
    await give(points, ADA, 90)
    await deliver(points)

    await take_back(points, 2)

    assert await due(points) == [(A, True), (B, False)]


async def test_who_falls_keeps_the_role_where_roles_are_kept(points: Points) -> None:
    await switch_on(points, keep_roles=True)
    await give(points, ADA, 100)

    await take_back(points, 1)

    assert await wanted(points) == {B: "level:3"}


async def test_another_role_for_a_level_moves_everybody_who_has_it(points: Points) -> None:
    await switch_on(points)
    await give(points, ADA, 10)
    await deliver(points)

    await switch_on(points, (LEVELS[0].model_copy(update={"role": C}), *LEVELS[1:]))

    assert await due(points) == [(A, False), (C, True)]


async def test_levels_switched_off_take_their_roles_along(points: Points) -> None:
    await switch_on(points)
    await give(points, ADA, 10)
    await deliver(points)

    await switch_on(points, ())

    assert await due(points) == [(A, False)]


async def test_changed_roles_leave_one_effect(points: Points) -> None:
    await switch_on(points)
    await give(points, ADA, 10)

    await give(points, ADA, 1)

    assert [subject.split(":")[0] for subject in await told(points, Topic.ROLES)] == ["2"]


# ── roles by badge ──


async def add_badge(points: Points, role_days: int | None = None, role: str = C) -> None:
    await points.write(badges.add, by(MOD), name="First", goal=FirstAward(), role=role, role_days=role_days)


async def test_a_badges_role_comes_and_goes_with_it(points: Points) -> None:
    await add_badge(points)
    await give(points)
    had = await wanted(points)

    await take_back(points, 1)

    assert (had, await wanted(points)) == ({C: "badge:1"}, {})


async def test_a_temporary_role_ends_by_itself(points: Points) -> None:
    await add_badge(points, role_days=7)
    await give(points)
    await deliver(points)

    early = await achievements.settled(points, NOON + timedelta(days=7, microseconds=-1))
    still = await wanted(points)
    over = await achievements.settled(points, NOON + timedelta(days=7))

    assert (early.roles, still, over.members) == (0, {C: "badge:1"}, 1)
    assert await due(points) == [(C, False)]
    assert not await points.read(achievements.anything_due, NOON + timedelta(days=8))


async def test_a_role_of_level_and_badge_stays_until_both_are_gone(points: Points) -> None:
    await switch_on(points)
    await add_badge(points, role_days=7, role=A)
    await give(points, ADA, 10)

    await achievements.settled(points, NOON + timedelta(days=8))

    assert await wanted(points) == {A: "level:1"}


async def test_a_role_that_somebody_else_wanted_is_left_alone(points: Points) -> None:
    await switch_on(points)
    await give(points, ADA, 10)

    def by_a_rule(tx: Connection) -> None:
        tx.execute(
            insert(RoleGrant).values(
                community_id=1,
                member_id=2,
                role=C,
                source="rule:4",
                wanted=True,
                state=roles.DUE,
                attempts=0,
                changed_at=NOON,
            )
        )

    await points.write(by_a_rule)
    await take_back(points, 1)

    assert await wanted(points) == {C: "rule:4"}


# ── for whoever gives them ──


async def one(points: Points) -> Grant:
    await switch_on(points)
    await give(points, ADA, 10)
    (grant,) = await points.read(roles.due, COMMUNITY)
    return grant


async def test_a_role_is_due_once(points: Points) -> None:
    grant = await one(points)

    assert await points.write(roles.done, grant, NOON)

    assert (grant.user_id, grant.role, grant.source, grant.wanted) == (ADA, A, "level:1", True)
    assert await points.read(roles.due) == ()


async def test_a_role_that_changed_meanwhile_stays_due(points: Points) -> None:
    grant = await one(points)
    await take_back(points, 1)

    assert not await points.write(roles.done, grant, NOON)

    assert await due(points) == [(A, False)]


async def test_a_role_that_could_not_be_given_says_why_until_it_is_tried_again(points: Points) -> None:
    grant = await one(points)
    await points.write(roles.failed, grant, "the bot's role stands below it", NOON)
    (failure,) = await points.read(roles.failures, COMMUNITY)

    again = await points.write(roles.retry, COMMUNITY, NOON, role=A)

    assert (failure.why, failure.members, failure.some) == ("the bot's role stands below it", 1, (ADA,))
    assert (again, await points.read(roles.failures, COMMUNITY), await due(points)) == (1, (), [(A, True)])


async def test_who_comes_back_gets_their_roles_again(points: Points) -> None:
    await points.write(roles.done, await one(points), NOON)

    assert await points.write(roles.rejoined, COMMUNITY, ADA, NOON) == 1
    assert await points.write(roles.rejoined, COMMUNITY, "nobody", NOON) == 0

    assert await due(points) == [(A, True)]


async def test_all_roles_can_be_looked_at_again(points: Points) -> None:
    await points.write(roles.done, await one(points), NOON)

    assert await points.write(roles.sync, COMMUNITY, NOON) == 1
    assert await due(points) == [(A, True)]


async def test_the_rest_of_a_batch_moves_levels_too(points: Points) -> None:
    await switch_on(points)
    receipt = await points.write(
        approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=60, reason="because"
    )
    assert isinstance(receipt, Receipt)
    await points.write(awards.reverse, by(MOD), receipt.number, reason="a mistake")
    await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=12, reason="because")

    settled = await achievements.settled(points, NOON)

    assert (settled.levels, await wanted(points)) == (1, {A: "level:1"})
