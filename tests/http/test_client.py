"""A client that knows nothing but the served description can do everything with it."""

from typing import Any

import httpx
import jsonschema
from jsonschema.validators import Draft202012Validator

from points_core.clients import Scope
from tests.http.conftest import ADA, GRACE, MOD, Api, new_key


class Described:
    """A client made from an OpenAPI description: each operation by its id, each argument where it belongs.

    It refuses to send what the description does not allow and to take what it does not announce.
    """

    def __init__(self, http: httpx.AsyncClient, description: dict[str, Any], token: str) -> None:
        self._http = http
        self._all = description
        self._token = token
        self.called: set[str] = set()
        self.operations = {
            operation["operationId"]: (method, path, operation)
            for path, operations in description["paths"].items()
            for method, operation in operations.items()
        }

    async def __call__(self, name: str, body: object = None, **given: Any) -> Any:
        """Call an operation; `Idempotency_Key` stands for the header of that name."""
        method, path, operation = self.operations[name]
        self.called.add(name)
        query: dict[str, Any] = {}
        headers: dict[str, str] = {}
        for parameter in operation.get("parameters", []):
            value = given.pop(parameter["name"].replace("-", "_"), None)
            if value is None and parameter["in"] == "header" and parameter.get("required"):
                value = new_key()
            if value is None:
                assert not parameter.get("required"), parameter["name"]
                continue
            self._check(value, parameter["schema"])
            if parameter["in"] == "path":
                path = path.replace("{" + parameter["name"] + "}", str(value))
            else:
                (query if parameter["in"] == "query" else headers)[parameter["name"]] = str(value)
        assert not given, f"{name} does not take {given}"
        if operation.get("security"):
            scheme = self._all["components"]["securitySchemes"][next(iter(operation["security"][0]))]
            assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
            headers["Authorization"] = f"Bearer {self._token}"
        if body is not None:
            self._check(body, operation["requestBody"]["content"]["application/json"]["schema"])
        answer = await self._http.request(method, path, params=query, headers=headers, json=body)
        return self._taken(operation, answer)

    def _taken(self, operation: dict[str, Any], answer: httpx.Response) -> Any:
        announced = operation["responses"][str(answer.status_code)]
        media_type = answer.headers["content-type"].partition(";")[0]
        content = announced["content"][media_type]
        if not media_type.endswith("json"):
            return answer.text
        self._check(answer.json(), content["schema"])
        return answer.json()

    def _check(self, value: object, schema: dict[str, Any]) -> None:
        whole = {**schema, "components": self._all["components"]}
        Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(value)


async def test_a_client_made_from_the_description_does_everything(api: Api) -> None:
    description = (await api.http.get("/openapi.json")).json()
    call = Described(api.http, description, (await api.program()).token)
    desk = Described(api.http, description, (await api.program(Scope.APPROVE, Scope.READ)).token)

    mine = await call("get_client")
    assert set(mine["scopes"]) == set(Scope)
    category = await call("open_category", {"name": "quests"})
    key = new_key()
    asked = {"user_id": ADA, "amount": 10, "reason": "a review", "category": "quests", "name": "Ada"}
    award = await call("award_points", asked, Idempotency_Key=key)
    assert await call("award_points", asked, Idempotency_Key=key) == award
    other = await call("award_points", {**asked, "amount": 11}, Idempotency_Key=key)
    assert (other["status"], other["type"]) == (409, "/problems/duplicate-transaction")
    assert (await call("deduct_points", {"user_id": ADA, "amount": 4, "reason": "a mug"}))["after"] == 6
    rows = [{"user_id": GRACE, "amount": amount, "reason": "quiz"} for amount in (3, 5_000)]
    batch = await call("award_batch", {"rows": rows})
    assert [row["status"] for row in batch["rows"]] == [201, 422]
    waiting = await call("award_points", {"user_id": GRACE, "amount": 500, "reason": "the talk"})
    assert (await call("list_requests"))["requests"] == [waiting]
    decided = await desk("decide_request", {"approve": True, "on_behalf_of": MOD}, number=waiting["number"])
    assert (await call("get_request", number=waiting["number"])) == decided
    taken_back = await call("reverse_transaction", {"reason": "wrong"}, number=decided["transaction"])
    assert await call("get_transaction", number=taken_back["number"]) | {"season": None} == taken_back
    again = await call("award_points", {"user_id": GRACE, "amount": 600, "reason": "the talk"})
    assert (await call("cancel_request", number=again["number"]))["state"] == "cancelled"
    balance = await call("get_balance", user_id=ADA)
    assert (balance["current"], balance["earned"], balance["spent"]) == (6, 10, 4)
    board = await call("get_leaderboard", window="month", limit=1, statistics=True, around=GRACE)
    assert [line["user_id"] for line in board["standings"]] == [ADA]
    rest = await call("get_leaderboard", window="month", cursor=board["next"])
    assert [line["user_id"] for line in rest["standings"]] == [GRACE]
    history = await call("get_history", after=0)
    assert [each["number"] for each in history["transactions"]] == [1, 2, 3, 4, 5]
    assert (await call("rename_category", {"name": "errands"}, number=category["id"]))["name"] == "errands"
    await call("retire_category", number=category["id"])
    assert (await call("list_categories"))["categories"][-1]["retired"] is True
    assert (await call("export_table", table="transactions")).count("\r\n") == 6
    assert (await call("report_event", {"event": "quiz.won", "user_id": ADA}))["outcomes"] == []  # no rule
    hook = await call("add_webhook", {"url": "https://hooks.example.org/points"})
    assert hook["secret"].startswith("whsec_")
    assert [each["number"] for each in (await call("list_webhooks"))["webhooks"]] == [hook["number"]]
    await call("award_points", {"user_id": ADA, "amount": 1, "reason": "told"})
    (delivery,) = (await call("list_deliveries", webhook=hook["number"]))["deliveries"]
    assert (await call("replay_delivery", number=delivery["id"]))["state"] == "waiting"
    assert (await call("remove_webhook", number=hook["number"]))["removed_at"] is not None
    for name in ("healthz", "readyz", "metrics", "problem_types"):
        await call(name)
    await call("problem_type", slug="unauthorized")

    assert call.called | desk.called == set(call.operations)
