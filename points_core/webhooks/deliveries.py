"""The delivery log: what is on its way to which webhook, what arrived, what was given up and why.

A worker leases deliveries for a while, as with the outbox: one that dies lets its leases run out and another
takes over. A delivery may arrive twice, never not at all without a word about it here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, and_, case, delete, func, select, update

from points_core import communities, policy
from points_core.errors import UnknownDelivery, UnknownWebhook
from points_core.models import Webhook, WebhookDelivery
from points_core.moments import come, free
from points_core.values import MAX_NUMBER, Origin, bounded
from points_core.webhooks import hooks
from points_core.webhooks.events import Topic

MAX_ATTEMPTS: Final = 12  # with the postman's doubling pauses about a day
PER_HOOK: Final = 4  # under way to one webhook at once: a slow one leaves room for the others
KEPT: Final = timedelta(days=30)  # how long a delivery can be looked at and sent anew
MAX_OUTCOME: Final = 300  # characters kept of how a delivery ended
GIVEN_UP: Final = "given up"

ERASED: Final = {"erased": True}
"""What is left of a body that named somebody who is erased."""


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class Letter:
    """One delivery under lease, with what it takes to send it."""

    id: int
    url: str
    secret: str
    topic: Topic
    body: dict[str, Any]
    attempts: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """One line of the delivery log; `outcome` is how it ended, or why the last attempt failed."""

    id: int
    webhook: int
    event: str
    topic: Topic
    state: DeliveryState
    attempts: int
    created_at: datetime
    due_at: datetime
    done_at: datetime | None
    outcome: str | None


def waits(tx: Connection, now: datetime) -> bool:
    """Return whether anything is due; cheaper than a lease where nothing is."""
    return tx.execute(select(WebhookDelivery.id).where(_due(now)).limit(1)).first() is not None


def lease(tx: Connection, now: datetime, *, limit: int = 20, seconds: int = 60) -> list[Letter]:
    """Take up to `limit` due deliveries for `seconds`, oldest first, few for each webhook.

    Nobody else gets them meanwhile; each lease counts as an attempt.
    """
    under_way = ~free(WebhookDelivery.leased_until, now)
    turns = (
        select(
            WebhookDelivery.id,
            func.row_number()
            .over(
                partition_by=(WebhookDelivery.community_id, WebhookDelivery.webhook_number),
                order_by=(case((under_way, 0), else_=1), WebhookDelivery.id),
            )
            .label("turn"),
        )
        .where(WebhookDelivery.done_at.is_(None), come(WebhookDelivery.due_at, now))
        .subquery()
    )
    taken = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.id.in_(select(turns.c.id).where(turns.c.turn <= PER_HOOK)), _due(now))
        .order_by(WebhookDelivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(tx.execute(taken).scalars())
    if not ids:
        return []
    tx.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id.in_(ids))
        .values(leased_until=now + timedelta(seconds=seconds), attempts=WebhookDelivery.attempts + 1)
    )
    columns = (
        WebhookDelivery.id,
        Webhook.url,
        Webhook.secret,
        WebhookDelivery.topic,
        WebhookDelivery.body,
        WebhookDelivery.attempts,
    )
    rows = tx.execute(
        select(*columns).join(Webhook, _HOOK).where(WebhookDelivery.id.in_(ids)).order_by(WebhookDelivery.id)
    )
    return [
        Letter(id, url, secret, Topic(topic), body, attempts)
        for id, url, secret, topic, body, attempts in rows
    ]


def done(tx: Connection, delivery_id: int, now: datetime, outcome: str) -> None:
    """Record that a delivery arrived, or why it was given up; it is not leased again."""
    tx.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.done_at.is_(None))
        .values(done_at=now, leased_until=None, outcome=outcome[:MAX_OUTCOME])
    )


def later(tx: Connection, delivery_id: int, until: datetime, why: str) -> None:
    """Give a delivery back, not to be leased before `until`, a day ahead at most; `why` is kept for the operator."""
    tx.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id, WebhookDelivery.done_at.is_(None))
        .values(due_at=until, leased_until=None, outcome=why[:MAX_OUTCOME])
    )


def replay(tx: Connection, origin: Origin, delivery_id: int) -> Delivery:
    """Have a delivery sent anew, with the same event: one that arrived, was given up or waits for its turn.

    Raises UnknownDelivery, also for one whose text is erased; UnknownWebhook if its webhook is removed.
    """
    head, rules = policy.locked(tx, origin)
    found = _one(tx, head.community_id, delivery_id)
    hook = hooks.get(tx, origin.community, found.webhook_number)
    if hook.removed_at is not None:
        raise UnknownWebhook(hook.number)
    if found.body == ERASED:
        raise UnknownDelivery(delivery_id)
    tx.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id)
        .values(done_at=None, due_at=origin.at, leased_until=None, attempts=0, outcome=None)
    )
    hooks.log(tx, head, origin, rules, "webhook.replay", f"delivery:{delivery_id}", None, None)
    return _delivery(_one(tx, head.community_id, delivery_id))


def delivery(tx: Connection, community: str, delivery_id: int) -> Delivery:
    """Return one of the community's deliveries. Raises UnknownDelivery."""
    community_id = communities.find(tx, community)
    if community_id is None:
        raise UnknownDelivery(delivery_id)
    return _delivery(_one(tx, community_id, delivery_id))


