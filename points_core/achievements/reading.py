"""What a member has achieved, and what is next: for everybody to read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from points_core import communities, policy
from points_core.achievements import badges
from points_core.achievements.badges import Badge
from points_core.achievements.goals import Team, sentence
from points_core.achievements.measuring import Measured, measure, team_points
from points_core.models import BadgeHolding, PointBalance
from points_core.policy import Policy
from points_core.programme import Programme
from points_core.values import clean_id


@dataclass(frozen=True, slots=True)
class LevelProgress:
    """A member's level: its number (0: none yet) and name, and how far the next one is.

    `since` is what the level itself took, `next_at` what the next one takes (None at the top), `earned` what
    the member has earned in all.
    """

    number: int
    name: str | None
    earned: int
    since: int
    next_name: str | None
    next_at: int | None

    @property
    def missing(self) -> int:
        """Return how many points the next level is away, 0 at the top."""
        return max(0, self.next_at - self.earned) if self.next_at is not None else 0


@dataclass(frozen=True, slots=True)
class BadgeProgress:
    """A badge as a member sees it. `step` of `steps` are reached (0: not earned); `earned_at` the last of them.

    `have` of `need` count towards the next step, None once all are reached. `goal` says in words what the
    next step asks for, or what the last one did.
    """

    number: int
    name: str
    description: str | None
    goal: str
    step: int
    steps: int
    have: int | None
    need: int | None
    earned_at: datetime | None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Revoked:
    """A step of a badge that was taken back, and why."""

    number: int
    name: str
    step: int
    steps: int
    earned_at: datetime
    revoked_at: datetime
    because: str


@dataclass(frozen=True, slots=True)
class Achievements:
    """What a member has achieved: `level` None where the community has no levels.

    `held` are badges of which a step stands, latest first, `open` those still to be earned, hidden ones left
    out, `revoked` what was taken back and not earned again.
    """

    user_id: str
    name: str | None
    level: LevelProgress | None
    held: tuple[BadgeProgress, ...] = ()
    open: tuple[BadgeProgress, ...] = ()
    revoked: tuple[Revoked, ...] = ()


def of(tx: Connection, community: str, user_id: str, now: datetime) -> Achievements:
    """Return what the member with outside id `user_id` has achieved; nothing yet for someone never seen.

    now: an aware instant, for streaks. Raises InvalidText.
    """
    clean_id("user_id", user_id)
    rules = policy.of(tx, community)
    community_id = communities.find(tx, community)
    if community_id is None:
        return Achievements(user_id, None, level_progress(rules.programme, 0))
    person = communities.people(tx, community_id, [user_id]).get(user_id)
    member_id = person.id if person else 0
    every = badges.of_community(tx, community_id)
    rows = _holdings(tx, community_id, member_id)
    measured = measure(
        tx, community_id, rules, [b.goal for b in every], [member_id], now.astimezone(rules.zone).date()
    )
    seen = [_progress(tx, community_id, rules, badge, rows, measured, member_id) for badge in every]
    held = [each for each in seen if each.step]
    retired = {badge.number for badge in every if badge.retired}
    return Achievements(
        user_id,
        person.name if person else None,
        level_progress(rules.programme, earned(tx, community_id, member_id)),
        held=tuple(sorted(held, key=lambda each: (each.earned_at, each.number), reverse=True)),
        open=tuple(e for e in seen if not e.step and not e.hidden and e.number not in retired),
        revoked=_revoked(every, rows),
    )


def level_progress(programme: Programme, earned: int) -> LevelProgress | None:
    """Return which level `earned` points reach and how far the next is; None where there are no levels."""
    if not programme.levels:
        return None
    number = sum(level.earned <= earned for level in programme.levels)
    this, following = programme.level(number), programme.level(number + 1)
    return LevelProgress(
        number=number,
        name=this.name if this else None,
        earned=earned,
        since=this.earned if this else 0,
        next_name=following.name if following else None,
        next_at=following.earned if following else None,
    )


def earned(tx: Connection, community_id: int, member_id: int) -> int:
    """Return what a member has earned in all, in points."""
    there = select(PointBalance.earned).where(
        PointBalance.community_id == community_id, PointBalance.member_id == member_id
    )
    return tx.execute(there).scalar() or 0


def _holdings(tx: Connection, community_id: int, member_id: int) -> Sequence[BadgeHolding]:
    theirs = select(BadgeHolding.__table__).where(
        BadgeHolding.community_id == community_id, BadgeHolding.member_id == member_id
    )
    ordered = theirs.order_by(BadgeHolding.badge_number, BadgeHolding.step, BadgeHolding.nth)
    return list(tx.execute(ordered))  # type: ignore[arg-type]  # rows, with the columns' names


def _progress(
    tx: Connection,
    community_id: int,
    rules: Policy,
    badge: Badge,
    rows: Iterable[BadgeHolding],
    measured: Measured,
    member_id: int,
) -> BadgeProgress:
    standing = [row for row in rows if row.badge_number == badge.number and row.revoked_at is None]
    steps = badge.goal.steps
    step = max((row.step for row in standing), default=0)
    done = step >= len(steps) or badge.retired
    have = None
    if not done:
        if isinstance(badge.goal, Team):
            have = team_points(tx, community_id, rules, badge.goal)
        else:
            have = measured.now(badge.goal, member_id)
    return BadgeProgress(
        number=badge.number,
        name=badge.name,
        description=badge.description,
        goal=sentence(badge.goal, rules, min(step + 1, len(steps)) if not done else max(step, 1)),
        step=step,
        steps=len(steps),
        have=None if have is None else min(have, steps[step]),
        need=None if done else steps[step],
        earned_at=max((row.earned_at for row in standing), default=None),
        hidden=badge.hidden,
    )


def _revoked(every: Iterable[Badge], rows: Sequence[BadgeHolding]) -> tuple[Revoked, ...]:
    """Return the last word on each step that does not stand."""
    by_number = {badge.number: badge for badge in every}
    last = {(row.badge_number, row.step): row for row in rows}  # in the order of `nth`
    found = [
        Revoked(
            number=row.badge_number,
            name=by_number[row.badge_number].name,
            step=row.step,
            steps=len(by_number[row.badge_number].goal.steps),
            earned_at=row.earned_at,
            revoked_at=row.revoked_at,
            because=row.revoked_because or "",
        )
        for row in last.values()
        if row.revoked_at is not None
    ]
    return tuple(sorted(found, key=lambda each: (each.revoked_at, each.number, each.step), reverse=True))
