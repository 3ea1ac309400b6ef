"""Who would lose what, before expiry or decay is switched on. Reads all members: for `Points.study`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Connection, func, select

from points_core import active_days, communities, duties, policy
from points_core.expiry import stored
from points_core.expiry.decaying import losses
from points_core.expiry.expiring import due_on
from points_core.expiry.stored import MEMBERS
from points_core.models import Community, PointBalance
from points_core.policy import Policy
from points_core.programme import Decay, Expiry, Programme
from points_core.values import Duty

HORIZON_DAYS: Final = 90
NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class Loss:
    """What one member would lose, of the points they have."""

    user_id: str
    name: str | None
    points: int
    of: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be lost on `first_day` and by the end of `last_day`, if nobody earned or spent anything.

    `first_day` is the first local day on which anybody loses something, None if nobody does. `most` are those
    who lose most by then. `total` is what all members have.
    """

    first_day: date | None
    first_points: int
    first_members: int
    last_day: date
    points: int
    members: int
    total: int
    most: tuple[Loss, ...]


def expiry(
    tx: Connection,
    community: str,
    terms: tuple[Expiry, ...],
    now: datetime,
    *,
    days: int = HORIZON_DAYS,
) -> Preview:
    """Return what `terms` would take within `days` of `now` (aware)."""
    rules = _under(policy.of(tx, community), expiry=terms)
    today = active_days.local_day(now, rules.zone)
    lost: dict[int, dict[int, int]] = {}
    for members in _portions(tx, community, 0):
        for member_id, lots in stored.of_members(tx, members.community_id, members.ids).items():
            for lot in lots:
                gone_on = due_on(rules, lot)
                if gone_on is not None and gone_on <= today + days:
                    of_day = lost.setdefault(max(gone_on, today), {})
                    of_day[member_id] = of_day.get(member_id, 0) + lot.left
    return _summed(tx, community, lost, date.fromordinal(today + days))


def decay(tx: Connection, community: str, terms: Decay, now: datetime) -> Preview:
    """Return what the next turn of `terms` would take if it were now, at `now` (aware)."""
    rules = _under(policy.of(tx, community), decay=terms)
    turn = duties.next_turn(Duty.DECAY, rules.programme, now, rules.zone).astimezone(rules.zone).date()
    lost: dict[int, int] = {}
    for members in _portions(tx, community, terms.keep):
        lost |= losses(tx, members.community_id, rules, terms, members.ids, now)
    return _summed(tx, community, {turn.toordinal(): lost} if lost else {}, turn)


@dataclass(frozen=True, slots=True)
class _Members:
    community_id: int
    ids: tuple[int, ...]


def _under(rules: Policy, **changes: object) -> Policy:
    return rules.model_copy(update={"programme": Programme.model_validate(changes)})


def _portions(tx: Connection, community: str, points: int) -> Iterator[_Members]:
    community_id = communities.find(tx, community)
    after = 0
    while community_id is not None:
        found = stored.affordable(
            tx, community_id, stored.with_more_than(tx, community_id, points, after, MEMBERS)
        )
        if not found:
            return
        after = found[-1]
        there = tuple(stored.holders(tx, community_id, found))
        if there:
            yield _Members(community_id, there)


def _summed(tx: Connection, community: str, lost: dict[int, dict[int, int]], last_day: date) -> Preview:
    by_member: dict[int, int] = {}
    for of_day in lost.values():
        for member_id, points in of_day.items():
            by_member[member_id] = by_member.get(member_id, 0) + points
    first = min(lost, default=None)
    at_first = lost[first] if first is not None else {}
    return Preview(
        first_day=None if first is None else date.fromordinal(first),
        first_points=sum(at_first.values()),
        first_members=len(at_first),
        last_day=last_day,
        points=sum(by_member.values()),
        members=len(by_member),
        total=_total(tx, community),
        most=_most(tx, community, by_member),
    )


def _total(tx: Connection, community: str) -> int:
    summed = (
        select(func.coalesce(func.sum(PointBalance.current), 0))
        .join(Community, Community.id == PointBalance.community_id)
        .where(Community.key == community)
    )
    return int(tx.execute(summed).scalar_one())


def _most(tx: Connection, community: str, lost: dict[int, int]) -> tuple[Loss, ...]:
    community_id = communities.find(tx, community)
    if community_id is None or not lost:
        return ()
    most = sorted(lost, key=lambda member_id: (-lost[member_id], member_id))[:NAMED]
    people = stored.holders(tx, community_id, most)
    found = select(PointBalance.member_id, PointBalance.current).where(
        PointBalance.community_id == community_id, PointBalance.member_id.in_(most)
    )
    balances = {row.member_id: row.current for row in tx.execute(found)}
    return tuple(Loss(people[each].user_id, people[each].name, lost[each], balances[each]) for each in most)
