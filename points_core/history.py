"""One member's balance, pages of transactions, one transaction: the books as people read them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, select

from points_core import communities, policy, ranks
from points_core.errors import InvalidSetting, UnknownTransaction
from points_core.ledger.receipts import RECEIPTS, receipt_of
from points_core.models import ApprovalRequest, Category, PointBalance, PointScore, PointTransaction
from points_core.scores import EVERY_CATEGORY
from points_core.values import MAX_NUMBER, Kind, Receipt, RequestState, clean_id
from points_core.windows import Span

MAX_PAGE = 1_000  # receipts in one page: what one reply of a program's may hold in memory


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


@dataclass(frozen=True, slots=True)
class Page:
    """Some transactions, newest first; `older` is the next page's `before`, None at the end."""

    receipts: tuple[Receipt, ...] = ()
    older: int | None = None


def balance(tx: Connection, community: str, user_id: str, *, recent: int = 5) -> Balance:
    """Return the balance of the member with outside id `user_id`; zeros for someone never seen.

    recent: how many of the latest transactions come with it, 0 to 1,000. Raises InvalidText, InvalidSetting.
    """
    if not 0 <= recent <= MAX_PAGE:
        raise InvalidSetting("recent", recent, f"from 0 to {MAX_PAGE:,}")
    clean_id("user_id", user_id)
    community_id = communities.find(tx, community)
    if community_id is None:
        return Balance(user_id, None)
    members = ranks.count(tx, community_id, EVERY_CATEGORY)
    person = communities.people(tx, community_id, [user_id]).get(user_id)
    if person is None:
        return Balance(user_id, None, members=members)
    current, earned, spent = _totals(tx, community_id, person.id)
    return Balance(
        user_id,
        person.name,
        current,
        earned,
        spent,
        rank=ranks.rank(tx, community_id, EVERY_CATEGORY, current) if current > 0 else None,
        members=members,
        categories=_by_category(tx, community_id, person.id),
        recent=_recent(tx, community_id, person.id, recent),
        pending=_pending(tx, community_id, person.id),
    )


def page(
    tx: Connection,
    community: str,
    *,
    user_id: str | None = None,
    category: str | None = None,
    kind: Kind | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
    limit: int = 10,
) -> Page:
    """Return up to `limit` (1 to 1,000) of the community's transactions, newest first.

    user_id, actor: outside ids of who got or lost points, and of who saw to it. category: its name, retired
    ones included. since, until: instants (aware), from and before which the points count. before: only
    transactions with smaller numbers; pass a page's `older` to go on from it.
    Raises UnknownCategory, InvalidText, InvalidSetting.
    """
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidSetting("limit", limit, f"from 1 to {MAX_PAGE:,}")
    outside_ids = [clean_id("user_id", who) for who in (user_id, actor) if who is not None]
    heading = policy.of(tx, community).category(category, retired=True) if category is not None else None
    community_id = communities.find(tx, community)
    if community_id is None:
        return Page()
    people = communities.people(tx, community_id, outside_ids)
    if not people.keys() >= set(outside_ids):
        return Page()
    member_id = people[user_id].id if user_id is not None else None
    actor_id = people[actor].id if actor is not None else None
    conditions = _matching(
        community_id,
        member_id=member_id,
        actor_id=actor_id,
        category_id=heading.id if heading else None,
        kind=kind,
        since=since,
        until=until,
    )
    if before is not None:
        conditions.append(_older_than(tx, community_id, min(before, MAX_NUMBER), member_id, actor_id))
    return _newest(tx, community_id, conditions, _order(member_id, actor_id), limit)


def transaction(tx: Connection, community: str, number: int) -> Receipt:
    """Return the community's transaction `number`. Raises UnknownTransaction."""
    community_id = communities.find(tx, community)
    if community_id is None or not 1 <= number <= MAX_NUMBER:
        raise UnknownTransaction(number)
    this = RECEIPTS.where(PointTransaction.community_id == community_id, PointTransaction.seq == number)
    row = tx.execute(this).one_or_none()
    if row is None:
        raise UnknownTransaction(number)
    return receipt_of(row)


