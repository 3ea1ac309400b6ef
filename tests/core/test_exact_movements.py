"""The books decide without a database: every field of a row, a receipt, a balance and a refusal."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from points_core.communities import Head, Person
from points_core.errors import (
    AlreadyReversed,
    BalanceOutOfRange,
    DuplicateTransaction,
    InsufficientBalance,
    NotReversible,
    Refused,
    UnknownTransaction,
)
from points_core.ledger import Books, Movement, chain
from points_core.ledger.loading import Account, Entry
from points_core.policy import Category, Policy
from points_core.scores import Scores
from points_core.seasons import Sealed
from points_core.values import MAX_BALANCE, Actor, ActorKind, Kind, Receipt
from points_core.windows import Span

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
DAY = timedelta(days=1)
EVENTS, HELPING, GONE = (
    Category(1, "events", False),
    Category(2, "helping", False),
    Category(3, "gone", True),
)
RULES = Policy(categories=(EVENTS, HELPING, GONE))
BENEATH = Policy(categories=(EVENTS,), allow_negative=True)
MO = Actor.member("mo", "Mo")
OPERATOR = Actor(ActorKind.OPERATOR)


def books(**changes: Any) -> Books:
    """Return open books: ada (1) has 10 points of 15, mo (2) none yet; #40 was the last transaction."""
    head = Head(
        community_id=7,
        seq=40,
        hash=b"h" * 32,
        recorded_at=NOON - DAY,
        members=2,
        requests=3,
        schedules=0,
        audit_events=0,
        batches=0,
        seasons=0,
        clients=0,
        webhooks=0,
        rules=0,
        rule_changes=0,
        badges=0,
        closed_because=None,
    )
    there: dict[str, Any] = {
        "head": head,
        "loaded": replace(head),
        "policy": RULES,
        "people": {"ada": Person(1, "Ada"), "mo": Person(2, None)},
        "accounts": {1: Account(1, 10, 15, 5, 3, 39, 1)},
        "entries": {},
        "keys": {},
        "scores": Scores(RULES.zone),
    }
    return Books(**there | changes)


FULL = Movement(
    kind=Kind.AWARD,
    user_id="ada",
    amount=5,
    reason="reviewed a patch",
    actor=MO,
    key="k:1",
    at=NOON,
    name="Ada Lovelace",
    category=HELPING,
    evidence="https://example.com/1",
    effective_at=NOON - 3 * DAY,
    request=4,
    validator_id=9,
    batch=8,
    rule=(6, 2),
)
PLAIN = Movement(
    kind=Kind.AWARD, user_id="ada", amount=5, reason="thanks", actor=OPERATOR, key="k:2", at=NOON
)
DEDUCTION = replace(PLAIN, kind=Kind.DEDUCTION, amount=-5)


