"""What a definition has to be before it is kept, and how it reads."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from points_core.errors import InvalidSetting, InvalidText, InvalidTime
from points_core.rules.checking import checked, depth, fitting, most
from points_core.rules.definition import (
    AllOf,
    AnyOf,
    BetweenHours,
    Condition,
    Definition,
    HasAttachment,
    HasRole,
    InChannels,
    IsReply,
    Limits,
    MembershipAge,
    MinimumLength,
    Multiplier,
    NoneOf,
    OnCheckIn,
    OnMessage,
    OnReactionReceived,
    OnSchedule,
    OnStreak,
    OnVoice,
    OnWeekdays,
    StreakAtLeast,
    TotalAtLeast,
)
from points_core.rules.facts import On
from points_core.rules.recipes import RECIPES, Recipe, recipe
from points_core.rules.sentences import Named, sentence
from points_core.values import MAX_AMOUNT, MAX_ID, MAX_REASON
from tests.core.rule_facts import WEDNESDAY, conditions, definition


@given(conditions())
def test_a_definition_comes_back_from_its_document_as_it_was(condition: Condition) -> None:
    one = definition(when=condition)
    assert Definition.model_validate(one.document) == one


@pytest.mark.parametrize("each", [pytest.param(each, id=each.key) for each in RECIPES])
def test_every_recipe_can_be_kept_as_it_is(each: Recipe) -> None:
    assert checked(each.definition.document, WEDNESDAY) == each.definition
    assert recipe(each.key) is each
    assert recipe(f"{each.key}?") is None


def document(**changes: Any) -> dict[str, Any]:
    return {"trigger": {"on": "message"}, "amount": 2, "reason": "wrote"} | changes


@pytest.mark.parametrize(
    "changes,name",
    [
        ({"amount": 0}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": "5"}, "amount"),
        ({"trigger": {"on": "telepathy"}}, "trigger"),
        ({"trigger": {"on": "voice", "minutes": 0}}, "trigger.minutes"),
        ({"when": {"kind": "length"}}, "when.characters"),
        ({"when": {"kind": "weekdays", "days": [True]}}, "when.days.0"),
        ({"when": {"kind": "weekdays", "days": ["2"]}}, "when.days.0"),
        ({"when": {"kind": "total", "points": 1, "category_id": True}}, "when.category_id"),
        ({"category_id": "1"}, "category_id"),
        ({"category_id": 0}, "category_id"),
        ({"when": {"kind": "all", "of": []}}, "when.of"),
        (
            {"when": {"kind": "all", "of": [{"kind": "channels", "channels": ["a b"]}]}},
            "when.of.0.channels.0",
        ),
        ({"when": {"kind": "hours", "start": "24:00", "end": "01:00"}}, "when.start"),
        ({"limits": {"member_day": 0}}, "limits.member_day"),
        ({"colour": "red"}, "colour"),
        ({"expires_at": WEDNESDAY.isoformat()}, "expires_at"),
    ],
)
def test_a_refusal_names_the_part_that_cannot_be(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        checked(document(**changes), WEDNESDAY)
    assert refused.value.name == name


@pytest.mark.parametrize(
    "one",
    [
        definition(trigger=OnVoice(), when=IsReply()),
        definition(trigger=OnVoice(), when=NoneOf(of=(HasAttachment(),))),
        definition(trigger=OnCheckIn(), when=InChannels(channels=("1",))),
        definition(trigger=OnCheckIn(), limits=Limits(channel_cooldown=5)),
        definition(trigger=OnCheckIn(), multipliers=(Multiplier(channel="1", percent=5),)),
        definition(limits=Limits(pair_cooldown=5)),
        definition(limits=Limits(member_day=50, member_week=20)),
        definition(multipliers=(Multiplier(percent=5),)),
        definition(multipliers=(Multiplier(percent=5, role="1", channel="2"),)),
        definition(multipliers=(Multiplier(percent=5, role="1"), Multiplier(percent=6, role="1"))),
        definition(amount=MAX_AMOUNT, multipliers=(Multiplier(percent=101, role="1"),)),
        definition(trigger=OnVoice(minutes=60, most_minutes=30)),
        definition(trigger=OnStreak(length=7), counts_for_streak=True),
        definition(role_days=7),
    ],
)
def test_what_can_never_happen_or_makes_no_sense_is_refused(one: Definition) -> None:
    with pytest.raises(InvalidSetting):
        checked(one)
    with pytest.raises(InvalidSetting):
        checked(one.document)


def test_too_many_conditions_and_too_deep_ones_are_refused() -> None:
    group: Condition = IsReply()
    for _ in range(4):
        group = AllOf(of=(group,))
    assert depth(checked(definition(when=group)).when) == 4
    with pytest.raises(InvalidSetting):
        checked(definition(when=NoneOf(of=(group,))))
    half = AnyOf(of=(IsReply(),) * 10)
    with pytest.raises(InvalidSetting):
        checked(definition(when=AllOf(of=(half, half))))


def test_a_document_nested_without_end_is_refused_before_it_is_read() -> None:
    bomb: dict[str, Any] = {"kind": "reply"}
    for _ in range(100_000):
        bomb = {"kind": "all", "of": [bomb]}
    with pytest.raises(InvalidSetting):
        checked(document(when=bomb))
    while isinstance(inner := bomb.get("of"), list):  # taken apart by hand: so is its end no recursion either
        bomb = inner.pop()


def test_a_definition_that_was_copied_without_a_check_is_checked_again() -> None:
    for change in ({"amount": 0}, {"reason": ""}, {"when": MinimumLength.model_construct(characters=-1)}):
        with pytest.raises((InvalidSetting, InvalidText)):
            checked(definition().model_copy(update=change))


def test_texts_that_cannot_be_stored_are_refused() -> None:
    with pytest.raises(InvalidText) as refused:
        checked(definition(reason="a\x00b"))
    assert (refused.value.field, refused.value.limit) == ("reason", MAX_REASON)
    with pytest.raises(InvalidText) as refused:
        checked(definition(trigger=OnReactionReceived(emoji=("\x00",))))
    assert (refused.value.field, refused.value.limit) == ("emoji", MAX_ID)
    with pytest.raises(InvalidTime):
        checked(definition(expires_at=WEDNESDAY.replace(tzinfo=None)))
    assert checked(definition(reason="  helped ")).reason == "helped"


def test_the_conditions_on_offer_are_those_that_are_kept() -> None:
    assert [kind for kind in ("reply", "channels", "roles") if kind in fitting(On.VOICE)] == [
        "channels",
        "roles",
    ]
    assert set(fitting(On.MESSAGE)) - set(fitting(On.STREAK)) == {"channels", "attachment", "reply", "length"}


def test_the_most_that_a_rule_can_give_counts_its_largest_multipliers() -> None:
    several = (Multiplier(role="1", percent=50), Multiplier(role="2", percent=200))
    assert most(definition(amount=3, multipliers=several)) == 6
    assert most(definition(amount=3_000, multipliers=(Multiplier(channel="2", percent=50),))) == 3_000
    assert most(definition(amount=3_000, multipliers=(Multiplier(role="2", percent=99),))) == 3_000
    both = (Multiplier(role="1", percent=150), Multiplier(channel="2", percent=101))
    assert most(definition(amount=1_001, multipliers=both)) == 1_516


NAMES = {Named.CHANNEL: "#", Named.ROLE: "@", Named.CATEGORY: "c", Named.EMOJI: ""}


@pytest.mark.parametrize(
    "one,words",
    [
        (definition(), "Whoever writes a message gets 2 points."),
        (
            definition(
                amount=1,
                category_id=3,
                when=AllOf(of=(InChannels(channels=("5", "6")), NoneOf(of=(HasRole(roles=("7",)),)))),
                limits=Limits(member_cooldown=60, member_day=50, rule_week=1_000),
            ),
            "Whoever writes a message gets 1 point in c3 if it is in #5 or #6 and it is not so that they have @7; "
            "at most once a minute, 50 points a day each and 1,000 points a week in all.",
        ),
        (
            definition(
                trigger=OnReactionReceived(emoji=("👍", "🎉")),
                when=AllOf(
                    of=(AnyOf(of=(StreakAtLeast(length=3), TotalAtLeast(points=9))), OnWeekdays(days=(7, 6)))
                ),
                limits=Limits(pair_cooldown=5_400),
                multipliers=(Multiplier(role="1", percent=150), Multiplier(channel="2", percent=0)),
                approval=True,
            ),
            "Whoever gets a 👍 or 🎉 reaction from somebody else on a message gets 2 points if (their streak is at "
            "least 3 days or they have at least 9 points) and it is a Saturday or Sunday; at most once every "
            "90 minutes for the same two people; 150 % for who has @1; nothing in #2; moderators have to agree "
            "first.",
        ),
        (
            definition(
                trigger=OnSchedule(every="month", roles=("4",)),
                role="9",
                role_days=30,
                expires_at=WEDNESDAY + timedelta(days=1),
            ),
            "On the first of every month at 09:00, whoever has @4 gets 2 points and @9 for 30 days; until "
            "2026-03-19 12:00 UTC.",
        ),
        (
            definition(
                trigger=OnVoice(minutes=1),
                when=AllOf(of=(BetweenHours(start="08:00", end="20:00"), MembershipAge(days=1))),
                counts_for_streak=True,
            ),
            "Whoever spends 1 minute in a voice channel with at least 1 other, after the first 60 seconds, for at "
            "most 180 minutes of a stay, gets 2 points if it is between 08:00 and 20:00 and they have been here "
            "for at least 1 day; the day counts for their streak.",
        ),
    ],
)
def test_a_rule_reads_as_one_sentence(one: Definition, words: str) -> None:
    assert sentence(one, lambda kind, word: NAMES[kind] + word) == words


@given(conditions())
def test_whatever_is_asked_can_be_said(condition: Condition) -> None:
    words = sentence(definition(trigger=OnMessage(), when=condition))
    assert words.startswith("Whoever writes a message gets 2 points if ")
    assert words.endswith(".")


def test_lengths_are_said_as_people_say_them() -> None:
    assert "at least 1 character" in sentence(definition(when=MinimumLength(characters=1)))
