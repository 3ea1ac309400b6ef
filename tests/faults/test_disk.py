"""The disk is full, fails, may not be written, or somebody else holds the file; and then all is well again."""

import asyncio
import ctypes
import errno
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from points_core import history, verification
from points_core.database import Points
from points_core.errors import DatabaseUnavailable
from points_core.settings import database_file, sync_url
from tests.conftest import Databases
from tests.faults import jobs
from tests.faults.books import keep_word, moved
from tests.faults.children import Child
from tests.faults.jobs import TOWN, ask, found, settings

pytestmark = pytest.mark.usefixtures("warm")

Rounds = Callable[[int], int]

SOON_S = 3.5  # Discord's three seconds for an answer, and what a loaded machine takes beyond


@pytest.fixture
def url(databases: Databases) -> str:
    """Founded books in a file."""
    url = databases.new("sqlite")

    async def work() -> None:
        async with Points.opened(settings(url)) as points:
            await found(points)

    asyncio.run(work())
    return url


def file_of(url: str) -> Path:
    file = database_file(sync_url(url))
    assert file is not None
    return file


async def until_fault(points: Points, prefix: str, most: int = 2_000) -> tuple[list[Any], str]:
    """Ask for one thing after the other until one is a fault; return what was said, and the fault's reason."""
    said: list[Any] = []
    for number in range(most):
        key = f"{prefix}:{number}"
        said.append(("asking", key))
        try:
            said.append(("told", key, await ask(points, key)))
        except DatabaseUnavailable as fault:
            return said, fault.why
    raise AssertionError("nothing went wrong")


async def goes_on(points: Points, url: str, said: list[Any]) -> None:
    """Assert that this very process writes again, and that all it said is true."""
    for number in range(5):
        key = f"again:{number}"
        said += [("asking", key), ("told", key, await ask(points, key))]
    assert await points.read(verification.verify) == []
    await keep_word(url, said)


# ── full ──


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of six megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)]
    if os.getuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk, where that is allowed")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_full_disk_is_said_and_once_there_is_room_the_same_process_goes_on(small: Path) -> None:
    url = f"sqlite:///{small}/points.db"
    filler = small / "filler"
    async with Points.opened(settings(url)) as points:
        await found(points)
        filler.write_bytes(bytes(4_000_000))
        said, why = await until_fault(points, "full")
        assert "full" in why
        assert await points.read(moved)  # whoever only looks still can
        for attempt in range(3):
            with pytest.raises(DatabaseUnavailable):
                await ask(points, f"stillfull:{attempt}")
        filler.unlink()
        await goes_on(points, url, said)


def limited(say: jobs.Say, url: str, more: int) -> None:
    """Write until the file may not grow, then with the limit gone, in one process."""

    async def work() -> None:
        async with Points.opened(settings(url)) as points:
            await ask(points, "plain:before")
            beside = file_of(url).with_name(file_of(url).name + "-wal")
            room = max(beside.stat().st_size, file_of(url).stat().st_size) + more
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
            said, why = await until_fault(points, "limited")
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            await goes_on(points, url, said)
            say(why)

    asyncio.run(work())


def test_a_file_that_may_not_grow_is_said_and_later_the_same_process_goes_on(url: str) -> None:
    with Child(limited, url, 50_000) as child:
        (why,) = child.finish()
    assert why


