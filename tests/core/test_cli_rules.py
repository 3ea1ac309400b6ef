"""The command line's rules: made, changed, switched, tried, taken back."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine
from typer.testing import CliRunner

from points_core import rules
from points_core.cli import app
from points_core.database import writer_engine
from points_core.rules import Fact, On
from points_core.settings import sync_url
from points_core.values import Actor, ActorKind, Origin
from tests.core.conftest import settings_for
from tests.core.test_cli_programme import points, told

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("POINTS_DATABASE_URL", database_url)
    with time_machine.travel(NOON, tick=False):
        yield


def refused(*arguments: str) -> str:
    ran = CliRunner().invoke(app, list(arguments))
    assert ran.exit_code == 1, (ran.stdout, ran.stderr)
    return str(ran.stderr)


def fire(url: str, *users: str) -> None:
    """Tell the rules that people wrote, one message each."""
    engine = writer_engine(sync_url(url)).execution_options(points_settings=settings_for(url))
    with engine.begin() as tx:
        for number, user in enumerate(users):
            fact = Fact(on=On.MESSAGE, key=f"message:{number}", at=NOON, user_id=user, name=user)
            community = settings_for(url).community
            rules.fire(tx, Origin(community, Actor(ActorKind.SYSTEM), NOON, fact.key), fact)
    engine.dispose()


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A file with a rule: three points for a message."""
    path = tmp_path / "talk.json"
    path.write_text(json.dumps({"trigger": {"on": "message"}, "amount": 3, "reason": "talked"}))
    return path


def test_a_rule_is_made_from_a_file_listed_switched_and_changed(talk: Path) -> None:
    made = points("rule", "create", "Talk", str(talk))
    assert made == "#1 Talk (draft): Whoever writes a message gets 3 points.\n"
    assert points("rule", "mode", "1", "live").startswith("#1 Talk (live)")
    assert points("rule", "list") == "#1 Talk (live): Whoever writes a message gets 3 points.\n"
    talk.write_text(talk.read_text().replace("3", "5"))
    assert (
        points("rule", "edit", "1", str(talk)) == "#1 Talk (live): Whoever writes a message gets 5 points.\n"
    )

    versions = told("rule", "history", "1")
    assert [(each["version"], each["mode"]) for each in versions] == [(3, "live"), (2, "live"), (1, "draft")]
    assert "2. 2026-03-18 12:00 live Talk: Whoever writes a message gets 3 points." in points(
        "rule", "history", "1"
    )
    assert "cannot be" in refused("rule", "mode", "1", "draft")
    points("rule", "mode", "1", "retired")
    assert points("rule", "list") == "There are no rules.\n"
    assert [each["mode"] for each in told("rule", "list", "--retired")] == ["retired"]


def test_a_rule_is_made_from_a_recipe_and_says_what_it_needs() -> None:
    assert "anniversary" in points("rule", "recipes")
    assert len(told("rule", "recipes")) == 9
    made = points("rule", "create", "Years", "--recipe", "anniversary")
    assert made.endswith("gets 50 points. [needs the intent members]\n")
    assert "one of messages, reactions" in refused("rule", "create", "x", "--recipe", "nothing")
    assert "a file, or a recipe" in refused("rule", "create", "x")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"trigger": {"on": "message"}, "amount": 0, "reason": "x"}', "[" * 99_999]
)
def test_a_file_that_is_no_definition_is_refused(talk: Path, text: str) -> None:
    talk.write_text(text)
    refused("rule", "create", "Talk", str(talk))
    assert points("rule", "list") == "There are no rules.\n"


def test_what_a_rule_gave_is_shown_tried_explained_and_taken_back(talk: Path, database_url: str) -> None:
    points("rule", "create", "Talk", str(talk), "--mode", "live")
    fire(database_url, "ada", "bo", "ada")

    assert "It gave 9 points in 3 times to 2 members." in points("rule", "show", "1")
    shown = told("rule", "show", "1")
    assert (shown["given"]["points"], shown["definition"]["amount"]) == (9, 3)
    tried = points("rule", "try", "1")
    assert tried.splitlines() == [
        "9 points to 2 members in 3 times.",
        "Its conditions were met 3 of 3 times.",
        "The top tenth would have 67% of the points (Gini 0.17).",
        "  ada: 6",
        "  bo: 3",
    ]
    assert told("rule", "try", "1")["gini"] == 0.1667
    assert points("rule", "why", "1").splitlines()[1] == (
        "  #1 Talk: given 3 – Whoever writes a message gets 3 points."
    )
    assert told("rule", "why", "1")["rules"][0]["result"] == "given"

    undone = points("rule", "undo", "1", "was wrong", "--since", "2026-03-18", "--until", "2026-03-18")
    assert undone == "Batch 1: -9 points of 2 members.\nRequests cancelled: 0, days: 0, roles: 0.\n"
    assert told("rule", "undo", "1", "again") == {
        "batch": None,
        "requests": [],
        "days": 0,
        "roles": 0,
        "streaks": None,
        "refused": 0,
        "beside": {"asked": [], "capped": [], "decayed": False},
    }
    assert points("rule", "why", "9").startswith("No rule gave #9")
    assert (
        "rule #9" in refused("rule", "show", "9").lower() or "rule 9" in refused("rule", "show", "9").lower()
    )
