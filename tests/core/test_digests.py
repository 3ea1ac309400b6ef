"""What was imported or asked for cannot be tried against a digest of it, in old databases either."""

import hashlib
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Connection, NullPool, create_engine, insert, select, text, update

from points_core import audit, imports, migrations, verification
from points_core.database import Points
from points_core.imports import Options, Preview
from points_core.migrations import guards
from points_core.models import AuditEvent, Base, Batch, Community
from points_core.settings import sync_url
from tests.conftest import BACKENDS, Databases
from tests.core.conftest import COMMUNITY, MOD, NOON, by, settings_for

FILE = b"user_id,name,points\n81384788765712384,Ada,120\n"
PLAIN = hashlib.sha256(FILE).digest()
ROWS = hashlib.sha256(b'[{"user_id": "81384788765712384"}]').hexdigest()

LIFTED = {"audit_events_no_update": "audit_events", "batches_no_update": "batches"}


async def imported(points: Points, key: str = "1") -> Preview:
    return await points.write(imports.run, by(MOD, key), imports.opened(FILE), Options())


def everything(tx: Connection) -> str:
    """Return all that stands in any table, bytes as hexadecimal digits."""
    return "\n".join(
        value.hex() if isinstance(value, bytes) else str(value)
        for table in Base.metadata.sorted_tables
        for row in tx.execute(select(table))
        for value in row
    )


async def test_no_digest_of_an_imported_file_stands_in_any_table(points: Points) -> None:
    await imported(points)

    stored = await points.read(everything)
    assert PLAIN.hex() not in stored
    plain_key = hashlib.sha256(f"import:{PLAIN.hex()}".encode()).hexdigest()
    assert plain_key[:32] not in stored


async def test_one_file_has_another_mark_in_each_community_and_database(points: Points) -> None:
    def marks(tx: Connection) -> list[bytes | None]:
        return list(tx.execute(select(Batch.checksum).order_by(Batch.community_id)).scalars())

    await imported(points)
    elsewhere = by(MOD, "2", community="village")
    await points.write(imports.run, elsewhere, imports.opened(FILE), Options())

    first, second = await points.read(marks)
    assert first != second


def _as_0005(connection: Connection) -> None:
    """Put the books into the form in which revision 0005 left them: with plain digests."""
    with guards.lifted(connection, LIFTED):
        connection.execute(update(Batch).values(checksum=PLAIN, key=f"import:{PLAIN.hex()}"))
        connection.execute(
            update(AuditEvent).where(AuditEvent.action == "batch.import").values(key=f"import:{PLAIN.hex()}")
        )
        connection.execute(update(AuditEvent).where(AuditEvent.action == "batch.award").values(target=ROWS))
    connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))


def _as_now(connection: Connection) -> None:
    """Say that the tables are this version's, which they were all along."""
    connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": migrations.HEAD})


def _record_a_batch(tx: Connection) -> None:
    """Put an HTTP batch on record, as the HTTP API does."""
    from points_core.http import once

    origin = by(MOD, "batch")
    once.award_rows(tx, origin, [{"user_id": "81384788765712384", "amount": 1, "reason": "x"}])


def changed(url: str, change: Callable[[Connection], None]) -> None:
    engine = create_engine(sync_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        change(connection)
    engine.dispose()


async def test_old_digests_are_gone_after_the_migration_and_the_file_is_still_known(
    database_url: str,
) -> None:
    async with Points.opened(settings_for(database_url)) as points:
        await imported(points)
        await points.write(_record_a_batch)
    changed(database_url, _as_0005)

    engine = create_engine(sync_url(database_url), poolclass=NullPool)
    with engine.connect() as connection:
        migrations.upgrade(connection, "0006")
    engine.dispose()
    changed(database_url, _as_now)

    async with Points.opened(settings_for(database_url)) as points:
        stored = await points.read(everything)
        assert PLAIN.hex() not in stored
        assert ROWS not in stored
        assert await points.read(verification.verify, COMMUNITY) == []
        again = await imported(points, "2")
        assert again.batch is not None
        assert again.batch.replayed
        targets = {e.action: e.target for e in await points.read(audit.recent, COMMUNITY)}
        assert targets == {"batch.import": "1", "batch.award": "rows"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_database_of_revision_0003_loses_its_digests_on_the_way(databases: Databases, backend: str) -> None:
    url = databases.empty(backend)
    engine = create_engine(sync_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        migrations.upgrade(connection, "0003")
    event: dict[str, object] = {
        "community_id": 1,
        "recorded_at": NOON,
        "actor_kind": "operator",
        "action": "batch.award",
    }
    with engine.begin() as connection:
        connection.execute(insert(Community).values(id=1, key=COMMUNITY, created_at=NOON))
        for number, target in enumerate((ROWS, "3 rows"), start=1):
            row = event | {"number": number, "target": target, "key": f"key {number}"}
            connection.execute(insert(AuditEvent).values(row))

    with engine.connect() as connection:
        migrations.upgrade(connection)

    with engine.connect() as connection:
        kept = select(AuditEvent.target, AuditEvent.recorded_at).order_by(AuditEvent.number)
        assert [tuple(row) for row in connection.execute(kept)] == [("rows", NOON), ("3 rows", NOON)]
    assert _refuses(url, update(AuditEvent).values(target="forged"))
    assert _refuses(url, update(AuditEvent).values(recorded_at=datetime(2020, 1, 1, tzinfo=NOON.tzinfo)))
    engine.dispose()
    databases.drop(url)


def _refuses(url: str, statement: object) -> bool:
    """Return whether the database itself refuses a statement: its guards stand again."""
    engine = create_engine(sync_url(url), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            connection.execute(statement)  # type: ignore[call-overload]
    except Exception as error:
        return "append-only" in str(error)
    finally:
        engine.dispose()
    return False
