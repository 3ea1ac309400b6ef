"""How a season is sealed: its lines as the ledger has them, a checksum over them, once."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, cast, func, insert, literal, select, union_all

from points_core import communities, outbox, policy
from points_core.communities import GENESIS, Head
from points_core.models import Community, LedgerHead, PointTransaction, SeasonStanding
from points_core.models import Season as SeasonRow
from points_core.outbox import Topic
from points_core.policy import Policy
from points_core.scores import EVERY_CATEGORY
from points_core.seasons.stored import Season, record, row_of, rows_of, season_of, this
from points_core.sums import Sums
from points_core.values import Actor, ActorKind, Origin

Line = tuple[int, ...]
"""Category, rank, member, points, the last transaction that counts."""


def seal_due(tx: Connection, now: datetime, limit: int = 10) -> list[tuple[str, int]]:
    """Seal up to `limit` seasons that are over at `now`, each once however many processes ask.

    Returns (community, season's number) of those sealed. Each leaves one effect in the outbox. Closed books
    wait, and let the others pass.
    """
    due = (
        select(Community.key, SeasonRow.number)
        .join(Community, Community.id == SeasonRow.community_id)
        .join(LedgerHead, LedgerHead.community_id == SeasonRow.community_id)
        .where(SeasonRow.sealed_at.is_(None), SeasonRow.ends_at <= now, LedgerHead.closed_because.is_(None))
        .order_by(SeasonRow.ends_at, SeasonRow.community_id, SeasonRow.number)
        .limit(limit)
    )
    return [(key, number) for key, number in tx.execute(due).all() if _seal_if_open(tx, key, number, now)]


def result(community_id: int, number: int, category_id: int) -> Sums:
    """Return the SELECT of a sealed season's lines in a category (0: all points)."""
    return select(SeasonStanding.member_id, SeasonStanding.points, SeasonStanding.reached_seq).where(
        SeasonStanding.community_id == community_id,
        SeasonStanding.season_number == number,
        SeasonStanding.category_id == category_id,
    )


def problems(tx: Connection, community_id: int, *, recount: bool = True) -> Iterator[tuple[str, str]]:
    """Yield (invariant, where) for each sealed season whose result is not what was sealed.

    `recount` compares it with its transactions too, as they stood when it was sealed.
    """
    for row in rows_of(tx, community_id):
        if row.sealed_at is None:
            continue
        if checksum(tx, row, lines_kept(tx, row)) != row.checksum:
            yield "a sealed season stays", f"the result of season {row.name!r} was changed"
        elif recount and checksum(tx, row, _lines_counted(tx, row)) != row.checksum:
            yield "a sealed season stays", f"season {row.name!r} is not what its transactions say"


# ── sealing ──


def _seal_if_open(tx: Connection, community: str, number: int, now: datetime) -> bool:
    """Under the community's lock, look again and seal; False if another process was first."""
    head = communities.lock(tx, community)
    if head is None or head.closed_because is not None:
        return False
    if row_of(tx, head.community_id, number).sealed_at is not None:
        return False
    seal(tx, head, policy.by_number(tx, head.community_id), number, now, tell=True)
    return True


def seal(tx: Connection, head: Head, rules: Policy, number: int, now: datetime, *, tell: bool) -> Season:
    """Write down a season's lines and their checksum, under the community's lock; `tell` posts the winners."""
    tx.execute(this(head.community_id, number).values(sealed_seq=head.seq))
    row = row_of(tx, head.community_id, number)
    key = (SeasonStanding.community_id, SeasonStanding.season_number, SeasonStanding.category_id)
    line = (SeasonStanding.member_id, SeasonStanding.rank, SeasonStanding.points, SeasonStanding.reached_seq)
    counted = _counted(row).subquery("counted")
    tx.execute(
        insert(SeasonStanding).from_select(
            [column.key for column in (*key, *line)],
            select(
                literal(head.community_id),
                literal(number),
                counted.c.category_id,
                counted.c.member_id,
                counted.c.rank,
                counted.c.points,
                counted.c.reached_seq,
            ),
        )
    )
    seal = {"sealed_at": now, "checksum": checksum(tx, row, lines_kept(tx, row), sealed_at=now)}
    tx.execute(this(head.community_id, number).values(**seal))
    season = season_of(row_of(tx, head.community_id, number))
    if tell:
        place = rules.announcements_channel or rules.log_channel or row.place
        outbox.add(tx, head.community_id, Topic.SEASON, str(number), at=now, place=place)
    community = tx.execute(select(Community.key).where(Community.id == head.community_id)).scalar_one()
    origin = Origin(community, Actor(ActorKind.SYSTEM), now, f"season:{number}:seal")
    document = {"transactions": head.seq, "checksum": season.checksum}
    record(tx, head, origin, rules, "season.seal", season, document)
    return season


def _counted(row: Row[Any]) -> Sums:
    """Return the SELECT of the lines that the ledger makes, as it stood when the season was sealed."""
    category = func.coalesce(PointTransaction.category_id, EVERY_CATEGORY)
    grouped = (
        select(
            category.label("category_id"),
            PointTransaction.member_id,
            func.sum(PointTransaction.amount).label("points"),
            func.max(PointTransaction.seq).label("reached_seq"),
        )
        .where(
            PointTransaction.community_id == row.community_id,
            PointTransaction.effective_at >= row.starts_at,
            PointTransaction.effective_at < row.ends_at,
            PointTransaction.seq + 0 <= row.sealed_seq,
        )
        .group_by(category, PointTransaction.member_id)
        .cte("grouped")
    )
    of_one = select(grouped).where(grouped.c.category_id != EVERY_CATEGORY)
    of_all = select(
        literal(EVERY_CATEGORY).label("category_id"),
        grouped.c.member_id,
        func.sum(grouped.c.points).label("points"),
        func.max(grouped.c.reached_seq).label("reached_seq"),
    ).group_by(grouped.c.member_id)
    every = union_all(of_all, of_one).subquery("every").c
    return select(
        every.category_id,
        func.rank().over(partition_by=every.category_id, order_by=every.points.desc()).label("rank"),
        every.member_id,
        cast(every.points, BigInteger).label("points"),
        every.reached_seq,
    ).where(every.points > 0)


def lines_kept(tx: Connection, row: Row[Any]) -> Iterator[Line]:
    """Return the lines that were written down when the season of `row` was sealed."""
    kept = (
        select(
            SeasonStanding.category_id,
            SeasonStanding.rank,
            SeasonStanding.member_id,
            SeasonStanding.points,
            SeasonStanding.reached_seq,
        )
        .where(SeasonStanding.community_id == row.community_id, SeasonStanding.season_number == row.number)
        .order_by(SeasonStanding.category_id, SeasonStanding.rank, SeasonStanding.member_id)
    )
    return (tuple(line) for line in tx.execute(kept))


def _lines_counted(tx: Connection, row: Row[Any]) -> Iterator[Line]:
    counted = _counted(row).subquery("counted").c
    lines = select(
        counted.category_id, counted.rank, counted.member_id, counted.points, counted.reached_seq
    ).order_by(counted.category_id, counted.rank, counted.member_id)
    return (tuple(line) for line in tx.execute(lines))


def checksum(
    tx: Connection, row: Row[Any], lines: Iterable[Line], sealed_at: datetime | None = None
) -> bytes:
    """Return the SHA-256 over the season, where the ledger stood, and the lines."""
    last = tx.execute(
        select(PointTransaction.hash).where(
            PointTransaction.community_id == row.community_id, PointTransaction.seq == row.sealed_seq
        )
    ).scalar()
    moments = [
        moment.astimezone(UTC).isoformat()
        for moment in (row.starts_at, row.ends_at, sealed_at or row.sealed_at)
    ]
    about = [
        row.community_id,
        row.number,
        row.name,
        row.first,
        row.after,
        row.timezone,
        *moments,
        row.sealed_seq,
    ]
    seal = hashlib.sha256("\n".join(map(str, about)).encode())
    seal.update(last if last is not None else GENESIS)
    for line in lines:
        seal.update(("\n" + ":".join(map(str, line))).encode())
    return seal.digest()
