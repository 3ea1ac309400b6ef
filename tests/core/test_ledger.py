"""The books: keys, balances, reversals, the chain, and what the tables themselves refuse."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text

from points_core import approvals, awards, history, policy, verification
from points_core.database import Points
from points_core.errors import (
    AlreadyReversed,
    DuplicateTransaction,
    InsufficientBalance,
    LedgerCorrupt,
    NotReversible,
    UnknownTransaction,
)
from points_core.ledger import chain
from points_core.values import Kind, Receipt
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, by, row_counts


async def award(points: Points, amount: int = 10, key: str | None = None, **more: Any) -> Receipt:
    asked: dict[str, Any] = {
        "kind": Kind.AWARD,
        "user_id": ADA,
        "amount": amount,
        "reason": "reviewed a patch",
        "again": True,
    }
    receipt = await points.write(approvals.request, by(MOD, key), **(asked | more))
    assert isinstance(receipt, Receipt)
    return receipt


async def deduct(points: Points, amount: int, **more: Any) -> Receipt:
    return await award(points, amount, kind=Kind.DEDUCTION, **more)


def execute(tx: Connection, *statements: str) -> None:
    for statement in statements:
        tx.execute(text(statement))


async def current(points: Points, user_id: str = ADA) -> int:
    return (await points.read(history.balance, COMMUNITY, user_id)).current


async def test_an_award_says_its_number_and_the_balance_before_and_after(points: Points) -> None:
    first = await award(points, 10)
    second = await award(points, 5)

    assert (first.number, first.before, first.after) == (1, 0, 10)
    assert (second.number, second.before, second.after) == (2, 10, 15)
    assert await current(points) == 15


async def test_asking_twice_with_one_key_moves_points_once(points: Points) -> None:
    first = await award(points, key="interaction:1")
    second = await award(points, key="interaction:1")

    assert second == replace(first, replayed=True)
    assert await current(points) == 10


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 11},
        {"user_id": GRACE},
        {"reason": "another"},
        {"category": "events"},
        {"evidence": "https://example.com/1"},
        {"kind": Kind.DEDUCTION},
        {"effective_at": NOON - timedelta(days=1)},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_the_same_key_with_another_request_is_refused(points: Points, other: dict[str, Any]) -> None:
    await award(points, key="interaction:1")
    before = await row_counts(points)

    with pytest.raises(DuplicateTransaction):
        await award(points, key="interaction:1", **other)
    assert await row_counts(points) == before


async def test_one_key_in_two_communities_is_two_requests(points: Points) -> None:
    here = await award(points, key="interaction:1")
    there = await points.write(
        approvals.request,
        by(MOD, "interaction:1", community="village"),
        kind=Kind.AWARD,
        user_id=ADA,
        amount=3,
        reason="x",
    )

    assert isinstance(there, Receipt)
    assert (here.number, there.number, there.replayed) == (1, 1, False)
    assert await current(points) == 10


async def test_a_balance_does_not_fall_below_zero(points: Points) -> None:
    await award(points, 10)
    before = await row_counts(points)

    with pytest.raises(InsufficientBalance) as refusal:
        await deduct(points, 11)
    assert (refusal.value.balance, refusal.value.amount, refusal.value.floor) == (10, 11, 0)
    assert await row_counts(points) == before
    assert await current(points) == 10


async def test_a_balance_may_fall_below_zero_where_policy_allows_it(points: Points) -> None:
    await points.write(policy.change, by(MOD), allow_negative=True)

    receipt = await deduct(points, 11)

    assert receipt.after == -11
    assert await points.read(verification.verify) == []


async def test_a_reversal_mirrors_its_original_and_is_dated_with_it(points: Points) -> None:
    original = await award(points, 10, category="events", effective_at=NOON - timedelta(days=9))

    reversal = await points.write(awards.reverse, by(MOD), original.number, reason="wrong person")

    assert (reversal.amount, reversal.reverses, reversal.kind) == (-10, original.number, Kind.REVERSAL)
    assert (reversal.category, reversal.effective_at) == ("events", original.effective_at)
    balance = await points.read(history.balance, COMMUNITY, ADA)
    assert (balance.current, balance.earned, balance.spent) == (0, 0, 0)


async def test_a_reversed_deduction_is_not_counted_as_earned(points: Points) -> None:
    await award(points, 10)
    deduction = await deduct(points, 4)

    await points.write(awards.reverse, by(MOD), deduction.number, reason="it was somebody else")

    balance = await points.read(history.balance, COMMUNITY, ADA)
    assert (balance.current, balance.earned, balance.spent) == (10, 10, 0)


async def test_a_transaction_is_taken_back_once_and_a_reversal_never(points: Points) -> None:
    original = await award(points)
    reversal = await points.write(awards.reverse, by(MOD), original.number, reason="x")

    with pytest.raises(AlreadyReversed) as refusal:
        await points.write(awards.reverse, by(MOD), original.number, reason="x")
    assert refusal.value.by == reversal.number
    with pytest.raises(NotReversible):
        await points.write(awards.reverse, by(MOD), reversal.number, reason="x")
    with pytest.raises(UnknownTransaction):
        await points.write(awards.reverse, by(MOD), 99, reason="x")


async def test_the_same_undo_delivered_again_gives_the_first_answer(points: Points) -> None:
    original = await award(points)
    first = await points.write(awards.reverse, by(MOD, "interaction:2"), original.number, reason="x")
    again = await points.write(awards.reverse, by(MOD, "interaction:2"), original.number, reason="x")

    assert again == replace(first, replayed=True)
    with pytest.raises(DuplicateTransaction):
        await points.write(awards.reverse, by(MOD, "interaction:2"), original.number, reason="y")


async def test_points_already_spent_cannot_be_taken_back(points: Points) -> None:
    original = await award(points, 10)
    await deduct(points, 8)

    with pytest.raises(InsufficientBalance):
        await points.write(awards.reverse, by(MOD), original.number, reason="x")
    assert await current(points) == 2


async def test_recorded_times_never_go_back_though_the_clock_does(points: Points) -> None:
    await points.write(
        approvals.request, by(MOD, at=NOON), kind=Kind.AWARD, user_id=ADA, amount=1, reason="a"
    )
    earlier = by(MOD, at=NOON - timedelta(hours=1))
    second = await points.write(
        approvals.request, earlier, kind=Kind.AWARD, user_id=ADA, amount=1, reason="b"
    )

    assert isinstance(second, Receipt)
    assert (second.recorded_at, second.effective_at) == (NOON, NOON - timedelta(hours=1))
    assert await points.read(verification.verify) == []


HOSTILE = {
    "an amount changed": "UPDATE point_transactions SET amount = 11",
    "a balance changed": "UPDATE point_transactions SET balance_after = 11",
    "a reason rewritten": "UPDATE point_transactions SET reason = 'something nicer'",
    "a hash changed": "UPDATE point_transactions SET hash = prev_hash",
    "a row deleted": "DELETE FROM point_transactions",
    "the head set back": "UPDATE ledger_heads SET seq = 0",
    "the head deleted": "DELETE FROM ledger_heads",
    "an audit event deleted": "DELETE FROM audit_events",
    "an audit event rewritten": "UPDATE audit_events SET action = 'nothing'",
    "a vote rewritten": "UPDATE approval_votes SET approve = NOT approve",
    "a vote deleted": "DELETE FROM approval_votes",
    "a request deleted": "DELETE FROM approval_requests",
    "a request's amount changed": "UPDATE approval_requests SET amount = amount + 1",
    "a request decided twice": "UPDATE approval_requests SET state = 'rejected', transaction_seq = NULL",
}
POSTGRES_ONLY = {
    "the ledger truncated": "TRUNCATE point_transactions CASCADE",
    "the replica role": "SET session_replication_role = replica; DELETE FROM point_transactions",
}
SQLITE_ONLY = {
    "a row replaced": "REPLACE INTO point_transactions SELECT * FROM point_transactions",
}


@pytest.mark.parametrize(
    "statement", [pytest.param(s, id=name) for name, s in {**HOSTILE, **POSTGRES_ONLY, **SQLITE_ONLY}.items()]
)
async def test_the_tables_refuse(points: Points, statement: str) -> None:
    backend = "sqlite" if points.settings.database_url.startswith("sqlite") else "postgresql"
    if statement in (POSTGRES_ONLY if backend == "sqlite" else SQLITE_ONLY).values():
        pytest.skip("the other database's own statement")
    await points.write(policy.change, by(MOD), quorum=1, approval_threshold=50)
    await award(points, 10)
    request = await points.write(
        approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=100, reason="a big one"
    )
    await points.write(approvals.vote, by("9002"), request.number, approve=True)

    before = await row_counts(points)
    with pytest.raises(
        LedgerCorrupt, match=r"append-only|never goes back|decided once|only be erased|asked stays|pk_"
    ):
        await points.write(execute, *statement.split("; "))
    assert await row_counts(points) == before
    assert await points.read(verification.verify) == []


async def test_erasing_a_text_keeps_the_chain_and_cannot_be_filled_again(points: Points) -> None:
    await award(points, evidence="https://example.com/1")
    await points.write(execute, "UPDATE point_transactions SET reason = NULL, evidence = NULL, salt = NULL")

    assert await points.read(verification.verify) == []
    assert (await points.read(history.transaction, COMMUNITY, 1)).reason is None
    with pytest.raises(Exception, match=r"append-only|only be erased"):
        await points.write(execute, "UPDATE point_transactions SET reason = 'back'")


def test_a_null_column_does_not_change_a_hash() -> None:
    row = dict.fromkeys(chain.CHAINED, 1) | {"floor": None}
    shorter = {name: value for name, value in row.items() if value is not None} | {"floor": None}

    assert chain.link(bytes(32), row) == chain.link(bytes(32), shorter)
    assert chain.link(bytes(32), row) != chain.link(bytes(32), row | {"floor": 0})


FORKING = """
import os
from points_core.ledger import chain
chain.new_salt()
child = os.fork()
os.write(1, (chain.new_salt().hex() + "\\n").encode())  # one write: two processes share this pipe
if child:
    _, status = os.waitpid(child, 0)
    raise SystemExit(os.waitstatus_to_exitcode(status))
"""


def test_no_two_salts_are_alike_also_across_threads_and_processes() -> None:
    with ThreadPoolExecutor(2) as threads:
        some = threads.map(lambda _: [chain.new_salt() for _ in range(3_000)], range(2))
        drawn = [salt for salts in some for salt in salts]
    forked = subprocess.run([sys.executable, "-c", FORKING], capture_output=True, text=True, check=True)
    drawn += [bytes.fromhex(line) for line in forked.stdout.split()]

    assert len(drawn) == 6_002
    assert {len(salt) for salt in drawn} == {chain.SALT_BYTES}
    assert len(set(drawn)) == len(drawn)
