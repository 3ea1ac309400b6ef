"""What an effect about a level or a badge stands for, for whoever tells people."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from points_core import communities, policy
from points_core.achievements import badges
from points_core.achievements.badges import Badge
from points_core.achievements.goals import sentence
from points_core.errors import UnknownBadge
from points_core.levels import TEAM
from points_core.models import BadgeHolding, Member
from points_core.outbox import Effect, Topic


@dataclass(frozen=True, slots=True)
class LevelTold:
    """A member's level became another one; names are None for no level, `user_id` for who is erased.

    `number` is the level's now, 0 for none.
    """

    user_id: str | None
    name: str | None
    before: str | None
    after: str | None
    rose: bool
    number: int


@dataclass(frozen=True, slots=True)
class BadgeTold:
    """A member, or (`everybody`) all who took part, earned a step of a badge, or lost it `because` of something.

    `stands` tells whether that is still so. `goal` is what was asked for.
    """

    badge: Badge
    goal: str
    step: int
    steps: int
    everybody: bool
    user_id: str | None
    name: str | None
    stands: bool
    because: str | None


@dataclass(frozen=True, slots=True)
class News:
    """What several effects stand for together, as far as it is still so and there is somebody to tell of."""

    levels: list[LevelTold] = field(default_factory=list)
    earned: list[BadgeTold] = field(default_factory=list)
    revoked: list[BadgeTold] = field(default_factory=list)


def news(tx: Connection, community: str, effects: Iterable[Effect]) -> News:
    """Return what effects about levels and badges tell together; of somebody's levels only the last one."""
    found = News()
    moves: dict[int, tuple[str, str]] = {}
    for effect in effects:
        if effect.topic is Topic.LEVEL:
            member, before, after, _ = effect.subject.split(":")
            moves[int(member)] = (moves.get(int(member), (before, after))[0], after)
        else:
            _add_badge(tx, effect, found)
    for member_id, (before, after) in moves.items():
        told = level_told(tx, community, f"{member_id}:{before}:{after}:0") if before != after else None
        if told is not None and told.user_id is not None:
            found.levels.append(told)
    return found


def _add_badge(tx: Connection, effect: Effect, to: News) -> None:
    revoked = effect.topic is Topic.BADGE_REVOKED
    try:
        told = badge_told(tx, effect.community, effect.subject)
    except UnknownBadge:
        return
    if (told.user_id is None and not told.everybody) or told.stands == revoked:
        return
    (to.revoked if revoked else to.earned).append(told)


def level_told(tx: Connection, community: str, subject: str) -> LevelTold | None:
    """Return what the subject of a LEVEL effect stands for, None for a level that is gone since."""
    member_id, before, after, _ = map(int, subject.split(":"))
    programme = policy.of(tx, community).programme
    was, now = programme.level(before), programme.level(after)
    if (before and was is None) or (after and now is None):
        return None
    user_id, name = _person(tx, community, member_id)
    return LevelTold(
        user_id, name, was.name if was else None, now.name if now else None, after > before, after
    )


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
    anybody = select(BadgeHolding.member_id).where(
        holding, BadgeHolding.badge_number == number, BadgeHolding.revoked_at.is_(None)
    )
    user_id, name = _person(tx, community, member_id)
    return BadgeTold(
        badge=badge,
        goal=sentence(badge.goal, policy.of(tx, community), step),
        step=step,
        steps=len(badge.goal.steps),
        everybody=member_id == TEAM,
        user_id=user_id,
        name=name,
        stands=tx.execute(anybody.limit(1)).first() is not None if member_id == TEAM else because is None,
        because=because,
    )


def _person(tx: Connection, community: str, member_id: int) -> tuple[str | None, str | None]:
    found = select(Member.user_id, Member.name).where(
        Member.community_id == communities.find(tx, community), Member.id == member_id
    )
    row = tx.execute(found).one_or_none()
    return (row.user_id, row.name) if row else (None, None)
