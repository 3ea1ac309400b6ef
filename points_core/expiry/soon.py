"""Which of a member's points expire soon, and when."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from points_core import active_days, communities, policy
from points_core.expiry import stored
from points_core.expiry.expiring import due_on
from points_core.expiry.lots import Lot
from points_core.policy import Policy
from points_core.values import clean_id

SOON_DAYS = 30


@dataclass(frozen=True, slots=True)
class Going:
    """Points of a category (its name; None: of none) that are there up to and on the local day `last_day`."""

    last_day: date
    points: int
    category: str | None


def soon(
    tx: Connection, community: str, user_id: str, now: datetime, *, days: int = SOON_DAYS
) -> tuple[Going, ...]:
    """Return what the member loses if they spend nothing, the soonest first.

    That is what they have for at most `days` local days after the one of `now` (aware).
    """
    clean_id("user_id", user_id)
    community_id = communities.find(tx, community)
    if community_id is None:
        return ()
    rules = policy.by_number(tx, community_id)
    person = communities.people(tx, community_id, [user_id]).get(user_id)
    if person is None or not rules.programme.expiry:
        return ()
    lots = stored.of_members(tx, community_id, [person.id])[person.id]
    return going(rules, lots, active_days.local_day(now, rules.zone) + days + 1)


def going(rules: Policy, lots: Iterable[Lot], until: int) -> tuple[Going, ...]:
    """Return what of `lots` is gone at the beginning of the local day `until` (an ordinal), or before."""
    points: dict[tuple[int, str | None], int] = defaultdict(int)
    for lot in lots:
        gone_on = due_on(rules, lot)
        if gone_on is not None and gone_on <= until:
            points[gone_on, rules.category_name(lot.category_id)] += lot.left
    found = sorted(points.items(), key=lambda item: (item[0][0], item[0][1] or ""))
    return tuple(
        Going(date.fromordinal(gone_on - 1), count, category) for (gone_on, category), count in found
    )
