"""Everything a community's books know, in one zip: a file for each table, and a manifest that says what they are."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from points_core.errors import InvalidSetting
from points_core.exports.rows import Scope, pages
from points_core.exports.writing import Format, Limited, Sink, encode
from points_core.models import Community, LedgerHead
from points_core.portable import COLUMNS, SCHEMA, Table

MANIFEST = "manifest.json"


def write_everything(
    tx: Connection,
    community: str,
    file: Sink,
    *,
    at: datetime,
    format: Format = Format.CSV,
    progress: Callable[[Table, int], None] | None = None,
    max_bytes: int | None = None,
) -> int:
    """Write every table of the community to the zip `file`, all from one snapshot; return how many rows.

    The manifest names the schema, the community, the time `at`, the last transaction with its hash, and for
    each table its file, columns, rows and SHA-256. Raises ExportTooLarge, and InvalidSetting for Excel and
    Parquet, which cannot be streamed.
    """
    if format not in (Format.CSV, Format.JSONL):
        raise InvalidSetting("format", format.value, "csv or jsonl for everything together")
    tables: dict[str, Any] = {}
    with zipfile.ZipFile(Limited(file, max_bytes), "w", zipfile.ZIP_DEFLATED) as archive:
        for table in Table:
            name = f"{table}.{format}"
            entry = zipfile.ZipInfo(name, at.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as member:
                hashed = _Hashed(member)
                rows = encode(
                    pages(tx, community, table, Scope()), table, hashed, format, _told(progress, table)
                )
            tables[table] = {
                "file": name,
                "columns": COLUMNS[table],
                "rows": rows,
                "sha256": hashed.digest.hexdigest(),
            }
        manifest = {
            "schema": SCHEMA,
            "community": community,
            "exported_at": at.isoformat(),
            **_head(tx, community),
            "tables": tables,
        }
        archive.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=2) + "\n")
    return sum(table["rows"] for table in tables.values())


def _told(progress: Callable[[Table, int], None] | None, table: Table) -> Callable[[int], None] | None:
    return None if progress is None else lambda written: progress(table, written)


def _head(tx: Connection, community: str) -> dict[str, Any]:
    head = tx.execute(
        select(LedgerHead.seq, LedgerHead.hash)
        .join(Community, Community.id == LedgerHead.community_id)
        .where(Community.key == community)
    ).one_or_none()
    return {"last_number": head.seq if head else 0, "last_hash": head.hash.hex() if head else None}


class _Hashed:
    """A file whose SHA-256 is known when it is written."""

    def __init__(self, file: Sink) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def write(self, data: bytes, /) -> None:
        """Write on."""
        self.digest.update(data)
        self._file.write(data)
