"""What is looked up: balances, boards by page and by date, history as pages and as a stream, all of one community."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import Connection

from points_core import approvals, audit, bulk, leaderboard, seasons, verification
from points_core.clients import Scope
from points_core.database import Points
from points_core.http import streams
from points_core.http.app import ROUTERS
from points_core.values import Actor, Kind, Origin
from points_core.windows import WindowName
from tests.http.conftest import ADA, GRACE, MOD, TOWN, VILLAGE, Api, Program, operator, served
from tests.http.test_movements import problem


async def told(program: Program, amounts: dict[str, list[int]]) -> None:
    for user_id, given in amounts.items():
        for amount in given:
            answer = await (program.award if amount > 0 else program.deduct)(user_id, abs(amount))
            assert answer.status_code == 201, answer.text


async def test_a_member_never_seen_has_zeros(program: Program) -> None:
    balance = (await program.get("/points/balance", user_id="nobody")).json()

    assert (balance["current"], balance["earned"], balance["rank"], balance["recent"]) == (0, 0, None, [])


async def pages(program: Program, **query: Any) -> list[dict[str, Any]]:
    """Return every line of a board, page by page."""
    lines: list[dict[str, Any]] = []
    cursor: dict[str, Any] = {}
    while True:
        page = (await program.get("/points/leaderboard", **query, **cursor)).json()
        lines += page["standings"]
        if page["next"] is None:
            return lines
        cursor = {"cursor": page["next"]}


@pytest.mark.parametrize("window", [{}, {"window": "month"}, {"from": "2020-01-01"}], ids=str)
async def test_the_pages_of_a_board_are_the_board(program: Program, window: dict[str, Any]) -> None:
    await told(program, {f"m{n}": [1 + n % 3] for n in range(11)} | {"negative": [5, -5]})

    lines = await pages(program, limit=2, **window)

    whole = (await program.get("/points/leaderboard", limit=1000, **window)).json()
    assert lines == whole["standings"]
    assert [line["rank"] for line in lines] == [1, 1, 1, 4, 4, 4, 4, 8, 8, 8, 8]
    assert [line["user_id"] for line in lines[:3]] == ["m2", "m5", "m8"]
    assert whole["members"] == 11


async def test_the_board_is_the_cores(api: Api, program: Program) -> None:
    await told(program, {f"m{n}": [1 + n % 5] for n in range(30)})

    lines = await pages(program, limit=7)

    board = await api.points.read(leaderboard.named, TOWN, WindowName.ALL, datetime.now(UTC), top=30)
    assert lines == [
        {
            "rank": line.rank,
            "user_id": line.user_id,
            "name": line.name,
            "points": line.points,
            "moved": None,
            "new": False,
        }
        for line in board.standings
    ]


async def test_statistics_and_the_lines_around_a_member(program: Program) -> None:
    await told(program, {"a": [1], "b": [2], "c": [4], "d": [10]})

    board = (await program.get("/points/leaderboard", statistics="true", around="b", limit=1)).json()

    assert board["statistics"] == {"members": 4, "total": 17, "median": 3.0}
    mine = board["around"]["mine"]
    assert (mine["rank"], mine["user_id"], mine["name"], mine["points"]) == (3, "b", None, 2)
    assert [line["user_id"] for line in board["around"]["neighbours"]] == ["c", "b", "a"]
    absent = (await program.get("/points/leaderboard", around="nobody")).json()
    assert absent["around"] == {"mine": None, "neighbours": []}


@pytest.mark.parametrize("query", [{"window": "yesterday"}, {"from": "1"}, {"season": "second"}], ids=str)
async def test_each_rank_says_how_it_moved_since_the_window_before(
    points: Points, program: Program, query: dict[str, Any]
) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    before = yesterday - timedelta(days=1)
    for name, day in (("first", before), ("second", yesterday)):
        await points.write(seasons.start, operator(), name=name, first=day, last=day)
    for day, given in ((before, {"a": 9, "b": 5, "c": 3}), (yesterday, {"a": 1, "b": 5, "c": 3, "d": 2})):
        for user_id, amount in given.items():
            await program.award(user_id, amount, effective_at=f"{day}T12:00:00Z")
    if "from" in query:
        query = {"from": str(yesterday), "to": str(yesterday)}

    lines = await pages(program, limit=3, compare="true", **query)

    assert [(line["user_id"], line["moved"], line["new"]) for line in lines] == [
        ("b", 1, False),
        ("c", 1, False),
        ("d", None, True),
        ("a", -3, False),
    ]
    whole = (await program.get("/points/leaderboard", compare="true", around="d", **query)).json()
    assert whole["around"]["mine"] == whole["standings"][2]
    plain = (await program.get("/points/leaderboard", **query)).json()
    assert {(line["moved"], line["new"]) for line in plain["standings"]} == {(None, False)}


async def test_nothing_is_before_all_time(program: Program) -> None:
    await told(program, {"a": [1], "b": [2]})

    board = (await program.get("/points/leaderboard", compare="true")).json()

    assert {(line["moved"], line["new"]) for line in board["standings"]} == {(None, False)}


async def test_a_board_of_another_day_as_it_stood_and_as_corrected(program: Program) -> None:
    await program.award(ADA, 5, effective_at="2026-01-10T12:00:00Z")
    await program.award(GRACE, 3, effective_at="2026-01-20T12:00:00Z")

    async def board(**query: Any) -> list[tuple[str, int]]:
        found = (await program.get("/points/leaderboard", **query)).json()
        return [(line["user_id"], line["points"]) for line in found["standings"]]

    then = "2026-01-15T00:00:00Z"
    assert await board(as_of=then) == []  # nothing was written by then
    assert await board(as_of=then, corrected="true") == [(ADA, 5)]
    assert await board(**{"from": "2026-01-20", "to": "2026-01-20"}) == [(GRACE, 3)]
    assert await board(**{"from": "2026-01-11", "to": "2026-01-19"}) == []
    both = await program.get("/points/leaderboard", window="all", **{"from": "2026-01-11"})
    assert problem(both) == (422, "invalid-setting")
    backwards = await program.get("/points/leaderboard", **{"from": "2026-01-11", "to": "2026-01-10"})
    assert problem(backwards) == (422, "invalid-time")


async def test_a_board_that_did_not_change_is_not_sent_again(program: Program) -> None:
    await program.award(ADA, 5)
    first = await program.get("/points/leaderboard")
    tag = {"If-None-Match": first.headers["ETag"]}

    same = await program.get("/points/leaderboard", tag)
    await program.award(ADA, 1)
    changed = await program.get("/points/leaderboard", tag)

    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["ETag"] == first.headers["ETag"]
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


async def test_history_goes_back_page_by_page(program: Program) -> None:
    await told(program, {ADA: [1, 2, 3], GRACE: [4, 5]})

    first = (await program.get("/points/history", limit=2)).json()
    second = (await program.get("/points/history", limit=2, before=first["older"])).json()
    third = (await program.get("/points/history", limit=2, before=second["older"])).json()

    numbers = [[each["number"] for each in page["transactions"]] for page in (first, second, third)]
    assert numbers == [[5, 4], [3, 2], [1]]
    assert third["older"] is None


async def test_everything_after_a_number_comes_oldest_first(program: Program) -> None:
    await told(program, {ADA: [1, 2, 3]})
    seen: list[int] = []
    after = 0
    while page := (await program.get("/points/history", after=after, limit=2)).json()["transactions"]:
        seen += [each["number"] for each in page]
        after = seen[-1]
    await program.award(ADA, 4)

    later = (await program.get("/points/history", after=after)).json()

    assert seen == [1, 2, 3]
    assert [each["number"] for each in later["transactions"]] == [4]
    assert (later["newest"], later["older"]) == (4, None)


async def test_between_two_numbers_are_those_between(program: Program) -> None:
    await told(program, {ADA: [1, 2, 3, 4, 5]})

    async def numbers(**query: Any) -> list[int]:
        found = (await program.get("/points/history", **query)).json()["transactions"]
        return [each["number"] for each in found]

    assert await numbers(after=1, before=4) == [2, 3]
    assert await numbers(after=1, before=4, limit=1) == [2]
    assert await numbers(after=3, before=4) == []
    streamed = await program.get("/points/history", {"Accept": "application/x-ndjson"}, after=1, before=4)
    assert [json.loads(line)["number"] for line in streamed.text.splitlines()] == [2, 3]


@pytest.mark.parametrize(
    "accept, told",
    [
        ("", None),
        ("*/*", None),
        ("text/csv", "text/csv"),
        ("text/csv, */*", "text/csv"),
        ("application/json, text/csv", None),
        ("text/csv;q=0.1, application/json", None),
        ("application/json;q=0.2, text/csv; q=0.5", "text/csv"),
        ("text/csv;q=0", None),
        ("text/csv;q=much", None),
        ("text/html, application/x-ndjson;charset=utf-8", "application/x-ndjson"),
    ],
)
def test_a_stream_comes_where_it_is_liked_best(accept: str, told: str | None) -> None:
    assert streams.wanted(accept) == told


async def test_filters_of_history(api: Api, program: Program) -> None:
    other = await api.program(Scope.AWARD, name="other")
    await program.award(ADA, 5, category="events", effective_at="2026-01-10T12:00:00Z")
    await program.award(GRACE, 7)
    await program.deduct(GRACE, 1)
    await other.award(ADA, 2)

    async def numbers(**query: Any) -> list[int]:
        answer = await program.get("/points/history", **query)
        assert answer.status_code == 200, answer.text
        return [each["number"] for each in answer.json()["transactions"]]

    assert await numbers(user_id=ADA) == [4, 1]
    assert await numbers(kind="deduction") == [3]
    assert await numbers(category="events") == [1]
    assert await numbers(client=2) == [4]
    assert await numbers(actor=ADA) == []
    assert await numbers(batch=1) == []
    assert await numbers(until="2026-02-01T00:00:00Z") == [1]
    assert await numbers(since="2026-02-01T00:00:00Z", user_id=ADA) == [4]
    assert problem(await program.get("/points/history", category="none")) == (404, "unknown-category")
    for wrong in (
        {"usr_id": "1"},
        {"limit": "1e3"},
        {"limit": "0"},
        {"kind": "gift"},
        {"since": "yesterday"},
    ):
        assert problem(await program.get("/points/history", **wrong)) == (422, "invalid-request")


async def test_a_member_and_a_client_with_one_number_are_not_confused(points: Points, api: Api) -> None:
    by_mod = Origin(TOWN, Actor.member(MOD), datetime.now(UTC), "moderator")
    await points.write(
        approvals.request, by_mod, kind=Kind.AWARD, user_id=ADA, amount=1, reason="x"
    )  # ADA is member 1, MOD member 2
    _, second = await api.program(), await api.program()
    await second.award(ADA, 2)

    async def numbers(**query: Any) -> list[int]:
        found = (await second.get("/points/history", **query)).json()["transactions"]
        return [each["number"] for each in found]

    assert await numbers(actor=MOD) == [1]
    assert await numbers(client=2) == [2]
    assert await numbers(client=1) == []
    assert (await second.award(GRACE, 500)).status_code == 202
    desk = await api.program(Scope.APPROVE)
    decided = await desk.post("/points/requests/1/decide", {"approve": True, "on_behalf_of": MOD})
    assert decided.json()["state"] == "approved"
    assert await points.read(verification.verify) == []


async def test_history_as_csv_is_all_of_it_and_harmless(program: Program) -> None:
    await program.award(ADA, 5, reason="=HYPERLINK(1)")
    await program.deduct(ADA, 2, reason='a "quoted", line')

    answer = await program.get("/points/history", {"Accept": "text/csv"})

    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["number"] for row in rows] == ["2", "1"]
    assert [row["amount"] for row in rows] == ["-2", "5"]
    assert rows[1]["reason"] == "'=HYPERLINK(1)"
    assert rows[0]["reason"] == 'a "quoted", line'
    assert rows[0]["user_id"] == ADA


@pytest.mark.parametrize("order", [{}, {"after": 0}], ids=["newest", "oldest"])
async def test_a_stream_is_the_same_as_the_pages(
    api: Api, program: Program, order: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(program, {ADA: list(range(1, 11))})
    paged = (await program.get("/points/history", limit=100, **order)).json()["transactions"]
    monkeypatch.setattr("points_core.http.streams.AT_ONCE", 3)

    streamed = await program.get("/points/history", {"Accept": "application/x-ndjson"}, **order)

    assert [json.loads(line) for line in streamed.text.splitlines()] == paged
    assert len(paged) == 10
    four = await program.get("/points/history", {"Accept": "application/x-ndjson"}, limit=4, **order)
    assert [json.loads(line) for line in four.text.splitlines()] == paged[:4]
    refused = await program.get("/points/history", {"Accept": "text/csv"}, category="none")
    assert problem(refused) == (404, "unknown-category")


async def everything(program: Program) -> dict[str, Any]:
    """Return what a program can see, whatever it asks for."""
    seen: dict[str, Any] = {}
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
                query = {"user_id": ADA} if route.path == "/points/balance" else {}
                answer = await program.get(route.path.format(number=1, table="balances"), **query)
                seen[route.path] = answer.text
    return seen


async def test_a_foreign_community_is_neither_seen_nor_touched(api: Api) -> None:
    town, village = await api.program(community=TOWN), await api.program(community=VILLAGE)
    before = await everything(village)
    assert (await town.award(ADA, 50, category="events")).status_code == 201
    assert (await town.award(ADA, 500)).status_code == 202

    assert await everything(village) == before | {
        "/points/client": (await village.get("/points/client")).text
    }
    answers: list[httpx.Response] = [
        await village.get("/points/transactions/1"),
        await village.get("/points/requests/1"),
        await village.post("/points/transactions/1/reverse", {"reason": "x"}),
        await village.post("/points/requests/1/decide", {"approve": True, "on_behalf_of": MOD}),
        await village.post("/points/requests/1/cancel"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 5
    assert problem(await village.deduct(ADA, 1)) == (409, "insufficient-balance")
    for field in ("community", "community_id"):
        assert problem(await village.award(ADA, 1, **{field: TOWN})) == (422, "invalid-request")
        asked = await village.get("/points/balance", user_id=ADA, **{field: TOWN})
        assert problem(asked) == (422, "invalid-request")
    await village.post("/points/categories/1/rename", {"name": "ours"})
    assert (await town.get("/points/categories")).json()["categories"][0]["name"] == "events"


async def test_a_key_of_another_community_or_client_is_another_key(api: Api) -> None:
    town, village, other = (
        await api.program(community=TOWN),
        await api.program(community=VILLAGE),
        await api.program(community=TOWN),
    )

    answers = [await each.award(ADA, 5, key="same") for each in (town, village, other)]

    assert [answer.status_code for answer in answers] == [201] * 3
    assert not any("Idempotency-Replayed" in answer.headers for answer in answers)
    assert (await town.get("/points/balance", user_id=ADA)).json()["current"] == 10


async def test_a_statement_that_takes_too_long_is_given_up(points: Points) -> None:
    async with served(points) as api:
        program = await api.program()
    people = [
        bulk.Entry(row=n, user_id=f"m{n}", amount=1 + n % 7, reason="x", kind=Kind.AWARD)
        for n in range(20_000)
    ]
    await points.write(bulk.post, operator(), people)
    async with served(points, deadline=0.000_001) as hurried:
        program = Program(hurried.http, program.token, program.client)

        answer = await program.get("/points/leaderboard", statistics="true")

    async with served(points) as api:
        program = Program(api.http, program.token, program.client)
        assert (await program.get("/points/leaderboard", statistics="true")).status_code == 200
    assert problem(answer) == (503, "too-slow")
    assert answer.headers["Retry-After"]


async def test_health_readiness_and_counters_tell_nobodys_data(api: Api, program: Program) -> None:
    await program.award(ADA, 5)

    assert (await api.http.get("/healthz")).json() == {"status": "ok"}
    assert (await api.http.get("/readyz")).json() == {"status": "ready"}
    counters = (await api.http.get("/metrics")).text
    assert 'points_http_requests_total{method="POST",route="/points/award",status="201"} 1.0' in counters
    assert "points_database_up 1.0" in counters
    assert ADA not in counters
    assert TOWN not in counters


async def test_readiness_says_when_the_tables_are_not_this_versions(points: Points) -> None:
    def behind(tx: Any) -> None:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")

    async with served(points) as api:
        await points.write(behind)

        answer = await api.http.get("/readyz")

        assert problem(answer) == (503, "database-unavailable")
        assert (await api.http.get("/healthz")).status_code == 200


async def test_the_page_for_people_loads_nothing_from_elsewhere(api: Api) -> None:
    page = await api.http.get("/docs")

    assert page.status_code == 200
    assert "<script" not in page.text
    assert "http://" not in page.text.replace("http or https", "")
    assert "/points/award/batch" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


async def test_times_are_utc_with_an_offset(program: Program) -> None:
    answer = (await program.award(ADA, 5)).json()

    recorded = datetime.fromisoformat(answer["recorded_at"])
    assert recorded.utcoffset() == timedelta(0)


async def test_a_balance_as_of_a_date(program: Program) -> None:
    await program.award(ADA, 5, effective_at="2026-01-10T12:00:00Z")

    async def current(**query: Any) -> int:
        balance = await program.get("/points/balance", user_id=ADA, as_of="2026-02-01T00:00:00Z", **query)
        return int(balance.json()["current"])

    assert await current() == 0
    assert await current(corrected="true") == 5


async def test_a_seasons_board_is_sealed_and_paged(points: Points, api: Api, program: Program) -> None:
    began = datetime.now(UTC).date() - timedelta(days=10)
    await points.write(seasons.start, operator(), name="spring", first=began, last=began + timedelta(days=5))
    noon = datetime.combine(began, datetime.min.time(), UTC) + timedelta(hours=12)
    for n, amount in enumerate((5, 3, 3)):
        await program.award(f"m{n}", amount, effective_at=noon.isoformat())
    await program.award("late", 100)

    running = (await program.get("/points/leaderboard", season="spring")).json()
    await points.write(seasons.seal_due, datetime.now(UTC))
    await program.award("m1", 50, effective_at=noon.isoformat())

    assert (running["season"], running["sealed"], running["members"]) == ("spring", False, 3)
    sealed = await pages(program, season="spring", limit=1)
    assert [(line["rank"], line["user_id"], line["points"]) for line in sealed] == [
        (1, "m0", 5),
        (2, "m1", 3),
        (2, "m2", 3),
    ]
    corrected = (await program.get("/points/leaderboard", season="spring", corrected="true")).json()
    assert (corrected["sealed"], corrected["standings"][0]["points"]) == (False, 53)
    assert problem(await program.get("/points/leaderboard", season="none")) == (404, "unknown-season")
    both = await program.get("/points/leaderboard", season="spring", window="all")
    assert problem(both) == (422, "invalid-setting")


@pytest.mark.parametrize("table", ["transactions", "balances", "board", "audit", "policy", "categories"])
async def test_tables_are_exported_and_that_goes_on_record(api: Api, program: Program, table: str) -> None:
    await program.award(ADA, 5)

    answer = await program.get(f"/points/export/{table}")

    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{table}.csv"'
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) >= 2
    entry = (await api.points.read(audit.recent, TOWN))[0]
    assert (entry.action, entry.target, entry.actor.client) == ("export.read", table, 1)


async def test_an_export_of_a_part_it_does_not_have_is_refused(program: Program) -> None:
    answer = await program.get("/points/export/balances", category="events")

    assert problem(answer) == (422, "invalid-setting")


async def test_hidden_members_keep_their_place_without_a_name(points: Points, program: Program) -> None:
    await program.award(ADA, 5, name="Ada")

    def hide(tx: Connection) -> None:
        tx.exec_driver_sql("UPDATE members SET hidden_at = created_at")

    await points.write(hide)

    board = (await program.get("/points/leaderboard")).json()

    (line,) = board["standings"]
    assert (line["rank"], line["user_id"], line["name"], line["points"]) == (1, None, None, 5)
