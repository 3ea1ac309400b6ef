"""What the books know of members, for conditions that ask: streaks on the day of a fact, points as they are."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from points_core import active_days
from points_core.models import PointBalance, PointScore
from points_core.policy import Policy
from points_core.rules.conditions import Asked, Standing
from points_core.streaks import streak, weekly
from points_core.windows import Span


def standings(
    tx: Connection, community_id: int, policy: Policy, member_ids: Iterable[int], at: datetime, asked: Asked
) -> dict[int, Standing]:
    """Return what `asked` asks for of each member (by number): streaks on the local day of `at`, points now."""
    members = sorted(set(member_ids))
    streaks = _streaks(tx, community_id, policy, members, at) if asked.streaks else {}
    totals = _totals(tx, community_id, members, asked)
    return {member: Standing(streaks.get(member, {}), totals.get(member, {})) for member in members}


def _streaks(
    tx: Connection, community_id: int, policy: Policy, members: list[int], at: datetime
) -> dict[int, dict[str, int]]:
    today = active_days.local_day(at, policy.zone)
    freezes = policy.programme.streak_freezes
    return {
        member: {"day": streak(days, today, freezes).current, "week": weekly(days, today).current}
        for member, days in active_days.of(tx, community_id, members).items()
    }


def _totals(
    tx: Connection, community_id: int, members: list[int], asked: Asked
) -> dict[int, dict[int | None, int]]:
    found: dict[int, dict[int | None, int]] = {member: {} for member in members}
    if None in asked.totals:
        balances = select(PointBalance.member_id, PointBalance.current).where(
            PointBalance.community_id == community_id, PointBalance.member_id.in_(members)
        )
        for member, current in tx.execute(balances):
            found[member][None] = current
    categories = [category for category in asked.totals if category is not None]
    if categories:
        scores = select(PointScore.member_id, PointScore.category_id, PointScore.points).where(
            PointScore.community_id == community_id,
            PointScore.span == int(Span.ALL),
            PointScore.start == 0,
            PointScore.category_id.in_(categories),
            PointScore.member_id.in_(members),
        )
        for member, category, points in tx.execute(scores):
            found[member][category] = points
    return found
