"""Who is told that points expire soon: at most once a week, for all that is to go in a week to come."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, select

from points_core import active_days, communities, duties, outbox, policy
from points_core.communities import Head
from points_core.duties import Mark
from points_core.expiry import stored
from points_core.expiry.expiring import due_on
from points_core.expiry.lots import Lot
from points_core.expiry.soon import Going, going
from points_core.expiry.stored import MEMBERS
from points_core.models import PointTransaction
from points_core.outbox import Topic
from points_core.policy import Policy
from points_core.programme import Expiry
from points_core.values import Duty, Origin
from points_core.windows import midnight

WEEK = 7
MORNING = timedelta(hours=9)  # nobody is told in the middle of the night
APART = timedelta(seconds=2)  # direct messages go out slowly, so that other effects do not wait behind them
SPREAD = 3_600  # of them, before two may go out at once


@dataclass(frozen=True, slots=True)
class Notice:
    """What a member is to be told: their points that are going, the soonest first."""

    user_id: str
    name: str | None
    going: tuple[Going, ...]

    @property
    def points(self) -> int:
        """Return how many points that is."""
        return sum(each.points for each in self.going)


def step(tx: Connection, origin: Origin, head: Head, rules: Policy, mark: Mark) -> tuple[Mark, int]:
    """Leave notices for the next members; return how far that goes, and that no points moved."""
    if mark.goal is None:
        turn = duties.turn(Duty.NOTICE, rules.programme, origin.at, rules.zone)
        mark = replace(mark, goal=turn if turn > mark.done else None)
    following = duties.next_turn(Duty.NOTICE, rules.programme, origin.at, rules.zone)
    if mark.goal is None:
        return replace(mark, due_at=following), 0
    candidates = _candidates(tx, head.community_id, rules, mark)
    portion = stored.affordable(tx, head.community_id, candidates)
    today = active_days.local_day(origin.at, rules.zone)
    morning = _morning(rules, origin.at)
    there = stored.holders(tx, head.community_id, portion).keys()
    for member_id, lots in stored.of_members(tx, head.community_id, there).items():
        if any(_told_now(rules, lot, mark, today) for lot in lots):
            subject = f"{member_id}:{date.fromordinal(mark.goal).isoformat()}:{rules.version}"
            at = morning + APART * (member_id % SPREAD)
            outbox.add(tx, head.community_id, Topic.EXPIRING, subject, at=at)
    if len(candidates) < MEMBERS and portion == candidates:
        return duties.over(mark, following), 0
    return replace(mark, member=portion[-1], due_at=origin.at), 0


def notice(tx: Connection, community: str, subject: str) -> Notice | None:
    """Return what an effect of Topic.EXPIRING is to tell; None if nothing is left to tell, or nobody."""
    member, week, _ = subject.split(":")
    community_id = communities.find(tx, community)
    if community_id is None:
        return None
    rules = policy.by_number(tx, community_id)
    holder = stored.holders(tx, community_id, [int(member)]).get(int(member))
    if holder is None or not rules.programme.expiry:
        return None
    lots = stored.of_members(tx, community_id, [holder.id])[holder.id]
    longest = max(expiry.notice_days for expiry in rules.programme.expiry)
    until = date.fromisoformat(week).toordinal() + longest + WEEK
    left = going(rules, lots, until)
    return Notice(holder.user_id, holder.name, left) if left else None


def _morning(rules: Policy, now: datetime) -> datetime:
    """Return nine o'clock of the local day, or now if that is over."""
    today = now.astimezone(rules.zone).date()
    return max(now, midnight(today, rules.zone) + MORNING)


def _told_now(rules: Policy, lot: Lot, mark: Mark, today: int) -> bool:
    expiry = rules.programme.expiry_of(lot.category_id)
    gone_on = due_on(rules, lot)
    if expiry is None or gone_on is None or not expiry.notice_days:
        return False
    first, last = _week(mark, expiry)
    return max(first, today) < gone_on <= last


def _week(mark: Mark, expiry: Expiry) -> tuple[int, int]:
    """Return the days between which points have to be gone to be told of now: after the first, up to the last."""
    assert mark.goal is not None
    return mark.done + WEEK + expiry.notice_days, mark.goal + WEEK + expiry.notice_days


def _candidates(tx: Connection, community_id: int, rules: Policy, mark: Mark) -> list[int]:
    terms = rules.programme.expiry
    found: set[int] = set()
    for expiry in terms:
        if not expiry.notice_days:
            continue
        first, last = _week(mark, expiry)
        if expiry.begins and first < expiry.begins.toordinal() <= last:
            return stored.with_more_than(tx, community_id, 0, mark.member)
        going_then = (
            select(PointTransaction.member_id)
            .distinct()
            .where(
                PointTransaction.community_id == community_id,
                PointTransaction.effective_at >= midnight(date.fromordinal(first - expiry.days), rules.zone),
                PointTransaction.effective_at < midnight(date.fromordinal(last - expiry.days), rules.zone),
                PointTransaction.member_id + 0 > mark.member,
                *stored.gained_within(expiry, terms),
            )
        )
        found.update(tx.execute(going_then).scalars())
    return sorted(found)[:MEMBERS]
