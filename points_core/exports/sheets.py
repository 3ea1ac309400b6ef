"""Excel and Parquet files, made by pandas: imported when first asked for, it takes a second and 100 MB."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from sqlalchemy import Connection

from points_core.errors import ExportTooLarge, InvalidSetting
from points_core.exports.rows import Row, Scope, pages
from points_core.portable import COLUMNS, Table

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 200_000  # in memory at once, about 400 MB; one Excel sheet could hold a million
MAX_CELL = 32_767  # characters that one of Excel's cells can hold

_COUNTS: Final = frozenset(
    {"amount", "balance_after", "current", "earned", "spent", "transactions", "points"}
)
_NUMBERS: Final = frozenset(
    {"number", "reverses", "request", "batch", "rank", "id", "level"}
    | {"badge", "step", "time", "earned_number", "role_days"}
)
_WHOLE: Final = _COUNTS | _NUMBERS
_MOMENTS: Final = frozenset(
    {"effective_at", "recorded_at", "updated_at", "created_at", "retired_at", "earned_at", "revoked_at"}
)


def gather(
    tx: Connection,
    community: str,
    table: Table,
    *,
    scope: Scope | None = None,
    progress: Callable[[int], None] | None = None,
    max_rows: int = MAX_ROWS,
) -> list[Row]:
    """Return all rows of `table`. Raises ExportTooLarge past `max_rows`, InvalidSetting, UnknownCategory."""
    gathered: list[Row] = []
    for page in pages(tx, community, table, scope or Scope()):
        gathered += page
        if len(gathered) > max_rows:
            raise ExportTooLarge(max_rows, "rows")
        if progress is not None:
            progress(len(gathered))
    return gathered


def write(rows: Sequence[Row], table: Table, file: BinaryIO, *, excel: bool) -> None:
    """Write rows as one Excel sheet, or as Parquet. Takes seconds: call it in a thread of its own.

    Raises InvalidSetting where Parquet's library is not installed.
    """
    if not excel and find_spec("pyarrow") is None:
        raise InvalidSetting(
            "format", "parquet", "csv, jsonl or xlsx, or the bot installed with its extra `parquet`"
        )
    frame = _frame(rows, table)
    if excel:
        _write_excel(frame, table, file)
    else:
        frame.to_parquet(file, engine="pyarrow", index=False)


def _frame(rows: Sequence[Row], table: Table) -> "pd.DataFrame":
    """Return the rows in columns whose types lose nothing: a missing number would make floats of all others."""
    import pandas as pd

    columns = {}
    for place, name in enumerate(COLUMNS[table]):
        values = [row[place] for row in rows]
        if name in _WHOLE:
            columns[name] = pd.Series(values, dtype="Int64")
        elif name in _MOMENTS:
            columns[name] = pd.Series(pd.to_datetime(values, utc=True), dtype="datetime64[us, UTC]")
        else:
            columns[name] = pd.Series([_text(value) for value in values], dtype="string")
    return pd.DataFrame(columns)


def _text(value: Any) -> str | None:  # noqa: ANN401 - one value of a row
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _write_excel(frame: "pd.DataFrame", table: Table, file: BinaryIO) -> None:
    """Write one sheet: text is only ever text, times are UTC, since Excel knows no zones."""
    import pandas as pd

    for name in frame.columns:
        if name in _MOMENTS:
            frame[name] = frame[name].dt.tz_localize(None)
        elif name not in _WHOLE:
            frame[name] = frame[name].str.slice(0, MAX_CELL)
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with pd.ExcelWriter(
        file,
        engine="xlsxwriter",
        datetime_format="yyyy-mm-dd hh:mm:ss",
        engine_kwargs={"options": options},
    ) as book:
        frame.to_excel(book, sheet_name=table.value, index=False, freeze_panes=(1, 0))
