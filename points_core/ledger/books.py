"""A community's books, open for one batch: load what the movements touch, decide each in order, write all at once.

Between `load` and `save` nothing touches the database: `post` and `reverse` are plain decisions over what
was loaded, and a refused movement leaves the books as they were.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, insert

from points_core import announcements, communities, levels, outbox, scores, seasons, webhooks
from points_core.communities import Head, Person
from points_core.errors import (
    AlreadyReversed,
    BalanceOutOfRange,
    DuplicateTransaction,
    InsufficientBalance,
    NotReversible,
    UnknownTransaction,
)
from points_core.ledger import chain, loading
from points_core.ledger.loading import Account, Entry, Wanted
from points_core.ledger.movement import Movement
from points_core.models import Member, PointBalance, PointTransaction
from points_core.outbox import Topic
from points_core.policy import Policy
from points_core.prepared import Prepared
from points_core.scores import Scores
from points_core.seasons import Sealed
from points_core.statements import insert_or_update
from points_core.values import MAX_BALANCE, Actor, ActorKind, Kind, Receipt

_NEW_MEMBER = Prepared(insert(Member))
_TRANSACTION = Prepared(insert(PointTransaction))


@cache
def _balance(dialect: str) -> Prepared:
    columns = ("current", "earned", "spent", "transactions", "last_seq", "updated_at", "level")
    return Prepared(insert_or_update(dialect, PointBalance, columns))


@dataclass(slots=True)
class Books:
    """The open books. Load them under the community's lock, post, save before the commit."""

    head: Head
    loaded: Head
    policy: Policy
    people: dict[str, Person]
    accounts: dict[int, Account]
    entries: dict[int, Entry]
    keys: dict[str, int]
    scores: Scores
    sealed: tuple[Sealed, ...] = ()
    rows: list[dict[str, Any]] = field(default_factory=list)
    new_people: list[dict[str, Any]] = field(default_factory=list)
    new_names: dict[int, str] = field(default_factory=dict)
    touched: dict[int, datetime] = field(default_factory=dict)

    @classmethod
    def load(cls, tx: Connection, head: Head, policy: Policy, wanted: Wanted) -> "Books":
        """Read everything the batch may touch: three or four SELECTs however many movements there are."""
        entries = loading.entries(tx, head.community_id, wanted)
        by_key = {key: entry.receipt.number for key, entry in entries if key in wanted.keys}
        known = {entry.receipt.number: entry for _, entry in entries}
        people = communities.people(tx, head.community_id, wanted.user_ids)
        member_ids = {person.id for person in people.values()} | {
            known[number].member_id for number in wanted.numbers if number in known
        }
        return cls(
            head=head,
            loaded=replace(head),
            policy=policy,
            people=people,
            accounts=loading.accounts(tx, head.community_id, member_ids),
            entries=known,
            keys=by_key,
            scores=Scores(policy.zone, scores.terms(tx, head.community_id) if head.seasons else ()),
            sealed=seasons.sealed(tx, head.community_id) if head.seasons else (),
        )

    def seen(self, movement: Movement) -> Receipt | None:
        """Return the receipt that this movement's key has already earned, if any.

        Raises DuplicateTransaction if the key stands for another request.
        """
        number = self.keys.get(movement.key)
        if number is None:
            return None
        entry = self.entries[number]
        person = self.people.get(movement.user_id)
        if person is None or not self._same(entry, movement, person.id):
            raise DuplicateTransaction(movement.key)
        return self._again(entry.receipt)

    def post(self, movement: Movement) -> Receipt:
        """Move points, or return the earlier receipt of the same key with `replayed` set.

        Raises InsufficientBalance, BalanceOutOfRange, DuplicateTransaction; then nothing has changed.
        """
        if earlier := self.seen(movement):
            return earlier
        self.check_balance(movement)
        member_id = self.enrol(movement.user_id, movement.name, movement.at)
        salt = chain.new_salt()
        return self._write(
            movement,
            self._account(member_id),
            salt=salt,
            request_hash=movement.commitment(member_id, salt),
            spends=movement.amount < 0,
        )

    def check_balance(self, movement: Movement) -> None:
        """Hold a movement against its member's balance as it is now.

        Raises InsufficientBalance, BalanceOutOfRange.
        """
        person = self.people.get(movement.user_id)
        self._check(self._account(person.id) if person else Account(0), movement.amount)

    def reverse(
        self, number: int, *, reason: str, actor: Actor, key: str, at: datetime, batch: int | None = None
    ) -> Receipt:
        """Take transaction `number` back, dated with it; or return the earlier receipt of the same key.

        Raises UnknownTransaction, AlreadyReversed, NotReversible, InsufficientBalance, BalanceOutOfRange,
        DuplicateTransaction; then nothing has changed.
        """
        original = self.entries.get(number)
        if original is None:
            raise UnknownTransaction(number)
        movement = replace(self._counter(original, reason=reason, actor=actor, key=key, at=at), batch=batch)
        if earlier := self._seen_reversal(movement, original):
            return earlier
        if original.receipt.kind is Kind.REVERSAL:
            raise NotReversible(number)
        if original.reversed_by is not None:
            raise AlreadyReversed(number, original.reversed_by)
        account = self._account(original.member_id)
        self._check(account, movement.amount)
        salt = chain.new_salt()
        receipt = self._write(
            movement,
            account,
            salt=salt,
            request_hash=movement.commitment(original.member_id, salt, reverses=number),
            spends=original.receipt.amount < 0,
            reverses=number,
        )
        self.entries[number] = replace(original, reversed_by=receipt.number)
        return receipt

    def check_reversals(self, numbers: tuple[int, ...]) -> None:
        """Hold what taking several transactions of one member back would leave against their balance.

        Raises InsufficientBalance, BalanceOutOfRange.
        """
        entries = [self.entries[number] for number in numbers]
        self._check(self._account(entries[0].member_id), -sum(entry.receipt.amount for entry in entries))

    def enrol(self, user_id: str, name: str | None, at: datetime) -> int:
        """Return the member number of `user_id`, taking the next one for someone new."""
        person = self.people.get(user_id)
        if person is None:
            self.head.members += 1
            self.people[user_id] = person = Person(self.head.members, name)
            self.new_people.append(
                {
                    "community_id": self.head.community_id,
                    "id": person.id,
                    "user_id": user_id,
                    "name": name,
                    "created_at": at,
                }
            )
        elif name and name != person.name:
            person.name = name
            self.new_names[person.id] = name
        return person.id

    def actor_id(self, actor: Actor, at: datetime) -> int | None:
        """Return an acting member's number, a program's, None for every other kind of actor."""
        if actor.kind is ActorKind.CLIENT:
            return actor.client
        if actor.kind is not ActorKind.MEMBER or actor.user_id is None:
            return None
        return self.enrol(actor.user_id, actor.name, at)

    def save(self, tx: Connection) -> None:
        """Write what was decided. Does nothing for a batch of refusals and replays."""
        if self.new_people:
            _NEW_MEMBER.run(tx, self.new_people)
        if self.new_names:
            communities.rename(tx, self.head.community_id, self.new_names)
        if self.rows:
            _TRANSACTION.run(tx, self.rows)
            moved = self._level()
            self._save_balances(tx)
            self.scores.save(tx, self.head.community_id)
            self._mark(tx, moved)
            self._tell(tx)
        if self.head != self.loaded:
            communities.save(tx, self.head)

    def _level(self) -> list[int]:
        """Bring the levels of those who moved up to date, and return whose is another one."""
        thresholds = self.policy.programme.thresholds
        new = {id: levels.reached(thresholds, self.accounts[id].earned) for id in self.touched}
        moved = [id for id, level in new.items() if level != self.accounts[id].level]
        for id in moved:
            self.accounts[id].level = new[id]
        return moved

    def _mark(self, tx: Connection, moved: list[int]) -> None:
        """Have those looked at anew whose level moved; where there are badges, everyone concerned."""
        at = self.rows[-1]["recorded_at"]
        if self.head.badges:
            levels.mark_movements(tx, self.head.community_id, self.loaded.seq, at)
        else:
            levels.mark(tx, self.head.community_id, moved, at)

    def _save_balances(self, tx: Connection) -> None:
        _balance(tx.dialect.name).run(
            tx,
            [
                {
                    "community_id": self.head.community_id,
                    "member_id": member_id,
                    "current": account.current,
                    "earned": account.earned,
                    "spent": account.spent,
                    "transactions": account.transactions,
                    "last_seq": account.last_seq,
                    "updated_at": at,
                    "level": account.level,
                }
                for member_id, at in self.touched.items()
                for account in [self.accounts[member_id]]
            ],
        )

    def _tell(self, tx: Connection) -> None:
        """Tell of single movements; a batch has one line and one event of its own, however many it has."""
        announcements.taken_back(tx, self.rows)
        single = [row for row in self.rows if row["batch"] is None]
        if self.head.webhooks and single:
            written = (self.entries[row["seq"]].receipt for row in single)
            webhooks.tell_recorded(tx, self.head.community_id, written)
        if self.policy.log_channel:
            for row in single:
                outbox.add(
                    tx,
                    self.head.community_id,
                    Topic.RECORDED,
                    str(row["seq"]),
                    at=row["recorded_at"],
                    place=self.policy.log_channel,
                )

    def _again(self, receipt: Receipt) -> Receipt:
        season = seasons.corrected(self.sealed, receipt.number, receipt.effective_at)
        return replace(receipt, season=season, replayed=True)

    def _account(self, member_id: int) -> Account:
        return self.accounts.setdefault(member_id, Account(member_id))

    def _check(self, account: Account, amount: int) -> None:
        after = account.current + amount
        floor = self.policy.floor
        if amount < 0 and floor is not None and after < floor:
            raise InsufficientBalance(account.current, -amount, floor)
        if abs(after) > MAX_BALANCE or account.earned + abs(amount) > MAX_BALANCE:
            raise BalanceOutOfRange(account.current, amount)

    def _same(self, entry: Entry, movement: Movement, member_id: int, reverses: int | None = None) -> bool:
        if entry.salt is None:  # its texts were erased: what is left must agree
            asked = (member_id, movement.kind, movement.amount, reverses)
            return asked == (
                entry.member_id,
                entry.receipt.kind,
                entry.receipt.amount,
                entry.receipt.reverses,
            )
        return movement.commitment(member_id, entry.salt, reverses) == entry.request_hash

    def _seen_reversal(self, movement: Movement, original: Entry) -> Receipt | None:
        number = self.keys.get(movement.key)
        if number is None:
            return None
        entry = self.entries[number]
        if not self._same(entry, movement, original.member_id, original.receipt.number):
            raise DuplicateTransaction(movement.key)
        return self._again(entry.receipt)

    def _counter(self, original: Entry, *, reason: str, actor: Actor, key: str, at: datetime) -> Movement:
        category = next((c for c in self.policy.categories if c.id == original.category_id), None)
        return Movement(
            kind=Kind.REVERSAL,
            user_id=original.receipt.user_id or "",
            name=original.receipt.name,
            amount=-original.receipt.amount,
            reason=reason,
            actor=actor,
            key=key,
            at=at,
            category=category,
            effective_at=original.receipt.effective_at,
        )

    def _write(
        self,
        movement: Movement,
        account: Account,
        *,
        salt: bytes,
        request_hash: bytes,
        spends: bool,
        reverses: int | None = None,
    ) -> Receipt:
        head = self.head
        # Record times never go back, though clocks do. When points count is no matter of an earlier clock.
        recorded_at = max(movement.at, head.recorded_at) if head.recorded_at else movement.at
        actor_id = self.actor_id(movement.actor, movement.at)
        before = account.current
        head.seq += 1
        account.current += movement.amount
        account.earned += 0 if spends else movement.amount
        account.spent -= movement.amount if spends else 0
        account.transactions += 1
        account.last_seq = head.seq
        row: dict[str, Any] = {
            "community_id": head.community_id,
            "seq": head.seq,
            "member_id": account.member_id,
            "member_seq": account.transactions,
            "kind": movement.kind.value,
            "amount": movement.amount,
            "balance_after": account.current,
            "floor": self.policy.floor,
            "category_id": movement.category.id if movement.category else None,
            "reason": movement.reason,
            "evidence": movement.evidence,
            "salt": salt,
            "actor_kind": movement.actor.kind.value,
            "actor_id": actor_id,
            "validator_id": movement.validator_id,
            "request_number": movement.request,
            "batch": movement.batch,
            "reverses": reverses,
            "key": movement.key,
            "request_hash": request_hash,
            "effective_at": movement.effective_at or movement.at,
            "recorded_at": recorded_at,
            "prev_hash": head.hash,
            "rule_number": movement.rule[0] if movement.rule else None,
            "rule_version": movement.rule[1] if movement.rule else None,
        }
        row["hash"] = head.hash = chain.link(head.hash, row)
        head.recorded_at = recorded_at
        self.rows.append(row)
        self.touched[account.member_id] = recorded_at
        self.scores.add(
            scores.Movement(
                head.seq, account.member_id, row["category_id"], movement.amount, row["effective_at"]
            )
        )
        receipt = Receipt(
            number=head.seq,
            kind=movement.kind,
            user_id=movement.user_id or None,
            name=self.people[movement.user_id].name if movement.user_id in self.people else movement.name,
            amount=movement.amount,
            before=before,
            after=account.current,
            category=movement.category.name if movement.category else None,
            reason=movement.reason,
            evidence=movement.evidence,
            actor=movement.actor,
            effective_at=row["effective_at"],
            recorded_at=recorded_at,
            reverses=reverses,
            request=movement.request,
            batch=movement.batch,
            rule=movement.rule,
            season=seasons.corrected(self.sealed, head.seq, row["effective_at"]),
        )
        self.entries[head.seq] = Entry(receipt, account.member_id, row["category_id"], salt, request_hash)
        self.keys[movement.key] = head.seq
        return receipt
