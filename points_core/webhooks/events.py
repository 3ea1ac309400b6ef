"""What webhooks are told: one row for each event and webhook, in the commit of what happened.

Callers look at the head's count of webhooks first: communities that never had one pay nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, select

from points_core.models import Community, Webhook, WebhookDelivery
from points_core.statements import insert_unless_there
from points_core.values import Actor, Kind, Receipt, Request, RequestState

SCHEMA: Final = 1  # of the body; a change that breaks readers raises it


class Topic(StrEnum):
    """What a webhook can be told about."""

    RECORDED = "transaction.recorded"
    REVERSED = "transaction.reversed"
    BATCH_RECORDED = "batch.recorded"
    BATCH_UNDONE = "batch.undone"
    OPENED = "request.opened"
    DECIDED = "request.decided"  # approved, rejected, expired or cancelled
    POSTED = "board.posted"


_PART_OF: Final = {Topic.BATCH_RECORDED: Topic.RECORDED, Topic.BATCH_UNDONE: Topic.REVERSED}
"""Who is told of single transactions is told of batches too, and so knows of every one."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: `subject` is its number, `data` what is told of it."""

    topic: Topic
    subject: str
    at: datetime
    data: Mapping[str, Any]


def tell_recorded(tx: Connection, community_id: int, receipts: Iterable[Receipt]) -> None:
    """Tell of transactions that are no batch's, reversals under a topic of their own."""
    _tell(
        tx,
        community_id,
        [
            Event(
                Topic.REVERSED if receipt.kind is Kind.REVERSAL else Topic.RECORDED,
                str(receipt.number),
                receipt.recorded_at,
                _transaction(receipt),
            )
            for receipt in receipts
        ],
    )


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch did: its transactions have the numbers from `first` to `last`; `points` is signed."""

    number: int
    kind: str
    transactions: int
    members: int
    points: int
    first: int
    last: int
    actor: Actor
    at: datetime
    undoes: int | None = None


def tell_batch(tx: Connection, community_id: int, batch: Batch) -> None:
    """Tell of a batch as one event: a receiver that wants its transactions asks for them by its number."""
    data = {
        "number": batch.number,
        "kind": batch.kind,
        "transactions": batch.transactions,
        "members": batch.members,
        "points": batch.points,
        "first": batch.first,
        "last": batch.last,
        "undoes": batch.undoes,
        "actor": _actor(batch.actor),
        "recorded_at": _instant(batch.at),
    }
    topic = Topic.BATCH_RECORDED if batch.undoes is None else Topic.BATCH_UNDONE
    _tell(tx, community_id, [Event(topic, str(batch.number), batch.at, data)])


def tell_opened(tx: Connection, community_id: int, requests: Iterable[Request]) -> None:
    """Tell of approval requests that were opened."""
    opened = [Event(Topic.OPENED, str(r.number), r.opened_at, _request(r)) for r in requests]
    _tell(tx, community_id, opened)


def tell_decided(tx: Connection, community_id: int, request: Request) -> None:
    """Tell how an approval request ended."""
    assert request.decided_at is not None
    _tell(
        tx,
        community_id,
        [Event(Topic.DECIDED, str(request.number), request.decided_at, _request(request))],
    )


def tell_cancelled(tx: Connection, community_id: int, number: int, at: datetime) -> None:
    """Tell that a request is cancelled because somebody is erased, and nothing else of it."""
    data = {"number": number, "state": RequestState.CANCELLED.value, "decided_at": _instant(at)}
    _tell(tx, community_id, [Event(Topic.DECIDED, str(number), at, data)])


def tell_posted(
    tx: Connection, community_id: int, schedule: int, slot: str, *, channel: str, message: str, at: datetime
) -> None:
    """Tell that a scheduled board was posted, and in which message."""
    data = {"schedule": schedule, "slot": slot, "channel": channel, "message": message}
    _tell(tx, community_id, [Event(Topic.POSTED, f"{schedule}:{slot}", at, data)])


def _tell(tx: Connection, community_id: int, events: Sequence[Event]) -> None:
    hooks = tx.execute(
        select(Webhook.number, Webhook.topics, Community.key)
        .join(Community, Community.id == Webhook.community_id)
        .where(Webhook.community_id == community_id, Webhook.removed_at.is_(None))
    ).all()
    rows = [
        {
            "community_id": community_id,
            "webhook_number": number,
            "event": f"{event.topic}:{event.subject}",
            "topic": event.topic.value,
            "body": _body(community, event),
            "created_at": event.at,
            "due_at": event.at,
            "attempts": 0,
        }
        for event in events
        for number, topics, community in hooks
        if event.topic in topics or _PART_OF.get(event.topic) in topics
    ]
    if rows:
        tx.execute(insert_unless_there(tx.dialect.name, WebhookDelivery), rows)


def _body(community: str, event: Event) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "event": f"{event.topic}:{event.subject}",
        "type": event.topic.value,
        "community": community,
        "created_at": _instant(event.at),
        "data": dict(event.data),
    }


def _transaction(receipt: Receipt) -> dict[str, Any]:
    return {
        "number": receipt.number,
        "kind": receipt.kind.value,
        "user_id": receipt.user_id,
        "name": receipt.name,
        "amount": receipt.amount,
        "before": receipt.before,
        "after": receipt.after,
        "category": receipt.category,
        "reason": receipt.reason,
        "evidence": receipt.evidence,
        "actor": _actor(receipt.actor),
        "effective_at": _instant(receipt.effective_at),
        "recorded_at": _instant(receipt.recorded_at),
        "reverses": receipt.reverses,
        "request": receipt.request,
        "batch": receipt.batch,
    }


def _request(request: Request) -> dict[str, Any]:
    return {
        "number": request.number,
        "state": request.state.value,
        "kind": request.kind.value,
        "user_id": request.user_id,
        "name": request.name,
        "amount": request.amount,
        "category": request.category,
        "reason": request.reason,
        "evidence": request.evidence,
        "requester": _actor(request.requester),
        "quorum": request.quorum,
        "approvals": request.approvals,
        "opened_at": _instant(request.opened_at),
        "expires_at": _instant(request.expires_at),
        "decided_at": _instant(request.decided_at) if request.decided_at else None,
        "transaction": request.transaction,
        "note": request.note,
    }


def _actor(actor: Actor) -> dict[str, Any]:
    return {
        "kind": actor.kind.value,
        "user_id": actor.user_id,
        "name": actor.name,
        "client": actor.client,
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
