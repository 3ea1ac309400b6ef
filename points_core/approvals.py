"""Who must agree before points move: requests, votes, quorum, expiry.

A request is pending, then approved, rejected, expired or cancelled: once. The vote that reaches the quorum
moves the points in its own commit; one no rejects.
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update
from sqlalchemy.orm import aliased

from points_core import awards, communities, ledger, outbox, policy
from points_core.awards import Ask, Desk, Recent
from points_core.errors import (
    AlreadyVoted,
    DuplicateTransaction,
    NotAllowed,
    OwnRequest,
    RequestClosed,
    UnknownRequest,
)
from points_core.ledger import Movement, chain
from points_core.models import ApprovalRequest, ApprovalVote, Category, Community, Member
from points_core.outbox import Topic
from points_core.policy import Capability
from points_core.values import (
    Actor,
    ActorKind,
    Kind,
    Origin,
    Receipt,
    Request,
    RequestState,
    Vote,
    clean_text,
)
from points_core.writer import Call, planned_together

MAX_NOTE = 300  # characters of why a request was rejected


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
        for (index, _), outcome in zip(together, _decide(tx, [a for _, a in together]), strict=True):
            outcomes[index] = outcome
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
    earlier = _by_keys(tx, community_id, [a.origin.key for a in asks])
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
    if salt is not None and _commit(movement, member_id, salt) != request_hash:
        raise DuplicateTransaction(movement.key)
    return replace(waiting, replayed=True)


def _commit(movement: Movement, member_id: int, salt: bytes) -> bytes:
    return chain.commitment(
        salt,
        key=movement.key,
        kind=movement.kind,
        member_id=member_id,
        amount=movement.amount,
        category_id=movement.category.id if movement.category else None,
        reason=movement.reason,
        evidence=movement.evidence,
        effective_at=movement.effective_at,
    )


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
        "request_hash": _commit(movement, member_id, salt),
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


def vote(tx: Connection, origin: Origin, number: int, *, approve: bool, note: str | None = None) -> Request:
    """Record one moderator's yes or no; the yes that reaches the quorum moves the points, one no rejects.

    origin.actor: the voter. note: why not, shown with a rejection.
    Returns the request as it stands now; for a vote delivered again the same, with `replayed` set.
    Raises UnknownRequest, OwnRequest, AlreadyVoted, RequestClosed, and what the movement itself may raise
    (InsufficientBalance, …), in which case the vote is not kept.
    """
    note = clean_text("note", note, MAX_NOTE) if note else None
    head, _current = policy.locked(tx, origin)
    waiting = _get(tx, head.community_id, number)
    mine = next((v for v in waiting.votes if v.user_id == origin.actor.user_id), None)
    if mine is not None:
        if mine.approve is approve and _vote_key(tx, head.community_id, number, origin) == origin.key:
            return replace(waiting, replayed=True)
        if waiting.state is RequestState.PENDING:
            raise AlreadyVoted(number, mine.approve)
    if waiting.state is not RequestState.PENDING:
        raise RequestClosed(number, waiting.state.value)
    if waiting.expires_at <= origin.at:
        raise RequestClosed(number, RequestState.EXPIRED.value)
    if origin.actor.user_id in (waiting.user_id, waiting.requester.user_id):
        raise OwnRequest(number)
    voter_id = communities.actor_number(tx, head, origin.actor, origin.at)
    if voter_id is None:
        raise NotAllowed(Capability.APPROVE.value)
    tx.execute(
        insert(ApprovalVote).values(
            community_id=head.community_id,
            request_number=number,
            voter_id=voter_id,
            approve=approve,
            key=origin.key,
            voted_at=origin.at,
        )
    )
    communities.save(tx, head)
    return _count(tx, origin, head.community_id, number, voter_id, note)


def _count(
    tx: Connection, origin: Origin, community_id: int, number: int, voter_id: int, note: str | None
) -> Request:
    waiting = _get(tx, community_id, number)
    if any(not v.approve for v in waiting.votes):
        return _close(tx, community_id, waiting, RequestState.REJECTED, origin.at, note=note)
    if waiting.approvals < waiting.quorum:
        return waiting
    receipt = _move(tx, origin, community_id, waiting, voter_id)
    return _close(tx, community_id, waiting, RequestState.APPROVED, origin.at, transaction=receipt.number)


def _move(tx: Connection, origin: Origin, community_id: int, waiting: Request, voter_id: int) -> Receipt:
    """Move the points of an approved request, as its requester's, under its own key."""
    if waiting.user_id is None:
        raise UnknownRequest(waiting.number)
    key, category_id, effective_at = tx.execute(
        select(ApprovalRequest.key, ApprovalRequest.category_id, ApprovalRequest.effective_at).where(
            ApprovalRequest.community_id == community_id, ApprovalRequest.number == waiting.number
        )
    ).one()
    categories = policy.by_number(tx, community_id).categories
    movement = Movement(
        kind=waiting.kind,
        user_id=waiting.user_id,
        amount=waiting.amount,
        reason=waiting.reason or "",
        actor=waiting.requester,
        key=key,
        at=origin.at,
        category=next((c for c in categories if c.id == category_id), None),
        evidence=waiting.evidence,
        effective_at=effective_at,
        request=waiting.number,
        validator_id=voter_id,
    )
    return ledger.post(tx, origin, movement)


