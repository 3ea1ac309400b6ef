"""A rule as one plain English sentence.

sentence(definition, names)
# Whoever writes a message gets 2 points if it is in #help; at most once a minute and 50 points a day each.

stays(beside)    what the undo of a rule leaves as it is, each in a sentence too
"""

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, Final

from points_core.rules.beside import Beside
from points_core.rules.definition import (
    AccountAge,
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


class Named(StrEnum):
    """What an id in a definition can be of."""

    CHANNEL = "channel"
    ROLE = "role"
    CATEGORY = "category"
    EMOJI = "emoji"


Names = Callable[[Named, str], str]
"""Says how something is called to whoever reads it."""

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def plain(kind: Named, word: str) -> str:
    """Return the id with its kind before it; an emoji is its own name."""
    return word if kind is Named.EMOJI else f"{kind} {word}"


def sentence(definition: Definition, names: Names = plain) -> str:
    """Return what the rule does, in one sentence."""
    gets = f"{counted('point', definition.amount)}{_in_category(definition.category_id, names)}"
    main = f"{triggered(definition.trigger, names)} gets {gets}"
    if definition.role is not None:
        days = f" for {counted('day', definition.role_days)}" if definition.role_days else ""
        main += f" and {names(Named.ROLE, definition.role)}{days}"
    if definition.when is not None:
        main += f" if {condition_words(definition.when, names)}"
    whole = "; ".join((main, *_provisos(definition, names))) + "."
    return whole[0].upper() + whole[1:]


def triggered(trigger: Trigger, names: Names = plain) -> str:
    """Return who gets points, as the subject of a sentence."""
    return _TRIGGERS[type(trigger)](trigger, names)


def condition_words(condition: Condition, names: Names = plain) -> str:
    """Return a condition as a clause that follows "if"."""
    match condition:
        case AllOf():
            return " and ".join(_inner(one, names) for one in condition.of)
        case AnyOf():
            return " or ".join(_inner(one, names) for one in condition.of)
        case NoneOf():
            return f"it is not so that {' or that '.join(_inner(one, names) for one in condition.of)}"
        case _:
            return _CONDITIONS[type(condition)](condition, names)


def limit_words(limits: Limits) -> tuple[str, ...]:
    """Return what the limits allow, one clause for each."""
    cooldowns = (
        (limits.member_cooldown, ""),
        (limits.pair_cooldown, " for the same two people"),
        (limits.channel_cooldown, " in the same channel"),
    )
    caps = (
        (limits.member_day, "a day each"),
        (limits.member_week, "a week each"),
        (limits.rule_day, "a day in all"),
        (limits.rule_week, "a week in all"),
        (limits.community_day, "a day from all rules together"),
        (limits.community_week, "a week from all rules together"),
        (limits.every_rule_member_day, "a day each from all rules together"),
    )
    return (
        *(f"once {every(seconds)}{of}" for seconds, of in cooldowns if seconds),
        *(f"{counted('point', most)} {per}" for most, per in caps if most is not None),
    )


def every(seconds: int) -> str:
    """Return a length of time as in "once a minute", "once every 90 seconds"."""
    for size, unit in _UNITS:
        if seconds % size == 0:
            number = seconds // size
            return f"{'an' if unit == 'hour' else 'a'} {unit}" if number == 1 else f"every {number} {unit}s"
    raise AssertionError(seconds)  # every whole number is a number of seconds


def counted(word: str, number: int) -> str:
    """Return a number with its word: 1 point, 1,042 points."""
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def listed(words: Iterable[str], last: str = "or") -> str:
    """Return words as a list: a, b or c."""
    *others, final = words
    return f"{', '.join(others)} {last} {final}" if others else final


def _inner(condition: Condition, names: Names) -> str:
    words = condition_words(condition, names)
    grouped = isinstance(condition, AllOf | AnyOf | NoneOf) and len(condition.of) > 1
    return f"({words})" if grouped else words


def _provisos(definition: Definition, names: Names) -> Iterable[str]:
    limits = limit_words(definition.limits)
    if limits:
        yield f"at most {listed(limits, 'and')}"
    yield from (_multiplied(each, names) for each in definition.multipliers)
    if definition.approval:
        yield "moderators have to agree first"
    if definition.counts_for_streak:
        yield "the day counts for their streak"
    if definition.expires_at is not None:
        yield f"until {definition.expires_at:%Y-%m-%d %H:%M} UTC"


def _multiplied(multiplier: Multiplier, names: Names) -> str:
    share = f"{multiplier.percent} %" if multiplier.percent else "nothing"
    if multiplier.role is not None:
        return f"{share} for who has {names(Named.ROLE, multiplier.role)}"
    return f"{share} in {names(Named.CHANNEL, multiplier.channel or '')}"


def _any(kind: Named, ids: Iterable[str], names: Names) -> str:
    return listed(names(kind, id_) for id_ in ids)


def _reaction(emoji: tuple[str, ...], names: Names) -> str:
    return f"{_any(Named.EMOJI, emoji, names)} reaction" if emoji else "reaction"


def _voice(trigger: OnVoice) -> str:
    company = f" with at least {counted('other', trigger.people - 1)}" if trigger.people > 1 else ""
    grace = f", after the first {counted('second', trigger.grace_seconds)}" if trigger.grace_seconds else ""
    limit = f", for at most {counted('minute', trigger.most_minutes)} of a stay"
    return f"whoever spends {counted('minute', trigger.minutes)} in a voice channel{company}{grace}{limit},"


def _schedule(trigger: OnSchedule, names: Names) -> str:
    turn = {"day": "every day", "week": "every Monday", "month": "on the first of every month"}[trigger.every]
    return f"{turn} at {trigger.at}, whoever has {_any(Named.ROLE, trigger.roles, names)}"


def _in_category(category_id: int | None, names: Names) -> str:
    return "" if category_id is None else f" in {names(Named.CATEGORY, str(category_id))}"


_TRIGGERS: Final[dict[type, Callable[[Any, Names], str]]] = {
    OnMessage: lambda t, names: "whoever writes a message",
    OnReactionReceived: lambda t, names: (
        f"whoever gets a {_reaction(t.emoji, names)} from somebody else on a message"
    ),
    OnReactionGiven: lambda t, names: f"whoever gives somebody else's message a {_reaction(t.emoji, names)}",
    OnSolved: lambda t, names: "whoever wrote an answer that is marked as the solution",
    OnEventAttended: lambda t, names: f"whoever is at a scheduled event for {counted('minute', t.minutes)}",
    OnVoice: lambda t, names: _voice(t),
    OnBoost: lambda t, names: "whoever boosts the server",
    OnAnniversary: lambda t, names: "whoever has been here for another year",
    OnRoleGained: lambda t, names: f"whoever is given {_any(Named.ROLE, t.roles, names)}",
    OnCheckIn: lambda t, names: "whoever checks in",
    OnApiEvent: lambda t, names: f"whoever a program reports “{t.event}” of",
    OnSchedule: _schedule,
    OnStreak: lambda t, names: f"whoever reaches a streak of {counted(t.unit, t.length)}",
}

_CONDITIONS: Final[dict[type, Callable[[Any, Names], str]]] = {
    InChannels: lambda c, names: f"it is in {_any(Named.CHANNEL, c.channels, names)}",
    HasRole: lambda c, names: f"they have {_any(Named.ROLE, c.roles, names)}",
    AccountAge: lambda c, names: f"their account is at least {counted('day', c.days)} old",
    MembershipAge: lambda c, names: f"they have been here for at least {counted('day', c.days)}",
    HasAttachment: lambda c, names: "the message has a file",
    IsReply: lambda c, names: "the message answers another",
    MinimumLength: lambda c, names: f"the message has at least {counted('character', c.characters)}",
    OnWeekdays: lambda c, names: f"it is a {listed(WEEKDAYS[day - 1] for day in sorted(set(c.days)))}",
    BetweenHours: lambda c, names: f"it is between {c.start} and {c.end}",
    StreakAtLeast: lambda c, names: f"their streak is at least {counted(c.unit, c.length)}",
    TotalAtLeast: lambda c, names: (
        f"they have at least {counted('point', c.points)}{_in_category(c.category_id, names)}"
    ),
}


def stays(beside: Beside) -> tuple[str, ...]:
    """Return in words what the undo of a rule leaves as it is; nothing where that is nothing."""
    found: list[str] = []
    if beside.asked:
        found.append(
            f"{_rules(beside.asked)} asked for a total or a streak meanwhile, and may have counted these points "
            "or days: what came of that stays."
        )
    if beside.capped:
        found.append(
            f"{_rules(beside.capped)} had a cap on what all rules give, and may have counted these points: "
            "what it left out is not given now."
        )
    if beside.decayed:
        found.append(
            "What inactivity cost meanwhile may have been part of these points: it is not given back."
        )
    return tuple(found)


def _rules(numbers: Sequence[int]) -> str:
    named = [f"#{number}" for number in numbers]
    if len(named) == 1:
        return f"Rule {named[0]}"
    return f"Rules {', '.join(named[:-1])} and {named[-1]}"
