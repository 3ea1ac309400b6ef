"""Conditions put together step by step, and rules changed part by part."""

from asyncio import gather
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points_core.database import Points
from points_core.errors import InvalidSetting
from points_core.rules import reading, stored
from points_core.rules.amending import amend
from points_core.rules.conditions import met
from points_core.rules.definition import (
    AllOf,
    AnyOf,
    Condition,
    InChannels,
    IsReply,
    Limits,
    MinimumLength,
    NoneOf,
)
from points_core.rules.facts import Fact
from points_core.rules.shapes import Shape, condition, shape, with_condition, without
from tests.core.conftest import COMMUNITY, MOD, OTHER_MOD, by, row_counts
from tests.core.rule_facts import BERLIN, conditions, definition, facts

LEAVES = conditions().filter(lambda one: not isinstance(one, AllOf | AnyOf | NoneOf))


@given(
    st.lists(LEAVES, max_size=3).map(tuple),
    st.lists(LEAVES, max_size=3).map(tuple),
    st.booleans(),
)
def test_a_shape_comes_back_from_its_condition(
    so: tuple[Condition, ...], not_so: tuple[Condition, ...], one_is_enough: bool
) -> None:
    wanted = Shape(so, not_so, one_is_enough and len(so) > 1)
    assert shape(condition(wanted)) == wanted


@given(conditions(), facts())
def test_a_condition_that_has_a_shape_means_the_same_afterwards(one: Condition, fact: Fact) -> None:
    found = shape(one)
    if found is not None and (again := condition(found)) is not None:
        assert met(again, fact, BERLIN) == met(one, fact, BERLIN)


def test_groups_within_groups_have_no_shape() -> None:
    either = AnyOf(of=(IsReply(), MinimumLength(characters=5)))
    assert shape(AllOf(of=(either, IsReply()))) is None
    assert shape(NoneOf(of=(either,))) is None
    assert shape(AllOf(of=(NoneOf(of=(IsReply(),)), IsReply()))) is None


def test_a_condition_takes_the_place_of_one_of_its_kind_on_its_side() -> None:
    here, there = InChannels(channels=("1",)), InChannels(channels=("2",))
    first = with_condition(with_condition(Shape(), here, so=True), IsReply(), so=True)
    assert with_condition(first, there, so=True) == Shape(so=(IsReply(), there))
    both = with_condition(first, there, so=False)
    assert both == replace(first, not_so=(there,))
    assert without(both, "channels", so=True) == Shape(so=(IsReply(),), not_so=(there,))
    assert without(both, "channels", so=False) == first


async def test_two_people_who_change_two_parts_at_once_both_get_their_way(points: Points) -> None:
    made = await points.write(stored.create, by(MOD), name="talk", definition=definition())
    number = made.rule.number

    await gather(
        points.write(amend, by(MOD), number, lambda one: one.model_copy(update={"amount": 7})),
        points.write(amend, by(OTHER_MOD), number, lambda one: one.model_copy(update={"when": IsReply()})),
    )

    now = (await points.read(reading.get, COMMUNITY, number)).rule
    assert (now.definition.amount, now.definition.when, now.version) == (7, IsReply(), 3)


async def test_a_part_that_cannot_be_changed_so_leaves_the_rule_as_it_was(points: Points) -> None:
    made = await points.write(stored.create, by(MOD), name="talk", definition=definition())
    before = await row_counts(points)

    with pytest.raises(InvalidSetting):
        await points.write(
            amend, by(MOD), 1, lambda one: one.model_copy(update={"limits": Limits(pair_cooldown=5)})
        )

    assert await points.read(reading.get, COMMUNITY, 1) == made
    assert await row_counts(points) == before
