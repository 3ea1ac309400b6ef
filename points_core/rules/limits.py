"""How much a rule gives for a fact: multipliers, cooldowns, caps. Pure: what was given before is handed in.

    usage = Usage()                                # filled by who knows: the books, or a trial in memory
    decision = decide(rule, fact, zone, usage)     # Given | Cooling | Capped | Nothing
    usage.note(rule, fact, zone, decision.amount)  # before the next decision

Cooldowns and caps go by the fact's own time, days and weeks by the community's zone: told again, told late or
told in another order, a fact is never nearer to another grant than the cooldown, and a cap is never passed.
"""

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from points_core.rules.definition import Definition, Multiplier, Rule
from points_core.rules.facts import Fact
from points_core.windows import Span, Window, first_day


class Limit(StrEnum):
    """Which of a definition's limits; each is the field of `Limits` called so."""

    MEMBER_COOLDOWN = "member_cooldown"
    PAIR_COOLDOWN = "pair_cooldown"
    CHANNEL_COOLDOWN = "channel_cooldown"
    MEMBER_DAY = "member_day"
    MEMBER_WEEK = "member_week"
    RULE_DAY = "rule_day"
    RULE_WEEK = "rule_week"
    COMMUNITY_DAY = "community_day"
    COMMUNITY_WEEK = "community_week"
    EVERY_RULE_MEMBER_DAY = "every_rule_member_day"


@dataclass(frozen=True, slots=True)
class Use:
    """A sum that caps look at: by a rule (0: by any) to a member (None: to all), in the span begun on `start`.

    It names a row of rule_uses; `start` is the ordinal of a local date, `member` an outside id.
    """

    rule: int
    member: str | None
    shadow: bool
    span: Span
    start: int


@dataclass(frozen=True, slots=True)
class Watch:
    """Which grants of a rule a cooldown looks at: those that share every one of the ids that are set."""

    rule: int
    shadow: bool
    member: str | None = None
    other: str | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class Cooldown:
    """No grant in `watch` may lie nearer than `seconds`, before or after."""

    limit: Limit
    watch: Watch
    seconds: int


@dataclass(frozen=True, slots=True)
class CapOn:
    """The points in `use` may not pass `most`; it begins anew at `until`, a UTC instant."""

    limit: Limit
    use: Use
    most: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Given:
    """The rule gives `amount` points; `by` is the cap that left no more of `full`, None if it gives all."""

    amount: int
    full: int
    by: Limit | None = None


@dataclass(frozen=True, slots=True)
class Cooling:
    """Another grant is too near; at `until` the cooldown of those that are is over."""

    limit: Limit
    until: datetime


@dataclass(frozen=True, slots=True)
class Capped:
    """Nothing is left under the cap until it begins anew at `until`."""

    limit: Limit
    until: datetime


@dataclass(frozen=True, slots=True)
class Nothing:
    """What the multipliers leave is less than one point."""


Decision = Given | Cooling | Capped | Nothing


@dataclass(slots=True)
class Usage:
    """What was given before, as far as the decisions at hand may ask.

    points: in each use (absent: 0). times: of the grants in each watch, ascending; those within the cooldown
    of the facts at hand are enough. Grants that were taken back by the rule's undo are in neither.
    """

    points: dict[Use, int] = field(default_factory=dict)
    times: dict[Watch, list[datetime]] = field(default_factory=dict)

    def note(self, rule: Rule, fact: Fact, zone: ZoneInfo, amount: int) -> None:
        """Count a grant of `amount` points in."""
        for use in counted(rule, fact, zone):
            self.points[use] = self.points.get(use, 0) + amount
        for cooldown in cooldowns(rule, fact):
            insort(self.times.setdefault(cooldown.watch, []), fact.at)


def cooldowns(rule: Rule, fact: Fact) -> tuple[Cooldown, ...]:
    """Return the cooldowns that apply; who is alone has no pair, what has no place no channel."""
    limits, found = rule.definition.limits, []
    member, other, channel = fact.user_id, fact.other_id, fact.channel
    if limits.member_cooldown:
        watch = Watch(rule.number, rule.shadow, member=member)
        found.append(Cooldown(Limit.MEMBER_COOLDOWN, watch, limits.member_cooldown))
    if limits.pair_cooldown and other is not None:
        watch = Watch(rule.number, rule.shadow, member=member, other=other)
        found.append(Cooldown(Limit.PAIR_COOLDOWN, watch, limits.pair_cooldown))
    if limits.channel_cooldown and channel is not None:
        watch = Watch(rule.number, rule.shadow, channel=channel)
        found.append(Cooldown(Limit.CHANNEL_COOLDOWN, watch, limits.channel_cooldown))
    return tuple(found)


