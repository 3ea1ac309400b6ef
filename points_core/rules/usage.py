"""What rules gave before, as far as the facts at hand may ask: read once for many, in a few statements."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Connection, or_, select

from points_core import uses
from points_core.communities import Person
from points_core.models import RuleGrant
from points_core.rules.definition import Rule
from points_core.rules.facts import Fact
from points_core.rules.limits import Cooldown, Usage, Use, Watch, caps, cooldowns

Pair = tuple[Rule, Fact]
"""A rule and a fact that it may decide about."""


class Known:
    """What is known of earlier grants; `usage` is what decisions ask, and note what they give in."""

    def __init__(
        self, tx: Connection, community_id: int, zone: ZoneInfo, people: Mapping[str, Person]
    ) -> None:
        self.usage = Usage()
        self._tx = tx
        self._community_id = community_id
        self._zone = zone
        self._people = people
        self._loaded: set[Use] = set()
        self._asked: set[tuple[int, int, str]] = set()

    def load(self, pairs: Iterable[Pair]) -> None:
        """Read what has to be known to decide about `pairs`; what was read or noted before stays."""
        new = [(rule, fact) for rule, fact in pairs if _mark(rule, fact) not in self._asked]
        self._asked.update(_mark(rule, fact) for rule, fact in new)
        self._load_points({cap.use for rule, fact in new for cap in caps(rule, fact, self._zone)})
        self._load_times([(fact.at, each) for rule, fact in new for each in cooldowns(rule, fact)])

    def _load_points(self, wanted: set[Use]) -> None:
        wanted -= self._loaded
        self._loaded |= wanted
        stored = {use: kept for use in wanted if (kept := self._stored(use)) is not None}
        found = uses.load(self._tx, self._community_id, stored.values())
        for use, kept in stored.items():
            if kept in found:
                self.usage.points[use] = self.usage.points.get(use, 0) + found[kept]

    def _stored(self, use: Use) -> uses.Use | None:
        """Return the sum as it is stored; None for somebody who never had anything."""
        member = uses.EVERY if use.member is None else self._number(use.member)
        return None if member is None else uses.Use(use.rule, member, use.shadow, int(use.span), use.start)

    def _number(self, user_id: str | None) -> int | None:
        person = self._people.get(user_id or "")
        return person.id if person else None

    def _load_times(self, wanted: list[tuple[datetime, Cooldown]]) -> None:
        by_rule: dict[tuple[int, bool], list[tuple[datetime, Cooldown]]] = defaultdict(list)
        for at, cooldown in wanted:
            by_rule[cooldown.watch.rule, cooldown.watch.shadow].append((at, cooldown))
        for (rule, shadow), cooled in by_rule.items():
            self._load_rule(rule, shadow, cooled)

    def _load_rule(self, rule: int, shadow: bool, cooled: list[tuple[datetime, Cooldown]]) -> None:
        """Read a rule's standing grants near the facts, and note each in the watches that look at it."""
        watches = {cooldown.watch for _, cooldown in cooled}
        members = {id for watch in watches if (id := self._number(watch.member)) is not None}
        channels = {watch.channel for watch in watches if watch.channel is not None}
        concerned: list[ColumnElement[bool]] = []
        if members:
            concerned.append(RuleGrant.member_id.in_(sorted(members)))
        if channels:
            concerned.append(RuleGrant.channel.in_(sorted(channels)))
        if not concerned:
            return
        nearest = min(at - timedelta(seconds=each.seconds) for at, each in cooled)
        farthest = max(at + timedelta(seconds=each.seconds) for at, each in cooled)
        users = {person.id: user_id for user_id, person in self._people.items()}
        grants = select(RuleGrant.member_id, RuleGrant.other_id, RuleGrant.channel, RuleGrant.at).where(
            RuleGrant.community_id == self._community_id,
            RuleGrant.rule_number == rule,
            RuleGrant.shadow.is_(shadow),
            RuleGrant.standing,
            RuleGrant.at > nearest,
            RuleGrant.at < farthest,
            or_(*concerned),
        )
        for member_id, other_id, channel, at in self._tx.execute(grants.order_by(RuleGrant.at)):
            member, other = users.get(member_id), users.get(other_id or 0)
            for watch in (
                Watch(rule, shadow, member=member),
                Watch(rule, shadow, member=member, other=other),
                Watch(rule, shadow, channel=channel),
            ):
                if watch in watches:
                    self._note(watch, at)

    def _note(self, watch: Watch, at: datetime) -> None:
        times = self.usage.times.setdefault(watch, [])
        place = bisect_left(times, at)
        if place == len(times) or times[place] != at:
            times.insert(place, at)


def _mark(rule: Rule, fact: Fact) -> tuple[int, int, str]:
    return rule.number, rule.version, fact.key
