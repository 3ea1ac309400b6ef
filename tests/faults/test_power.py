"""The power goes at any moment: what was acknowledged is there, what is half written is not taken for whole.

What a child writes and syncs is recorded; then the disk is brought back as a power cut would have left it, at
many moments, with what was not synced lost, torn or out of order. The last of the losses, none, is what a
kill -9 leaves: so a kill between any two operations on the disk is among them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from points_core import backup
from points_core.database import Points, migrate
from points_core.settings import sync_url
from tests.conftest import Databases
from tests.faults import jobs
from tests.faults.books import keep_word, state
from tests.faults.children import Child, Job
from tests.faults.earlier import at_revision
from tests.faults.jobs import BEGINNING, found, settings
from tests.faults.recording import Disk, Loss, events

pytestmark = pytest.mark.usefixtures("warm", "recorded")

Rounds = Callable[[int], int]


@dataclass
class Story:
    """What a child did on a recorded disk, and what it said meanwhile."""

    disk: Disk
    said: list[Any]

    def cuts(self, chance: Random, count: int, into: Path) -> Any:
        """Yield, for some moments, the folder that a power cut leaves, and what had been said by then."""
        for number, at in enumerate(self.disk.moments(chance, count)):
            folder = into / f"cut{number}"
            last = at == len(self.disk.events)
            self.disk.cut(at, Loss.ALL if last else list(Loss)[number % len(Loss)], chance, folder)
            marks = [
                event for event in self.disk.events[:at] if event.kind == "w" and event.inode == self._saying
            ]
            yield folder, self.said[: len(marks)]

    @property
    def _saying(self) -> int:
        return next(e.inode for e in self.disk.events if e.kind == "c" and e.path.endswith("/said"))


def told(folder: Path, job: Job, *arguments: object) -> Story:
    """Have a child do a job while `folder` is recorded."""
    disk = Disk.of(folder)
    log = folder.with_name(folder.name + ".log")
    with Child(jobs.recorded, str(folder), str(log), job, *arguments) as child:
        said = child.finish()
    disk.events = events(log)
    return Story(disk, said)


def url_in(folder: Path) -> str:
    return f"sqlite:///{(folder / 'points.db').as_posix()}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with founded books in it."""
    folder = tmp_path / "disk"
    folder.mkdir()

    async def work() -> None:
        async with Points.opened(settings(url_in(folder))) as points:
            await found(points)

    asyncio.run(work())
    return folder


def test_what_was_acknowledged_is_there_after_a_power_cut(
    folder: Path, tmp_path: Path, chance: Random, rounds: Rounds
) -> None:
    story = told(folder, jobs.write, url_in(folder), "power", 4, 40)
    for left, said in story.cuts(chance, rounds(30), tmp_path):
        asyncio.run(keep_word(url_in(left), said))


def test_what_was_acknowledged_is_there_when_the_first_start_itself_is_cut(
    tmp_path: Path, chance: Random, rounds: Rounds
) -> None:
    new = tmp_path / "new"
    new.mkdir()
    story = told(new, jobs.write, url_in(new), "first", 1, 3)
    for left, said in story.cuts(chance, rounds(12), tmp_path):
        left.mkdir(exist_ok=True)
        asyncio.run(keep_word(url_in(left), said))


def test_a_checkpoint_that_is_cut_loses_nothing(
    folder: Path, tmp_path: Path, chance: Random, rounds: Rounds
) -> None:
    """The WAL is written back into the file when the last connection closes: cut only there."""
    story = told(folder, jobs.write, url_in(folder), "end", 4, 30)
    ends = len(story.disk.events)
    last = max(
        at for at, event in enumerate(story.disk.events) if event.kind == "w" and event.inode == story._saying
    )
    for number in range(rounds(8)):
        left = tmp_path / f"end{number}"
        story.disk.cut(chance.randint(last + 1, ends), Loss.SOME, chance, left)
        asyncio.run(keep_word(url_in(left), story.said, again=5))