def _matching(
    community_id: int,
    *,
    member_id: int | None = None,
    actor_id: int | None = None,
    category_id: int | None = None,
    kind: Kind | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[ColumnElement[bool]]:
    equal = (
        (PointTransaction.member_id, member_id),
        (PointTransaction.actor_id, actor_id),
        (PointTransaction.category_id, category_id),
        (PointTransaction.kind, kind and kind.value),
    )
    conditions = [PointTransaction.community_id == community_id]
    conditions += [column == value for column, value in equal if value is not None]
    if since is not None:
        conditions.append(PointTransaction.effective_at >= since)
    if until is not None:
        conditions.append(PointTransaction.effective_at < until)
    return conditions


def _order(member_id: int | None, actor_id: int | None) -> tuple[ColumnElement[Any], ...]:
    """Return an order that an index has: newest first all three, for numbers and times grow together."""
    if member_id is not None:
        return (PointTransaction.member_seq.desc(),)
    if actor_id is not None:
        return (PointTransaction.recorded_at.desc(), PointTransaction.seq.desc())
    return (PointTransaction.seq.desc(),)


def _older_than(
    tx: Connection, community_id: int, number: int, member_id: int | None, actor_id: int | None
) -> ColumnElement[bool]:
    """Return the condition that leaves transactions before `number`.

    Where that is one of the member's own, as on their next page, their own count leads straight to the
    place in the index, however long the history is.
    """
    if member_id is None and actor_id is None:
        return PointTransaction.seq < number
    own = select(PointTransaction.member_seq).where(
        PointTransaction.community_id == community_id,
        PointTransaction.seq == number,
        PointTransaction.member_id == member_id,
    )
    member_seq = tx.execute(own).scalar()
    if member_seq is not None:
        return PointTransaction.member_seq < member_seq
    return PointTransaction.seq + 0 < number  # + 0: no reason to read the community's ledger by number


def _newest(
    tx: Connection,
    community_id: int,
    conditions: Sequence[ColumnElement[bool]],
    order: Sequence[ColumnElement[Any]],
    limit: int,
) -> Page:
    """Return the newest `limit` transactions; one more is looked for, to know whether there are older ones.

    Their numbers are found first and dressed with names afterwards: a plan for both together may begin
    with the members, or dress every candidate before it sorts.
    """
    numbers = select(PointTransaction.seq).where(*conditions).order_by(*order).limit(limit + 1)
    found = list(tx.execute(numbers).scalars())
    shown = RECEIPTS.where(
        PointTransaction.community_id == community_id, PointTransaction.seq.in_(found[:limit])
    )
    rows = tx.execute(shown.order_by(PointTransaction.seq.desc())).all() if found[:limit] else []
    return Page(tuple(receipt_of(row) for row in rows), found[limit - 1] if len(found) > limit else None)


def _recent(tx: Connection, community_id: int, member_id: int, limit: int) -> tuple[Receipt, ...]:
    conditions = _matching(community_id, member_id=member_id)
    return _newest(tx, community_id, conditions, _order(member_id, None), limit).receipts


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


def _pending(tx: Connection, community_id: int, member_id: int) -> tuple[PendingPoints, ...]:
    waiting = select(
        ApprovalRequest.number,
        ApprovalRequest.kind,
        ApprovalRequest.amount,
        ApprovalRequest.reason,
        ApprovalRequest.expires_at,
    ).where(
        ApprovalRequest.community_id == community_id,
        ApprovalRequest.member_id == member_id,
        ApprovalRequest.state == RequestState.PENDING.value,
    )
    # sorted here: asked for in order, SQLite reads every request of the community by number
    rows = sorted(tx.execute(waiting), key=lambda row: row.number)
    return tuple(
        PendingPoints(row.number, Kind(row.kind), row.amount, row.reason, row.expires_at) for row in rows
    )
