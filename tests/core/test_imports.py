"""Points brought along from elsewhere: tried first, one batch, once; hostile files write nothing."""

import asyncio
import io
import json
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from points_core import awards, bulk, exports, history, imports, policy, verification
from points_core.bulk import BatchKind, Entry
from points_core.database import Points
from points_core.errors import (
    InsufficientBalance,
    InvalidAmount,
    InvalidSetting,
    InvalidText,
    InvalidTime,
    PointsError,
    RowsRefused,
    UnknownCategory,
    UnreadableFile,
)
from points_core.exports import Format
from points_core.imports import Change, Mode, Options, Preview, Source
from points_core.portable import Table
from points_core.values import Kind, Origin
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, NOON, by, row_counts, settings_for

ONE, TWO, THREE = "81384788765712384", "175928847299117063", "1456074443980800017"


def read(text: str | bytes, source: Source | None = None) -> imports.Opened:
    return imports.opened(text.encode() if isinstance(text, str) else text, source=source)


async def preview(points: Points, text: str | bytes, **options: Any) -> Preview:
    return await points.write(imports.preview, by(MOD), read(text), Options(**options))


async def run(points: Points, text: str | bytes, origin: Origin | None = None, **options: Any) -> Preview:
    return await points.write(imports.run, origin or by(MOD), read(text), Options(**options))


async def current(points: Points, *user_ids: str, community: str = COMMUNITY) -> list[int]:
    return [(await points.read(history.balance, community, user_id)).current for user_id in user_ids]


async def exported(points: Points, table: Table, format: Format, community: str = COMMUNITY) -> bytes:
    file = io.BytesIO()
    await exports.export(points, community, table, file, at=NOON, format=format)
    return file.getvalue()


# ── what is imported ──

BALANCES = f"user_id,name,points\n{ONE},Ada,120\n{TWO},Grace,0\n{THREE},Zoë,7\n"


async def test_a_list_of_balances_becomes_one_batch(points: Points) -> None:
    done = await run(points, BALANCES)

    assert done.batch is not None
    assert (done.batch.number, done.batch.kind, done.batch.transactions) == (1, BatchKind.IMPORT, 2)
    assert (done.rows, done.unchanged, done.refused) == (3, 1, ())
    assert done.changes == (Change(ONE, "Ada", 0, 120), Change(THREE, "Zoë", 0, 7))
    assert await current(points, ONE, TWO, THREE) == [120, 0, 7]
    receipt = await points.read(history.transaction, COMMUNITY, 1)
    assert (receipt.kind, receipt.reason, receipt.name) == (
        Kind.IMPORT,
        "Brought along from a list of balances",
        "Ada",
    )
    assert receipt.actor.user_id == MOD
    assert await points.read(verification.verify, COMMUNITY) == []


async def test_a_dry_run_tells_what_would_change_and_writes_nothing(points: Points) -> None:
    before = await row_counts(points)

    tried = await preview(points, BALANCES + "nonsense id,Eve,5\n")

    assert await row_counts(points) == before
    assert [change.after for change in tried.changes] == [120, 7]
    assert [(row.row, type(row.error)) for row in tried.refused] == [(5, InvalidText)]
    assert tried.batch is not None
    assert (tried.batch.transactions, tried.batch.points) == (2, 127)


async def test_the_same_file_again_is_the_same_batch_and_writes_nothing(points: Points) -> None:
    first = await run(points, BALANCES)
    before = await row_counts(points)

    again = await run(points, BALANCES, replace(by("9002"), at=NOON + timedelta(days=1)))

    assert again.batch == replace(first.batch, actor=again.batch.actor, refused=(), replayed=True)  # type: ignore[type-var,union-attr]
    assert again.changes == ()
    assert (await preview(points, BALANCES)).batch == again.batch
    assert await row_counts(points) == before


