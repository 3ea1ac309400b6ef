"""Posting many movements as one batch, and taking a batch back as a unit."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sqlalchemy import Connection, insert

from points_core import audit, communities, outbox, policy, webhooks
from points_core.bulk.batches import BatchKind, BatchReceipt, by_key, deducted_from, get, standing
from points_core.bulk.entries import Entry, key_of, movement
from points_core.communities import Head
from points_core.errors import (
    BatchNotUndoable,
    BatchUndone,
    DuplicateTransaction,
    InvalidSetting,
    NotAllowed,
    Refused,
    RowRefused,
    RowsRefused,
    SelfAward,
    UnknownTransaction,
)
from points_core.ledger import Books, Wanted
from points_core.models import Batch
from points_core.outbox import Topic
from points_core.policy import Capability, Policy
from points_core.values import (
    Origin,
    clean_text,
)

T = TypeVar("T")

CHUNK = 1_000  # movements between reads: their statements are kept ready up to this length
MAX_ROWS = 200_000  # of one batch: about a minute in which nobody else can write


def post(
    tx: Connection,
    origin: Origin,
    entries: Sequence[Entry],
    *,
    kind: BatchKind = BatchKind.BULK,
    mark: bytes | None = None,
    partial: bool = False,
    why: str | None = None,
) -> BatchReceipt:
    """Post `entries`, in order, as one batch under the origin's key; the policy's limits are the caller's to ask.

    mark: under which the file they came from is known again.
    partial: leave out rows that cannot be instead of refusing all.
    why: what they have in common, for the record.
    Returns the batch's receipt, or the first one's when the key was used before for the same entries.
    Raises RowsRefused (always when no row is left), InvalidSetting, DuplicateTransaction.
    """
    if not 1 <= len(entries) <= MAX_ROWS:
        raise InvalidSetting("rows", len(entries), f"from 1 to {MAX_ROWS:,}")
    head, rules = policy.locked(tx, origin)
    earlier = by_key(tx, head, origin.key)
    if earlier is not None:
        return _replayed(tx, head, rules, origin, earlier, entries)
    posting = _Posting(tx, head, rules, origin, head.batches + 1, partial, head.seq + 1)
    for chunk in _chunks(entries):
        posting.post(chunk)
    return posting.finish(kind, mark=mark, why=why)


def undo(
    tx: Connection,
    origin: Origin,
    number: int,
    *,
    reason: str,
    partial: bool = False,
    own_only: bool = False,
) -> BatchReceipt:
    """Take batch `number` back, newest transaction first, as a batch of its own.

    What was taken back before, one by one, is left alone; so is all that the batch did to a member who undoes
    it, where it took points from them: nobody takes back a deduction from themselves. partial: leave out
    transactions that cannot be taken back (points are spent) instead of refusing all; they can still be undone
    one by one. own_only: when the person may undo only what they did themselves.
    Returns the receipt, whose `refused` rows are transaction numbers.
    Raises UnknownBatch, NotAllowed, BatchUndone, BatchNotUndoable, RowsRefused (always when nothing is left),
    InvalidText.
    """
    reason = clean_text("reason", reason)
    head, rules = policy.locked(tx, origin)
    earlier = by_key(tx, head, origin.key)
    if earlier is not None:
        if earlier.undoes != number:
            raise DuplicateTransaction(origin.key)
        return replace(earlier, replayed=True)
    batch = get(tx, origin.community, number)
    if own_only and (batch.actor.user_id is None or batch.actor.user_id != origin.actor.user_id):
        raise NotAllowed(Capability.UNDO.value)
    if batch.kind is BatchKind.UNDO:
        raise BatchNotUndoable(number)
    if batch.undone_by is not None:
        raise BatchUndone(number, batch.undone_by)
    posting = _Posting(tx, head, rules, origin, head.batches + 1, partial, head.seq + 1)
    untouchable = deducted_from(tx, head, origin.actor, number)
    for chunk in _chunks(standing(tx, head, number)):
        posting.reverse(chunk, reason, untouchable)
    return posting.finish(BatchKind.UNDO, undoes=number)


def take_back(
    tx: Connection,
    origin: Origin,
    numbers: Sequence[int],
    *,
    reason: str,
    partial: bool,
    why: str,
    expiries: Mapping[int, int] | None = None,
) -> BatchReceipt:
    """Take transactions back in that order, whoever made them, as one batch; `why` is what they have in common.

    expiries: by the number of a gain, that of the expiry of what was left of it; both are taken back, or neither.
    Returns and raises what `undo` does, but for the batch; InvalidSetting for more than MAX_ROWS of them.
    """
    if len(numbers) > MAX_ROWS:
        raise InvalidSetting("transactions", len(numbers), f"at most {MAX_ROWS:,} at once: a shorter span")
    head, rules = policy.locked(tx, origin)
    posting = _Posting(tx, head, rules, origin, head.batches + 1, partial, head.seq + 1)
    for chunk in _chunks(numbers):
        posting.reverse(chunk, reason, None, expiries or {})
    return posting.finish(BatchKind.BULK, why=why)


@dataclass(slots=True)
class _Posting:
    """A batch being posted, some thousand movements at a time."""

    tx: Connection
    head: Head
    rules: Policy
    origin: Origin
    number: int
    partial: bool
    first: int
    refused: list[RowRefused] = field(default_factory=list)
    posted: dict[int, int] = field(default_factory=dict)
    members: set[str | None] = field(default_factory=set)
    points: int = 0
    tried: int = 0
    made: int = 0

    def post(self, entries: Sequence[Entry]) -> None:
        """Post some entries; those refused are noted, the rest is written."""
        originals = {self.posted[e.takes_back] for e in entries if e.takes_back in self.posted}
        books = self._books(
            user_ids={entry.user_id for entry in entries},
            numbers=originals,
        )
        for entry in entries:
            self._try(entry.row, entry.user_id, lambda entry=entry: self._entry(books, entry))  # type: ignore[misc]
        books.save(self.tx)

    def reverse(
        self,
        numbers: Sequence[int],
        reason: str,
        untouchable: str | None,
        expiries: Mapping[int, int] | None = None,
    ) -> None:
        """Take some transactions back, none of `untouchable`'s; those refused are noted, the rest is written."""
        before = {number: (expiries or {}).get(number) for number in numbers}
        every = {*numbers, *(expiry for expiry in before.values() if expiry is not None)}
        books = self._books(user_ids=set(), numbers=every)
        for number in numbers:
            user_id = books.entries[number].receipt.user_id
            if user_id is not None and user_id == untouchable:
                self._refuse(number, user_id, SelfAward(user_id))
                continue
            self._try(number, user_id, functools.partial(self._gone, books, number, before[number], reason))
        books.save(self.tx)

    def finish(
        self,
        kind: BatchKind,
        *,
        mark: bytes | None = None,
        undoes: int | None = None,
        why: str | None = None,
    ) -> BatchReceipt:
        """Write the batch itself, on record, unless too many rows were refused. Raises RowsRefused."""
        if self.refused and not (self.partial and self.made):
            raise RowsRefused(tuple(self.refused), self.tried)
        if not self.made:
            raise InvalidSetting("batch", undoes, "one with transactions that are not taken back yet")
        actor_id = communities.actor_number(self.tx, self.head, self.origin.actor, self.origin.at)
        self.head.batches = self.number
        self.tx.execute(
            insert(Batch).values(
                community_id=self.head.community_id,
                number=self.number,
                kind=kind.value,
                actor_kind=self.origin.actor.kind.value,
                actor_id=actor_id,
                key=self.origin.key,
                checksum=mark,
                undoes=undoes,
                transactions=self.made,
                created_at=self.origin.at,
            )
        )
        receipt = BatchReceipt(
            number=self.number,
            kind=kind,
            transactions=self.made,
            members=len(self.members),
            points=self.points,
            actor=self.origin.actor,
            created_at=self.origin.at,
            undoes=undoes,
            refused=tuple(self.refused),
        )
        self._tell(receipt, why)
        communities.save(self.tx, self.head)
        return receipt

    def _books(self, *, user_ids: set[str], numbers: set[int]) -> Books:
        if self.origin.actor.user_id is not None:
            user_ids = user_ids | {self.origin.actor.user_id}
        wanted = Wanted(frozenset(user_ids), frozenset(), frozenset(numbers))
        return Books.load(self.tx, self.head, self.rules, wanted)

    def _try(self, row: int, user_id: str | None, act: Callable[[], int]) -> None:
        try:
            self.posted[row] = act()
            self.tried += 1
        except Refused as refusal:
            self._refuse(row, user_id, refusal)

    def _refuse(self, row: int, user_id: str | None, refusal: Refused) -> None:
        self.tried += 1
        self.refused.append(RowRefused(row, user_id, refusal))

    def _entry(self, books: Books, entry: Entry) -> int:
        if entry.takes_back is not None:
            if entry.takes_back not in self.posted:
                raise UnknownTransaction(entry.takes_back)
            return self._reversal(books, self.posted[entry.takes_back], entry.row, entry.reason)
        receipt = books.post(movement(self.origin, self.rules, self.number, entry))
        self._count(receipt.user_id, receipt.amount)
        return receipt.number

    def _gone(self, books: Books, number: int, expiry: int | None, reason: str) -> int:
        """Take a transaction back, and before it the expiry of what was left of it: both or neither."""
        if expiry is not None:
            books.check_reversals((expiry, number))
            self._reversal(books, expiry, expiry, reason)
        return self._reversal(books, number, number, reason)

    def _reversal(self, books: Books, number: int, row: int, reason: str) -> int:
        receipt = books.reverse(
            number,
            reason=reason,
            actor=self.origin.actor,
            key=key_of(self.origin, row),
            at=self.origin.at,
            batch=self.number,
        )
        self._count(receipt.user_id, receipt.amount)
        return receipt.number

    def _count(self, user_id: str | None, amount: int) -> None:
        self.made += 1
        self.members.add(user_id)
        self.points += amount

    def _tell(self, receipt: BatchReceipt, why: str | None) -> None:
        """Put the batch on record, in the log channel, before webhooks: once, however many movements it has."""
        change = audit.record(
            self.tx,
            self.head,
            self.origin,
            action=f"batch.{receipt.kind}",
            target=str(receipt.number),
            before=None,
            after={
                **({"why": why} if why else {}),
                "transactions": receipt.transactions,
                "members": receipt.members,
                "points": receipt.points,
                **({"left_out": len(receipt.refused)} if receipt.refused else {}),
                **({"undoes": receipt.undoes} if receipt.undoes else {}),
            },
        )
        if self.head.webhooks:
            told = webhooks.Batch(
                number=receipt.number,
                kind=receipt.kind.value,
                transactions=receipt.transactions,
                members=receipt.members,
                points=receipt.points,
                first=self.first,
                last=self.head.seq,
                actor=receipt.actor,
                at=self.origin.at,
                undoes=receipt.undoes,
            )
            webhooks.tell_batch(self.tx, self.head.community_id, told)
        if self.rules.log_channel:
            outbox.add(
                self.tx,
                self.head.community_id,
                Topic.CHANGED,
                str(change),
                at=self.origin.at,
                place=self.rules.log_channel,
            )


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def _replayed(
    tx: Connection,
    head: Head,
    rules: Policy,
    origin: Origin,
    earlier: BatchReceipt,
    entries: Sequence[Entry],
) -> BatchReceipt:
    """Return the earlier receipt if `entries` are what it stands for. Raises DuplicateTransaction."""
    known = 0
    for chunk in _chunks(entries):
        wanted = Wanted(
            frozenset({entry.user_id for entry in chunk}),
            frozenset(key_of(origin, e.row, e.part) for e in chunk),
        )
        books = Books.load(tx, head, rules, wanted)
        for entry in chunk:
            if key_of(origin, entry.row, entry.part) not in books.keys:
                continue  # it was refused, and left out
            known += 1
            if entry.takes_back is None:
                books.seen(movement(origin, rules, earlier.number, entry))
    if known != earlier.transactions:
        raise DuplicateTransaction(origin.key)
    return replace(earlier, replayed=True)
