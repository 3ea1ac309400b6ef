"""What an effect about a level or a badge stands for, for whoever tells people."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from points_core import communities, policy
from points_core.achievements import badges
from points_core.achievements.badges import Badge
from points_core.achievements.goals import sentence
from points_core.levels import TEAM
from points_core.models import BadgeHolding, Member


@dataclass(frozen=True, slots=True)
class LevelTold:
    """A member's level became another one; names are None for no level, `user_id` for who is erased."""

    user_id: str | None
    name: str | None
    before: str | None
    after: str | None
    rose: bool


@dataclass(frozen=True, slots=True)
class BadgeTold:
    """A member, or (`everybody`) all who took part, earned a step of a badge, or lost it `because` of something.

    `stands` tells whether that is still so. `members` hold the badge. `goal` is what was asked for.
    """

    badge: Badge
    goal: str
    step: int
    steps: int
    everybody: bool
    user_id: str | None
    name: str | None
    members: int
    stands: bool
    because: str | None


def level_told(tx: Connection, community: str, subject: str) -> LevelTold | None:
    """Return what the subject of a LEVEL effect stands for, None for a level that is gone since."""
    member_id, before, after, _ = map(int, subject.split(":"))
    programme = policy.of(tx, community).programme
    was, now = programme.level(before), programme.level(after)
    if (before and was is None) or (after and now is None):
        return None
    user_id, name = _person(tx, community, member_id)
    return LevelTold(user_id, name, was.name if was else None, now.name if now else None, rose=after > before)


def badge_told(tx: Connection, community: str, subject: str) -> BadgeTold:
    """Return what the subject of a BADGE or BADGE_REVOKED effect stands for. Raises UnknownBadge."""
    number, member_id, step, nth = map(int, subject.split(":"))
    badge = badges.numbered(tx, community, number)
    holding = BadgeHolding.community_id == communities.find(tx, community)
    this = select(BadgeHolding.revoked_because).where(
        holding,
        BadgeHolding.badge_number == number,
        BadgeHolding.member_id == member_id,
        BadgeHolding.step == step,
        BadgeHolding.nth == nth,
    )
    because = tx.execute(this).scalar()
    members = tx.execute(
        select(func.count(BadgeHolding.member_id.distinct())).where(
            holding, BadgeHolding.badge_number == number, BadgeHolding.revoked_at.is_(None)
        )
    ).scalar_one()
    user_id, name = _person(tx, community, member_id)
    return BadgeTold(
        badge=badge,
        goal=sentence(badge.goal, policy.of(tx, community), step),
        step=step,
        steps=len(badge.goal.steps),
        everybody=member_id == TEAM,
        user_id=user_id,
        name=name,
        members=members,
        stands=bool(members) if member_id == TEAM else because is None,
        because=because,
    )


def _person(tx: Connection, community: str, member_id: int) -> tuple[str | None, str | None]:
    found = select(Member.user_id, Member.name).where(
        Member.community_id == communities.find(tx, community), Member.id == member_id
    )
    row = tx.execute(found).one_or_none()
    return (row.user_id, row.name) if row else (None, None)