async def test_an_import_is_undone_as_a_unit_and_can_be_done_anew_when_asked(points: Points) -> None:
    await points.write(bulk.post, by(MOD), [award(1, ONE, 5)])
    done = await run(points, BALANCES)
    assert done.batch is not None

    await points.write(bulk.undo, by(MOD), done.batch.number, reason="the wrong server")

    assert await current(points, ONE, TWO, THREE) == [5, 0, 0]
    repeated = await run(points, BALANCES)
    assert repeated.batch is not None
    assert (repeated.batch.replayed, repeated.batch.undone_by) == (True, 3)
    anew = await run(points, BALANCES, again=True)
    assert anew.batch is not None
    assert (anew.batch.number, anew.batch.replayed) == (4, False)
    assert await current(points, ONE, TWO, THREE) == [125, 0, 7]
    once_more = await run(points, BALANCES, again=True)
    assert once_more.batch is not None
    assert (once_more.batch.number, once_more.batch.replayed) == (4, True)


async def test_balances_grow_by_what_the_file_says_or_become_it(points: Points) -> None:
    await points.write(bulk.post, by(MOD), [award(1, ONE, 100), award(2, TWO, 9)])

    done = await run(points, BALANCES, mode=Mode.REPLACE)

    assert await current(points, ONE, TWO, THREE) == [120, 0, 7]
    assert {(change.before, change.after) for change in done.changes} == {(100, 120), (9, 0), (0, 7)}


async def test_rows_that_cannot_be_refuse_the_import_unless_it_is_asked_for_in_part(points: Points) -> None:
    text = BALANCES + f"{ONE},Ada again,3\nwho am i,Eve,5\n{GRACE},G,1.5\n"
    before = await row_counts(points)

    with pytest.raises(RowsRefused) as refused:
        await run(points, text)

    assert [(row.row, type(row.error)) for row in refused.value.rows] == [
        (5, InvalidSetting),
        (6, InvalidText),
        (7, InvalidAmount),
    ]
    assert refused.value.total == 6
    assert await row_counts(points) == before
    done = await run(points, text, partial=True)
    assert [row.row for row in done.refused] == [5, 6, 7]
    assert await current(points, ONE, THREE) == [120, 7]


async def test_two_who_import_the_same_file_at_once_make_one_batch(database_url: str) -> None:
    async with (
        Points.opened(settings_for(database_url)) as one,
        Points.opened(settings_for(database_url)) as other,
    ):
        await one.write(policy.change, by(MOD), quorum=2)
        done = await asyncio.gather(*(run(points, BALANCES) for points in (one, other, one, other)))

        assert sorted(each.batch.replayed for each in done if each.batch) == [False, True, True, True]
        assert {each.batch.number for each in done if each.batch} == {1}
        assert await current(one, ONE, THREE) == [120, 7]


TRANSACTIONS = (
    "user_id,amount,reason,category,date\n"
    f"{ONE},10,Reviewed a patch,helping,2026-01-31\n"
    f"{TWO},5,,,2026-02-01T08:30:00+01:00\n"
    f"{ONE},-4,Lost a bet,,\n"
)


async def test_transactions_keep_their_dates_reasons_and_categories(points: Points) -> None:
    await run(points, TRANSACTIONS)

    first = await points.read(history.transaction, COMMUNITY, 1)
    assert (first.amount, first.reason, first.category) == (10, "Reviewed a patch", "helping")
    assert first.effective_at.isoformat() == "2026-01-31T00:00:00+00:00"
    second = await points.read(history.transaction, COMMUNITY, 2)
    assert second.effective_at.isoformat() == "2026-02-01T07:30:00+00:00"
    assert second.reason == "Brought along from a list of transactions"
    assert await current(points, ONE, TWO) == [6, 5]
    assert await points.read(verification.verify, COMMUNITY) == []


@pytest.mark.parametrize(
    "row, refusal",
    [
        (f"{ONE},0,x,,", InvalidAmount),
        (f"{ONE},1e3,x,,", InvalidAmount),
        (f"{ONE},=1+1,x,,", InvalidAmount),
        (f"{ONE},NaN,x,,", InvalidAmount),
        (f"{ONE},１２,x,,", InvalidAmount),
        (f"{ONE},10000000000000,x,,", InvalidAmount),
        ("1.45607E+18,5,x,,", InvalidText),
        (",5,x,,", InvalidText),
        ("=cmd|' /C calc'!A0,5,x,,", InvalidText),
        (f"{ONE},5,{'x' * 301},,", InvalidText),
        (f"{ONE},5,x,nonsense,", UnknownCategory),
        (f"{ONE},5,x,,next tuesday", InvalidTime),
        (f"{ONE},5,x,,2027-01-01", InvalidTime),
        (f"{ONE},-5,x,,", InsufficientBalance),
    ],
)
async def test_a_row_that_cannot_be_says_why(points: Points, row: str, refusal: type[PointsError]) -> None:
    before = await row_counts(points)

    with pytest.raises(RowsRefused) as refused:
        await run(points, f"user_id,amount,reason,category,date\n{TWO},1,fine,,\n{row}\n")

    assert [(each.row, type(each.error)) for each in refused.value.rows] == [(3, refusal)]
    assert await row_counts(points) == before


