"""Asking for points: they move, or a request opens that waits for other moderators."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from points_core import awards, communities
from points_core.approvals import opening, stored
from points_core.approvals.opening import Opened
from points_core.awards import Ask, Desk, Recent, Right
from points_core.errors import (
    DuplicateTransaction,
)
from points_core.ledger import Movement
from points_core.values import (
    Kind,
    Origin,
    Receipt,
    Request,
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
    if communities.find(tx, asks[0].origin.community) is not None:
        return _decide(tx, asks)
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
    right: Right | None = None,
) -> Receipt | Request:
    """Award or deduct points, or open a request for approval where policy wants other moderators to agree.

    kind: AWARD or DEDUCTION. user_id: whose points; name: how the person is called now. amount: points, a
    positive whole number. effective_at: when it counts, if not now. again: do it although the same was asked
    for a moment ago. right: asked with the policy that is in force, in the commit that moves the points.
    Returns the receipt of the movement, or the request it waits in; for a key used before the first one's
    answer, with `replayed` set.
    Raises InvalidAmount, InvalidText, NotAllowed, UnknownCategory, SelfAward, LooksRepeated, LimitExceeded,
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
        right=right,
    )
    outcome = _decide(tx, [asked])[0]
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _decide(tx: Connection, asks: Sequence[Ask]) -> list[Receipt | Request | Exception]:
    """Decide the asks of one community in order; what is refused leaves nothing behind."""
    desk = Desk.open(tx, asks)
    community_id = desk.books.head.community_id
    asked_before = desk.books.head.requests > 0
    earlier = stored.by_keys(tx, community_id, [a.origin.key for a in asks]) if asked_before else {}
    opened: list[Opened] = []
    outcomes: list[Receipt | Request | Exception] = []
    for asked in asks:
        try:
            outcomes.append(_decide_one(desk, asked, earlier, opened))
        except Exception as error:
            outcomes.append(error)
    desk.books.save(tx)
    opening.write(tx, desk.books, opened)
    return outcomes


def _decide_one(
    desk: Desk, asked: Ask, earlier: dict[str, tuple[Any, Request]], opened: list[Opened]
) -> Receipt | Request:
    if asked.right is not None:
        asked.right(desk.policy)
    movement = desk.movement(asked)
    if asked.origin.key in earlier:  # before its movement, of which erasure may have left less
        return _replayed(desk, movement, *earlier[asked.origin.key])
    if receipt := desk.books.seen(movement):
        return receipt
    desk.check(asked, movement)
    if not desk.needs_approval(asked):
        return desk.post(asked, movement)
    desk.books.check_balance(movement)
    row, waiting = opening.open_request(desk.books, movement, asked.origin.place)
    opened.append((row, waiting))
    earlier[asked.origin.key] = (row["salt"], row["request_hash"], row["member_id"]), waiting
    desk.remember(movement, Recent(waiting.number, waiting.opened_at, pending=True))
    return waiting


def _replayed(desk: Desk, movement: Movement, commitment: Any, waiting: Request) -> Request:  # noqa: ANN401
    salt, request_hash, member_id = commitment
    person = desk.books.people.get(movement.user_id)
    if person is None:
        raise DuplicateTransaction(movement.key)
    if salt is None:  # its texts were erased: what is left must agree
        asked = (person.id, movement.kind, movement.amount)
        same = asked == (member_id, waiting.kind, waiting.amount)
    else:
        same = movement.commitment(person.id, salt) == request_hash
    if not same:
        raise DuplicateTransaction(movement.key)
    return replace(waiting, replayed=True)
