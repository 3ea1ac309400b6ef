"""Multipliers, cooldowns and caps: what a rule gives after what it gave before."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points_core.rules.definition import Limits, Multiplier
from points_core.rules.facts import Fact, On
from points_core.rules.limits import Capped, Cooling, Given, Limit, Nothing, Usage, decide, full_amount
from points_core.values import Mode
from tests.core.rule_facts import BERLIN, WEDNESDAY, definition, facts, message, rule

FAR = timedelta(days=30)


def played(limits: Limits, told: list[Fact], amount: int = 3) -> list[tuple[Fact, int]]:
    """Return what a rule with those limits gives for the facts, in the order in which they are told."""
    one, usage, given_ = rule(amount=amount, limits=limits), Usage(), []
    for fact in told:
        decision = decide(one, fact, BERLIN, usage)
        if isinstance(decision, Given):
            usage.note(one, fact, BERLIN, decision.amount)
            given_.append((fact, decision.amount))
    return given_


@given(st.lists(facts(), max_size=40), st.sampled_from([60, 3_600, 86_400]))
def test_no_two_grants_are_nearer_than_the_cooldown_in_whatever_order_facts_are_told(
    told: list[Fact], seconds: int
) -> None:
    for limits, same in (
        (Limits(member_cooldown=seconds), "user_id"),
        (Limits(channel_cooldown=seconds), "channel"),
    ):
        times: dict[str, list[datetime]] = {}
        for fact, _ in played(limits, told):
            if (who := getattr(fact, same)) is not None:
                times.setdefault(who, []).append(fact.at)
        for moments in map(sorted, times.values()):
            gaps = [after - before for before, after in pairwise(moments)]
            assert min(gaps, default=FAR) >= timedelta(seconds=seconds)


@given(st.lists(facts(), max_size=60), st.integers(1, 10), st.integers(1, 4))
def test_caps_are_reached_exactly_and_never_passed(told: list[Fact], most: int, amount: int) -> None:
    sums: dict[object, int] = {}
    asked: dict[object, int] = {}
    for fact in told:
        local = fact.at.astimezone(BERLIN).date()
        asked[fact.user_id, local] = asked.get((fact.user_id, local), 0) + amount
    for fact, points in played(Limits(member_day=most), told, amount):
        local = fact.at.astimezone(BERLIN).date()
        sums[fact.user_id, local] = sums.get((fact.user_id, local), 0) + points
    assert sums == {key: min(most, wanted) for key, wanted in asked.items()}


def test_what_is_left_under_a_cap_is_given_and_then_nothing_until_the_local_midnight() -> None:
    one, usage = rule(amount=3, limits=Limits(member_day=5)), Usage()
    decisions = []
    for number in range(3):
        decision = decide(one, message(number), BERLIN, usage)
        decisions.append(decision)
        if isinstance(decision, Given):
            usage.note(one, message(number), BERLIN, decision.amount)
    midnight = datetime(2026, 3, 19, tzinfo=BERLIN)
    assert decisions == [
        Given(3, 3),
        Given(2, 3, Limit.MEMBER_DAY),
        Capped(Limit.MEMBER_DAY, midnight),
    ]
    assert decide(one, message(9, at=midnight), BERLIN, usage) == Given(3, 3)


def test_a_week_begins_on_monday_in_the_zone() -> None:
    one, usage = rule(limits=Limits(rule_week=2)), Usage()
    usage.note(one, message(), BERLIN, 2)
    capped = decide(one, message(2, user_id="1002"), BERLIN, usage)
    assert capped == Capped(Limit.RULE_WEEK, datetime(2026, 3, 23, tzinfo=BERLIN))


def test_a_cap_of_all_rules_counts_what_another_gave() -> None:
    limits = Limits(community_day=10, every_rule_member_day=4)
    usage = Usage()
    usage.note(rule(7), message(), BERLIN, 3)
    assert decide(rule(limits=limits), message(2), BERLIN, usage) == Given(1, 2, Limit.EVERY_RULE_MEMBER_DAY)
    usage.note(rule(7), message(user_id="1002"), BERLIN, 7)
    assert isinstance(decide(rule(limits=limits), message(3, user_id="1003"), BERLIN, usage), Capped)


def test_what_a_shadow_rule_would_have_given_takes_nothing_from_a_live_one() -> None:
    limits = Limits(member_cooldown=60, community_day=2)
    usage = Usage()
    usage.note(rule(mode=Mode.SHADOW, limits=limits), message(), BERLIN, 2)
    assert decide(rule(limits=limits), message(2), BERLIN, usage) == Given(2, 2)


def test_the_cooldown_that_ends_last_is_told() -> None:
    one, usage = rule(limits=Limits(member_cooldown=60, channel_cooldown=600)), Usage()
    usage.note(one, message(), BERLIN, 2)
    cooling = decide(one, message(2, at=WEDNESDAY + timedelta(seconds=59)), BERLIN, usage)
    assert cooling == Cooling(Limit.CHANNEL_COOLDOWN, WEDNESDAY + timedelta(seconds=600))
    later = decide(one, message(3, at=WEDNESDAY + timedelta(seconds=600)), BERLIN, usage)
    assert later == Given(2, 2)


def test_a_fact_from_before_a_grant_waits_past_that_grant() -> None:
    one, usage = rule(limits=Limits(member_cooldown=60)), Usage()
    usage.note(one, message(at=WEDNESDAY + timedelta(seconds=30)), BERLIN, 2)
    cooling = decide(one, message(2), BERLIN, usage)
    assert cooling == Cooling(Limit.MEMBER_COOLDOWN, WEDNESDAY + timedelta(seconds=90))


def test_a_pair_waits_but_another_pair_does_not() -> None:
    one, usage = rule(limits=Limits(pair_cooldown=60)), Usage()
    usage.note(one, message(other_id="1002"), BERLIN, 2)
    assert isinstance(decide(one, message(2, other_id="1002"), BERLIN, usage), Cooling)
    for free in (message(3, other_id="1003"), message(4, other_id=None)):
        assert decide(one, free, BERLIN, usage) == Given(2, 2)


@pytest.mark.parametrize(
    "roles,channel,points",
    [
        ({"21"}, "11", 15),
        ({"21", "22"}, "11", 20),
        ({"21", "22"}, "12", 60),
        (set(), "12", 30),
        ({"22", "23"}, "12", 0),
        ({"22"}, "13", 0),
        ({"24"}, "11", 3),
    ],
)
def test_the_largest_role_and_the_largest_channel_multiply_and_a_zero_gives_nothing(
    roles: set[str], channel: str, points: int
) -> None:
    multipliers = (
        Multiplier(role="21", percent=150),
        Multiplier(role="22", percent=200),
        Multiplier(role="23", percent=0),
        Multiplier(role="24", percent=39),
        Multiplier(channel="12", percent=300),
        Multiplier(channel="13", percent=0),
    )
    fact = message(roles=frozenset(roles), channel="99", parent=channel, on=On.MESSAGE)
    assert full_amount(definition(amount=10, multipliers=multipliers), fact) == points


def test_a_rule_whose_multipliers_leave_less_than_a_point_gives_nothing() -> None:
    one = rule(amount=1, multipliers=(Multiplier(role="21", percent=99),))
    assert decide(one, message(roles=frozenset({"21"})), BERLIN, Usage()) == Nothing()
