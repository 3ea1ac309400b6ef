"""Books of an earlier version: this version's rows in the tables that an older revision has."""

from sqlalchemy import (
    Connection,
    Inspector,
    MetaData,
    NullPool,
    Table,
    create_engine,
    func,
    insert,
    inspect,
    select,
)

from points_core import migrations
from points_core.settings import sync_url
from points_core.windows import Span
from tests.conftest import Databases


def at_revision(databases: Databases, books: str, revision: str) -> str:
    """Return a database at `revision` that holds what `books` does, as far as that revision has a place for it."""
    old = databases.empty("sqlite" if books.startswith("sqlite") else "postgresql")
    here, there = (create_engine(sync_url(url), poolclass=NullPool) for url in (books, old))
    with there.connect() as connection:
        migrations.upgrade(connection, revision)
    now, then = MetaData(), MetaData()
    now.reflect(here)
    then.reflect(there)
    with here.connect() as source, there.begin() as target:
        for table in then.sorted_tables:
            if table.name in now.tables and table.name != "alembic_version":
                carry(source, target, now.tables[table.name], table)
    return old


def carry(source: Connection, target: Connection, now: Table, then: Table) -> None:
    """Copy the rows of a table that the earlier version would have written, the columns that both have."""
    both = [column.name for column in then.columns if column.name in now.columns]
    wanted = select(*[now.c[name] for name in both])
    if then.name == "score_buckets" and "span" not in then.columns:
        wanted = wanted.where(now.c.span == int(Span.ALL))  # before 0008 only all time had buckets …
    if then.name == "point_scores" and "span" not in then.metadata.tables["score_buckets"].columns:
        wanted = wanted.where(now.c.span != int(Span.SEASON))  # … and no season scores
    found = source.execute(wanted).all()
    if found:
        target.execute(insert(then), [dict(zip(both, row, strict=True)) for row in found])


def rows(url: str) -> dict[str, int]:
    """Return how many rows each table has that people's points are in."""
    engine = create_engine(sync_url(url), poolclass=NullPool)
    found: Inspector = inspect(engine)
    names = [name for name in found.get_table_names() if name != "alembic_version"]
    tables = MetaData()
    tables.reflect(engine, only=names)
    with engine.connect() as connection:
        return {
            name: connection.execute(select(func.count()).select_from(tables.tables[name])).scalar_one()
            for name in names
        }
