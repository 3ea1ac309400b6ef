"""`points privacy …`: what an operator does for a member who asks."""

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from points_core.cli import app
from tests.core.conftest import GRACE

MIA = "81384788765712384"

Typed = Callable[..., str]


@pytest.fixture
def points(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types `points …`, and returns what it says."""
    monkeypatch.setenv("POINTS_DATABASE_URL", database_url)

    def typed(*arguments: str, code: int = 0, warning: str | None = None) -> str:
        ran = CliRunner().invoke(app, list(arguments))
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        assert ran.exit_code == code, ran.output
        assert warning is None or (warning in ran.stderr if warning else not ran.stderr), ran.stderr
        return ran.stderr if code else ran.stdout

    typed("award", MIA, "25", "Watered the roses", "--name", "Mia")
    typed("award", GRACE, "5", f"Worked with <@{MIA}>")
    return typed


def test_a_copy_is_handed_out_as_text_or_json(points: Typed) -> None:
    assert "Watered the roses" in points("privacy", "export", MIA)
    document = json.loads(points("privacy", "export", MIA, "--json"))
    assert (document["user_id"], document["current"]) == (MIA, 25)
    assert "Nothing is kept about 77" in points("privacy", "export", "77", code=1)


def test_a_member_is_erased_after_the_days_to_think_or_at_once(points: Typed, database_url: str) -> None:
    assert "until then `points privacy cancel`" in points("privacy", "erase", MIA)
    assert points("privacy", "due") == "Nobody is due.\n"
    assert json.loads(points("privacy", "due", "--json")) == []

    assert "is erased" in points("privacy", "erase", MIA, "--now")

    assert "Nothing is kept" in points("privacy", "export", MIA, code=1)
    assert "(erased)" in points("leaderboard")
    assert "Worked with" not in points("history")
    assert points("verify").startswith("The books are in order")
    if database_url.startswith("sqlite"):
        file = Path(str(make_url(database_url).database))
        kept = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
        assert MIA.encode() not in kept
        assert b"roses" not in kept


def test_traces_that_a_reader_keeps_in_the_file_are_said_and_removed_later(
    points: Typed, database_url: str
) -> None:
    if not database_url.startswith("sqlite"):
        pytest.skip("about an SQLite file")
    file = Path(str(make_url(database_url).database))
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM members").fetchone()
        points("privacy", "erase", MIA, "--now", warning="Traces are left")
        points("privacy", "due", warning="Traces are left")

    points("privacy", "due", warning="")
    assert b"roses" not in file.read_bytes()


def test_an_erasure_is_taken_back(points: Typed) -> None:
    points("privacy", "erase", MIA, "--json")
    assert points("privacy", "cancel", MIA) == f"{MIA} will not be erased.\n"
    assert "No wish of" in points("privacy", "cancel", MIA, code=1)
    assert points("privacy", "due") == "Nobody is due.\n"


def test_a_member_is_hidden_and_shown_again(points: Typed) -> None:
    assert points("privacy", "hide", MIA) == f"{MIA} is hidden.\n"
    assert points("privacy", "hide", MIA) == f"{MIA} was hidden before.\n"
    assert points("privacy", "untrack", MIA) == f"Rules take no notice of {MIA}.\n"
    assert points("privacy", "untrack", MIA) == f"Rules took no notice of {MIA} before.\n"
    assert points("privacy", "track", MIA) == f"Rules notice {MIA} again.\n"
    assert points("privacy", "track", MIA) == f"Rules noticed {MIA} before.\n"
    assert "(hidden)" in points("leaderboard")
    assert "Mia" not in points("leaderboard", "--json")

    assert points("privacy", "show", MIA) == f"{MIA} is shown again.\n"
    assert points("privacy", "show", MIA) == f"{MIA} was not hidden.\n"
    assert "Mia" in points("leaderboard")


def test_a_key_typed_at_the_command_line_is_kept_as_a_digest(points: Typed, database_url: str) -> None:
    points("award", MIA, "1", "Once", "--key", f"bonus-{MIA}")
    assert "nothing new was written" in points("award", MIA, "1", "Once", "--key", f"bonus-{MIA}")
    assert "That key was used before" in points("award", MIA, "2", "Once", "--key", f"bonus-{MIA}", code=1)

    points("privacy", "erase", MIA, "--now")

    if database_url.startswith("sqlite"):
        assert MIA.encode() not in Path(str(make_url(database_url).database)).read_bytes()