def deliveries(
    tx: Connection, community: str, *, webhook: int | None = None, before: int | None = None, limit: int = 20
) -> tuple[Delivery, ...]:
    """Return the community's latest deliveries, newest first: of one webhook, before an id, if given.

    Raises UnknownWebhook.
    """
    wanted = _LOG.where(WebhookDelivery.community_id == communities.find(tx, community))
    if webhook is not None:
        hooks.get(tx, community, webhook)
        wanted = wanted.where(WebhookDelivery.webhook_number == webhook)
    if before is not None:
        wanted = wanted.where(WebhookDelivery.id < bounded(before))
    rows = tx.execute(wanted.order_by(WebhookDelivery.id.desc()).limit(limit))
    return tuple(_delivery(row) for row in rows)


def forget(tx: Connection, now: datetime) -> int:
    """Drop what was done more than KEPT ago, and return how much that was; it only served the log."""
    return tx.execute(delete(WebhookDelivery).where(WebhookDelivery.done_at < now - KEPT)).rowcount


_HOOK = and_(
    Webhook.community_id == WebhookDelivery.community_id, Webhook.number == WebhookDelivery.webhook_number
)
_LOG = select(WebhookDelivery.__table__)


def _due(now: datetime) -> Any:  # noqa: ANN401 - a condition
    return and_(
        WebhookDelivery.done_at.is_(None),
        come(WebhookDelivery.due_at, now),
        free(WebhookDelivery.leased_until, now),
    )


def _one(tx: Connection, community_id: int, delivery_id: int) -> Any:  # noqa: ANN401 - a row of _LOG
    found = _LOG.where(WebhookDelivery.community_id == community_id, WebhookDelivery.id == delivery_id)
    row = tx.execute(found).one_or_none() if 1 <= delivery_id <= MAX_NUMBER else None
    if row is None:
        raise UnknownDelivery(delivery_id)
    return row


def _delivery(row: Any) -> Delivery:  # noqa: ANN401 - a row of _LOG
    if row.done_at is None:
        state = DeliveryState.WAITING
    else:
        failed = (row.outcome or "").startswith(GIVEN_UP)
        state = DeliveryState.GIVEN_UP if failed else DeliveryState.DELIVERED
    return Delivery(
        id=row.id,
        webhook=row.webhook_number,
        event=row.event,
        topic=Topic(row.topic),
        state=state,
        attempts=row.attempts,
        created_at=row.created_at,
        due_at=row.due_at,
        done_at=row.done_at,
        outcome=row.outcome,
    )
