"""A community's rules at work on several facts: what they need is read at once, each decided in order, all written.

Between `open` and `save` nothing is written; a later fact sees what earlier ones were given.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert

from points_core import active_days, communities, levels, rewards, uses
from points_core.approvals import opening
from points_core.approvals.opening import Opened
from points_core.communities import Head
from points_core.errors import Refused, UnknownCategory
from points_core.ledger import Books, Movement
from points_core.ledger.loading import Wanted
from points_core.models import Fact as FactRow
from points_core.models import RuleGrant
from points_core.policy import Category, Policy
from points_core.prepared import Prepared
from points_core.rules import earlier, keeping, reading
from points_core.rules.conditions import Asked, Met, Standing, asked
from points_core.rules.days import Days
from points_core.rules.definition import Rule
from points_core.rules.facts import ASKED_FOR, Fact, On
from points_core.rules.limits import Capped, Cooling, Given, decide
from points_core.rules.matching import Compiled, matches
from points_core.rules.outcomes import GAVE, Fired, Outcome, Result, document
from points_core.rules.standing import standings
from points_core.rules.usage import Known
from points_core.streaks import Streak
from points_core.values import Actor, ActorKind, Kind, Origin

_GRANT = Prepared(insert(RuleGrant))
_COUNT: Final = GAVE | {Result.COOLDOWN, Result.CAPPED}
"""What makes a day count for a streak: the rule was met, whatever its limits left."""


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as it was told: by whom, and the key under which it is kept."""

    origin: Origin
    fact: Fact
    key: str


