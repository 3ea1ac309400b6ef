"""Turns of the rules that wait for a time: the latest of each, claimed once, done once."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, String, cast, insert, select, update

from points_core import communities, policy
from points_core.models import Community, PointRule, RuleSlot, RuleVersion
from points_core.moments import FAR
from points_core.rules import reading
from points_core.rules.definition import OnSchedule, Rule
from points_core.windows import Span, first_day, local_instant

LEASE: Final = timedelta(
    minutes=10
)  # for telling the facts of a turn; whoever dies at it leaves it to another

_SPANS: Final = {"day": Span.DAY, "week": Span.WEEK, "month": Span.MONTH}


@dataclass(frozen=True, slots=True)
class DueSlot:
    """A turn of a rule: `slot` is its local date. The facts of it are `schedule:{rule}:{slot}:{user}`, at `due_at`."""

    community: str
    rule: Rule
    slot: str
    due_at: datetime


def due_slots(tx: Connection, now: datetime, places: Collection[str], limit: int = 20) -> list[DueSlot]:
    """Claim up to `limit` turns that are due at `now` (aware), for `LEASE`; of turns that were missed the latest.

    Only those of the communities in `places`: another process may be the one that serves the others.
    """
    found: list[DueSlot] = []
    for community, community_id, rule in _waiting(tx):
        if community not in places:
            continue
        if len(found) >= limit:
            break
        turn = _latest(community, rule, now, policy.by_number(tx, community_id).zone)
        if turn is not None and _claim(tx, community_id, turn, now):
            found.append(turn)
    return found


def slot_done(tx: Connection, turn: DueSlot, now: datetime) -> None:
    """Put down that every fact of a turn was told."""
    community_id = communities.find(tx, turn.community)
    tx.execute(update(RuleSlot).where(*_this(community_id, turn)).values(done_at=now, leased_until=None))


def _waiting(tx: Connection) -> Iterator[tuple[str, int, Rule]]:
    """Yield the acting rules that wait for a time; their definitions are looked for as text, they are few."""
    acting = [mode.value for mode in reading.ACTING]
    rows = tx.execute(
        select(Community.key, PointRule.community_id, PointRule.number)
        .join(Community, Community.id == PointRule.community_id)
        .join(
            RuleVersion,
            (RuleVersion.community_id == PointRule.community_id)
            & (RuleVersion.rule_number == PointRule.number)
            & (RuleVersion.version == PointRule.version),
        )
        .where(PointRule.mode.in_(acting), cast(RuleVersion.definition, String).like('%"schedule"%'))
        .order_by(PointRule.community_id, PointRule.number)
    ).all()
    for community, community_id, number in rows:
        rule = reading.numbered(tx, community_id, number).rule
        if isinstance(rule.definition.trigger, OnSchedule):
            yield community, community_id, rule


def _latest(community: str, rule: Rule, now: datetime, zone: ZoneInfo) -> DueSlot | None:
    """Return the rule's latest turn up to `now`; None once it has expired by then."""
    trigger = rule.definition.trigger
    assert isinstance(trigger, OnSchedule)
    span, at = _SPANS[trigger.every], time.fromisoformat(trigger.at)
    day = first_day(span, now.astimezone(zone).date())
    due = _instant(day, at, zone)
    if due > now:
        day = first_day(span, day - timedelta(days=1))
        due = _instant(day, at, zone)
    expires = rule.definition.expires_at
    return None if expires is not None and due >= expires else DueSlot(community, rule, day.isoformat(), due)


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return local_instant(datetime.combine(day, at), zone)


def _began(tx: Connection, community_id: int, rule: Rule) -> datetime:
    """Return since when the rule has been acting: no turn from before it is made up for."""
    made = tx.execute(
        select(RuleVersion.mode, RuleVersion.made_at)
        .where(RuleVersion.community_id == community_id, RuleVersion.rule_number == rule.number)
        .order_by(RuleVersion.version.desc())
    ).all()
    acting = {mode.value for mode in reading.ACTING}
    began: datetime = made[0].made_at
    for mode, made_at in made:
        if mode not in acting:
            break
        began = made_at
    return began


def _claim(tx: Connection, community_id: int, turn: DueSlot, now: datetime) -> bool:
    """Take a turn if nobody did, or who did let it go; the community's lock keeps two from taking it."""
    taken = select(RuleSlot.leased_until, RuleSlot.done_at).where(*_this(community_id, turn))
    there = tx.execute(taken).one_or_none()
    if there is not None and there.done_at is not None:
        return False
    communities.lock(tx, turn.community)
    there = tx.execute(taken).one_or_none()
    if there is None:
        if turn.due_at <= _began(tx, community_id, turn.rule):
            return False
        tx.execute(
            insert(RuleSlot).values(
                community_id=community_id,
                rule_number=turn.rule.number,
                slot=turn.slot,
                due_at=turn.due_at,
                leased_until=now + LEASE,
            )
        )
        return True
    if there.done_at is not None or _held(there.leased_until, now):
        return False
    tx.execute(update(RuleSlot).where(*_this(community_id, turn)).values(leased_until=now + LEASE))
    return True


def _held(leased_until: datetime | None, now: datetime) -> bool:
    return leased_until is not None and now < leased_until <= now + FAR


def _this(community_id: int | None, turn: DueSlot) -> tuple[Any, ...]:
    return (
        RuleSlot.community_id == community_id,
        RuleSlot.rule_number == turn.rule.number,
        RuleSlot.slot == turn.slot,
    )
