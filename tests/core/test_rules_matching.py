"""Which facts a rule cares about, in memory, and how it explains itself."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points_core.rules.conditions import Asked, Met, Need, Standing, asked, met, needs
from points_core.rules.definition import (
    AccountAge,
    AllOf,
    AnyOf,
    BetweenHours,
    Condition,
    HasAttachment,
    HasRole,
    InChannels,
    IsReply,
    MembershipAge,
    MinimumLength,
    NoneOf,
    OnAnniversary,
    OnApiEvent,
    OnEventAttended,
    OnMessage,
    OnReactionReceived,
    OnRoleGained,
    OnSchedule,
    OnStreak,
    OnVoice,
    OnWeekdays,
    Rule,
    StreakAtLeast,
    TotalAtLeast,
    Trigger,
)
from points_core.rules.facts import Fact, On
from points_core.rules.matching import Compiled, explain, failed, matches
from points_core.values import Mode
from tests.core.rule_facts import BERLIN, WEDNESDAY, conditions, definition, facts, message, rule

GOOD = Standing(streaks={"day": 5}, totals={None: 40, 3: 10})


def test_a_message_in_a_thread_is_in_its_channel_and_in_the_group_of_that() -> None:
    inside = message(channel="77", parent="12", group="90")
    for place in ("77", "12", "90"):
        assert met(InChannels(channels=(place,)), inside, BERLIN) is Met.YES
    assert met(InChannels(channels=("11",)), inside, BERLIN) is Met.NO


@pytest.mark.parametrize(
    "condition,yes,no",
    [
        (HasRole(roles=("21", "22")), {"roles": frozenset({"22"})}, {"roles": frozenset({"23"})}),
        (
            AccountAge(days=7),
            {"account_created_at": WEDNESDAY - timedelta(days=7)},
            {"account_created_at": WEDNESDAY - timedelta(days=7) + timedelta(seconds=1)},
        ),
        (
            MembershipAge(days=1),
            {"joined_at": WEDNESDAY - timedelta(days=1)},
            {"joined_at": WEDNESDAY - timedelta(hours=23)},
        ),
        (HasAttachment(), {"attachments": 1}, {"attachments": 0}),
        (IsReply(), {"reply": True}, {"reply": False}),
        (MinimumLength(characters=20), {"length": 20}, {"length": 19}),
        (OnWeekdays(days=(3,)), {}, {"at": WEDNESDAY + timedelta(hours=11)}),  # 00:00 on Thursday in Berlin
        (BetweenHours(start="13:00", end="14:00"), {}, {"at": WEDNESDAY + timedelta(hours=1)}),
        (
            BetweenHours(start="22:00", end="06:00"),
            {"at": WEDNESDAY + timedelta(hours=16)},
            {"at": WEDNESDAY + timedelta(hours=17)},
        ),
        (
            BetweenHours(start="22:00", end="06:00"),
            {"at": WEDNESDAY + timedelta(hours=9)},
            {"at": WEDNESDAY + timedelta(hours=9) - timedelta(minutes=1)},
        ),
    ],
)
def test_a_condition_is_met_up_to_its_edge(
    condition: Condition, yes: dict[str, object], no: dict[str, object]
) -> None:
    assert met(condition, message(**yes), BERLIN) is Met.YES
    assert met(condition, message(**no), BERLIN) is Met.NO


@pytest.mark.parametrize("condition", [HasAttachment(), MinimumLength(characters=1), MembershipAge(days=1)])
def test_what_the_outside_did_not_say_meets_neither_a_condition_nor_its_contrary(
    condition: Condition,
) -> None:
    silent = message(joined_at=None)
    for one in (condition, NoneOf(of=(condition,)), AllOf(of=(condition, StreakAtLeast(length=1)))):
        assert met(one, silent, BERLIN, GOOD) is Met.UNKNOWN
    assert Compiled([rule(when=NoneOf(of=(condition,)))], BERLIN).caring(silent) == ()


def test_what_only_the_books_know_is_open_until_they_are_asked() -> None:
    condition = AllOf(of=(StreakAtLeast(length=5), TotalAtLeast(points=10, category_id=3)))
    assert met(condition, message(), BERLIN) is Met.OPEN
    assert met(condition, message(), BERLIN, GOOD) is Met.YES
    assert met(condition, message(), BERLIN, Standing()) is Met.NO
    assert asked(definition(when=condition)) == Asked(frozenset({"day"}), frozenset({3}))


@given(conditions(), facts(), st.builds(Standing, streaks=st.just({"day": 5}), totals=st.just({None: 30})))
def test_what_is_decided_without_the_books_stays_so_once_they_are_asked(
    condition: Condition, fact: Fact, standing: Standing
) -> None:
    before, after = met(condition, fact, BERLIN), met(condition, fact, BERLIN, standing)
    assert after is not Met.OPEN
    assert before in (after, Met.OPEN) or {before, after} <= {Met.NO, Met.UNKNOWN}


@given(conditions(), facts())
def test_the_failed_conditions_of_an_explanation_are_the_reason_for_a_no(
    condition: Condition, fact: Fact
) -> None:
    explained = explain(rule(when=condition), fact, BERLIN, GOOD)
    assert explained.condition is not None
    assert explained.met is explained.condition.met
    assert bool(failed(explained.condition)) is (explained.met is not Met.YES)


@given(st.lists(conditions(), max_size=6), facts())
def test_the_index_finds_what_looking_at_every_rule_finds(when: list[Condition], fact: Fact) -> None:
    rules = [rule(number, when=condition) for number, condition in enumerate(when, 1)]
    compiled = Compiled(reversed(rules), BERLIN)
    caring = tuple(each for each in rules if matches(each, fact, BERLIN) in (Met.YES, Met.OPEN))
    assert compiled.caring(fact) == caring
    assert not caring or compiled.watched(fact.on, fact.channel, fact.parent, fact.group)


@pytest.mark.parametrize(
    "trigger,yes,no",
    [
        (OnReactionReceived(emoji=("👍",)), {"what": "👍"}, {"what": "👎"}),
        (OnReactionReceived(emoji=("❤\ufe0f",)), {"what": "❤"}, {"what": "7"}),
        (OnReactionReceived(), {"what": "7"}, {"on": On.REACTION_GIVEN}),
        (OnEventAttended(minutes=15), {"minutes": 15}, {"minutes": 14}),
        (OnVoice(), {"minutes": 10, "people": 2}, {"minutes": 10, "people": 1}),
        (OnVoice(), {"minutes": 10, "people": 2, "rule": 1}, {"minutes": 10, "people": 2, "rule": 2}),
        (OnRoleGained(roles=("21",)), {"what": "21"}, {"what": "22"}),
        (OnApiEvent(event="quiz.won"), {"what": "quiz.won"}, {"what": "quiz.lost"}),
        (OnStreak(length=7), {"days": 7, "what": "day"}, {"days": 7, "what": "week"}),
        (OnSchedule(every="week", roles=("21",)), {"rule": 1}, {"rule": 2}),
        (OnAnniversary(), {"years": 2}, {"on": On.BOOST}),
    ],
)
def test_a_trigger_waits_for_its_own_kind_of_thing(
    trigger: Trigger, yes: dict[str, object], no: dict[str, object]
) -> None:
    compiled = Compiled([rule(trigger=trigger)], BERLIN)
    assert compiled.caring(message(**{"on": trigger.on} | yes))
    assert not compiled.caring(message(**{"on": trigger.on} | no))


@pytest.mark.parametrize("mode", [Mode.DRAFT, Mode.PAUSED, Mode.RETIRED])
def test_a_rule_that_does_not_act_sees_nothing(mode: Mode) -> None:
    compiled = Compiled([rule(mode=mode)], BERLIN)
    assert not compiled.watched(On.MESSAGE, "11")
    assert compiled.caring(message()) == compiled.rules == ()


def test_a_rule_ends_at_its_expiry() -> None:
    ending = rule(expires_at=WEDNESDAY)
    assert matches(ending, message(at=WEDNESDAY), BERLIN) is Met.NO
    assert matches(ending, message(at=WEDNESDAY - timedelta(microseconds=1)), BERLIN) is Met.YES
    assert explain(ending, message(), BERLIN).expired


def test_places_that_no_rule_watches_are_told_before_a_fact_is_made() -> None:
    here = AllOf(of=(IsReply(), InChannels(channels=("11",))))
    there = AnyOf(of=(InChannels(channels=("12",)), InChannels(channels=("13",))))
    compiled = Compiled([rule(1, when=here), rule(2, when=there)], BERLIN)
    watched = [channel for channel in ("11", "12", "13", "14") if compiled.watched(On.MESSAGE, channel)]
    assert watched == ["11", "12", "13"]
    assert compiled.watched(On.MESSAGE, "99", "11")
    assert not compiled.watched(On.REACTION_GIVEN, "11")
    assert Compiled([rule(when=AnyOf(of=(here, IsReply())))], BERLIN).watched(On.MESSAGE, "14")


def test_a_rule_names_the_privileged_intents_that_it_needs() -> None:
    long = NoneOf(of=(MinimumLength(characters=5),))
    assert needs(definition()) == frozenset()
    assert needs(definition(when=long)) == {Need.MESSAGE_CONTENT}
    assert needs(definition(trigger=OnAnniversary())) == {Need.MEMBERS}
    both = Compiled([rule(1, when=long), rule(2, trigger=OnAnniversary())], BERLIN)
    assert both.needs == {Need.MEMBERS, Need.MESSAGE_CONTENT}


def test_the_rules_of_a_trigger_come_by_number_whatever_their_order() -> None:
    rules = [rule(3), rule(1, trigger=OnVoice()), rule(2, mode=Mode.SHADOW)]
    compiled = Compiled(rules, BERLIN)
    assert [each.number for each in compiled.of(On.MESSAGE)] == [2, 3]
    assert [each.shadow for each in compiled.of(On.MESSAGE)] == [True, False]


def test_an_explanation_says_what_was_seen_at_each_condition() -> None:
    when = AllOf(of=(InChannels(channels=("12",)), AnyOf(of=(IsReply(), MembershipAge(days=400)))))
    explained = explain(Rule(4, 2, "talk", Mode.LIVE, definition(when=when)), message(), BERLIN)
    assert explained.met is Met.NO
    assert [(each.what.kind, each.met, each.seen) for each in failed(explained.condition)] == [  # type: ignore[union-attr]
        ("channels", Met.NO, "11"),
        ("reply", Met.NO, 0),
        ("membership-age", Met.NO, 365),
    ]


def test_a_condition_of_a_rule_with_another_trigger_is_not_looked_at() -> None:
    explained = explain(rule(trigger=OnMessage(), when=IsReply()), message(on=On.BOOST), BERLIN)
    assert (explained.met, explained.trigger.met, explained.condition) == (Met.NO, Met.NO, None)
