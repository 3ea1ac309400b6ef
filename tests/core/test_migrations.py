"""The tables' history: from nothing to this version, on both databases, by one process or by two at once."""

import asyncio
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Connection,
    Engine,
    Inspector,
    MetaData,
    NullPool,
    Table,
    create_engine,
    insert,
    inspect,
    select,
    text,
)

from points_core import database, migrations, seasons, verification
from points_core.errors import DatabaseUnavailable
from points_core.migrations import guards
from points_core.models import Base, PointScore, ScoreBucket
from points_core.settings import sync_url
from tests.conftest import BACKENDS, Databases
from tests.core.posting import NOON, Move, Town, post

FILES = ScriptDirectory(str(Path(migrations.__file__).parent))
TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'A'",
}


@pytest.fixture(params=BACKENDS)
def empty_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """A database without tables, once on each backend."""
    url = databases.empty(request.param)
    yield url
    databases.drop(url)


@pytest.fixture
def migrated(empty_url: str) -> Iterator[Engine]:
    """An engine on a database that was migrated from nothing."""
    database.migrate(sync_url(empty_url))
    engine = create_engine(sync_url(empty_url), poolclass=NullPool)
    yield engine
    engine.dispose()


def schema(connection: Connection) -> object:
    """Return everything the database knows of its tables, guards and version."""
    if connection.dialect.name == "sqlite":
        stored = "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_master ORDER BY type, name"
    else:
        stored = "SELECT oid, relname, relfilenode FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    return connection.execute(text(stored)).all(), migrations.current(connection)


def test_the_newest_file_is_the_version_this_program_wants() -> None:
    assert FILES.get_heads() == [migrations.HEAD]
    assert sorted(script.revision for script in FILES.walk_revisions()) == list(migrations.REVISIONS)


def test_the_history_is_one_line_from_the_first_file() -> None:
    assert FILES.get_bases() == ["0001"]
    assert all(len(script._versioned_down_revisions) <= 1 for script in FILES.walk_revisions())


def test_from_nothing_to_the_tables_of_the_models(migrated: Engine) -> None:
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert migrations.current(connection) == migrations.HEAD


def test_every_constraint_and_index_has_the_name_that_the_models_give_it(migrated: Engine) -> None:
    found = inspect(migrated)
    for table in Base.metadata.sorted_tables:
        wanted = {str(each.name) for each in table.constraints} | {str(each.name) for each in table.indexes}
        assert names(found, table.name) == wanted


def names(found: Inspector, table: str) -> set[str]:
    """Return the names of a table's constraints and indexes, as the database tells them."""
    unique = {each["name"] for each in found.get_unique_constraints(table)}
    named = [
        found.get_pk_constraint(table)["name"],
        *unique,
        *(each["name"] for each in found.get_foreign_keys(table)),
        *(each["name"] for each in found.get_check_constraints(table)),
        *(each["name"] for each in found.get_indexes(table)),
    ]
    return {str(name) for name in named}


def test_every_guard_stands(migrated: Engine) -> None:
    with migrated.connect() as connection:
        standing = set(connection.execute(text(TRIGGERS[migrated.dialect.name])).scalars())
    assert standing == guards.names(migrated.dialect.name)


def test_migrating_again_touches_nothing(migrated: Engine) -> None:
    with migrated.connect() as connection:
        before = schema(connection)
    database.migrate(migrated.url)
    with migrated.connect() as connection:
        assert schema(connection) == before


