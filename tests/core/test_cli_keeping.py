"""`points backup`, `points restore`, `points verify`: what an operator types, and what it says."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text
from typer.testing import CliRunner

from points_core.cli import app
from tests.core.conftest import ADA, GRACE
from tests.core.test_backup import client_programs

__all__ = ["client_programs"]

Typed = Callable[..., str]


@pytest.fixture
def points(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types `points …`, and returns what it says."""
    monkeypatch.setenv("POINTS_DATABASE_URL", database_url)
    monkeypatch.setenv("POINTS_BACKUP_DIRECTORY", str(tmp_path / "backups"))

    def typed(*arguments: str, code: int = 0, answer: str | None = None) -> str:
        ran = CliRunner().invoke(app, list(arguments), input=answer)
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        assert ran.exit_code == code, ran.output
        return ran.output

    typed("award", ADA, "25", "Watered the roses", "--name", "Ada")
    typed("award", GRACE, "5", "Worked")
    return typed


def spoil(database_url: str, statement: str) -> None:
    engine = create_engine(make_url(database_url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(statement))


def made(said: str) -> str:
    return said.split(": ", maxsplit=1)[0]


def test_a_backup_is_made_and_gone_back_to(points: Typed, tmp_path: Path) -> None:
    said = points("backup", "--second", str(tmp_path / "second"))
    assert "2 transactions in 1 communities" in said
    assert "verified" in said
    assert str(tmp_path / "second") in said
    points("award", ADA, "10", "More")

    looked = points("restore", made(said), "--dry-run")
    assert "default: #3 → #2, 1 balances change" in looked
    assert "Ada: 35 → 25 (-10)" in looked
    assert "35 points" in points("balance", ADA)
    points("restore", made(said), code=1, answer="n\n")
    assert "35 points" in points("balance", ADA)

    restored = points("restore", made(said), answer="y\n")
    assert "The books are as they were in the backup." in restored
    assert "Those of before are kept" in restored
    assert "25 points" in points("balance", ADA)
    assert "in order" in points("verify")


def test_a_damaged_backup_is_refused_in_words(points: Typed) -> None:
    file = Path(made(points("backup")))
    file.write_bytes(file.read_bytes()[:-1])

    assert "its manifest says" in points("restore", str(file), "--yes", code=1)


def test_going_behind_a_later_backup_takes_force(points: Typed, tmp_path: Path) -> None:
    early = made(points("backup", str(tmp_path / "early")))
    points("award", ADA, "10", "More")
    points("backup")

    assert "--force" in points("restore", early, "--yes", code=1)
    done = json.loads(points("restore", early, "--yes", "--force", "--json"))
    assert done["plan"]["behind"][0]["anchor"] == 3
    assert "25 points" in points("balance", ADA)


def test_a_manifest_and_a_line_of_the_log_channel_can_be_compared_with(points: Typed) -> None:
    file = made(points("backup"))
    hash_of_2 = json.loads(Path(file + ".json").read_text())["communities"]["default"]["hash"]

    assert "in order" in points("verify", "--manifest", file + ".json", "--anchor", f"2:{hash_of_2}")
    assert "rewritten" in points("verify", "--anchor", f"2:{'0' * 64}", code=1)
    for wrong in ("2", "2:00", f"x:{hash_of_2}", f"0:{hash_of_2}", f"{10**19}:{hash_of_2}"):
        assert "NUMBER:HASH" in points("verify", "--anchor", wrong, code=1)


def test_broken_books_are_closed_and_opened_again(points: Typed, database_url: str) -> None:
    spoil(database_url, "UPDATE point_scores SET points = points + 1 WHERE points = 25 AND span = 5")
    assert "BROKEN in default: scores equal the transactions" in points("verify", code=1)
    closed = points("award", ADA, "1", "More", code=2)
    assert "points verify --reopen default" in closed
    assert "closed" in points("doctor", code=1)
    assert "BROKEN" in points("verify", "--reopen", "default", code=1)

    spoil(database_url, "UPDATE point_scores SET points = 25 WHERE points = 26")
    assert "The books of default are open again." in points("verify", "--reopen", "default")
    points("award", ADA, "1", "More")
    assert "in order" in points("verify", "--incremental")
