"""The way in for programs: the README's example as a newcomer runs it, and every function."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from points_core import api, policy
from points_core.achievements import Achievements, badges
from points_core.achievements.goals import FirstAward
from points_core.errors import (
    AlreadyReversed,
    DatabaseUnavailable,
    DuplicateTransaction,
    InsufficientBalance,
    InvalidAmount,
    InvalidSetting,
    InvalidText,
    InvalidTime,
    SettingsInvalid,
    UnknownCategory,
    UnknownTransaction,
)
from points_core.programme import Level, Programme
from points_core.values import ActorKind, Kind, Receipt, Request, RequestState
from tests.core.conftest import ADA, GRACE

ROOT = Path(__file__).parents[2]
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def example() -> str:
    """Return the README's Python example."""
    found, _ = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def run(program: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a Python program in a process of its own that takes every warning for an error."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def close() -> None:
    """Let go of the database before it is dropped; asyncio.run does it at the loop's end."""
    lifetime, _ = api._lifetimes[asyncio.get_running_loop()]
    await lifetime.aclose()
    assert not api._lifetimes


@pytest.fixture
async def opened(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The environment names the database; what the functions opened is closed in the end."""
    monkeypatch.setenv("POINTS_DATABASE_URL", database_url)
    yield
    await close()


async def award(user_id: str = ADA, amount: int = 10, reason: str = "review", **more: object) -> Receipt:
    """Award points that nobody else has to agree to."""
    outcome = await api.award_points(user_id=user_id, amount=amount, reason=reason, **more)  # type: ignore[arg-type]
    assert isinstance(outcome, Receipt)
    return outcome


# ── in a process of their own ──


def test_the_readmes_example_runs_in_an_empty_folder_with_nothing_set(tmp_path: Path) -> None:
    for total in (10, 20):
        ran = run(example(), tmp_path)
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"Current balance: {total}\n", "")

    assert {path.name for path in tmp_path.iterdir()} == {"points.db"}, "the WAL is folded in at the end"
    with sqlite3.connect(tmp_path / "points.db") as books:
        assert books.execute("SELECT count(*), sum(amount) FROM point_transactions").fetchone() == (2, 20)
    books.close()


def test_the_readmes_example_runs_on_the_database_that_is_named(database_url: str, tmp_path: Path) -> None:
    ran = run(example(), tmp_path, POINTS_DATABASE_URL=database_url)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "Current balance: 10\n", "")
    assert list(tmp_path.iterdir()) == []


def test_two_event_loops_in_a_row_each_have_their_own_database_connection(
    database_url: str, tmp_path: Path
) -> None:
    twice = example() + "\nasyncio.run(main())\nfrom points_core import api\nassert not api._lifetimes\n"

    ran = run(twice, tmp_path, POINTS_DATABASE_URL=database_url)

    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout == "Current balance: 10\nCurrent balance: 20\n"


def test_a_program_that_fails_still_ends(tmp_path: Path) -> None:
    failing = example().replace("amount=10", "amount=0")

    ran = run(failing, tmp_path)

    assert ran.returncode == 1
    assert "InvalidAmount(amount=0, minimum=1" in ran.stderr
    assert "ResourceWarning" not in ran.stderr


# ── every function ──


@pytest.mark.usefixtures("opened")
async def test_an_award_says_what_it_did() -> None:
    receipt = await award(
        amount=25,
        reason="Event participation",
        category="Events",
        evidence="https://example.org/1",
        effective_at=YESTERDAY,
    )

    assert (receipt.number, receipt.kind, receipt.user_id) == (1, Kind.AWARD, ADA)
    assert (receipt.before, receipt.amount, receipt.after) == (0, 25, 25)
    assert (receipt.category, receipt.reason) == ("events", "Event participation")
    assert (receipt.evidence, receipt.effective_at) == ("https://example.org/1", YESTERDAY)
    assert receipt.actor.kind is ActorKind.CLIENT
    assert await api.get_balance(user_id=ADA) == 25


@pytest.mark.usefixtures("opened")
async def test_a_deduction_takes_and_never_more_than_there_is() -> None:
    await award(amount=10)
    taken = await api.deduct_points(user_id=ADA, amount=4, reason="late")
    assert isinstance(taken, Receipt)
    assert (taken.kind, taken.amount, taken.after) == (Kind.DEDUCTION, -4, 6)

    with pytest.raises(InsufficientBalance) as refused:
        await api.deduct_points(user_id=ADA, amount=7, reason="late")
    assert (refused.value.balance, refused.value.amount) == (6, 7)
    assert await api.get_balance(user_id=ADA) == 6


@pytest.mark.usefixtures("opened")
async def test_many_points_wait_for_approval() -> None:
    waiting = await api.award_points(user_id=ADA, amount=101, reason="a big one")

    assert isinstance(waiting, Request)
    assert (waiting.state, waiting.amount) == (RequestState.PENDING, 101)
    assert await api.get_balance(user_id=ADA) == 0


@pytest.mark.usefixtures("opened")
async def test_a_leaderboard_has_ranks_windows_and_categories() -> None:
    await award(ADA, 10, category="events")
    await award(GRACE, 30, category="helping", effective_at=datetime.now(UTC) - timedelta(days=800))

    everyone = await api.get_leaderboard()
    assert [(line.rank, line.user_id, line.points) for line in everyone.standings] == [
        (1, GRACE, 30),
        (2, ADA, 10),
    ]
    assert [line.user_id for line in (await api.get_leaderboard(window="year")).standings] == [ADA]
    assert [line.user_id for line in (await api.get_leaderboard(category="helping")).standings] == [GRACE]
    assert (await api.get_leaderboard(as_of=YESTERDAY)).standings == ()
    assert len((await api.get_leaderboard(top=1)).standings) == 1


@pytest.mark.usefixtures("opened")
async def test_history_comes_in_pages_newest_first() -> None:
    numbers = [(await award(ADA if n % 2 else GRACE, reason=f"review {n}")).number for n in range(5)]

    first = await api.get_history(limit=3)
    second = await api.get_history(limit=3, before=first.older)
    assert [receipt.number for receipt in first.receipts + second.receipts] == numbers[::-1]
    assert second.older is None
    assert {receipt.user_id for receipt in (await api.get_history(user_id=ADA)).receipts} == {ADA}
    assert (await api.get_history(until=YESTERDAY)).receipts == ()
    assert len((await api.get_history(since=YESTERDAY)).receipts) == 5
    assert (await api.get_history(category="events")).receipts == ()


@pytest.mark.usefixtures("opened")
async def test_a_transaction_is_taken_back_once() -> None:
    number = (await award()).number

    back = await api.reverse_transaction(number=number, reason="wrong person")
    assert (back.kind, back.amount, back.after, back.reverses) == (Kind.REVERSAL, -10, 0, number)
    with pytest.raises(AlreadyReversed):
        await api.reverse_transaction(number=number, reason="wrong person")
    with pytest.raises(UnknownTransaction):
        await api.reverse_transaction(number=99, reason="wrong person")


@pytest.mark.usefixtures("opened")
async def test_one_idempotency_key_moves_points_once() -> None:
    first = await award(idempotency_key="job-1")

    assert await award(idempotency_key="job-1") == replace(first, replayed=True)
    with pytest.raises(DuplicateTransaction):
        await award(amount=11, idempotency_key="job-1")
    undone = await api.reverse_transaction(number=first.number, reason="no", idempotency_key="job-2")
    again = await api.reverse_transaction(number=first.number, reason="no", idempotency_key="job-2")
    assert again == replace(undone, replayed=True)
    assert await api.get_balance(user_id=ADA) == 0


@pytest.mark.usefixtures("opened")
async def test_communities_do_not_see_each_other() -> None:
    await award(community_id="one")

    assert await api.get_balance(user_id=ADA, community_id="one") == 10
    assert await api.get_balance(user_id=ADA, community_id="other") == 0
    assert await api.get_balance(user_id=ADA) == 0
    assert (await api.get_history(community_id="other")).receipts == ()
    assert (await api.get_leaderboard(community_id="other")).standings == ()


@pytest.mark.usefixtures("opened")
async def test_what_cannot_be_is_refused_and_nothing_moves() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - on purpose
    with pytest.raises(InvalidAmount):
        await award(amount=1_001)
    with pytest.raises(InvalidText):
        await award(reason="a\0b")
    with pytest.raises(InvalidText):
        await award(user_id="")
    with pytest.raises(InvalidText):
        await award(idempotency_key="two words")
    with pytest.raises(InvalidText):
        await award(community_id="two words")
    with pytest.raises(UnknownCategory):
        await award(category="sport")
    with pytest.raises(InvalidTime):
        await award(effective_at=naive)
    with pytest.raises(InvalidTime):
        await api.get_leaderboard(as_of=naive)
    with pytest.raises(InvalidTime):
        await api.get_history(since=naive)
    with pytest.raises(InvalidSetting):
        await api.get_history(limit=0)
    with pytest.raises(InvalidSetting):
        await api.get_leaderboard(top=0)
    with pytest.raises(InvalidSetting, match="fortnight"):
        await api.get_leaderboard(window="fortnight")
    assert (await api.get_history()).receipts == ()


# ── the lifetime ──


@pytest.mark.usefixtures("opened")
async def test_a_hundred_awards_started_together_all_arrive() -> None:
    receipts = await asyncio.gather(*(award(reason=f"review {n}", amount=1) for n in range(100)))

    assert sorted(receipt.number for receipt in receipts) == list(range(1, 101))
    assert sorted(receipt.after for receipt in receipts) == list(range(1, 101))
    assert await api.get_balance(user_id=ADA) == 100
    assert len(api._lifetimes) == 1, "one database for the loop, whoever asked first"


async def test_a_wrong_setting_leaves_the_next_call_usable(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTS_DATABASE_URL", "mysql://localhost/points")
    refused = await asyncio.gather(*(award() for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in refused] == [SettingsInvalid] * 3

    monkeypatch.setenv("POINTS_DATABASE_URL", database_url)
    assert (await award()).after == 10
    await close()


async def test_whoever_tries_again_at_once_is_not_disturbed_by_those_who_failed_with_them(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTS_QUORUM", "0")
    monkeypatch.setenv("POINTS_DATABASE_URL", database_url)

    async def persistent(n: int) -> Receipt:
        try:
            return await award(reason=f"review {n}")
        except SettingsInvalid:
            monkeypatch.delenv("POINTS_QUORUM", raising=False)
            return await award(reason=f"review {n}")

    receipts = await asyncio.gather(*(persistent(n) for n in range(3)))
    assert sorted(receipt.after for receipt in receipts) == [10, 20, 30]
    assert len(api._lifetimes) == 1
    await close()


async def test_a_database_that_cannot_be_opened_is_said_and_can_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTS_DATABASE_URL", f"sqlite:///{tmp_path}/later/points.db")
    with pytest.raises(DatabaseUnavailable):
        await api.get_balance(user_id=ADA)

    (tmp_path / "later").mkdir()
    assert await api.get_balance(user_id=ADA) == 0
    await close()


@pytest.mark.usefixtures("opened")
async def test_a_caller_that_is_cancelled_takes_nobody_along() -> None:
    first = asyncio.ensure_future(award(reason="first"))
    second = asyncio.ensure_future(award(reason="second"))
    await asyncio.sleep(0)
    first.cancel()

    assert (await second).amount == 10
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_what_a_member_achieved_is_settled_with_the_call_that_moves_points(opened: None) -> None:
    points = await api._opened()
    origin = api._origin(points, None, None)
    levels = Programme(levels=(Level(name="Member", earned=10), Level(name="Fellow", earned=100)))
    await points.write(policy.change, origin, programme=levels)
    await points.write(badges.add, api._origin(points, None, None), name="First", goal=FirstAward())
    given = await award(amount=30)

    achieved = await api.get_achievements(user_id=ADA)
    await api.reverse_transaction(number=given.number, reason="a mistake")
    lost = await api.get_achievements(user_id=ADA)

    assert achieved.level is not None
    assert (achieved.level.name, achieved.level.missing) == ("Member", 70)
    assert [badge.name for badge in achieved.held] == ["First"]
    assert (lost.held, [each.because for each in lost.revoked]) == ((), ["#2 took back #1"])


async def test_who_was_never_seen_has_achieved_nothing(opened: None) -> None:
    assert await api.get_achievements(user_id="nobody") == Achievements("nobody", None, None)
