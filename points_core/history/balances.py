"""What a member has, and what they had at any date."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from points_core import communities, levels, policy, ranks, sums
from points_core.errors import InvalidSetting
from points_core.history.pages import MAX_PAGE, latest
from points_core.models import ApprovalRequest, Category, PointBalance, PointScore, PointTransaction
from points_core.policy import Policy
from points_core.scores import EVERY_CATEGORY
from points_core.sums import Wanted
from points_core.values import Kind, Receipt, RequestState, clean_id
from points_core.windows import Span, Window


@dataclass(frozen=True, slots=True)
class PendingPoints:
    """An approval request that waits for the member; `amount` is signed points."""

    number: int
    kind: Kind
    amount: int
    reason: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Balance:
    """What a member has: `current` = `earned` − `spent`, in points.

    `rank` is the place on the all-time board of `members`, None for who is not on it (0 points or fewer).
    `categories` are (name, points) pairs that are not 0; `recent` the latest transactions, newest first.
    `level` is the number of the level reached by what was earned (0 for none), `level_name` what it is called.
    `as_of` None for now, else what the member had then: as it stood, or as `corrected` since.
    """

    user_id: str
    name: str | None
    current: int = 0
    earned: int = 0
    spent: int = 0
    rank: int | None = None
    members: int = 0
    categories: tuple[tuple[str, int], ...] = ()
    recent: tuple[Receipt, ...] = ()
    pending: tuple[PendingPoints, ...] = ()
    as_of: datetime | None = None
    corrected: bool = False
    level: int = 0
    level_name: str | None = None


def balance(
    tx: Connection,
    community: str,
    user_id: str,
    *,
    recent: int = 5,
    as_of: datetime | None = None,
    corrected: bool = False,
) -> Balance:
    """Return the balance of the member with outside id `user_id`; zeros for someone never seen.

    recent: how many of the latest transactions come with it, 0 to 1,000. as_of: an instant (aware) at which
    to look, as it stood: of what was recorded by then; if `corrected`, of what counts by then, whenever it
    was recorded. Raises InvalidText, InvalidSetting.
    """
    if not 0 <= recent <= MAX_PAGE:
        raise InvalidSetting("recent", recent, f"from 0 to {MAX_PAGE:,}")
    clean_id("user_id", user_id)
    community_id = communities.find(tx, community)
    if community_id is None:
        return Balance(user_id, None, as_of=as_of, corrected=corrected)
    if as_of is not None:
        return _then(tx, community_id, user_id, recent, as_of, corrected=corrected)
    members = ranks.count(tx, community_id, EVERY_CATEGORY)
    person = communities.people(tx, community_id, [user_id]).get(user_id)
    if person is None:
        return Balance(user_id, None, members=members)
    current, earned, spent = _totals(tx, community_id, person.id)
    level, level_name = _level(policy.by_number(tx, community_id), earned)
    return Balance(
        user_id,
        person.name,
        current,
        earned,
        spent,
        rank=ranks.rank(tx, community_id, EVERY_CATEGORY, current) if current > 0 else None,
        members=members,
        categories=_by_category(tx, community_id, person.id),
        recent=latest(tx, community_id, person.id, recent),
        pending=_pending(tx, community_id, person.id),
        level=level,
        level_name=level_name,
    )


def _level(rules: Policy, earned: int) -> tuple[int, str | None]:
    """Return the number and the name of the level that `earned` points reach, as levels are now."""
    number = levels.reached(rules.programme.thresholds, earned)
    level = rules.programme.level(number)
    return number, level.name if level else None


def _totals(tx: Connection, community_id: int, member_id: int) -> tuple[int, int, int]:
    stored = select(PointBalance.current, PointBalance.earned, PointBalance.spent).where(
        PointBalance.community_id == community_id, PointBalance.member_id == member_id
    )
    row = tx.execute(stored).one_or_none()
    return (row.current, row.earned, row.spent) if row else (0, 0, 0)


def _by_category(tx: Connection, community_id: int, member_id: int) -> tuple[tuple[str, int], ...]:
    # an outer join from the few categories, so that no plan begins with the many scores
    scores = (
        select(Category.name, PointScore.points)
        .outerjoin(
            PointScore,
            and_(
                PointScore.community_id == community_id,
                PointScore.span == int(Span.ALL),
                PointScore.start == 0,
                PointScore.category_id == Category.id,
                PointScore.member_id == member_id,
            ),
        )
        .where(Category.community_id == community_id)
        .order_by(Category.id)
    )
    return tuple((name, points) for name, points in tx.execute(scores) if points)


def _pending(
    tx: Connection, community_id: int, member_id: int, as_of: datetime | None = None
) -> tuple[PendingPoints, ...]:
    waiting = select(
        ApprovalRequest.number,
        ApprovalRequest.kind,
        ApprovalRequest.amount,
        ApprovalRequest.reason,
        ApprovalRequest.expires_at,
    ).where(
        ApprovalRequest.community_id == community_id,
        ApprovalRequest.member_id == member_id,
        _waiting(as_of),
    )
    # sorted here: asked for in order, SQLite reads every request of the community by number
    rows = sorted(tx.execute(waiting), key=lambda row: row.number)
    return tuple(
        PendingPoints(row.number, Kind(row.kind), row.amount, row.reason, row.expires_at) for row in rows
    )


# ── then ──


def _then(
    tx: Connection, community_id: int, user_id: str, recent: int, as_of: datetime, *, corrected: bool
) -> Balance:
    rules = policy.by_number(tx, community_id)
    wanted = Wanted(community_id, EVERY_CATEGORY, Window.all_time(), rules.zone, as_of, corrected)
    person = communities.people(tx, community_id, [user_id]).get(user_id)
    member_id = person.id if person else 0
    counted = _counted(tx, community_id, as_of, corrected=corrected)
    moved = _moved(tx, community_id, member_id, counted)
    current = sum(points for points, _ in moved.values())
    earned = sum(earned for _, earned in moved.values())
    rank, members = sums.place(tx, wanted, current)
    level, level_name = _level(rules, earned)
    names = ((category.name, moved.get(category.id, (0, 0))[0]) for category in rules.categories)
    return Balance(
        user_id,
        person.name if person else None,
        current,
        earned,
        earned - current,
        rank=rank if current > 0 else None,
        members=members,
        categories=tuple((name, points) for name, points in names if points),
        recent=latest(tx, community_id, member_id, recent, counted),
        pending=_pending(tx, community_id, member_id, as_of),
        as_of=as_of,
        corrected=corrected,
        level=level,
        level_name=level_name,
    )


def _counted(tx: Connection, community_id: int, as_of: datetime, *, corrected: bool) -> ColumnElement[bool]:
    if corrected:
        return PointTransaction.effective_at <= as_of
    # + 0: a member's own transactions are looked through, not the community's by number
    return PointTransaction.seq + 0 <= sums.last_recorded(tx, community_id, as_of)


def _moved(
    tx: Connection, community_id: int, member_id: int, counted: ColumnElement[bool]
) -> dict[int | None, tuple[int, int]]:
    """Return a member's (points, earned points) by category's number; a deduction taken back unspends."""
    spends = (PointTransaction.amount < 0) != (PointTransaction.kind == Kind.REVERSAL.value)
    sums_of = select(
        PointTransaction.category_id,
        func.sum(PointTransaction.amount),
        func.sum(case((spends, 0), else_=PointTransaction.amount)),
    ).where(PointTransaction.community_id == community_id, PointTransaction.member_id == member_id, counted)
    rows = tx.execute(sums_of.group_by(PointTransaction.category_id))
    return {category_id: (int(points), int(earned)) for category_id, points, earned in rows}


def _waiting(as_of: datetime | None) -> ColumnElement[bool]:
    if as_of is None:
        return ApprovalRequest.state == RequestState.PENDING.value
    undecided = or_(ApprovalRequest.decided_at.is_(None), ApprovalRequest.decided_at > as_of)
    return and_(ApprovalRequest.opened_at <= as_of, undecided)
