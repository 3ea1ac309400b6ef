"""What is due is settled: levels told, badges given and taken back, roles wanted or no longer, effects left.

Whoever moves points only marks whom it concerns; the rest happens here, soon after, in a commit of its own.
Settling compares what is kept with what stands and writes the difference: done twice it changes nothing.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, Select, bindparam, delete, insert, or_, select, update

from points_core import communities, levels, outbox, policy, rewards
from points_core.achievements import badges, holding, roles, teams
from points_core.achievements.badges import Badge
from points_core.achievements.goals import Team
from points_core.achievements.measuring import measure
from points_core.communities import Head
from points_core.database import Points
from points_core.errors import PointsError
from points_core.levels import TEAM
from points_core.models import AchievementDue, Community, LedgerHead, Member, PointBalance, RoleGrant
from points_core.moments import SKEW
from points_core.outbox import Topic
from points_core.policy import Policy
from points_core.prepared import Prepared
from points_core.rewards import Ground

log = logging.getLogger(__name__)

LIMIT = 200  # members in one commit: some milliseconds in which nobody else can write


@dataclass(frozen=True, slots=True)
class Settled:
    """How many members were looked at, levels moved, badges were earned and revoked, roles changed.

    `more` when others are still due.
    """

    members: int = 0
    levels: int = 0
    earned: int = 0
    revoked: int = 0
    roles: int = 0
    more: bool = False


async def settled(points: Points, now: datetime) -> Settled:
    """Settle everything that is due at `now`, in as many commits as it takes; one read if nothing is."""
    total = Settled()
    while await points.read(anything_due, now):
        total = _sum(total, await points.write(settle_due, now))
    return total


async def follow_up(points: Points, now: datetime) -> None:
    """Settle what is due after something was written. What cannot be settled is still due with the next write."""
    try:
        await settled(points, now)
    except PointsError as error:
        log.warning("what members achieved could not be settled: %s", error)


def anything_due(tx: Connection, now: datetime) -> bool:
    """Return whether somebody's achievements or roles are to be looked at."""
    return bool(_communities(tx, now, 1))


def settle_due(tx: Connection, now: datetime, *, limit: int = LIMIT) -> Settled:
    """Settle up to `limit` members whose achievements are due; say what changed.

    Communities whose books are closed wait.
    """
    total = Settled()
    for key in _communities(tx, now, limit):
        room = limit - total.members
        if room <= 0:
            break
        head = communities.lock(tx, key)
        if head is not None and head.closed_because is None:
            total = _sum(total, _settle_community(tx, head, now, room))
    return replace(total, more=total.members >= limit)


def _sum(one: Settled, other: Settled) -> Settled:
    return Settled(
        members=one.members + other.members,
        levels=one.levels + other.levels,
        earned=one.earned + other.earned,
        revoked=one.revoked + other.revoked,
        roles=one.roles + other.roles,
        more=other.more,
    )


def _communities(tx: Connection, now: datetime, limit: int) -> list[str]:
    """Return the outside ids of communities in which somebody is due, who moved points before who did not."""
    over = _OVER.rows(tx, {"now": now, "limit": limit})
    found = [row.key for row in (*_WAITING.rows(tx, {**_when(now), "limit": limit}), *over)]
    return list(dict.fromkeys(found))


def _when(now: datetime) -> dict[str, datetime]:
    return {"now": now, "far": now + SKEW}


def _of_open_books(model: type[AchievementDue] | type[RoleGrant]) -> Select[str]:
    return (
        select(Community.key)
        .select_from(model)
        .join(Community, Community.id == model.community_id)
        .join(LedgerHead, LedgerHead.community_id == model.community_id)
        .where(LedgerHead.closed_because.is_(None))
    )


_COME: Final = or_(AchievementDue.due_at <= bindparam("now"), AchievementDue.due_at > bindparam("far"))
"""A clock that was ahead marked who is due long after now."""

_WAITING: Final = Prepared(
    _of_open_books(AchievementDue)
    .where(_COME)
    .order_by(AchievementDue.quiet, AchievementDue.due_at)
    .limit(bindparam("limit"))
)
_OVER: Final = Prepared(
    _of_open_books(RoleGrant)
    .where(RoleGrant.until <= bindparam("now"), RoleGrant.wanted.is_(True))
    .limit(bindparam("limit"))
)
_HERE: Final[BindParameter[Any]] = bindparam("community")
_THESE: Final[BindParameter[Any]] = bindparam("members", expanding=True)
_DUE: Final = Prepared(
    select(AchievementDue.member_id, AchievementDue.quiet)
    .where(AchievementDue.community_id == _HERE, _COME)
    .order_by(AchievementDue.quiet, AchievementDue.due_at, AchievementDue.member_id)
    .limit(bindparam("limit"))
)
_ENDED: Final = Prepared(
    select(RoleGrant.member_id)
    .where(RoleGrant.community_id == _HERE, RoleGrant.until <= bindparam("now"), RoleGrant.wanted.is_(True))
    .distinct()
)
_FORGET: Final = Prepared(
    delete(AchievementDue).where(AchievementDue.community_id == _HERE, AchievementDue.member_id.in_(_THESE))
)
_ERASED: Final = Prepared(
    select(Member.id).where(Member.community_id == _HERE, Member.id.in_(_THESE), Member.user_id.is_(None))
)
_UNTOLD: Final = Prepared(
    select(PointBalance.member_id, PointBalance.told_level, PointBalance.level)
    .where(
        PointBalance.community_id == _HERE,
        PointBalance.member_id.in_(_THESE),
        PointBalance.level != PointBalance.told_level,
    )
    .order_by(PointBalance.member_id)
)
_LEVELS: Final = Prepared(
    select(PointBalance.member_id, PointBalance.level).where(
        PointBalance.community_id == _HERE, PointBalance.member_id.in_(_THESE)
    )
)


