"""Badges that all earn together: who holds one, against what all have reached."""

from dataclasses import dataclass

from sqlalchemy import Connection

from points_core.achievements import holding
from points_core.achievements.badges import Badge
from points_core.achievements.goals import Team
from points_core.achievements.holding import Key
from points_core.achievements.measuring import together
from points_core.policy import Policy


@dataclass(frozen=True, slots=True)
class Change:
    """Who is to get a team's badge and who to lose it; `first` when nobody held it before."""

    new: tuple[Key, ...]
    lost: tuple[Key, ...]
    first: bool

    @property
    def members(self) -> list[int]:
        """Return everyone concerned."""
        return [key.member for key in (*self.new, *self.lost)]


def change(tx: Connection, community_id: int, policy: Policy, badge: Badge, goal: Team) -> Change:
    """Return how the holders of a team's badge differ from those whose it is."""
    holders = holding.holders(tx, community_id, badge.number)
    met_by = together(tx, community_id, policy, goal).met_by(goal)
    new = () if badge.retired else tuple(sorted(met_by - holders))
    return Change(
        new=tuple(Key(badge.number, member_id, 1) for member_id in new),
        lost=tuple(Key(badge.number, member_id, 1) for member_id in sorted(holders - met_by)),
        first=not holders,
    )
