"""One table becomes one file of text, CSV or JSON Lines: a stream, whatever its size."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from types import NoneType
from typing import Any, Protocol

from sqlalchemy import Connection

from points_core.errors import ExportTooLarge
from points_core.exports.rows import Pages, Row, Scope, pages
from points_core.portable import COLUMNS, Table, neutral

Progress = Callable[[int], None]
"""Told how many rows are written so far."""


class Format(StrEnum):
    """The kinds of files."""

    CSV = "csv"
    JSONL = "jsonl"
    XLSX = "xlsx"
    PARQUET = "parquet"


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object:
        """Take more bytes."""


def write(
    tx: Connection,
    community: str,
    table: Table,
    file: Sink,
    *,
    format: Format = Format.CSV,
    scope: Scope | None = None,
    progress: Progress | None = None,
    max_bytes: int | None = None,
) -> int:
    """Write `table` of the community to `file` as CSV or JSON Lines and return how many rows there were.

    max_bytes: refuse what becomes larger. No CSV cell begins like a formula; `portable.plain` gives back
    what was there.
    Raises ExportTooLarge, InvalidSetting, UnknownCategory; then `file` holds a part.
    """
    rows = pages(tx, community, table, scope or Scope())
    return encode(rows, table, Limited(file, max_bytes), format, progress)


def encode(rows: Pages, table: Table, file: Sink, format: Format, progress: Progress | None = None) -> int:
    """Write rows as CSV or JSON Lines, page by page, and return how many there were."""
    written = 0
    if format is Format.CSV:
        file.write(_csv([COLUMNS[table]]))
    for page in rows:
        file.write(_csv(_cells(page)) if format is Format.CSV else _lines(table, page))
        written += len(page)
        if progress is not None:
            progress(written)
    return written


class Limited(io.RawIOBase):
    """A file that takes no more than `max_bytes`, if that is given."""

    def __init__(self, file: Sink, max_bytes: int | None) -> None:
        self._file, self._max, self._size = file, max_bytes, 0

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - whatever is like bytes
        """Write on. Raises ExportTooLarge."""
        self._size += len(data)
        if self._max is not None and self._size > self._max:
            raise ExportTooLarge(self._max, "bytes")
        self._file.write(data)
        return len(data)


def _csv(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def _cells(page: Sequence[Row]) -> Iterable[Row]:
    """Return a page's rows as cells: column by column, for most hold numbers, or the same few texts."""
    return zip(*[_column(values) for values in zip(*page, strict=True)], strict=True)


def _column(values: Row) -> Iterable[Any]:
    types = set(map(type, values))
    if types <= {int, NoneType}:
        return values
    if types == {datetime}:
        return [value.astimezone(UTC).isoformat() for value in values]
    if types <= {str, NoneType}:
        cells = {value: _cell(value) for value in set(values)}
        return [cells[value] for value in values]
    return map(_cell, values)


def _cell(value: Any) -> Any:  # noqa: ANN401 - one value of a row
    if value is None or type(value) is int:
        return value
    if type(value) is str:
        return neutral(value)
    return _text(value)


def _text(value: Any) -> str:  # noqa: ANN401 - one value of a row
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _lines(table: Table, page: Sequence[Row]) -> bytes:
    columns = COLUMNS[table]
    lines = [
        json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=_text) for row in page
    ]
    return "".join(line + "\n" for line in lines).encode()