def _settle_community(tx: Connection, head: Head, now: datetime, limit: int) -> Settled:
    _end_roles(tx, head, now)
    due = _DUE.rows(tx, {"community": head.community_id, **_when(now), "limit": limit})
    quiet = {row.member_id: row.quiet for row in due}
    if not quiet:
        return Settled()
    _forget(tx, head, list(quiet))
    rules = policy.by_number(tx, head.community_id)
    desk = Desk(tx, head, rules, now, badges.of_community(tx, head.community_id), quiet)
    desk.settle()
    return Settled(len(quiet), desk.moved, desk.earned, desk.revoked, desk.changed)


def _end_roles(tx: Connection, head: Head, now: datetime) -> None:
    """End temporary roles whose time is over; who has one by another way as well gets it again at once."""
    found = _ENDED.rows(tx, {"community": head.community_id, "now": now})
    members = [row.member_id for row in found]
    if members:
        over = (
            RoleGrant.community_id == head.community_id,
            RoleGrant.until <= now,
            RoleGrant.wanted.is_(True),
        )
        ended = {"wanted": False, "state": roles.DUE, "why": None, "attempts": 0, "changed_at": now}
        tx.execute(update(RoleGrant).where(*over).values(until=None, **ended))
        levels.mark_quietly(tx, head.community_id, members, now)
        moment = int(now.timestamp() * 1_000_000)
        outbox.add(tx, head.community_id, Topic.ROLES, f"{TEAM}:over:{moment}", at=now)


def _forget(tx: Connection, head: Head, member_ids: Sequence[int]) -> None:
    _FORGET.run(tx, {"community": head.community_id, "members": member_ids})


def _with_rules(wanted: Mapping[str, roles.Wanted], grounds: Mapping[str, Ground]) -> dict[str, roles.Wanted]:
    """Return the roles that levels and badges want, and those that grants of rules stand for: the longest time wins."""
    found = dict(wanted)
    for role, ground in grounds.items():
        there = found.get(role)
        if there is None or ground.outlasts(Ground(there.source, there.until)):
            found[role] = roles.Wanted(ground.source, ground.until)
    return found