@dataclass(slots=True)
class Desk:
    """Open it under the community's lock, decide, save before the commit."""

    tx: Connection
    at: datetime
    policy: Policy
    compiled: Compiled
    books: Books
    known: Known
    days: Days
    before: earlier.Earlier
    totals: dict[str, dict[int | None, int]]
    untracked: frozenset[str | None]
    decided: dict[str, Fired] = field(default_factory=dict)
    facts: list[tuple[Told, tuple[Outcome, ...], tuple[str, ...]]] = field(default_factory=list)
    grants: list[dict[str, Any]] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)
    roles: list[tuple[int, Rule, Origin]] = field(default_factory=list)

    @classmethod
    def open(cls, tx: Connection, head: Head, policy: Policy, told: Sequence[Told]) -> "Desk":
        """Read what the facts may need: a few SELECTs however many there are."""
        compiled = reading.ready(tx, head, policy.zone)
        before = earlier.load(tx, head.community_id, {each.key for each in told})
        pairs = [(rule, each) for each in told for rule in compiled.caring(each.fact)]
        rules = {rule.number: rule for rule, _ in pairs} | {r.number: r for r in compiled.of(On.STREAK)}
        wanted = Wanted(
            user_ids=frozenset(
                user for each in told for user in (each.fact.user_id, each.fact.other_id) if user is not None
            ),
            keys=frozenset(_key(rule, each) for rule, each in pairs),
            numbers=before.transactions,
        )
        books = Books.load(tx, head, policy, wanted)
        known = Known(tx, head.community_id, policy.zone, books.people)
        known.load((rule, each.fact) for rule, each in pairs)
        return cls(
            tx=tx,
            at=max(each.origin.at for each in told),
            policy=policy,
            compiled=compiled,
            books=books,
            known=known,
            days=Days.load(tx, books, policy, [each.fact for each in told], rules.values()),
            before=before,
            totals=_totals(tx, books, policy, told, rules.values()),
            untracked=frozenset(communities.untracked(tx, head.community_id, wanted.user_ids)),
        )

    @property
    def idle(self) -> bool:
        """Whether there is nothing to save."""
        return not (self.facts or self.days.new)

    def decide(self, told: Told) -> Fired:
        """Return what the rules do about a fact; what they did when it was told before."""
        if (again := self._earlier(told)) is not None:
            return again
        fact = told.fact
        if fact.on not in ASKED_FOR and self.untracked & {fact.user_id, fact.other_id}:
            return Fired()
        checked_in = fact.on is On.CHECK_IN and self.days.check_in(fact)
        if fact.on is On.CHECK_IN and not checked_in:
            return self._checked_in_before(told)
        outcomes = tuple(outcome for rule in self.compiled.caring(fact) for outcome in self._meet(rule, told))
        for outcome in outcomes:
            rule = outcome.rule
            if rule.definition.counts_for_streak and not rule.shadow and outcome.result in _COUNT:
                self.days.add(fact, rule.number)
        followed = [self._told_of(each, told.origin) for each in self.days.passed(self.compiled, told.fact)]
        then = [(each, self.decide(each)) for each in followed]
        if outcomes:
            kept = tuple(each.key for each, fired in then if fired.outcomes)
            self.facts.append((told, outcomes, kept))
        every = outcomes + tuple(outcome for _, fired in then for outcome in fired.outcomes)
        fired = Fired(every, checked_in, self._streaks(told))
        self.decided[told.key] = fired
        return fired

    def save(self) -> None:
        """Write what was decided."""
        tx = self.tx
        for told, _, _ in self.facts:
            self._enrol(told)
        for fact, _ in self.days.new:
            self.books.enrol(fact.user_id, fact.name, fact.at)
        self.books.save(tx)
        opening.write(tx, self.books, self.opened)
        community_id, numbers = self.books.head.community_id, self._numbers()
        if self.facts:
            tx.execute(
                insert(FactRow),
                [
                    keeping.row(
                        community_id,
                        told.key,
                        told.fact,
                        (numbers[told.fact.user_id], numbers.get(told.fact.other_id or "")),
                        document(outcomes, then),
                        told.origin.at,
                    )
                    for told, outcomes, then in self.facts
                ],
            )
        _GRANT.run(tx, self.grants)
        uses.add(tx, community_id, (_granted(row) for row in self.grants), self.policy.zone)
        self._save_days(numbers)
        for member_id, rule, origin in self.roles:
            role, days = rule.definition.role, rule.definition.role_days
            assert role is not None
            rewards.give(tx, community_id, member_id, rule=rule.number, role=role, days=days, now=origin.at)

    def _save_days(self, numbers: dict[str, int]) -> None:
        community_id = self.books.head.community_id
        moved: set[int] = set()
        for fact, source in self.days.new:
            member = numbers[fact.user_id]
            if active_days.keep(self.tx, community_id, member, self.days.day(fact), source):
                moved.add(member)
        if self.books.head.badges and moved:
            levels.mark(self.tx, community_id, sorted(moved), self.at)

    def _numbers(self) -> dict[str, int]:
        return {user_id: person.id for user_id, person in self.books.people.items()}

    def _earlier(self, told: Told) -> Fired | None:
        if (fired := self.decided.get(told.key)) is not None:
            return fired.again
        if told.fact.on is On.STREAK and told.key not in self.before.decided:
            earlier.add(self.tx, self.books.head.community_id, self.before, (told.key,))
        outcomes = self.before.outcomes(told.key, self.books.entries)
        if outcomes is None:
            return None
        return Fired(outcomes, streaks=self._streaks(told)).again

    def _checked_in_before(self, told: Told) -> Fired:
        """Give nothing: a day has one check-in, whatever it is called; and remember it, whatever the clock says."""
        if self.compiled.caring(told.fact):
            self.facts.append((told, (), ()))
        fired = self.decided[told.key] = Fired(streaks=self._streaks(told))
        return fired

    def _streaks(self, told: Told) -> Mapping[str, Streak] | None:
        return self.days.streaks(told.fact, told.origin.at) if told.fact.on is On.CHECK_IN else None

    def _told_of(self, fact: Fact, origin: Origin) -> Told:
        told = Told(origin, fact, keeping.key_of(fact))
        self.known.load((rule, fact) for rule in self.compiled.caring(fact))
        return told

    def _meet(self, rule: Rule, told: Told) -> Iterable[Outcome]:
        """Yield the rule's outcome, if it matches the fact after all."""
        fact, zone = told.fact, self.policy.zone
        if matches(rule, fact, zone, self._standing(rule, told)) is not Met.YES:
            return
        match decide(rule, fact, zone, self.known.usage):
            case Given(amount=amount, by=by):
                yield replace(self._give(rule, told, amount), limit=by)
            case Cooling(limit=limit, until=until):
                yield Outcome(rule, Result.COOLDOWN, limit=limit, until=until)
            case Capped(limit=limit, until=until):
                yield Outcome(rule, Result.CAPPED, limit=limit, until=until)
            case _:
                yield Outcome(rule, Result.NOTHING)

    def _give(self, rule: Rule, told: Told, amount: int) -> Outcome:
        """Give, ask for approval, or record; a refusal of the books leaves everything as it was."""
        try:
            outcome = self._moved(rule, told, amount)
        except Refused as refusal:
            return Outcome(rule, Result.REFUSED, why=refusal)
        fact = told.fact
        member_id, other_id = self._enrol(told)
        self.known.usage.note(rule, fact, self.policy.zone, amount)
        self.grants.append(
            {
                "community_id": self.books.head.community_id,
                "fact_key": told.key,
                "rule_number": rule.number,
                "version": rule.version,
                "shadow": rule.shadow,
                "member_id": member_id,
                "other_id": other_id,
                "channel": fact.channel,
                "at": fact.at,
                "amount": amount,
                "transaction_seq": outcome.receipt.number if outcome.receipt else None,
                "request_number": outcome.request.number if outcome.request else None,
                "standing": True,
                "undone_batch": None,
            }
        )
        if outcome.receipt is not None:
            self._gained(fact.user_id, rule.definition.category_id, amount)
            if rule.definition.role is not None:
                self.roles.append((member_id, rule, told.origin))
        return outcome

    def _moved(self, rule: Rule, told: Told, amount: int) -> Outcome:
        if rule.shadow:
            return Outcome(rule, Result.SHADOW, amount)
        movement = Movement(
            kind=Kind.AWARD,
            user_id=told.fact.user_id,
            name=told.fact.name,
            amount=amount,
            reason=rule.definition.reason,
            actor=Actor(ActorKind.RULE, name=rule.name),
            key=_key(rule, told),
            at=told.origin.at,
            category=self._category(rule),
            evidence=told.fact.link,
            effective_at=told.fact.at,
            rule=(rule.number, rule.version),
        )
        if not rule.definition.approval:
            return Outcome(rule, Result.GIVEN, amount, receipt=self.books.post(movement))
        self.books.check_balance(movement)
        row, waiting = opening.open_request(self.books, movement, told.origin.place or told.fact.channel)
        self.opened.append((row, waiting))
        return Outcome(rule, Result.WAITING, amount, request=waiting)

    def _category(self, rule: Rule) -> Category | None:
        """Return the category of what the rule gives. Raises UnknownCategory if it takes no more."""
        number = rule.definition.category_id
        if number is None:
            return None
        found = next((each for each in self.policy.categories if each.id == number), None)
        if found is None or found.retired:
            raise UnknownCategory(found.name if found else str(number), self.policy.open_categories)
        return found

    def _enrol(self, told: Told) -> tuple[int, int | None]:
        fact, at = told.fact, told.origin.at
        member = self.books.enrol(fact.user_id, fact.name, at)
        return member, None if fact.other_id is None else self.books.enrol(fact.other_id, fact.other_name, at)

    def _standing(self, rule: Rule, told: Told) -> Standing:
        asks = asked(rule.definition).streaks
        streaks = self.days.lengths(told.fact, told.origin.at) if asks else {}
        return Standing(streaks, self.totals.get(told.fact.user_id, {}))

    def _gained(self, user_id: str, category_id: int | None, amount: int) -> None:
        totals = self.totals.setdefault(user_id, {})
        for category in {None, category_id}:
            totals[category] = totals.get(category, 0) + amount


def _key(rule: Rule, told: Told) -> str:
    return f"rule:{rule.number}:{told.key}"


def _granted(row: dict[str, Any]) -> uses.Granted:
    return uses.Granted(row["rule_number"], row["member_id"], row["shadow"], row["at"], row["amount"])


def _totals(
    tx: Connection, books: Books, policy: Policy, told: Sequence[Told], rules: Iterable[Rule]
) -> dict[str, dict[int | None, int]]:
    """Return the points, by category, that the rules' conditions may ask for of the members of the facts."""
    wanted = Asked(totals=frozenset(each for rule in rules for each in asked(rule.definition).totals))
    people = {each.fact.user_id: books.people.get(each.fact.user_id) for each in told}
    numbers = {user_id: person.id for user_id, person in people.items() if person is not None}
    if not wanted.totals or not numbers:
        return {}
    found = standings(tx, books.head.community_id, policy, numbers.values(), told[0].fact.at, wanted)
    return {user_id: dict(found[number].totals) for user_id, number in numbers.items()}
