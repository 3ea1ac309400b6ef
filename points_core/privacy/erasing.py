"""Erasing a member: who they are and the texts about them, with every number left as it is.

What goes: outside id and name; reason, evidence and salt of every movement of their points and of every
request for them, with its note; the days on which they were here; what rules noticed of them; deliveries that
name them; their link to an account outside, and what is shown there; and any other text in which their id stands.
What stays: amounts, times, categories, numbers, hashes. What they wrote about others stays too: it is the
others' history; its author is shown as erased. Without the salt nobody can try texts against a commitment.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, Connection, Text, cast, delete, insert, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from points_core import audit, communities, levels, links, outbox, policy, uses, webhooks
from points_core.communities import Head
from points_core.models import (
    ActiveDay,
    ApprovalRequest,
    ApprovalVote,
    Community,
    Erasure,
    Fact,
    LedgerHead,
    Member,
    OutboxEntry,
    PointTransaction,
    RoleGrant,
    WebhookDelivery,
)
from points_core.outbox import Topic
from points_core.values import Actor, ActorKind, Origin, RequestState

N = TypeVar("N")
TELLING = 8  # characters of an id from which it is looked for in other people's texts: shorter ones are words

GONE: Final = "given up: it named somebody who is erased"


@dataclass(frozen=True, slots=True)
class Erased:
    """Somebody who was erased: which member of which community, when."""

    community: str
    member: int
    at: datetime


def erase_due(tx: Connection, now: datetime, limit: int = 20) -> list[Erased]:
    """Carry out up to `limit` wishes whose time to think is over at `now`; return who was erased.

    Closed books (of a community whose verification failed) wait. Call `Points.scrub` afterwards.
    """
    due = (
        select(Community.key, Erasure.id, Erasure.member_id)
        .join(Community, Community.id == Erasure.community_id)
        .join(LedgerHead, LedgerHead.community_id == Erasure.community_id)
        .where(
            Erasure.done_at.is_(None),
            Erasure.cancelled_at.is_(None),
            Erasure.due_at <= now,
            LedgerHead.closed_because.is_(None),
        )
        .order_by(Erasure.community_id, Erasure.id)
        .limit(limit)
    )
    done: list[Erased] = []
    for community, wish_id, member_id in tx.execute(due).all():
        head = communities.lock(tx, community)
        assert head is not None
        if head.closed_because is None and _is_open(tx, wish_id):
            erase(tx, head, community, member_id, now, wish_id)
            done.append(Erased(community, member_id, now))
    return done


def _is_open(tx: Connection, wish_id: int) -> bool:
    still = select(Erasure.id).where(
        Erasure.id == wish_id, Erasure.done_at.is_(None), Erasure.cancelled_at.is_(None)
    )
    return tx.execute(still).first() is not None


def erase(tx: Connection, head: Head, community: str, member_id: int, now: datetime, wish_id: int) -> None:
    """Erase a member under the community's lock, for the wish `wish_id`, and put on record that it was done."""
    user_id = tx.execute(
        select(Member.user_id).where(Member.community_id == head.community_id, Member.id == member_id)
    ).scalar_one()
    _cancel_requests(tx, head, member_id, now)
    _drop_roles(tx, head, member_id, now)
    links.erase(tx, head.community_id, member_id, now)
    _forget_days(tx, head.community_id, member_id)
    _forget_facts(tx, head.community_id, member_id)
    _empty_texts(tx, head.community_id, member_id)
    if user_id is not None:
        _empty_mentions(tx, head.community_id, user_id)
        _empty_facts(tx, head.community_id, user_id)
        _empty_deliveries(tx, head.community_id, user_id, now)
    tx.execute(
        update(Member)
        .where(Member.community_id == head.community_id, Member.id == member_id)
        .values(user_id=None, name=None, hidden_at=None, left_at=None, untracked_at=None, erased_at=now)
    )
    tx.execute(
        update(Erasure)
        .where(
            Erasure.community_id == head.community_id,
            Erasure.member_id == member_id,
            Erasure.cancelled_at.is_(None),
            Erasure.done_at.is_(None),
        )
        .values(done_at=now)
    )
    origin = Origin(community, Actor(ActorKind.SYSTEM), now, f"erasure:{wish_id}")
    audit.record(
        tx,
        head,
        origin,
        action="privacy.erased",
        target=f"member {member_id}",
        before=None,
        after=None,
    )
    communities.save(tx, head)


