"""Who left, and what a community wants to become of them once they stay away.

Nothing happens to anybody because they were kicked or banned or left: they are only noted as away. What the
policy wants is done `leave_days` later, after looking once more; who is back before then loses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Select, select, update

from points_core import audit, communities, policy
from points_core.communities import Head
from points_core.models import Community, LedgerHead, Member, PointBalance
from points_core.models import Policy as PolicyRow
from points_core.policy import LeavePolicy, Policy
from points_core.privacy.erasing import erase, record_wish
from points_core.values import Origin


@dataclass(frozen=True, slots=True)
class Leaver:
    """A member who may have left; `left_at` is when they were first found to be away, None while they are not."""

    community: str
    number: int
    user_id: str
    left_at: datetime | None


def watched(tx: Connection) -> tuple[str, ...]:
    """Return the communities (outside ids) that want something to become of who left; closed books wait."""
    wanted = PolicyRow.document["leave_policy"].as_string().in_([LeavePolicy.HIDE, LeavePolicy.ERASE])
    caring = select(Community.key).join(PolicyRow, PolicyRow.community_id == Community.id)
    open_books = caring.join(LedgerHead, LedgerHead.community_id == Community.id).where(
        wanted, LedgerHead.closed_because.is_(None)
    )
    return tuple(tx.execute(open_books.order_by(Community.id)).scalars())


def to_look_up(tx: Connection, community: str, *, after: int = 0, limit: int = 20) -> tuple[Leaver, ...]:
    """Return up to `limit` members with points, by number, past number `after`: whether they are still there."""
    with_points = _MEMBERS.join(
        PointBalance,
        (PointBalance.community_id == Member.community_id) & (PointBalance.member_id == Member.id),
    )
    here = with_points.where(Community.key == community, Member.id > after).order_by(Member.id).limit(limit)
    return tuple(Leaver(*row) for row in tx.execute(here))


def left(tx: Connection, origin: Origin, user_id: str) -> bool:
    """Note that a member is away; return whether that is new."""
    return _note(tx, origin, user_id, away=True)


def returned(tx: Connection, origin: Origin, user_id: str) -> bool:
    """Note that a member is there again, and show who was hidden for being away; return whether that is new."""
    return _note(tx, origin, user_id, away=False)


def overdue(tx: Connection, now: datetime, places: Sequence[str], *, limit: int = 20) -> tuple[Leaver, ...]:
    """Return up to `limit` members of `places` who have been away for as long as its policy waits."""
    numbers = select(Community.id).where(Community.key.in_(places)).order_by(Community.id)
    found: list[Leaver] = []
    for community_id in tx.execute(numbers).scalars().all():
        rules = policy.by_number(tx, community_id)
        if rules.leave_policy is not LeavePolicy.KEEP and len(found) < limit:
            due = _MEMBERS.where(Community.id == community_id, *_due(rules, now))
            found += [Leaver(*row) for row in tx.execute(due.order_by(Member.id).limit(limit - len(found)))]
    return tuple(found)


def away(tx: Connection, origin: Origin, user_id: str) -> LeavePolicy | None:
    """Do to a member who is still away what the policy wants; return what was done, None if nothing is due."""
    head, rules = policy.locked(tx, origin)
    this = _MEMBERS.where(Community.id == head.community_id, Member.user_id == user_id)
    row = tx.execute(this.where(*_due(rules, origin.at))).one_or_none()
    if row is None or rules.leave_policy is LeavePolicy.KEEP:
        return None
    if rules.leave_policy is LeavePolicy.HIDE:
        _hide(tx, head, origin, row)
    else:
        wish_id = record_wish(tx, head.community_id, row.id, origin.key, row.left_at, origin.at)
        erase(tx, head, origin.community, row.id, origin.at, wish_id)
    return rules.leave_policy


_AWAY = Member.left_at.is_not(None) & Member.user_id.is_not(None)

_MEMBERS: Select[*tuple[Any, ...]] = (
    select(Community.key, Member.id, Member.user_id, Member.left_at)
    .join(Community, Community.id == Member.community_id)
    .where(Member.user_id.is_not(None))
)


def _due(rules: Policy, now: datetime) -> list[Any]:
    """Return the conditions of those who were away for long enough, and to whom it was not done yet."""
    conditions: list[Any] = [_AWAY, Member.left_at <= now - timedelta(days=rules.leave_days)]
    if rules.leave_policy is LeavePolicy.HIDE:
        conditions.append(Member.hidden_at.is_(None))
    return conditions


def _hide(tx: Connection, head: Head, origin: Origin, row: Row[*tuple[Any, ...]]) -> None:
    tx.execute(_this(head.community_id, row.id).values(hidden_at=origin.at))
    target = f"member {row.id}"
    audit.record(tx, head, origin, action="privacy.hide", target=target, before=None, after=None)
    communities.save(tx, head)


def _note(tx: Connection, origin: Origin, user_id: str, *, away: bool) -> bool:
    head, _ = policy.locked(tx, origin)
    row = tx.execute(
        select(Member.id, Member.left_at, Member.hidden_at).where(
            Member.community_id == head.community_id, Member.user_id == user_id
        )
    ).one_or_none()
    if row is None or (row.left_at is not None) is away:
        return False
    values: dict[str, datetime | None] = {"left_at": origin.at if away else None}
    if not away and row.hidden_at is not None and row.hidden_at > row.left_at:
        values["hidden_at"] = None  # hidden for being away; who hid themselves did so before they left
    tx.execute(_this(head.community_id, row.id).values(values))
    return True


def _this(community_id: int, member_id: int) -> Any:  # noqa: ANN401 - an UPDATE
    return update(Member).where(Member.community_id == community_id, Member.id == member_id)
