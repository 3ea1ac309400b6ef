"""A request is opened: what is asked for waits, and those who decide are told."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, insert

from points_core import outbox, webhooks
from points_core.ledger import Books, Movement, chain
from points_core.models import ApprovalRequest
from points_core.outbox import Topic
from points_core.values import Request, RequestState

Opened = tuple[dict[str, Any], Request]
"""The row to write, and the request as who asks for it sees it."""


def open_request(books: Books, movement: Movement, place: str | None) -> Opened:
    """Take the next request number for a movement that is to wait; `place` is where it was asked.

    Hand what is opened to `write`, after the books are saved.
    """
    current = books.policy
    member_id = books.enrol(movement.user_id, movement.name, movement.at)
    actor_id = books.actor_id(movement.actor, movement.at)
    books.head.requests += 1
    salt = chain.new_salt()
    expires_at = movement.at + timedelta(hours=current.request_hours)
    row = {
        "community_id": books.head.community_id,
        "number": books.head.requests,
        "state": RequestState.PENDING.value,
        "kind": movement.kind.value,
        "member_id": member_id,
        "amount": movement.amount,
        "category_id": movement.category.id if movement.category else None,
        "reason": movement.reason,
        "evidence": movement.evidence,
        "salt": salt,
        "actor_kind": movement.actor.kind.value,
        "actor_id": actor_id,
        "key": movement.key,
        "request_hash": movement.commitment(member_id, salt),
        "quorum": current.quorum,
        "place": place,
        "effective_at": movement.effective_at,
        "opened_at": movement.at,
        "expires_at": expires_at,
        "rule_number": movement.rule[0] if movement.rule else None,
        "rule_version": movement.rule[1] if movement.rule else None,
    }
    waiting = Request(
        number=books.head.requests,
        state=RequestState.PENDING,
        kind=movement.kind,
        user_id=movement.user_id,
        name=books.people[movement.user_id].name,
        amount=movement.amount,
        category=movement.category.name if movement.category else None,
        reason=movement.reason,
        evidence=movement.evidence,
        requester=movement.actor,
        quorum=current.quorum,
        opened_at=movement.at,
        expires_at=expires_at,
        decided_at=None,
        transaction=None,
        place=place,
        card=None,
        rule=movement.rule,
    )
    return row, waiting


def write(tx: Connection, books: Books, opened: Sequence[Opened]) -> None:
    """Write what was opened, and have those told who decide."""
    if not opened:
        return
    community_id = books.head.community_id
    tx.execute(insert(ApprovalRequest), [row for row, _ in opened])
    for row, _ in opened:
        place = books.policy.approvals_channel or row["place"]
        outbox.add(tx, community_id, Topic.OPENED, str(row["number"]), at=row["opened_at"], place=place)
    if books.head.webhooks:
        webhooks.tell_opened(tx, community_id, [request for _, request in opened])
