"""Points move over HTTP: once per key, within the token's limits, and every no says which one it is."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.core.conftest import row_counts
from tests.http.conftest import ADA, GRACE, Api, Program, new_key


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    return answer.status_code, document["type"].removeprefix("/problems/")


async def test_an_award_is_recorded_and_answers_with_its_receipt(program: Program) -> None:
    answer = await program.award(ADA, 10, category="events", evidence="https://example.org/1", name="Ada")

    assert answer.status_code == 201
    receipt = answer.json()
    assert {
        name: receipt[name] for name in ("number", "kind", "user_id", "name", "amount", "before", "after")
    } == {
        "number": 1,
        "kind": "award",
        "user_id": ADA,
        "name": "Ada",
        "amount": 10,
        "before": 0,
        "after": 10,
    }
    assert receipt["actor"] == {"kind": "client", "user_id": None, "name": "shop", "client": 1}
    assert "Idempotency-Replayed" not in answer.headers
    balance = (await program.get("/points/balance", user_id=ADA)).json()
    assert (balance["current"], balance["earned"], balance["spent"], balance["rank"]) == (10, 10, 0, 1)
    assert balance["recent"] == [receipt]


async def test_a_deduction_takes_points(program: Program) -> None:
    await program.award(ADA, 10)

    answer = await program.deduct(ADA, 4)

    assert answer.status_code == 201
    assert (answer.json()["amount"], answer.json()["after"]) == (-4, 6)


async def test_the_same_key_and_request_gets_the_first_answer_and_moves_points_once(program: Program) -> None:
    key = new_key()
    first = await program.award(ADA, 10, key=key)
    second = await program.award(ADA, 10, key=key)

    assert (first.status_code, second.status_code) == (201, 201)
    assert second.json() == first.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert (await program.get("/points/balance", user_id=ADA)).json()["current"] == 10


async def test_forty_at_once_with_one_key_move_points_once(program: Program) -> None:
    key = new_key()

    answers = await asyncio.gather(*(program.award(ADA, 10, key=key) for _ in range(40)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer.headers for answer in answers) == 1
    assert (await program.get("/points/balance", user_id=ADA)).json()["current"] == 10


@pytest.mark.parametrize(
    "change",
    [{"amount": 11}, {"user_id": GRACE}, {"reason": "other"}, {"category": "events"}],
    ids=lambda change: next(iter(change)),
)
async def test_the_same_key_with_another_request_is_refused(
    api: Api, program: Program, change: dict[str, Any]
) -> None:
    key = new_key()
    await program.award(user_id=ADA, amount=10, key=key)
    before = await row_counts(api.points)

    answer = await program.award(**{"user_id": ADA, "amount": 10, **change}, key=key)

    assert problem(answer) == (409, "duplicate-transaction")
    assert await row_counts(api.points) == before
