"""What a program is told of levels and badges, and that a program's awards are settled without a bot."""

from datetime import UTC, datetime
from typing import Any

from points_core import achievements, policy
from points_core.achievements import DISTINGUISHED_MEMBERS, Clerk, badges
from points_core.achievements.goals import FirstAward
from points_core.achievements.goals import Points as PointsGoal
from points_core.database import Points
from points_core.programme import Programme
from tests.http.conftest import ADA, Program, operator, served


async def with_levels_and_badges(points: Points) -> None:
    programme = Programme(levels=DISTINGUISHED_MEMBERS)
    await points.write(policy.change, operator(), programme=programme)
    await points.write(badges.add, operator(), name="First", goal=FirstAward())
    await points.write(badges.add, operator(), name="Collector", goal=PointsGoal(steps=(10, 50)))
    await points.write(badges.add, operator(), name="Secret", goal=PointsGoal(steps=(99,)), hidden=True)


async def balance(program: Program, **query: Any) -> dict[str, Any]:
    answer = await program.get("/points/balance", user_id=ADA, **query)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_a_balance_says_level_and_badges(points: Points, program: Program) -> None:
    await with_levels_and_badges(points)
    await program.award(ADA, 30)
    await achievements.settled(points, datetime.now(UTC))

    found = await balance(program)

    assert found["level"] == {
        "number": 1,
        "name": "Member",
        "since": 10,
        "next_name": "Contributor",
        "next_at": 100,
        "missing": 70,
    }
    held = found["achievements"]["held"]
    assert [(b["name"], b["step"], b["steps"], b["have"], b["need"]) for b in held] == [
        ("Collector", 1, 2, 30, 50),
        ("First", 1, 1, None, None),
    ]
    assert (found["achievements"]["open"], found["achievements"]["revoked"]) == ([], [])


async def test_what_was_taken_back_says_why(points: Points, program: Program) -> None:
    await with_levels_and_badges(points)
    await program.award(ADA, 5)
    await achievements.settled(points, datetime.now(UTC))
    await program.post("/points/transactions/1/reverse", {"reason": "a mistake"})
    await achievements.settled(points, datetime.now(UTC))

    found = (await balance(program))["achievements"]

    assert [(b["name"], b["have"], b["need"]) for b in found["open"]] == [
        ("First", 0, 1),
        ("Collector", 0, 10),
    ]
    assert [(r["name"], r["because"]) for r in found["revoked"]] == [("First", "#2 took back #1")]


async def test_where_there_are_no_levels_there_is_none(program: Program) -> None:
    found = await balance(program)

    assert (found["level"], found["achievements"]) == (None, {"held": [], "open": [], "revoked": []})


async def test_a_level_as_of_a_date_is_what_was_earned_by_then(points: Points, program: Program) -> None:
    await with_levels_and_badges(points)
    await program.award(ADA, 30, effective_at="2026-01-10T12:00:00Z")

    found = await balance(program, as_of="2026-02-01T00:00:00Z", corrected="true")

    assert (found["level"]["name"], found["achievements"]) == ("Member", None)


async def test_the_clerk_settles_what_a_program_wrote(points: Points) -> None:
    await with_levels_and_badges(points)
    clerk = Clerk(points, lambda: datetime.now(UTC))
    async with served(points, after_write=clerk.wake) as api:
        program = await api.program()
        await program.award(ADA, 30)
        await clerk.idle()
        found = await balance(program)

    assert [b["name"] for b in found["achievements"]["held"]] == ["Collector", "First"]


async def test_badges_and_who_holds_them_are_exported(points: Points, program: Program) -> None:
    await with_levels_and_badges(points)
    await program.award(ADA, 30)
    await achievements.settled(points, datetime.now(UTC))

    made = (await program.get("/points/export/badges")).text.splitlines()
    held = (await program.get("/points/export/holdings")).text.splitlines()

    assert [line.split(",")[1] for line in made] == ["name", "First", "Collector", "Secret"]
    assert [line.split(",")[:2] for line in held] == [["badge", "user_id"], ["1", ADA], ["2", ADA]]
