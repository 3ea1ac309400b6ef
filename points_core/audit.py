"""The append-only record of every change that is not a movement of points: who, what, before and after."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from points_core import communities
from points_core.communities import Head
from points_core.models import ApiClient, AuditEvent, Community, Member
from points_core.values import Actor, ActorKind, Origin, bounded

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change as people read it."""

    number: int
    at: datetime
    actor: Actor
    action: str
    target: str
    before: Document | None
    after: Document | None


def record(
    tx: Connection,
    head: Head,
    origin: Origin,
    *,
    action: str,
    target: str,
    before: Document | None,
    after: Document | None,
) -> int:
    """Write one change under the community's lock and return its number. Save the head afterwards."""
    actor_id = communities.actor_number(tx, head, origin.actor, origin.at)
    head.audit_events += 1
    tx.execute(
        insert(AuditEvent).values(
            community_id=head.community_id,
            number=head.audit_events,
            recorded_at=origin.at,
            actor_kind=origin.actor.kind.value,
            actor_id=actor_id,
            action=action,
            target=target,
            before=before,
            after=after,
            key=origin.key,
        )
    )
    return head.audit_events


def was_done(tx: Connection, head: Head, origin: Origin, action: str, target: str) -> bool:
    """Return whether this very change was recorded before under the same key (a repeated delivery)."""
    found = select(AuditEvent.number).where(
        AuditEvent.community_id == head.community_id,
        AuditEvent.key == origin.key,
        AuditEvent.action == action,
        AuditEvent.target == target,
    )
    return tx.execute(found).first() is not None


def under_key(tx: Connection, community_id: int, key: str) -> tuple[tuple[str, str, Document | None], ...]:
    """Return the (action, target, after) of what was recorded under an idempotency key."""
    found = select(AuditEvent.action, AuditEvent.target, AuditEvent.after).where(
        AuditEvent.community_id == community_id, AuditEvent.key == key
    )
    return tuple(
        (action, target, after) for action, target, after in tx.execute(found.order_by(AuditEvent.number))
    )


def values_before(
    tx: Connection, community_id: int, action: str, field: str, since: datetime | None = None
) -> Iterator[tuple[datetime, object]]:
    """Yield each time after `since` at which an `action` changed `field`, and what it was before; oldest first."""
    changes = (
        select(AuditEvent.recorded_at, AuditEvent.before)
        .where(
            AuditEvent.community_id == community_id,
            AuditEvent.action == action,
            AuditEvent.target.contains(field),
            *(() if since is None else (AuditEvent.recorded_at > since,)),
        )
        .order_by(AuditEvent.number)
    )
    for recorded_at, before in tx.execute(changes):
        if before is not None and field in before:
            yield recorded_at, before[field]


def recent(
    tx: Connection, community: str, *, limit: int = 20, before: int | None = None
) -> tuple[AuditEntry, ...]:
    """Return the community's latest changes, newest first, older than number `before` if given."""
    entries = _ENTRIES.where(Community.key == community).order_by(AuditEvent.number.desc()).limit(limit)
    if before is not None:
        entries = entries.where(AuditEvent.number < bounded(before))
    return tuple(_entry(row) for row in tx.execute(entries))


def find(tx: Connection, community: str, number: int) -> AuditEntry | None:
    """Return the community's change `number`, None if there is none."""
    row = tx.execute(
        _ENTRIES.where(Community.key == community, AuditEvent.number == bounded(number))
    ).one_or_none()
    return _entry(row) if row else None


_ENTRIES = (
    select(
        AuditEvent.number,
        AuditEvent.recorded_at,
        AuditEvent.actor_kind,
        Member.user_id,
        Member.name,
        AuditEvent.action,
        AuditEvent.target,
        AuditEvent.before,
        AuditEvent.after,
        AuditEvent.actor_id,
        ApiClient.name.label("client_name"),
    )
    .join(Community, Community.id == AuditEvent.community_id)
    .outerjoin(
        ApiClient,
        (AuditEvent.actor_kind == ActorKind.CLIENT.value)
        & (ApiClient.community_id == AuditEvent.community_id)
        & (ApiClient.id == AuditEvent.actor_id),
    )
    .outerjoin(
        Member,
        (AuditEvent.actor_kind == ActorKind.MEMBER.value)
        & (Member.community_id == AuditEvent.community_id)
        & (Member.id == AuditEvent.actor_id),
    )
)


def _entry(row: Any) -> AuditEntry:  # noqa: ANN401 - a row of _ENTRIES
    number, at, kind, user_id, name, action, target, before, after, actor_id, client_name = row
    client = actor_id if kind == ActorKind.CLIENT else None
    actor = Actor(ActorKind(kind), user_id, name or client_name, client)
    return AuditEntry(number, at, actor, action, target, before, after)
