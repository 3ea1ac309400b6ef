"""How a request ends: by votes, by its requester, by time; once."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from points_core import communities, ledger, outbox, policy, rewards, uses, webhooks
from points_core.approvals import stored
from points_core.communities import Head
from points_core.errors import (
    AlreadyVoted,
    NotAllowed,
    OwnRequest,
    RequestClosed,
    UnknownRequest,
)
from points_core.ledger import Movement
from points_core.models import ApprovalRequest, ApprovalVote, Community, LedgerHead
from points_core.outbox import Topic
from points_core.policy import Capability
from points_core.values import (
    Actor,
    ActorKind,
    Origin,
    Receipt,
    Request,
    RequestState,
    Vote,
    clean_text,
)

MAX_NOTE = 300  # characters of why a request was rejected


def vote(tx: Connection, origin: Origin, number: int, *, approve: bool, note: str | None = None) -> Request:
    """Record one moderator's yes or no; the yes that reaches the quorum moves the points, one no rejects.

    origin.actor: the voter, a member. note: why not, shown with a rejection.
    Returns the request as it stands now; for a vote delivered again the same, with `replayed` set.
    Raises UnknownRequest, NotAllowed for who is no member, OwnRequest, AlreadyVoted, RequestClosed, and what
    the movement itself may raise (InsufficientBalance, …), in which case the vote is not kept.
    """
    note = clean_text("note", note, MAX_NOTE) if note else None
    head, _ = policy.locked(tx, origin)
    waiting = stored.load(tx, head.community_id, number)
    voter = origin.actor
    if voter.kind is not ActorKind.MEMBER or voter.user_id is None:
        raise NotAllowed(Capability.APPROVE.value)
    if _is_repeated(tx, head, origin, waiting, approve):
        return replace(waiting, replayed=True)
    _check_vote(origin, waiting)
    voter_id = communities.enrol(tx, head, voter.user_id, voter.name, origin.at)
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
    return _count(tx, origin, head, number, voter_id, note)


def _is_repeated(tx: Connection, head: Head, origin: Origin, waiting: Request, approve: bool) -> bool:
    mine = _vote_of(origin, waiting)
    return (
        mine is not None
        and mine.approve is approve
        and stored.vote_key(tx, head.community_id, waiting.number, origin) == origin.key
    )


def _vote_of(origin: Origin, waiting: Request) -> Vote | None:
    return next((v for v in waiting.votes if v.user_id == origin.actor.user_id), None)


def _check_vote(origin: Origin, waiting: Request) -> None:
    if waiting.state is not RequestState.PENDING:
        raise RequestClosed(waiting.number, waiting.state.value)
    if mine := _vote_of(origin, waiting):
        raise AlreadyVoted(waiting.number, mine.approve)
    if waiting.expires_at <= origin.at:
        raise RequestClosed(waiting.number, RequestState.EXPIRED.value)
    if origin.actor.user_id in (waiting.user_id, waiting.requester.user_id):
        raise OwnRequest(waiting.number)


def _count(
    tx: Connection, origin: Origin, head: Head, number: int, voter_id: int, note: str | None
) -> Request:
    waiting = stored.load(tx, head.community_id, number)
    if any(not v.approve for v in waiting.votes):
        return _close(tx, head, waiting, RequestState.REJECTED, origin.at, note=note)
    if waiting.approvals < waiting.quorum:
        return waiting
    receipt = _move(tx, origin, head.community_id, waiting, voter_id)
    if waiting.rule is not None:
        _reward(tx, origin, head.community_id, waiting)
    return _close(tx, head, waiting, RequestState.APPROVED, origin.at, transaction=receipt.number)


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
        rule=waiting.rule,
    )
    return ledger.post(tx, origin, movement)


def _reward(tx: Connection, origin: Origin, community_id: int, approved: Request) -> None:
    """Have the role given that the asking rule gives beside its points."""
    assert approved.rule is not None
    role = rewards.of_version(tx, community_id, approved.rule)
    if role is not None and approved.user_id is not None:
        person = communities.people(tx, community_id, [approved.user_id])[approved.user_id]
        name, days = role
        rule = approved.rule[0]
        rewards.give(tx, community_id, person.id, rule=rule, role=name, days=days, now=origin.at)


def cancel(tx: Connection, origin: Origin, number: int, *, any_request: bool = False) -> Request:
    """Take a pending request back; only one's own, unless `any_request`.

    Raises UnknownRequest, NotAllowed, RequestClosed.
    """
    head, _ = policy.locked(tx, origin)
    waiting = stored.load(tx, head.community_id, number)
    if not any_request and not _is_same(waiting.requester, origin.actor):
        raise NotAllowed(Capability.UNDO.value)
    if waiting.state is RequestState.CANCELLED:
        return replace(waiting, replayed=True)
    if waiting.state is not RequestState.PENDING:
        raise RequestClosed(number, waiting.state.value)
    return _close(tx, head, waiting, RequestState.CANCELLED, origin.at)


def _is_same(one: Actor, other: Actor) -> bool:
    """Return whether two actors are one; names change."""
    return (one.kind, one.user_id, one.client) == (other.kind, other.user_id, other.client)


def expire_due(tx: Connection, now: datetime, limit: int = 100) -> list[tuple[str, int]]:
    """Close up to `limit` requests whose time is over; return them as (community's outside id, number)."""
    due = (
        select(Community.key, ApprovalRequest.community_id, ApprovalRequest.number)
        .join(Community, Community.id == ApprovalRequest.community_id)
        .join(LedgerHead)
        .where(
            ApprovalRequest.state == RequestState.PENDING.value,
            ApprovalRequest.expires_at <= now,
            LedgerHead.closed_because.is_(None),
        )
        .order_by(ApprovalRequest.community_id, ApprovalRequest.number)
        .limit(limit)
    )
    expired: list[tuple[str, int]] = []
    for key, community_id, number in tx.execute(due).all():
        head = communities.lock(tx, key)
        assert head is not None
        waiting = stored.load(tx, community_id, number)
        if waiting.state is RequestState.PENDING:
            _close(tx, head, waiting, RequestState.EXPIRED, now)
            expired.append((key, number))
    return expired


def _close(
    tx: Connection,
    head: Head,
    waiting: Request,
    state: RequestState,
    at: datetime,
    *,
    transaction: int | None = None,
    note: str | None = None,
) -> Request:
    decided_at = max([at, *(vote.at for vote in waiting.votes)])  # a clock set back between two votes
    tx.execute(
        update(ApprovalRequest)
        .where(ApprovalRequest.community_id == head.community_id, ApprovalRequest.number == waiting.number)
        .values(state=state.value, decided_at=decided_at, transaction_seq=transaction, note=note)
    )
    if waiting.rule is not None and state is not RequestState.APPROVED:
        zone = policy.by_number(tx, head.community_id).zone
        uses.came_to_nothing(tx, head.community_id, waiting.number, zone)
    outbox.add(tx, head.community_id, Topic.DECIDED, str(waiting.number), at=at, place=waiting.place)
    closed = replace(waiting, state=state, decided_at=decided_at, transaction=transaction, note=note)
    if head.webhooks:
        webhooks.tell_decided(tx, head.community_id, closed)
    return closed
