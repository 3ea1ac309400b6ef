"""PostgreSQL's own tools, found on PATH: pg_dump and pg_restore; and the databases they fill."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from points_core.errors import BackupFailed, DatabaseUnavailable

MAINTENANCE = "postgres"  # the database from which others are made and renamed
LONGEST_NAME = 63  # bytes of a database's name


def dump(url: URL, target: Path, snapshot: str) -> None:
    """Write the database as `snapshot` shows it to `target`, compressed. Raises BackupFailed."""
    _run(
        url,
        "pg_dump",
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--snapshot={snapshot}",
        f"--file={target}",
        f"--dbname={_without_password(url)}",
    )


def read_through(url: URL, file: Path) -> None:
    """Read a dump from its first byte to its last. Raises BackupFailed if it cannot be."""
    _run(url, "pg_restore", f"--file={os.devnull}", str(file))


def load(url: URL, file: Path) -> None:
    """Fill the empty database at `url` from a dump. Raises BackupFailed."""
    _run(
        url,
        "pg_restore",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        "--single-transaction",
        f"--dbname={_without_password(url)}",
        str(file),
    )


@contextmanager
def maintaining(url: URL) -> Iterator[Connection]:
    """Hold a connection beside the databases, each statement its own transaction. Raises DatabaseUnavailable."""
    engine = create_engine(url.set(database=MAINTENANCE), poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise DatabaseUnavailable(str(error.orig).strip()) from error


def quoted(name: str) -> str:
    """Return a database's name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def named(name: str, what: str) -> str:
    """Return a name for a database that stands beside `name`."""
    return name[: LONGEST_NAME - len(what) - 1] + "_" + what


def _without_password(url: URL) -> str:
    # What stands on a command line can be read by everybody on the machine
    plain = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    return plain.render_as_string(hide_password=False)


def _run(url: URL, tool: str, *arguments: str) -> None:
    found = shutil.which(tool)
    if found is None:
        raise BackupFailed(f"{tool} is not on PATH; PostgreSQL's client programs have it")
    secret = {"PGPASSWORD": str(url.password)} if url.password else {}
    done = subprocess.run(  # noqa: S603 - arguments of our own, no shell
        [found, *arguments], env=os.environ | secret, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupFailed(f"{tool}: {' '.join(done.stderr.split())[:500]}")
