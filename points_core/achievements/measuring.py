"""How far members have come towards goals: counted from the transactions and the days, a few statements in all.

What was taken back counts no more, and the reversal itself is no award; what a deduction or an expiry took
stays earned. The same counting settles badges and verifies them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Select,
    bindparam,
    case,
    cast,
    func,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased

from points_core import streaks
from points_core.achievements.goals import (
    FirstAward,
    GivesTo,
    Goal,
    LevelReached,
    Points,
    RecognisedBy,
    Streak,
    Team,
)
from points_core.models import ActiveDay, PointBalance, PointTransaction
from points_core.policy import Policy
from points_core.prepared import Prepared
from points_core.statements import portions
from points_core.values import ActorKind, Kind
from points_core.windows import midnight

AT_ONCE = 5_000  # members in one statement: SQLite takes 32,766 values


@dataclass(slots=True)
class Measured:
    """What some members have done, as far as some goals need to know; `freezes` as the policy has them."""

    today: date
    freezes: int
    earned: dict[int, int] = field(default_factory=dict)
    levels: dict[int, int] = field(default_factory=dict)
    in_category: dict[tuple[int, int], int] = field(default_factory=dict)
    awarded: set[int] = field(default_factory=set)
    givers: dict[int, int] = field(default_factory=dict)
    receivers: dict[int, int] = field(default_factory=dict)
    days: Mapping[int, Sequence[int]] = field(default_factory=dict)

    def reached(self, goal: Goal, member_id: int) -> int:
        """Return how far a member has come for good: what a step of the goal is compared with."""
        match goal:
            case FirstAward():
                return int(member_id in self.awarded)
            case Points(category_id=None):
                return self.earned.get(member_id, 0)
            case Points(category_id=int(category_id)):
                return self.in_category.get((member_id, category_id), 0)
            case RecognisedBy():
                return self.givers.get(member_id, 0)
            case GivesTo():
                return self.receivers.get(member_id, 0)
            case LevelReached():
                return self.levels.get(member_id, 0)
            case Streak():
                return self._streak(goal, member_id).best
            case _:
                return 0

    def now(self, goal: Goal, member_id: int) -> int:
        """Return how far a member stands now: of a streak the current one, which may break; else the same."""
        if isinstance(goal, Streak):
            return self._streak(goal, member_id).current
        return self.reached(goal, member_id)

    def _streak(self, goal: Streak, member_id: int) -> streaks.Streak:
        days, today = self.days.get(member_id, ()), self.today.toordinal()
        if goal.unit == "week":
            return streaks.weekly(days, today)
        return streaks.streak(days, today, self.freezes)


def measure(
    tx: Connection,
    community_id: int,
    policy: Policy,
    goals: Iterable[Goal],
    member_ids: Iterable[int],
    today: date,
) -> Measured:
    """Return what `member_ids` have done, as far as `goals` need to know. today: the local date."""
    wanted = list(goals)
    measured = Measured(today, policy.programme.streak_freezes)
    members = sorted(set(member_ids))
    for start in range(0, len(members), AT_ONCE):
        _measure(tx, community_id, wanted, members[start : start + AT_ONCE], measured)
    return measured


def _measure(
    tx: Connection, community_id: int, goals: Sequence[Goal], members: Sequence[int], into: Measured
) -> None:
    kinds = {type(goal) for goal in goals}
    these = {"community": community_id, "members": members}
    if kinds & {Points, LevelReached}:
        _balances(tx, community_id, members, into)
    categories = {goal.category_id for goal in goals if isinstance(goal, Points) and goal.category_id}
    if categories:
        _in_categories(tx, community_id, members, sorted(categories), into)
    if FirstAward in kinds:
        into.awarded.update(row[0] for row in _AWARDED.rows(tx, these))
    if RecognisedBy in kinds:
        into.givers.update((row[0], row[1]) for row in _GIVERS.rows(tx, these))
    if GivesTo in kinds:
        into.receivers.update((row[0], row[1]) for row in _RECEIVERS.rows(tx, these))
    if Streak in kinds:
        into.days = {**into.days, **_days(tx, community_id, members)}


def _balances(tx: Connection, community_id: int, members: Sequence[int], into: Measured) -> None:
    for row in _BALANCES.rows(tx, {"community": community_id, "members": members}):
        into.earned[row.member_id] = row.earned
        into.levels[row.member_id] = row.level


def earning() -> ColumnElement[int]:
    """Return what a transaction adds to what its member has earned: a reversal of a deduction adds nothing."""
    spends = (PointTransaction.amount < 0) != (PointTransaction.kind == Kind.REVERSAL.value)
    return cast(func.coalesce(func.sum(case((spends, 0), else_=PointTransaction.amount)), 0), BigInteger)


def _in_categories(
    tx: Connection, community_id: int, members: Sequence[int], categories: Sequence[int], into: Measured
) -> None:
    these = {"community": community_id, "members": members, "categories": categories}
    for member_id, category_id, points in _CATEGORIES.rows(tx, these):
        if category_id is not None:
            into.in_category[member_id, category_id] = points


def _stands() -> ColumnElement[bool]:
    """Return whether no reversal took a transaction back."""
    reversal = aliased(PointTransaction)
    taken_back = select(reversal.seq).where(
        reversal.community_id == PointTransaction.community_id, reversal.reverses == PointTransaction.seq
    )
    return ~taken_back.exists()


def _people(
    whose: InstrumentedAttribute[int] | InstrumentedAttribute[int | None],
) -> Select[int, int]:
    """Return the statement that says to how many others each gave, or from how many they got, awards that stand."""
    giving = whose is PointTransaction.actor_id
    others = PointTransaction.member_id if giving else PointTransaction.actor_id
    return (
        select(cast(whose, BigInteger), cast(func.count(others.distinct()), Integer))
        .where(
            PointTransaction.community_id == _HERE,
            whose.in_(_THESE),
            PointTransaction.kind == Kind.AWARD.value,
            PointTransaction.actor_kind == ActorKind.MEMBER.value,
            PointTransaction.actor_id != PointTransaction.member_id,
            _stands(),
        )
        .group_by(whose)
    )


_HERE: Final[BindParameter[Any]] = bindparam("community")
_THESE: Final[BindParameter[Any]] = bindparam("members", expanding=True)
_BALANCES: Final = Prepared(
    select(PointBalance.member_id, PointBalance.earned, PointBalance.level).where(
        PointBalance.community_id == _HERE, PointBalance.member_id.in_(_THESE)
    )
)
_CATEGORIES: Final = Prepared(
    select(PointTransaction.member_id, PointTransaction.category_id, earning())
    .where(
        PointTransaction.community_id == _HERE,
        PointTransaction.member_id.in_(_THESE),
        PointTransaction.category_id.in_(bindparam("categories", expanding=True)),
    )
    .group_by(PointTransaction.member_id, PointTransaction.category_id)
)
_AWARDED: Final = Prepared(
    select(PointTransaction.member_id)
    .where(
        PointTransaction.community_id == _HERE,
        PointTransaction.member_id.in_(_THESE),
        PointTransaction.kind == Kind.AWARD.value,
        _stands(),
    )
    .distinct()
)
_GIVERS: Final = Prepared(_people(PointTransaction.member_id))
_RECEIVERS: Final = Prepared(_people(PointTransaction.actor_id))
_ACTIVE: Final = Prepared(
    select(ActiveDay.member_id, ActiveDay.day)
    .where(ActiveDay.community_id == _HERE, ActiveDay.member_id.in_(_THESE))
    .distinct()
)


def _days(tx: Connection, community_id: int, members: Sequence[int]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = defaultdict(list)
    for member_id, day in _ACTIVE.rows(tx, {"community": community_id, "members": members}):
        found[member_id].append(day)
    return dict(found)


# ── all together ──


@dataclass(frozen=True, slots=True)
class Together:
    """What all earned towards a team's goal, and what each of those who have a part in it."""

    points: int
    each: Mapping[int, int]

    def met_by(self, goal: Team) -> frozenset[int]:
        """Return the members whose badge it is: all who took part, once the goal is reached."""
        if self.points < goal.points:
            return frozenset()
        return frozenset(id for id, points in self.each.items() if points >= goal.each)


