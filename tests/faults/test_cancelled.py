"""A task is cancelled at every await of everything public that writes: the operation happens whole or not at all."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from points_core import api, backup, verification
from points_core.database import Points
from points_core.errors import Refused
from tests.conftest import Databases
from tests.faults.books import moved
from tests.faults.jobs import BEGINNING, TOWN, ask, settings
from tests.faults.test_server import OPERATIONS, lived

MOST_AWAITS = 60


class Cancelled:
    """Awaits a coroutine, and cancels the task that does when it gives control away for the time `at`."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], at: int) -> None:
        self._coroutine, self._left = coroutine, at

    def __await__(self) -> Generator[Any, Any, Any]:
        """Pass everything on; count what goes out."""
        task = asyncio.current_task()
        assert task is not None
        inside = self._coroutine.__await__()
        answer: Any = None
        failed: BaseException | None = None
        while True:
            try:
                waits = inside.throw(failed) if failed else inside.send(answer)
            except StopIteration as stop:
                return stop.value
            if self._left == 0:
                task.cancel()
            self._left -= 1
            failed = None
            try:
                answer = yield waits
            except BaseException as error:
                failed = error


async def cancelled_at(at: int, work: Callable[[], Coroutine[Any, Any, Any]]) -> bool:
    """Do some work in a task that is cancelled at its await number `at`; return whether there was one."""

    async def task() -> None:
        await Cancelled(work(), at)

    running = asyncio.create_task(task())
    await asyncio.wait([running])
    if running.cancelled():
        return True
    running.result()
    return False


async def everywhere(work: Callable[[int], Coroutine[Any, Any, Any]]) -> int:
    """Do `work(n)` again and again, cancelled one await later each time; return how many awaits it has."""
    for at in range(MOST_AWAITS):
        if not await cancelled_at(at, partial(work, at)):
            return at
    raise AssertionError("it has more awaits than this looks at")


def open_files() -> Iterator[str]:
    """Yield the name of each file that this process has open."""
    for each in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):  # the listing's own
            yield os.readlink(f"/proc/self/fd/{each}")


def connected(url: str, databases: Databases) -> int:
    """Return how many connections to a database this process has: on SQLite, its open files."""
    if url.startswith("sqlite"):
        of = make_url(url).database
        return sum(name.startswith(str(of)) for name in open_files())
    name = make_url(url).database
    return int(databases.ask(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")[0])


@pytest.fixture
async def points(database_url: str) -> AsyncIterator[Points]:
    async with Points.opened(settings(database_url)) as opened:
        await lived(opened)
        yield opened


async def test_an_operation_whose_caller_is_cancelled_anywhere_is_done_once_when_asked_again(
    points: Points,
) -> None:
    async def one(at: int) -> None:
        await ask(points, f"cut:{at}")

    awaits = await everywhere(one)
    assert awaits >= 1
    told = [await ask(points, f"cut:{at}") for at in range(awaits + 1)]
    assert [await ask(points, f"cut:{at}") for at in range(awaits + 1)] == told
    assert await points.read(verification.verify) == []


@pytest.mark.parametrize("name", OPERATIONS)
async def test_each_operation_runs_whole_though_nobody_waits_for_it(points: Points, name: str) -> None:
    await OPERATIONS["award"](points)  # number 1, for those that need one
    assert await cancelled_at(0, lambda: OPERATIONS[name](points))
    await points.write(lambda tx: None)  # what was queued before is through
    assert await points.read(verification.verify) == []
    before = await points.read(moved)
    with suppress(Refused):  # what has no key of its own is there already
        await OPERATIONS[name](points)
    assert await points.read(moved) == before
    assert await points.read(verification.verify) == []


async def test_opening_that_is_cancelled_anywhere_leaves_books_that_open_and_nobody_in_them(
    database_url: str, databases: Databases
) -> None:
    async def one(_: int) -> None:
        async with Points.opened(settings(database_url)) as points:
            await ask(points, "plain:opened")
            await points.read(moved)

    gc.disable()  # or it might close what nobody did
    try:
        assert await everywhere(one) > 2
        assert connected(database_url, databases) == 0
    finally:
        gc.enable()
    async with Points.opened(settings(database_url)) as points:
        told = await ask(points, "plain:opened")
        assert await ask(points, "plain:opened") == told
        assert await points.read(verification.verify) == []


async def test_the_api_for_programs_can_be_cancelled_anywhere(
    points: Points, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTS_DATABASE_URL", points.settings.database_url)

    async def one(at: int) -> int:
        given = await api.award_points(
            user_id="7", amount=3, reason="x", community_id=TOWN, idempotency_key=f"api:{at}"
        )
        return given.number

    awaits = await everywhere(one)
    numbers = [await one(at) for at in range(awaits + 1)]
    assert len(set(numbers)) == awaits + 1
    assert await points.read(verification.verify) == []


async def test_a_backup_and_a_rewrite_can_be_cancelled_anywhere(
    points: Points, tmp_path: Path, client_programs: None
) -> None:
    async def keep(at: int) -> None:
        await backup.make_due(points, BEGINNING + timedelta(minutes=at), tmp_path)

    await everywhere(keep)
    await everywhere(lambda _: points.scrub())
    await points.write(lambda tx: None)
    for each in backup.listed(tmp_path):
        backup.check(tmp_path / each.file)
    assert await points.read(verification.verify) == []
