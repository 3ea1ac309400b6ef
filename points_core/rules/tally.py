"""What a rule has given so far, as a whole or by one version, in a span of time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, select

from points_core import communities
from points_core.models import RuleGrant
from points_core.values import bounded


@dataclass(frozen=True, slots=True)
class Tally:
    """What stands of a rule's grants: `points` in so many `times` to so many `members`, what waits included.

    shadow_times, shadow_points: what it would have given. undone: how many grants were taken back as a whole.
    last_at: when it gave, or would have given, last.
    """

    times: int = 0
    points: int = 0
    members: int = 0
    shadow_times: int = 0
    shadow_points: int = 0
    undone: int = 0
    last_at: datetime | None = None


def tally(
    tx: Connection,
    community: str,
    number: int,
    *,
    version: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Tally:
    """Return what rule `number` gave for facts from `since` to before `until`; zeros for no such rule."""
    community_id = communities.find(tx, community)
    live = RuleGrant.standing.is_(True) & RuleGrant.shadow.is_(False)
    shadow = RuleGrant.shadow.is_(True)
    found = select(
        func.count(case((live, 1))),
        func.coalesce(func.sum(case((live, RuleGrant.amount))), 0),
        func.count(func.distinct(case((live, RuleGrant.member_id)))),
        func.count(case((shadow, 1))),
        func.coalesce(func.sum(case((shadow, RuleGrant.amount))), 0),
        func.count(case((RuleGrant.undone_batch.is_not(None), 1))),
        func.max(RuleGrant.at),
    ).where(RuleGrant.community_id == community_id, RuleGrant.rule_number == bounded(number))
    if version is not None:
        found = found.where(RuleGrant.version == bounded(version))
    if since is not None:
        found = found.where(RuleGrant.at >= since)
    if until is not None:
        found = found.where(RuleGrant.at < until)
    times, points, members, shadow_times, shadow_points, undone, last_at = tx.execute(found).one()
    return Tally(times, int(points), members, shadow_times, int(shadow_points), undone, last_at)
