"""Recompute what can be recomputed and compare: every invariant of the books, each with a name of its own.

Nothing here trusts a projection: balances, scores and buckets are summed up again from the transactions,
the chain is hashed again from its first row.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, func, select

from points_core import audit, communities, policy
from points_core.communities import GENESIS
from points_core.errors import InvalidSetting
from points_core.ledger import chain
from points_core.models import (
    ApprovalRequest,
    ApprovalVote,
    AuditEvent,
    Community,
    LedgerHead,
    Member,
    PointBalance,
    PointScore,
    PointTransaction,
    Publication,
    Schedule,
    ScoreBucket,
)
from points_core.scores import BucketKey, Movement, ScoreKey, Scores
from points_core.values import Actor, ActorKind, Kind, Origin, RequestState

VERIFIED = "books.verify"
"""The action under which a verification goes on record."""

ROWS = 10_000  # transactions read at a time: memory stays flat however long the books are


@dataclass(frozen=True, slots=True)
class Broken:
    """One invariant that does not hold, in which community, and where."""

    invariant: str
    community: str
    detail: str


def verify(tx: Connection, community: str | None = None) -> list[Broken]:
    """Check the books of `community` (its outside id), or of all; an empty list means all is well.

    Raises InvalidSetting for a community without books.
    """
    if community is not None and communities.find(tx, community) is None:
        raise InvalidSetting("community", community, "one that has books")
    found = select(Community.id, Community.key).order_by(Community.id)
    if community is not None:
        found = found.where(Community.key == community)
    return [
        Broken(invariant, key, detail)
        for community_id, key in tx.execute(found).all()
        for invariant, detail in _problems(tx, community_id)
    ]


def record(tx: Connection, now: datetime, broken: Sequence[Broken], community: str | None = None) -> None:
    """Put on record that the books of `community`, or all, were verified at `now`, and what was broken."""
    found = select(Community.key).order_by(Community.id)
    if community is not None:
        found = found.where(Community.key == community)
    for key in tx.execute(found).scalars().all():
        origin = Origin(key, Actor(ActorKind.OPERATOR), now, f"verify:{now.isoformat()}")
        head = communities.lock(tx, key)
        assert head is not None
        names = sorted({each.invariant for each in broken if each.community == key})
        audit.record(
            tx, head, origin, action=VERIFIED, target=f"#{head.seq}", before=None, after={"broken": names}
        )
        communities.save(tx, head)


Problem = tuple[str, str]

_ASKED = ("key", "kind", "member_id", "amount", "category_id", "reason", "evidence")


def _problems(tx: Connection, community_id: int) -> Iterator[Problem]:
    zone = policy.by_number(tx, community_id).zone
    replay = Replay(community_id, zone)
    for rows in _transactions(tx, community_id):
        for row in rows:
            yield from replay.check(row)
    yield from _head(tx, community_id, replay)
    yield from _balances(tx, community_id, replay)
    yield from _scores(tx, community_id, replay)
    yield from _requests(tx, community_id)
    yield from _counters(tx, community_id)


def _transactions(tx: Connection, community_id: int) -> Iterator[list[Any]]:
    last = 0
    while True:
        rows = tx.execute(
            select(PointTransaction.__table__)
            .where(PointTransaction.community_id == community_id, PointTransaction.seq > last)
            .order_by(PointTransaction.seq)
            .limit(ROWS)
        ).all()
        if not rows:
            return
        yield list(rows)
        last = rows[-1].seq


@dataclass(slots=True)
class Total:
    """A member's balance as the transactions make it."""

    current: int = 0
    earned: int = 0
    spent: int = 0
    transactions: int = 0
    last_seq: int = 0


@dataclass(slots=True)
class Original:
    """What a later reversal must mirror."""

    member_id: int
    amount: int
    category_id: int | None
    effective_at: Any
    kind: str
    reversed_by: int | None = None


