"""The command line's boards of days, dates and seasons, and its seasons."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from typer.testing import CliRunner

from points_core.api import award_points, get_balance, get_leaderboard
from points_core.cli import app

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)


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


def refused(*arguments: str) -> str:
    ran = CliRunner().invoke(app, list(arguments))
    assert ran.exit_code == 1, ran.stdout
    return str(ran.stderr)


def told(*arguments: str) -> Any:
    return json.loads(points(*arguments, "--json"))


def test_a_season_begun_when_it_is_over_does_not_run(clock: time_machine.Traveller) -> None:
    said = points("season", "start", "Winter", "--from", "2026-01-01", "--to", "2026-01-31")

    assert said == "Winter: 2026-01-01 to 2026-01-31 (UTC), over, to be sealed\n"


def test_a_season_is_started_sealed_shown_and_corrected(clock: time_machine.Traveller) -> None:
    assert "Spring: 2026-03-18 to 2026-03-19 (UTC), running" in points(
        "season", "start", "Spring", "--to", "2026-03-19"
    )
    points("award", "ada", "10", "planted trees", "--category", "events")
    points("award", "bo", "7", "carried soil")
    clock.shift(timedelta(days=2))

    assert "sealed 2026-03-20" in points("season", "list")
    undone = points("undo", "1", "wrong person")
    assert "It is dated into the sealed season 'Spring', whose result stays." in undone
    shown = points("season", "show", "Spring")
    assert "1.           10 ada" in shown
    assert "Checksum " in shown
    assert "ada" not in points("season", "show", "Spring", "--corrected")
    assert told("leaderboard", "--season", "spring")["standings"][0]["user_id"] == "ada"
    assert told("leaderboard", "--season", "spring", "--corrected")["standings"][0]["user_id"] == "bo"
    assert [each["number"] for each in told("history", "--season", "Spring")["receipts"]] == [3, 2, 1]
    assert "There is no season 'Winter'; there are: Spring." in refused("leaderboard", "--season", "Winter")
    points("verify")


def test_a_season_ends_now(clock: time_machine.Traveller) -> None:
    points("season", "start", "Spring", "--from", "2026-03-01", "--to", "2026-03-31")
    points("award", "ada", "10", "planted trees", "--key", "a")
    clock.shift(60)

    assert "Spring: 2026-03-01 to 2026-03-18 (UTC), sealed" in points("season", "end", "Spring")
    assert told("season", "show", "Spring")["board"]["sealed"] is True
    assert "days of no other season" in refused(
        "season", "start", "Early", "--from", "2026-03-02", "--to", "2026-03-04"
    )


def test_boards_of_days_with_movements_and_balances_of_then(clock: time_machine.Traveller) -> None:
    points("award", "ada", "10", "planted trees")
    points("award", "bo", "7", "carried soil")
    clock.shift(timedelta(days=1))
    points("award", "bo", "5", "swept paths")
    points("award", "cy", "4", "made tea")
    points("undo", "1", "wrong person")

    days = points("leaderboard", "--from", "2026-03-19", "--to", "2026-03-19", "--compare")
    assert [line.split() for line in days.splitlines()] == [
        ["1.", "=", "5", "bo"],
        ["2.", "new", "4", "cy"],
    ]
    stood = told("leaderboard", "--as-of", "2026-03-19")
    corrected = told("leaderboard", "--as-of", "2026-03-19", "--corrected")
    assert [line["user_id"] for line in stood["standings"]] == ["ada", "bo"]
    assert [line["user_id"] for line in corrected["standings"]] == ["bo"]
    assert told("balance", "ada")["current"] == 0
    assert told("balance", "ada", "--as-of", "2026-03-19")["current"] == 10
    assert told("balance", "ada", "--as-of", "2026-03-19", "--corrected")["current"] == 0
    assert [each["number"] for each in told("history", "--as-of", "2026-03-19")["receipts"]] == [2, 1]
    assert "the only one of window, days and season" in refused(
        "leaderboard", "--window", "week", "--to", "2026-03-19"
    )


async def test_programs_ask_the_same(clock: time_machine.Traveller) -> None:
    await award_points(user_id="ada", amount=10, reason="planted trees")
    clock.shift(timedelta(days=1))
    await award_points(user_id="ada", amount=5, reason="carried soil")

    days = await get_leaderboard(first_day=NOON.date(), last_day=NOON.date(), compare=True)

    assert [(line.points, line.new) for line in days.standings] == [(10, True)]
    assert await get_balance(user_id="ada", as_of=NOON) == 10