# ── failing ──


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("kind", ["w", "s"], ids=["writes", "syncs"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["no space", "input/output error"])
def test_a_disk_that_fails_for_a_while_at_any_moment_costs_nobody_what_they_were_told(
    url: str, databases: Databases, kind: str, error: int, chance: Random, rounds: Rounds
) -> None:
    for _ in range(rounds(6)):
        mine = databases.copy(url)
        folder = file_of(mine).parent
        fault = (kind, chance.randint(0, 200 if kind == "w" else 12), chance.choice([1, 3, 40]), error)
        keys = [f"failing:{number}" for number in range(12)]
        with Child(jobs.failing, str(folder), fault, jobs.write_through, mine, "failing", keys) as child:
            said = child.finish()
        assert [each[0] for each in said].count("told") > 0
        asyncio.run(keep_word(mine, said))
        databases.drop(mine)


# ── not to be written ──


def obey() -> None:
    """Let this process of root's be bound to permissions like everybody's: without CAP_DAC_OVERRIDE."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    kernel = ctypes.CDLL(None, use_errno=True)
    assert kernel.capget(header, sets) == 0
    sets[0] &= ~0b110  # effective: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    sets[1] &= ~0b110  # permitted
    assert kernel.capset(header, sets) == 0


def obeying(say: jobs.Say, url: str, command: list[str]) -> None:
    """Run the command line as somebody who may not do everything."""
    from typer.testing import CliRunner

    from points_core.cli import app

    if os.getuid() == 0:
        obey()
    os.environ.update(POINTS_DATABASE_URL=url, POINTS_COMMUNITY=TOWN)
    done = CliRunner().invoke(app, command)
    say((done.exit_code, done.output or repr(done.exception)))


@pytest.mark.parametrize(
    "file_mode, folder_mode",
    [(0o400, 0o700), (0o600, 0o500), (0o400, 0o500), (0o000, 0o700)],
    ids=["a read-only file", "a read-only folder", "both", "a file not even to be read"],
)
def test_books_that_may_not_be_written_are_said_in_words_and_left_as_they_are(
    url: str, file_mode: int, folder_mode: int, tmp_path: Path
) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    file = folder / "points.db"
    before = file_of(url).read_bytes()
    file.write_bytes(before)
    file.chmod(file_mode)
    folder.chmod(folder_mode)
    address = f"sqlite:///{file}"
    for command in (["award", "1", "5", "Helped"], ["db", "upgrade"], ["verify"]):
        with Child(obeying, address, command) as child:
            ((code, output),) = child.finish()
        if command[0] == "award":
            assert code == 2, output
        assert code in {0, 2}, output
        if code:
            assert WORDS.search(output), output
    folder.chmod(0o700)
    for each in folder.iterdir():
        each.chmod(0o600)  # SQLite's own files beside it are made with its permissions
    assert file.read_bytes() == before
    with Child(obeying, address, ["award", "1", "5", "Helped"]) as child:
        ((code, output),) = child.finish()
    assert code == 0, output


WORDS = re.compile("readonly database|unable to open|Permission denied|disk I/O error")


# ── held by somebody else ──

HOLDER = (
    "import sqlite3, sys, time\n"
    "held = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    "held.execute('BEGIN IMMEDIATE')\n"
    "print('held', flush=True)\n"
    "time.sleep(float(sys.argv[2]))\n"
)


@pytest.mark.parametrize("seconds", [1, 6, 60])
async def test_a_file_that_another_process_has_locked_answers_in_time_and_then_goes_on(
    url: str, seconds: int, request: pytest.FixtureRequest
) -> None:
    if seconds == 60:
        request.getfixturevalue("long_run")
    said: list[Any] = []
    async with Points.opened(settings(url)) as points:
        holder = await asyncio.create_subprocess_exec(
            sys.executable, "-c", HOLDER, str(file_of(url)), str(seconds), stdout=asyncio.subprocess.PIPE
        )
        assert holder.stdout is not None
        assert await holder.stdout.readline() == b"held\n"
        faults: list[tuple[str, float]] = []
        while holder.returncode is None:
            key, began = f"locked:{len(said)}", time.monotonic()
            said.append(("asking", key))
            try:
                said.append(("told", key, await ask(points, key)))
            except DatabaseUnavailable as fault:
                faults.append((fault.why, time.monotonic() - began))
                await points.read(history.page, TOWN)
        await holder.wait()
        assert len(faults) >= seconds // 3
        assert all("locked" in why and took < SOON_S for why, took in faults)
        await goes_on(points, url, said)


def test_two_bots_on_one_file_that_are_asked_the_same_answer_the_same(url: str) -> None:
    with (
        Child(jobs.write, url, "both", 4, 25) as first,
        Child(jobs.write, url, "both", 4, 25) as second,
    ):
        said = [child.finish() for child in (first, second)]
    answers = [{each[1]: each[2] for each in one if each[0] == "told"} for one in said]
    both = {key for key in answers[0] if None not in (answers[0][key], answers[1][key])}
    assert len(answers[0]) == len(answers[1]) == 25
    assert {key: answers[0][key] for key in both} == {key: answers[1][key] for key in both}
    asyncio.run(keep_word(url, [*said[0], *said[1]]))
