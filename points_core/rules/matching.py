"""Which rules care about a fact, found in memory; and why one does or does not.

What nobody cares about costs no database access: an outside holds a community's `Compiled` rules until they
change, asks `watched` before it makes a fact of what happened, and `caring` before it asks the books.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import TypeVar
from zoneinfo import ZoneInfo

from points_core.rules.conditions import Met, Seen, Standing, happened, met, needs, seen
from points_core.rules.definition import (
    AllOf,
    AnyOf,
    Condition,
    Definition,
    InChannels,
    NoneOf,
    Rule,
    Trigger,
)
from points_core.rules.facts import Fact, On
from points_core.values import Mode

T = TypeVar("T")

_ACTING = (Mode.LIVE, Mode.SHADOW)
_MAY = (Met.YES, Met.OPEN)


@dataclass(frozen=True, slots=True)
class Checked:
    """One thing that was looked at: `what`, whether it was met, what was `seen` there, and what is inside it."""

    what: Trigger | Condition
    met: Met
    seen: Seen = None
    of: tuple["Checked", ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a rule cares about a fact, or not; `expired` when it gives nothing any more at the fact's time.

    `condition` is None for a rule without one, and when the trigger already is another's.
    """

    rule: Rule
    met: Met
    trigger: Checked
    expired: bool
    condition: Checked | None


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The rules of one trigger: those that look everywhere, and those of certain places, by each place's id."""

    anywhere: tuple[Rule, ...]
    places: dict[str | None, tuple[Rule, ...]]


class Compiled:
    """A community's acting rules, ready to be asked; it never changes: compile anew when a rule does."""

    __slots__ = ("_by_trigger", "_shelves", "needs", "rules", "zone")

    def __init__(self, rules: Iterable[Rule], zone: ZoneInfo) -> None:
        self.zone = zone
        """The community's zone, in which weekdays and hours count."""
        self.rules = tuple(sorted((one for one in rules if one.mode in _ACTING), key=lambda one: one.number))
        """The live and shadow rules, by number."""
        self.needs = _union(needs(rule.definition) for rule in self.rules)
        """The privileged intents that one of them needs."""
        by_trigger: dict[On, tuple[Rule, ...]] = {}
        for rule in self.rules:
            on = rule.definition.trigger.on
            by_trigger[on] = (*by_trigger.get(on, ()), rule)
        self._by_trigger = by_trigger
        self._shelves = {on: _shelf(those) for on, those in by_trigger.items()}

    def of(self, on: On) -> tuple[Rule, ...]:
        """Return the rules with that trigger, by number."""
        return self._by_trigger.get(on, ())

    def watched(
        self, on: On, channel: str | None = None, parent: str | None = None, group: str | None = None
    ) -> bool:
        """Return whether any rule might care about such a thing in that place; cheap, before a fact is made."""
        shelf = self._shelves.get(on)
        if shelf is None:
            return False
        if shelf.anywhere:
            return True
        places = shelf.places
        return channel in places or parent in places or group in places

    def caring(self, fact: Fact) -> tuple[Rule, ...]:
        """Return the rules that match the fact, as far as can be said without the books, by number."""
        shelf = self._shelves.get(fact.on)
        if shelf is None:
            return ()
        return tuple(rule for rule in _at(shelf, fact) if matches(rule, fact, self.zone) in _MAY)


def matches(rule: Rule, fact: Fact, zone: ZoneInfo, standing: Standing | None = None) -> Met:
    """Return whether the rule gives something for the fact, limits and mode aside."""
    definition = rule.definition
    if not _for_it(rule, fact) or _expired(definition, fact):
        return Met.NO
    return Met.YES if definition.when is None else met(definition.when, fact, zone, standing)


def explain(rule: Rule, fact: Fact, zone: ZoneInfo, standing: Standing | None = None) -> Explained:
    """Return what the rule looked at in the fact, and what came of each."""
    trigger = Checked(rule.definition.trigger, Met.YES if _for_it(rule, fact) else Met.NO, fact.what)
    when = rule.definition.when
    checked = _checked(when, fact, zone, standing) if when is not None and trigger.met is Met.YES else None
    return Explained(
        rule=rule,
        met=matches(rule, fact, zone, standing),
        trigger=trigger,
        expired=_expired(rule.definition, fact),
        condition=checked,
    )


def failed(checked: Checked | None) -> tuple[Checked, ...]:
    """Return the innermost conditions on which it failed, in the order in which they were written."""
    if checked is None or checked.met in _MAY:
        return ()
    if isinstance(checked.what, AllOf | AnyOf):
        return tuple(each for one in checked.of for each in failed(one))
    return (checked,)


def _checked(condition: Condition, fact: Fact, zone: ZoneInfo, standing: Standing | None) -> Checked:
    inside = condition.of if isinstance(condition, AllOf | AnyOf | NoneOf) else ()
    return Checked(
        condition,
        met(condition, fact, zone, standing),
        seen(condition, fact, zone, standing),
        tuple(_checked(one, fact, zone, standing) for one in inside),
    )


def _for_it(rule: Rule, fact: Fact) -> bool:
    return fact.rule in (None, rule.number) and happened(rule.definition.trigger, fact)


def _expired(definition: Definition, fact: Fact) -> bool:
    return definition.expires_at is not None and fact.at >= definition.expires_at


def _at(shelf: _Shelf, fact: Fact) -> tuple[Rule, ...]:
    """Return the rules that look at the fact's place, by number; nothing is built when none is for that place."""
    places = shelf.places
    if not places:
        return shelf.anywhere
    here = [rules for place in (fact.channel, fact.parent, fact.group) if (rules := places.get(place))]
    if not here:
        return shelf.anywhere
    found = {rule.number: rule for rules in (shelf.anywhere, *here) for rule in rules}
    return tuple(found[number] for number in sorted(found))


def _shelf(rules: tuple[Rule, ...]) -> _Shelf:
    placed = [(rule, places(rule.definition.when)) for rule in rules]
    ids = {place for _, those in placed for place in those or ()}
    return _Shelf(
        anywhere=tuple(rule for rule, those in placed if those is None),
        places={id_: tuple(rule for rule, those in placed if those and id_ in those) for id_ in ids},
    )


def places(condition: Condition | None) -> frozenset[str] | None:
    """Return the only places in which the condition can be met; None for anywhere."""
    if isinstance(condition, InChannels):
        return frozenset(condition.channels)
    if isinstance(condition, AllOf):
        known = [those for one in condition.of if (those := places(one)) is not None]
        return min(known, key=len, default=None)
    if isinstance(condition, AnyOf):
        inside = [places(one) for one in condition.of]
        return None if None in inside else _union(those for those in inside if those is not None)
    return None


def _union(sets: Iterable[frozenset[T]]) -> frozenset[T]:
    return reduce(frozenset.union, sets, frozenset())
