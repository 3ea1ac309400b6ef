"""Nobody comes in without a token, no further than its scopes, no oftener than its limits."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import select

from points_core import clients
from points_core.clients import Scope
from points_core.database import Points
from points_core.errors import InvalidSetting, UnknownClient
from points_core.http.app import ROUTERS, create_app
from points_core.http.limits import MAX_BODY, STRANGERS_PER_MINUTE
from points_core.models import ApiClient
from tests.conftest import Databases
from tests.core.conftest import row_counts
from tests.http.conftest import ADA, VILLAGE, Api, Program, new_key, operator, served
from tests.http.test_movements import problem


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """One backend: the door looks the same from both."""
    url = databases.new("sqlite")
    yield url
    databases.drop(url)


OPEN = {"/healthz", "/readyz", "/metrics", "/problems", "/problems/{slug}"}

ENDPOINTS = [
    (method, route.path.format(number=1, table="balances"))
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute)
    for method in sorted(route.methods or ())
]


def test_every_address_but_the_hosts_own_is_behind_the_door(points: Points) -> None:
    described = create_app(points).openapi()["paths"]

    unguarded = {
        path
        for path, operations in described.items()
        for each in operations.values()
        if "security" not in each
    }
    assert unguarded == OPEN


@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer", "Basic cHRzXzpw", "Bearer pts_" + "A" * 43, "Bearer \xe4", "pts_" + "A" * 43],
)
async def test_without_a_valid_token_nothing_is_said(points: Points, authorization: str | None) -> None:
    headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    async with served(points, ticks=iter(range(0, 10**9, 60)).__next__) as api:
        for method, path in ENDPOINTS:
            answer = await api.http.request(method, path, headers=headers, content=b"{")

            assert problem(answer) == (401, "unauthorized")
            assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_in_the_address_is_not_taken(api: Api, program: Program) -> None:
    answer = await api.http.get(
        "/points/client", params={"token": program.token, "access_token": program.token}
    )

    assert problem(answer) == (401, "unauthorized")


async def test_a_revoked_token_and_an_expired_one_open_nothing(api: Api) -> None:
    revoked = await api.program()
    expired = await api.program(expires_at=datetime.now(UTC) + timedelta(seconds=0.5))
    assert (await expired.get("/points/client")).status_code == 200

    await api.points.write(clients.revoke, operator(), revoked.client.number)
    await asyncio.sleep(0.5)

    assert problem(await revoked.get("/points/client")) == (401, "unauthorized")
    assert problem(await expired.get("/points/client")) == (401, "unauthorized")


OPENED_BY = {
    Scope.READ: {"GET"},  # but for what takes everything away
    Scope.AWARD: {"/points/award", "/points/award/batch", "/points/events", "/reverse", "/cancel"},
    Scope.DEDUCT: {"/points/deduct", "/reverse", "/cancel"},
    Scope.APPROVE: {"/decide"},
    Scope.ADMIN: {"GET", "POST"},
}


@pytest.mark.parametrize("scope", list(Scope))
async def test_each_scope_opens_its_own_and_nothing_else(api: Api, scope: Scope) -> None:
    program = await api.program(scope)
    await row_counts(api.points)

    for method, path in ENDPOINTS:
        answer = await api.http.request(
            method, path, headers=program.headers | {"Content-Type": "application/json"}, content=b"{"
        )
        ways = OPENED_BY[scope] | {"/points/client"}
        if scope in {Scope.AWARD, Scope.DEDUCT}:
            ways |= {"/points/categories"} if method == "GET" else set()
        if path.startswith(("/points/export", "/points/webhooks")) and scope is not Scope.ADMIN:
            ways = set()
        opens = method in ways or path in ways or any(path.endswith(way) for way in ways if way != path)
        assert (answer.status_code != 403) == opens, (method, path, answer.text)


async def test_what_a_token_is_kept_as_does_not_open_anything(api: Api, program: Program) -> None:
    stored = await api.points.read(lambda tx: tx.execute(select(ApiClient.token_hash)).scalars().one())

    assert stored == clients.hashed(program.token)
    assert len(stored) == 32
    answer = await api.http.get(
        "/points/client", headers={"Authorization": f"Bearer pts_{stored.hex()[:43]}"}
    )
    assert answer.status_code == 401


def test_tokens_are_256_random_bits() -> None:
    made = {clients.new_token() for _ in range(1_000)}

    assert len(made) == 1_000
    assert all(len(token) == clients.TOKEN_LENGTH for token in made)


async def test_limits_are_said_and_kept(api: Api) -> None:
    program = await api.program(per_minute=3)

    answers = [await program.get("/points/client") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"3"}
    assert problem(answers[-1]) == (429, "too-many-requests")
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 20


async def test_limits_are_each_clients_own_and_refill(points: Points) -> None:
    now = 0.0
    async with served(points, ticks=lambda: now) as api:
        one, other = await api.program(per_minute=1), await api.program(per_minute=1)
        assert (await one.get("/points/client")).status_code == 200
        assert (await one.get("/points/client")).status_code == 429
        assert (await other.get("/points/client")).status_code == 200

        now = 60.0

        assert (await one.get("/points/client")).status_code == 200


async def test_wrong_tokens_from_one_address_are_slowed_down_and_right_ones_are_not(points: Points) -> None:
    headers = {"Authorization": f"Bearer {clients.new_token()}"}
    async with served(points, ticks=lambda: 0.0) as api:
        program = await api.program()

        said = [
            (await api.http.get("/points/client", headers=headers)).status_code
            for _ in range(STRANGERS_PER_MINUTE + 1)
        ]

        assert (said.count(401), said[-1]) == (STRANGERS_PER_MINUTE, 429)
        assert (await program.get("/points/client")).status_code == 200


async def test_a_clients_largest_amount_is_kept(api: Api) -> None:
    program = await api.program(max_amount=5)

    assert (await program.award(ADA, 5)).status_code == 201
    answer = await program.award(ADA, 6)

    assert problem(answer) == (422, "invalid-amount")
    assert (answer.json()["amount"], answer.json()["maximum"]) == (6, 5)
    batch = await program.post(
        "/points/award/batch",
        {"rows": [{"user_id": ADA, "amount": amount, "reason": "x"} for amount in (6, 5)]},
    )
    assert [row["status"] for row in batch.json()["rows"]] == [422, 201]


async def test_the_last_use_of_a_token_is_noted(api: Api, program: Program) -> None:
    assert program.client.last_used_at is None
    await program.get("/points/client")

    for _ in range(100):
        if (await api.points.read(clients.get, program.client.community, 1)).last_used_at is not None:
            return
        await asyncio.sleep(0.05)
    pytest.fail("it was not noted")


async def test_a_body_too_large_is_not_read(api: Api, program: Program) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield b" " * 65_536

    headers = program.headers | {"Content-Type": "application/json", "Idempotency-Key": new_key()}

    told = await api.http.post("/points/award", headers=headers, content=b" " * (MAX_BODY + 1))
    assert problem(told) == (413, "body-too-large")
    try:
        streamed = await api.http.post("/points/award", headers=headers, content=endless())
    except httpx.WriteError:  # the server hung up
        return
    assert problem(streamed) == (413, "body-too-large")


REFUSED: list[tuple[bytes, tuple[int, str]]] = [
    (b"{", (400, "bad-json")),
    (b"\xff", (400, "bad-json")),
    (b"[" * 100_000, (400, "bad-json")),
    (b'{"amount": ' + b"9" * 5_000 + b"}", (400, "bad-json")),
    (b"", (422, "invalid-request")),
    (b"[]", (422, "invalid-request")),
    (b"null", (422, "invalid-request")),
    (b'{"user_id":"1","amount":true,"reason":"x"}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":"5","reason":"x"}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":1e3,"reason":"x"}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":5.0,"reason":"x"}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":NaN,"reason":"x"}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":0,"reason":"x"}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":-5,"reason":"x"}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":1000000000001,"reason":"x"}', (422, "invalid-request")),
    (b'{"user_id":1,"amount":5,"reason":"x"}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":5,"reason":" "}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":5,"reason":"\\ud800"}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":5,"reason":"x\\u0000"}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":5}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":5,"reason":"x","community":"2"}', (422, "invalid-request")),
    (
        b'{"user_id":"1","amount":5,"reason":"x","evidence":"javascript:alert(1)"}',
        (422, "invalid-request"),
    ),
    (b'{"user_id":"1","amount":5,"reason":"x","effective_at":0}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":5,"reason":"x","effective_at":"2026-01-31"}', (422, "invalid-request")),
    (b'{"user_id":"1","amount":5,"reason":"x","category":"none"}', (404, "unknown-category")),
    (b'{"user_id":"1","amount":1001,"reason":"x"}', (422, "invalid-amount")),
]


async def test_what_cannot_be_is_refused_and_moves_nothing(api: Api, program: Program) -> None:
    before = await row_counts(api.points)
    for body, said in REFUSED:
        headers = program.headers | {"Content-Type": "application/json", "Idempotency-Key": new_key()}

        first = await api.http.post("/points/award", headers=headers, content=body)
        again = await api.http.post("/points/award", headers=headers, content=body)

        assert problem(first) == said, body[:80]
        assert again.text == first.text
    assert await row_counts(api.points) == before


@pytest.mark.parametrize("key", [None, b"", b"a b", b"a" * 129, b"\xe9", b"a#b"])
async def test_a_write_without_a_usable_key_is_refused(api: Api, program: Program, key: bytes | None) -> None:
    headers: dict[Any, Any] = {**program.headers} | ({} if key is None else {b"Idempotency-Key": key})

    answer = await api.http.post(
        "/points/award", headers=headers, json={"user_id": ADA, "amount": 1, "reason": "x"}
    )

    assert problem(answer) == (422, "invalid-request")


async def test_only_json_is_read(api: Api, program: Program) -> None:
    headers = program.headers | {"Idempotency-Key": new_key(), "Content-Type": "text/plain"}

    answer = await api.http.post("/points/award", headers=headers, content=b"{}")

    assert problem(answer) == (415, "unsupported-media-type")


async def test_the_token_is_nowhere_in_the_logs(
    api: Api, program: Program, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    canary = program.token

    await program.award(ADA, 5)
    await program.get("/points/balance", user_id=ADA)
    await program.post("/points/award", {"amount": canary})
    await api.http.get(f"/{canary}", headers=program.headers)
    await api.http.get("/points/client", headers={"Authorization": f"Bearer {canary}x"})
    await api.points.write(clients.revoke, operator(), program.client.number)
    await program.get("/points/client")

    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert any(record.name == "points_core.http.guard" for record in ours)
    assert not [record for record in ours if canary[4:] in record.getMessage() or canary in str(record.args)]
    assert canary not in "".join(capfd.readouterr())


async def test_the_database_does_not_hold_the_token(api: Api, program: Program) -> None:
    await program.award(ADA, 5)
    file = api.points.settings.database_url.removeprefix("sqlite:///")

    for suffix in ("", "-wal"):
        with open(file + suffix, "rb") as stored:  # noqa: ASYNC230 - a small file
            assert program.token[4:].encode() not in stored.read()


async def test_a_client_is_made_once_for_one_key(points: Points) -> None:
    origin = operator()
    first = await points.write(
        clients.create, origin, token=clients.new_token(), name="shop", scopes=[Scope.READ]
    )
    again = await points.write(
        clients.create, origin, token=clients.new_token(), name="shop", scopes=[Scope.READ]
    )

    assert (again.number, again.replayed) == (first.number, True)


@pytest.mark.parametrize(
    "wrong",
    [{"scopes": []}, {"per_minute": 0}, {"per_minute": True}, {"max_amount": 0}, {"max_amount": 10**13}],
)
async def test_a_client_that_cannot_be_is_refused(points: Points, wrong: dict[str, object]) -> None:
    given = {"token": clients.new_token(), "name": "shop", "scopes": [Scope.READ]} | wrong
    with pytest.raises(InvalidSetting):
        await points.write(clients.create, operator(), **given)  # type: ignore[arg-type]

    assert await points.read(clients.listed_all, operator().community) == ()


async def test_a_foreign_client_cannot_be_revoked(api: Api, program: Program) -> None:
    with pytest.raises(UnknownClient):
        await api.points.write(clients.revoke, operator(VILLAGE), program.client.number)
    for nobodys in (0, -1, 2**63, 10**30):
        with pytest.raises(UnknownClient):
            await api.points.write(clients.revoke, operator(), nobodys)

    assert (await program.get("/points/client")).status_code == 200
