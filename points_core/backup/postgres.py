"""Dumps read back, and the databases that they fill."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError

from points_core import dumps
from points_core.engines import statement_engine
from points_core.errors import DatabaseUnavailable

MAINTENANCE = "postgres"  # the database from which others are made and renamed
LONGEST_NAME = 63  # bytes of a database's name


def read_through(url: URL, file: Path) -> None:
    """Read a dump from its first byte to its last. Raises BackupFailed if it cannot be."""
    dumps.run(url, "pg_restore", f"--file={os.devnull}", str(file))


def load(url: URL, file: Path) -> None:
    """Fill the empty database at `url` from a dump. Raises BackupFailed."""
    dumps.run(
        url,
        "pg_restore",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        "--single-transaction",
        f"--dbname={dumps.without_password(url)}",
        str(file),
    )


@contextmanager
def maintaining(url: URL, *, together: bool = False) -> Iterator[Connection]:
    """Hold a connection beside the databases. Raises DatabaseUnavailable.

    Each statement is its own transaction; all of them are one where they are to happen `together`.
    """
    engine = statement_engine(url.set(database=MAINTENANCE))
    if together:
        engine = engine.execution_options(isolation_level="READ COMMITTED")
    try:
        with engine.connect() as connection, connection.begin():
            yield connection
    except DBAPIError as error:
        raise DatabaseUnavailable(str(error.orig).strip()) from error


def quoted(name: str) -> str:
    """Return a database's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def named(name: str, what: str) -> str:
    """Return a name for a database that stands beside `name`."""
    return name[: LONGEST_NAME - len(what) - 1] + "_" + what
