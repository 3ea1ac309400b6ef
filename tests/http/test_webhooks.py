"""Webhooks by HTTP: for the scope admin, once for each key, the secret in the first answer alone."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from points_core.clients import Scope
from points_core.database import Points
from points_core.webhooks.postman import Postman
from tests.core.hook_server import Certificate, Server, senders, serving
from tests.http.conftest import ADA, VILLAGE, Api, Program, new_key, served
from tests.http.test_movements import problem

URL = "https://hooks.example.org/points"


async def test_the_secret_is_in_the_first_answer_only(program: Program) -> None:
    key = new_key()
    first = await program.post("/points/webhooks", {"url": URL}, key)
    again = await program.post("/points/webhooks", {"url": URL}, key)

    assert first.status_code == again.status_code == 201
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (len(first.json()["secret"]), again.json()["secret"]) == (49, None)
    (listed,) = (await program.get("/points/webhooks")).json()["webhooks"]
    assert "secret" not in listed
    assert listed["topics"] == [
        "transaction.recorded",
        "transaction.reversed",
        "batch.recorded",
        "batch.undone",
        "request.opened",
        "request.decided",
        "board.posted",
    ]


async def test_a_key_stands_for_one_request(program: Program) -> None:
    key, award = new_key(), new_key()
    await program.post("/points/webhooks", {"url": URL}, key)
    await program.award(ADA, 5, key=award)

    other = {"url": f"{URL}/other"}
    assert problem(await program.post("/points/webhooks", other, key)) == (409, "duplicate-transaction")
    assert problem(await program.post("/points/webhooks", other, award)) == (409, "duplicate-transaction")
    removed = await program.post("/points/webhooks/1/remove", None, key)
    assert problem(removed) == (409, "duplicate-transaction")
    assert problem(await program.award(ADA, 5, key=key)) == (409, "duplicate-transaction")


async def test_removing_and_sending_anew_are_done_once_for_each_key(program: Program) -> None:
    await program.post("/points/webhooks", {"url": URL})
    await program.award(ADA, 5)
    replay, remove = new_key(), new_key()
    for replayed in (None, "true"):
        again = await program.post("/points/webhooks/deliveries/1/replay", None, replay)
        assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (200, replayed)
    for replayed in (None, "true"):
        gone = await program.post("/points/webhooks/1/remove", None, remove)
        assert (gone.status_code, gone.headers.get("Idempotency-Replayed")) == (200, replayed)

    late = await program.post("/points/webhooks/deliveries/1/replay")
    assert problem(late) == (404, "unknown-webhook")
    (delivery,) = (await program.get("/points/webhooks/deliveries")).json()["deliveries"]
    assert (delivery["state"], delivery["outcome"]) == ("given up", "given up: the webhook was removed")


async def test_deliveries_are_read_page_by_page(program: Program) -> None:
    await program.post("/points/webhooks", {"url": URL})
    for amount in (1, 2, 3):
        await program.award(ADA, amount)

    first = (await program.get("/points/webhooks/deliveries", limit=2)).json()
    rest = (await program.get("/points/webhooks/deliveries", before=first["next"])).json()
    assert [each["event"] for each in first["deliveries"] + rest["deliveries"]] == [
        f"transaction.recorded:{number}" for number in (3, 2, 1)
    ]
    assert rest["next"] is None


@pytest.mark.parametrize(
    "url", ["http://hooks.example.org/", "https://10.0.0.1/", "https://localhost/", "https://a:b@c.org/", ""]
)
async def test_an_address_that_cannot_be_told_is_refused(url: str, program: Program) -> None:
    assert problem(await program.post("/points/webhooks", {"url": url})) == (422, "invalid-request")


async def test_a_local_name_and_one_too_many_are_conflicts(program: Program) -> None:
    local = await program.post("/points/webhooks", {"url": "https://printer.local/"})
    assert problem(local) == (409, "webhook-conflict")
    for number in range(20):
        assert (await program.post("/points/webhooks", {"url": f"{URL}/{number}"})).status_code == 201
    assert problem(await program.post("/points/webhooks", {"url": URL})) == (409, "webhook-conflict")


async def test_only_admins_of_the_community_see_and_change_its_webhooks(api: Api, program: Program) -> None:
    await program.post("/points/webhooks", {"url": URL})
    await program.award(ADA, 5)
    other = await api.program(community=VILLAGE)
    lesser = await api.program(Scope.READ, Scope.AWARD, Scope.DEDUCT, Scope.APPROVE)

    assert (await other.get("/points/webhooks")).json() == {"webhooks": []}
    assert (await other.get("/points/webhooks/deliveries")).json() == {"deliveries": [], "next": None}
    assert problem(await other.post("/points/webhooks/1/remove")) == (404, "unknown-webhook")
    elsewhere = await other.post("/points/webhooks/deliveries/1/replay")
    assert problem(elsewhere) == (404, "unknown-delivery")
    for answer in (
        await lesser.get("/points/webhooks"),
        await lesser.get("/points/webhooks/deliveries"),
        await lesser.post("/points/webhooks", {"url": URL}),
        await lesser.post("/points/webhooks/1/remove"),
        await lesser.post("/points/webhooks/deliveries/1/replay"),
    ):
        assert problem(answer) == (403, "missing-scope")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return Certificate.made(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
async def server(certificate: Certificate) -> AsyncIterator[Server]:
    async with serving(certificate) as server:
        yield server


async def test_a_write_over_http_is_told_at_once(
    points: Points, server: Server, certificate: Certificate
) -> None:
    postman = Postman(points, lambda: datetime.now(UTC), sender=senders(certificate))
    postman.start()
    async with served(points, after_write=postman.wake) as api, asyncio.timeout(10):
        program = await api.program()
        await program.post("/points/webhooks", {"url": server.url})
        await program.award(ADA, 5)
        await server.arrived.wait()
    await postman.stop()

    assert json.loads(server.told[0].content)["data"]["user_id"] == ADA
