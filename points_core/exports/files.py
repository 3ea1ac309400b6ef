"""An export from open books: read from one snapshot, and made into a file without holding up anything else."""

import asyncio
import io
from datetime import datetime
from typing import BinaryIO

from points_core.database import Points
from points_core.errors import ExportTooLarge
from points_core.exports import bundle, sheets, writing
from points_core.exports.rows import Scope
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

    at: now, for the manifest. progress: told how many rows are read, table by table. max_bytes: refuse what
    becomes larger.
    Raises ExportTooLarge, InvalidSetting, UnknownCategory, DatabaseUnavailable; then `file` may hold a part.
    """
    if table is None:
        told = None if progress is None else lambda table, rows: progress(rows)
        return await points.read(
            bundle.write_everything,
            community,
            file,
            at=at,
            format=format,
            progress=told,
            max_bytes=max_bytes,
        )
    if format in (Format.CSV, Format.JSONL):
        return await points.read(
            writing.write,
            community,
            table,
            file,
            format=format,
            scope=scope,
            progress=progress,
            max_bytes=max_bytes,
        )
    rows = await points.read(sheets.gather, community, table, scope=scope, progress=progress)
    made = io.BytesIO()
    await asyncio.to_thread(sheets.write, rows, table, made, excel=format is Format.XLSX)
    if max_bytes is not None and made.tell() > max_bytes:
        raise ExportTooLarge(max_bytes, "bytes")
    await asyncio.to_thread(file.write, made.getbuffer())
    return len(rows)
