"""The rows of each table of an export, as plain values in the order of its columns, some thousand at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from points_core import communities, leaderboard, policy
from points_core.errors import InvalidSetting
from points_core.exports import ruled
from points_core.models import (
    ActiveDay,
    AuditEvent,
    Badge,
    BadgeHolding,
    Category,
    Member,
    PointBalance,
    PointTransaction,
    RuleGrant,
    RuleVersion,
)
from points_core.portable import Table
from points_core.prepared import Prepared
from points_core.values import ActorKind
from points_core.windows import Window

PAGE = 500  # rows in memory at a time; what the driver hands over at once holds up every other thread

Row = tuple[Any, ...]
Pages = Iterator[Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which part of a table: of `category` (its name), from `since` to before `until` (aware instants).

    `window` says which board. What a table has no use for is refused, not ignored.
    """

    since: datetime | None = None
    until: datetime | None = None
    category: str | None = None
    window: Window | None = None


_USES: Final[dict[Table, frozenset[str]]] = {
    Table.TRANSACTIONS: frozenset({"since", "until", "category"}),
    Table.BALANCES: frozenset(),
    Table.BOARD: frozenset({"category", "window"}),
    Table.AUDIT: frozenset({"since", "until"}),
    Table.POLICY: frozenset(),
    Table.CATEGORIES: frozenset(),
    Table.BADGES: frozenset(),
    Table.HOLDINGS: frozenset(),
    Table.DAYS: frozenset(),
    Table.RULES: frozenset(),
    Table.GRANTS: frozenset({"since", "until"}),
}


def check(table: Table | None, scope: Scope) -> None:
    """Refuse a scope that means nothing for `table`, None for everything together. Raises InvalidSetting."""
    uses = _USES[table] if table is not None else frozenset()
    whole = f"the table {table} has no such part" if table is not None else "everything is exported whole"
    for name in ("since", "until", "category", "window"):
        value = getattr(scope, name)
        if value is not None and name not in uses:
            raise InvalidSetting(name, str(value)[:40], f"left out: {whole}")


def pages(tx: Connection, community: str, table: Table, scope: Scope) -> Pages:
    """Yield the rows of `table`, in the order of their numbers, names or ranks. Raises UnknownCategory."""
    check(table, scope)
    community_id = communities.find(tx, community)
    if table is Table.BOARD:
        yield _board(tx, community, scope)
    elif table is Table.POLICY:
        rules = policy.of(tx, community)
        yield [*rules.document.items(), ("version", rules.version)]
    elif table is Table.CATEGORIES:
        yield [(c.id, c.name, c.retired) for c in policy.of(tx, community).categories]
    elif community_id is not None:
        yield from _STORED[table](tx, community_id, _conditions(tx, community, table, scope))


def count(tx: Connection, community: str, table: Table, scope: Scope) -> int | None:
    """Return how many rows there will be, None where that is not known before they are read."""
    check(table, scope)
    column = _COUNTED.get(table)
    community_id = communities.find(tx, community)
    if column is None or community_id is None:
        return None
    counted = select(func.count()).where(column == community_id, *_conditions(tx, community, table, scope))
    return int(tx.execute(counted).scalar_one())


def _conditions(tx: Connection, community: str, table: Table, scope: Scope) -> list[ColumnElement[bool]]:
    moment = _MOMENTS.get(table, PointTransaction.effective_at)
    conditions = []
    if scope.since is not None:
        conditions.append(moment >= scope.since)
    if scope.until is not None:
        conditions.append(moment < scope.until)
    if scope.category is not None:
        heading = policy.of(tx, community).category(scope.category, retired=True)
        assert heading is not None
        conditions.append(PointTransaction.category_id == heading.id)
    return conditions


_MOMENTS: Final[dict[Table, InstrumentedAttribute[datetime]]] = {
    Table.AUDIT: AuditEvent.recorded_at,
    Table.GRANTS: RuleGrant.at,
}
_Acting = aliased(Member, name="acting")


def _acting(model: type[PointTransaction] | type[AuditEvent]) -> ColumnElement[bool]:
    return and_(
        model.actor_kind == ActorKind.MEMBER.value,
        _Acting.community_id == model.community_id,
        _Acting.id == model.actor_id,
    )


_TRANSACTIONS = (
    select(
        PointTransaction.seq,
        PointTransaction.kind,
        Member.user_id,
        Member.name,
        PointTransaction.amount,
        PointTransaction.balance_after,
        Category.name,
        PointTransaction.reason,
        PointTransaction.evidence,
        PointTransaction.actor_kind,
        _Acting.user_id,
        _Acting.name,
        PointTransaction.effective_at,
        PointTransaction.recorded_at,
        PointTransaction.reverses,
        PointTransaction.request_number,
        PointTransaction.batch,
        PointTransaction.rule_number,
        PointTransaction.rule_version,
    )
    .join(
        Member,
        and_(Member.community_id == PointTransaction.community_id, Member.id == PointTransaction.member_id),
    )
    .outerjoin(_Acting, _acting(PointTransaction))
    .outerjoin(
        Category,
        and_(
            Category.community_id == PointTransaction.community_id,
            Category.id == PointTransaction.category_id,
        ),
    )
)
_AUDIT = select(
    AuditEvent.number,
    AuditEvent.recorded_at,
    AuditEvent.actor_kind,
    _Acting.user_id,
    _Acting.name,
    AuditEvent.action,
    AuditEvent.target,
    AuditEvent.before,
    AuditEvent.after,
).outerjoin(_Acting, _acting(AuditEvent))
_BALANCES = select(
    PointBalance.member_id,
    Member.user_id,
    Member.name,
    PointBalance.current,
    PointBalance.earned,
    PointBalance.spent,
    PointBalance.transactions,
    PointBalance.updated_at,
    PointBalance.level,
).join(Member, and_(Member.community_id == PointBalance.community_id, Member.id == PointBalance.member_id))


