"""Every clause of a rule's sentence and every refusal of a definition, word for word: people read them."""

from datetime import timedelta
from typing import Any

import pytest

from points_core.errors import InvalidSetting
from points_core.rules.beside import Beside
from points_core.rules.checking import checked, condition_of
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
    Limits,
    MembershipAge,
    MinimumLength,
    Multiplier,
    NoneOf,
    OnAnniversary,
    OnApiEvent,
    OnBoost,
    OnCheckIn,
    OnEventAttended,
    OnMessage,
    OnReactionGiven,
    OnReactionReceived,
    OnRoleGained,
    OnSchedule,
    OnSolved,
    OnStreak,
    OnVoice,
    OnWeekdays,
    StreakAtLeast,
    TotalAtLeast,
    Trigger,
)
from points_core.rules.sentences import (
    condition_words,
    counted,
    every,
    limit_words,
    listed,
    sentence,
    stays,
    triggered,
)
from points_core.values import MAX_AMOUNT
from tests.core.rule_facts import WEDNESDAY, definition


@pytest.mark.parametrize(
    "trigger, words",
    [
        (OnMessage(), "whoever writes a message"),
        (OnReactionReceived(), "whoever gets a reaction from somebody else on a message"),
        (OnReactionReceived(emoji=("👍",)), "whoever gets a 👍 reaction from somebody else on a message"),
        (OnReactionGiven(), "whoever gives somebody else's message a reaction"),
        (
            OnReactionGiven(emoji=("👍", "🎉", "🌱")),
            "whoever gives somebody else's message a 👍, 🎉 or 🌱 reaction",
        ),
        (OnSolved(), "whoever wrote an answer that is marked as the solution"),
        (OnEventAttended(minutes=1), "whoever is at a scheduled event for 1 minute"),
        (OnEventAttended(minutes=30), "whoever is at a scheduled event for 30 minutes"),
        (
            OnVoice(minutes=10, grace_seconds=0, people=1, most_minutes=60),
            "whoever spends 10 minutes in a voice channel, for at most 60 minutes of a stay,",
        ),
        (
            OnVoice(minutes=10, grace_seconds=1, people=2, most_minutes=10),
            "whoever spends 10 minutes in a voice channel with at least 1 other, after the first 1 second, "
            "for at most 10 minutes of a stay,",
        ),
        (
            OnVoice(minutes=10, grace_seconds=90, people=4),
            "whoever spends 10 minutes in a voice channel with at least 3 others, after the first 90 seconds, "
            "for at most 180 minutes of a stay,",
        ),
        (OnBoost(), "whoever boosts the server"),
        (OnAnniversary(), "whoever has been here for another year"),
        (OnRoleGained(roles=("4",)), "whoever is given role 4"),
        (OnRoleGained(roles=("4", "5")), "whoever is given role 4 or role 5"),
        (OnCheckIn(), "whoever checks in"),
        (OnApiEvent(event="quiz.won"), "whoever a program reports “quiz.won” of"),
        (OnSchedule(every="day", at="08:30", roles=("4",)), "every day at 08:30, whoever has role 4"),
        (OnSchedule(every="week", at="08:30", roles=("4",)), "every Monday at 08:30, whoever has role 4"),
        (
            OnSchedule(every="month", at="08:30", roles=("4", "5")),
            "on the first of every month at 08:30, whoever has role 4 or role 5",
        ),
        (OnStreak(unit="day", length=7), "whoever reaches a streak of 7 days"),
        (OnStreak(unit="week", length=4), "whoever reaches a streak of 4 weeks"),
    ],
    ids=str,
)
def test_a_trigger_reads_as_who_gets_points(trigger: Trigger, words: str) -> None:
    assert triggered(trigger) == words


@pytest.mark.parametrize(
    "condition, words",
    [
        (InChannels(channels=("5", "6", "7")), "it is in channel 5, channel 6 or channel 7"),
        (HasRole(roles=("7",)), "they have role 7"),
        (AccountAge(days=1), "their account is at least 1 day old"),
        (AccountAge(days=1_000), "their account is at least 1,000 days old"),
        (MembershipAge(days=30), "they have been here for at least 30 days"),
        (HasAttachment(), "the message has a file"),
        (IsReply(), "the message answers another"),
        (MinimumLength(characters=20), "the message has at least 20 characters"),
        (OnWeekdays(days=(1,)), "it is a Monday"),
        (OnWeekdays(days=(5, 3, 5, 4, 2)), "it is a Tuesday, Wednesday, Thursday or Friday"),
        (BetweenHours(start="22:00", end="06:00"), "it is between 22:00 and 06:00"),
        (StreakAtLeast(unit="week", length=2), "their streak is at least 2 weeks"),
        (TotalAtLeast(points=1), "they have at least 1 point"),
        (TotalAtLeast(points=10, category_id=3), "they have at least 10 points in category 3"),
        (AllOf(of=(IsReply(),)), "the message answers another"),
        (AnyOf(of=(IsReply(), HasAttachment())), "the message answers another or the message has a file"),
        (
            NoneOf(of=(IsReply(), HasAttachment())),
            "it is not so that the message answers another or that the message has a file",
        ),
        (
            AllOf(of=(AnyOf(of=(IsReply(), HasAttachment())), AnyOf(of=(IsReply(),)), HasRole(roles=("7",)))),
            "(the message answers another or the message has a file) and the message answers another and "
            "they have role 7",
        ),
    ],
    ids=str,
)
def test_a_condition_reads_as_a_clause(condition: Condition, words: str) -> None:
    assert condition_words(condition) == words


