"""Which slot is whose to post, and what became of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, delete, func, select, update

from points_core import communities, outbox, policy, webhooks
from points_core.errors import UnknownSchedule
from points_core.models import Community, LedgerHead, Publication, Schedule
from points_core.moments import LONGEST_TURN, SKEW, come
from points_core.outbox import Topic
from points_core.schedules.plans import A_DAY, ScheduleView, found, last_day, of, this, view
from points_core.schedules.slots import Slot, next_slot
from points_core.statements import insert_unless_there
from points_core.values import Origin

LATE = timedelta(minutes=10)  # a post claimed later than this says so

_BY_HAND = "now-"


@dataclass(frozen=True, slots=True)
class Claim:
    """A slot that is now this process's to post, and the earlier ones that nobody will."""

    community: str
    number: int
    slot: str
    due_at: datetime
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Post:
    """What is to be posted for one slot, and where that stands.

    `state` is claimed, posted, skipped or failed. `skipped` are the slots left out since the last post,
    `late` whether the slot was claimed long after its moment. `live` is the (channel id, message id) of the
    message to edit, for a live schedule that has one.
    """

    schedule: ScheduleView
    slot: str
    state: str
    due_at: datetime
    late: bool
    skipped: tuple[str, ...]
    live: tuple[str, str] | None


def claim_due(tx: Connection, now: datetime, limit: int = 20) -> list[Claim]:
    """Claim the latest missed slot of up to `limit` schedules that are due at `now`, and skip older ones.

    Each claim leaves one effect in the outbox. Two processes never claim the same slot.
    """
    claims: list[Claim] = []
    for row in _perhaps_due(tx, now):
        if len(claims) == limit:
            break
        claims += _claim_latest(tx, row, now)
    return claims


def post_now(tx: Connection, origin: Origin, number: int) -> str:
    """Have a schedule post once, now, beside its slots; returns the slot of that. Raises UnknownSchedule."""
    head, _ = policy.locked(tx, origin)
    slot = _BY_HAND + sha256(origin.key.encode()).hexdigest()[:24]
    _claim(tx, found(tx, head.community_id, number), slot, origin.at, origin.at)
    return slot


def publication(tx: Connection, community: str, number: int, slot: str) -> Post:
    """Return what is to be posted for a claimed slot. Raises UnknownSchedule, also once it is removed."""
    community_id = communities.find(tx, community)
    if community_id is None:
        raise UnknownSchedule(number)
    row = found(tx, community_id, number)
    claimed = tx.execute(
        select(Publication.state, Publication.due_at, Publication.claimed_at).where(
            *of(row), Publication.slot == slot
        )
    ).one_or_none()
    if claimed is None:
        raise UnknownSchedule(number)
    return Post(
        schedule=view(row, policy.by_number(tx, community_id)),
        slot=slot,
        state=claimed.state,
        due_at=claimed.due_at,
        late=claimed.claimed_at - claimed.due_at > LATE,
        skipped=() if slot.startswith(_BY_HAND) else _skipped_before(tx, row, slot),
        live=_live_message(tx, row) if row.live else None,
    )


def published(
    tx: Connection, community: str, number: int, slot: str, *, channel: str, message: str, now: datetime
) -> None:
    """Record which message the post of a claimed slot is."""
    _finish(tx, (community, number, slot), state="posted", channel=channel, message=message, finished_at=now)
    community_id = communities.find(tx, community)
    if community_id is not None:
        webhooks.tell_posted(tx, community_id, number, slot, channel=channel, message=message, at=now)


def failed(tx: Connection, community: str, number: int, slot: str, *, now: datetime) -> None:
    """Record that the post of a claimed slot could not be made and will not be."""
    _finish(tx, (community, number, slot), state="failed", finished_at=now)


def _perhaps_due(tx: Connection, now: datetime) -> list[Row[Any]]:
    """Return those whose stored moment has come; a change of zone brings it on, to have it counted anew."""
    return list(
        tx.execute(
            select(Schedule.__table__)
            .join(LedgerHead, LedgerHead.community_id == Schedule.community_id)
            .where(come(Schedule.next_due_at, now, LONGEST_TURN), LedgerHead.closed_because.is_(None))
            .order_by(Schedule.next_due_at, Schedule.community_id, Schedule.number)
        )
    )


