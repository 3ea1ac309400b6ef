"""What follows from a verification: how far the books are known to be right, what is on record, who is closed.

A community whose books fail takes no more writes until an operator has repaired them and says so: going on
would bury the fault under new entries.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from points_core import audit, communities, outbox, policy
from points_core.communities import GENESIS, Head
from points_core.models import AuditEvent, Community, LedgerHead, UtcDateTime, VerifiedMark
from points_core.outbox import Topic
from points_core.values import Actor, ActorKind, Origin
from points_core.verification.broken import UNREADABLE, Outcome, Problem, Reached

VERIFIED = "books.verify"
CLOSED = "books.close"
REOPENED = "books.reopen"
"""The actions under which a verification, and what followed from it, go on record."""

MAX_REASON = 500  # characters kept of why books are closed


@dataclass(frozen=True, slots=True)
class Mark:
    """Up to which transaction the books were found in order, the hash there, recent.totals_of (None: not known)."""

    seq: int
    hash: bytes
    totals: int | None = None


BEGINNING = Mark(0, GENESIS)


def mark(tx: Connection, community_id: int) -> Mark | None:
    """Return where an incremental verification begins, None for books that were never in order."""
    found = select(VerifiedMark.seq, VerifiedMark.hash, VerifiedMark.totals).where(
        VerifiedMark.community_id == community_id
    )
    row = tx.execute(found).one_or_none()
    return Mark(*row) if row and isinstance(row.seq, int) else None


def settle(tx: Connection, now: datetime, outcome: Outcome) -> list[str]:
    """Write down what a verification found; return the communities whose books are closed by it.

    Books in order get a new mark; broken ones are closed, on record and with a line for the log channel.
    Where the head itself is gone or cannot be read nothing can be written, and nobody can write.
    """
    closed: list[str] = []
    for reached in outcome.reached:
        head = _lock(tx, reached.community)
        if head is None:
            continue
        names = outcome.invariants(reached.community)
        origin = _origin(head, reached.community, now)
        if reached.full or names:
            audit.record(
                tx,
                head,
                origin,
                action=VERIFIED,
                target=f"#{reached.seq}",
                before=None,
                after={"broken": names},
            )
        if not names:
            _move_mark(tx, head, now, reached)
        elif head.closed_because is None:
            first = next(each for each in outcome.broken if each.community == reached.community)
            head.closed_because = f"{first.invariant}: {first.detail}"[:MAX_REASON]
            itself = replace(origin, actor=Actor(ActorKind.SYSTEM))
            _tell(tx, head, itself, CLOSED, {"because": names})
            closed.append(reached.community)
        communities.save(tx, head)
    return closed


def reopen(tx: Connection, now: datetime, outcome: Outcome) -> list[str]:
    """Take new entries again for the communities of `outcome` whose books are in order; return them."""
    reopened: list[str] = []
    for reached in outcome.reached:
        head = _lock(tx, reached.community)
        if head is None:
            continue
        if head.closed_because is None or outcome.invariants(reached.community):
            continue
        head.closed_because = None
        _tell(tx, head, _origin(head, reached.community, now), REOPENED, {"#": reached.seq})
        communities.save(tx, head)
        reopened.append(reached.community)
    return reopened


def closed(tx: Connection) -> dict[str, str]:
    """Return the outside ids of the communities whose books are closed, each with why."""
    found = select(Community.key, LedgerHead.closed_because).join(
        LedgerHead, LedgerHead.community_id == Community.id
    )
    rows = tx.execute(found.where(LedgerHead.closed_because.is_not(None)))
    return {key: str(why) for key, why in rows}


def problems(tx: Connection, community_id: int) -> Iterator[Problem]:
    """Yield whether books are open although they are closed on record, or the other way round."""
    last = (
        select(AuditEvent.action)
        .where(AuditEvent.community_id == community_id, AuditEvent.action.in_((CLOSED, REOPENED)))
        .order_by(AuditEvent.number.desc())
        .limit(1)
    )
    why = tx.execute(
        select(LedgerHead.closed_because).where(LedgerHead.community_id == community_id)
    ).scalar_one()
    if (tx.execute(last).scalar() == CLOSED) != (why is not None):
        yield "closed means closed on record", f"the head says {why or 'open'}"


def _lock(tx: Connection, community: str) -> Head | None:
    """Return a community's locked head, None if it is gone or cannot be read."""
    try:
        return communities.lock(tx, community)
    except UNREADABLE:
        return None


def _log_channel(tx: Connection, community_id: int) -> str | None:
    """Return where changes are logged; nowhere if the policy is gone or cannot be read."""
    try:
        return policy.by_number(tx, community_id).log_channel
    except UNREADABLE:
        return None


def _origin(head: Head, community: str, now: datetime) -> Origin:
    """Return the origin of what follows from one verification; its key is its number on record."""
    return Origin(community, Actor(ActorKind.OPERATOR), now, f"verify:{head.audit_events + 1}")


def _tell(tx: Connection, head: Head, origin: Origin, action: str, after: dict[str, object]) -> None:
    number = audit.record(tx, head, origin, action=action, target=f"#{head.seq}", before=None, after=after)
    channel = _log_channel(tx, head.community_id)
    if channel:
        outbox.add(tx, head.community_id, Topic.CHANGED, str(number), at=origin.at, place=channel)


def _move_mark(tx: Connection, head: Head, now: datetime, reached: Reached) -> None:
    values = {"seq": reached.seq, "hash": reached.hash, "verified_at": now, "totals": reached.totals}
    if reached.full:
        values["full_at"] = now
    this = VerifiedMark.community_id == head.community_id
    if tx.execute(select(VerifiedMark.seq).where(this)).first() is None:
        tx.execute(insert(VerifiedMark).values(community_id=head.community_id, **{**values, "full_at": now}))
    else:
        tx.execute(update(VerifiedMark).where(this).values(**values))


def full_since(tx: Connection) -> datetime | None:
    """Return since when some open books were not verified in full: their last time, or their beginning.

    None where there are no open books. Closed ones wait for an operator.
    """
    looked_at = func.coalesce(VerifiedMark.full_at, Community.created_at)
    oldest: datetime | None = tx.execute(
        select(func.min(looked_at, type_=UtcDateTime()))
        .select_from(LedgerHead)
        .join(Community, Community.id == LedgerHead.community_id)
        .outerjoin(VerifiedMark, VerifiedMark.community_id == LedgerHead.community_id)
        .where(LedgerHead.closed_because.is_(None))
    ).scalar()
    return oldest