def test_each_limit_has_its_own_clause() -> None:
    every_limit = Limits(
        member_cooldown=60,
        pair_cooldown=3_600,
        channel_cooldown=2,
        member_day=1,
        member_week=2,
        rule_day=3,
        rule_week=4,
        community_day=5,
        community_week=6,
        every_rule_member_day=7,
    )
    assert limit_words(every_limit) == (
        "once a minute",
        "once an hour for the same two people",
        "once every 2 seconds in the same channel",
        "1 point a day each",
        "2 points a week each",
        "3 points a day in all",
        "4 points a week in all",
        "5 points a day from all rules together",
        "6 points a week from all rules together",
        "7 points a day each from all rules together",
    )
    assert limit_words(Limits()) == ()


@pytest.mark.parametrize(
    "seconds, words",
    [
        (1, "a second"),
        (59, "every 59 seconds"),
        (60, "a minute"),
        (61, "every 61 seconds"),
        (120, "every 2 minutes"),
        (3_600, "an hour"),
        (7_200, "every 2 hours"),
        (86_400, "a day"),
        (90_000, "every 25 hours"),
        (172_800, "every 2 days"),
    ],
)
def test_lengths_of_time_are_said_in_their_largest_whole_unit(seconds: int, words: str) -> None:
    assert every(seconds) == words


def test_counts_and_lists_read_as_people_write_them() -> None:
    assert [counted("point", n) for n in (0, 1, 2, 1_000)] == [
        "0 points",
        "1 point",
        "2 points",
        "1,000 points",
    ]
    assert [listed("a"), listed("ab"), listed("abc"), listed("abc", "and")] == [
        "a",
        "a or b",
        "a, b or c",
        "a, b and c",
    ]


def test_what_else_a_rule_does_comes_after_what_it_gives() -> None:
    whole = definition(
        amount=1,
        category_id=2,
        role="9",
        when=IsReply(),
        limits=Limits(member_cooldown=60),
        multipliers=(
            Multiplier(role="1", percent=150),
            Multiplier(role="2", percent=0),
            Multiplier(channel="3", percent=50),
        ),
        approval=True,
        counts_for_streak=True,
        expires_at=WEDNESDAY + timedelta(days=1),
    )
    assert sentence(whole) == (
        "Whoever writes a message gets 1 point in category 2 and role 9 if the message answers another; "
        "at most once a minute; 150 % for who has role 1; nothing for who has role 2; 50 % in channel 3; "
        "moderators have to agree first; the day counts for their streak; until 2026-03-19 12:00 UTC."
    )
    one_day = definition(role="9", role_days=1)
    assert sentence(one_day) == "Whoever writes a message gets 2 points and role 9 for 1 day."


def document(**changes: Any) -> dict[str, Any]:
    return {"trigger": {"on": "message"}, "amount": 2, "reason": "wrote"} | changes


VOICE = {"on": "voice", "minutes": 20, "most_minutes": 19}
TWICE = [{"role": "1", "percent": 50}, {"role": "1", "percent": 60}]
DEEP: dict[str, Any] = {"kind": "reply"}
for _ in range(60):
    DEEP = {"kind": "all", "of": [DEEP]}
FIVE_DEEP: dict[str, Any] = {"kind": "reply"}
for _ in range(5):
    FIVE_DEEP = {"kind": "none", "of": [FIVE_DEEP]}
MANY = {
    "kind": "all",
    "of": [{"kind": "any", "of": [{"kind": "reply"}] * 10}, {"kind": "any", "of": [{"kind": "reply"}] * 8}],
}
LONG = [str(n) for n in range(1, 27)]


