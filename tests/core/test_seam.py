"""The seam: first in, first out; shared commits with outcomes of their own; nothing cut in half."""

import asyncio
import contextlib
import gc
import sqlite3
import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from points_core import approvals, history, policy, verification
from points_core.database import Points
from points_core.errors import DatabaseUnavailable, InsufficientBalance, LimitExceeded, PointsError
from points_core.settings import database_file, sync_url
from points_core.values import Kind, Receipt
from tests.conftest import Databases
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, by, row_counts, settings_for


def award(points: Points, n: int, user_id: str = ADA, amount: int = 1) -> "asyncio.Future[object]":
    return asyncio.ensure_future(
        points.write(
            approvals.request,
            by(MOD, f"burst:{n}"),
            kind=Kind.AWARD,
            user_id=user_id,
            amount=amount,
            reason=f"{n}",
        )
    )


async def test_a_thousand_awards_started_together_all_succeed_in_order(points: Points) -> None:
    receipts = await asyncio.gather(*[award(points, n, str(n % 300)) for n in range(1_000)])

    assert [r.number for r in receipts if isinstance(r, Receipt)] == list(range(1, 1_001))
    assert (await points.read(history.balance, COMMUNITY, "0")).current == 4
    assert await points.read(verification.verify) == []


async def test_a_refusal_in_a_shared_commit_leaves_the_others_alone(points: Points) -> None:
    asks = [award(points, n) for n in range(5)]
    bad = points.write(
        approvals.request, by(MOD), kind=Kind.DEDUCTION, user_id=GRACE, amount=1, reason="has none"
    )
    outcomes = await asyncio.gather(
        *asks, bad, *[award(points, n) for n in range(5, 10)], return_exceptions=True
    )

    assert isinstance(outcomes[5], InsufficientBalance)
    assert [r.after for r in outcomes if isinstance(r, Receipt)] == list(range(1, 11))
    assert await points.read(verification.verify) == []


async def test_refusals_in_a_shared_commit_leave_no_trace_of_a_community_never_seen(points: Points) -> None:
    def spend(community: str) -> "asyncio.Future[object]":
        asked = by(MOD, community=community)
        return asyncio.ensure_future(
            points.write(
                approvals.request, asked, kind=Kind.DEDUCTION, user_id=GRACE, amount=1, reason="has none"
            )
        )

    before = await row_counts(points)
    outcomes = await asyncio.gather(*[spend("village") for _ in range(5)], return_exceptions=True)
    assert all(isinstance(outcome, InsufficientBalance) for outcome in outcomes)
    assert await row_counts(points) == before

    mixed = await asyncio.gather(spend("village"), award(points, 1), spend("village"), return_exceptions=True)
    assert [type(outcome) for outcome in mixed] == [InsufficientBalance, Receipt, InsufficientBalance]
    assert (await row_counts(points))["communities"] == before["communities"] + 1


@pytest.mark.parametrize("collecting", [True, False])
async def test_a_batch_is_not_searched_for_garbage_and_afterwards_all_is_as_it_was(
    points: Points, collecting: bool
) -> None:
    def seen(tx: Connection) -> bool:
        return gc.isenabled()

    def held(tx: Connection) -> bool:
        begun.set()
        assert queued.wait(10)
        return gc.isenabled()

    begun, queued = threading.Event(), threading.Event()
    was = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        alone = asyncio.ensure_future(points.write(held))
        assert await asyncio.to_thread(begun.wait, 10)
        waiting = [asyncio.ensure_future(points.write(seen)) for _ in range(3)]
        await asyncio.sleep(0)
        queued.set()
        assert await alone is collecting
        assert await asyncio.gather(*waiting) == [False] * 3
        await points.write(seen)
        assert gc.isenabled() is collecting
    finally:
        (gc.enable if was else gc.disable)()


