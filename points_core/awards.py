"""One movement, checked against policy and limits, and what follows from it; and how to take one back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from points_core import ledger, policy
from points_core.errors import (
    DuplicateTransaction,
    InvalidAmount,
    LimitExceeded,
    LooksRepeated,
    NotAllowed,
    SelfAward,
    UnknownTransaction,
)
from points_core.ledger import Books, Movement, Wanted
from points_core.models import ApprovalRequest, Community, Member, PointTransaction, UtcDateTime
from points_core.policy import Capability, Policy
from points_core.prepared import Prepared
from points_core.values import (
    MAX_NUMBER,
    ActorKind,
    Kind,
    Origin,
    Receipt,
    RequestState,
    clean_id,
    clean_instant,
    clean_link,
    clean_name,
    clean_text,
    whole_amount,
)
from points_core.windows import Window

REPEAT = timedelta(minutes=1)  # a person retyping the same award within a minute probably thinks it failed


Right = Callable[[Policy], None]
"""Raises NotAllowed where the policy does not give somebody the right to what they ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What someone asks for, in clean values; `amount` positive, in points; `right` is asked first."""

    origin: Origin
    kind: Kind
    user_id: str
    amount: int
    reason: str
    name: str | None = None
    category: str | None = None
    evidence: str | None = None
    effective_at: datetime | None = None
    again: bool = False
    right: Right | None = None


def ask(
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
) -> Ask:
    """Return what is asked for, cleaned. Raises InvalidAmount, InvalidText for what no community could take."""
    return Ask(
        origin=origin,
        kind=kind,
        user_id=clean_id("user_id", user_id),
        amount=whole_amount(amount),
        reason=clean_text("reason", reason),
        name=clean_name(name),
        category=category,
        evidence=clean_link("evidence", evidence) if evidence else None,
        effective_at=clean_instant(effective_at) if effective_at else None,
        again=again,
        right=right,
    )


@dataclass(frozen=True, slots=True)
class Recent:
    """A movement someone asked for within a minute, done or waiting."""

    number: int
    at: datetime
    pending: bool


RecentKey = tuple[int | None, int | None, str, int, int | None, str | None, str | None]  # who, to whom, what


@dataclass(slots=True)
class Desk:
    """Where asks of one community are checked and posted, one batch at a time."""

    policy: Policy
    books: Books
    recent: dict[RecentKey, Recent]
    used: dict[tuple[int, date], int] = field(default_factory=dict)

    @classmethod
    def open(cls, tx: Connection, asks: Sequence[Ask]) -> "Desk":
        """Lock the asks' community and load what they touch."""
        head, current = policy.locked(tx, asks[0].origin)
        actors = {a.origin.actor.user_id for a in asks if a.origin.actor.user_id}
        wanted = Wanted(
            frozenset({a.user_id for a in asks} | actors),
            frozenset(a.origin.key for a in asks),
        )
        now = max(a.origin.at for a in asks)
        books = Books.load(tx, head, current, wanted)
        givers = sorted(books.people[user_id].id for user_id in actors if user_id in books.people)
        return cls(
            policy=current,
            books=books,
            recent=_recent(tx, books, givers, asks, now),
            used=_used(tx, books, givers, asks),
        )

    def movement(self, asked: Ask) -> Movement:
        """Return the movement that is asked for, in a retired category too: it may have been done before.

        Raises UnknownCategory.
        """
        sign = -1 if asked.kind is Kind.DEDUCTION else 1
        return Movement(
            kind=asked.kind,
            user_id=asked.user_id,
            name=asked.name,
            amount=sign * asked.amount,
            category=self.policy.category(asked.category, retired=True),
            reason=asked.reason,
            evidence=asked.evidence,
            actor=asked.origin.actor,
            key=asked.origin.key,
            at=asked.origin.at,
            effective_at=asked.effective_at,
        )

    def check(self, asked: Ask, movement: Movement) -> None:
        """Hold an ask against the community's policy.

        Raises UnknownCategory for one that was retired, InvalidAmount, SelfAward, LooksRepeated.
        """
        self.policy.category(asked.category)
        if not self.policy.min_award <= asked.amount <= self.policy.max_award:
            raise InvalidAmount(asked.amount, self.policy.min_award, self.policy.max_award)
        actor = asked.origin.actor
        if actor.kind is ActorKind.MEMBER and actor.user_id == asked.user_id and asked.kind is Kind.AWARD:
            raise SelfAward(asked.user_id)
        earlier = self.recent.get(_recent_key(self.books, movement))
        if actor.kind is ActorKind.MEMBER and earlier and not asked.again:
            raise LooksRepeated(earlier.number, earlier.at, earlier.pending)

    def needs_approval(self, asked: Ask) -> bool:
        """Return whether these points must wait for other moderators."""
        threshold = self.policy.approval_threshold
        return threshold is not None and asked.amount > threshold

    def post(self, asked: Ask, movement: Movement) -> Receipt:
        """Move the points. Raises LimitExceeded, and what Books.post raises."""
        self._check_limit(asked)
        receipt = self.books.post(movement)
        giver = _number(self.books, asked.origin.actor.user_id)
        if asked.kind is Kind.AWARD and giver is not None:
            counted = giver, _day(self.policy, receipt.effective_at)
            self.used[counted] = self.used.get(counted, 0) + asked.amount
        self.remember(movement, Recent(receipt.number, receipt.effective_at, pending=False))
        return receipt

    def remember(self, movement: Movement, recent: Recent) -> None:
        """Let later asks of the same batch see this one, unless it counts for another time."""
        if abs(recent.at - movement.at) < REPEAT:
            self.recent[_recent_key(self.books, movement)] = recent

    def _check_limit(self, asked: Ask) -> None:
        giver, limit = asked.origin.actor, self.policy.daily_limit
        if limit is None or asked.kind is not Kind.AWARD or giver.kind is not ActorKind.MEMBER:
            return
        number = _number(self.books, giver.user_id) or 0
        used = self.used.get((number, _day(self.policy, asked.origin.at)), 0)
        if used + asked.amount > limit:
            today = Window.today(asked.origin.at, self.policy.zone)
            assert today.end is not None
            raise LimitExceeded(limit, used, asked.amount, today.end)


