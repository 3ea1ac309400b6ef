"""The transactions of a window, filtered: their sums, how large they usually are, the latest of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, func, select

from points_core import communities, history
from points_core.errors import InvalidSetting
from points_core.history import MAX_PAGE
from points_core.models import PointTransaction
from points_core.reports.about import During, Place, Totals, by_people, place, together, within
from points_core.reports.activity import Period, series
from points_core.values import Kind, Receipt
from points_core.windows import WindowName


@dataclass(frozen=True, slots=True)
class Sized:
    """How many points one transaction moves, without its sign: the middle one, the 90th percentile, the most."""

    median: float
    p90: float
    largest: int


@dataclass(frozen=True, slots=True)
class OfKind:
    """The transactions of one kind: how many, and their signed points."""

    kind: Kind
    transactions: int
    points: int


@dataclass(frozen=True, slots=True)
class Filters:
    """What a transaction report keeps to: this member's, this category's, of this kind, seen to by this person."""

    user_id: str | None = None
    category: str | None = None
    kind: Kind | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class TransactionReport:
    """The transactions of a window that pass the filters; `latest` are some of them, newest first."""

    during: During
    filters: Filters
    totals: Totals
    kinds: tuple[OfKind, ...]
    sized: Sized | None
    every: str
    periods: tuple[Period, ...]
    latest: tuple[Receipt, ...]


def transactions(
    tx: Connection,
    community: str,
    now: datetime,
    *,
    window: WindowName | None = None,
    first: date | None = None,
    last: date | None = None,
    user_id: str | None = None,
    category: str | None = None,
    kind: Kind | None = None,
    actor: str | None = None,
    every: str | None = None,
    limit: int = 10,
) -> TransactionReport:
    """Report transactions; the filters are as for `history.page`, `limit` of them (0 to 1,000) are listed.

    Raises UnknownCategory, InvalidSetting, InvalidTime.
    """
    if not 0 <= limit <= MAX_PAGE:
        raise InvalidSetting("limit", limit, f"from 0 to {MAX_PAGE:,}")
    where = place(tx, community, now, window, first, last)
    heading = where.rules.category(category, retired=True)
    filters = Filters(user_id, heading.name if heading else None, kind, actor)
    chosen = _chosen(tx, where, filters, heading.id if heading else None)
    if chosen is None:
        return TransactionReport(where.during, filters, Totals(), (), None, every or "day", (), ())
    every, periods = series(tx, where, now, every, *chosen)
    return TransactionReport(
        during=where.during,
        filters=filters,
        totals=together(each.totals for each in periods),
        kinds=_kinds(tx, where, chosen),
        sized=_sized(tx, where, chosen),
        every=every,
        periods=periods,
        latest=_latest(tx, community, where, filters, limit),
    )


def _chosen(
    tx: Connection, where: Place, filters: Filters, category_id: int | None
) -> list[ColumnElement[bool]] | None:
    """Return the conditions of the filters; None where they name somebody nobody knows."""
    outside = [who for who in (filters.user_id, filters.actor) if who is not None]
    known = communities.people(tx, where.community_id, outside) if where.community_id is not None else {}
    if not known.keys() >= set(outside):
        return None
    conditions: list[ColumnElement[bool]] = []
    if filters.user_id is not None:
        conditions.append(PointTransaction.member_id == known[filters.user_id].id)
    if filters.actor is not None:
        conditions += [by_people(), PointTransaction.actor_id == known[filters.actor].id]
    if category_id is not None:
        conditions.append(PointTransaction.category_id == category_id)
    if filters.kind is not None:
        conditions.append(PointTransaction.kind == filters.kind.value)
    return conditions


def _kinds(tx: Connection, where: Place, chosen: Sequence[ColumnElement[bool]]) -> tuple[OfKind, ...]:
    rows = tx.execute(
        select(PointTransaction.kind, func.count(), cast(func.sum(PointTransaction.amount), BigInteger))
        .where(*within(where), *chosen)
        .group_by(PointTransaction.kind)
    )
    found = {Kind(row[0]): OfKind(Kind(row[0]), row[1], int(row[2])) for row in rows}
    return tuple(found[kind] for kind in Kind if kind in found)


def _sized(tx: Connection, where: Place, chosen: Sequence[ColumnElement[bool]]) -> Sized | None:
    """Amounts repeat: each is read once, with how often, and pandas finds the middle ones."""
    import pandas as pd

    size = func.abs(PointTransaction.amount).label("size")
    rows = tx.execute(select(size, func.count()).where(*within(where), *chosen).group_by(size)).all()
    if not rows:
        return None
    sizes = pd.Series([int(row[0]) for row in rows], dtype="int64")
    each = sizes.repeat([row[1] for row in rows])
    median, p90 = each.quantile([0.5, 0.9])
    return Sized(float(median), float(p90), int(sizes.max()))


def _latest(
    tx: Connection, community: str, where: Place, filters: Filters, limit: int
) -> tuple[Receipt, ...]:
    if not limit:
        return ()
    page = history.page(
        tx,
        community,
        user_id=filters.user_id,
        category=filters.category,
        kind=filters.kind,
        actor=filters.actor,
        since=where.window.start,
        until=where.window.end,
        limit=limit,
    )
    return page.receipts