async def test_an_operation_that_breaks_halfway_leaves_nothing(points: Points) -> None:
    def half(tx: Connection) -> None:
        policy.change(tx, by(MOD), quorum=3)
        raise ZeroDivisionError

    before = await row_counts(points)
    outcomes = await asyncio.gather(
        points.write(half), award(points, 1), points.write(half), return_exceptions=True
    )

    assert isinstance(outcomes[0], ZeroDivisionError)
    assert isinstance(outcomes[1], Receipt)
    assert isinstance(outcomes[2], ZeroDivisionError)
    assert (await points.read(policy.of, COMMUNITY)).quorum == 1
    after = await row_counts(points)
    assert after["audit_events"] == before["audit_events"]


async def test_a_caller_that_is_cancelled_does_not_cut_its_operation_in_half(points: Points) -> None:
    task = asyncio.ensure_future(award(points, 1))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    await award(points, 2)
    assert (await points.read(history.balance, COMMUNITY, ADA)).current == 2
    assert await points.read(verification.verify) == []


async def test_closing_finishes_what_is_queued(database_url: str) -> None:
    points = await Points.open(settings_for(database_url))
    waiting = [award(points, n) for n in range(50)]
    await asyncio.sleep(0)
    await points.close()

    receipts = await asyncio.gather(*waiting)
    assert [r.number for r in receipts if isinstance(r, Receipt)] == list(range(1, 51))


async def test_a_read_cannot_write(points: Points) -> None:
    with pytest.raises(DatabaseUnavailable):
        await points.read(policy.change, by(MOD), quorum=3)


async def test_a_read_sees_one_moment(points: Points) -> None:
    await award(points, 1)
    loop = asyncio.get_running_loop()

    def twice(tx: Connection) -> tuple[int, int]:
        first = history.balance(tx, COMMUNITY, ADA).current
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), loop)
        second = history.balance(tx, COMMUNITY, ADA).current
        return first, second

    results = await asyncio.gather(points.read(twice), award(points, 2), points.read(twice), award(points, 3))
    for seen in (results[0], results[2]):
        assert isinstance(seen, tuple)
        assert seen[0] == seen[1]


async def test_two_processes_on_one_database_keep_one_ledger(database_url: str) -> None:
    async with (
        Points.opened(settings_for(database_url)) as here,
        Points.opened(settings_for(database_url)) as there,
    ):
        await asyncio.gather(*[award(here if n % 2 else there, n) for n in range(100)])

        assert (await here.read(history.balance, COMMUNITY, ADA)).current == 100
        assert await there.read(verification.verify) == []


