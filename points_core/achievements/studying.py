"""Who would have a badge at once, seen before it is made."""

from datetime import datetime

from sqlalchemy import Connection, select

from points_core import communities, policy
from points_core.achievements.goals import Goal, Team
from points_core.achievements.measuring import AT_ONCE, measure, together
from points_core.models import Member


def earners(tx: Connection, community: str, goal: Goal, now: datetime) -> tuple[int, ...]:
    """Return how many members have reached each step of `goal` already. Looks at everybody: it may take a while."""
    community_id = communities.find(tx, community)
    if community_id is None:
        return (0,) * len(goal.steps)
    rules = policy.by_number(tx, community_id)
    if isinstance(goal, Team):
        return (len(together(tx, community_id, rules, goal).met_by(goal)),)
    today = now.astimezone(rules.zone).date()
    counts = [0] * len(goal.steps)
    last = 0
    while members := _next(tx, community_id, last):
        measured = measure(tx, community_id, rules, [goal], members, today)
        for member_id in members:
            reached = measured.reached(goal, member_id)
            for place, needed in enumerate(goal.steps):
                counts[place] += reached >= needed
        last = members[-1]
    return tuple(counts)


def _next(tx: Connection, community_id: int, after: int) -> list[int]:
    page = (
        select(Member.id)
        .where(Member.community_id == community_id, Member.id > after, Member.user_id.is_not(None))
        .order_by(Member.id)
        .limit(AT_ONCE)
    )
    return list(tx.execute(page).scalars())
