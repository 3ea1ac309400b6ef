"""Asking for points: they move, or a request opens that waits for other moderators."""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert

from points_core import awards, outbox, webhooks
from points_core.approvals import stored
from points_core.awards import Ask, Desk, Recent
from points_core.errors import (
    DuplicateTransaction,
)
from points_core.ledger import Movement, chain
from points_core.models import ApprovalRequest
from points_core.outbox import Topic
from points_core.values import (
    Kind,
    Origin,
    Receipt,
    Request,
    RequestState,
)
from points_core.writer import Call, planned_together


def _request_many(tx: Connection, calls: Sequence[Call]) -> list[Any]:
    """Decide several waiting asks together, community by community, each with its own outcome."""
    outcomes: list[Any] = [None] * len(calls)
    by_community: dict[str, list[tuple[int, Ask]]] = {}
    for index, call in enumerate(calls):
        try:
            asked = awards.ask(*call.args, **call.kwargs)
        except Exception as error:
            outcomes[index] = error
        else:
            by_community.setdefault(asked.origin.community, []).append((index, asked))
    for together in by_community.values():
        decided = _decide_or_leave(tx, [a for _, a in together])
        for (index, _), outcome in zip(together, decided, strict=True):
            outcomes[index] = outcome
    return outcomes


def _decide_or_leave(tx: Connection, asks: Sequence[Ask]) -> list[Receipt | Request | Exception]:
    """Decide the asks of one community; if all are refused not even a new community stays behind."""
    with tx.begin_nested() as savepoint:
        outcomes = _decide(tx, asks)
        if all(isinstance(outcome, Exception) for outcome in outcomes):
            savepoint.rollback()
    return outcomes


@planned_together(_request_many)
def request(
    tx: Connection,
    origin: Origin,
    *,
    kind: Kind,
    user_id: str,
    amount: int,
    reason: str,
    name: str | None = None,
    category: str | None = None,
    evidence: str | None = None,
    effective_at: datetime | None = None,
    again: bool = False,
) -> Receipt | Request:
    """Award or deduct points, or open a request for approval where policy wants other moderators to agree.

    kind: AWARD or DEDUCTION. user_id: whose points; name: how the person is called now. amount: points, a
    positive whole number. effective_at: when it counts, if not now. again: do it although the same was asked
    for a moment ago.
    Returns the receipt of the movement, or the request it waits in; for a key used before the first one's
    answer, with `replayed` set.
    Raises InvalidAmount, InvalidText, UnknownCategory, SelfAward, LooksRepeated, LimitExceeded,
    InsufficientBalance, BalanceOutOfRange, DuplicateTransaction.
    """
    asked = awards.ask(
        origin,
        kind=kind,
        user_id=user_id,
        amount=amount,
        reason=reason,
        name=name,
        category=category,
        evidence=evidence,
        effective_at=effective_at,
        again=again,
    )
    outcome = _decide(tx, [asked])[0]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _decide(tx: Connection, asks: Sequence[Ask]) -> list[Receipt | Request | Exception]:
    """Decide the asks of one community in order; what is refused leaves nothing behind."""
    desk = Desk.open(tx, asks)
    community_id = desk.books.head.community_id
    earlier = stored.by_keys(tx, community_id, [a.origin.key for a in asks])
    opened: list[dict[str, Any]] = []
    outcomes: list[Receipt | Request | Exception] = []
    for asked in asks:
        try:
            outcomes.append(_decide_one(desk, asked, earlier, opened))
        except Exception as error:
            outcomes.append(error)
    desk.books.save(tx)
    if opened:
        tx.execute(insert(ApprovalRequest), opened)
        for row in opened:
            place = desk.policy.approvals_channel or row["place"]
            outbox.add(tx, community_id, Topic.OPENED, str(row["number"]), at=row["opened_at"], place=place)
        if desk.books.head.webhooks:
            new = [o for o in outcomes if isinstance(o, Request) and not o.replayed]
            webhooks.tell_opened(tx, community_id, new)
    return outcomes


def _decide_one(
    desk: Desk, asked: Ask, earlier: dict[str, tuple[Any, Request]], opened: list[dict[str, Any]]
) -> Receipt | Request:
    movement = desk.movement(asked)
    if (receipt := desk.books.seen(movement)) and receipt.request is None:
        return receipt
    if asked.origin.key in earlier:
        return _replayed(desk, movement, *earlier[asked.origin.key])
    desk.check(asked, movement)
    if not desk.needs_approval(asked):
        return desk.post(asked, movement)
    desk.books.check_balance(movement)
    row, waiting = _open(desk, asked, movement)
    opened.append(row)
    earlier[asked.origin.key] = (row["salt"], row["request_hash"], row["member_id"]), waiting
    desk.remember(movement, Recent(waiting.number, waiting.opened_at, pending=True))
    return waiting


def _replayed(desk: Desk, movement: Movement, commitment: Any, waiting: Request) -> Request:  # noqa: ANN401
    salt, request_hash, member_id = commitment
    person = desk.books.people.get(movement.user_id)
    if person is None or person.id != member_id:
        raise DuplicateTransaction(movement.key)
    if salt is not None and movement.commitment(member_id, salt) != request_hash:
        raise DuplicateTransaction(movement.key)
    return replace(waiting, replayed=True)


def _open(desk: Desk, asked: Ask, movement: Movement) -> tuple[dict[str, Any], Request]:
    """Take the next request number and return the row to write, and the request as its asker sees it."""
    books = desk.books
    member_id = books.enrol(movement.user_id, movement.name, movement.at)
    actor_id = books.actor_id(movement.actor, movement.at)
    books.head.requests += 1
    salt = os.urandom(chain.SALT_BYTES)
    expires_at = movement.at + timedelta(hours=desk.policy.request_hours)
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
        "quorum": desk.policy.quorum,
        "place": asked.origin.place,
        "effective_at": movement.effective_at,
        "opened_at": movement.at,
        "expires_at": expires_at,
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
        quorum=desk.policy.quorum,
        opened_at=movement.at,
        expires_at=expires_at,
        decided_at=None,
        transaction=None,
        place=asked.origin.place,
        card=None,
    )
    return row, waiting
