"""The two statements that SQLite and PostgreSQL spell alike but SQLAlchemy keeps apart by dialect."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

from points_core.models import Base


def upsertable(tx: Connection, model: type[Base]) -> SqliteInsert | PostgresInsert:
    """Return an INSERT into `model`'s table that can take an ON CONFLICT clause on this database."""
    table: Table | Any = model.__table__
    return sqlite.insert(table) if tx.dialect.name == "sqlite" else postgresql.insert(table)


def insert_unless_there(tx: Connection, model: type[Base]) -> SqliteInsert | PostgresInsert:
    """Return an INSERT that leaves a row alone which is there already."""
    return upsertable(tx, model).on_conflict_do_nothing()