@pytest.mark.parametrize(
    "changes, name, value, expected",
    [
        ({"amount": 0}, "amount", 0, "greater than or equal to 1"),
        ({"amount": "5"}, "amount", "5", "a valid integer"),
        ({"colour": "red"}, "colour", "red", "left out"),
        ({"when": {"kind": "length"}}, "when.characters", {"kind": "length"}, "given"),
        (
            {"trigger": {"on": "schedule", "every": "year", "roles": ["1"]}},
            "trigger.every",
            "year",
            "'day', 'week' or 'month'",
        ),
        ({"when": {"kind": "hours", "start": "8", "end": "9"}}, "when.start", "8", "of another form"),
        ({"limits": {"pair_cooldown": 5}}, "pair_cooldown", 5, "0 where nobody else takes part: message"),
        (
            {"trigger": {"on": "check-in"}, "limits": {"channel_cooldown": 5}},
            "channel_cooldown",
            5,
            "0 where no channel is part of it: check-in",
        ),
        ({"limits": {"member_day": 6, "member_week": 5}}, "member_day", 6, "at most the 5 of a week"),
        ({"limits": {"rule_day": 6, "rule_week": 5}}, "rule_day", 6, "at most the 5 of a week"),
        (
            {"limits": {"community_day": 6, "community_week": 5}},
            "community_day",
            6,
            "at most the 5 of a week",
        ),
        (
            {"multipliers": [{"percent": 50}]},
            "multiplier",
            50,
            "for a role or for a channel, and one of them only",
        ),
        (
            {"multipliers": [{"percent": 60, "role": "1", "channel": "2"}]},
            "multiplier",
            60,
            "for a role or for a channel, and one of them only",
        ),
        (
            {"trigger": {"on": "check-in"}, "multipliers": [{"percent": 50, "channel": "2"}]},
            "multiplier",
            "2",
            "for a role: check-in has no channel",
        ),
        ({"multipliers": TWICE}, "multiplier", "1", "one for each role or channel"),
        (
            {"amount": MAX_AMOUNT, "multipliers": [{"percent": 101, "role": "1"}]},
            "amount",
            MAX_AMOUNT,
            f"at most {MAX_AMOUNT} with its multipliers",
        ),
        ({"trigger": VOICE}, "most_minutes", 19, "at least the 20 of one stretch"),
        (
            {"trigger": {"on": "anniversary"}, "counts_for_streak": True},
            "counts_for_streak",
            "anniversary",
            "something that the member does",
        ),
        ({"role_days": 3}, "role_days", 3, "given together with a role"),
        (
            {"expires_at": WEDNESDAY.isoformat()},
            "expires_at",
            WEDNESDAY.isoformat(),
            "a time that is to come",
        ),
        ({"when": DEEP}, "conditions", "so many within each other", "at most 4 deep"),
        ({"when": FIVE_DEEP}, "conditions", "5 within each other", "at most 4 deep"),
        ({"when": MANY}, "conditions", 21, "at most 20 in one rule"),
        ({"reason": ""}, "reason", "", "with at least 1 character"),
        (
            {"trigger": {"on": "role-gained", "roles": LONG}},
            "trigger.roles",
            LONG,
            "with at most 25 items",
        ),
        (
            {"trigger": {"on": "api-event", "event": "e" * 51}},
            "trigger.event",
            "e" * 51,
            "with at most 50 characters",
        ),
        ({"trigger": {"on": "api-event", "event": "E"}}, "trigger.event", "E", "of another form"),
        (
            {"trigger": {"on": "check-in"}, "when": {"kind": "reply"}},
            "condition of check-in",
            "reply",
            "one of all, any, none, roles, account-age, membership-age, weekdays, hours, streak, total",
        ),
    ],
    ids=lambda given: str(given)[:40],
)
def test_a_refusal_says_what_would_do(
    changes: dict[str, Any], name: str, value: object, expected: str
) -> None:
    with pytest.raises(InvalidSetting) as refused:
        checked(document(**changes), WEDNESDAY)
    assert (refused.value.name, refused.value.value, refused.value.expected) == (name, value, expected)


def test_what_an_undo_leaves_is_said_rule_by_rule() -> None:
    assert stays(Beside()) == ()
    assert stays(Beside(asked=(3,), capped=(4, 5, 16), decayed=True)) == (
        "Rule #3 asked for a total or a streak meanwhile, and may have counted these points or days: what came of "
        "that stays.",
        "Rules #4, #5 and #16 had a cap on what all rules give, and may have counted these points: what it left out "
        "is not given now.",
        "What inactivity cost meanwhile may have been part of these points: it is not given back.",
    )


def test_a_condition_alone_is_checked_too() -> None:
    assert condition_of({"kind": "length", "characters": 3}) == MinimumLength(characters=3)
    with pytest.raises(InvalidSetting) as refused:
        condition_of({"kind": "length", "characters": 0})
    assert (refused.value.name, refused.value.expected) == ("length.characters", "greater than or equal to 1")
    with pytest.raises(InvalidSetting) as refused:
        condition_of({"kind": "moon"})
    assert (refused.value.name, refused.value.expected) == ("rule", "of another form")
