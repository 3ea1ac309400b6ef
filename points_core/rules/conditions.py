"""Whether a fact meets a trigger and a condition, and what was seen; what a rule asks of others to tell.

Met          yes, no, open (only the books can say), unknown (the outside did not say)
Standing     what the books know of a member; Asked: which of it a rule asks for
happened     the trigger
met, seen    one condition, or a group of them
Need, needs  the privileged intents of Discord that a rule cannot do without
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

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
    MembershipAge,
    MinimumLength,
    NoneOf,
    OnApiEvent,
    OnEventAttended,
    OnReactionGiven,
    OnReactionReceived,
    OnRoleGained,
    OnStreak,
    OnVoice,
    OnWeekdays,
    StreakAtLeast,
    TotalAtLeast,
    Trigger,
)
from points_core.rules.facts import Fact, On


class Met(StrEnum):
    """What came of looking at a condition.

    Open: the books decide. Unknown: nobody said, and it is not met, nor is a none around it.
    """

    YES = "yes"
    NO = "no"
    OPEN = "open"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the books know of a member: `streaks` now, by unit (day, week); current `totals` in points by category.

    The category None is all of them. What a rule did not ask for (`asked`) may be absent and counts as 0.
    """

    streaks: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[int | None, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which streaks (by unit) and totals (by category; None: all) conditions ask for."""

    streaks: frozenset[str] = frozenset()
    totals: frozenset[int | None] = frozenset()


class Need(StrEnum):
    """Discord's privileged intents, by the name of the setting that turns each on."""

    MEMBERS = "members"
    MESSAGE_CONTENT = "message_content"


_MEMBERS_TOLD: Final = frozenset({On.ANNIVERSARY, On.ROLE_GAINED, On.SCHEDULE})
_CONTENT_READ: Final = (HasAttachment, MinimumLength)

Seen = str | int | tuple[str, ...] | None


def parts(condition: Condition | None) -> Iterator[Condition]:
    """Yield a condition and every one inside it."""
    waiting = [condition] if condition is not None else []
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, AllOf | AnyOf | NoneOf):
            waiting.extend(reversed(one.of))


def needs(definition: Definition) -> frozenset[Need]:
    """Return the privileged intents without which the rule would not see what it asks for."""
    found = {Need.MEMBERS} if definition.trigger.on in _MEMBERS_TOLD else set()
    if any(isinstance(part, _CONTENT_READ) for part in parts(definition.when)):
        found.add(Need.MESSAGE_CONTENT)
    return frozenset(found)


def asked(definition: Definition) -> Asked:
    """Return what has to be known of a member's standing to decide about the rule."""
    inside = tuple(parts(definition.when))
    return Asked(
        frozenset(part.unit for part in inside if isinstance(part, StreakAtLeast)),
        frozenset(part.category_id for part in inside if isinstance(part, TotalAtLeast)),
    )


def happened(trigger: Trigger, fact: Fact) -> bool:
    """Return whether the fact is what the trigger waits for."""
    if trigger.on is not fact.on:
        return False
    match trigger:
        case OnReactionReceived() | OnReactionGiven():
            return not trigger.emoji or fact.what in trigger.emoji
        case OnEventAttended():
            return (fact.minutes or 0) >= trigger.minutes
        case OnVoice():
            return (fact.minutes or 0) >= trigger.minutes and (fact.people or 0) >= trigger.people
        case OnRoleGained():
            return fact.what in trigger.roles
        case OnApiEvent():
            return fact.what == trigger.event
        case OnStreak():
            return fact.days == trigger.length and fact.what == trigger.unit
        case _:
            return True


def met(condition: Condition, fact: Fact, zone: ZoneInfo, standing: Standing | None = None) -> Met:
    """Return whether the fact meets the condition, in the community's zone, for a member of that standing.

    Without a standing what only the books know is open.
    """
    return _CHECKS[type(condition)](condition, fact, zone, standing)


def all_of(outcomes: Iterator[Met]) -> Met:
    """Return what several outcomes come to when each has to be yes."""
    least = Met.YES
    for outcome in outcomes:
        if outcome is Met.NO:
            return outcome
        if outcome is Met.OPEN or least is Met.YES:
            least = outcome
    return least


def any_of(outcomes: Iterator[Met]) -> Met:
    """Return what several outcomes come to when one yes is enough."""
    most = Met.NO
    for outcome in outcomes:
        if outcome is Met.YES:
            return outcome
        if outcome is Met.OPEN or most is Met.NO:
            most = outcome
    return most


