"""The ground the other tests stand on."""

import pytest
from sqlalchemy import NullPool, create_engine, inspect

from tests.conftest import BACKENDS, Databases


def tables(url: str) -> set[str]:
    """Return the names of the tables at `url`."""
    engine = create_engine(url, poolclass=NullPool)
    return set(inspect(engine).get_table_names())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_new_database_has_the_tables_and_shares_nothing_with_the_next_one(
    databases: Databases, backend: str
) -> None:
    first, second = databases.new(backend), databases.new(backend)
    engine = create_engine(first, poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE scribble (n integer)")

    assert "scribble" in tables(first)
    assert tables(second) == tables(first) - {"scribble"}
    assert "alembic_version" in tables(second)


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_empty_database_has_no_tables(databases: Databases, backend: str) -> None:
    assert tables(databases.empty(backend)) == set()
