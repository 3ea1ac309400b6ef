"""The command line's programme: expiry, decay and streaks switched on, looked at, carried out."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from typer.testing import CliRunner

from points_core import active_days
from points_core.cli import app
from points_core.database import writer_engine
from points_core.settings import sync_url

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def clock(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[time_machine.Traveller]:
    monkeypatch.setenv("POINTS_DATABASE_URL", database_url)
    with time_machine.travel(NOON, tick=False) as coordinates:
        yield coordinates


def points(*arguments: str) -> str:
    """Type a command that has to succeed, and return what it says."""
    ran = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert ran.exit_code == 0, (ran.stdout, ran.stderr)
    return str(ran.stdout)


def told(*arguments: str) -> Any:
    return json.loads(points(*arguments, "--json"))


def test_points_expire_after_a_look_at_whose(clock: time_machine.Traveller) -> None:
    points("award", "ada", "10", "planted trees", "--category", "events")
    points("award", "bo", "7", "carried soil")

    looked = points("programme", "expiry", "30", "--dry-run")
    assert looked == (
        "2026-04-18: 17 points of 2 members\n"
        "until 2026-06-16: 17 of all 17 points, of 2 members\n"
        "  ada: 10 of 10\n"
        "  bo: 7 of 7\n"
    )
    assert points("programme", "show").startswith("Points do not expire.\n")

    assert points("programme", "expiry", "30").splitlines() == [
        "Expiry: other points after 30 days, told 7 days before, from 2026-03-26 on",
        "Points do not melt away.",
        "Streak freezes: 0 a month",
        "Check-ins: only where a rule gives something for them",
    ]
    points("programme", "expiry", "60", "--category", "events", "--notice-days", "0")
    assert points("programme", "run") == "default: expiry, 0 transactions\ndefault: notice, 0 transactions\n"
    assert "  7 kept until 2026-04-17\n" in points("balance", "bo")
    assert told("balance", "bo")["expiring"] == [{"last_day": "2026-04-17", "points": 7, "category": None}]

    clock.shift(31 * DAY)
    assert points("programme", "run") == "default: expiry, 1 transactions\ndefault: notice, 0 transactions\n"
    assert points("programme", "run") == "Nothing is due.\n"
    assert told("balance", "bo")["current"] == 0
    assert told("programme", "show")["expiry"][1]["category_id"] == 1
    points("programme", "expiry", "0")
    assert told("programme", "expiry", "0", "--category", "events")["expiry"] == []
    points("verify")


def test_points_of_inactive_members_melt_away(clock: time_machine.Traveller) -> None:
    points("award", "ada", "100", "planted trees")
    clock.shift(40 * DAY)

    looked = told("programme", "decay", "10", "--dry-run", "--keep", "50")
    assert (looked["first_day"], looked["points"], looked["members"]) == ("2026-05-04", 5, 1)
    assert "nobody would lose anything" in points(
        "programme", "decay", "10", "--inactive-days", "50", "--dry-run"
    )
    assert "nobody would lose anything" in points("programme", "decay", "0", "--dry-run")

    said = points("programme", "decay", "10", "--every", "month", "--keep", "50")
    assert "Decay: 10 % every month after 30 days without new points, never the last 50\n" in said
    assert points("programme", "run") == "Nothing is due.\n"
    clock.shift(7 * DAY)
    assert told("programme", "run") == [{"community": "default", "duty": "decay", "transactions": 1}]
    assert told("balance", "ada")["current"] == 95
    assert "Points do not melt away.\n" in points("programme", "decay", "0")


def test_streaks_stand_beside_a_balance(clock: time_machine.Traveller, database_url: str) -> None:
    points("award", "ada", "1", "planted trees")
    engine = writer_engine(sync_url(database_url))
    with engine.begin() as tx:
        for back in (0, 2):
            active_days.keep(tx, 1, 1, NOON.date().toordinal() - back, active_days.CHECK_IN)
    engine.dispose()

    assert "  1 days in a row (best: 1)\n" in points("balance", "ada")
    said = points("programme", "streaks", "--freezes", "2", "--check-ins")
    assert "Streak freezes: 2 a month\nCheck-ins: on\n" in said
    assert "  2 days in a row (best: 2), 1 frozen\n  1 weeks in a row (best: 1)\n" in points("balance", "ada")
    assert told("balance", "ada")["streaks"]["daily"]["frozen"] == 1
    assert "streaks" not in told("balance", "ada", "--as-of", "2026-03-18")
    assert "Check-ins: only" in points("programme", "streaks", "--no-check-ins")