def cancel(tx: Connection, origin: Origin, number: int, *, any_request: bool = False) -> Request:
    """Take a pending request back; only one's own, unless `any_request`.

    Raises UnknownRequest, NotAllowed, RequestClosed.
    """
    head, _ = policy.locked(tx, origin)
    waiting = _get(tx, head.community_id, number)
    if not any_request and waiting.requester.user_id != origin.actor.user_id:
        raise NotAllowed(Capability.UNDO.value)
    if waiting.state is RequestState.CANCELLED:
        return replace(waiting, replayed=True)
    if waiting.state is not RequestState.PENDING:
        raise RequestClosed(number, waiting.state.value)
    return _close(tx, head.community_id, waiting, RequestState.CANCELLED, origin.at)


def expire_due(tx: Connection, now: datetime, limit: int = 100) -> list[tuple[str, int]]:
    """Close up to `limit` requests whose time is over; return them as (community's outside id, number)."""
    due = (
        select(Community.key, ApprovalRequest.community_id, ApprovalRequest.number)
        .join(Community, Community.id == ApprovalRequest.community_id)
        .where(ApprovalRequest.state == RequestState.PENDING.value, ApprovalRequest.expires_at <= now)
        .order_by(ApprovalRequest.community_id, ApprovalRequest.number)
        .limit(limit)
    )
    expired: list[tuple[str, int]] = []
    for key, community_id, number in tx.execute(due).all():
        communities.lock(tx, key)
        waiting = _get(tx, community_id, number)
        if waiting.state is RequestState.PENDING:
            _close(tx, community_id, waiting, RequestState.EXPIRED, now)
            expired.append((key, number))
    return expired


def _close(
    tx: Connection,
    community_id: int,
    waiting: Request,
    state: RequestState,
    at: datetime,
    *,
    transaction: int | None = None,
    note: str | None = None,
) -> Request:
    tx.execute(
        update(ApprovalRequest)
        .where(ApprovalRequest.community_id == community_id, ApprovalRequest.number == waiting.number)
        .values(state=state.value, decided_at=at, transaction_seq=transaction, note=note)
    )
    outbox.add(tx, community_id, Topic.DECIDED, str(waiting.number), at=at, place=waiting.place)
    return replace(waiting, state=state, decided_at=at, transaction=transaction, note=note)


def set_card(tx: Connection, origin: Origin, number: int, *, channel: str, message: str) -> None:
    """Remember where the outside shows a request. Raises UnknownRequest."""
    head, _ = policy.locked(tx, origin)
    _get(tx, head.community_id, number)
    tx.execute(
        update(ApprovalRequest)
        .where(ApprovalRequest.community_id == head.community_id, ApprovalRequest.number == number)
        .values(card_channel=channel, card_message=message)
    )


def get(tx: Connection, community: str, number: int) -> Request:
    """Return the community's request `number` with its votes. Raises UnknownRequest."""
    found = communities.find(tx, community)
    if found is None:
        raise UnknownRequest(number)
    return _get(tx, found, number)


def by_card(tx: Connection, community: str, message: str) -> Request | None:
    """Return the request that the outside shows in `message`, None if it is no card of the community's."""
    number = tx.execute(
        select(ApprovalRequest.number)
        .join(Community, Community.id == ApprovalRequest.community_id)
        .where(Community.key == community, ApprovalRequest.card_message == message)
    ).scalar()
    return None if number is None else get(tx, community, number)


def pending(
    tx: Connection, community: str, *, limit: int = 10, after: int | None = None
) -> tuple[Request, ...]:
    """Return the community's pending requests, oldest first, past number `after` if given."""
    found = communities.find(tx, community)
    if found is None:
        return ()
    condition = and_(
        ApprovalRequest.community_id == found,
        ApprovalRequest.state == RequestState.PENDING.value,
        ApprovalRequest.number > (after or 0),
    )
    return _load(tx, _REQUESTS.where(condition).order_by(ApprovalRequest.number).limit(limit))


