"""Badges held: given, taken back with the reason, never forgotten."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, Select, bindparam, func, insert, select, update
from sqlalchemy.orm import aliased

from points_core.achievements.badges import Badge
from points_core.achievements.goals import GivesTo, LevelReached, Streak, Team
from points_core.communities import Head
from points_core.models import BadgeHolding, PointTransaction
from points_core.prepared import Prepared
from points_core.statements import portions
from points_core.values import ActorKind, Kind

AT_ONCE = 5_000  # members in one statement

OTHER_GROUNDS: Final = {
    Streak: "days that counted were taken back",
    LevelReached: "the levels were changed",
}
"""Why a badge is taken back where no reversal did it."""


class Key(NamedTuple):
    """Which step of which badge, and whose."""

    badge: int
    member: int
    step: int


@dataclass(frozen=True, slots=True)
class Held:
    """A step of a badge that a member holds, for the `nth` time, since transaction `seq` was the last one."""

    key: Key
    nth: int
    earned_at: datetime
    seq: int

    @property
    def subject(self) -> str:
        """Return how an effect names it."""
        return f"{self.key.badge}:{self.key.member}:{self.key.step}:{self.nth}"


@dataclass(slots=True)
class Standing:
    """What some members hold, and how often they earned each before."""

    held: dict[Key, Held] = field(default_factory=dict)
    times: dict[Key, int] = field(default_factory=dict)

    def add(self, other: "Standing") -> None:
        """Know what `other` knows as well."""
        self.held.update(other.held)
        self.times.update(other.times)

    def badges_of(self, member_id: int) -> dict[int, datetime]:
        """Return the numbers of the badges a member holds, each with when its last step was earned."""
        found: dict[int, datetime] = {}
        for key, held in self.held.items():
            if key.member == member_id:
                found[key.badge] = max(held.earned_at, found.get(key.badge, held.earned_at))
        return found


_BY_MEMBER = select(BadgeHolding.__table__).where(
    BadgeHolding.community_id == bindparam("community"),
    BadgeHolding.member_id.in_(bindparam("members", expanding=True)),
)
_EVERY: Final = Prepared(_BY_MEMBER)
_ONE: Final = Prepared(_BY_MEMBER.where(BadgeHolding.badge_number == bindparam("badge")))


def standing(
    tx: Connection, community_id: int, member_ids: Sequence[int], badge: int | None = None
) -> Standing:
    """Return what `member_ids` hold and held, of all badges or one."""
    found = Standing()
    for start in range(0, len(member_ids), AT_ONCE):
        these = {"community": community_id, "members": member_ids[start : start + AT_ONCE]}
        for row in _EVERY.rows(tx, these) if badge is None else _ONE.rows(tx, {**these, "badge": badge}):
            key = Key(row.badge_number, row.member_id, row.step)
            found.times[key] = max(row.nth, found.times.get(key, 0))
            if row.revoked_at is None:
                found.held[key] = Held(key, row.nth, row.earned_at, row.earned_seq)
    return found


def holders(
    tx: Connection, community_id: int, badge: int, among: Sequence[int] | None = None
) -> frozenset[int]:
    """Return the members who hold a badge, of `among` or (None) of all."""
    held = _held(community_id, badge)
    if among is None:
        return frozenset(tx.execute(held).scalars())
    found = (tx.execute(held.where(BadgeHolding.member_id.in_(some))) for some in portions(among))
    return frozenset(member_id for rows in found for member_id in rows.scalars())


def anybody_holds(tx: Connection, community_id: int, badge: int) -> bool:
    """Return whether a badge is held by anybody."""
    return tx.execute(_held(community_id, badge).limit(1)).first() is not None


def _held(community_id: int, badge: int) -> Select[int]:
    return select(BadgeHolding.member_id).where(
        BadgeHolding.community_id == community_id,
        BadgeHolding.badge_number == badge,
        BadgeHolding.revoked_at.is_(None),
    )


def give(tx: Connection, head: Head, keys: Iterable[Key], standing: Standing, now: datetime) -> list[Held]:
    """Give what was earned, and return it."""
    given = [Held(key, standing.times.get(key, 0) + 1, now, head.seq) for key in keys]
    if given:
        tx.execute(
            insert(BadgeHolding),
            [
                {
                    "community_id": head.community_id,
                    "badge_number": held.key.badge,
                    "member_id": held.key.member,
                    "step": held.key.step,
                    "nth": held.nth,
                    "earned_at": held.earned_at,
                    "earned_seq": held.seq,
                }
                for held in given
            ],
        )
    for held in given:
        standing.held[held.key] = held
        standing.times[held.key] = held.nth
    return given


def revoke(
    tx: Connection,
    head: Head,
    keys: Sequence[Key],
    standing: Standing,
    badges: Iterable[Badge],
    now: datetime,
) -> list[Held]:
    """Take back what is no longer earned, each with its reason, and return it."""
    if not keys:
        return []
    goals = {badge.number: badge.goal for badge in badges}
    members = sorted({key.member for key in keys})
    since = min(standing.held[key].seq for key in keys)
    own = _reversals(tx, head.community_id, members, since, giving=False)
    given = _reversals(tx, head.community_id, members, since, giving=True)
    anybodys = _latest(tx, head.community_id, since)
    taken = []
    for key in keys:
        goal = goals[key.badge]
        held = standing.held.pop(key)
        reversal = (given if isinstance(goal, GivesTo) else own).get(key.member)
        if isinstance(goal, Team):
            reversal = reversal or anybodys
        because = OTHER_GROUNDS.get(type(goal), "its ground is gone")
        if reversal is not None and reversal[0] > held.seq and not isinstance(goal, Streak):
            because = f"#{reversal[0]} took back #{reversal[1]}"
        this = (
            BadgeHolding.community_id == head.community_id,
            BadgeHolding.badge_number == key.badge,
            BadgeHolding.member_id == key.member,
            BadgeHolding.step == key.step,
            BadgeHolding.nth == held.nth,
        )
        tx.execute(update(BadgeHolding).where(*this).values(revoked_at=now, revoked_because=because))
        taken.append(held)
    return taken


def _reversals(
    tx: Connection, community_id: int, members: Sequence[int], since: int, *, giving: bool
) -> dict[int, tuple[int, int]]:
    """Return the latest reversal after transaction `since` of points that each member got, or gave.

    As (its number, the number of what it took back).
    """
    original = aliased(PointTransaction)
    whose = original.actor_id if giving else PointTransaction.member_id
    latest = (
        select(whose, func.max(PointTransaction.seq))
        .join(
            original,
            (original.community_id == PointTransaction.community_id)
            & (original.seq == PointTransaction.reverses),
        )
        .where(
            PointTransaction.community_id == community_id,
            PointTransaction.seq > since,
            PointTransaction.kind == Kind.REVERSAL.value,
            whose.in_(members),
        )
        .group_by(whose)
    )
    if giving:
        latest = latest.where(original.actor_kind == ActorKind.MEMBER.value)
    found = {number: seq for member, seq in tx.execute(latest) if (number := member) is not None}
    taken = _taken_back(tx, community_id, sorted(set(found.values())))
    return {member: (seq, taken[seq]) for member, seq in found.items()}


def _taken_back(tx: Connection, community_id: int, reversals: Sequence[int]) -> dict[int, int]:
    named = select(PointTransaction.seq, PointTransaction.reverses).where(
        PointTransaction.community_id == community_id, PointTransaction.seq.in_(reversals)
    )
    return {seq: reverses for seq, reverses in tx.execute(named) if reverses is not None}


def _latest(tx: Connection, community_id: int, since: int) -> tuple[int, int] | None:
    """Return the community's latest reversal after transaction `since`, None if there is none."""
    last = (
        select(PointTransaction.seq, PointTransaction.reverses)
        .where(
            PointTransaction.community_id == community_id,
            PointTransaction.seq > since,
            PointTransaction.kind == Kind.REVERSAL.value,
        )
        .order_by(PointTransaction.seq.desc())
        .limit(1)
    )
    row = tx.execute(last).one_or_none()
    return (row.seq, row.reverses) if row and row.reverses is not None else None