async def test_a_reversal_that_does_not_fit_leaves_its_original_to_the_one_that_does(points: Points) -> None:
    rows = f"number,user_id,amount,reverses\n1,{ONE},5,\n2,{ONE},-4,1\n3,{ONE},-5,1\n4,{ONE},-5,1\n"

    done = await run(points, rows, partial=True)

    assert [row.row for row in done.refused] == [3, 5]
    assert (await points.read(history.transaction, COMMUNITY, 2)).reverses == 1
    assert await current(points, ONE) == [0]


async def test_a_list_of_transactions_replaces_no_balances(points: Points) -> None:
    with pytest.raises(InvalidSetting):
        await run(points, TRANSACTIONS, mode=Mode.REPLACE)


async def test_categories_that_are_lacking_are_opened_when_asked(points: Points) -> None:
    text = f"user_id,amount,category\n{ONE},10,Art\n{TWO},5,helping\n{ONE},1,art\n"

    tried = await preview(points, text, add_categories=True)
    done = await run(points, text, add_categories=True)

    assert tried.opened == done.opened
    assert len(done.opened) == 1
    assert "art" in [name.casefold() for name in (await points.read(policy.of, COMMUNITY)).open_categories]


async def test_rows_without_a_category_get_the_one_that_is_told(points: Points) -> None:
    await run(points, BALANCES, category="helping")

    assert (await points.read(history.transaction, COMMUNITY, 1)).category == "helping"
    with pytest.raises(UnknownCategory):
        await run(points, BALANCES + "\n", category="nonsense")


async def test_in_a_discord_server_ids_are_discord_s(points: Points) -> None:
    server = replace(by(MOD), community="1456074443980800010")

    with pytest.raises(RowsRefused) as refused:
        await run(points, "user_id,points\nada,5\n", server)
    [row] = refused.value.rows
    assert isinstance(row.error, InvalidSetting)
    assert row.error.expected == "a Discord id, 15 to 20 digits"
    await run(points, f"user_id,points\n{ONE},5\n", server)


# ── other bots ──

OTHERS = {
    Source.MEE6: {
        "players": [{"id": ONE, "xp": 120, "level": 3, "username": "ada", "detailed_xp": [1, 2, 3]}]
    },
    Source.TATSU: {"guild_id": "1", "rankings": [{"rank": 1, "score": 120, "user_id": ONE}]},
    Source.LURKR: {"guild": {}, "levels": [{"level": 3, "xp": 120, "userId": ONE, "messageCount": 9}]},
    Source.POLARIS: {"settings": {}, "users": {ONE: {"xp": 120, "cooldown": 1}}},
    Source.AMARI: {"data": [{"id": ONE, "username": "ada", "exp": 120, "level": 3, "weeklyExp": 4}]},
    Source.LEVELUP: {"users": {ONE: {"xp": 120.75, "messages": 9}}, "users_weekly": {}, "algorithm": {}},
}


@pytest.mark.parametrize("source", OTHERS)
async def test_another_bot_s_export_is_recognised(points: Points, source: Source) -> None:
    document = json.dumps(OTHERS[source])

    assert read(document).source is source
    assert read(document, source).source is source
    await run(points, document)

    assert await current(points, ONE) == [120]


def test_a_file_of_another_bot_than_told_is_refused() -> None:
    with pytest.raises(UnreadableFile):
        read(json.dumps(OTHERS[Source.MEE6]), Source.TATSU)
    with pytest.raises(UnreadableFile):
        read("name,points\nAda,3\n", Source.MEE6)


