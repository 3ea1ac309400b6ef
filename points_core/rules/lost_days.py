"""Which active days go with what is taken back of a rule.

A day goes if nothing stands for it any more: no grant, and no fact outside of what is taken back by which the
rule was met, even if it gave nothing then (a cooldown, a cap). Facts are kept for a while; of those that are
kept no more, only the days that lie in the span as a whole are known.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, or_, select

from points_core import active_days
from points_core.models import ActiveDay, RuleGrant
from points_core.models import Fact as FactRow
from points_core.policy import Zones
from points_core.rules.outcomes import GAVE, kept_in
from points_core.statements import portions
from points_core.windows import midnight

Day = tuple[int, int]
"""A member's number, and the ordinal of a date."""
Days = set[Day]

AROUND = timedelta(days=2)  # a date anywhere on earth lies within


@dataclass(frozen=True, slots=True)
class Part:
    """What is taken back of rule `number`: all that `version` (None: any) did from `since` to before `until`."""

    number: int
    version: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def whole(self) -> bool:
        """Return whether it is everything."""
        return self.version is None and self.since is None and self.until is None

    @property
    def ends(self) -> list[datetime]:
        """Return where it begins and ends, as far as it does."""
        return [end for end in (self.since, self.until) if end is not None]

    def has(self, at: datetime, version: int) -> bool:
        """Return whether what that version did at `at` is a part of it."""
        return (
            self.version in (None, version)
            and (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
        )

    def covers(self, day: int, zones: Zones) -> bool:
        """Return whether the day of that ordinal is a part of it from midnight to midnight."""
        zone = zones.at(midnight(date.fromordinal(day), zones.now))
        first, last = (midnight(date.fromordinal(each), zone) for each in (day, day + 1))
        return (
            self.version is None
            and (self.since is None or self.since <= first)
            and (self.until is None or last <= self.until)
        )


def lost(tx: Connection, community_id: int, part: Part, zones: Zones, gone: Iterable[Any]) -> Days:
    """Return the active days that go; `gone` are the grants that were taken back."""
    there = _made(tx, community_id, part.number)
    if part.whole:
        return there - _kept(tx, community_id, part.number, zones, there)
    inside = {this for this in there if part.covers(this[1], zones)}
    given = there & {_day(row, zones) for row in gone}
    taken, stays = _met(tx, community_id, part, zones, there - inside)
    going = (inside | given | taken) - stays
    return going - _kept(tx, community_id, part.number, zones, going)


def _made(tx: Connection, community_id: int, number: int) -> Days:
    """Return the active days that the rule made."""
    mine = (ActiveDay.community_id == community_id, ActiveDay.source == number)
    found = tx.execute(select(ActiveDay.member_id, ActiveDay.day).where(*mine))
    return {(row.member_id, row.day) for row in found}


def _kept(tx: Connection, community_id: int, number: int, zones: Zones, wanted: Days) -> Days:
    """Return the days of those members for which the rule still has a grant that stands."""
    found: Days = set()
    for some in portions({member_id for member_id, _ in wanted}):
        standing = select(RuleGrant.member_id, RuleGrant.at).where(
            RuleGrant.community_id == community_id,
            RuleGrant.rule_number == number,
            RuleGrant.member_id.in_(some),
            RuleGrant.standing,
            RuleGrant.shadow.is_(False),
        )
        found |= {_day(row, zones) for row in tx.execute(standing)}
    return found


def _day(row: Any, zones: Zones) -> Day:  # noqa: ANN401 - a row with member_id and at
    return row.member_id, active_days.local_day(row.at, zones.at(row.at))


def _met(tx: Connection, community_id: int, part: Part, zones: Zones, wanted: Days) -> tuple[Days, Days]:
    """Return on which of the `wanted` days the rule was met without a grant: within the part, and besides."""
    taken: Days = set()
    stays: Days = set()
    for row in _facts(tx, community_id, part, wanted):
        if (this := _day(row, zones)) not in wanted:
            continue
        for one in kept_in(row.outcomes).decided:
            if one.rule == part.number and one.result not in GAVE:
                (taken if part.has(row.at, one.version) else stays).add(this)
    return taken, stays


def _facts(tx: Connection, community_id: int, part: Part, wanted: Days) -> Iterator[Any]:
    """Yield what is kept of the members' facts: of a span, around its ends; of a version, all."""
    ends = [(FactRow.at >= end - AROUND) & (FactRow.at < end + AROUND) for end in part.ends]
    where = (FactRow.community_id == community_id, *(() if part.version is not None else (or_(*ends),)))
    for some in portions({member_id for member_id, _ in wanted}):
        facts = select(FactRow.member_id, FactRow.at, FactRow.outcomes)
        yield from tx.execute(facts.where(*where, FactRow.member_id.in_(some)))
