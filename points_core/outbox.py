"""Effects that must happen outside: written in the commit that causes them, delivered after it, at least once.

A worker leases effects for a while; one that dies lets its leases run out and another takes over. What the
outside does with a repeated delivery is the worker's craft (a nonce, a message id on record).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, delete, func, or_, select, update

from points_core.models import Community, OutboxEntry
from points_core.moments import come, free
from points_core.shards import Shards
from points_core.statements import insert_unless_there

MAX_ATTEMPTS = 12  # with the courier's doubling pauses about a day
KEPT = timedelta(days=30)  # how long a delivered effect can be looked at
MAX_OUTCOME = 500  # characters kept of why a delivery failed


class Topic(StrEnum):
    """What happened, for the outside to show."""

    RECORDED = "transaction.recorded"  # subject: the transaction's number
    OPENED = "request.opened"  # subject: the approval request's number
    DECIDED = "request.decided"  # subject: the approval request's number
    CHANGED = "audit.recorded"  # subject: the audit event's number
    SEASON = "season.sealed"  # subject: the season's number
    ANCHORED = "head.anchored"  # subject: the last transaction's number
    EXPIRING = "points.expiring"  # subject: "{member number}:{Monday of that week}:{policy's version}"
    BOARD = "board.due"  # subject: "{schedule number}:{slot}"
    LEVEL = "level.reached"  # subject: "{member}:{level before}:{level after}:{last transaction's number}"
    BADGE = "badge.earned"  # subject: "{badge}:{member, 0 for all together}:{step}:{how many times}"
    BADGE_REVOKED = "badge.revoked"  # subject: as for BADGE
    TAKEN_BACK = "movement.taken_back"  # subject: "{transaction's number}:{message that announced it}"
    UNSAID = "movement.unsaid"  # subject: the transaction's number
    ROLES = "roles.due"  # subject: begins with the member's number, ends with microseconds; nobody reads it


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect under lease; `place` hints where it belongs (a channel's id)."""

    id: int
    community: str
    topic: Topic
    subject: str
    place: str | None
    attempts: int
    created_at: datetime


def add(
    tx: Connection, community_id: int, topic: Topic, subject: str, *, at: datetime, place: str | None = None
) -> None:
    """Leave an effect for delivery; the same topic and subject is left once."""
    tx.execute(
        insert_unless_there(tx.dialect.name, OutboxEntry),
        [
            {
                "community_id": community_id,
                "key": f"{topic}:{subject}",
                "topic": topic.value,
                "subject": subject,
                "place": place,
                "created_at": at,
                "due_at": at,
                "attempts": 0,
            }
        ],
    )


def unsaid(tx: Connection, community: str, number: int, place: str, now: datetime) -> None:
    """Leave it to the courier to announce transaction `number` at `place`: who asked got no answer."""
    (community_id,) = tx.execute(select(Community.id).where(Community.key == community)).one()
    add(tx, community_id, Topic.UNSAID, str(number), at=now, place=place)


def withdraw(tx: Connection, community_id: int, topic: Topic, subject: str) -> None:
    """Take an effect back as if it had never been left, although it may be delivered; it may be left anew."""
    this = (OutboxEntry.community_id == community_id, OutboxEntry.key == f"{topic}:{subject}")
    tx.execute(delete(OutboxEntry).where(*this))


def lease(
    tx: Connection, now: datetime, *, limit: int = 20, seconds: int = 60, shards: Shards | None = None
) -> list[Effect]:
    """Take up to `limit` due effects for `seconds`, oldest first; nobody else gets them meanwhile.

    With `shards` only those of the communities that are on them. What another effect tells of is not leased.
    """
    ours = shards or Shards()
    due = (
        select(OutboxEntry.id)
        .join(Community)
        .where(
            OutboxEntry.done_at.is_(None),
            come(OutboxEntry.due_at, now),
            or_(OutboxEntry.told_with.is_(None), OutboxEntry.told_with == OutboxEntry.id),
            free(OutboxEntry.leased_until, now),
            ours.those(Community.key),
        )
        .order_by(OutboxEntry.id)
        .limit(limit)
        .with_for_update(of=OutboxEntry, skip_locked=True)
    )
    ids = list(tx.execute(due).scalars())
    if not ids:
        return []
    tx.execute(
        update(OutboxEntry)
        .where(OutboxEntry.id.in_(ids))
        .values(leased_until=now + timedelta(seconds=seconds), attempts=OutboxEntry.attempts + 1)
    )
    columns = (
        OutboxEntry.id,
        Community.key,
        OutboxEntry.topic,
        OutboxEntry.subject,
        OutboxEntry.place,
        OutboxEntry.attempts,
        OutboxEntry.created_at,
    )
    rows = tx.execute(
        select(*columns).join(Community).where(OutboxEntry.id.in_(ids)).order_by(OutboxEntry.id)
    )
    return [
        Effect(id, key, Topic(topic), subject, place, attempts, created_at)
        for id, key, topic, subject, place, attempts, created_at in rows
    ]


def done(tx: Connection, effect_id: int, now: datetime, outcome: str = "delivered") -> None:
    """Record that an effect, and what it told of with it, happened or why not; it is never leased again."""
    ended = {"done_at": now, "leased_until": None, "outcome": outcome[:MAX_OUTCOME]}
    this = (OutboxEntry.id == effect_id, OutboxEntry.done_at.is_(None))
    found = tx.execute(
        update(OutboxEntry)
        .where(*this)
        .values(**ended)
        .returning(OutboxEntry.community_id, OutboxEntry.told_with)
    )
    row = found.one_or_none()
    if row is not None and row.told_with == effect_id:
        with_it = (OutboxEntry.community_id == row.community_id, OutboxEntry.told_with == effect_id)
        tx.execute(update(OutboxEntry).where(*with_it, OutboxEntry.done_at.is_(None)).values(**ended))


def later(tx: Connection, effect: Effect, until: datetime, why: str, *, failed: bool = True) -> None:
    """Give an effect back, not to be leased before `until`, a day ahead at most; `why` is kept for the operator.

    Unless it `failed` this was no attempt. One whose lease ran out, and which is under another lease now, is
    no longer this one's to give.
    """
    attempts = OutboxEntry.attempts if failed else OutboxEntry.attempts - 1
    tx.execute(
        update(OutboxEntry)
        .where(
            OutboxEntry.id == effect.id,
            OutboxEntry.done_at.is_(None),
            OutboxEntry.attempts == effect.attempts,
        )
        .values(due_at=until, leased_until=None, attempts=attempts, outcome=why[:MAX_OUTCOME])
    )


def forget(tx: Connection, now: datetime) -> int:
    """Drop what was done more than KEPT ago, and return how much that was; it only served the operator."""
    return tx.execute(delete(OutboxEntry).where(OutboxEntry.done_at < now - KEPT)).rowcount


def waiting(tx: Connection, community: str) -> int:
    """Return how many of a community's effects are not delivered yet."""
    counted = (
        select(func.count())
        .select_from(OutboxEntry)
        .join(Community)
        .where(Community.key == community, OutboxEntry.done_at.is_(None))
    )
    return int(tx.execute(counted).scalar_one())
