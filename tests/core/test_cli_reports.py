"""The command line's reports: as text, as JSON, as a picture."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from typer.testing import CliRunner

from points_core.cli import app

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(autouse=True)
def clock(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("POINTS_DATABASE_URL", database_url)
    with time_machine.travel(NOON, tick=False):
        yield


def points(*arguments: str, code: int = 0) -> tuple[str, str]:
    """Type a command that ends with `code`, and return what it says, and what it says aside."""
    ran = CliRunner().invoke(app, list(arguments))
    assert ran.exit_code == code, (ran.stdout, ran.stderr, ran.exception)
    return str(ran.stdout), str(ran.stderr)


def awarded() -> None:
    points("award", "ada", "10", "planted trees", "--category", "events")
    points("award", "bo", "7", "carried soil")
    points("undo", "2", "it was somebody else")


def test_each_report_is_told_in_words() -> None:
    awarded()

    summary, _ = points("report", "summary")
    assert summary.startswith("2026-03-01 to 2026-03-31 (UTC)\n3 transactions: 17 points awarded in 2, ")
    assert "-7 by 1 reversals\nNet: +10 points\n" in summary
    assert "  events: +10 (10 awarded, 0 deducted), members: 1\n" in summary
    assert "  Wednesday: +10 (17 awarded, 0 deducted, -7 reversed)\n" in summary
    activity, _ = points("report", "activity", "--from", "2026-03-17", "--to", "2026-03-18")
    assert "  17 Mar 2026: +0 (0 awarded, 0 deducted), members: 0, givers: 0\n" in activity
    member, _ = points("report", "member", "--member", "ada", "--window", "all")
    assert "ada: 10 points now, rank 1 of 1\n" in member
    transactions, _ = points("report", "transactions", "--member", "bo", "--kind", "reversal")
    assert "Points in one: median 7, 90th percentile 7, most 7" in transactions
    assert "#3 2026-03-18 12:00 reversal -7" in transactions
    givers, _ = points("report", "givers")
    assert "0 points in 0 awards that stand, by people; 10 by others" in givers
    assert "Never recognised: 1 of 2 known members\n  bo\n" in givers


@pytest.mark.parametrize("kind", ["summary", "activity", "givers", "transactions"])
def test_each_report_is_json_for_scripts(kind: str) -> None:
    awarded()

    found: dict[str, Any] = json.loads(points("report", kind, "--json")[0])

    assert found["during"]["name"] == "month"
    assert found["during"]["window"]["first"] == "2026-03-01"


def test_a_picture_is_written_where_there_is_something_to_draw(tmp_path: Path) -> None:
    awarded()

    points("report", "summary", "--chart", str(tmp_path / "march.png"))
    _, aside = points("report", "summary", "--window", "last-year", "--chart", str(tmp_path / "old.png"))
    _, told = points("report", "summary", "--chart", str(tmp_path / "no" / "where.png"), code=1)

    assert (tmp_path / "march.png").read_bytes().startswith(PNG)
    assert "nothing to draw" in aside
    assert not (tmp_path / "old.png").exists()
    assert "could not be written" in told


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", "member"),
        ("report", "summary", "--category", "events"),
        ("report", "givers", "--member", "ada"),
        ("report", "member", "--member", "ada", "--giver", "bo"),
        ("report", "summary", "--every", "day"),
        ("report", "everything"),
    ],
)
def test_options_that_would_do_nothing_are_wrong_usage(arguments: tuple[str, ...]) -> None:
    points(*arguments, code=2)


def test_somebody_unknown_and_days_the_wrong_way_round_are_refused() -> None:
    assert "Nothing is kept about zoe here." in points("report", "member", "--member", "zoe", code=1)[1]
    points("report", "summary", "--from", "2026-03-02", "--to", "2026-03-01", code=1)
