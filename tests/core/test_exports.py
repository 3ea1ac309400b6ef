"""Exports: exact, harmless, streamed, from one snapshot."""

import csv
import hashlib
import io
import json
import tracemalloc
import zipfile
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from sqlalchemy import Connection, update

from points_core import audit, bulk, exports, policy
from points_core.bulk import Entry
from points_core.database import Points
from points_core.errors import ExportTooLarge, InvalidSetting, UnknownCategory
from points_core.exports import Format, Scope, sheets
from points_core.models import LedgerHead
from points_core.portable import COLUMNS, SCHEMA, Table, neutral, plain
from points_core.values import Kind
from points_core.windows import Window
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, by

SNOWFLAKE = "1456074443980800017"  # a float64 would make …080 of its end
FORMULA = '=HYPERLINK("http://evil.example","a, b")'
STRANGE = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "'", "'=1", "''a", "plain", "a=1", "–1", "")


async def fill(points: Points, *entries: Entry) -> None:
    await points.write(bulk.post, by(MOD), entries)


def award(row: int, user_id: str, amount: int, **more: Any) -> Entry:
    return Entry(
        row=row, user_id=user_id, amount=amount, **{"reason": "the fair", "kind": Kind.AWARD, **more}
    )


async def exported(points: Points, table: Table | None, **more: Any) -> bytes:
    file = io.BytesIO()
    await exports.export(points, COMMUNITY, table, file, at=NOON, **more)
    return file.getvalue()


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize("text", STRANGE)
def test_a_neutral_cell_never_begins_a_formula_and_becomes_itself_again(text: str) -> None:
    cell = neutral(text)

    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"))
    assert plain(cell) == text


async def test_transactions_are_exported_exactly(points: Points) -> None:
    await fill(
        points,
        award(1, SNOWFLAKE, 10, category="helping", name="Zoë 🦊", evidence="https://example.org/1"),
        award(2, ADA, 4, effective_at=NOON - timedelta(days=3)),
        award(3, SNOWFLAKE, -10, takes_back=1),
    )

    content = await exported(points, Table.TRANSACTIONS)

    first, second, third = rows_of(content)
    assert tuple(first) == COLUMNS[Table.TRANSACTIONS]
    assert first["user_id"] == SNOWFLAKE
    assert first == {
        "number": "1",
        "kind": "award",
        "user_id": SNOWFLAKE,
        "name": "Zoë 🦊",
        "amount": "10",
        "balance_after": "10",
        "category": "helping",
        "reason": "the fair",
        "evidence": "https://example.org/1",
        "actor_kind": "member",
        "actor_id": MOD,
        "actor_name": "",
        "effective_at": "2026-03-18T12:00:00+00:00",
        "recorded_at": "2026-03-18T12:00:00+00:00",
        "reverses": "",
        "request": "",
        "batch": "1",
        "rule": "",
        "rule_version": "",
    }
    assert (second["amount"], second["effective_at"]) == ("4", "2026-03-15T12:00:00+00:00")
    assert (third["kind"], third["reverses"]) == ("reversal", "1")
    assert content.endswith(b"\r\n")


async def test_json_lines_hold_the_same_with_types(points: Points) -> None:
    await fill(points, award(1, SNOWFLAKE, 10, reason=FORMULA))

    [line] = (await exported(points, Table.TRANSACTIONS, format=Format.JSONL)).splitlines()

    row = json.loads(line)
    assert tuple(row) == COLUMNS[Table.TRANSACTIONS]
    assert (row["user_id"], row["amount"], row["reverses"], row["reason"]) == (SNOWFLAKE, 10, None, FORMULA)


async def test_people_s_text_is_never_a_formula_and_can_be_had_back(points: Points) -> None:
    await fill(points, award(1, ADA, 10, reason=FORMULA, name="@everyone"))

    [row] = rows_of(await exported(points, Table.TRANSACTIONS))

    assert row["reason"] == "'" + FORMULA
    assert (plain(row["reason"]), plain(row["name"])) == (FORMULA, "@everyone")