_BADGES = select(
    Badge.number,
    Badge.name,
    Badge.description,
    Badge.goal,
    Badge.hidden,
    Badge.role,
    Badge.role_days,
    Badge.created_at,
    Badge.retired_at,
)
_HOLDINGS = (
    select(
        BadgeHolding.badge_number,
        Member.user_id,
        Member.name,
        BadgeHolding.step,
        BadgeHolding.nth,
        BadgeHolding.earned_at,
        BadgeHolding.earned_seq,
        BadgeHolding.revoked_at,
        BadgeHolding.revoked_because,
    )
    .join(Member, and_(Member.community_id == BadgeHolding.community_id, Member.id == BadgeHolding.member_id))
    .order_by(BadgeHolding.badge_number, BadgeHolding.member_id, BadgeHolding.step, BadgeHolding.nth)
)
_DAYS = (
    select(Member.user_id, Member.name, ActiveDay.day, ActiveDay.source)
    .join(Member, and_(Member.community_id == ActiveDay.community_id, Member.id == ActiveDay.member_id))
    .order_by(ActiveDay.member_id, ActiveDay.day, ActiveDay.source)
)


def _transactions(tx: Connection, community_id: int, conditions: list[ColumnElement[bool]]) -> Pages:
    statement = _TRANSACTIONS.where(PointTransaction.community_id == community_id, *conditions)
    yield from _by_number(tx, statement, PointTransaction.seq)


def _audit(tx: Connection, community_id: int, conditions: list[ColumnElement[bool]]) -> Pages:
    statement = _AUDIT.where(AuditEvent.community_id == community_id, *conditions)
    yield from _by_number(tx, statement, AuditEvent.number)


def _balances(tx: Connection, community_id: int, conditions: list[ColumnElement[bool]]) -> Pages:
    statement = _BALANCES.where(PointBalance.community_id == community_id)
    for rows in _by_number(tx, statement, PointBalance.member_id):
        yield [row[1:] for row in rows]  # the member's number is the books' own


def _badges(tx: Connection, community_id: int, conditions: list[ColumnElement[bool]]) -> Pages:
    yield from _by_number(tx, _BADGES.where(Badge.community_id == community_id, *conditions), Badge.number)


def _holdings(tx: Connection, community_id: int, conditions: list[ColumnElement[bool]]) -> Pages:
    held = _HOLDINGS.where(BadgeHolding.community_id == community_id, *conditions)
    for part in tx.execute(held, execution_options={"yield_per": PAGE}).partitions():
        yield [tuple(row) for row in part]


def _days(tx: Connection, community_id: int, conditions: list[ColumnElement[bool]]) -> Pages:
    """Yield the days that count for streaks, each with the rule that was met; none for a check-in."""
    active = _DAYS.where(ActiveDay.community_id == community_id, *conditions)
    for part in tx.execute(active, execution_options={"yield_per": PAGE}).partitions():
        yield [
            (row.user_id, row.name, date.fromordinal(row.day).isoformat(), row.source or None) for row in part
        ]


def _by_number(
    tx: Connection, statement: Select[*tuple[Any, ...]], number: InstrumentedAttribute[int]
) -> Pages:
    """Read on from the last number seen, so that the last page costs no more than the first."""
    following = Prepared(statement.where(number > bindparam("last")).order_by(number).limit(PAGE))
    last = 0
    while rows := following.rows(tx, {"last": last}):
        yield rows
        last = rows[-1][0]


def _board(tx: Connection, community: str, scope: Scope) -> Sequence[Row]:
    board = leaderboard.standings(
        tx,
        community,
        window=scope.window or Window.all_time(),
        category=scope.category,
        top=leaderboard.MAX_TOP,
    )
    return [(line.rank, line.user_id, line.name, line.points) for line in board.standings]


_STORED: Final[dict[Table, Callable[[Connection, int, list[ColumnElement[bool]]], Pages]]] = {
    Table.TRANSACTIONS: _transactions,
    Table.BALANCES: _balances,
    Table.AUDIT: _audit,
    Table.BADGES: _badges,
    Table.HOLDINGS: _holdings,
    Table.DAYS: _days,
    Table.RULES: ruled.versions,
    Table.GRANTS: ruled.grants,
}
_COUNTED: Final = {
    Table.TRANSACTIONS: PointTransaction.community_id,
    Table.BALANCES: PointBalance.community_id,
    Table.AUDIT: AuditEvent.community_id,
    Table.BADGES: Badge.community_id,
    Table.HOLDINGS: BadgeHolding.community_id,
    Table.DAYS: ActiveDay.community_id,
    Table.RULES: RuleVersion.community_id,
    Table.GRANTS: RuleGrant.community_id,
}
