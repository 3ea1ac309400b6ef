"""Proof: what verify notices, where it may begin, what it is compared with, and what follows from it."""

import asyncio
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, bindparam, select, text, update
from sqlalchemy.exc import DBAPIError

from points_core import approvals, audit, awards, doctor, outbox, policy, schedules, verification
from points_core.database import Points
from points_core.doctor import Health
from points_core.errors import BooksClosed, DatabaseUnavailable, LedgerCorrupt
from points_core.migrations import guards
from points_core.models import Anchor, Base, LedgerHead, UtcDateTime, VerifiedMark
from points_core.outbox import Topic
from points_core.values import Kind, Request
from points_core.verification import Known, Outcome, anchors, record
from points_core.windows import WindowName
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, OTHER_MOD, by
from tests.core.posting import Move, post

PROVEN = ("point_transactions", "ledger_heads", "point_balances", "point_scores", "score_buckets")
"""Tables of which verify, alone and with every guard gone, notices any change."""

GUARDED = ("approval_requests", "approval_votes", "audit_events", "batches", "anchors", "season_standings")
"""Tables of which a guard, a constraint or verify notices any change."""

OUTSIDE = {
    ("approval_requests", "place"),
    ("approval_requests", "note"),
    ("approval_requests", "card_channel"),
    ("approval_requests", "card_message"),
    ("approval_requests", "reason"),  # can be emptied by erasure, with the salt
    ("approval_requests", "evidence"),
    ("approval_requests", "salt"),
    ("approval_requests", "decided_at"),
}
"""Where something is shown, and what a person wrote: no points depend on it."""


async def settled(points: Points, *, incremental: bool = False, now: datetime = NOON) -> list[str]:
    """Verify as the bot does, and return the communities that were closed by it."""
    outcome = await points.study(verification.examine, incremental=incremental)
    return await points.write(verification.settle, now, outcome)


def run(tx: Connection, statement: str) -> None:
    tx.execute(text(statement))


def without_guards(tx: Connection) -> None:
    """What somebody with a file and a hex editor does not even notice."""
    for name in guards.names(tx.dialect.name):
        table = next(t for t in sorted(Base.metadata.tables, key=len, reverse=True) if name.startswith(t))
        on = "" if tx.dialect.name == "sqlite" else f" ON {table}"
        tx.execute(text(f"DROP TRIGGER {name}{on}"))


async def fill(points: Points) -> None:
    """Write books in which every table has something to tamper with."""
    await points.write(policy.change, by(MOD), approval_threshold=50, log_channel="77")
    for n in range(12):
        await points.write(
            approvals.request,
            by(MOD, at=NOON + timedelta(hours=n)),
            kind=Kind.AWARD,
            user_id=ADA if n % 3 else GRACE,
            amount=n + 1,
            reason=f"reason {n}",
            category="helping" if n % 2 else None,
            evidence="https://example.com/1" if n % 4 else None,
        )
    await points.write(
        approvals.request, by(MOD), kind=Kind.DEDUCTION, user_id=ADA, amount=2, reason="broke it"
    )
    await points.write(awards.reverse, by(MOD), 3, reason="wrong person")
    for _ in range(2):
        request = await points.write(
            approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=60, reason=f"a talk {_}"
        )
        assert isinstance(request, Request)
    await points.write(approvals.vote, by(OTHER_MOD), 1, approve=True)
    await points.write(anchors.show_due, NOON)
    await points.write(insert_batch)


def insert_batch(tx: Connection) -> None:
    tx.execute(
        Base.metadata.tables["batches"]
        .insert()
        .values(
            community_id=1,
            number=1,
            kind="bulk",
            actor_kind="operator",
            key="b",
            transactions=0,
            created_at=NOON,
        )
    )
    tx.execute(update(LedgerHead).values(batches=1))


