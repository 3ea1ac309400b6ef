"""Rules to begin from: sensible amounts and limits, to be changed before they are switched on, or after."""

from dataclasses import dataclass
from typing import Final

from points_core.rules.definition import (
    AllOf,
    Definition,
    Limits,
    MembershipAge,
    OnAnniversary,
    OnBoost,
    OnCheckIn,
    OnEventAttended,
    OnMessage,
    OnReactionReceived,
    OnSolved,
    OnStreak,
    OnVoice,
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A definition to begin from: `key` is its fixed name, `name` that of the rule, `why` says what it is good for."""

    key: str
    name: str
    why: str
    definition: Definition


RECIPES: Final = (
    Recipe(
        "messages",
        "Message activity",
        "Taking part in conversations, without a reward for flooding them.",
        Definition(
            trigger=OnMessage(),
            amount=1,
            reason="Took part in a conversation",
            limits=Limits(member_cooldown=60, member_day=30),
            when=AllOf(of=(MembershipAge(days=1),)),
        ),
    ),
    Recipe(
        "reactions",
        "Helpful messages",
        "Messages that others found helpful: a reaction from somebody else.",
        Definition(
            trigger=OnReactionReceived(emoji=("👍", "❤", "🎉")),
            amount=2,
            reason="Wrote a helpful message",
            limits=Limits(pair_cooldown=3_600, member_day=20),
        ),
    ),
    Recipe(
        "solved",
        "Solved posts",
        "An answer that was marked as the solution.",
        Definition(
            trigger=OnSolved(),
            amount=10,
            reason="Solved somebody's question",
            limits=Limits(pair_cooldown=86_400, member_day=50),
        ),
    ),
    Recipe(
        "voice",
        "Voice time",
        "Time spent with others in voice; muted and alone do not count.",
        Definition(
            trigger=OnVoice(minutes=10, people=2),
            amount=2,
            reason="Spent time with others in voice",
            limits=Limits(member_day=24),
        ),
    ),
    Recipe(
        "events",
        "Event attendance",
        "Being at a scheduled event.",
        Definition(
            trigger=OnEventAttended(minutes=15),
            amount=25,
            reason="Attended an event",
            limits=Limits(member_day=50),
        ),
    ),
    Recipe(
        "check-in",
        "Daily check-in",
        "Coming back every day; the day counts for the streak.",
        Definition(
            trigger=OnCheckIn(),
            amount=5,
            reason="Checked in",
            counts_for_streak=True,
            limits=Limits(member_day=5),
        ),
    ),
    Recipe(
        "streak",
        "A week in a row",
        "Seven days in a row.",
        Definition(trigger=OnStreak(length=7), amount=20, reason="Seven days in a row"),
    ),
    Recipe(
        "anniversary",
        "Anniversary",
        "Another year here.",
        Definition(trigger=OnAnniversary(), amount=50, reason="Another year here"),
    ),
    Recipe(
        "boost",
        "Server boost",
        "Boosting the server.",
        Definition(
            trigger=OnBoost(),
            amount=100,
            reason="Boosted the server",
            limits=Limits(member_cooldown=7 * 86_400),
        ),
    ),
)


def recipe(key: str) -> Recipe | None:
    """Return the recipe called `key`; None if there is none."""
    return next((each for each in RECIPES if each.key == key), None)