async def test_a_locked_database_is_a_fault_for_all_who_wait_and_within_discords_three_seconds(
    databases: Databases,
) -> None:
    url = databases.new("sqlite")
    async with Points.opened(settings_for(url)) as points:
        await award(points, 0)
        other = sqlite3.connect(str(database_file(sync_url(url))), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        outcomes = await asyncio.gather(*[award(points, n) for n in range(1, 30)], return_exceptions=True)
        took = time.monotonic() - began
        other.execute("ROLLBACK")
        other.close()

        assert all(isinstance(o, DatabaseUnavailable) for o in outcomes)
        assert took < 10  # not two seconds for each of them in turn
        assert isinstance(await award(points, 1), Receipt)


async def test_a_closed_database_says_so(database_url: str) -> None:
    points = await Points.open(settings_for(database_url))
    await points.close()
    with pytest.raises(DatabaseUnavailable, match="it is closed"):
        await award(points, 1)
    with pytest.raises(DatabaseUnavailable, match="it is closed"):
        await points.read(history.page, COMMUNITY)
    with pytest.raises(DatabaseUnavailable, match="it is closed"):
        await points.study(history.page, COMMUNITY)
    with pytest.raises(DatabaseUnavailable, match="it is closed"):
        await points.scrub()


# --- races: each of these is decided inside one transaction, or it is not decided at all


async def test_forty_spends_of_ten_from_a_hundred_are_ten(points: Points) -> None:
    await award(points, 0, amount=100)
    spends = [
        points.write(approvals.request, by(MOD), kind=Kind.DEDUCTION, user_id=ADA, amount=10, reason=f"{n}")
        for n in range(40)
    ]
    outcomes = await asyncio.gather(*spends, return_exceptions=True)

    assert sum(isinstance(o, Receipt) for o in outcomes) == 10
    assert sum(isinstance(o, InsufficientBalance) for o in outcomes) == 30
    assert (await points.read(history.balance, COMMUNITY, ADA)).current == 0


async def test_forty_deliveries_of_one_key_move_points_once(points: Points) -> None:
    receipts = await asyncio.gather(*[award(points, 7) for _ in range(40)])

    assert {r.number for r in receipts if isinstance(r, Receipt)} == {1}
    assert sum(isinstance(r, Receipt) and r.replayed for r in receipts) == 39
    assert (await points.read(history.balance, COMMUNITY, ADA)).current == 1


async def test_twenty_reversals_of_one_transaction_are_one(points: Points) -> None:
    from points_core import awards

    await award(points, 0)
    outcomes = await asyncio.gather(
        *[points.write(awards.reverse, by(MOD), 1, reason="x") for _ in range(20)], return_exceptions=True
    )

    assert sum(isinstance(o, Receipt) for o in outcomes) == 1
    assert (await points.read(history.balance, COMMUNITY, ADA)).current == 0


async def test_eight_votes_at_quorum_two_approve_once(points: Points) -> None:
    await points.write(policy.change, by(MOD), quorum=2, approval_threshold=50)
    await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=60, reason="a talk")
    votes = [points.write(approvals.vote, by(f"95{n}"), 1, approve=True) for n in range(8)]
    outcomes = await asyncio.gather(*votes, return_exceptions=True)

    assert sum(not isinstance(o, BaseException) for o in outcomes) == 2
    assert (await points.read(history.balance, COMMUNITY, ADA)).current == 60
    assert await points.read(verification.verify) == []


async def test_fifty_awards_against_a_daily_limit_stop_at_the_limit(points: Points) -> None:
    await points.write(policy.change, by(MOD), daily_limit=10)
    outcomes = await asyncio.gather(*[award(points, n) for n in range(50)], return_exceptions=True)

    assert sum(isinstance(o, Receipt) for o in outcomes) == 10
    refusals = [o for o in outcomes if isinstance(o, LimitExceeded)]
    assert len(refusals) == 40
    assert refusals[0].resets_at == NOON.replace(hour=0) + timedelta(days=1)


async def test_the_same_races_through_two_processes(database_url: str) -> None:
    async with (
        Points.opened(settings_for(database_url)) as here,
        Points.opened(settings_for(database_url)) as there,
    ):
        await here.write(policy.change, by(MOD), daily_limit=10)
        outcomes = await asyncio.gather(
            *[award(here if n % 2 else there, n) for n in range(50)], return_exceptions=True
        )

        assert sum(isinstance(o, Receipt) for o in outcomes) == 10
        assert all(isinstance(o, Receipt | PointsError) for o in outcomes)
        assert await there.read(verification.verify) == []


async def test_postgresql_losing_the_connection_costs_nothing(points: Points) -> None:
    if points.settings.database_url.startswith("sqlite"):
        pytest.skip("a file has no connection to lose")
    await award(points, 0)
    others = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    asks = []
    for n in range(1, 31):
        asks.append(award(points, n))
        if n % 10 == 0:
            with contextlib.suppress(DatabaseUnavailable):  # it may have cut its own sibling
                await points.read(lambda tx: tx.execute(others).all())
    receipts = await asyncio.gather(*asks)

    assert all(isinstance(r, Receipt) for r in receipts)
    assert (await points.read(history.balance, COMMUNITY, ADA)).current == 31
    assert await points.read(verification.verify) == []