@dataclass(slots=True)
class Desk:
    """Where one community's members are settled; `quiet` says of each who is due whether only settings changed."""

    tx: Connection
    head: Head
    policy: Policy
    now: datetime
    badges: tuple[Badge, ...]
    quiet: dict[int, bool]
    moved: int = 0
    earned: int = 0
    revoked: int = 0
    changed: int = 0
    erased: frozenset[int] = frozenset()
    _standing: holding.Standing = field(default_factory=holding.Standing)

    @property
    def today(self) -> date:
        """Return the community's local date."""
        return self.now.astimezone(self.policy.zone).date()

    def settle(self) -> None:
        """Bring everything about the members who are due up to date."""
        members = [member_id for member_id in self.quiet if member_id != TEAM]
        self.erased = self._erased(members)
        self._standing = holding.standing(self.tx, self.head.community_id, members)
        tell = self._settle_badges(members)
        tell += self._settle_teams(members)
        tell += self._settle_levels(members)
        self._settle_roles([member_id for member_id in members if member_id not in self.erased])
        self._tell(tell)

    def _erased(self, members: Sequence[int]) -> frozenset[int]:
        return frozenset(row.id for row in self._of(_ERASED, members))

    def _of(self, statement: Prepared, members: Sequence[int]) -> Sequence[Any]:
        """Return what a statement says of some members."""
        these = {"community": self.head.community_id, "members": members}
        return statement.rows(self.tx, these) if members else ()

    # ── badges ──

    def _settle_badges(self, members: Sequence[int]) -> list[tuple[Topic, str]]:
        alone = [badge for badge in self.badges if not isinstance(badge.goal, Team)]
        if not alone or not members:
            return []
        measured = measure(
            self.tx,
            self.head.community_id,
            self.policy,
            [badge.goal for badge in alone],
            members,
            self.today,
        )
        new: list[holding.Key] = []
        lost: list[holding.Key] = []
        for badge in alone:
            for member_id in members:
                reached = measured.reached(badge.goal, member_id)
                for step, needed in enumerate(badge.goal.steps, start=1):
                    key = holding.Key(badge.number, member_id, step)
                    if reached < needed and key in self._standing.held:
                        lost.append(key)
                    elif reached >= needed and key not in self._standing.held and not badge.retired:
                        new.append(key)
        return self._write(new, lost)

    def _settle_teams(self, members: Sequence[int]) -> list[tuple[Topic, str]]:
        tell: list[tuple[Topic, str]] = []
        quiet = self.quiet.get(TEAM, True)
        for badge in self.badges:
            if not isinstance(badge.goal, Team):
                continue
            change = teams.change(
                self.tx, self.head, self.policy, badge, badge.goal, members, all_due=TEAM in self.quiet
            )
            if not change.members:
                continue
            self._standing.add(
                holding.standing(self.tx, self.head.community_id, change.members, badge.number)
            )
            told = self._write(change.new, change.lost)
            if change.whole and change.new:  # one word for all, not one for each
                told = [(Topic.BADGE, f"{badge.number}:{TEAM}:1:{self.head.seq}")]
            tell += told if not (change.whole and quiet) else []
            others = sorted(set(change.members).difference(members))  # the roles of `members` are settled now
            levels.mark_quietly(self.tx, self.head.community_id, others, self.now)
        return tell

    def _write(self, new: Sequence[holding.Key], lost: Sequence[holding.Key]) -> list[tuple[Topic, str]]:
        """Write what was earned and revoked, and return the effects that tell of it."""
        given = holding.give(self.tx, self.head, new, self._standing, self.now)
        taken = holding.revoke(self.tx, self.head, lost, self._standing, self.badges, self.now)
        self.earned += len(given)
        self.revoked += len(taken)
        tell = [(Topic.BADGE, held) for held in given] + [(Topic.BADGE_REVOKED, held) for held in taken]
        return [(topic, held.subject) for topic, held in tell if self._told(held.key.member)]

    def _told(self, member_id: int) -> bool:
        """Return whether what becomes of a member is told: nothing about who is erased, nothing of settings."""
        return not self.quiet.get(member_id, False) and member_id not in self.erased

    # ── levels ──

    def _settle_levels(self, members: Sequence[int]) -> list[tuple[Topic, str]]:
        found = self._of(_UNTOLD, members)
        if found:
            here = PointBalance.community_id == self.head.community_id
            these = PointBalance.member_id.in_([row.member_id for row in found])
            self.tx.execute(update(PointBalance).where(here, these).values(told_level=PointBalance.level))
        self.moved += len(found)
        return [
            (Topic.LEVEL, f"{member_id}:{before}:{after}:{self.head.seq}")
            for member_id, before, after in found
            if self._told(member_id)
        ]

    # ── roles ──

    def _settle_roles(self, members: Sequence[int]) -> None:
        there = roles.rows(self.tx, self.head.community_id, members)
        grounds = rewards.grounds(self.tx, self.head.community_id, members, self.now)
        level = self._levels(members)
        by_number = {badge.number: badge for badge in self.badges}
        new: list[dict[str, Any]] = []
        for member_id in members:
            mine = there.get(member_id, {})
            held = [(by_number[number], at) for number, at in self._standing.badges_of(member_id).items()]
            kept = [(role, row.source) for role, row in mine.items() if row.wanted]
            wanted = roles.wanted(self.policy.programme, level.get(member_id, 0), held, kept, self.now)
            wanted = _with_rules(wanted, grounds.get(member_id, {}))
            added, changed = roles.changes(mine, wanted, self.now)
            ids = {"community_id": self.head.community_id, "member_id": member_id}
            new += [{**ids, "why": None, **values} for values in added]
            for values in changed:
                self._update_role(member_id, values)
            if any(values["state"] == roles.DUE for values in (*added, *changed)):
                self.changed += 1
                self._leave(Topic.ROLES, self._moment(member_id), None)
        if new:
            self.tx.execute(insert(RoleGrant), new)

    def _update_role(self, member_id: int, values: dict[str, Any]) -> None:
        this = (
            RoleGrant.community_id == self.head.community_id,
            RoleGrant.member_id == member_id,
            RoleGrant.role == values["role"],
        )
        self.tx.execute(update(RoleGrant).where(*this).values(**values))

    def _levels(self, members: Sequence[int]) -> dict[int, int]:
        return {row.member_id: row.level for row in self._of(_LEVELS, members)}

    # ── effects ──

    def _tell(self, tell: Iterable[tuple[Topic, str]]) -> None:
        channel = self.policy.announcements_channel
        if channel and self.policy.programme.announcements_per_hour:
            for topic, subject in tell:
                self._leave(topic, subject, channel)

    def _leave(self, topic: Topic, subject: str, place: str | None) -> None:
        outbox.add(self.tx, self.head.community_id, topic, subject, at=self.now, place=place)

    def _moment(self, member_id: int) -> str:
        stamp = int(self.now.timestamp() * 1_000_000)
        return f"{member_id}:{self.head.seq}:{self.policy.version}:{stamp}"
