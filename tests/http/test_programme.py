"""What a program is told of streaks, and of points that expire soon."""

from datetime import UTC, datetime

from points_core import active_days, expiry, policy
from points_core.database import Points
from tests.http.conftest import ADA, Program, operator


async def test_a_balance_says_streaks_and_what_expires_soon(points: Points, program: Program) -> None:
    await program.award(ADA, 30, category="events")
    today = datetime.now(UTC).date()
    for back in (0, 2):
        await points.write(active_days.keep, 1, 1, today.toordinal() - back, active_days.CHECK_IN)
    await points.write(policy.amend, operator(), streak_freezes=31)
    await points.write(expiry.keep_for, operator(), days=10)

    found = (await program.get("/points/balance", user_id=ADA)).json()
    then = (await program.get("/points/balance", user_id=ADA, as_of="2026-01-01T00:00:00Z")).json()

    daily = found["streaks"]["daily"]
    assert (daily["current"], daily["frozen"], daily["done"]) == (2, 1, True)
    assert daily["last_day"] == today.isoformat()
    assert [(each["points"], each["category"]) for each in found["expiring"]] == [(30, "events")]
    assert (then["streaks"], then["expiring"]) == (None, [])


async def test_who_was_never_seen_has_neither(program: Program) -> None:
    found = (await program.get("/points/balance", user_id="4242")).json()

    assert found["streaks"]["weekly"] == {
        "current": 0,
        "best": 0,
        "last_day": None,
        "frozen": 0,
        "freezes_left": 0,
        "done": False,
    }
    assert found["expiring"] == []
