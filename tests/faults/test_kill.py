"""Killed at any moment, a process loses nothing that it has said, and what it asked may be asked again.

200 kills in all unless --fault-rounds says otherwise; after each the books are looked at, and the next process
goes on by itself.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from points_core import backup, imports, outbox, verification
from points_core.database import Points
from points_core.models import Batch, OutboxEntry, Publication
from points_core.settings import database_file, sync_url
from tests.conftest import BACKENDS, Databases
from tests.faults import jobs
from tests.faults.books import keep_word, state
from tests.faults.children import Child, Job
from tests.faults.earlier import at_revision, rows
from tests.faults.jobs import BEGINNING, TOWN, by, found, settings

pytestmark = pytest.mark.usefixtures("warm", "client_programs")

Rounds = Callable[[int], int]

LONGEST_S = 0.08  # from a child's first words to the kill: some dozens of commits


def killed(
    chance: Random, job: Job, *arguments: object, after: float = LONGEST_S, words: int = 1
) -> list[Any]:
    """Have a child do a job, kill it at a random moment after its first words, return what it said."""
    with Child(job, *arguments) as child:
        for _ in range(words):
            child.hear()
        child.listen(chance.uniform(0, after))
        return child.kill()


def founded(url: str, *, plain: bool = False) -> None:
    async def work() -> None:
        async with Points.opened(settings(url)) as points:
            await found(points, plain=plain)

    asyncio.run(work())


@pytest.fixture
def books(database_url: str) -> str:
    """Books of a founded community, with a few hundred transactions."""
    founded(database_url)
    with Child(jobs.write, database_url, "first", 8, 60) as child:
        child.finish()
    return database_url


@pytest.fixture
def file(books: str) -> Path:
    """Those books, if they are an SQLite file."""
    file = database_file(sync_url(books))
    if file is None:
        pytest.skip("about an SQLite file")
    return file


def test_what_writers_were_told_before_a_kill_is_there_once_and_keys_replay(
    database_url: str, chance: Random, rounds: Rounds
) -> None:
    founded(database_url)
    told: list[Any] = []
    for kill in range(rounds(35)):
        said = killed(chance, jobs.write, database_url, f"{kill}", 4, words=chance.choice([1, 5, 9]))
        told += said
        asyncio.run(keep_word(database_url, said))
    asyncio.run(keep_word(database_url, told))
    assert sum(each[0] == "told" for each in told) > rounds(35)


def test_a_backup_that_was_told_of_is_whole_and_one_that_was_not_is_none(
    books: str, tmp_path: Path, chance: Random, rounds: Rounds
) -> None:
    made: set[str] = set()
    for kill in range(rounds(15)):
        began = kill * 1_000
        said = killed(chance, jobs.back_up, books, str(tmp_path), began, after=0.4)
        made |= {each[1] for each in said if each[0] == "made"}
        there = {str(tmp_path / each.file) for each in backup.listed(tmp_path)}
        assert made <= there
        for each in there:
            backup.check(Path(each))
    state(books)
    after = backup.make(sync_url(books), tmp_path, BEGINNING + timedelta(days=90))
    assert not after.manifest.broken


def test_books_that_were_being_restored_are_the_old_ones_or_the_new_ones(
    books: str, databases: Databases, tmp_path: Path, chance: Random, rounds: Rounds
) -> None:
    earlier = backup.make(sync_url(books), tmp_path, BEGINNING).file
    with Child(jobs.write, books, "later", 8, 20) as child:
        child.finish()
    sides = {state(books), None}
    restored = 0
    for _ in range(rounds(12)):
        url = databases.copy(books)
        before = state(url)
        said = killed(chance, jobs.go_back, url, str(earlier), after=0.7)
        if "restored" in said:
            restored += 1
            assert state(url) != before
        with Child(jobs.go_back, url, str(earlier)) as child:  # and it can be done again at once
            child.finish()
        sides.add(state(url))
        let_go(databases, url)
        backup.preview(settings(url), earlier)
        assert leftovers(databases, url) == []
        databases.drop(url)
    assert len(sides) == 3, "every restore ended with the same books"


def test_a_restore_on_a_server_that_is_killed_at_any_renaming_leaves_books_under_the_name(
    books: str, databases: Databases, tmp_path: Path
) -> None:
    if books.startswith("sqlite"):
        pytest.skip("a file is replaced without being renamed")
    earlier = backup.make(sync_url(books), tmp_path, BEGINNING).file
    for after in range(2):
        url = databases.copy(books)
        with Child(jobs.killed_at, "ALTER DATABASE", after, jobs.go_back, url, str(earlier)) as child:
            assert not child.end()
        assert state(url) == state(books)
        databases.drop(url)


def test_a_writer_that_is_killed_at_any_statement_wrote_all_or_nothing(database_url: str) -> None:
    founded(database_url)
    ended, after = False, 0
    while not ended:
        arguments = (jobs.write, database_url, f"at{after}", 1, 1)
        with Child(jobs.killed_at, "", after, *arguments) as child:
            ended = child.end()
            asyncio.run(keep_word(database_url, child.said))
        after += 1
    assert after > 5


def let_go(databases: Databases, url: str) -> None:
    """Wait until the pg_restore of a process that was killed has ended, too: nobody stops that one."""
    name = sync_url(url).database
    while url.startswith("postgresql") and databases.ask(
        f"SELECT pid FROM pg_stat_activity WHERE datname LIKE '{name}_restore%%'"
    ):
        time.sleep(0.05)


def leftovers(databases: Databases, url: str) -> list[str]:
    """Return what is still there that was only made on the way."""
    file = database_file(sync_url(url))
    if file is not None:
        return [each.name for each in file.parent.glob(f"{file.name}.restore*")]
    name = sync_url(url).database
    return databases.ask(f"SELECT datname FROM pg_database WHERE datname LIKE '{name}_restore%%'")


COUNTED = ("point_scores", "score_buckets")
"""What migrations count anew: as many rows as this version writes."""


@pytest.mark.parametrize("revision", ["0003", "0004"])
def test_a_migration_that_was_killed_is_done_by_the_next_start(
    databases: Databases, database_url: str, revision: str, chance: Random, rounds: Rounds
) -> None:
    plain = revision == "0003"
    founded(database_url, plain=plain)
    with Child(jobs.write, database_url, jobs.PLAIN if plain else "first", 8, 60) as child:
        child.finish()
    old, there = at_revision(databases, database_url, revision), state(database_url)
    counted = {name: count for name, count in rows(database_url).items() if name in COUNTED}
    for _ in range(rounds(6)):
        url = databases.copy(old)
        before = rows(url)
        killed(chance, jobs.migrate, url, after=0.5)
        with Child(jobs.migrate, url) as child:
            child.finish()
        assert state(url) == there
        after = rows(url)
        assert {table: count for table, count in after.items() if before.get(table)} == {
            table: count for table, count in before.items() if count
        } | counted
        databases.drop(url)
    databases.drop(old)


def test_an_effect_happens_again_at_most_once_for_each_kill_and_never_after_it_was_done(
    books: str, tmp_path: Path, chance: Random, rounds: Rounds
) -> None:
    world = tmp_path / "world"
    done: set[int] = set()
    now = BEGINNING
    kills = rounds(12)
    for _ in range(kills):
        happened = lines(world)
        said = killed(chance, jobs.deliver, books, str(world), now, after=0.05)
        again = lines(world)[len(happened) :]
        assert not done & set(again), "an effect that was done happened again"
        done |= {each for each in said if isinstance(each, int)}
        now += timedelta(minutes=2)  # its leases run out
    with Child(jobs.deliver, books, str(world), now) as child:
        child.finish()
    happened = lines(world)
    every = asyncio.run(read(books, lambda tx: set(tx.execute(select(OutboxEntry.id)).scalars())))
    assert set(happened) == every
    assert len(happened) - len(every) <= kills
    assert asyncio.run(read(books, lambda tx: outbox.waiting(tx, TOWN))) == 0


def lines(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


async def read(url: str, operation: Callable[[Connection], Any]) -> Any:
    async with Points.opened(settings(url)) as points:
        return await points.read(operation)


def test_every_slot_is_claimed_once_however_often_who_claims_is_killed(
    books: str, chance: Random, rounds: Rounds
) -> None:
    days = 40
    claimed: list[Any] = []
    for _ in range(rounds(12)):
        said = killed(chance, jobs.claim, books, BEGINNING, days, after=0.2)
        claimed += [each for each in said if each != "begun"]
    with Child(jobs.claim, books, BEGINNING, days) as child:
        claimed += [each for each in child.finish() if each != "begun"]

    assert len(set(claimed)) == len(claimed), "two were told that a slot is theirs"
    slots = asyncio.run(read(books, lambda tx: tx.execute(select(Publication.slot)).scalars().all()))
    assert len(slots) == len(set(slots)) == days
    boards = select(func.count()).where(OutboxEntry.topic == outbox.Topic.BOARD)
    assert asyncio.run(read(books, lambda tx: tx.execute(boards).scalar_one())) == days
    state(books)


def test_a_file_that_was_being_imported_is_there_whole_or_not_at_all_and_once(
    books: str, chance: Random, rounds: Rounds
) -> None:
    already = state(books)
    asked: dict[str, int | None] = {}
    for kill in range(rounds(12)):
        for each in killed(chance, jobs.bring_in, books, f"{kill}", after=0.1):
            asked[each[1]] = each[2] if each[0] == "told" else None
    there = (state(books)[0] - already[0]) / jobs.ROWS
    assert there == int(there)
    assert sum(number is not None for number in asked.values()) <= there <= len(asked)

    async def again() -> None:
        async with Points.opened(settings(books)) as points:
            for key, number in asked.items():
                done = await points.write(
                    imports.run, by(jobs.MOD, key), imports.opened(jobs.file_of(key)), imports.Options()
                )
                assert done.batch is not None
                assert number in {None, done.batch.number}
            assert await points.read(verification.verify) == []
            files = await points.read(
                lambda tx: tx.execute(select(func.count()).where(Batch.checksum.is_not(None))).scalar_one()
            )
            assert files == len(asked)

    asyncio.run(again())


def test_a_file_that_was_being_exported_has_its_name_only_once_it_is_whole(
    books: str, tmp_path: Path, chance: Random, rounds: Rounds
) -> None:
    count = state(books)[0]
    for kill in range(rounds(6)):
        folder = tmp_path / str(kill)
        folder.mkdir()
        said = killed(chance, jobs.send_out, books, str(folder), after=0.4)
        files = {str(file): file.read_bytes().count(b"\r\n") for file in folder.glob("*.csv")}
        assert {each[1] for each in said if each[0] == "made"} <= files.keys()
        assert set(files.values()) <= {count + 1}


@pytest.mark.parametrize("target", BACKENDS)
def test_a_copy_that_was_killed_left_no_books_behind_and_can_be_made_again(
    books: str, databases: Databases, target: str, chance: Random, rounds: Rounds
) -> None:
    for _ in range(rounds(3)):
        empty = databases.empty(target)
        said = killed(chance, jobs.copy, books, empty, after=1.0)
        if "copied" not in said:
            with Child(jobs.copy, books, empty) as child:
                child.finish()
        assert state(empty) == state(books)
        databases.drop(empty)