def test_a_backup_that_was_told_of_survives_a_power_cut(
    folder: Path, tmp_path: Path, chance: Random, rounds: Rounds
) -> None:
    with Child(jobs.write, url_in(folder), "before", 4, 20) as child:
        child.finish()
    story = told(folder, jobs.back_up, url_in(folder), str(folder / "backups"), 0, 3)
    for left, said in story.cuts(chance, rounds(20), tmp_path):
        made = {Path(each[1]).name for each in said if each[0] == "made"}
        there = {each.file for each in backup.listed(left / "backups")}
        assert made <= there
        for each in there:
            backup.check(left / "backups" / each)


def test_a_restore_that_is_cut_leaves_the_old_books_or_the_new_ones(
    folder: Path, tmp_path: Path, chance: Random, rounds: Rounds
) -> None:
    url = url_in(folder)
    with Child(jobs.write, url, "before", 4, 10) as child:
        child.finish()
    earlier, old = backup.make(sync_url(url), folder / "backups", BEGINNING).file, state(url)
    with Child(jobs.write, url, "after", 4, 10) as child:
        child.finish()
    now = state(url)
    story = told(folder, jobs.go_back, url, str(earlier))
    for left, said in story.cuts(chance, rounds(24), tmp_path):
        found = state(url_in(left))
        assert found == old if "restored" in said else found in {old, now}
        points = backup.listed(left / "backups")
        assert [each.file for each in points] == [earlier.name]


def test_damaged_books_that_are_moved_aside_are_somewhere_at_every_moment(
    folder: Path, tmp_path: Path, chance: Random, rounds: Rounds
) -> None:
    url = url_in(folder)
    earlier, old = backup.make(sync_url(url), folder / "backups", BEGINNING).file, state(url)
    damaged = b"not a database " * 1_000
    (folder / "points.db").write_bytes(damaged)
    story = told(folder, jobs.go_back, url, str(earlier))
    for left, said in story.cuts(chance, rounds(15), tmp_path):
        there = left / "points.db"
        if "restored" in said:
            assert state(url_in(left)) == old
        aside = [each.read_bytes() for each in left.glob("points-backups/*.damaged.db")]
        assert damaged in [*aside, *([there.read_bytes()] if there.exists() else [])]
        assert [each.file for each in backup.listed(left / "backups")] == [earlier.name]


def test_a_migration_that_is_cut_is_done_by_the_next_start(
    folder: Path, databases: Databases, tmp_path: Path, chance: Random, rounds: Rounds
) -> None:
    with Child(jobs.write, url_in(folder), "before", 4, 20) as child:
        child.finish()
    there = state(url_in(folder))
    old = at_revision(databases, url_in(folder), "0004")
    place = tmp_path / "old"
    place.mkdir()
    Path(str(sync_url(old).database)).rename(place / "points.db")
    story = told(place, jobs.migrate, url_in(place))
    for left, _ in story.cuts(chance, rounds(14), tmp_path):
        migrate(sync_url(url_in(left)), restore_points=0)
        assert state(url_in(left)) == there


def test_an_export_that_was_told_of_survives_a_power_cut(
    folder: Path, tmp_path: Path, chance: Random, rounds: Rounds
) -> None:
    with Child(jobs.write, url_in(folder), "before", 4, 20) as child:
        child.finish()
    lines = state(url_in(folder))[0] + 1
    story = told(folder, jobs.send_out, url_in(folder), str(folder), 3)
    for left, said in story.cuts(chance, rounds(12), tmp_path):
        told_of = {Path(each[1]).name for each in said if each[0] == "made"}
        files = {each.name: each.read_bytes().count(b"\r\n") for each in left.glob("*.csv")}
        assert told_of <= files.keys()
        assert set(files.values()) <= {lines}


async def test_every_commit_of_the_writer_waits_for_the_disk(database_url: str) -> None:
    """What the tests above rest on: on SQLite full syncs of a WAL, on PostgreSQL no commit ahead of its log."""
    async with Points.opened(settings(database_url)) as points:

        def asked(tx: Any) -> list[Any]:
            names = ["journal_mode", "synchronous"] if tx.dialect.name == "sqlite" else ["synchronous_commit"]
            show = "PRAGMA" if tx.dialect.name == "sqlite" else "SHOW"
            return [tx.exec_driver_sql(f"{show} {name}").scalar() for name in names]

        assert await points.write(asked) == (["wal", 2] if database_url.startswith("sqlite") else ["on"])
