"""Whole tables as files, of the schema points-export/1: read from one snapshot, then sent."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Annotated, Final
from uuid import uuid4

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import StreamingResponse

from points_core import exports
from points_core.clients import Scope
from points_core.exports import Format
from points_core.http.guard import Guarded, needs
from points_core.http.problems import Stopped
from points_core.http.schemas import CategoryName, Given, Instant
from points_core.http.seam import Asking, Caller
from points_core.portable import Table

MAX_BYTES: Final = 512 * 1024**2  # two million transactions as CSV; a container's /tmp may be memory
IN_MEMORY: Final = 1024**2  # bytes; what is larger waits on disk until it is sent
CHUNK: Final = 256 * 1024
DEADLINE_S: Final = 300.0  # a million transactions take about a minute
MEDIA: Final = {
    Format.CSV: "text/csv",
    Format.JSONL: "application/x-ndjson",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PARQUET: "application/vnd.apache.parquet",
}

router = APIRouter(route_class=Guarded, tags=["reads"])
_alone = asyncio.Semaphore(1)


class ExportQuery(Given):
    """Which part of the table; what the table has no use for is refused."""

    format: Annotated[
        Format, Field(description="xlsx and parquet where the host installed what they need.")
    ] = Format.CSV
    category: CategoryName | None = None
    since: Instant | None = None
    until: Instant | None = None


@router.get(
    "/points/export/{table}",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The file.",
            "content": {
                media: {"schema": {"type": "string", "contentMediaType": media}} for media in MEDIA.values()
            },
        }
    },
)
@needs(Scope.ADMIN)
async def export_table(
    table: Annotated[Table, Path()], asked: Annotated[ExportQuery, Query()], seam: Asking, client: Caller
) -> StreamingResponse:
    """Return a whole table as a file; it goes on record that it was taken. One at a time is made."""
    scope = exports.Scope(since=asked.since, until=asked.until, category=asked.category)
    file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed once it is sent
    try:
        async with _one_at_a_time():
            rows = await exports.export(
                seam.points,
                client.community,
                table,
                file,  # type: ignore[arg-type]  # a spooled file is a BinaryIO in all but name
                at=seam.now(),
                format=asked.format,
                scope=scope,
                max_bytes=MAX_BYTES,
            )
        origin = seam.origin(client, f"export-{uuid4()}")
        await seam.write(exports.noted, origin, what=table.value, format=asked.format.value, rows=rows)
    except BaseException:
        file.close()
        raise
    name = f'attachment; filename="{table.value}.{asked.format.value}"'
    return StreamingResponse(
        _sent(file), media_type=MEDIA[asked.format], headers={"Content-Disposition": name}
    )


@asynccontextmanager
async def _one_at_a_time() -> AsyncIterator[None]:
    """Refuse a second export while one is made: each holds a reader and a part of the disk."""
    if _alone.locked():
        raise Stopped("too-many-requests", {"Retry-After": "30"})
    try:
        async with _alone, asyncio.timeout(DEADLINE_S):
            yield
    except TimeoutError as late:
        raise Stopped("too-slow", {"Retry-After": "300"}) from late


async def _sent(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        file.seek(0)
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk
