"""What a rule would have given, played in memory."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points_core.rules.conditions import Standing
from points_core.rules.definition import (
    AllOf,
    IsReply,
    Limits,
    MinimumLength,
    Multiplier,
    OnSchedule,
    StreakAtLeast,
)
from points_core.rules.facts import Fact, On
from points_core.rules.limits import Limit
from points_core.rules.trial import Day, Gainer, gini, play, top_tenth
from tests.core.rule_facts import BERLIN, WEDNESDAY, definition, facts, message


def talk() -> list[Fact]:
    """Return what Ada and Grace wrote: a minute apart, the last of it after midnight in Berlin."""
    ada = [message(number, at=WEDNESDAY + timedelta(seconds=40 * number), reply=True) for number in range(4)]
    grace = [message(9, user_id="1002", name="Grace", at=WEDNESDAY + timedelta(hours=11), length=3)]
    return [*ada, *grace, message(10, on=On.BOOST)]


def test_a_trial_tells_what_would_have_been_given_and_what_refused_the_rest() -> None:
    trial = play(definition(limits=Limits(member_cooldown=60, member_day=3)), talk(), BERLIN)
    assert (trial.facts, trial.happened, trial.matched) == (6, 5, 5)
    assert (trial.times, trial.points, trial.members) == (3, 5, 2)
    assert dict(trial.limited) == {Limit.MEMBER_COOLDOWN: 2, Limit.MEMBER_DAY: 1}
    assert trial.gainers == (Gainer("1001", "Ada", 3, 2), Gainer("1002", "Grace", 2, 1))
    assert trial.days == (Day(date(2026, 3, 18), 3, 2), Day(date(2026, 3, 19), 2, 1))


def test_who_would_gain_most_comes_first_and_ten_are_named() -> None:
    told = [message(n, user_id=f"{1_000 + n % 12}", name=f"N{n % 12}") for n in range(23)]
    gainers = play(definition(), told, BERLIN).gainers
    assert [each.user_id for each in gainers] == [f"{1_000 + n}" for n in range(10)]
    more = [*told, message(30, user_id="1011", name="L"), message(31, user_id="1011", name="Last")]
    assert play(definition(), more, BERLIN).gainers[:2] == (
        Gainer("1011", "Last", 6, 3),
        Gainer("1000", "N0", 4, 2),
    )


def test_a_trial_names_the_conditions_that_failed() -> None:
    when = AllOf(of=(IsReply(), MinimumLength(characters=5)))
    trial = play(definition(when=when), talk(), BERLIN)
    assert (trial.matched, trial.points) == (0, 0)
    assert trial.failed == ((MinimumLength(characters=5), 5), (IsReply(), 1))


def test_what_only_the_books_know_is_taken_as_met_and_said_unless_they_are_asked() -> None:
    one = definition(when=StreakAtLeast(length=3))
    assert play(one, talk(), BERLIN).assumed == (StreakAtLeast(length=3),)
    assert play(one, talk(), BERLIN).times == 5
    asked = play(
        one,
        talk(),
        BERLIN,
        standings=lambda fact: Standing(streaks={"day": 3 if fact.name == "Ada" else 2}),
    )
    assert (asked.assumed, asked.times, asked.members) == ((), 4, 1)


def test_multipliers_that_leave_nothing_are_counted() -> None:
    one = definition(multipliers=(Multiplier(channel="11", percent=0),))
    assert (play(one, talk(), BERLIN).nothing, play(one, talk(), BERLIN).points) == (5, 0)


def test_facts_made_for_another_rule_are_not_this_ones() -> None:
    one = definition(trigger=OnSchedule(every="day", roles=("21",)))
    turns = [message(number, on=On.SCHEDULE, rule=number) for number in (1, 2)]
    assert [play(one, turns, BERLIN, number=number).points for number in (None, 1, 2)] == [0, 2, 2]


@given(st.lists(facts(), max_size=30), st.randoms())
def test_order_and_repetition_of_facts_change_nothing(told: list[Fact], shuffled: object) -> None:
    one = definition(limits=Limits(member_cooldown=3_600, member_day=5, rule_week=20))
    unique = list({fact.key: fact for fact in told}.values())
    again = unique * 2
    shuffled.shuffle(again)  # type: ignore[attr-defined]
    assert play(one, again, BERLIN) == play(one, unique, BERLIN)


@pytest.mark.parametrize(
    "amounts,share,unequal",
    [
        ([], 0.0, 0.0),
        ([5], 1.0, 0.0),
        ([3, 3, 3, 3], 0.25, 0.0),
        ([10, 0, 0, 0], 1.0, 0.75),
        ([1] * 9 + [91], 0.91, 0.81),
        ([1, 2, 3], 0.5, 2 / 9),
    ],
)
def test_concentration_is_what_it_is_by_hand(amounts: list[int], share: float, unequal: float) -> None:
    assert top_tenth(amounts) == pytest.approx(share)
    assert gini(amounts) == pytest.approx(unequal)


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=50))
def test_gini_is_the_mean_difference_over_twice_the_mean(amounts: list[int]) -> None:
    total = sum(amounts)
    differences = sum(abs(one - other) for one in amounts for other in amounts)
    plain = differences / (2 * len(amounts) * total) if total else 0.0
    assert gini(amounts) == pytest.approx(plain)
