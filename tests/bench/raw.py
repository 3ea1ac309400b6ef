"""The limit: the very rows that the core writes, written by the bare driver in the same tables.

What the core writes on one copy of a database is noted, statement by statement, without what it reads; the
driver then writes it on another copy that begins alike. So the baseline has the same tables, indexes, triggers
and durability, and none of the deciding.
"""

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.engine import Engine

from points_core.engines import SQLITE_PRAGMAS
from tests.bench.filling import file_of
from tests.bench.suite import Bench

WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True, slots=True)
class Write:
    """One statement as the driver gets it, with its parameters, or those of each of many executions."""

    statement: str
    parameters: Any
    many: bool


@contextmanager
def noted() -> Iterator[list[Write]]:
    """Note what any engine writes meanwhile."""
    written: list[Write] = []

    def note(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        if statement.lstrip().upper().startswith(WRITES):
            written.append(Write(statement, parameters, executemany))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield written
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def copy(bench: Bench, url: URL) -> URL:
    """Return the URL of a copy of an SQLite file that nobody has open."""
    file = bench.new_folder() / "points.db"
    shutil.copy(file_of(url), file)
    return url.set(database=str(file))


class RawSqlite:
    """An SQLite file held open by the bare driver, with the core's own settings."""

    def __init__(self, file: Path, pragmas: dict[str, str] | None = None) -> None:
        self.connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        for name, value in (SQLITE_PRAGMAS if pragmas is None else pragmas).items():
            self.connection.execute(f"PRAGMA {name}={value}")

    def write(self, writes: Sequence[Write]) -> None:
        """Write everything in one commit."""
        execute, executemany = self.connection.execute, self.connection.executemany
        execute("BEGIN IMMEDIATE")
        for write in writes:
            (executemany if write.many else execute)(write.statement, write.parameters)
        execute("COMMIT")

    def each(self, parts: Sequence[Sequence[Write]]) -> Callable[[], None]:
        """Return what writes the next of `parts` each time it is called."""
        left = iter(parts)
        return lambda: self.write(next(left))

    def close(self) -> None:
        """Close the file."""
        self.connection.close()