def _day(current: Policy, at: datetime) -> date:
    return at.astimezone(current.zone).date()


def _number(books: Books, user_id: str | None) -> int | None:
    person = books.people.get(user_id or "")
    return person.id if person else None


def _recent_key(books: Books, movement: Movement) -> RecentKey:
    giver, receiver = _number(books, movement.actor.user_id), _number(books, movement.user_id)
    category_id = movement.category.id if movement.category else None
    what = (movement.kind.value, movement.amount, category_id, movement.reason, movement.evidence)
    return (giver, receiver, *what)


def _recent(
    tx: Connection, books: Books, givers: Sequence[int], asks: Sequence[Ask], now: datetime
) -> dict[RecentKey, Recent]:
    """Return what `givers` asked for within a minute, to the same people, and did not take back."""
    receivers = sorted({books.people[a.user_id].id for a in asks if a.user_id in books.people})
    if not givers or not receivers:
        return {}
    asked = {
        "community": books.head.community_id,
        "givers": givers,
        "receivers": receivers,
        "amounts": sorted({sign * a.amount for a in asks for sign in (1, -1)}),
        "since": now - REPEAT,
        "until": now + REPEAT,  # a clock that was a little ahead
    }
    looked = ((_POSTED, False), (_OPENED, True)) if books.head.requests else ((_POSTED, False),)
    return {
        tuple(what): Recent(number, at, pending)
        for statement, pending in looked
        for number, at, *what in sorted(statement.rows(tx, asked))  # the latest stands for its like
    }


def _asked(
    model: type[PointTransaction] | type[ApprovalRequest],
    number: InstrumentedAttribute[int],
    at: InstrumentedAttribute[datetime],
) -> Select[*tuple[Any, ...]]:
    people = (model.actor_id, model.member_id)
    what = (model.kind, model.amount, model.category_id, model.reason, model.evidence)
    return select(number, at, *people, *what).where(
        model.community_id == bindparam("community"),
        model.actor_kind == ActorKind.MEMBER.value,
        model.actor_id.in_(bindparam("givers", expanding=True)),
        at > bindparam("since", type_=UtcDateTime()),
        at < bindparam("until", type_=UtcDateTime()),
        model.member_id.in_(bindparam("receivers", expanding=True)),
        model.amount.in_(bindparam("amounts", expanding=True)),
    )


def _was_reversed() -> ColumnElement[bool]:
    reversal = aliased(PointTransaction)
    return (
        select(reversal.seq)
        .where(
            reversal.community_id == PointTransaction.community_id, reversal.reverses == PointTransaction.seq
        )
        .exists()
    )


# A row's own time is `effective_at`: a clock that was once ahead holds `recorded_at` up until that date, for
# everyone. `recorded_at` is at or after it, and finds the few rows by the giver's index.
_POSTED = Prepared(
    _asked(PointTransaction, PointTransaction.seq, PointTransaction.effective_at).where(
        PointTransaction.recorded_at > bindparam("since", type_=UtcDateTime()), ~_was_reversed()
    )
)
_OPENED = Prepared(
    _asked(ApprovalRequest, ApprovalRequest.number, ApprovalRequest.opened_at).where(
        ApprovalRequest.state == RequestState.PENDING.value
    )
)