def test_tatsu_s_rankings_as_csv_and_lists_of_other_names_are_balances() -> None:
    assert read(f"rank,score,user_id,guild_id\n1,5,{ONE},2\n").source is Source.BALANCES
    assert read(json.dumps([{"id": ONE, "xp": 5}])).source is Source.BALANCES
    assert read(f"Member;Reputation\r\n{ONE};5\r\n").source is Source.BALANCES


# ── there and back ──


def award(row: int, user_id: str, amount: int, **more: Any) -> Entry:
    return Entry(
        row=row, user_id=user_id, amount=amount, **{"reason": "the fair", "kind": Kind.AWARD, **more}
    )


async def lived_in(points: Points) -> None:
    """A community with awards, deductions, reversals, formulas in texts, and a retired category."""
    await points.write(policy.add_category, by(MOD), "art")
    rows = [
        award(1, ADA, 50, category="art", reason='=HYPERLINK("x")', name="-Ada"),
        award(2, GRACE, 20, reason='two\r\nlines, and "quotes" \'', effective_at=NOON - timedelta(days=40)),
        award(3, ADA, -8, kind=Kind.DEDUCTION, evidence="https://example.org/a?b=1"),
        award(4, "3003", 5, reason="'=1"),
        award(5, "3003", -5, kind=Kind.REDEMPTION),
        award(6, THREE, 10**12),
    ]
    await points.write(bulk.post, by(MOD), rows)
    await points.write(awards.reverse, by(MOD), 2, reason="+a mistake")
    await points.write(awards.reverse, by(MOD), 3, reason="unfair")
    await points.write(policy.retire_category, by(MOD), "art")


@pytest.mark.parametrize("format", [Format.CSV, Format.JSONL])
@pytest.mark.parametrize("table", [Table.TRANSACTIONS, Table.BALANCES])
async def test_export_and_import_give_identical_balances(
    points: Points, table: Table, format: Format
) -> None:
    await lived_in(points)
    there = replace(by(MOD), community="elsewhere")

    content = await exported(points, table, format)
    done = await run(points, content, there, add_categories=True)

    assert done.refused == ()
    assert await all_balances(points, "elsewhere") == await all_balances(points, COMMUNITY)
    assert await points.read(verification.verify) == []


@pytest.mark.parametrize("format", [Format.CSV, Format.JSONL])
async def test_export_and_import_give_the_same_history(points: Points, format: Format) -> None:
    await lived_in(points)
    there = replace(by(MOD), community="elsewhere")

    content = await exported(points, Table.TRANSACTIONS, format)
    await run(points, content, there, add_categories=True)

    here = (await points.read(history.page, COMMUNITY, limit=100)).receipts
    moved = (await points.read(history.page, "elsewhere", limit=100)).receipts
    assert [told(receipt) for receipt in moved] == [told(receipt) for receipt in here]


async def test_line_breaks_of_every_script_come_through_json_lines(points: Points) -> None:
    reason = "one\u2028two\u0085three\u2029four\nfive"
    await points.write(bulk.post, by(MOD), [award(1, ONE, 5, reason=reason)])
    content = await exported(points, Table.TRANSACTIONS, Format.JSONL)

    await run(points, content * 2, replace(by(MOD), community="elsewhere"))

    assert (await points.read(history.transaction, "elsewhere", 2)).reason == reason


def told(receipt: Any) -> tuple[object, ...]:
    return (
        receipt.number,
        receipt.user_id,
        receipt.name,
        receipt.amount,
        receipt.after,
        receipt.reason,
        receipt.evidence,
        receipt.effective_at,
        receipt.reverses,
        receipt.category,
    )


async def all_balances(points: Points, community: str) -> set[tuple[object, ...]]:
    lines = (await exported(points, Table.BALANCES, Format.JSONL, community)).splitlines()
    balances = [json.loads(line) for line in lines]
    return {
        (b["user_id"], b["current"], b["earned"], b["spent"]) for b in balances if b["earned"] or b["spent"]
    }


# ── hostile files ──

