"""Numbers added to rows, many in one statement: rows that are missing are made, and what they are then comes back.

SQLite gets the rows as VALUES, some hundreds at a time; PostgreSQL as one array for each column.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection

from points_core.models import Base
from points_core.prepared import driven

TOGETHER = 256  # rows of one VALUES: well below SQLite's limit of parameters, and compiled once
FEW = 32  # up to here each number of rows has a text of its own

Numbers = tuple[int, ...]


class Adding:
    """Adds `added` columns to what is there under a table's key, and gives `replaced` ones their new values.

    All columns hold whole numbers, and a row is everything in the order of the table's columns: `columns`.
    """

    def __init__(
        self,
        model: type[Base],
        *,
        added: Sequence[str],
        replaced: Sequence[str] = (),
        returned: Sequence[str],
    ) -> None:
        table: Any = model.__table__
        self.columns = tuple(column.name for column in table.columns)
        changes = [f"{name} = {table.name}.{name} + excluded.{name}" for name in added]
        changes += [f"{name} = excluded.{name}" for name in replaced]
        key = ", ".join(column.name for column in table.primary_key)
        self._into = f"INSERT INTO {table.name} ({', '.join(self.columns)})"
        self._then = (
            f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(changes)}"
            f" RETURNING {', '.join(f'{table.name}.{name}' for name in returned)}"
        )
        arrays = ", ".join(f"%({name})s::bigint[]" for name in self.columns)
        self._from_arrays = f"{self._into} SELECT * FROM unnest({arrays}) {self._then}"  # noqa: S608
        self._texts: dict[int, str] = {}

    def run(self, tx: Connection, rows: Sequence[Numbers]) -> list[Any]:
        """Add `rows`, no two with the same key, and return of each the columns that are `returned`."""
        if not rows:
            return []
        if tx.dialect.name == "postgresql":
            columns = dict(zip(self.columns, map(list, zip(*rows, strict=True)), strict=True))
            return driven(tx, self._from_arrays, columns)
        found: list[Any] = []
        for part in _parts(rows):
            flat = [value for row in part for value in row]
            found += driven(tx, self._text(len(part)), flat)
        return found

    def _text(self, rows: int) -> str:
        text = self._texts.get(rows)
        if text is None:
            row = f"({', '.join('?' * len(self.columns))})"
            text = self._texts[rows] = f"{self._into} VALUES {', '.join([row] * rows)} {self._then}"
        return text


def _parts(rows: Sequence[Numbers]) -> Iterator[Sequence[Numbers]]:
    """Yield the rows in parts of few lengths: a statement of each length is compiled once."""
    at = 0
    while at < len(rows):
        left = len(rows) - at
        size = TOGETHER if left >= TOGETHER else left if left <= FEW else left - left % FEW
        yield rows[at : at + size]
        at += size