def _cancel_requests(tx: Connection, head: Head, member_id: int, now: datetime) -> None:
    """Close what still waits for them, by them or with their vote: nobody shall vote twice as two people."""
    community_id = head.community_id
    voted = select(ApprovalVote.request_number).where(
        ApprovalVote.community_id == community_id, ApprovalVote.voter_id == member_id
    )
    theirs = or_(
        ApprovalRequest.member_id == member_id,
        (ApprovalRequest.actor_kind == ActorKind.MEMBER.value) & (ApprovalRequest.actor_id == member_id),
        ApprovalRequest.number.in_(voted),
    )
    waiting = select(ApprovalRequest.number, ApprovalRequest.place).where(
        ApprovalRequest.community_id == community_id,
        ApprovalRequest.state == RequestState.PENDING.value,
        theirs,
    )
    zone = policy.by_number(tx, community_id).zone
    for number, place in tx.execute(waiting.order_by(ApprovalRequest.number)).all():
        tx.execute(
            update(ApprovalRequest)
            .where(ApprovalRequest.community_id == community_id, ApprovalRequest.number == number)
            .values(state=RequestState.CANCELLED.value, decided_at=now)
        )
        uses.came_to_nothing(tx, community_id, number, zone)
        outbox.add(tx, community_id, Topic.DECIDED, str(number), at=now, place=place)
        if head.webhooks:
            webhooks.tell_cancelled(tx, community_id, number, now)


def _drop_roles(tx: Connection, head: Head, member_id: int, now: datetime) -> None:
    """Want no roles for them any more: nobody knows whose they would be. Badges stay with the number."""
    theirs = (RoleGrant.community_id == head.community_id, RoleGrant.member_id == member_id)
    tx.execute(delete(RoleGrant).where(*theirs))
    if head.badges:
        levels.mark_quietly(tx, head.community_id, [member_id], now)


def _forget_days(tx: Connection, community_id: int, member_id: int) -> None:
    """Forget when a member was here."""
    theirs = (ActiveDay.community_id == community_id, ActiveDay.member_id == member_id)
    tx.execute(delete(ActiveDay).where(*theirs))


def _forget_facts(tx: Connection, community_id: int, member_id: int) -> None:
    """Forget what happened to a member, and that they had a part in what happened to others."""
    theirs = (Fact.community_id == community_id, Fact.member_id == member_id)
    tx.execute(delete(Fact).where(*theirs))
    others = (Fact.community_id == community_id, Fact.other_id == member_id)
    tx.execute(update(Fact).where(*others).values(other_id=None))


def _empty_texts(tx: Connection, community_id: int, member_id: int) -> None:
    tx.execute(
        update(PointTransaction)
        .where(PointTransaction.community_id == community_id, PointTransaction.member_id == member_id)
        .values(_NO_TEXTS)
    )
    tx.execute(
        update(ApprovalRequest)
        .where(ApprovalRequest.community_id == community_id, ApprovalRequest.member_id == member_id)
        .values(_NO_TEXTS | {"note": None})
    )


_NO_TEXTS: Final[dict[str, None]] = {"reason": None, "evidence": None, "salt": None}


def _empty_mentions(tx: Connection, community_id: int, user_id: str) -> None:
    """Empty the texts of others in which the person's id stands, as in a mention: it says who they are."""
    transactions = _naming(
        tx, community_id, user_id, PointTransaction.seq, PointTransaction.reason, PointTransaction.evidence
    )
    _update(tx, PointTransaction, PointTransaction.seq, community_id, transactions, _NO_TEXTS)
    requests = _naming(
        tx, community_id, user_id, ApprovalRequest.number, ApprovalRequest.reason, ApprovalRequest.evidence
    )
    _update(tx, ApprovalRequest, ApprovalRequest.number, community_id, requests, _NO_TEXTS)
    notes = _naming(tx, community_id, user_id, ApprovalRequest.number, ApprovalRequest.note)
    _update(tx, ApprovalRequest, ApprovalRequest.number, community_id, notes, {"note": None})
    outcomes = _naming(tx, community_id, user_id, OutboxEntry.id, OutboxEntry.outcome)
    _update(tx, OutboxEntry, OutboxEntry.id, community_id, outcomes, {"outcome": GONE})


