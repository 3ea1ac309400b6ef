"""The statements that SQLite and PostgreSQL spell alike but SQLAlchemy keeps apart by dialect; and how much fits."""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final, TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

from points_core.models import Base

Upsert = SqliteInsert | PostgresInsert
T = TypeVar("T", int, str)

AT_ONCE: Final = 5_000
"""Values of an IN in one statement: SQLite takes 32,766, PostgreSQL 65,535."""


def upsertable(dialect: str, model: type[Base]) -> Upsert:
    """Return an INSERT into `model`'s table that can take an ON CONFLICT clause on a database of `dialect`."""
    table: Any = model.__table__
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


@cache
def insert_unless_there(dialect: str, model: type[Base]) -> Upsert:
    """Return an INSERT that leaves a row alone which is there already."""
    return upsertable(dialect, model).on_conflict_do_nothing()


@cache
def insert_or_update(dialect: str, model: type[Base], columns: tuple[str, ...]) -> Upsert:
    """Return an INSERT that gives `columns` their new values in a row which is there already."""
    statement = upsertable(dialect, model)
    key = [column.name for column in model.__table__.primary_key]
    return statement.on_conflict_do_update(
        index_elements=key, set_={name: getattr(statement.excluded, name) for name in columns}
    )


def portions(values: Iterable[T], most: int = AT_ONCE) -> Iterator[list[T]]:
    """Yield `values` in order, each once, as many at a time as one statement may name."""
    ordered = sorted(set(values))
    for start in range(0, len(ordered), most):
        yield ordered[start : start + most]