def tampering(tx: Connection, name: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield (column, the key of a row, another value for it) for every column of a table."""
    table = Base.metadata.tables[name]
    rows = tx.execute(select(table).order_by(*table.primary_key.columns)).all()
    for column in table.columns:
        if not rows:
            return
        row = next((row for row in rows[len(rows) // 2 :] if row._mapping[column.name] is not None), rows[-1])
        key = {c.name: row._mapping[c.name] for c in table.primary_key.columns}
        for value in others(row._mapping[column.name], column):
            yield column.name, key, value


def others(value: Any, column: Any) -> Iterator[Any]:
    if value is None:
        kind = column.type
        yield NOON if isinstance(kind, UtcDateTime) else {str: "x", bytes: b"x"}.get(kind.python_type, 1)
        return
    if column.nullable:
        yield None
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, str):
        yield {"award": "import", "deduction": "expiry", "operator": "system", "member": "operator"}.get(
            value, value + "x"
        )
    elif isinstance(value, bytes):
        yield bytes([value[0] ^ 1]) + value[1:]
    elif isinstance(value, datetime):
        yield value + timedelta(seconds=1)
    elif isinstance(value, dict):
        yield {**value, "more": 1}


def change(tx: Connection, name: str, column: str, key: dict[str, Any], value: Any) -> None:
    table = Base.metadata.tables[name]
    statement = update(table).where(*[table.c[k] == bindparam(f"k_{k}") for k in key])
    tx.execute(statement.values({column: value}), {f"k_{k}": v for k, v in key.items()})


def unnoticed(tx: Connection, names: tuple[str, ...], *, guarded: bool) -> list[tuple[str, str, Any]]:
    """Change every column of the tables once, each time from the same books; return what nobody noticed."""
    missed = []
    if not guarded:
        without_guards(tx)
    assert verification.verify(tx) == []
    for name in names:
        for column, key, value in list(tampering(tx, name)):
            savepoint = tx.begin_nested()
            try:
                change(tx, name, column, key, value)
                if not verification.verify(tx):
                    missed.append((name, column, value))
            except DBAPIError:
                pass  # a constraint or a trigger
            savepoint.rollback()
    return missed


def rolled_back(tx: Connection, names: tuple[str, ...], *, guarded: bool) -> list[tuple[str, str, Any]]:
    all_of_it = tx.begin_nested()
    try:
        return unnoticed(tx, names, guarded=guarded)
    finally:
        all_of_it.rollback()


@pytest.mark.slow
async def test_every_column_of_the_ledger_is_proven_without_any_guard(points: Points) -> None:
    await fill(points)

    assert await points.write(rolled_back, PROVEN, guarded=False) == []


@pytest.mark.slow
async def test_no_column_of_what_is_on_record_changes_unnoticed(points: Points) -> None:
    await fill(points)
    missed = await points.write(rolled_back, GUARDED, guarded=True)

    assert {(name, column) for name, column, _ in missed} <= OUTSIDE


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE anchors SET hash = prev_hash FROM point_transactions",
        "UPDATE anchors SET seq = seq - 1",
        "DELETE FROM anchors",
        "UPDATE batches SET transactions = 7",
        "DELETE FROM batches",
        "UPDATE point_transactions SET batch = 1",
    ],
)
async def test_the_tables_of_the_record_refuse(points: Points, statement: str) -> None:
    await fill(points)
    with pytest.raises(LedgerCorrupt, match="append-only"):
        await points.write(run, statement)


# --- where verify may begin


async def test_an_incremental_verify_looks_at_what_is_new(points: Points) -> None:
    await points.write(post, COMMUNITY, [Move(ADA, 5), Move(GRACE, 7)])
    first = await points.read(verification.examine, incremental=True)
    assert [(reached.seq, reached.full) for reached in first.reached] == [(2, True)]
    await points.write(verification.settle, NOON, first)

    await points.write(post, COMMUNITY, [Move(ADA, 5)])
    second = await points.read(verification.examine, incremental=True)
    assert [(reached.seq, reached.full) for reached in second.reached] == [(3, False)]
    await points.write(verification.settle, NOON + timedelta(hours=1), second)

    mark = await points.read(lambda tx: tx.execute(select(VerifiedMark.__table__)).one())
    assert (mark.seq, mark.full_at, mark.verified_at) == (3, NOON, NOON + timedelta(hours=1))
    assert mark.hash == second.reached[0].hash


NEW_FAULTS = {
    "a hash": "UPDATE point_transactions SET hash = prev_hash WHERE seq = 4",
    "an amount": "UPDATE point_transactions SET amount = 6 WHERE seq = 4",
    "a balance": "UPDATE point_balances SET current = 12, earned = 12 WHERE member_id = 1",
    "a balance nobody moved": "UPDATE point_balances SET current = 8, earned = 8 WHERE member_id = 2",
    "what was earned and spent": "UPDATE point_balances SET earned = earned + 1, spent = spent + 1 WHERE member_id = 1",
    "what was spent by nobody who moved": "UPDATE point_balances SET earned = 9, spent = 2 WHERE member_id = 2",
    "a balance lost": "DELETE FROM point_balances WHERE member_id = 1",
    "a week's score": "UPDATE point_scores SET points = points + 1 WHERE member_id = 1 AND span = 4",
    "a month's score": "UPDATE point_scores SET points = points - 1 WHERE member_id = 1 AND span = 3",
    "a year's last transaction": "UPDATE point_scores SET reached_seq = 1 WHERE member_id = 1 AND span = 1",
    "a quarter's score lost": "DELETE FROM point_scores WHERE member_id = 1 AND span = 2",
    "an all-time score": "UPDATE point_scores SET points = points + 1 WHERE member_id = 1 AND span = 0",
    "an all-time score of nobody who moved": "UPDATE point_scores SET points = 8 WHERE member_id = 2 AND span = 0",
    "a day of nobody who moved": "UPDATE point_scores SET points = 8 WHERE member_id = 2 AND span = 5",
    "a bucket of the year": "UPDATE score_buckets SET bucket = bucket + 1 WHERE level = 0 AND span = 1",
    "how many stand on the day's board": "UPDATE score_buckets SET members = members + 1 WHERE span = 5",
    "how many stand on the month's board lost": "DELETE FROM score_buckets WHERE span = 3",
    "a score": "UPDATE point_scores SET points = points + 1 WHERE member_id = 1 AND span = 5",
    "a bucket": "UPDATE score_buckets SET members = members + 1 WHERE level = 0",
    "the mark's transaction": "UPDATE point_transactions SET hash = prev_hash WHERE seq = 3",
    "the head": "UPDATE ledger_heads SET hash = (SELECT hash FROM point_transactions WHERE seq = 1)",
    "the last transaction gone": "DELETE FROM point_transactions WHERE seq = 4",
    "an old transaction gone": "DELETE FROM point_transactions WHERE seq = 1",
}


@pytest.mark.parametrize("statement", [pytest.param(s, id=name) for name, s in NEW_FAULTS.items()])
async def test_an_incremental_verify_notices(points: Points, statement: str) -> None:
    await points.write(post, COMMUNITY, [Move(ADA, 5), Move(GRACE, 7), Move(ADA, 1)])
    await settled(points)
    await points.write(post, COMMUNITY, [Move(ADA, 5)])
    await points.write(without_guards)
    await points.write(run, statement)

    assert (await points.read(verification.examine, incremental=True)).broken
    assert await points.read(verification.verify)


async def test_a_long_read_does_not_hold_the_loop(points: Points) -> None:
    loop_ran = threading.Event()

    def long(tx: Connection) -> bool:
        return loop_ran.wait(timeout=30)

    studying = asyncio.create_task(points.study(long))
    await asyncio.sleep(0.05)
    loop_ran.set()

    assert await studying


async def test_a_long_read_says_what_went_wrong(points: Points) -> None:
    with pytest.raises(DatabaseUnavailable):
        await points.study(run, "SELECT * FROM nothing")
    with pytest.raises(DatabaseUnavailable):
        await points.study(run, "DELETE FROM outbox")  # a read cannot write


# --- what it is compared with


def forget_last(tx: Connection) -> None:
    """Shorten the log by its last transaction, and make everything else agree."""
    without_guards(tx)
    for statement in (
        "DELETE FROM point_transactions WHERE seq = 2",
        "UPDATE ledger_heads SET seq = 1, hash = (SELECT hash FROM point_transactions WHERE seq = 1)",
        "DELETE FROM point_balances WHERE current = 7",
        "DELETE FROM point_scores WHERE points = 7",
        "DELETE FROM score_buckets WHERE bucket = 7",
        "UPDATE score_buckets SET members = 1",
        "DELETE FROM outbox WHERE subject = '2'",
    ):
        run(tx, statement)


async def test_a_shortened_log_is_noticed_by_what_is_known_outside(points: Points) -> None:
    await points.write(post, COMMUNITY, [Move(ADA, 5), Move(GRACE, 7)])
    (head,) = await points.read(anchors.heads)
    known = Known(COMMUNITY, head.seq, head.hash, "a backup")
    assert (await points.read(verification.examine, known=[known])).broken == ()

    await points.write(forget_last)

    assert await points.read(verification.verify) == []  # it agrees with itself
    (broken,) = (await points.read(verification.examine, known=[known])).broken
    assert broken.invariant == "anchors are in the chain"
    assert "shorter than #2" in broken.detail


async def test_a_rewritten_log_is_noticed_by_the_anchors_in_the_books(points: Points) -> None:
    await points.write(policy.change, by(MOD), log_channel="77")
    await points.write(post, COMMUNITY, [Move(ADA, 5), Move(GRACE, 7)])
    await points.write(anchors.show_due, NOON)
    await points.write(forget_last)
    await points.write(post, COMMUNITY, [Move(GRACE, 700)])

    (broken,) = await points.read(verification.verify)
    assert broken.invariant == "anchors are in the chain"
    assert "log channel 77" in broken.detail
    assert "rewritten" in broken.detail


async def test_a_shortened_log_is_noticed_by_the_last_verification(points: Points) -> None:
    await points.write(post, COMMUNITY, [Move(ADA, 5), Move(GRACE, 7)])
    await settled(points)
    await points.write(forget_last)

    (broken,) = await points.read(verification.verify)
    assert "the last verification" in broken.detail


async def test_a_community_that_is_gone_is_noticed(points: Points) -> None:
    known = Known("atlantis", 9, bytes(32), "a backup")

    (broken,) = (await points.read(verification.examine, known=[known])).broken
    assert broken.community == "atlantis"


async def test_the_head_is_shown_once_a_day_and_when_it_moved(points: Points) -> None:
    def shown(tx: Connection, at: datetime) -> list[int]:
        return [head.seq for head in anchors.show_due(tx, at)]

    await points.write(post, COMMUNITY, [Move(ADA, 5)])
    assert await points.write(shown, NOON) == []  # nowhere to show it
    await points.write(policy.change, by(MOD), log_channel="77")
    assert await points.write(shown, NOON) == [1]
    await points.write(post, COMMUNITY, [Move(ADA, 5)])
    assert await points.write(shown, NOON + timedelta(hours=23)) == []
    assert await points.write(shown, NOON + timedelta(hours=24)) == [2]
    assert await points.write(shown, NOON + timedelta(hours=72)) == []  # it did not move

    effects = await points.write(outbox.lease, NOON + timedelta(hours=72))
    assert [e.subject for e in effects if e.topic is Topic.ANCHORED] == ["1", "2"]
    there = await points.read(lambda tx: tx.execute(select(Anchor.seq, Anchor.place)).all())
    assert there == [(1, "log channel 77"), (2, "log channel 77")]


# --- what follows


async def break_it(points: Points) -> None:
    await points.write(post, COMMUNITY, [Move(ADA, 5)])
    await points.write(post, "elsewhere", [Move(ADA, 5)])
    await points.write(
        run,
        "UPDATE point_scores SET points = 50 WHERE community_id = (SELECT id FROM communities WHERE key = 'town')",
    )


async def test_books_that_fail_are_closed_and_the_others_stay_open(points: Points) -> None:
    await points.write(policy.change, by(MOD), log_channel="77")
    await break_it(points)
    assert await settled(points) == [COMMUNITY]
    assert await settled(points) == []  # it is closed already

    with pytest.raises(BooksClosed) as fault:
        await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=1, reason="more")
    assert "equal the transactions" in fault.value.why
    for write in (
        points.write(awards.reverse, by(MOD), 1, reason="x"),
        points.write(policy.change, by(MOD), quorum=3),
        points.write(policy.add_category, by(MOD), "new"),
        points.write(approvals.vote, by(OTHER_MOD), 1, approve=True),
        points.write(schedules.add, by(MOD), channel="5", window=WindowName.WEEK, every="day", at="09:00"),
    ):
        with pytest.raises(BooksClosed):
            await write
    await points.write(post, "elsewhere", [Move(ADA, 5)])
    assert await points.read(record.closed) == {COMMUNITY: fault.value.why}

    told = [e for e in await points.write(outbox.lease, NOON) if e.topic is Topic.CHANGED]
    entries = [await points.read(audit.find, COMMUNITY, int(effect.subject)) for effect in told]
    assert [entry.action for entry in entries if entry][-1] == verification.CLOSED
    findings = await points.read(doctor.examine, NOON)
    ill = {each.what: each.detail for each in findings if each.health is Health.ILL}
    assert COMMUNITY in ill["the books take new entries"]


async def test_requests_of_closed_books_do_not_expire(points: Points) -> None:
    await points.write(policy.change, by(MOD), approval_threshold=0)
    await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=1, reason="x")
    await points.write(post, COMMUNITY, [Move(ADA, 5)])
    await points.write(run, "UPDATE point_scores SET points = 50")
    await settled(points)

    assert await points.write(approvals.expire_due, NOON + timedelta(days=99)) == []


async def test_books_are_opened_again_only_when_they_are_in_order(points: Points) -> None:
    await break_it(points)
    await settled(points)
    outcome = await points.study(verification.examine, COMMUNITY)
    assert await points.write(verification.reopen, NOON, outcome) == []

    await points.write(run, "UPDATE point_scores SET points = 5")
    outcome = await points.study(verification.examine, COMMUNITY)
    assert await points.write(verification.reopen, NOON, outcome) == [COMMUNITY]

    await points.write(post, COMMUNITY, [Move(ADA, 5)])
    assert await points.read(verification.verify) == []
    assert [e.action for e in await points.read(audit.recent, COMMUNITY)] == [
        verification.REOPENED,
        verification.CLOSED,
        verification.VERIFIED,
    ]


async def test_books_that_were_opened_by_hand_are_noticed(points: Points) -> None:
    await break_it(points)
    await settled(points)
    await points.write(run, "UPDATE point_scores SET points = 5")
    await points.write(run, "UPDATE ledger_heads SET closed_because = NULL")

    (broken,) = await points.read(verification.verify)
    assert broken.invariant == "closed means closed on record"


async def test_a_verification_that_finds_nothing_changes_nothing_but_the_mark(points: Points) -> None:
    await points.write(post, COMMUNITY, [Move(ADA, 5)])
    await settled(points)
    before = await points.read(audit.recent, COMMUNITY)
    await settled(points, incremental=True)

    assert await points.read(audit.recent, COMMUNITY) == before


async def test_a_night_is_due_once_for_open_books(points: Points) -> None:
    assert await points.read(record.full_since) is None
    await points.write(post, COMMUNITY, [Move(ADA, 5)])
    assert await points.read(record.full_since) == NOON  # since the community is there
    await settled(points, now=NOON + timedelta(days=1))
    assert await points.read(record.full_since) == NOON + timedelta(days=1)


def test_an_outcome_names_each_invariant_once() -> None:
    broken = [verification.Broken("numbers are dense", COMMUNITY, detail) for detail in ("a", "b")]

    assert Outcome(tuple(broken), ()).invariants(COMMUNITY) == ["numbers are dense"]
