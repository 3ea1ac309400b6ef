"""A backup's content, opened without changing a byte of it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from points_core import migrations
from points_core.backup.manifest import Head
from points_core.errors import BackupDamaged
from points_core.verification import anchors


@contextmanager
def opened(file: Path) -> Iterator[Connection]:
    """Hold a finished SQLite file open for reading. Raises BackupDamaged if it is none."""

    def connect() -> sqlite3.Connection:
        # Immutable: nothing beside it is looked at or made, no header is touched
        return sqlite3.connect(
            f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )

    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise BackupDamaged(str(file), str(error.orig).strip()) from error
    finally:
        engine.dispose()


def examine_file(tx: Connection, file: Path) -> None:
    """Look at the structure of an SQLite file, its indexes included. Raises BackupDamaged."""
    found = tx.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
    if found != "ok":
        raise BackupDamaged(str(file), str(found))


def heads(tx: Connection) -> dict[str, Head]:
    """Return where every community's books end."""
    return {head.community: Head(head.seq, head.hash.hex()) for head in anchors.heads(tx)}


def revision(tx: Connection) -> str:
    """Return the revision of the tables."""
    return str(migrations.current(tx))