HOSTILE: list[tuple[bytes, int | None]] = [
    (b"", None),
    (b"\n\n", None),
    (b"user_id,points\n", None),
    (f"user_id,points\n{ONE},5\n".encode("utf-16"), None),
    (f"user_id,points\n{ONE},5\nZo\xeb,3\n".encode("latin-1"), 3),
    (f"user_id,points\n{ONE},5\n{TWO}\0,3\n".encode(), 3),
    (b"user_id,points,Points\n1,2,3\n", 1),
    (b"user_id,points," + b",".join(b"%d" % n for n in range(200)) + b"\n", 1),
    (b"name,points\nAda,3\n", 1),
    (b"user_id,name\n1,Ada\n", 1),
    (f"user_id,points\n{ONE},5\n{TWO},3,9\n".encode(), 3),
    (f"user_id,points\n{ONE},5\n{TWO}\n".encode(), 3),
    (f"user_id,points,reason\n{ONE},5,{'x' * 1_000_000}\n".encode(), 2),
    (f"user_id,points,reason\n{ONE},5,{'x' * 5_000}\n".encode(), 2),
    (f'user_id,points\n{ONE},"5\n'.encode(), 2),
    (b"PK\x03\x04\x14\x00\x08\x08\x08\x00\xff\xff", 1),
    (b"[" * 100_000, None),
    (b'[{"user_id": "1", "points": ' + b"[" * 50_000 + b"]" * 50_000 + b"}]", None),
    (b'[{"user_id": "1", "points": NaN}]', None),
    (b'[{"user_id": "1", "points": -Infinity}]', None),
    (b'[{"user_id": "1", "points": 1' + b"0" * 5_000 + b"}]", None),
    (b'[{"user_id": "1", "points": 1, "points": 2}]', None),
    (b'[{"user_id": "1", "points": 1}, 7]', 2),
    (b'{"user_id": "1", "points": 1}\n{"user_id": "1", "points":\n', 2),
    (b'{"hello": "world"}', None),
    (b'{"configs": {"1": {"users": {}}}}', None),
    (b"[1, 2, 3]", None),
    (b"[]", None),
    (b'{"players": []}', None),
    (b'{"players": {"id": 1}}', None),
    (b'{"users": {"1": 7}}', 1),
]


@pytest.mark.parametrize("content, row", HOSTILE)
def test_a_hostile_file_is_refused_with_its_row(content: bytes, row: int | None) -> None:
    with pytest.raises(UnreadableFile) as refused:
        read(content)

    assert refused.value.row == row
    assert len(refused.value.why) < 250


def test_a_file_that_is_too_large_is_not_looked_at() -> None:
    with pytest.raises(UnreadableFile):
        read(b" " * (imports.MAX_BYTES + 1))


def test_a_name_that_is_there_twice_among_a_hundred_thousand_is_found_at_once() -> None:
    members = [f'"{n}": {{"xp": 1}}' for n in (*range(100_000), 99_999)]
    began = time.process_time()

    with pytest.raises(UnreadableFile, match="99999"):
        read(f'{{"users": {{{", ".join(members)}}}}}')

    assert time.process_time() - began < 10  # looked for anew for each name, it takes minutes


def test_a_file_has_a_most_of_rows() -> None:
    with pytest.raises(UnreadableFile):
        read("user_id,points\n" + "1,1\n" * (bulk.MAX_ROWS + 1))


def test_a_byte_order_mark_semicolons_and_empty_lines_are_fine() -> None:
    found = read("\ufeffUser_ID;Points\r\n" + f"{ONE};5\r\n;\r\n\r\n")

    assert [row.cells for row in found.rows] == [{"user_id": ONE, "points": "5"}]


@pytest.mark.parametrize(
    "text", ['{"user_id": "\\ud800", "points": 1}', '{"user_id": "a\\u0000b", "points": 1}']
)
async def test_characters_that_cannot_be_stored_are_a_row_s_refusal(points: Points, text: str) -> None:
    with pytest.raises(RowsRefused) as refused:
        await run(points, text)

    assert [type(row.error) for row in refused.value.rows] == [InvalidText]


async def test_formulas_are_only_text(points: Points) -> None:
    await run(points, f"user_id,amount,reason\n{ONE},5,\"=cmd|' /C calc'!A0\"\n{TWO},5,'=1+1\n")

    assert (await points.read(history.transaction, COMMUNITY, 1)).reason == "=cmd|' /C calc'!A0"
    assert (await points.read(history.transaction, COMMUNITY, 2)).reason == "=1+1"