def _claim_latest(tx: Connection, row: Row[Any], now: datetime) -> list[Claim]:
    """Under the schedule's own lock, look again and claim; nothing if another process was first.

    The zone is read under that lock too: whoever changes it waits for the lock, or has committed.
    """
    held = select(Schedule.number).where(
        Schedule.community_id == row.community_id,
        Schedule.number == row.number,
        Schedule.removed_at.is_(None),
    )
    if tx.execute(held.with_for_update(skip_locked=True)).first() is None:
        return []
    zone = policy.by_number(tx, row.community_id).zone
    missed: list[Slot] = []
    slot = _next(tx, row, zone, now)
    while slot.due_at <= now:
        missed.append(slot)
        slot = next_slot(row.every, row.at_time, zone, last=slot.day, since=row.created_at)
    tx.execute(this(row.community_id, row.number).values(next_due_at=slot.due_at))
    if not missed:
        return []
    *older, latest = missed
    _skip(tx, row, older, now)
    _claim(tx, row, latest.name, latest.due_at, now)
    key = tx.execute(select(Community.key).where(Community.id == row.community_id)).scalar_one()
    return [Claim(key, row.number, latest.name, latest.due_at, tuple(slot.name for slot in older))]


def _next(tx: Connection, row: Row[Any], zone: ZoneInfo, now: datetime) -> Slot:
    """Return the slot after the last one that was claimed; a clock that was ahead claimed others."""
    return next_slot(row.every, row.at_time, zone, last=last_day(tx, row, now + SKEW), since=row.created_at)


def _claim(tx: Connection, row: Row[Any], slot: str, due_at: datetime, now: datetime) -> None:
    _take_back(tx, row, slot, now)
    _publish(tx, row, [(slot, due_at)], "claimed", now)
    outbox.add(tx, row.community_id, Topic.BOARD, f"{row.number}:{slot}", at=now, place=row.channel)


def _take_back(tx: Connection, row: Row[Any], slot: str, now: datetime) -> None:
    """Let a slot be posted at its time that a clock which was ahead claimed or skipped before."""
    ahead = delete(Publication).where(*of(row), Publication.slot == slot, Publication.claimed_at > now + SKEW)
    if tx.execute(ahead).rowcount:
        outbox.withdraw(tx, row.community_id, Topic.BOARD, f"{row.number}:{slot}")


def _skip(tx: Connection, row: Row[Any], older: list[Slot], now: datetime) -> None:
    """A slot claimed earlier whose post never got out is overtaken too: one board is posted, not two."""
    tx.execute(
        update(Publication)
        .where(*of(row), Publication.slot.like(A_DAY), Publication.state == "claimed")
        .values(state="skipped", finished_at=now)
    )
    if older:
        _publish(tx, row, [(slot.name, slot.due_at) for slot in older], "skipped", now)


def _publish(
    tx: Connection, row: Row[Any], slots: list[tuple[str, datetime]], state: str, now: datetime
) -> None:
    shared = {
        "community_id": row.community_id,
        "schedule_number": row.number,
        "state": state,
        "claimed_at": now,
    }
    tx.execute(
        insert_unless_there(tx.dialect.name, Publication),
        [{**shared, "slot": slot, "due_at": due_at} for slot, due_at in slots],
    )


def _skipped_before(tx: Connection, row: Row[Any], slot: str) -> tuple[str, ...]:
    """Return the skipped slots between the last one that was posted and `slot`."""
    days = Publication.slot.like(A_DAY)
    last = select(func.max(Publication.slot)).where(
        *of(row), days, Publication.state == "posted", Publication.slot < slot
    )
    skipped = (
        select(Publication.slot)
        .where(
            *of(row),
            days,
            Publication.state == "skipped",
            Publication.slot < slot,
            Publication.slot > func.coalesce(last.scalar_subquery(), ""),
        )
        .order_by(Publication.slot)
    )
    return tuple(tx.execute(skipped).scalars())


def _live_message(tx: Connection, row: Row[Any]) -> tuple[str, str] | None:
    """Return where the schedule last posted, by slot or by hand."""
    latest = (
        select(Publication.channel, Publication.message)
        .where(*of(row), Publication.message.is_not(None))
        .order_by(Publication.finished_at.desc(), Publication.slot.desc())
        .limit(1)
    )
    last = tx.execute(latest).one_or_none()
    return (last.channel, last.message) if last else None


def _finish(tx: Connection, which: tuple[str, int, str], **values: Any) -> None:  # noqa: ANN401 - columns
    community, number, slot = which
    tx.execute(
        update(Publication)
        .where(
            Publication.community_id == communities.find(tx, community),
            Publication.schedule_number == number,
            Publication.slot == slot,
            Publication.state != "posted",
        )
        .values(**values)
    )
