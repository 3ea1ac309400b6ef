"""What is not a movement of points: approval requests and votes, publications, the counters of the head."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Select, func, select

from points_core.ledger import chain
from points_core.models import (
    ApiClient,
    ApprovalRequest,
    ApprovalVote,
    AuditEvent,
    Badge,
    Batch,
    LedgerHead,
    Member,
    PointRule,
    PointTransaction,
    Publication,
    Schedule,
    Season,
    Webhook,
)
from points_core.values import ActorKind, RequestState
from points_core.verification.broken import Problem, readable


def problems(tx: Connection, community_id: int, after: int = 0) -> Iterator[Problem]:
    """Yield what is wrong with a community's requests, publications and counters.

    Of the transactions up to `after` only those are looked at that a request says it became.
    """
    yield from readable("requests", _requests(tx, community_id, after))
    yield from readable("the counters", _counters(tx, community_id))
    yield from readable("publications", _publications(tx, community_id))


def _moved(tx: Connection, community_id: int, after: int) -> list[Any]:
    """Return the transactions that were made for a request, in their order."""
    every = select(PointTransaction.__table__).where(
        PointTransaction.community_id == community_id, PointTransaction.request_number.is_not(None)
    )
    became = select(ApprovalRequest.transaction_seq).where(
        ApprovalRequest.community_id == community_id, ApprovalRequest.transaction_seq <= after
    )
    earlier = tx.execute(every.where(PointTransaction.seq.in_(became))).all() if after else []
    recent = tx.execute(every.where(PointTransaction.seq > after)).all()
    return sorted([*earlier, *recent], key=lambda row: int(row.seq))


def _requests(tx: Connection, community_id: int, after: int) -> Iterator[Problem]:
    votes: dict[int, list[Any]] = defaultdict(list)
    for vote in tx.execute(select(ApprovalVote.__table__).where(ApprovalVote.community_id == community_id)):
        votes[vote.request_number].append(vote)
    made: dict[int, Any] = {}
    for row in _moved(tx, community_id, after):
        first = made.setdefault(row.request_number, row)
        if first is not row:
            yield (
                "approved means one transaction",
                f"#{first.seq} and #{row.seq} moved points for request {row.request_number}",
            )
    approved = set()
    for request in tx.execute(
        select(ApprovalRequest.__table__).where(ApprovalRequest.community_id == community_id)
    ):
        if request.state == RequestState.APPROVED:
            approved.add(request.number)
        yield from _request(request, votes[request.number], made.get(request.number))
    for number in sorted(made.keys() - approved):
        yield (
            "approved means one transaction",
            f"#{made[number].seq} moved points for request {number}, not approved",
        )


def _request(request: Any, votes: list[Any], made: Any) -> Iterator[Problem]:  # noqa: ANN401 - rows
    name = f"request {request.number}"
    if request.salt is not None and not _is_what_was_asked(request):
        yield "texts are what was asked", f"the reason, evidence or key of {name} was changed"
    yes = [vote for vote in votes if vote.approve]
    if request.state == RequestState.APPROVED:
        if made is None or made.seq != request.transaction_seq:
            yield "approved means one transaction", f"{name} is approved without its transaction"
        elif (made.member_id, made.amount, made.kind, made.category_id, made.key) != (
            request.member_id,
            request.amount,
            request.kind,
            request.category_id,
            request.key,
        ):
            yield "approved means one transaction", f"{name} asked for something else than #{made.seq} did"
        if len(yes) < request.quorum or len(yes) != len(votes):
            yield "approval needs its quorum", f"{name}: {len(yes)} of {request.quorum} said yes"
    if request.state == RequestState.PENDING and len(yes) >= request.quorum:
        yield "approval needs its quorum", f"{name} has its quorum and still waits"
    asked = request.actor_id if request.actor_kind == ActorKind.MEMBER else None  # else a program's number
    if any(vote.voter_id in (request.member_id, asked) for vote in votes):
        yield "nobody votes on their own request", name
    if request.decided_at is not None and any(vote.voted_at > request.decided_at for vote in votes):
        yield "no vote comes late", name


_COUNTERS: tuple[tuple[str, Callable[[int], Select[int, int | None, int | None]], str], ...] = (
    ("members", lambda c: _counted(Member.id).where(Member.community_id == c), "members"),
    (
        "requests",
        lambda c: _counted(ApprovalRequest.number).where(ApprovalRequest.community_id == c),
        "requests",
    ),
    ("schedules", lambda c: _counted(Schedule.number).where(Schedule.community_id == c), "schedules"),
    (
        "audit_events",
        lambda c: _counted(AuditEvent.number).where(AuditEvent.community_id == c),
        "audit events",
    ),
    ("batches", lambda c: _counted(Batch.number).where(Batch.community_id == c), "batches"),
    ("seasons", lambda c: _counted(Season.number).where(Season.community_id == c), "seasons"),
    ("clients", lambda c: _counted(ApiClient.id).where(ApiClient.community_id == c), "programs"),
    ("webhooks", lambda c: _counted(Webhook.number).where(Webhook.community_id == c), "webhooks"),
    ("rules", lambda c: _counted(PointRule.number).where(PointRule.community_id == c), "rules"),
    ("badges", lambda c: _counted(Badge.number).where(Badge.community_id == c), "badges"),
)


def _counted(column: Any) -> Select[int, int | None, int | None]:  # noqa: ANN401 - a mapped column
    return select(func.count(), func.max(column), func.min(column))


def _counters(tx: Connection, community_id: int) -> Iterator[Problem]:
    head = tx.execute(select(LedgerHead.__table__).where(LedgerHead.community_id == community_id)).one()
    for name, counted, words in _COUNTERS:
        count, last, first = tx.execute(counted(community_id)).one()
        if not (count == (last or 0) == head._mapping[name] and first in {None, 1}):
            yield (
                "numbers are dense",
                f"{count} {words}, the last is {last or 0}, the head says {head._mapping[name]}",
            )


def _publications(tx: Connection, community_id: int) -> Iterator[Problem]:
    repeated = (
        select(Publication.channel, Publication.message)
        .where(Publication.community_id == community_id, Publication.message.is_not(None))
        .join(
            Schedule,
            (Schedule.community_id == Publication.community_id)
            & (Schedule.number == Publication.schedule_number),
        )
        .where(Schedule.live.is_(False))
        .group_by(Publication.channel, Publication.message)
        .having(func.count() > 1)
    )
    for channel, message in tx.execute(repeated):
        yield "one publication per slot", f"message {message} in {channel} stands for several slots"


def _is_what_was_asked(request: Any) -> bool:  # noqa: ANN401 - a row
    return bool(
        chain.commitment(
            request.salt,
            key=request.key,
            kind=request.kind,
            member_id=request.member_id,
            amount=request.amount,
            category_id=request.category_id,
            reason=request.reason,
            evidence=request.evidence,
            effective_at=request.effective_at,
        )
        == request.request_hash
    )
