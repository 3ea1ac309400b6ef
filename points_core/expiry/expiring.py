"""Points that are older than their category keeps them expire: one transaction a lot, ever.

Every local day the members with lots that fall due are looked at, in portions; the first time, and when an
expiry begins, all who have points. What is written later with an older date, and losses that are taken back,
are found by their numbers.

An expiry is dated with its lot, as a reversal is with what it takes back: this month's board is of what was done
this month, whatever old points went.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, or_, select

from points_core import active_days, bulk, duties
from points_core.bulk import Entry
from points_core.communities import Head
from points_core.duties import Mark
from points_core.errors import RowsRefused
from points_core.expiry import stored
from points_core.expiry.lots import Lot
from points_core.expiry.stored import MEMBERS, Holder
from points_core.models import PointTransaction
from points_core.policy import Policy
from points_core.values import Duty, Kind, Origin
from points_core.windows import midnight

LOTS: Final = 1_500  # that expire in one write: a quarter of a second for which the others wait
LATE: Final = 2_000  # transactions looked at for older dates in one write
AGAIN: Final = timedelta(hours=1)  # how long what was back-dated may wait


@dataclass(frozen=True, slots=True)
class _Due:
    """A lot whose time has come, and whose it is."""

    holder: Holder
    lot: Lot


def step(tx: Connection, origin: Origin, head: Head, rules: Policy, mark: Mark) -> tuple[Mark, int]:
    """Let a portion of what is due expire; return how far that goes, and how many transactions it made."""
    today = duties.turn(Duty.EXPIRY, rules.programme, origin.at, rules.zone)
    first = mark.done == 0 and mark.goal is None
    if first:
        mark = replace(mark, seq=head.seq)
    if mark.seq < head.seq:
        return _late(tx, origin, head, rules, mark, today)
    if mark.goal is None and today > mark.done:
        mark = replace(mark, goal=today)
    if mark.goal is None:
        return duties.over(mark, _next_look(rules, origin.at)), 0
    return _sweep(tx, origin, head, rules, mark, today)


def due_on(rules: Policy, lot: Lot) -> int | None:
    """Return the local day (an ordinal) at whose beginning a lot is gone; None if it never is.

    Whoever took its expiry back wanted it to stay.
    """
    expiry = rules.programme.expiry_of(lot.category_id)
    if expiry is None or not lot.left or lot.expired:
        return None
    return expiry.gone_on(active_days.local_day(lot.at, rules.zone))


def _next_look(rules: Policy, now: datetime) -> datetime:
    return min(now + AGAIN, duties.next_turn(Duty.EXPIRY, rules.programme, now, rules.zone))


def _late(
    tx: Connection, origin: Origin, head: Head, rules: Policy, mark: Mark, today: int
) -> tuple[Mark, int]:
    """Look at the members whose points became due by what was written since the last look."""
    until = min(head.seq, mark.seq + LATE)
    soonest = min(expiry.days for expiry in rules.programme.expiry)
    older = PointTransaction.effective_at < midnight(date.fromordinal(today - soonest), rules.zone)
    found = (
        select(PointTransaction.member_id)
        .distinct()
        .where(
            PointTransaction.community_id == head.community_id,
            PointTransaction.seq > mark.seq,
            PointTransaction.seq <= until,
            PointTransaction.amount > 0,
            or_(PointTransaction.kind == Kind.REVERSAL.value, older),
        )
    )
    members = sorted(tx.execute(found).scalars())
    handled, made = _expire(tx, origin, head, rules, members, today)
    caught_up = until + made if until == head.seq else until
    whole = not members or handled == members[-1]
    return replace(mark, seq=caught_up if whole else mark.seq, due_at=origin.at), made


def _sweep(
    tx: Connection, origin: Origin, head: Head, rules: Policy, mark: Mark, today: int
) -> tuple[Mark, int]:
    """Go on with the turn that is under way."""
    candidates = _candidates(tx, head.community_id, rules, mark)
    portion = stored.affordable(tx, head.community_id, candidates)
    handled, made = _expire(tx, origin, head, rules, portion, today)
    known = head.seq + made
    if len(candidates) < MEMBERS and (not candidates or handled == candidates[-1]):
        return duties.over(replace(mark, seq=known), _next_look(rules, origin.at)), made
    return replace(mark, member=handled, seq=known, due_at=origin.at), made


def _candidates(tx: Connection, community_id: int, rules: Policy, mark: Mark) -> list[int]:
    """Return the next members, in order, who may have something that the turn under way takes."""
    assert mark.goal is not None
    terms = rules.programme.expiry
    begins = any(e.begins and mark.done < e.begins.toordinal() <= mark.goal for e in terms)
    if mark.done == 0 or begins:
        return stored.with_more_than(tx, community_id, 0, mark.member)
    found: set[int] = set()
    for expiry in terms:
        fell_due = (
            select(PointTransaction.member_id)
            .distinct()
            .where(
                PointTransaction.community_id == community_id,
                PointTransaction.effective_at
                >= midnight(date.fromordinal(mark.done - expiry.days), rules.zone),
                PointTransaction.effective_at
                < midnight(date.fromordinal(mark.goal - expiry.days), rules.zone),
                PointTransaction.member_id + 0 > mark.member,  # + 0: found by date, not by member
                *stored.gained_within(expiry, terms),
            )
        )
        found.update(tx.execute(fell_due).scalars())
    return sorted(found)[:MEMBERS]


def _expire(
    tx: Connection, origin: Origin, head: Head, rules: Policy, members: Collection[int], today: int
) -> tuple[int, int]:
    """Let what is due of `members` expire; return up to which member, and how many transactions that took."""
    due = list(_due(tx, head.community_id, rules, members, today))
    handled = max(members, default=0)
    if len(due) > LOTS:
        due = due[:LOTS]
        handled = due[-1].holder.id - 1
    if not due:
        return handled, 0
    made = replace(origin, key=f"expired:{today}:{head.batches + 1}")
    try:
        receipt = bulk.post(tx, made, [_entry(rules, each) for each in due], partial=True, why="expiry")
    except RowsRefused:
        return handled, 0
    return handled, receipt.transactions


def _due(
    tx: Connection, community_id: int, rules: Policy, members: Collection[int], today: int
) -> Iterator[_Due]:
    people = stored.holders(tx, community_id, members)
    for member_id, lots in stored.of_members(tx, community_id, people.keys()).items():
        for lot in lots:
            gone_on = due_on(rules, lot)
            if gone_on is not None and gone_on <= today:
                yield _Due(people[member_id], lot)


def _entry(rules: Policy, due: _Due) -> Entry:
    day = due.lot.at.astimezone(rules.zone).date()
    return Entry(
        row=due.lot.seq,
        user_id=due.holder.user_id,
        amount=-due.lot.left,
        reason=f"expired: what was left of #{due.lot.seq} from {day.isoformat()}",
        kind=Kind.EXPIRY,
        category=rules.category_name(due.lot.category_id),
        effective_at=due.lot.at,
        key=f"{duties.EXPIRY_KEY}{due.lot.seq}",
    )
