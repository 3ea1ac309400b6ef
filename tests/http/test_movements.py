"""Points move over HTTP: once per key, within the token's limits, and every no says which one it is."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection, update

from points_core import audit, clients, policy, seasons, verification
from points_core.clients import Scope
from points_core.models import LedgerHead
from tests.core.conftest import row_counts
from tests.http.conftest import ADA, GRACE, MOD, TOWN, Api, Program, new_key, operator


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
    assert receipt.pop("season") is None  # told to who moves points, not kept with them
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


async def test_a_key_stands_for_one_request_whatever_kind_it_was(api: Api, program: Program) -> None:
    for _ in range(2):
        await program.award(ADA, 10)
    await program.award(ADA, 200)
    asks: list[tuple[str, dict[str, Any]]] = [
        ("/points/award", {"user_id": ADA, "amount": 1, "reason": "x"}),
        ("/points/deduct", {"user_id": ADA, "amount": 1, "reason": "x"}),
        ("/points/award", {"user_id": ADA, "amount": 300, "reason": "x"}),
        ("/points/award/batch", {"rows": [{"user_id": ADA, "amount": 1, "reason": "x"}]}),
        ("/points/transactions/1/reverse", {"reason": "x"}),
        ("/points/categories", {"name": "new"}),
        ("/points/categories/1/rename", {"name": "other"}),
        ("/points/categories/2/retire", {}),
        ("/points/requests/1/cancel", {}),
    ]
    for path, body in asks:
        key = new_key()
        first = await program.post(path, body, key)
        assert first.is_success, first.text
        before = await row_counts(api.points)
        for other_path, other in asks:
            answer = await program.post(other_path, other, key)
            if (other_path, other) == (path, body):
                assert answer.status_code == first.status_code
                assert answer.headers["Idempotency-Replayed"] == "true"
            else:
                assert problem(answer) == (409, "duplicate-transaction"), (path, other_path)
        assert await row_counts(api.points) == before


async def test_two_kinds_of_requests_at_once_with_one_key_are_one_done_and_one_refused(
    api: Api, program: Program
) -> None:
    row = {"user_id": GRACE, "amount": 1, "reason": "x"}
    for number in range(20):
        key = new_key()
        answers = await asyncio.gather(
            program.award(ADA, 5, f"helped {number}", key=key),
            program.post("/points/award/batch", {"rows": [row | {"reason": f"came {number}"}]}, key),
            program.award(ADA, 5, f"helped {number}", key=key),
        )
        kinds = {answers[0].status_code, answers[2].status_code}, {answers[1].status_code}
        assert kinds in [({201}, {409}), ({409}, {200})]
    assert await api.points.read(verification.verify) == []


async def test_a_replay_survives_a_retired_category_and_lower_limits(api: Api, program: Program) -> None:
    key = new_key()
    first = await program.award(ADA, 50, category="events", key=key)
    await api.points.write(policy.retire_category, operator(), "events")
    await api.points.write(policy.change, operator(), max_award=10)

    again = await program.award(ADA, 50, category="events", key=key)

    assert again.json() == first.json()
    assert problem(await program.award(ADA, 5, category="events")) == (404, "unknown-category")


async def test_a_large_award_waits_for_other_people(program: Program) -> None:
    key = new_key()
    answer = await program.award(ADA, 500, key=key)

    assert answer.status_code == 202
    request = answer.json()
    assert (request["state"], request["number"], request["amount"]) == ("pending", 1, 500)
    assert request["requester"] == {"kind": "client", "user_id": None, "name": "shop", "client": 1}
    again = await program.award(ADA, 500, key=key)
    assert (again.status_code, again.json()) == (202, request)
    assert again.headers["Idempotency-Replayed"] == "true"
    balance = (await program.get("/points/balance", user_id=ADA)).json()
    assert balance["current"] == 0
    assert [each["amount"] for each in balance["pending"]] == [500]
    assert (await program.get("/points/requests")).json() == {"requests": [request], "next": None}


async def test_a_batch_has_an_outcome_per_row_and_one_commit(api: Api, program: Program) -> None:
    rows = [
        {"user_id": ADA, "amount": 10, "reason": "x"},
        {"user_id": GRACE, "amount": 5_000, "reason": "x"},
        {"user_id": GRACE, "amount": 5, "reason": "x", "category": "none"},
        {"user_id": GRACE, "amount": 500, "reason": "x"},
        {"user_id": ADA, "amount": 1, "reason": "x"},
    ]
    key = new_key()

    answer = await program.post("/points/award/batch", {"rows": rows}, key)

    assert answer.status_code == 200
    outcome = answer.json()
    assert (outcome["recorded"], outcome["waiting"], outcome["refused"]) == (2, 1, 2)
    assert [row["status"] for row in outcome["rows"]] == [201, 422, 404, 202, 201]
    assert outcome["rows"][1]["problem"]["type"] == "/problems/invalid-amount"
    assert outcome["rows"][4]["transaction"]["after"] == 11
    before = await row_counts(api.points)
    again = await program.post("/points/award/batch", {"rows": rows}, key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert [row["transaction"] for row in again.json()["rows"]] == [
        row["transaction"] for row in outcome["rows"]
    ]
    assert [row["replayed"] for row in again.json()["rows"]] == [True, False, False, True, True]
    for index, change in (
        (0, {"reason": "y"}),
        (0, {"category": "none"}),
        (3, {"amount": 501}),
        (4, {"user_id": GRACE}),
    ):
        other = [*rows]
        other[index] = rows[index] | change
        answer = await program.post("/points/award/batch", {"rows": other}, key)
        assert problem(answer) == (409, "duplicate-transaction"), change
    fewer = await program.post("/points/award/batch", {"rows": rows[:4]}, key)
    assert problem(fewer) == (409, "duplicate-transaction")
    assert await row_counts(api.points) == before


async def test_a_row_that_was_refused_can_be_asked_for_again_with_its_batch(
    api: Api, program: Program
) -> None:
    rows = [{"user_id": ADA, "amount": 10, "reason": "x"}, {"user_id": GRACE, "amount": 5_000, "reason": "x"}]
    key = new_key()
    await program.post("/points/award/batch", {"rows": rows}, key)
    await api.points.write(policy.change, operator(), max_award=9_000, approval_threshold=None)

    again = (await program.post("/points/award/batch", {"rows": rows}, key)).json()
    assert [(row["status"], row["replayed"]) for row in again["rows"]] == [(201, True), (201, False)]
    third = (await program.post("/points/award/batch", {"rows": rows}, key)).json()
    assert [row["replayed"] for row in third["rows"]] == [True, True]
    rows[1]["amount"] = 4_000
    answer = await program.post("/points/award/batch", {"rows": rows}, key)
    assert problem(answer) == (409, "duplicate-transaction")


async def test_what_is_on_record_of_a_batch_says_nothing_about_people(api: Api, program: Program) -> None:
    recorded = []
    for user_id, reason in ((ADA, "x"), (GRACE, "Worked at the fair")):
        row = {"user_id": user_id, "amount": 10, "reason": reason}
        await program.post("/points/award/batch", {"rows": [row]}, new_key())
        (entry, *_) = await api.points.read(audit.recent, TOWN)
        recorded.append((entry.action, entry.target, entry.before, entry.after))

    assert recorded == [("batch.award", "1 rows", None, {"rows": 1, "refused": 0})] * 2


async def test_a_batch_that_is_tried_again_says_so_only_if_nothing_new_came_of_it(program: Program) -> None:
    rows = [
        {"user_id": ADA, "amount": 10, "reason": "x"},
        {"user_id": GRACE, "amount": 5, "reason": "x", "category": "quests"},
    ]
    first = await program.post("/points/award/batch", {"rows": rows}, "again")
    await program.post("/points/categories", {"name": "quests"})
    second = await program.post("/points/award/batch", {"rows": rows}, "again")
    third = await program.post("/points/award/batch", {"rows": rows}, "again")

    assert [answer.json()["recorded"] for answer in (first, second, third)] == [1, 2, 2]
    assert [row["replayed"] for row in second.json()["rows"]] == [True, False]
    assert ["Idempotency-Replayed" in answer.headers for answer in (first, second, third)] == [
        False,
        False,
        True,
    ]


async def test_a_batch_may_not_be_longer_than_is_said(program: Program) -> None:
    rows = [{"user_id": ADA, "amount": 1, "reason": "x"}] * 101

    assert problem(await program.post("/points/award/batch", {"rows": rows})) == (422, "invalid-request")
    assert problem(await program.post("/points/award/batch", {"rows": []})) == (422, "invalid-request")


async def test_a_transaction_is_taken_back_once(program: Program) -> None:
    await program.award(ADA, 10)
    key = new_key()

    first = await program.post("/points/transactions/1/reverse", {"reason": "wrong person"}, key)
    again = await program.post("/points/transactions/1/reverse", {"reason": "wrong person"}, key)

    assert first.status_code == 201
    assert (first.json()["reverses"], first.json()["after"]) == (1, 0)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    other = await program.post("/points/transactions/1/reverse", {"reason": "wrong person"})
    assert problem(other) == (409, "already-reversed")
    assert (other.json()["number"], other.json()["by"]) == (1, 2)
    assert problem(await program.post("/points/transactions/2/reverse", {"reason": "x"})) == (
        409,
        "not-reversible",
    )
    assert problem(await program.post("/points/transactions/9/reverse", {"reason": "x"})) == (
        404,
        "unknown-transaction",
    )


async def test_only_admins_take_back_what_others_did(api: Api, program: Program) -> None:
    other = await api.program(Scope.AWARD, Scope.DEDUCT, name="other")
    await program.award(ADA, 10)
    await other.award(ADA, 5)

    assert problem(await other.post("/points/transactions/1/reverse", {"reason": "x"})) == (
        403,
        "not-allowed",
    )
    assert (await other.post("/points/transactions/2/reverse", {"reason": "x"})).status_code == 201
    assert (await program.post("/points/transactions/1/reverse", {"reason": "x"})).status_code == 201


async def test_a_deduction_past_the_floor_is_the_same_no_again(api: Api, program: Program) -> None:
    await program.award(ADA, 3)
    before = await row_counts(api.points)
    key = new_key()

    first, again = [await program.deduct(ADA, 5, key=key) for _ in range(2)]

    assert problem(first) == (409, "insufficient-balance")
    assert (first.json()["balance"], first.json()["amount"], first.json()["floor"]) == (3, 5, 0)
    assert again.text == first.text
    assert await row_counts(api.points) == before


async def test_points_may_count_for_another_day(program: Program) -> None:
    answer = await program.award(ADA, 5, effective_at="2026-01-31T23:30:00+01:00")

    assert answer.json()["effective_at"] == "2026-01-31T22:30:00Z"


async def test_points_dated_into_a_sealed_season_say_so(api: Api, program: Program) -> None:
    day = datetime.now(UTC).date() - timedelta(days=2)
    await api.points.write(seasons.start, operator(), name="spring", first=day, last=day)
    within = f"{day.isoformat()}T12:00:00Z"
    running = await program.award(ADA, 5, effective_at=within)
    await api.points.write(seasons.seal_due, datetime.now(UTC))

    late = await program.award(ADA, 7, effective_at=within, key="late")
    again = await program.award(ADA, 7, effective_at=within, key="late")
    row = {"user_id": ADA, "amount": 1, "reason": "x", "effective_at": within}
    batch = await program.post("/points/award/batch", {"rows": [row]})
    undone = await program.post("/points/transactions/1/reverse", {"reason": "wrong"})
    today = await program.award(ADA, 5)

    assert (running.json()["season"], today.json()["season"]) == (None, None)
    assert late.json()["season"] == again.json()["season"] == undone.json()["season"] == "spring"
    assert batch.json()["rows"][0]["transaction"]["season"] == "spring"
    assert "season" not in (await program.get("/points/transactions/2")).json()


async def decide(
    program: Program, number: int, by: str, approve: bool, key: str | None = None
) -> httpx.Response:
    return await program.post(
        f"/points/requests/{number}/decide", {"approve": approve, "on_behalf_of": by}, key
    )


async def test_a_persons_yes_told_by_another_program_moves_the_points(api: Api, program: Program) -> None:
    await program.award(ADA, 500)
    desk = await api.program(Scope.APPROVE, Scope.READ, name="desk")
    key = new_key()

    answer = await decide(desk, 1, MOD, True, key)

    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["transaction"]) == ("approved", 1)
    assert [vote["user_id"] for vote in answer.json()["votes"]] == [MOD]
    again = await decide(desk, 1, MOD, True, key)
    assert again.json() == answer.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert problem(await decide(desk, 1, "9002", True, key)) == (409, "duplicate-transaction")
    assert problem(await decide(desk, 1, MOD, False, key)) == (409, "duplicate-transaction")
    assert problem(await decide(desk, 1, "9002", True)) == (409, "request-closed")
    assert (await desk.get("/points/balance", user_id=ADA)).json()["current"] == 500
    entries = await api.points.read(audit.recent, program.client.community)
    vote = next(entry for entry in entries if entry.action == "request.vote")
    assert (vote.actor.client, vote.actor.name) == (desk.client.number, "desk")
    assert await api.points.read(verification.verify) == []


async def test_nobody_decides_about_their_own(api: Api, program: Program) -> None:
    await program.award(ADA, 500)
    desk = await api.program(Scope.APPROVE, name="desk")

    assert problem(await decide(desk, 1, ADA, True)) == (403, "own-request")
    assert problem(await decide(program, 1, MOD, True)) == (403, "own-request")
    assert (await program.get("/points/requests/1")).json()["votes"] == []


async def test_a_no_rejects_with_its_reason(api: Api, program: Program) -> None:
    await program.award(ADA, 500)
    desk = await api.program(Scope.APPROVE, name="desk")

    answer = await desk.post(
        "/points/requests/1/decide", {"approve": False, "on_behalf_of": MOD, "note": "too much"}
    )

    assert (answer.json()["state"], answer.json()["note"]) == ("rejected", "too much")


async def test_a_request_is_taken_back_by_who_opened_it_or_an_admin(api: Api, program: Program) -> None:
    other = await api.program(Scope.AWARD, name="other")
    await program.award(ADA, 500)
    await other.award(ADA, 600)

    assert problem(await other.post("/points/requests/1/cancel")) == (403, "not-allowed")
    assert (await other.post("/points/requests/2/cancel")).json()["state"] == "cancelled"
    assert (await program.post("/points/requests/1/cancel")).json()["state"] == "cancelled"


async def test_categories_are_opened_renamed_and_retired(program: Program) -> None:
    opened = await program.post("/points/categories", {"name": "quests"})
    assert (opened.status_code, opened.json()) == (201, {"id": 5, "name": "quests", "retired": False})
    taken = await program.post("/points/categories", {"name": "Quests"})
    assert problem(taken) == (409, "category-conflict")

    renamed = await program.post("/points/categories/5/rename", {"name": "errands"})
    retired = await program.post("/points/categories/5/retire")

    assert (renamed.json()["name"], retired.json()["retired"]) == ("errands", True)
    assert problem(await program.post("/points/categories/9/retire")) == (404, "unknown-category")
    listed = (await program.get("/points/categories")).json()["categories"]
    assert listed[-1] == {"id": 5, "name": "errands", "retired": True}


async def test_a_repeated_request_about_a_category_is_about_that_category(program: Program) -> None:
    opened = await program.post("/points/categories", {"name": "quests"}, "opened")
    await program.post("/points/categories/5/retire")
    again = await program.post("/points/categories", {"name": "quests"}, "opened")
    renamed = await program.post("/points/categories/1/rename", {"name": "fairs"}, "renamed")
    other = await program.post("/points/categories/2/rename", {"name": "fairs"}, "renamed")

    assert (opened.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == {"id": 5, "name": "quests", "retired": True}
    assert renamed.json()["name"] == "fairs"
    assert problem(other) == (409, "duplicate-transaction")


async def test_closed_books_take_nothing_and_can_be_read(api: Api, program: Program) -> None:
    await program.award(ADA, 5)
    await api.points.write(_close)

    answer = await program.award(ADA, 5)

    assert problem(answer) == (503, "books-closed")
    assert (await program.get("/points/balance", user_id=ADA)).json()["current"] == 5
    await api.points.write(clients.revoke, operator(), program.client.number)
    assert problem(await program.get("/points/client")) == (401, "unauthorized")


def _close(tx: Connection) -> None:
    tx.execute(update(LedgerHead).values(closed_because="a test closed them"))
