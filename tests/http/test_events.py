"""Programs tell rules what they saw; rules decide, once for a key."""

from points_core import history, rules
from points_core.clients import Scope
from points_core.rules.definition import Definition, Limits, OnApiEvent
from points_core.values import Mode
from tests.http.conftest import ADA, GRACE, TOWN, Api, Program, new_key, operator
from tests.http.test_movements import problem


async def quiz(api: Api, **changes: object) -> None:
    """Have a live rule that gives ten points for winning a quiz."""
    given = {"trigger": OnApiEvent(event="quiz.won"), "amount": 10, "reason": "Won a quiz"} | changes
    view = await api.points.write(
        rules.create, operator(), name="Quiz", definition=Definition.model_validate(given)
    )
    await api.points.write(rules.set_mode, operator(), view.rule.number, Mode.LIVE)


async def test_an_event_that_a_rule_waits_for_moves_points(api: Api, program: Program) -> None:
    await quiz(api, limits=Limits(member_day=15))

    first = await program.post("/points/events", {"event": "quiz.won", "user_id": ADA, "name": "Ada"})
    second = await program.post("/points/events", {"event": "quiz.won", "user_id": ADA})
    third = await program.post("/points/events", {"event": "quiz.won", "user_id": ADA})

    assert first.status_code == 200
    (outcome,) = first.json()["outcomes"]
    assert (outcome["result"], outcome["amount"], outcome["rule"]["name"]) == ("given", 10, "Quiz")
    assert (outcome["transaction"]["number"], outcome["transaction"]["name"]) == (1, "Ada")
    assert [(o["amount"], o["limit"]) for o in second.json()["outcomes"]] == [(5, "member_day")]
    (refused,) = third.json()["outcomes"]
    assert (refused["result"], refused["transaction"], refused["until"][:4]) == ("capped", None, "2026")
    assert (await api.points.read(history.balance, TOWN, ADA)).current == 15


async def test_an_event_that_no_rule_waits_for_does_nothing(api: Api, program: Program) -> None:
    await quiz(api)
    answer = await program.post("/points/events", {"event": "quiz.lost", "user_id": ADA})
    assert (answer.status_code, answer.json()) == (200, {"outcomes": []})


async def test_a_key_is_acted_on_once_and_stands_for_one_event(api: Api, program: Program) -> None:
    await quiz(api)
    key = new_key()
    first = await program.post("/points/events", {"event": "quiz.won", "user_id": ADA}, key)
    again = await program.post("/points/events", {"event": "quiz.won", "user_id": ADA}, key)
    other = await program.post("/points/events", {"event": "quiz.won", "user_id": GRACE}, key)

    assert again.json() == first.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    assert problem(other)[0] == 409
    assert (await api.points.read(history.balance, TOWN, GRACE)).current == 0


async def test_an_event_needs_the_right_to_award_and_a_proper_name(api: Api, program: Program) -> None:
    reader = await api.program(Scope.READ)
    event = {"event": "quiz.won", "user_id": ADA}
    assert problem(await reader.post("/points/events", event))[0] == 403
    for wrong in ({"event": "Quiz won"}, {"amount": 5}, {"at": "yesterday"}):
        assert problem(await program.post("/points/events", event | wrong))[0] == 422
