"""What a rule would have given for facts that already are: played in memory, nothing is written.

Limits decide by the same function as for real. What only the books know (a streak, a total) is asked of
`standings`; without it such a condition is taken as met, and the trial says so.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import ceil
from zoneinfo import ZoneInfo

from points_core.rules.conditions import Met, Standing, parts
from points_core.rules.definition import Condition, Definition, Rule, StreakAtLeast, TotalAtLeast
from points_core.rules.facts import Fact
from points_core.rules.limits import Capped, Cooling, Given, Limit, Usage, decide
from points_core.rules.matching import explain, failed
from points_core.values import Mode

_NEW = -1  # no rule's number, and not the 0 that stands for all of them
GAINERS = 10  # how many of those who would gain most are named


@dataclass(frozen=True, slots=True)
class Gainer:
    """What one member would have got: `points`, in so many `times`."""

    user_id: str
    name: str | None
    points: int
    times: int


@dataclass(frozen=True, slots=True)
class Day:
    """What would have been given on a local day."""

    day: date
    points: int
    times: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of playing facts through a definition.

    facts: how many there were, each counted once. happened: those that its trigger waits for. matched: those
    that met every condition. failed: how many each innermost condition refused (one fact may fail several).
    limited: how many each limit refused or cut. nothing: how many the multipliers left without a point.
    times, points, members: what would have been given, in points, and to how many. gainers: who would have got
    most, first. top_tenth: which part of the points the top tenth of those who got any would have, 0 to 1.
    gini: how unequal they are: 0 when all got the same, towards 1 when one got everything. days: local days on
    which something would have been given. assumed: the conditions that were taken as met.
    """

    facts: int
    happened: int
    matched: int
    failed: tuple[tuple[Condition, int], ...]
    limited: tuple[tuple[Limit, int], ...]
    nothing: int
    times: int
    points: int
    members: int
    gainers: tuple[Gainer, ...]
    top_tenth: float
    gini: float
    days: tuple[Day, ...]
    assumed: tuple[Condition, ...]


def play(
    definition: Definition,
    facts: Iterable[Fact],
    zone: ZoneInfo,
    *,
    number: int | None = None,
    standings: Callable[[Fact], Standing] | None = None,
) -> Trial:
    """Return what the definition would have given for the facts, in the order in which they happened.

    number: that of the rule it is (None: not yet one), for facts that were made for a certain rule.
    standings: tells what the books know of the member of a fact.
    """
    played = _Played(
        Rule(_NEW if number is None else number, 1, "", Mode.SHADOW, definition), zone, standings
    )
    once = {fact.key: fact for fact in facts}
    for fact in sorted(once.values(), key=lambda fact: (fact.at, fact.key)):
        played.take(fact)
    return played.trial(len(once))


def top_tenth(amounts: Sequence[int]) -> float:
    """Return which part of the sum the largest tenth of `amounts` (at least one) makes up; 0 for no sum."""
    total = sum(amounts)
    return sum(sorted(amounts, reverse=True)[: ceil(len(amounts) / 10)]) / total if total else 0.0


def gini(amounts: Sequence[int]) -> float:
    """Return the Gini coefficient of `amounts` that are not negative: 0 for equal ones, below 1; 0 for no sum."""
    total, count = sum(amounts), len(amounts)
    if not total:
        return 0.0
    weighted = sum(place * amount for place, amount in enumerate(sorted(amounts), 1))
    return (2 * weighted - (count + 1) * total) / (count * total)


@dataclass(slots=True)
class _Played:
    """What has come of the facts so far."""

    rule: Rule
    zone: ZoneInfo
    standings: Callable[[Fact], Standing] | None
    usage: Usage = field(default_factory=Usage)
    happened: int = 0
    matched: int = 0
    nothing: int = 0
    failed: Counter[Condition] = field(default_factory=Counter)
    limited: Counter[Limit] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    times: Counter[str] = field(default_factory=Counter)
    names: dict[str, str | None] = field(default_factory=dict)
    days: dict[date, list[int]] = field(default_factory=lambda: defaultdict(list))

    def take(self, fact: Fact) -> None:
        """Let the rule decide about the next fact."""
        standing = self.standings(fact) if self.standings else None
        explained = explain(self.rule, fact, self.zone, standing)
        if explained.trigger.met is not Met.YES:
            return
        self.happened += 1
        if explained.met in (Met.YES, Met.OPEN):
            self.matched += 1
            self._limit(fact)
        for each in failed(explained.condition):
            self.failed[each.what] += 1  # type: ignore[index]  # conditions only stand below a condition

    def _limit(self, fact: Fact) -> None:
        match decide(self.rule, fact, self.zone, self.usage):
            case Given(amount=amount, by=by):
                self._give(fact, amount)
                if by is not None:
                    self.limited[by] += 1
            case Cooling(limit=limit) | Capped(limit=limit):
                self.limited[limit] += 1
            case _:
                self.nothing += 1

    def _give(self, fact: Fact, amount: int) -> None:
        self.usage.note(self.rule, fact, self.zone, amount)
        self.points[fact.user_id] += amount
        self.times[fact.user_id] += 1
        self.names[fact.user_id] = fact.name
        self.days[fact.at.astimezone(self.zone).date()].append(amount)

    def trial(self, facts: int) -> Trial:
        """Return what it came to, of so many facts."""
        amounts = list(self.points.values())
        open_ = (StreakAtLeast, TotalAtLeast) if self.standings is None else ()
        return Trial(
            facts=facts,
            happened=self.happened,
            matched=self.matched,
            failed=tuple(self.failed.most_common()),
            limited=tuple(self.limited.most_common()),
            nothing=self.nothing,
            times=self.times.total(),
            points=sum(amounts),
            members=len(amounts),
            gainers=self._gainers(),
            top_tenth=top_tenth(amounts),
            gini=gini(amounts),
            days=tuple(Day(day, sum(given), len(given)) for day, given in sorted(self.days.items())),
            assumed=tuple(part for part in parts(self.rule.definition.when) if isinstance(part, open_)),
        )

    def _gainers(self) -> tuple[Gainer, ...]:
        first = sorted(self.points, key=lambda user: (-self.points[user], user))[:GAINERS]
        return tuple(Gainer(user, self.names[user], self.points[user], self.times[user]) for user in first)