@dataclass(slots=True)
class Replay:
    """The transactions played again from the first, in order."""

    community_id: int
    zone: ZoneInfo
    seq: int = 0
    hash: bytes = GENESIS
    recorded_at: Any = None
    totals: dict[int, Total] = field(default_factory=lambda: defaultdict(Total))
    originals: dict[int, Original] = field(default_factory=dict)
    scores: Scores = field(init=False)

    def __post_init__(self) -> None:
        self.scores = Scores(self.zone, {})

    def check(self, row: Any) -> Iterator[Problem]:  # noqa: ANN401 - a row of point_transactions
        """Yield what is wrong with the next transaction, and count it in."""
        name = f"#{row.seq}"
        if row.seq != self.seq + 1:
            yield "numbers are dense", f"{name} follows #{self.seq}"
        if row.prev_hash != self.hash or chain.link(row.prev_hash, row._mapping) != row.hash:
            yield "the chain recomputes", f"{name} does not fit the hash before it"
        if self.recorded_at is not None and row.recorded_at < self.recorded_at:
            yield "recorded times never go back", f"{name} was recorded before #{self.seq}"
        self.seq, self.hash, self.recorded_at = row.seq, row.hash, row.recorded_at
        yield from self._check_commitment(row, name)
        yield from self._check_reversal(row, name)
        yield from self._check_balance(row, name)
        self.scores.add(Movement(row.seq, row.member_id, row.category_id, row.amount, row.effective_at))

    def _check_commitment(self, row: Any, name: str) -> Iterator[Problem]:  # noqa: ANN401
        if row.salt is None:
            return
        asked = {column: row._mapping[column] for column in (*_ASKED, "reverses")}
        given = (None,) if row.reverses is not None else (None, row.effective_at)
        if all(
            chain.commitment(row.salt, **asked, effective_at=moment) != row.request_hash for moment in given
        ):
            yield "texts are what was asked", f"the reason, evidence or key of {name} was changed"

    def _check_reversal(self, row: Any, name: str) -> Iterator[Problem]:  # noqa: ANN401
        self.originals[row.seq] = Original(
            row.member_id, row.amount, row.category_id, row.effective_at, row.kind
        )
        if row.reverses is None:
            return
        original = self.originals.get(row.reverses)
        if original is None:
            yield (
                "a reversal mirrors its original",
                f"{name} takes back #{row.reverses}, which is not before it",
            )
            return
        if original.kind == Kind.REVERSAL:
            yield "a reversal is never reversed", f"{name} takes back reversal #{row.reverses}"
        if original.reversed_by is not None:
            yield "a transaction is reversed once", f"#{row.reverses} by #{original.reversed_by} and {name}"
        original.reversed_by = row.seq
        mirror = (row.member_id, -row.amount, row.category_id, row.effective_at)
        if mirror != (original.member_id, original.amount, original.category_id, original.effective_at):
            yield "a reversal mirrors its original", f"{name} differs from #{row.reverses}"

    def _check_balance(self, row: Any, name: str) -> Iterator[Problem]:  # noqa: ANN401
        total = self.totals[row.member_id]
        original = self.originals.get(row.reverses) if row.reverses is not None else None
        spends = (original.amount if original else row.amount) < 0
        total.current += row.amount
        total.earned += 0 if spends else row.amount
        total.spent -= row.amount if spends else 0
        total.transactions += 1
        total.last_seq = row.seq
        if row.balance_after != total.current:
            yield "balance_after is the running sum", f"{name} says {row.balance_after}, not {total.current}"
        if row.member_seq != total.transactions:
            yield "numbers are dense", f"{name} is the member's {total.transactions}., not {row.member_seq}."
        if row.floor is not None and row.amount < 0 and total.current < row.floor:
            yield "a floor is respected", f"{name} fell to {total.current}, below {row.floor}"


def _head(tx: Connection, community_id: int, replay: Replay) -> Iterator[Problem]:
    head = tx.execute(select(LedgerHead.__table__).where(LedgerHead.community_id == community_id)).one()
    if head.seq != replay.seq:
        yield "numbers end at the head", f"the head says #{head.seq}, the last transaction is #{replay.seq}"
    elif head.hash != replay.hash:
        yield "the chain recomputes", f"the head's hash is not that of #{replay.seq}"


