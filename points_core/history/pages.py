"""Transactions, page by page or one: who, how many, why, when, by whom."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, select
from sqlalchemy.orm import InstrumentedAttribute

from points_core import communities, policy, sums
from points_core.errors import InvalidSetting, UnknownTransaction
from points_core.ledger.receipts import RECEIPTS, receipt_of
from points_core.models import PointTransaction
from points_core.values import MAX_NUMBER, ActorKind, Kind, Receipt, bounded, clean_id

MAX_PAGE = 1_000  # receipts in one page: what one reply of a program's may hold in memory


@dataclass(frozen=True, slots=True)
class Page:
    """Some transactions, newest first; `older` is the next page's `before`, None at the end."""

    receipts: tuple[Receipt, ...] = ()
    older: int | None = None


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
    batch: int | None = None,
    client: int | None = None,
    before: int | None = None,
    as_of: datetime | None = None,
    limit: int = 10,
) -> Page:
    """Return up to `limit` (1 to 1,000) of the community's transactions, newest first.

    user_id, actor: outside ids of who got or lost points, and of who saw to it; client: the number of the
    program that did. category: its name, retired ones included. since, until: instants (aware), from and
    before which the points count. before: only transactions with smaller numbers; pass a page's `older` to
    go on from it. as_of: an instant (aware); only what was recorded by then.
    Raises UnknownCategory, InvalidText, InvalidSetting.
    """
    found = _found(
        tx,
        community,
        limit,
        user_id=user_id,
        category=category,
        kind=kind,
        actor=actor,
        since=since,
        until=until,
        batch=batch,
        client=client,
    )
    if found is None:
        return Page()
    conditions = list(found.conditions)
    if as_of is not None:
        number = sums.last_recorded(tx, found.community_id, as_of) + 1
        before = number if before is None else min(before, number)
    if before is not None:
        member_id, actor_id = found.member_id, found.actor_id
        conditions.append(_older_than(tx, found.community_id, bounded(before), member_id, actor_id))
    return _newest(tx, found.community_id, conditions, _order(found.member_id, found.actor_id), limit)


def following(
    tx: Connection,
    community: str,
    *,
    after: int,
    user_id: str | None = None,
    category: str | None = None,
    kind: Kind | None = None,
    actor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    batch: int | None = None,
    client: int | None = None,
    limit: int = 10,
) -> tuple[Receipt, ...]:
    """Return up to `limit` (1 to 1,000) transactions with numbers past `after`, oldest first.

    Whoever keeps a copy asks with the last number it has; the rest is as for `page`.
    Raises UnknownCategory, InvalidSetting.
    """
    found = _found(
        tx,
        community,
        limit,
        user_id=user_id,
        category=category,
        kind=kind,
        actor=actor,
        since=since,
        until=until,
        batch=batch,
        client=client,
    )
    if found is None:
        return ()
    newer = PointTransaction.seq > bounded(after)
    numbers = select(PointTransaction.seq).where(*found.conditions, newer)
    chosen = list(tx.execute(numbers.order_by(PointTransaction.seq).limit(limit)).scalars())
    return _dressed(tx, found.community_id, chosen, PointTransaction.seq)


@dataclass(frozen=True, slots=True)
class _Found:
    """The conditions of a search, in the community's own numbers."""

    community_id: int
    member_id: int | None
    actor_id: int | None
    conditions: tuple[ColumnElement[bool], ...]


def _found(
    tx: Connection,
    community: str,
    limit: int,
    *,
    user_id: str | None,
    category: str | None,
    kind: Kind | None,
    actor: str | None,
    since: datetime | None,
    until: datetime | None,
    batch: int | None,
    client: int | None,
) -> _Found | None:
    """Translate what is asked for; None where nothing can match."""
    if not 1 <= limit <= MAX_PAGE:
        raise InvalidSetting("limit", limit, f"from 1 to {MAX_PAGE:,}")
    outside_ids = [clean_id("user_id", who) for who in (user_id, actor) if who is not None]
    heading = policy.of(tx, community).category(category, retired=True) if category is not None else None
    community_id = communities.find(tx, community)
    if community_id is None:
        return None
    people = communities.people(tx, community_id, outside_ids)
    numbers = [number for number in (batch, client) if number is not None]
    if not people.keys() >= set(outside_ids) or any(bounded(number) != number for number in numbers):
        return None
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
        batch=batch,
        client=client,
    )
    return _Found(community_id, member_id, actor_id, tuple(conditions))


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
    batch: int | None = None,
    client: int | None = None,
) -> list[ColumnElement[bool]]:
    equal = (
        (PointTransaction.member_id, member_id),
        (PointTransaction.actor_id, actor_id),
        (PointTransaction.actor_kind, None if actor_id is None else ActorKind.MEMBER.value),
        (PointTransaction.actor_id, client),
        (PointTransaction.actor_kind, None if client is None else ActorKind.CLIENT.value),
        (PointTransaction.batch, batch),
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
    receipts = _dressed(tx, community_id, found[:limit], PointTransaction.seq.desc())
    return Page(receipts, found[limit - 1] if len(found) > limit else None)


def _dressed(
    tx: Connection,
    community_id: int,
    numbers: Sequence[int],
    order: ColumnElement[Any] | InstrumentedAttribute[int],
) -> tuple[Receipt, ...]:
    if not numbers:
        return ()
    shown = RECEIPTS.where(PointTransaction.community_id == community_id, PointTransaction.seq.in_(numbers))
    return tuple(receipt_of(row) for row in tx.execute(shown.order_by(order)))


def latest(
    tx: Connection, community_id: int, member_id: int, limit: int, *more: ColumnElement[bool]
) -> tuple[Receipt, ...]:
    """Return a member's latest transactions of which `more` is true, newest first."""
    conditions = [*_matching(community_id, member_id=member_id), *more]
    return _newest(tx, community_id, conditions, _order(member_id, None), limit).receipts