def _empty_facts(tx: Connection, community_id: int, user_id: str) -> None:
    """Take out of what happened to others whatever names the person: a program's link, say."""
    for key in _naming(tx, community_id, user_id, Fact.key, cast(Fact.data, Text)):
        this = (Fact.community_id == community_id, Fact.key == key)
        told = tx.execute(select(Fact.data).where(*this)).scalar_one()
        kept = {name: value for name, value in told.items() if user_id not in json.dumps(value)}
        tx.execute(update(Fact).where(*this).values(data=kept))


_BEFORE: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[bfnrt])|(?<=\\u[0-9a-f]{4}))"
"""Nothing that a word would be made of; a JSON escape, as of a line break, ends in a letter or a digit."""


def _naming(
    tx: Connection,
    community_id: int,
    user_id: str,
    number: InstrumentedAttribute[N],
    *texts: ColumnElement[str] | InstrumentedAttribute[str | None],
) -> list[N]:
    """Return the numbers (or keys) of the rows in one of whose texts `user_id` stands: in quotes, or as a word.

    A short id counts in quotes only, as in JSON: elsewhere it may be a word or an amount.
    """
    table: Any = number.class_
    candidates = select(number, *texts).where(
        table.community_id == community_id, or_(*(t.contains(user_id, autoescape=True) for t in texts))
    )
    alone = rf"{_BEFORE}{re.escape(user_id)}(?![A-Za-z0-9])"
    naming = re.compile(alone if len(user_id) >= TELLING else f'"{re.escape(user_id)}"')
    return [row[0] for row in tx.execute(candidates) if any(t and naming.search(t) for t in row[1:])]


def _update(
    tx: Connection,
    model: Any,  # noqa: ANN401 - a mapped class
    number: InstrumentedAttribute[int],
    community_id: int,
    numbers: Sequence[int],
    values: dict[str, Any],
) -> None:
    for one in numbers:
        tx.execute(update(model).where(model.community_id == community_id, number == one).values(values))


def _empty_deliveries(tx: Connection, community_id: int, user_id: str, now: datetime) -> None:
    """Empty what was, or was to be, told to programs about the person; what still waits is given up."""
    bodies = cast(WebhookDelivery.body, Text)
    numbers = _naming(tx, community_id, user_id, WebhookDelivery.id, bodies, WebhookDelivery.outcome)
    emptied = {"body": {"erased": True}, "outcome": GONE}
    _update(tx, WebhookDelivery, WebhookDelivery.id, community_id, numbers, emptied)
    given_up = update(WebhookDelivery).where(
        WebhookDelivery.outcome == GONE, WebhookDelivery.done_at.is_(None)
    )
    tx.execute(given_up.values(done_at=now, leased_until=None))


# ── after the erasure ──


def unscrubbed(tx: Connection) -> bool:
    """Return whether somebody was erased since the file was last rewritten."""
    left = select(Erasure.id).where(Erasure.done_at.is_not(None), Erasure.scrubbed_at.is_(None)).limit(1)
    return tx.execute(left).first() is not None


def scrubbed(tx: Connection, now: datetime, before: datetime) -> None:
    """Record that at `now` the file was rewritten, for those erased until `before`."""
    tx.execute(
        update(Erasure)
        .where(Erasure.done_at <= before, Erasure.scrubbed_at.is_(None))
        .values(scrubbed_at=now)
    )


def record_wish(
    tx: Connection,
    community_id: int,
    member_id: int,
    key: str,
    asked_at: datetime,
    due_at: datetime | None = None,
) -> int:
    """Write a wish to be erased and return its number; due at once without `due_at`."""
    written = insert(Erasure).values(
        community_id=community_id,
        member_id=member_id,
        key=key,
        asked_at=asked_at,
        due_at=due_at or asked_at,
    )
    return int(tx.execute(written.returning(Erasure.id)).scalar_one())