def test_a_migration_that_breaks_halfway_leaves_nothing(empty_url: str) -> None:
    engine = create_engine(sync_url(empty_url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE approval_votes (of_somebody_else integer)"))
    with pytest.raises(DatabaseUnavailable, match="already exists"):
        database.migrate(sync_url(empty_url))
    assert inspect(engine).get_table_names() == ["approval_votes"]

    with engine.begin() as connection:
        connection.execute(text("DROP TABLE approval_votes"))
    database.migrate(sync_url(empty_url))
    with engine.connect() as connection:
        assert migrations.current(connection) == migrations.HEAD


async def test_two_processes_that_start_together_both_find_the_tables(empty_url: str) -> None:
    starting = [await a_process_that_migrates(empty_url) for _ in range(2)]
    ends = await asyncio.gather(*[process.communicate(b"now\n") for process in starting])

    assert [process.returncode for process in starting] == [0, 0], ends
    engine = create_engine(sync_url(empty_url), poolclass=NullPool)
    with engine.connect() as connection:
        assert migrations.current(connection) == migrations.HEAD


async def a_process_that_migrates(url: str) -> asyncio.subprocess.Process:
    """Start a process that has everything imported and migrates when it is told to."""
    program = (
        "import sys, alembic.command\n"
        "from points_core import database, settings\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "database.migrate(settings.sync_url(sys.argv[1]))\n"
    )
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        url,
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


def test_books_of_before_get_scores_of_seasons_and_buckets_of_every_span(
    empty_url: str, databases: Databases
) -> None:
    told = databases.new("sqlite" if empty_url.startswith("sqlite") else "postgresql")
    now, before = (create_engine(sync_url(url), poolclass=NullPool) for url in (told, empty_url))
    with now.begin() as tx:
        a_busy_year(tx)
    with now.connect() as source, before.connect() as target:
        migrations.upgrade(target, "0007")
        put_back(source, target)
        migrations.upgrade(target)
        for table in (PointScore.__table__, ScoreBucket.__table__):
            ordered = select(table).order_by(*table.primary_key)
            rows = [tx.execute(ordered).all() for tx in (source, target)]
            assert rows[0]
            assert rows[1] == rows[0], str(table)
        assert verification.verify(target) == []
    now.dispose()
    before.dispose()
    databases.drop(told)


def a_busy_year(tx: Connection) -> None:
    """Write two towns with seasons, past and running, ended early and called off."""
    for name in ("town", "village"):
        town = Town(tx.engine, name)
        post(tx, name, [Move(f"u{n % 7}", 40 * n + 1, None if n % 3 else "events", NOON) for n in range(30)])
        for n, (first, last) in enumerate(((-30, -11), (-10, 9), (30, 60))):
            days = {"first": NOON.date() + timedelta(days=first), "last": NOON.date() + timedelta(days=last)}
            seasons.start(tx, town.origin(), name=f"Season {n}", **days)
        seasons.seal_due(tx, NOON)
        seasons.end(tx, town.origin(), "Season 2")
        for n in range(60):
            moved = Move(f"u{n % 5}", -3 if n % 4 == 3 else 9, effective_at=NOON - timedelta(days=8 * n))
            post(tx, name, [moved])


def put_back(source: Connection, target: Connection) -> None:
    """Fill the tables of revision 0007 with what `source` holds, less what came after it."""
    known = set(inspect(target).get_table_names())
    columns = {name: [c["name"] for c in inspect(target).get_columns(name)] for name in known}
    for table in Base.metadata.sorted_tables:
        if table.name not in known:
            continue
        rows = source.execute(select(table))
        if table.name in {"point_scores", "score_buckets"}:
            wanted = table.c.span != 6 if table.name == "point_scores" else table.c.span == 0
            rows = source.execute(select(table).where(wanted))
        there = [table.c[name] for name in columns[table.name] if name in table.c]
        values = [{column.name: row[column.name] for column in there} for row in rows.mappings()]
        if values:
            target.execute(insert(Table(table.name, MetaData(), *(c._copy() for c in there))), values)
    target.commit()


def test_there_is_no_way_back(migrated: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with migrated.connect() as connection:
        before = schema(connection)
        config.attributes["connection"] = connection
        with pytest.raises(AttributeError, match="downgrade"):
            command.downgrade(config, "base")
    with migrated.connect() as connection:
        assert schema(connection) == before