def refused(kind: type[Refused], call: Callable[..., object], /, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the fields of the refusal."""
    with pytest.raises(kind) as refusal:
        call(*args, **kwargs)
    return vars(refusal.value)


def left(open_books: Books) -> tuple[Any, ...]:
    """Return all that a refusal must leave as it was."""
    return (
        replace(open_books.head),
        {user_id: replace(person) for user_id, person in open_books.people.items()},
        {id: replace(account) for id, account in open_books.accounts.items()},
        dict(open_books.entries),
        dict(open_books.keys),
        dict(open_books.scores.scores),
        list(open_books.rows),
        list(open_books.new_people),
        dict(open_books.new_names),
        dict(open_books.touched),
    )


def asked_hash(salt: bytes, *asked: object) -> bytes:
    return hashlib.sha256(salt + json.dumps(list(asked), ensure_ascii=False).encode()).digest()


# ── what is written ──


def test_a_movement_with_everything_said_is_written_and_answered_whole() -> None:
    open_books = books()
    receipt = open_books.post(FULL)

    assert receipt == Receipt(
        number=41,
        kind=Kind.AWARD,
        user_id="ada",
        name="Ada Lovelace",
        amount=5,
        before=10,
        after=15,
        category="helping",
        reason="reviewed a patch",
        evidence="https://example.com/1",
        actor=MO,
        effective_at=NOON - 3 * DAY,
        recorded_at=NOON,
        request=4,
        batch=8,
        rule=(6, 2),
    )
    (row,) = open_books.rows
    salt, request_hash, sealed = row["salt"], row["request_hash"], row["hash"]
    micros = (NOON - 3 * DAY).timestamp() * 1_000_000
    assert request_hash == asked_hash(
        salt,
        *("k:1", "award", 1, 5, 2, "reviewed a patch", "https://example.com/1", None, f"{micros:.0f}"),
    )
    assert sealed == chain.link(b"h" * 32, row)
    assert row == {
        "community_id": 7,
        "seq": 41,
        "member_id": 1,
        "member_seq": 4,
        "kind": "award",
        "amount": 5,
        "balance_after": 15,
        "floor": 0,
        "category_id": 2,
        "reason": "reviewed a patch",
        "evidence": "https://example.com/1",
        "salt": salt,
        "actor_kind": "member",
        "actor_id": 2,
        "validator_id": 9,
        "request_number": 4,
        "batch": 8,
        "reverses": None,
        "key": "k:1",
        "request_hash": request_hash,
        "effective_at": NOON - 3 * DAY,
        "recorded_at": NOON,
        "prev_hash": b"h" * 32,
        "rule_number": 6,
        "rule_version": 2,
        "hash": sealed,
    }
    assert len(salt) == 16
    assert open_books.head == replace(open_books.loaded, seq=41, hash=sealed, recorded_at=NOON)
    assert open_books.accounts == {1: Account(1, 15, 20, 5, 4, 41, 1)}
    assert open_books.entries == {41: Entry(receipt, 1, 2, salt, request_hash)}
    assert open_books.keys == {"k:1": 41}
    assert open_books.touched == {1: NOON}
    assert (open_books.new_people, open_books.new_names) == ([], {1: "Ada Lovelace", 2: "Mo"})
    assert open_books.scores.scores[1, int(Span.ALL), 0, 2] == (5, 41)
    assert open_books.scores.scores[1, int(Span.DAY), (NOON - 3 * DAY).date().toordinal(), 0] == (5, 41)


def test_a_movement_with_nothing_more_said_counts_now_and_is_nobodys() -> None:
    open_books = books(head=replace(books().head, recorded_at=None))
    receipt = open_books.post(PLAIN)

    assert receipt == Receipt(
        number=41,
        kind=Kind.AWARD,
        user_id="ada",
        name="Ada",
        amount=5,
        before=10,
        after=15,
        category=None,
        reason="thanks",
        evidence=None,
        actor=OPERATOR,
        effective_at=NOON,
        recorded_at=NOON,
    )
    (row,) = open_books.rows
    assert row["request_hash"] == asked_hash(
        row["salt"], "k:2", "award", 1, 5, None, "thanks", None, None, None
    )
    nothing = ("category_id", "evidence", "actor_id", "validator_id", "request_number", "batch", "reverses")
    assert {row[name] for name in (*nothing, "rule_number", "rule_version")} == {None}
    assert (row["actor_kind"], row["effective_at"], row["recorded_at"]) == ("operator", NOON, NOON)
    assert (open_books.new_people, open_books.new_names) == ([], {})


def test_a_deduction_counts_as_spent_and_the_next_movement_goes_on_from_it() -> None:
    open_books = books(policy=BENEATH)
    first, second = open_books.post(replace(DEDUCTION, amount=-12)), open_books.post(FULL)

    assert (first.before, first.after, first.amount) == (10, -2, -12)
    assert (second.number, second.before, second.after) == (42, -2, 3)
    assert [row["floor"] for row in open_books.rows] == [None, None]
    assert [row["member_seq"] for row in open_books.rows] == [4, 5]
    assert open_books.rows[1]["prev_hash"] == open_books.rows[0]["hash"]
    assert open_books.accounts == {1: Account(1, 3, 20, 17, 5, 42, 1)}
    assert open_books.scores.scores[1, int(Span.ALL), 0, 0] == (-7, 42)


def test_who_is_new_gets_the_next_number_and_a_balance_from_nothing() -> None:
    open_books = books()
    receipt = open_books.post(replace(PLAIN, user_id="bo", name="Bo", actor=Actor.member("cy")))

    assert (receipt.user_id, receipt.name, receipt.before, receipt.after) == ("bo", "Bo", 0, 5)
    assert open_books.new_people == [
        {"community_id": 7, "id": 3, "user_id": "bo", "name": "Bo", "created_at": NOON},
        {"community_id": 7, "id": 4, "user_id": "cy", "name": None, "created_at": NOON},
    ]
    assert open_books.head.members == 4
    assert (open_books.rows[0]["member_id"], open_books.rows[0]["actor_id"]) == (3, 4)
    assert open_books.people["bo"] == Person(3, "Bo")
    assert open_books.people["cy"] == Person(4, None)
    assert open_books.accounts[3] == Account(3, 5, 5, 0, 1, 41, 0)


def test_a_record_time_never_goes_back_and_what_counts_does_not_follow_an_earlier_clock() -> None:
    open_books = books()
    receipt = open_books.post(replace(PLAIN, at=NOON - 2 * DAY))

    assert (receipt.recorded_at, receipt.effective_at) == (NOON - DAY, NOON - 2 * DAY)
    assert (open_books.head.recorded_at, open_books.touched) == (NOON - DAY, {1: NOON - DAY})


@pytest.mark.parametrize(
    "actor, number",
    [
        (MO, 2),
        (Actor(ActorKind.MEMBER), None),
        (Actor(ActorKind.CLIENT, client=5), 5),
        (Actor(ActorKind.RULE, user_id="mo", client=5), None),
        (OPERATOR, None),
        (Actor(ActorKind.SYSTEM), None),
    ],
    ids=str,
)
def test_an_actor_has_the_number_of_what_they_are(actor: Actor, number: int | None) -> None:
    assert books().actor_id(actor, NOON) == number


def test_a_name_is_remembered_where_it_is_another_one() -> None:
    open_books = books()
    assert [open_books.enrol("ada", name, NOON) for name in (None, "", "Ada")] == [1, 1, 1]
    assert (open_books.people["ada"], open_books.new_names) == (Person(1, "Ada"), {})
    assert open_books.enrol("ada", "Countess", NOON) == 1
    assert (open_books.people["ada"], open_books.new_names) == (Person(1, "Countess"), {1: "Countess"})


# ── what is taken back ──


def reverse(open_books: Books, number: int = 41, key: str = "undo:1", **more: Any) -> Receipt:
    asked: dict[str, Any] = {"reason": "a mistake", "actor": MO, "key": key, "at": NOON + DAY}
    return open_books.reverse(number, **asked | more)


def test_a_reversal_is_written_and_answered_whole() -> None:
    open_books = books()
    original = open_books.post(FULL)
    receipt = reverse(open_books, batch=11)

    assert receipt == Receipt(
        number=42,
        kind=Kind.REVERSAL,
        user_id="ada",
        name="Ada Lovelace",
        amount=-5,
        before=15,
        after=10,
        category="helping",
        reason="a mistake",
        evidence=None,
        actor=MO,
        effective_at=NOON - 3 * DAY,
        recorded_at=NOON + DAY,
        reverses=41,
        batch=11,
    )
    row = open_books.rows[1]
    assert row["request_hash"] == asked_hash(
        row["salt"], "undo:1", "reversal", 1, -5, 2, "a mistake", None, 41, None
    )
    assert (row["reverses"], row["category_id"], row["actor_id"], row["batch"]) == (41, 2, 2, 11)
    assert open_books.entries[42] == Entry(receipt, 1, 2, row["salt"], row["request_hash"])
    assert open_books.entries[41] == Entry(
        original, 1, 2, open_books.rows[0]["salt"], open_books.rows[0]["request_hash"], reversed_by=42
    )
    assert open_books.accounts == {1: Account(1, 10, 15, 5, 5, 42, 1)}
    assert open_books.scores.scores[1, int(Span.ALL), 0, 2] == (0, 42)
    assert reverse(open_books, batch=11) == replace(receipt, replayed=True)


def test_a_deduction_taken_back_is_no_longer_spent_and_a_retired_category_keeps_its_name() -> None:
    open_books = books()
    open_books.post(replace(DEDUCTION, category=GONE))
    receipt = reverse(open_books)

    assert (receipt.amount, receipt.category, receipt.batch) == (5, "gone", None)
    assert open_books.accounts == {1: Account(1, 10, 15, 5, 5, 42, 1)}


def test_what_an_erased_member_had_is_taken_back_without_their_name() -> None:
    open_books = books()
    original = open_books.post(PLAIN)
    open_books.entries[41] = replace(
        open_books.entries[41], receipt=replace(original, user_id=None, name=None)
    )
    del open_books.people["ada"]
    receipt = reverse(open_books)

    assert (receipt.user_id, receipt.name, receipt.amount) == (None, None, -5)
    assert (open_books.new_people, open_books.accounts[1].current) == ([], 10)


# ── what is refused, and leaves everything as it was ──


def test_what_cannot_be_taken_back_is_refused_with_its_numbers() -> None:
    open_books = books()
    open_books.post(FULL)
    open_books.post(replace(DEDUCTION, amount=-12))
    before = left(open_books)
    assert refused(UnknownTransaction, reverse, open_books, 40) == {"number": 40}
    assert refused(InsufficientBalance, reverse, open_books) == {"balance": 3, "amount": 5, "floor": 0}
    assert left(open_books) == before

    reverse(open_books, 42)
    before = left(open_books)
    assert refused(NotReversible, reverse, open_books, 43, "undo:2") == {"number": 43}
    assert refused(AlreadyReversed, reverse, open_books, 42, "undo:2") == {"number": 42, "by": 43}
    assert refused(DuplicateTransaction, reverse, open_books, 41) == {"key": "undo:1"}
    assert refused(DuplicateTransaction, reverse, open_books, 42, reason="no") == {"key": "undo:1"}
    assert left(open_books) == before


@pytest.mark.parametrize(
    "other",
    [
        {"user_id": "mo"},
        {"user_id": "nobody"},
        {"kind": Kind.IMPORT},
        {"amount": 6},
        {"category": EVENTS},
        {"category": None},
        {"reason": "another"},
        {"evidence": None},
        {"effective_at": None},
        {"effective_at": NOON - 2 * DAY},
    ],
    ids=str,
)
def test_a_key_stands_for_one_request(other: dict[str, Any]) -> None:
    open_books = books()
    first = open_books.post(FULL)
    before = left(open_books)

    assert refused(DuplicateTransaction, open_books.post, replace(FULL, **other)) == {"key": "k:1"}
    told_again = replace(FULL, at=NOON + DAY, actor=OPERATOR, name="A", request=5, batch=9, rule=None)
    assert open_books.post(told_again) == replace(first, replayed=True)
    assert open_books.seen(told_again) == replace(first, replayed=True)
    assert open_books.seen(replace(FULL, key="k:3")) is None
    assert left(open_books) == before


@pytest.mark.parametrize(
    "other", [{"user_id": "mo"}, {"kind": Kind.IMPORT}, {"amount": 6}], ids=lambda other: next(iter(other))
)
def test_of_an_erased_request_what_is_left_must_agree(other: dict[str, Any]) -> None:
    open_books = books()
    first = open_books.post(FULL)
    open_books.entries[41] = replace(open_books.entries[41], salt=None)

    assert open_books.post(replace(FULL, reason="another")) == replace(first, replayed=True)
    assert refused(DuplicateTransaction, open_books.post, replace(FULL, **other)) == {"key": "k:1"}

    undone = reverse(open_books)
    open_books.entries[42] = replace(open_books.entries[42], salt=None)
    assert reverse(open_books, reason="another") == replace(undone, replayed=True)
    second = open_books.post(replace(FULL, key="k:9"))
    assert refused(DuplicateTransaction, reverse, open_books, second.number) == {"key": "undo:1"}
    turned = replace(FULL, kind=Kind.REVERSAL, amount=-5, key="undo:1")
    assert refused(DuplicateTransaction, open_books.post, turned) == {"key": "undo:1"}


def test_a_balance_may_be_emptied_and_not_a_point_more() -> None:
    open_books = books()
    before = left(open_books)
    short = {"balance": 10, "amount": 11, "floor": 0}
    assert refused(InsufficientBalance, open_books.post, replace(DEDUCTION, amount=-11)) == short
    assert refused(InsufficientBalance, open_books.check_balance, replace(DEDUCTION, amount=-11)) == short
    stranger = replace(DEDUCTION, user_id="nobody", amount=-1)
    assert refused(InsufficientBalance, open_books.check_balance, stranger) == {
        "balance": 0,
        "amount": 1,
        "floor": 0,
    }
    open_books.check_balance(replace(DEDUCTION, amount=-10))
    open_books.check_balance(replace(PLAIN, user_id="nobody"))
    assert left(open_books) == before

    assert open_books.post(replace(DEDUCTION, amount=-10)).after == 0


def test_who_is_below_the_floor_may_still_be_given_points() -> None:
    open_books = books(accounts={1: Account(1, -20, 0, 20, 1, 39)})
    assert open_books.post(PLAIN).after == -15


@pytest.mark.parametrize("amount", [1, -1])
def test_a_balance_stays_among_the_numbers_that_are_kept_exactly(amount: int) -> None:
    def at(current: int, earned: int = 0) -> Books:
        return books(policy=BENEATH, accounts={1: Account(1, current, earned, earned - current, 1, 39)})

    move = replace(PLAIN if amount > 0 else DEDUCTION, amount=amount)
    edge = MAX_BALANCE * amount
    assert refused(BalanceOutOfRange, at(edge).post, move) == {"balance": edge, "amount": amount}
    assert at(edge - amount).post(move).after == edge
    full = at(0, MAX_BALANCE)
    assert refused(BalanceOutOfRange, full.post, move) == {"balance": 0, "amount": amount}
    assert at(0, MAX_BALANCE - 1).post(move).after == amount


def test_several_are_taken_back_together_if_what_is_left_bears_it() -> None:
    open_books = books(accounts={1: Account(1)})
    first, second = open_books.post(FULL), open_books.post(replace(PLAIN, amount=20))
    third = open_books.post(replace(DEDUCTION, key="k:3", amount=-4))
    before = left(open_books)

    open_books.check_reversals((second.number,))
    open_books.check_reversals((first.number, second.number, third.number))
    assert refused(InsufficientBalance, open_books.check_reversals, (first.number, second.number)) == {
        "balance": 21,
        "amount": 25,
        "floor": 0,
    }
    assert left(open_books) == before


# ── sealed seasons ──


def test_who_moves_points_into_a_sealed_season_is_told_so_each_time() -> None:
    spring = Sealed("spring", NOON - 5 * DAY, NOON - 2 * DAY, 40)
    open_books = books(sealed=(Sealed("winter", NOON - 9 * DAY, NOON - 5 * DAY, 12), spring))
    into, after = open_books.post(FULL), open_books.post(PLAIN)
    undone = reverse(open_books)

    assert (into.season, after.season, undone.season) == ("spring", None, "spring")
    assert open_books.post(FULL) == replace(into, replayed=True)
    assert reverse(open_books) == replace(undone, replayed=True)
    read_back = replace(open_books.entries[41], receipt=replace(into, season=None))
    open_books.entries[41] = read_back
    assert open_books.post(FULL) == replace(into, replayed=True)


# ── what a hash covers ──


def test_a_hash_covers_the_columns_by_name_in_their_order_and_no_null() -> None:
    row: dict[str, Any] = dict.fromkeys(chain.CHAINED)
    row |= {"community_id": 7, "seq": 41, "kind": Kind.AWARD, "amount": -5, "key": "not covered"}
    row |= {"request_hash": b"\x01\xff", "effective_at": NOON, "rule_version": 0, "batch": True}
    micros = f"{NOON.timestamp() * 1_000_000:.0f}"
    text = (
        f"community_id=7\nseq=41\nkind=award\namount=-5\nrequest_hash=01ff\neffective_at={micros}\n"
        "batch=True\nrule_version=0"
    )
    assert chain.link(b"before", row) == hashlib.sha256(b"before" + text.encode()).digest()


def test_a_commitment_is_to_everything_asked_in_any_script() -> None:
    salt = bytes(range(16))
    asked: dict[str, Any] = {"key": "k", "kind": Kind.AWARD, "member_id": 1, "amount": 5, "category_id": 2}
    asked |= {"reason": "Grüße 👋", "evidence": None}
    assert chain.commitment(salt, **asked) == asked_hash(
        salt, "k", "award", 1, 5, 2, "Grüße 👋", None, None, None
    )
    text = '["k", "award", 1, 5, 2, "Grüße 👋", null, 3, "1773835200000000"]'
    told = chain.commitment(salt, **asked, reverses=3, effective_at=NOON)
    assert told == hashlib.sha256(salt + text.encode()).digest()


def test_a_salt_is_drawn_anew_when_those_drawn_together_are_used_up() -> None:
    salts = {chain.new_salt() for _ in range(2 * chain.SALTS_AT_ONCE + 1)}
    assert len(salts) == 2 * chain.SALTS_AT_ONCE + 1
    assert {len(salt) for salt in salts} == {chain.SALT_BYTES} == {16}