async def test_transactions_are_exported_by_range_and_category(points: Points) -> None:
    await fill(
        points,
        award(1, ADA, 1, category="helping", effective_at=NOON - timedelta(days=9)),
        award(2, ADA, 2, category="events"),
        award(3, ADA, 3, category="helping"),
        award(4, ADA, 4),
    )

    async def amounts(scope: Scope) -> list[str]:
        return [row["amount"] for row in rows_of(await exported(points, Table.TRANSACTIONS, scope=scope))]

    assert await amounts(Scope(category="Helping")) == ["1", "3"]
    assert await amounts(Scope(since=NOON)) == ["2", "3", "4"]
    assert await amounts(Scope(until=NOON)) == ["1"]
    assert await amounts(Scope(since=NOON, category="helping")) == ["3"]
    with pytest.raises(UnknownCategory):
        await exported(points, Table.TRANSACTIONS, scope=Scope(category="nonsense"))
    assert await points.read(exports.count, COMMUNITY, Table.TRANSACTIONS, Scope(since=NOON)) == 3


async def test_a_part_that_a_table_does_not_have_is_refused(points: Points) -> None:
    for table, scope in (
        (Table.BALANCES, Scope(since=NOON)),
        (Table.BALANCES, Scope(category="helping")),
        (Table.AUDIT, Scope(category="helping")),
        (Table.TRANSACTIONS, Scope(window=Window.all_time())),
        (None, Scope(since=NOON)),
        (None, Scope(category="helping")),
        (None, Scope(window=Window.all_time())),
    ):
        with pytest.raises(InvalidSetting, match="left out"):
            await exported(points, table, scope=scope)


async def test_balances_boards_audit_policy_and_categories_are_exported(points: Points) -> None:
    await points.write(policy.change, by(MOD), quorum=2)
    await fill(
        points, award(1, ADA, 9, name="Ada"), award(2, GRACE, 9), award(3, ADA, -2, kind=Kind.DEDUCTION)
    )

    balances = rows_of(await exported(points, Table.BALANCES))
    assert [(b["user_id"], b["current"], b["earned"], b["spent"]) for b in balances] == [
        (ADA, "7", "9", "2"),
        (GRACE, "9", "9", "0"),
    ]
    board = rows_of(await exported(points, Table.BOARD))
    assert [(line["rank"], line["user_id"], line["points"]) for line in board] == [
        ("1", GRACE, "9"),
        ("2", ADA, "7"),
    ]
    changes = rows_of(await exported(points, Table.AUDIT))
    assert (changes[0]["action"], json.loads(changes[0]["after"])) == ("policy.change", {"quorum": 2})
    rules = {row["setting"]: row["value"] for row in rows_of(await exported(points, Table.POLICY))}
    assert (rules["quorum"], rules["allow_negative"]) == ("2", "false")
    categories = rows_of(await exported(points, Table.CATEGORIES))
    assert [row["name"] for row in categories] == ["events", "helping", "content", "moderation"]


async def test_a_community_never_seen_has_headers_and_no_rows(points: Points) -> None:
    for table in (Table.TRANSACTIONS, Table.BALANCES, Table.AUDIT):
        content = await exported(points, table)
        assert content.decode().strip().split(",") == list(COLUMNS[table])


async def test_excel_holds_ids_as_text_numbers_as_numbers_and_no_formula(points: Points) -> None:
    await fill(points, award(1, SNOWFLAKE, 10, reason=FORMULA), award(2, ADA, 5))

    content = await exported(points, Table.TRANSACTIONS, format=Format.XLSX)

    sheet = openpyxl.load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    header, first, second = sheet.iter_rows()
    cells = dict(zip((cell.value for cell in header), first, strict=True))
    assert tuple(cells) == COLUMNS[Table.TRANSACTIONS]
    assert (cells["user_id"].value, cells["user_id"].data_type) == (SNOWFLAKE, "s")
    assert (cells["reason"].value, cells["reason"].data_type) == (FORMULA, "s")
    assert (cells["amount"].value, cells["amount"].data_type) == (10, "n")
    assert cells["reverses"].value is None
    assert cells["effective_at"].value == NOON.replace(tzinfo=None)
    assert second[4].value == 5


