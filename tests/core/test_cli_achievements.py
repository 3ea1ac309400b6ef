"""The command line's levels and badges."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from points_core.cli import app


@pytest.fixture(autouse=True)
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POINTS_DATABASE_URL", database_url)


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


def test_the_ready_made_programme_is_switched_on_in_one_step() -> None:
    points("award", "ada", "60", "planted trees")
    points("award", "ada", "60", "watered them")

    said = points("programme", "preset")

    assert said == (
        "1. Member: from 10 points; 0 members\n"
        "2. Contributor: from 100 points; 1 members\n"
        "3. Distinguished: from 500 points; 0 members\n"
        "4. Fellow: from 2000 points; 0 members\n"
        "1 rise, 0 fall.\n"
        "  ada (120 points): level 0 to 2\n"
    )
    assert points("achievements", "ada") == "ada: Contributor; 380 points to Distinguished\n"


def test_a_preview_says_who_would_move_and_changes_nothing() -> None:
    points("award", "ada", "60", "planted trees")

    seen = points("programme", "preview", "Seed=5@701", "Tree=50@702", "--stack")

    assert "  role 701 for 1 more\n  role 702 for 1 more\n" in seen
    assert points("programme", "levels") == "There are no levels.\n"


def test_levels_are_set_by_hand_by_curve_and_switched_off() -> None:
    by_hand = points("programme", "levels", "Big Seed=5", "Tree=50@702", "--keep-roles")
    curve = told("programme", "levels", "--curve", "quadratic", "--count", "3", "--first", "10")
    off = points("programme", "levels", "--none")

    assert by_hand.startswith("1. Big Seed: from 5 points; 0 members\n2. Tree: from 50 points, role 702")
    assert [(level["name"], level["earned"]) for level in curve["levels"]] == [
        ("Level 1", 10),
        ("Level 2", 40),
        ("Level 3", 90),
    ]
    assert off == "There are no levels.\n"


@pytest.mark.parametrize(
    "wanted",
    [
        ["Tree"],
        ["Tree=50", "Seed=5"],
        ["Tree=5", "--none"],
        ["Tree=0"],
        [" =5"],
        [f"{'x' * 51}=5"],
        [f"Level {n}={n}" for n in range(1, 27)],
        ["--curve", "linear", "--count", "0"],
    ],
)
def test_levels_that_cannot_be_are_refused(wanted: list[str]) -> None:
    assert refused("programme", "levels", *wanted)
    assert points("programme", "levels") == "There are no levels.\n"


def test_a_badge_is_made_earned_shown_and_retired() -> None:
    made = points("badge", "add", "Helper", "points", "10", "50", "--category", "helping", "--role", "703")
    points("award", "ada", "20", "planted trees", "--category", "helping")

    assert made == "#1 Helper: earn 10 and 50 points in helping, role 703\n"
    assert points("badge", "list") == "#1 Helper: earn 10 and 50 points in helping, role 703; held by 1\n"
    assert "  Helper (1 of 2), " in points("achievements", "ada")
    assert ": 20 of 50 (earn 50 points in helping)" in points("achievements", "ada")
    assert points("badge", "retire", "1").endswith(", retired\n")
    assert told("badge", "list")[0]["goal"] == {"kind": "points", "category_id": 2, "steps": [10, 50]}


def test_a_badge_taken_back_says_why() -> None:
    points("badge", "preset", "first-steps")
    points("award", "ada", "20", "planted trees")
    points("undo", "1", "somebody else did")

    said = points("achievements", "ada")

    assert "  to be earned: First Steps: 0 of 1 (get a first award)\n" in said
    assert ": #2 took back #1" in said


def test_a_team_and_a_streak_have_details_of_their_own() -> None:
    team = points(
        "badge", "add", "Barn", "team", "500", "--each", "20", "--from", "2026-01-01", "--to", "2026-12-31"
    )
    weeks = points("badge", "add", "Loyal", "streak", "4", "12", "--unit", "week", "--hidden")

    assert team == (
        "#1 Barn: earn 500 points together from 2026-01-01 until 2026-12-31, with at least 20 of your own\n"
    )
    assert weeks == "#2 Loyal: do something that counts on 4 and 12 weeks in a row, hidden\n"


@pytest.mark.parametrize(
    "wanted",
    [
        ["wish", "1"],
        ["points"],
        ["points", "10", "5"],
        ["first-award", "--category", "helping"],
        ["streak", "7", "--unit", "month"],
        ["points", "10", "--each", "5"],
        ["points", "10", "--role-days", "0"],
    ],
    ids=" ".join,
)
def test_a_badge_that_cannot_be_is_refused(wanted: list[str]) -> None:
    assert refused("badge", "add", "Badge", *wanted)
    assert points("badge", "list") == "There are no badges yet.\n"


def test_a_preset_or_badge_nobody_knows_is_refused() -> None:
    assert "first-steps" in refused("badge", "preset", "last-steps")
    assert refused("badge", "retire", "7") == "There is no badge #7.\n"


def test_what_a_member_achieved_can_be_had_as_json() -> None:
    points("programme", "preset")
    points("badge", "preset", "first-steps")
    points("award", "ada", "20", "planted trees")

    found = told("achievements", "ada")

    assert (found["level"]["name"], found["held"][0]["name"]) == ("Member", "First Steps")


def test_a_kind_of_badge_that_does_not_exist_is_refused_with_those_that_do() -> None:
    words = refused("badge", "add", "Here", "days", "3")

    assert words.startswith("The kind cannot be 'days': it has to be one of first-award, points, ")
