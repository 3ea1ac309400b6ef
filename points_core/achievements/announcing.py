"""How often levels and badges are announced: up to the hour's measure, and what waits meanwhile in one message.

The measure is counted in the outbox itself: an announcement is an entry that is told with itself. So a restart
forgets nothing, and several processes count together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, or_, select, update

from points_core import communities, policy
from points_core.models import OutboxEntry
from points_core.moments import SKEW
from points_core.outbox import Effect, Topic

TOPICS: Final = (Topic.LEVEL, Topic.BADGE, Topic.BADGE_REVOKED)
ANNOUNCED: Final = "announced"
"""The outcome that counts; what came to nothing leaves its place in the hour to others."""

HOUR: Final = timedelta(hours=1)
UNDER_WAY: Final = timedelta(minutes=1)
"""How long to wait for an announcement that is being made."""
MAX_TOGETHER: Final = 500
"""Entries that one announcement tells of: more than any message can name."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be told at once, in `channel`; `effects` are in the order in which they came about."""

    channel: str
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is to be told before `until`."""

    until: datetime


def claim(tx: Connection, effect: Effect, now: datetime) -> Claim | Wait | None:
    """Take one of the hour's announcements for `effect` and all that waits with it.

    Returns Wait while the hour is full, or while another announcement is telling of it; None where nothing is
    announced, or it was told. What was claimed before is claimed with the same effects again.
    """
    head = communities.lock(tx, effect.community)
    assert head is not None  # the effect is one of its own
    rules = policy.by_number(tx, head.community_id)
    channel, most = rules.announcements_channel, rules.programme.announcements_per_hour
    mine = tx.execute(
        select(OutboxEntry.told_with, OutboxEntry.done_at).where(OutboxEntry.id == effect.id)
    ).one_or_none()
    if mine is None or mine.done_at is not None or channel is None or not most:
        return None
    if mine.told_with is None:
        if (until := _full(tx, head.community_id, most, now)) is not None:
            return Wait(until)
        _gather(tx, head.community_id, effect.id)
    elif mine.told_with != effect.id:
        return Wait(now + UNDER_WAY)
    return Claim(channel, _told_with(tx, effect))


def _full(tx: Connection, community_id: int, most: int, now: datetime) -> datetime | None:
    """Return from when on there is room for an announcement, None if there is now."""
    told = (OutboxEntry.done_at > now - HOUR) & (OutboxEntry.done_at <= now + SKEW)
    lately = told & (OutboxEntry.outcome == ANNOUNCED)
    announcements = select(OutboxEntry.done_at).where(
        OutboxEntry.community_id == community_id,
        OutboxEntry.told_with == OutboxEntry.id,
        or_(OutboxEntry.done_at.is_(None), lately),
    )
    made = sorted((done_at or now for done_at in tx.execute(announcements).scalars()), reverse=True)
    return made[most - 1] + HOUR if len(made) >= most else None


def _gather(tx: Connection, community_id: int, lead: int) -> None:
    """Have the entry `lead` tell of itself, and of others that wait."""
    waiting = (
        select(OutboxEntry.id)
        .where(
            OutboxEntry.community_id == community_id,
            OutboxEntry.done_at.is_(None),
            OutboxEntry.told_with.is_(None),
            OutboxEntry.topic.in_([topic.value for topic in TOPICS]),
        )
        .order_by(OutboxEntry.id)
        .limit(MAX_TOGETHER)
    )
    ids = {lead, *tx.execute(waiting).scalars()}
    tx.execute(update(OutboxEntry).where(OutboxEntry.id.in_(ids)).values(told_with=lead))


def _told_with(tx: Connection, lead: Effect) -> tuple[Effect, ...]:
    entries: Sequence[Any] = tx.execute(
        select(OutboxEntry.__table__)
        .where(
            OutboxEntry.community_id == communities.find(tx, lead.community),
            OutboxEntry.told_with == lead.id,
            OutboxEntry.done_at.is_(None),
        )
        .order_by(OutboxEntry.id)
    ).all()
    return tuple(
        Effect(
            id=row.id,
            community=lead.community,
            topic=Topic(row.topic),
            subject=row.subject,
            place=row.place,
            attempts=row.attempts,
            created_at=row.created_at,
        )
        for row in entries
    )
