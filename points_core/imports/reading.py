"""A file's bytes as rows of named cells; whatever is not plain CSV or JSON is refused, with the row it is in.

CSV is read by Python's own reader, which counts rows and takes cells as text: pandas would rename repeated
headers and, without being told each column's type, round ids.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NoReturn

from points_core.bulk import MAX_ROWS
from points_core.errors import UnreadableFile
from points_core.imports.sources import Source, recognised, recognised_document
from points_core.portable import plain

MAX_BYTES = 64_000_000  # of a file: 200,000 rows of ordinary length, read in about half a gigabyte
MAX_CELL = 4_000  # characters: ten times the longest text that can be stored
MAX_COLUMNS = 100

_BYTE_ORDERS: Final = (b"\xff\xfe", b"\xfe\xff")  # how UTF-16 begins


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the file: its number (the header is row 1; in JSON the first is 1), and its cells as text."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that could be read: whose it is, its rows, and its SHA-256, which is not kept."""

    source: Source
    rows: Sequence[Row]
    checksum: bytes


def opened(content: bytes, *, source: Source | None = None) -> Opened:
    """Return what is in a file; `source` says whose it is where that is not to be guessed.

    Raises UnreadableFile.
    """
    if len(content) > MAX_BYTES:
        raise UnreadableFile(f"it has more than {MAX_BYTES:,} bytes")
    text = _text(content)
    if text.lstrip()[:1] in ("{", "["):
        found, rows = _json(text, source)
    else:
        found, rows = _csv(text, source)
    if not rows:
        raise UnreadableFile("there are no rows in it")
    return Opened(found, rows, sha256(content).digest())


def _text(content: bytes) -> str:
    if content.startswith(_BYTE_ORDERS):
        raise UnreadableFile("it is UTF-16; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableFile("it is not UTF-8; save it as UTF-8", line) from None
    nul = text.find("\0")
    if nul >= 0:
        raise UnreadableFile("there is a NUL character in it", text.count("\n", 0, nul) + 1)
    return text


# ── CSV ──


def _csv(text: str, source: Source | None) -> tuple[Source, list[Row]]:
    lines = _records(text)
    header = [plain(cell).strip() for cell in next(lines, (1, []))[1]]
    if not any(header):
        raise UnreadableFile("there are no rows in it")
    if len(header) > MAX_COLUMNS:
        raise UnreadableFile(f"it has {len(header):,} columns, more than {MAX_COLUMNS}", 1)
    if (repeated := _repeated(name.casefold() for name in header if name)) is not None:
        raise UnreadableFile(f"the column {repeated[:40]!r} is there twice", 1)
    found = recognised(header, source)
    rows = []
    for number, record in lines:
        if not any(record):
            continue  # an empty line, as some programs leave at the end
        if len(record) != len(header):
            raise UnreadableFile(f"it has {len(record)} cells, the header has {len(header)}", number)
        rows.append(Row(number, _cells(number, zip(header, map(plain, record), strict=True))))
        _not_too_many(rows)
    return found, rows


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the records with their numbers. A record that spans lines is one row, as spreadsheets count."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    number = 0
    try:
        for number, record in enumerate(reader, start=1):
            yield number, record
    except csv.Error as error:
        why = "a cell is too long" if "limit" in str(error) else f"it is not CSV ({error})"
        raise UnreadableFile(why, number + 1) from None


def _delimiter(text: str) -> str:
    """Return what separates the header's cells: spreadsheets of half of Europe write semicolons."""
    header = text.lstrip("\r\n").partition("\n")[0]
    return max((",", ";", "\t"), key=header.count)


def _repeated(names: Iterable[str]) -> str | None:
    """Return the first name that is there for the second time, None if each is there once."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _cells(number: int, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    cells = {}
    for name, value in pairs:
        if len(value) > MAX_CELL:
            raise UnreadableFile(f"the cell {name[:40]!r} has {len(value):,} characters", number)
        if name:
            cells[name.casefold()] = value.strip()
    return cells


def _not_too_many(rows: Sequence[Row]) -> None:
    if len(rows) > MAX_ROWS:
        raise UnreadableFile(f"there are more than {MAX_ROWS:,} rows in it")


# ── JSON ──


def _json(text: str, source: Source | None) -> tuple[Source, list[Row]]:
    document = _document(text)
    if isinstance(document, list) and document and isinstance(document[0], dict):
        found, records = recognised(list(document[0]), source), document
    elif isinstance(document, dict):
        found, records = recognised_document(document, source)
    else:
        raise UnreadableFile("the JSON is no list of rows, and no export that is known here")
    rows: list[Row] = []
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict) or len(record) > MAX_COLUMNS:
            raise UnreadableFile("it is no row of named values", number)
        rows.append(Row(number, _cells(number, ((str(k), _cell(v)) for k, v in record.items()))))
        _not_too_many(rows)
    return found, rows


def _document(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Return the JSON document, or the documents of JSON Lines as a list."""
    try:
        return _loads(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise UnreadableFile(f"the JSON is broken ({error.msg})", error.lineno) from None
    documents = []
    # not splitlines: JSON writes the other line breaks of Unicode as they are, in the middle of a text
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                documents.append(_loads(line))
            except json.JSONDecodeError as error:
                raise UnreadableFile(f"the JSON is broken ({error.msg})", number) from None
    return documents


def _loads(text: str) -> Any:  # noqa: ANN401 - any JSON
    """Return one document; numbers with a point stay as they are written, so that none is rounded."""
    try:
        return json.loads(text, parse_float=str, parse_constant=_no_number, object_pairs_hook=_named)
    except RecursionError:
        raise UnreadableFile("the JSON is nested too deeply") from None
    except json.JSONDecodeError:
        raise
    except ValueError:
        raise UnreadableFile("there is a number of thousands of digits in it") from None


def _no_number(name: str) -> NoReturn:
    raise UnreadableFile(f"there is a {name} in it, which is no number")


def _named(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) < len(pairs):
        twice = _repeated(name for name, _ in pairs) or ""
        raise UnreadableFile(f"the name {twice[:40]!r} is there twice in one row")
    return named


def _cell(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return a JSON value as a cell's text; lists and objects inside a row say nothing that is imported."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
