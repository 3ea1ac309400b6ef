"""Badges that all earn together: who holds one, against what all have reached.

What all have reached is kept on the writer's connection with the transaction up to which it was summed, and that
transaction's hash: what came later is added, and where history is another one it is summed anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from points_core.achievements import holding
from points_core.achievements.badges import Badge
from points_core.achievements.goals import Team
from points_core.achievements.holding import Key
from points_core.achievements.measuring import team_points, team_shares, together
from points_core.communities import Head
from points_core.models import PointTransaction
from points_core.policy import Policy

MAX_KEPT: Final = 1_000  # goals whose points are kept ready between operations

_KEPT: Final = "points_teams"


@dataclass(frozen=True, slots=True)
class Change:
    """Who is to get a team's badge and who to lose it; `whole` when it is all: the goal was just reached, or lost."""

    new: tuple[Key, ...] = ()
    lost: tuple[Key, ...] = ()
    whole: bool = False

    @property
    def members(self) -> list[int]:
        """Return everyone concerned."""
        return [key.member for key in (*self.new, *self.lost)]


@dataclass(frozen=True, slots=True)
class _Points:
    """What all have reached by transaction `seq`, whose hash tells that history is still the same."""

    seq: int
    hash: bytes
    points: int


def change(
    tx: Connection,
    head: Head,
    policy: Policy,
    badge: Badge,
    goal: Team,
    members: Sequence[int],
    *,
    all_due: bool,
) -> Change:
    """Return how the holders of a team's badge differ from those whose it is.

    members: those who are due. Of the others nobody is looked at, unless `all_due` and the goal was just reached,
    or is reached no more.
    """
    reached = points(tx, head, policy, goal) >= goal.points
    held = holding.anybody_holds(tx, head.community_id, badge.number)
    if reached is not held and all_due and not (badge.retired and not held):
        met_by = together(tx, head.community_id, policy, goal).met_by(goal)
        holders = holding.holders(tx, head.community_id, badge.number)
        return _change(badge, met_by, holders, whole=True)
    if not (reached and held and members):
        return Change()
    shares = team_shares(tx, head.community_id, policy, goal, members)
    met_by = frozenset(id for id, share in shares.items() if share >= goal.each)
    holders = holding.holders(tx, head.community_id, badge.number, members)
    return _change(badge, met_by, holders, whole=False)


def points(tx: Connection, head: Head, policy: Policy, goal: Team) -> int:
    """Return what all have earned towards a goal in a community that is locked."""
    kept: dict[tuple[int, Team, str], _Points] = tx.info.setdefault(_KEPT, {})
    this = (head.community_id, goal, policy.timezone)
    known = kept.get(this)
    if known is not None and _hash(tx, head.community_id, known.seq) == known.hash:
        total = known.points + team_points(tx, head.community_id, policy, goal, known.seq)
    else:
        total = team_points(tx, head.community_id, policy, goal)
    if len(kept) >= MAX_KEPT:
        kept.clear()
    if head.seq:
        kept[this] = _Points(head.seq, head.hash, total)
    return total


def _hash(tx: Connection, community_id: int, seq: int) -> bytes | None:
    this = (PointTransaction.community_id == community_id, PointTransaction.seq == seq)
    return tx.execute(select(PointTransaction.hash).where(*this)).scalar()


def _change(badge: Badge, met_by: frozenset[int], holders: frozenset[int], *, whole: bool) -> Change:
    new = () if badge.retired else tuple(sorted(met_by - holders))
    return Change(
        new=tuple(Key(badge.number, member_id, 1) for member_id in new),
        lost=tuple(Key(badge.number, member_id, 1) for member_id in sorted(holders - met_by)),
        whole=whole,
    )
