"""An export from open books: read from one snapshot in a thread of its own, so that nobody waits for it."""

import io
from datetime import datetime
from typing import BinaryIO

from sqlalchemy import Connection

from points_core.database import Points
from points_core.errors import ExportTooLarge
from points_core.exports import bundle, sheets, writing
from points_core.exports.rows import Scope, check
from points_core.exports.writing import Format, Progress
from points_core.portable import Table


async def export(
    points: Points,
    community: str,
    table: Table | None,
    file: BinaryIO,
    *,
    at: datetime,
    format: Format = Format.CSV,
    scope: Scope | None = None,
    progress: Progress | None = None,
    max_bytes: int | None = None,
) -> int:
    """Write `table` of the community, or everything for None, to `file`; return how many rows there were.

    at: now, for the manifest. progress: told how many rows are read, table by table, in the export's thread.
    scope: which part of a table; everything has none. max_bytes: refuse what becomes larger.
    Raises ExportTooLarge, InvalidSetting, UnknownCategory, DatabaseUnavailable; then `file` may hold a part.
    """
    rewinds = file.seekable()
    start = file.tell() if rewinds else 0

    def written(tx: Connection) -> int:
        check(table, scope or Scope())
        if rewinds:  # the part of it that a replica broke off
            file.seek(start)
            file.truncate()
        if table is None:
            told = None if progress is None else lambda table, rows: progress(rows)
            return bundle.write_everything(
                tx, community, file, at=at, format=format, progress=told, max_bytes=max_bytes
            )
        if format in (Format.CSV, Format.JSONL):
            return writing.write(
                tx,
                community,
                table,
                file,
                format=format,
                scope=scope,
                progress=progress,
                max_bytes=max_bytes,
            )
        return _sheet(tx, community, table, file, format, scope, progress, max_bytes)

    return await (points.survey if rewinds else points.study)(written)


def _sheet(
    tx: Connection,
    community: str,
    table: Table,
    file: BinaryIO,
    format: Format,
    scope: Scope | None,
    progress: Progress | None,
    max_bytes: int | None,
) -> int:
    rows = sheets.gather(tx, community, table, scope=scope, progress=progress)
    made = io.BytesIO()
    sheets.write(rows, table, made, excel=format is Format.XLSX)
    if max_bytes is not None and made.tell() > max_bytes:
        raise ExportTooLarge(max_bytes, "bytes")
    file.write(made.getbuffer())
    return len(rows)