async def test_parquet_keeps_ids_as_text_and_times_with_their_zone(points: Points) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    await fill(points, award(1, SNOWFLAKE, 10), award(2, ADA, 5))

    content = await exported(points, Table.TRANSACTIONS, format=Format.PARQUET)

    first = parquet.read_table(io.BytesIO(content)).to_pylist()[0]
    assert (first["user_id"], first["amount"], first["reverses"]) == (SNOWFLAKE, 10, None)
    assert first["effective_at"] == NOON


async def test_what_pandas_would_hold_in_memory_has_a_limit(points: Points) -> None:
    await fill(points, award(1, ADA, 10), award(2, ADA, 5))

    with pytest.raises(ExportTooLarge) as refused:
        await points.read(sheets.gather, COMMUNITY, Table.TRANSACTIONS, max_rows=1)
    assert (refused.value.limit, refused.value.unit) == (1, "rows")


@pytest.mark.parametrize("table", [Table.TRANSACTIONS, None])
async def test_an_export_larger_than_it_may_be_is_refused(points: Points, table: Table | None) -> None:
    await fill(points, *(award(n, ADA, 1, reason=hashlib.sha256(bytes([n])).hexdigest()) for n in range(99)))

    assert len(await exported(points, table, max_bytes=100_000)) < 100_000
    with pytest.raises(ExportTooLarge):
        await exported(points, table, max_bytes=1_000)


async def test_everything_is_a_zip_whose_manifest_says_what_it_holds(points: Points) -> None:
    await fill(points, award(1, ADA, 10), award(2, GRACE, 5))

    archive = zipfile.ZipFile(io.BytesIO(await exported(points, None)))

    manifest = json.loads(archive.read("manifest.json"))
    assert (manifest["schema"], manifest["community"], manifest["last_number"]) == (SCHEMA, COMMUNITY, 2)
    assert set(manifest["tables"]) == set(Table)
    assert manifest["tables"]["transactions"]["rows"] == 2
    for table, told in manifest["tables"].items():
        content = archive.read(told["file"])
        assert hashlib.sha256(content).hexdigest() == told["sha256"], table
        assert content.decode().splitlines()[0].split(",") == told["columns"]
    with pytest.raises(InvalidSetting):
        await exported(points, None, format=Format.XLSX)


async def test_memory_does_not_grow_with_the_ledger(points: Points) -> None:
    """Twice the rows, the same peak: pages are written and forgotten."""
    peaks = []
    for _ in range(2):
        for _ in range(6):
            await fill(points, *(award(n, str(10_000 + n % 50), 1) for n in range(2_000)))
        peaks.append(await peak(points))

    assert peaks[1] < 1.3 * peaks[0] + 1_000_000


async def peak(points: Points) -> int:
    class Nowhere(io.BytesIO):
        def write(self, data: Any) -> int:
            return len(data)

    tracemalloc.start()
    await exports.export(points, COMMUNITY, Table.TRANSACTIONS, Nowhere(), at=NOON)
    _, high = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return high


async def test_progress_is_told(points: Points) -> None:
    told: list[int] = []
    await fill(points, award(1, ADA, 10), award(2, ADA, 5))

    await exported(points, Table.TRANSACTIONS, progress=told.append)

    assert told == [2]


async def test_an_export_goes_on_record_once(points: Points) -> None:
    origin = by(MOD)
    for _ in range(2):
        await points.write(exports.noted, origin, what="transactions", format="csv", rows=2)

    [entry] = await points.read(audit.recent, COMMUNITY)
    assert (entry.action, entry.target, entry.actor.user_id) == ("export.read", "transactions", MOD)
    assert entry.after == {"format": "csv", "rows": 2}


async def test_books_that_are_closed_can_be_exported_on_record(points: Points) -> None:
    await fill(points, award(1, ADA, 10))

    def close(tx: Connection) -> None:
        tx.execute(update(LedgerHead).values(closed_because="the chain recomputes: #1"))

    await points.write(close)

    assert len(rows_of(await exported(points, Table.TRANSACTIONS))) == 1
    await points.write(exports.noted, by(MOD), what="transactions", format="csv", rows=1)
    assert (await points.read(audit.recent, COMMUNITY))[0].action == "export.read"


async def test_an_export_of_a_community_never_seen_is_on_record(points: Points) -> None:
    await points.write(exports.noted, by(MOD, community="new"), what="balances", format="csv", rows=0)

    assert (await points.read(audit.recent, "new"))[0].target == "balances"