def none_of(outcomes: Iterator[Met]) -> Met:
    """Return what several outcomes come to when none may be yes."""
    found = any_of(outcomes)
    return {Met.YES: Met.NO, Met.NO: Met.YES}.get(found, found)


def seen(condition: Condition, fact: Fact, zone: ZoneInfo, standing: Standing | None = None) -> Seen:
    """Return what the condition looked at, None for a group and for what nobody said.

    Ids of a place or of roles, ages in days, a length in characters, a count of files, a weekday (1 is Monday),
    a local time HH:MM, a streak, points.
    """
    look = _SEEN.get(type(condition))
    return look(condition, fact, zone, standing) if look else None


def _is(true: bool) -> Met:
    return Met.YES if true else Met.NO


def _at_least(number: int | None, least: int) -> Met:
    return Met.UNKNOWN if number is None else _is(number >= least)


def _days(since: datetime | None, fact: Fact) -> int | None:
    return None if since is None else (fact.at - since).days


def _hours(condition: BetweenHours, local: str) -> Met:
    start, end = condition.start, condition.end
    return _is(start <= local < end if start < end else local >= start or local < end)


def _streak(condition: StreakAtLeast, standing: Standing | None) -> Met:
    return Met.OPEN if standing is None else _is(standing.streaks.get(condition.unit, 0) >= condition.length)


def _total(condition: TotalAtLeast, standing: Standing | None) -> Met:
    return (
        Met.OPEN
        if standing is None
        else _is(standing.totals.get(condition.category_id, 0) >= condition.points)
    )


_CHECKS: Final[dict[type, Callable[[Any, Fact, ZoneInfo, Standing | None], Met]]] = {
    AllOf: lambda c, fact, zone, standing: all_of(met(one, fact, zone, standing) for one in c.of),
    AnyOf: lambda c, fact, zone, standing: any_of(met(one, fact, zone, standing) for one in c.of),
    NoneOf: lambda c, fact, zone, standing: none_of(met(one, fact, zone, standing) for one in c.of),
    InChannels: lambda c, fact, zone, standing: _is(
        fact.channel in c.channels or fact.parent in c.channels or fact.group in c.channels
    ),
    HasRole: lambda c, fact, zone, standing: _is(not fact.roles.isdisjoint(c.roles)),
    AccountAge: lambda c, fact, zone, standing: _at_least(_days(fact.account_created_at, fact), c.days),
    MembershipAge: lambda c, fact, zone, standing: _at_least(_days(fact.joined_at, fact), c.days),
    HasAttachment: lambda c, fact, zone, standing: _at_least(fact.attachments, 1),
    IsReply: lambda c, fact, zone, standing: _is(fact.reply),
    MinimumLength: lambda c, fact, zone, standing: _at_least(fact.length, c.characters),
    OnWeekdays: lambda c, fact, zone, standing: _is(fact.at.astimezone(zone).isoweekday() in c.days),
    BetweenHours: lambda c, fact, zone, standing: _hours(c, f"{fact.at.astimezone(zone):%H:%M}"),
    StreakAtLeast: lambda c, fact, zone, standing: _streak(c, standing),
    TotalAtLeast: lambda c, fact, zone, standing: _total(c, standing),
}

_SEEN: Final[dict[type, Callable[[Any, Fact, ZoneInfo, Standing | None], Seen]]] = {
    InChannels: lambda c, fact, zone, standing: fact.channel,
    HasRole: lambda c, fact, zone, standing: tuple(sorted(fact.roles)),
    AccountAge: lambda c, fact, zone, standing: _days(fact.account_created_at, fact),
    MembershipAge: lambda c, fact, zone, standing: _days(fact.joined_at, fact),
    HasAttachment: lambda c, fact, zone, standing: fact.attachments,
    IsReply: lambda c, fact, zone, standing: int(fact.reply),
    MinimumLength: lambda c, fact, zone, standing: fact.length,
    OnWeekdays: lambda c, fact, zone, standing: fact.at.astimezone(zone).isoweekday(),
    BetweenHours: lambda c, fact, zone, standing: f"{fact.at.astimezone(zone):%H:%M}",
    StreakAtLeast: lambda c, fact, zone, standing: standing.streaks.get(c.unit, 0) if standing else None,
    TotalAtLeast: lambda c, fact, zone, standing: standing.totals.get(c.category_id, 0) if standing else None,
}
