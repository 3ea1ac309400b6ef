"""`points export`, `points import`, `points batch`: what an operator types, what it says, which files it makes."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from points_core.cli import app
from tests.core.conftest import ADA, GRACE
from tests.core.test_backup import client_programs

__all__ = ["client_programs"]

Typed = Callable[..., str]


@pytest.fixture
def points(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Types `points …` in a folder of its own, and returns what it says."""
    monkeypatch.setenv("POINTS_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)

    def typed(*arguments: str, code: int = 0) -> str:
        ran = CliRunner().invoke(app, list(arguments))
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        assert ran.exit_code == code, ran.output
        return ran.output

    typed("award", ADA, "25", "Watered the roses", "--name", "Ada", "--category", "helping")
    typed("award", GRACE, "5", "Worked")
    return typed


def test_a_table_is_written_to_a_file_that_only_its_owner_reads(points: Typed) -> None:
    said = points("export", "transactions")

    file = Path("points-transactions-default.csv")
    assert said == f"2 rows in {file}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "Watered the roses" in file.read_text()
    assert list(Path().glob("*.part")) == []


def test_a_file_that_is_there_is_not_written_over_by_mistake(points: Typed) -> None:
    Path("mine.csv").write_text("precious")

    assert "is there already" in points("export", "balances", "--output", "mine.csv", code=2)
    assert Path("mine.csv").read_text() == "precious"
    points("export", "balances", "--output", "mine.csv", "--force")
    assert Path("mine.csv").read_text().startswith("user_id,")


def test_an_export_that_is_refused_leaves_no_file(points: Typed) -> None:
    for arguments, code in (
        (["transactions", "--category", "nonsense"], 1),
        (["balances", "--since", "2026-01-01"], 1),
        (["everything", "--format", "xlsx"], 1),
        (["everything", "--since", "2026-01-01"], 1),
        (["--category", "helping"], 1),
        (["nonsense"], 2),
        (["balances", "--output", "no/such/folder/file.csv"], 2),
    ):
        points("export", *arguments, code=code)
    assert list(Path().iterdir()) == []


def test_standard_output_gets_the_rows_and_nothing_else(points: Typed) -> None:
    ran = CliRunner().invoke(
        app, ["export", "transactions", "-f", "jsonl", "-o", "-", "--category", "helping"]
    )

    [line] = ran.stdout.splitlines()
    assert json.loads(line)["user_id"] == ADA
    assert ran.stderr == "1 rows in standard output\n"


def test_everything_is_a_zip_and_an_export_is_on_record(points: Typed) -> None:
    points("export")

    assert Path("points-everything-default.zip").stat().st_size > 0
    points("export", "audit", "--output", "audit.csv")
    assert "export.read,everything" in Path("audit.csv").read_text()


def test_a_file_is_tried_imported_recognised_and_undone(points: Typed) -> None:
    Path("list.csv").write_text(f"user_id,points\n{ADA},100\nnot an id,3\n")

    tried = points("import", "list.csv", "--dry-run")
    assert f"{ADA} Ada: 25 → 125" in tried
    assert "row 3 cannot be: The user_id must have" in tried
    assert "Would be: 1 transactions, +100 points" in tried
    assert "25 points" in points("balance", ADA)

    refused = points("import", "list.csv", code=1)
    assert "1 of 2 rows cannot be, so nothing was written" in refused
    assert "Batch 1: 1 transactions, +100 points" in points("import", "list.csv", "--partial")
    assert "125 points" in points("balance", ADA)
    assert "it is batch 1. Nothing was written." in points("import", "list.csv", "--partial")

    assert "takes back batch 1: 1 transactions" in points("batch", "undo", "1", "the wrong file")
    assert "25 points" in points("balance", ADA)
    assert "undone by batch 2" in points("batch", "list")
    assert "--again imports it anew" in points("import", "list.csv", "--partial")
    again = json.loads(points("import", "list.csv", "--partial", "--again", "--json"))
    assert (again["batch"]["number"], again["refused"][0]["row"]) == (3, 3)
    assert "The books are in order." in points("verify")


def test_what_cannot_be_undone_is_named(points: Typed) -> None:
    Path("list.csv").write_text(f"user_id,points\n{ADA},100\n{GRACE},7\n")
    points("import", "list.csv")
    points("deduct", ADA, "90", "a prize")

    said = points("batch", "undo", "1", "the wrong file", code=1)
    assert "1 of 2 transactions cannot be taken back, so nothing was" in said
    assert "#3: That takes 100 points; the balance is 35." in said
    undone = points("batch", "undo", "1", "the wrong file", "--partial")
    assert "takes back batch 1: 1 transactions" in undone
    assert "#3 stays: That takes 100 points" in undone
    points("batch", "undo", "1", "once more", code=1)
    points("batch", "undo", "9", "no such batch", code=1)


def test_a_file_that_cannot_be_read_says_why(points: Typed) -> None:
    Path("bad.csv").write_bytes(b"user_id,points\n1,2\n\xff,3\n")

    assert "Row 3: it is not UTF-8" in points("import", "bad.csv", code=1)
    assert "cannot be read" in points("import", "nowhere.csv", code=2)


def test_a_community_moves_to_another_by_its_files(points: Typed) -> None:
    points("export", "transactions", "--output", "all.csv")
    points("import", "all.csv", "--community", "elsewhere", "--add-categories")

    for community in ("default", "elsewhere"):
        points("export", "balances", "-c", community, "-o", f"{community}.jsonl", "-f", "jsonl")
    here, there = (
        [json.loads(line) for line in Path(f"{c}.jsonl").read_text().splitlines()]
        for c in ("default", "elsewhere")
    )
    for balances in (here, there):
        for balance in balances:
            del balance["updated_at"]
    assert here == there
