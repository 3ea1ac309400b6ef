"""Through pgbouncer in transaction mode: connections are lent by the transaction, and nothing leans on more."""

import asyncio
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, make_url, text

from points_core import approvals, backup, doctor, history, policy, verification
from points_core.changes import ANYTHING, Change
from points_core.database import Points
from points_core.doctor import Health
from points_core.engines import study_engine
from points_core.settings import Settings, sync_url
from points_core.values import Kind
from tests.conftest import Databases
from tests.core.conftest import COMMUNITY, MOD, NOON, by, settings_for
from tests.core.test_backup import client_programs

__all__ = ["client_programs"]

SECONDS = 20
CONNECTIONS = 3  # of the server, for twice as many clients


@pytest.fixture
def pooled(databases: Databases) -> Iterator[Callable[[str], str]]:
    """Run pgbouncer before the server; gives the address through it for the server's own."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if program is None:
        pytest.skip("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    server = make_url(databases.empty("postgresql"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="points-pgbouncer-"))
    owner = _owner(server.query.get("host"))
    host = server.host or server.query.get("host")
    (folder / "users").write_text(f'"{server.username}" "{server.password or ""}"\n')
    (folder / "ini").write_text(
        f"[databases]\n* = host={host} port={server.port or 5432}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {folder / 'users'}\n"
        f"pool_mode = transaction\ndefault_pool_size = {CONNECTIONS}\n"
    )
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, owner)
    as_owner = ["-u", owner] if os.getuid() == 0 else []
    process = subprocess.Popen([program, *as_owner, str(folder / "ini")], stderr=subprocess.DEVNULL)
    try:
        _await_port(port)
        yield (
            lambda url: (
                make_url(url)
                .set(host="127.0.0.1", port=port, query={"pooled": "true"})
                .render_as_string(hide_password=False)
            )
        )
    finally:
        process.terminate()
        process.wait(SECONDS)
        shutil.rmtree(folder)


def _owner(folder: object) -> str:
    """Return who may enter the folder of the server's socket; root is nobody pgbouncer runs as."""
    uid = Path(str(folder)).stat().st_uid if folder and Path(str(folder)).is_dir() else os.getuid()
    return pwd.getpwuid(uid).pw_name if uid else "nobody"


def _await_port(port: int) -> None:
    for _ in range(SECONDS * 20):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("pgbouncer does not listen")


async def award(points: Points, n: int) -> None:
    await points.write(
        approvals.request,
        by(MOD),
        kind=Kind.AWARD,
        user_id=f"{n % 7}",
        amount=1 + n % 50,
        reason=f"Bed {n}",
        again=True,
    )


async def test_everything_works_on_lent_connections(
    databases: Databases, pooled: Callable[[str], str]
) -> None:
    direct = databases.empty("postgresql")
    url = pooled(direct)
    async with Points.opened(settings_for(url)) as one, Points.opened(settings_for(url)) as two:
        await one.write(policy.change, by(MOD), max_award=1_000, quorum=2)
        for burst in range(12):  # a statement is prepared, where that is done, the fifth time it is sent
            await asyncio.gather(*[award(side, burst * 10 + n) for n in range(5) for side in (one, two)])
            await asyncio.gather(
                *[side.read(history.balance, COMMUNITY, "3") for side in (one, two) for _ in range(3)]
            )
        assert await one.study(verification.verify) == []
        assert await two.read(_transactions) == 120

    engine = study_engine(sync_url(direct))
    with engine.connect() as tx:
        assert _transactions(tx) == 120
    engine.dispose()


def _transactions(tx: Connection) -> int:
    return int(tx.execute(text("SELECT count(*) FROM point_transactions")).scalar_one())


async def test_no_statement_is_prepared_on_a_lent_connection(
    databases: Databases, pooled: Callable[[str], str]
) -> None:
    url = pooled(databases.new("postgresql"))
    async with Points.opened(settings_for(url)) as points:
        for n in range(12):
            await award(points, n)
        plain = make_url(url).set(drivername="postgresql", query={}).render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True, prepare_threshold=None) as lent:
            for _ in range(CONNECTIONS):
                assert lent.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)


async def test_where_no_notification_comes_through_anything_may_have_changed(
    databases: Databases, pooled: Callable[[str], str]
) -> None:
    url = pooled(databases.new("postgresql"))
    async with Points.opened(settings_for(url)) as points:
        heard: list[Change] = []
        again = asyncio.Event()

        def take(change: Change) -> None:
            heard.append(change)
            if heard.count(ANYTHING) == 2:
                again.set()

        points.changes.subscribe(take)
        async with asyncio.timeout(SECONDS):
            await again.wait()


async def test_a_backup_is_made_through_it(
    databases: Databases, pooled: Callable[[str], str], tmp_path: Path
) -> None:
    settings = Settings.model_validate(
        {"POINTS_DATABASE_URL": pooled(databases.new("postgresql")), "POINTS_BACKUP_DIRECTORY": tmp_path}
    )
    async with Points.opened(settings) as points:
        await award(points, 1)
        made = await backup.make_due(points, NOON)

    assert made.manifest.number_of_transactions == 1


def test_the_doctor_notices_a_pooler_that_was_not_said(
    databases: Databases, pooled: Callable[[str], str]
) -> None:
    def looked(address: str) -> doctor.Finding:
        return doctor.connections(settings_for(address))[0]

    url = databases.new("postgresql")
    said = pooled(url)
    unsaid = make_url(said).difference_update_query(["pooled"]).render_as_string(hide_password=False)

    assert looked(url) == doctor.Finding(
        "the pooler", Health.OK, "none said (?pooled=true), and none noticed"
    )
    assert looked(said).health is Health.OK
    assert "do not come through" in looked(said).detail
    assert looked(unsaid).health is Health.WARN
    assert "say ?pooled=true" in looked(unsaid).detail
    databases.drop(url)