def together(tx: Connection, community_id: int, policy: Policy, goal: Team) -> Together:
    """Return what all have earned towards a team's goal, member by member: it reads them all."""
    if of_everything(goal):
        everyone = select(PointBalance.member_id, PointBalance.earned)
        summed = everyone.where(PointBalance.community_id == community_id)
    else:
        summed = (
            select(PointTransaction.member_id, earning())
            .where(PointTransaction.community_id == community_id, *within(policy, goal))
            .group_by(PointTransaction.member_id)
        )
    each = {member_id: int(points) for member_id, points in tx.execute(summed) if points > 0}
    return Together(sum(each.values()), each)


def team_points(tx: Connection, community_id: int, policy: Policy, goal: Team, after: int = 0) -> int:
    """Return what all have earned towards a team's goal, by the transactions past number `after`."""
    if of_everything(goal) and not after:
        earned = cast(func.coalesce(func.sum(PointBalance.earned), 0), BigInteger)
        return tx.execute(select(earned).where(PointBalance.community_id == community_id)).scalar_one()
    new = (PointTransaction.community_id == community_id, PointTransaction.seq > after)
    return tx.execute(select(earning()).where(*new, *within(policy, goal))).scalar_one()


def team_shares(
    tx: Connection, community_id: int, policy: Policy, goal: Team, member_ids: Sequence[int]
) -> dict[int, int]:
    """Return what each of `member_ids` has earned towards a team's goal."""
    found = dict.fromkeys(member_ids, 0)
    for members in portions(member_ids):
        if of_everything(goal):
            balances = select(PointBalance.member_id, PointBalance.earned).where(
                PointBalance.community_id == community_id, PointBalance.member_id.in_(members)
            )
            found.update((member_id, points) for member_id, points in tx.execute(balances))
        else:
            summed = select(PointTransaction.member_id, earning()).where(
                PointTransaction.community_id == community_id,
                PointTransaction.member_id.in_(members),
                *within(policy, goal),
            )
            grouped = summed.group_by(PointTransaction.member_id)
            found.update((member_id, points) for member_id, points in tx.execute(grouped))
    return found


def of_everything(goal: Team) -> bool:
    """Return whether all points ever earned count towards a team's goal."""
    return goal.category_id is None and goal.first is None and goal.last is None


def within(policy: Policy, goal: Team) -> list[ColumnElement[bool]]:
    """Return the conditions on a transaction that counts towards a team's goal."""
    conditions: list[ColumnElement[bool]] = []
    if goal.category_id is not None:
        conditions.append(PointTransaction.category_id == goal.category_id)
    if goal.first is not None:
        conditions.append(PointTransaction.effective_at >= midnight(goal.first, policy.zone))
    if goal.last is not None:
        end = midnight(goal.last + timedelta(days=1), policy.zone)
        conditions.append(PointTransaction.effective_at < end)
    return conditions