def caps(rule: Rule, fact: Fact, zone: ZoneInfo) -> tuple[CapOn, ...]:
    """Return the caps that apply and the sums they look at."""
    limits, own, member = rule.definition.limits, rule.number, fact.user_id
    listed: tuple[tuple[Limit, int | None, int, str | None, Span], ...] = (
        (Limit.MEMBER_DAY, limits.member_day, own, member, Span.DAY),
        (Limit.MEMBER_WEEK, limits.member_week, own, member, Span.WEEK),
        (Limit.RULE_DAY, limits.rule_day, own, None, Span.DAY),
        (Limit.RULE_WEEK, limits.rule_week, own, None, Span.WEEK),
        (Limit.COMMUNITY_DAY, limits.community_day, 0, None, Span.DAY),
        (Limit.COMMUNITY_WEEK, limits.community_week, 0, None, Span.WEEK),
        (Limit.EVERY_RULE_MEMBER_DAY, limits.every_rule_member_day, 0, member, Span.DAY),
    )
    day = fact.at.astimezone(zone).date()
    return tuple(
        CapOn(limit, Use(number, who, rule.shadow, span, start.toordinal()), most, _ends(span, start, zone))
        for limit, most, number, who, span in listed
        if most is not None
        for start in (first_day(span, day),)
    )


def counted(rule: Rule, fact: Fact, zone: ZoneInfo) -> tuple[Use, ...]:
    """Return the sums that a grant counts in: of this rule and of all, to the member and to all, day and week."""
    day = fact.at.astimezone(zone).date()
    starts = tuple((span, first_day(span, day).toordinal()) for span in (Span.DAY, Span.WEEK))
    return tuple(
        Use(number, member, rule.shadow, span, start)
        for number in (rule.number, 0)
        for member in (fact.user_id, None)
        for span, start in starts
    )


def full_amount(definition: Definition, fact: Fact) -> int:
    """Return what the definition gives for the fact before any limit, in points; 0 for nothing."""
    of_roles = [each.percent for each in definition.multipliers if each.role in fact.roles]
    of_places = [each.percent for each in definition.multipliers if _in_place(each, fact)]
    if 0 in of_roles or 0 in of_places:
        return 0
    return definition.amount * max(of_roles, default=100) * max(of_places, default=100) // 10_000


def decide(rule: Rule, fact: Fact, zone: ZoneInfo, usage: Usage) -> Decision:
    """Return what a rule that matches the fact gives for it, after everything in `usage`.

    Of several cooldowns the one that ends last is told; so is, of several caps with nothing left, the one that
    begins anew last.
    """
    full = full_amount(rule.definition, fact)
    if not full:
        return Nothing()
    cooling = [found for each in cooldowns(rule, fact) if (found := _cooling(each, fact.at, usage))]
    if cooling:
        return max(cooling, key=lambda each: each.until)
    left = [(max(0, cap.most - usage.points.get(cap.use, 0)), cap) for cap in caps(rule, fact, zone)]
    empty = [Capped(cap.limit, cap.until) for points, cap in left if not points]
    if empty:
        return max(empty, key=lambda each: each.until)
    points, tightest = min(left, key=lambda each: each[0], default=(full, None))
    if tightest is None or points >= full:
        return Given(full, full)
    return Given(points, full, tightest.limit)


def _cooling(cooldown: Cooldown, at: datetime, usage: Usage) -> Cooling | None:
    """Return until when grants that are too near, before or after, keep the cooldown busy; None if none is."""
    times, length = usage.times.get(cooldown.watch, []), timedelta(seconds=cooldown.seconds)
    near = times[bisect_right(times, at - length) : bisect_left(times, at + length)]
    return Cooling(cooldown.limit, near[-1] + length) if near else None


def _in_place(multiplier: Multiplier, fact: Fact) -> bool:
    return multiplier.channel is not None and multiplier.channel in (fact.channel, fact.parent, fact.group)


@lru_cache(maxsize=64)  # the facts of a busy day all ask for the same few
def _ends(span: Span, start: date, zone: ZoneInfo) -> datetime:
    end = Window.of_span(span, start, zone).end
    assert end is not None  # a day and a week end
    return end
