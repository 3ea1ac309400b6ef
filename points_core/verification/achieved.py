"""Levels, badges and roles against what was earned: whoever is not waiting to be looked at has what is theirs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Connection, select

from points_core import levels, policy
from points_core.achievements import badges, holding, measuring, roles
from points_core.achievements.badges import Badge
from points_core.achievements.goals import Team
from points_core.achievements.holding import Key
from points_core.levels import TEAM
from points_core.models import AchievementDue, BadgeHolding, LedgerHead, Member, PointBalance
from points_core.policy import Policy
from points_core.verification.broken import Problem, readable
from points_core.verification.chained import Replay

LEVELS: Final = "levels are what was earned"
HELD: Final = "a badge held is a badge earned"
ROLES: Final = "roles follow from levels and badges"

PART = 2_000  # members at a time
NAMED = 5
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)  # before any temporary role is over


def problems(tx: Connection, replay: Replay) -> Iterator[Problem]:
    """Yield what is not as it was earned, of all members, or of those moved since `replay` began."""
    rules = policy.by_number(tx, replay.community_id)
    every = badges.of_community(tx, replay.community_id)
    due = _due(tx, replay.community_id)
    yield from readable("levels", _levels(tx, replay.community_id, rules, due))
    yield from readable("badges", _rows(tx, replay.community_id, every))
    for badge in every:
        if isinstance(badge.goal, Team) and TEAM not in due:
            yield from readable("badges", _team(tx, replay.community_id, rules, badge, badge.goal, due))
    for members in _parts(tx, replay, due):
        part = Part(tx, replay.community_id, rules, every, members)
        yield from readable("badges", part.badges())
        yield from readable("roles", part.roles())


def _due(tx: Connection, community_id: int) -> frozenset[int]:
    waiting = select(AchievementDue.member_id).where(AchievementDue.community_id == community_id)
    return frozenset(tx.execute(waiting).scalars())


def _levels(tx: Connection, community_id: int, rules: Policy, due: frozenset[int]) -> Iterator[Problem]:
    level = levels.of_column(rules.programme.thresholds)
    here = PointBalance.community_id == community_id
    stored = (PointBalance.member_id, PointBalance.earned, PointBalance.level, level)
    wrong = select(*stored).where(here, PointBalance.level != level).order_by(PointBalance.member_id)
    for member_id, earned, is_level, should in tx.execute(wrong.limit(NAMED)):
        yield LEVELS, f"member {member_id} earned {earned}: level {is_level} stored, {should} reached"
    untold = select(PointBalance.member_id).where(here, PointBalance.told_level != PointBalance.level)
    for member_id in tx.execute(untold.order_by(PointBalance.member_id)).scalars():
        if member_id not in due:
            yield LEVELS, f"member {member_id}'s level was not told, and is not to be"
            return


def _rows(tx: Connection, community_id: int, every: Iterable[Badge]) -> Iterator[Problem]:
    """Yield rows that no badge could have."""
    steps = {badge.number: len(badge.goal.steps) for badge in every}
    last = tx.execute(select(LedgerHead.seq).where(LedgerHead.community_id == community_id)).scalar_one()
    times: dict[Key, int] = {}
    rows = select(BadgeHolding.__table__).where(BadgeHolding.community_id == community_id)
    ordered = rows.order_by(
        BadgeHolding.member_id, BadgeHolding.badge_number, BadgeHolding.step, BadgeHolding.nth
    )
    before: Any = None
    for row in tx.execute(ordered):
        key = Key(row.badge_number, row.member_id, row.step)
        name = f"badge {key.badge}, step {key.step}, of member {key.member}"
        if key.step not in range(1, steps.get(key.badge, 0) + 1):
            yield HELD, f"{name}: there is no such step"
        if row.nth != times.get(key, 0) + 1:
            yield HELD, f"{name}: the time before number {row.nth} is missing"
        if row.earned_seq > last:
            yield HELD, f"{name}: earned after #{row.earned_seq}, which is not there"
        if times.get(key) and before.revoked_at is None:
            yield HELD, f"{name}: earned anew while it was held"
        times[key] = row.nth
        before = row


def _team(
    tx: Connection, community_id: int, rules: Policy, badge: Badge, goal: Team, due: frozenset[int]
) -> Iterator[Problem]:
    holders = holding.holders(tx, community_id, badge.number) - due
    met_by = measuring.together(tx, community_id, rules, goal).met_by(goal) - due
    for member_id in sorted(holders - met_by)[:NAMED]:
        yield HELD, f"member {member_id} holds badge {badge.number} and has no part in it"
    if not badge.retired:
        for member_id in sorted(met_by - holders)[:NAMED]:
            yield HELD, f"member {member_id} has a part in badge {badge.number} and does not hold it"


def _parts(tx: Connection, replay: Replay, due: frozenset[int]) -> Iterator[list[int]]:
    """Yield the members to look at, who are not waiting to be looked at, some at a time."""
    everyone = select(Member.id).where(Member.community_id == replay.community_id)
    if replay.after:
        moved = select(PointBalance.member_id).where(
            PointBalance.community_id == replay.community_id, PointBalance.last_seq > replay.after
        )
        everyone = everyone.where(Member.id.in_(moved))
    last = 0
    while True:
        page = everyone.where(Member.id > last).order_by(Member.id).limit(PART)
        found = list(tx.execute(page).scalars())
        if not found:
            return
        yield [member_id for member_id in found if member_id not in due]
        last = found[-1]


@dataclass(slots=True)
class Part:
    """Some members of a community, compared with what is theirs."""

    tx: Connection
    community_id: int
    policy: Policy
    every: Sequence[Badge]
    members: Sequence[int]

    def badges(self) -> Iterator[Problem]:
        """Yield badges held without ground, and badges earned and not held."""
        alone = [badge for badge in self.every if not isinstance(badge.goal, Team)]
        if not alone:
            return
        goals = [badge.goal for badge in alone]
        measured = measuring.measure(self.tx, self.community_id, self.policy, goals, self.members, date.min)
        held = self._held()
        for badge in alone:
            for member_id in self.members:
                reached = measured.reached(badge.goal, member_id)
                for step, needed in enumerate(badge.goal.steps, start=1):
                    name = f"member {member_id}, badge {badge.number}, step {step}: {reached} of {needed}"
                    holds = Key(badge.number, member_id, step) in held
                    if holds and reached < needed:
                        yield HELD, f"{name}, and it is held"
                    elif not holds and reached >= needed and not badge.retired:
                        yield HELD, f"{name}, and it is not held"

    def _held(self) -> dict[Key, holding.Held]:
        return holding.standing(self.tx, self.community_id, self.members).held

    def roles(self) -> Iterator[Problem]:
        """Yield roles wanted without ground, and roles that are due to somebody and not wanted."""
        there = roles.rows(self.tx, self.community_id, self.members)
        if not there and not self.every and not self.policy.programme.levels:
            return
        stands = holding.standing(self.tx, self.community_id, self.members)
        level, gone = self._level(), self._erased()
        by_number = {badge.number: badge for badge in self.every}
        for member_id in self.members:
            mine = {role: row for role, row in there.get(member_id, {}).items() if row.wanted}
            held = [
                (by_number[number], at)
                for number, at in stands.badges_of(member_id).items()
                if number in by_number
            ]
            kept = [(role, row.source) for role, row in mine.items()]
            wanted = (
                {}
                if member_id in gone
                else roles.wanted(self.policy.programme, level.get(member_id, 0), held, kept, _BEGINNING)
            )
            yield from _compared(member_id, mine, wanted)

    def _level(self) -> dict[int, int]:
        there = select(PointBalance.member_id, PointBalance.level).where(
            PointBalance.community_id == self.community_id, PointBalance.member_id.in_(self.members)
        )
        return {member_id: level for member_id, level in self.tx.execute(there)}  # noqa: C416 - rows are no pairs

    def _erased(self) -> frozenset[int]:
        gone = select(Member.id).where(
            Member.community_id == self.community_id,
            Member.id.in_(self.members),
            Member.user_id.is_(None),
        )
        return frozenset(self.tx.execute(gone).scalars())


def _compared(member_id: int, mine: dict[str, Any], wanted: dict[str, roles.Wanted]) -> Iterator[Problem]:
    for role, row in sorted(mine.items()):
        if row.source.startswith((f"{roles.LEVEL}:", f"{roles.BADGE}:")) and role not in wanted:
            yield ROLES, f"member {member_id} is to have role {role} ({row.source}) without a ground"
    for role, why in sorted(wanted.items()):
        if why.until is None and role not in mine:
            yield ROLES, f"member {member_id} is not to have role {role} ({why.source})"