def _balances(tx: Connection, community_id: int, replay: Replay) -> Iterator[Problem]:
    stored = {
        row.member_id: Total(row.current, row.earned, row.spent, row.transactions, row.last_seq)
        for row in tx.execute(select(PointBalance.__table__).where(PointBalance.community_id == community_id))
    }
    for member_id in sorted(stored.keys() | replay.totals.keys()):
        have, want = stored.get(member_id), replay.totals.get(member_id)
        if have != want:
            yield "balances equal the transactions", f"member {member_id}: {have} stored, {want} summed"


def _scores(tx: Connection, community_id: int, replay: Replay) -> Iterator[Problem]:
    scores: dict[ScoreKey, tuple[int, int]] = {
        (row.span, row.start, row.category_id, row.member_id): (row.points, row.reached_seq)
        for row in tx.execute(select(PointScore.__table__).where(PointScore.community_id == community_id))
    }
    yield from _differences("scores equal the transactions", scores, replay.scores.scores)
    buckets: dict[BucketKey, int] = {
        (row.category_id, row.level, row.bucket): row.members
        for row in tx.execute(select(ScoreBucket.__table__).where(ScoreBucket.community_id == community_id))
    }
    counted = {key: members for key, members in replay.scores.buckets.items() if members}
    yield from _differences("buckets equal the transactions", buckets, counted)


def _differences(invariant: str, have: dict[Any, Any], want: dict[Any, Any]) -> Iterator[Problem]:
    wrong = [key for key in have.keys() | want.keys() if have.get(key) != want.get(key)]
    if wrong:
        key = min(wrong)
        yield (
            invariant,
            f"{len(wrong)} differ; the first, {key}: {have.get(key)} stored, {want.get(key)} summed",
        )


def _requests(tx: Connection, community_id: int) -> Iterator[Problem]:
    votes: dict[int, list[Any]] = defaultdict(list)
    for vote in tx.execute(select(ApprovalVote.__table__).where(ApprovalVote.community_id == community_id)):
        votes[vote.request_number].append(vote)
    made: dict[int, Any] = {}
    moved = select(PointTransaction.__table__).where(
        PointTransaction.community_id == community_id, PointTransaction.request_number.is_not(None)
    )
    for row in tx.execute(moved.order_by(PointTransaction.seq)):
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


def _request_commitment(request: Any, name: str) -> Iterator[Problem]:  # noqa: ANN401 - a row
    if request.salt is None:  # its texts were erased
        return
    asked = {column: request._mapping[column] for column in (*_ASKED, "effective_at")}
    if chain.commitment(request.salt, **asked) != request.request_hash:
        yield "texts are what was asked", f"the reason, evidence or key of {name} was changed"


def _request(request: Any, votes: list[Any], made: Any) -> Iterator[Problem]:  # noqa: ANN401 - rows
    name = f"request {request.number}"
    yield from _request_commitment(request, name)
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
    if any(vote.voter_id in (request.member_id, request.actor_id) for vote in votes):
        yield "nobody votes on their own request", name
    if request.decided_at is not None and any(vote.voted_at > request.decided_at for vote in votes):
        yield "no vote comes late", name


_COUNTERS: tuple[tuple[str, Callable[[int], Select[int, int | None]], str], ...] = (
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
)


def _counted(column: Any) -> Select[int, int | None]:  # noqa: ANN401 - a mapped column
    return select(func.count(), func.max(column))


def _counters(tx: Connection, community_id: int) -> Iterator[Problem]:
    head = tx.execute(select(LedgerHead.__table__).where(LedgerHead.community_id == community_id)).one()
    for name, counted, words in _COUNTERS:
        count, last = tx.execute(counted(community_id)).one()
        if not count == (last or 0) == head._mapping[name]:
            yield (
                "numbers are dense",
                f"{count} {words}, the last is {last or 0}, the head says {head._mapping[name]}",
            )
    yield from _publications(tx, community_id)


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