def _used(
    tx: Connection, books: Books, givers: Sequence[int], asks: Sequence[Ask]
) -> dict[tuple[int, date], int]:
    """Return how many points each giver awarded on their own, by the days of the asks.

    An award counts on the day it is dated; what was taken back is free again.
    """
    if not givers or books.policy.daily_limit is None:
        return {}
    used: dict[tuple[int, date], int] = {}
    for day, at in {_day(books.policy, a.origin.at): a.origin.at for a in asks}.items():
        today = Window.today(at, books.policy.zone)
        asked = {
            "community": books.head.community_id,
            "givers": givers,
            "since": today.start,
            "until": today.end,
        }
        for giver, total in _AWARDED.rows(tx, asked):
            if giver is not None:
                used[giver, day] = int(total)
    return used


_AWARDED = Prepared(
    select(PointTransaction.actor_id, func.sum(PointTransaction.amount))
    .where(
        PointTransaction.community_id == bindparam("community"),
        PointTransaction.actor_kind == ActorKind.MEMBER.value,
        PointTransaction.actor_id.in_(bindparam("givers", expanding=True)),
        PointTransaction.recorded_at >= bindparam("since", type_=UtcDateTime()),
        PointTransaction.effective_at >= bindparam("since", type_=UtcDateTime()),
        PointTransaction.effective_at < bindparam("until", type_=UtcDateTime()),
        PointTransaction.kind == Kind.AWARD.value,
        PointTransaction.request_number.is_(None),
        ~_was_reversed(),
    )
    .group_by(PointTransaction.actor_id)
)


def reverse(tx: Connection, origin: Origin, number: int, *, reason: str, own_only: bool = False) -> Receipt:
    """Take transaction `number` back; `own_only` when the person may undo only what they did themselves.

    What other moderators approved is nobody's own. Returns the reversal's receipt. Raises NotAllowed,
    SelfAward for a member who would take back a deduction from themselves, UnknownTransaction,
    AlreadyReversed, NotReversible, InsufficientBalance, InvalidText, DuplicateTransaction.
    """
    reason = clean_text("reason", reason)
    if not 1 <= number <= MAX_NUMBER:
        raise UnknownTransaction(number)
    _check_reversal(tx, origin, number, own_only)
    if _opened_a_request(tx, origin):
        raise DuplicateTransaction(origin.key)
    return ledger.reverse(tx, origin, number, reason=reason)


def _check_reversal(tx: Connection, origin: Origin, number: int, own_only: bool) -> None:
    original = _original(tx, origin.community, number)
    actor = origin.actor
    if own_only and (original.request_number is not None or original.giver != actor.user_id):
        raise NotAllowed(Capability.UNDO.value)
    gives = original.amount < 0 and original.kind != Kind.REVERSAL.value
    if gives and actor.kind is ActorKind.MEMBER and original.receiver == actor.user_id:
        raise SelfAward(original.receiver)


def _opened_a_request(tx: Connection, origin: Origin) -> bool:
    """Return whether the origin's key stands for points that wait: they will move under it."""
    found = (
        select(ApprovalRequest.number)
        .join(Community, Community.id == ApprovalRequest.community_id)
        .where(Community.key == origin.community, ApprovalRequest.key == origin.key)
    )
    return tx.execute(found).first() is not None


def _original(
    tx: Connection, community: str, number: int
) -> Row[str, int, int | None, str | None, str | None]:
    """Return what transaction `number` did, by whom, for whom (outside ids). Raises UnknownTransaction."""
    giver, receiver = aliased(Member), aliased(Member)
    row = tx.execute(
        select(
            PointTransaction.kind,
            PointTransaction.amount,
            PointTransaction.request_number,
            giver.user_id.label("giver"),
            receiver.user_id.label("receiver"),
        )
        .select_from(PointTransaction)
        .join(Community, Community.id == PointTransaction.community_id)
        .join(
            receiver,
            (receiver.community_id == PointTransaction.community_id)
            & (receiver.id == PointTransaction.member_id),
        )
        .outerjoin(
            giver,
            (PointTransaction.actor_kind == ActorKind.MEMBER.value)
            & (giver.community_id == PointTransaction.community_id)
            & (giver.id == PointTransaction.actor_id),
        )
        .where(Community.key == community, PointTransaction.seq == number)
    ).one_or_none()
    if row is None:
        raise UnknownTransaction(number)
    return row
