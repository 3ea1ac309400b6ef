"""Members' streaks as they stand, and what other freezes would make of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection, select

from points_core import active_days, communities, policy
from points_core.models import ActiveDay
from points_core.streaks import Streak, streak, weekly
from points_core.values import clean_id


@dataclass(frozen=True, slots=True)
class Streaks:
    """A member's streak of days, and of weeks."""

    daily: Streak
    weekly: Streak


@dataclass(frozen=True, slots=True)
class OtherFreezes:
    """What another number of freezes does to the streaks of `members` who have one: `ended`, or `revived`."""

    members: int
    ended: int
    revived: int


def streaks(tx: Connection, community: str, user_id: str, now: datetime) -> Streaks:
    """Return the streaks of the member with outside id `user_id` as they stand at `now` (aware)."""
    clean_id("user_id", user_id)
    rules = policy.of(tx, community)
    community_id = communities.find(tx, community)
    days: tuple[int, ...] = ()
    if community_id is not None:
        person = communities.people(tx, community_id, [user_id]).get(user_id)
        days = active_days.of(tx, community_id, [person.id])[person.id] if person else ()
    today = active_days.local_day(now, rules.zone)
    return Streaks(streak(days, today, rules.programme.streak_freezes), weekly(days, today))


def with_freezes(tx: Connection, community: str, freezes: int, now: datetime) -> OtherFreezes:
    """Return what it does to streaks at `now` (aware) if `freezes` missed days of a month break none.

    Reads the days of all members: for `Points.study`.
    """
    rules = policy.of(tx, community)
    today = active_days.local_day(now, rules.zone)
    members = ended = revived = 0
    for days in _of_all(tx, community):
        before = streak(days, today, rules.programme.streak_freezes).current
        after = streak(days, today, freezes).current
        members += before > 0
        ended += after < before
        revived += after > before
    return OtherFreezes(members, ended, revived)


def _of_all(tx: Connection, community: str) -> Iterator[list[int]]:
    """Yield the days of each member who has some."""
    community_id = communities.find(tx, community)
    if community_id is None:
        return
    rows = tx.execute(
        select(ActiveDay.member_id, ActiveDay.day)
        .where(ActiveDay.community_id == community_id)
        .order_by(ActiveDay.member_id, ActiveDay.day)
    )
    for _, own in groupby(rows, key=lambda row: row.member_id):
        yield [row.day for row in own]
