"""The days on which members were active, as facts add to them: what streaks they make, which lengths they pass."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from points_core import active_days
from points_core.ledger import Books
from points_core.policy import Policy
from points_core.rules.conditions import asked
from points_core.rules.definition import OnStreak, Rule
from points_core.rules.facts import Fact, On
from points_core.rules.matching import Compiled
from points_core.streaks import Run, Streak, Unit, runs, streak, weekly, weeks


@dataclass(slots=True)
class Days:
    """Active days by outside id; `new` are those that came with facts, each with its source.

    `checked` are the days of check-ins of those who check in.
    """

    policy: Policy
    known: dict[str, set[int]]
    checked: set[tuple[str, int]] = field(default_factory=set)
    new: list[tuple[Fact, int]] = field(default_factory=list)
    _fresh: list[tuple[str, int]] = field(default_factory=list)
    _added: set[tuple[str, int, int]] = field(default_factory=set)

    @classmethod
    def load(
        cls, tx: Connection, books: Books, policy: Policy, facts: Iterable[Fact], rules: Iterable[Rule]
    ) -> "Days":
        """Read the days of the facts' members, if a fact is a check-in or a rule looks at days or adds to them."""
        told = tuple(facts)
        looked_at = any(fact.on is On.CHECK_IN for fact in told) or any(
            rule.definition.counts_for_streak or asked(rule.definition).streaks for rule in rules
        )
        people = {
            fact.user_id: books.people[fact.user_id].id for fact in told if fact.user_id in books.people
        }
        community_id = books.head.community_id
        found = active_days.of(tx, community_id, people.values()) if looked_at else {}
        known = {user_id: set(found.get(number, ())) for user_id, number in people.items()}
        asking = {fact.user_id: people.get(fact.user_id, 0) for fact in told if fact.on is On.CHECK_IN}
        checked = active_days.check_ins(tx, community_id, asking.values())
        return cls(policy, known, {(user, day) for user, number in asking.items() for day in checked[number]})

    def day(self, fact: Fact) -> int:
        """Return the local day on which a fact happened."""
        return active_days.local_day(fact.at, self.policy.zone)

    def check_in(self, fact: Fact) -> bool:
        """Count the fact's day as one of a check-in; return whether it is the first on that day."""
        this = (fact.user_id, self.day(fact))
        if this in self.checked:
            return False
        self.checked.add(this)
        self.add(fact, active_days.CHECK_IN)
        return True

    def add(self, fact: Fact, source: int) -> None:
        """Count the fact's day for the reason `source`."""
        day = self.day(fact)
        if (fact.user_id, day, source) not in self._added:
            self._added.add((fact.user_id, day, source))
            self.new.append((fact, source))
        days = self.known.setdefault(fact.user_id, set())
        if day not in days:
            days.add(day)
            self._fresh.append((fact.user_id, day))

    def streaks(self, fact: Fact, told_at: datetime) -> dict[str, Streak]:
        """Return how the member's streaks stand on the fact's day, by unit.

        Of a fact that is told later (`told_at`) the days since do not count. Otherwise a later day does: a change
        of the community's zone can leave one.
        """
        days, today = self.known.get(fact.user_id, set()), self.day(fact)
        if active_days.local_day(told_at, self.policy.zone) > today:
            days = {day for day in days if day <= today}
        return {
            "day": streak(days, today, self.policy.programme.streak_freezes),
            "week": weekly(days, today),
        }

    def lengths(self, fact: Fact, told_at: datetime) -> dict[str, int]:
        """Return how long the member's streaks are on the fact's day, by unit."""
        return {unit: found.current for unit, found in self.streaks(fact, told_at).items()}

    def passed(self, compiled: Compiled, fact: Fact) -> list[Fact]:
        """Return the facts that streaks reached the lengths that rules wait for, since it was asked last."""
        fresh, self._fresh = self._fresh, []
        triggers = [rule.definition.trigger for rule in compiled.of(On.STREAK)]
        wanted = {(each.unit, each.length) for each in triggers if isinstance(each, OnStreak)}
        return [
            _reached(fact, unit, length, run)
            for user_id, day in fresh
            for unit in ("day", "week")
            for run, lengths in (self._longer(user_id, day, unit),)
            for length in lengths
            if (unit, length) in wanted
        ]

    def _longer(self, user_id: str, day: int, unit: Unit) -> tuple[Run, range]:
        """Return the run that a new day is in, and the lengths that it has now and no part of it had before."""
        days = self.known[user_id]
        before, after = self._runs(days - {day}, unit), self._runs(days, unit)
        run = next(each for each in after if each.first <= day <= each.last + (6 if unit == "week" else 0))
        longest = max(
            (each.length for each in before if run.first <= each.first and each.last <= run.last), default=0
        )
        return run, range(longest + 1, run.length + 1)

    def _runs(self, days: set[int], unit: Unit) -> list[Run]:
        return runs(days, self.policy.programme.streak_freezes) if unit == "day" else weeks(days)


def _reached(fact: Fact, unit: Unit, length: int, run: Run) -> Fact:
    return replace(
        fact,
        on=On.STREAK,
        key=f"streak:{unit}:{length}:{fact.user_id}:{run.first}",
        other_id=None,
        other_name=None,
        what=unit,
        days=length,
        rule=None,
    )