_Asking = aliased(Member, name="asking")

_REQUESTS = (
    select(
        ApprovalRequest,
        Member.user_id,
        Category.name.label("category"),
        _Asking.user_id.label("asking_user_id"),
        _Asking.name.label("asking_name"),
    )
    .join(
        Member,
        and_(Member.community_id == ApprovalRequest.community_id, Member.id == ApprovalRequest.member_id),
    )
    .outerjoin(
        _Asking,
        and_(_Asking.community_id == ApprovalRequest.community_id, _Asking.id == ApprovalRequest.actor_id),
    )
    .outerjoin(
        Category,
        and_(
            Category.community_id == ApprovalRequest.community_id, Category.id == ApprovalRequest.category_id
        ),
    )
)


def _get(tx: Connection, community_id: int, number: int) -> Request:
    condition = and_(ApprovalRequest.community_id == community_id, ApprovalRequest.number == number)
    found = _load(tx, _REQUESTS.where(condition))
    if not found:
        raise UnknownRequest(number)
    return found[0]


def _by_keys(tx: Connection, community_id: int, keys: Sequence[str]) -> dict[str, tuple[Any, Request]]:
    """Return the requests already opened with `keys`, each with what it committed to."""
    condition = and_(ApprovalRequest.community_id == community_id, ApprovalRequest.key.in_(keys))
    committed = {
        number: (key, (salt, request_hash, member_id))
        for number, key, salt, request_hash, member_id in tx.execute(
            select(
                ApprovalRequest.number,
                ApprovalRequest.key,
                ApprovalRequest.salt,
                ApprovalRequest.request_hash,
                ApprovalRequest.member_id,
            ).where(condition)
        )
    }
    if not committed:
        return {}
    found = _load(tx, _REQUESTS.where(condition))
    return {committed[r.number][0]: (committed[r.number][1], r) for r in found}


def _load(tx: Connection, statement: Any) -> tuple[Request, ...]:  # noqa: ANN401 - some of _REQUESTS
    rows = tx.execute(statement).all()
    if not rows:
        return ()
    votes = _votes(tx, rows[0].community_id, [row.number for row in rows])
    return tuple(_request(row, tuple(votes.get(row.number, ()))) for row in rows)


def _votes(tx: Connection, community_id: int, numbers: Sequence[int]) -> dict[int, list[Vote]]:
    votes: dict[int, list[Vote]] = {}
    for number, user_id, name, approve, at in tx.execute(
        select(
            ApprovalVote.request_number,
            Member.user_id,
            Member.name,
            ApprovalVote.approve,
            ApprovalVote.voted_at,
        )
        .join(
            Member, and_(Member.community_id == ApprovalVote.community_id, Member.id == ApprovalVote.voter_id)
        )
        .where(ApprovalVote.community_id == community_id, ApprovalVote.request_number.in_(numbers))
        .order_by(ApprovalVote.voted_at, ApprovalVote.voter_id)
    ):
        votes.setdefault(number, []).append(Vote(user_id, name, approve, at))
    return votes


def _vote_key(tx: Connection, community_id: int, number: int, origin: Origin) -> str | None:
    """Return the key under which the origin's actor voted."""
    return tx.execute(
        select(ApprovalVote.key)
        .join(
            Member, and_(Member.community_id == ApprovalVote.community_id, Member.id == ApprovalVote.voter_id)
        )
        .where(
            ApprovalVote.community_id == community_id,
            ApprovalVote.request_number == number,
            Member.user_id == origin.actor.user_id,
        )
    ).scalar()


def _request(row: Any, votes: tuple[Vote, ...]) -> Request:  # noqa: ANN401 - a row of _REQUESTS
    return Request(
        number=row.number,
        state=RequestState(row.state),
        kind=Kind(row.kind),
        user_id=row.user_id,
        amount=row.amount,
        category=row.category,
        reason=row.reason,
        evidence=row.evidence,
        requester=Actor(ActorKind(row.actor_kind), row.asking_user_id, row.asking_name),
        quorum=row.quorum,
        opened_at=row.opened_at,
        expires_at=row.expires_at,
        decided_at=row.decided_at,
        transaction=row.transaction_seq,
        place=row.place,
        card=(row.card_channel, row.card_message) if row.card_channel and row.card_message else None,
        votes=votes,
        note=row.note,
    )
