"""The ground the other tests stand on."""

from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, inspect, make_url

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


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_test_makes_goes_with_it_and_what_was_there_stays(databases: Databases, backend: str) -> None:
    before = databases.new(backend)
    with databases.gone_again():
        left, copied = databases.new(backend), databases.copy(before)

    assert "alembic_version" in tables(before)
    for gone in (left, copied):
        if backend == "sqlite":
            assert not Path(str(make_url(gone).database)).exists()
        else:
            assert (
                databases.ask(f"SELECT 1 FROM pg_database WHERE datname = '{make_url(gone).database}'") == []
            )
