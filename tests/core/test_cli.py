"""The way in for operators: each command, what it says, how it ends."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import NullPool, create_engine, make_url
from typer.testing import CliRunner

from points_core import doctor, errors, migrations
from points_core.cli import app
from points_core.cli.words import WORDS, words
from points_core.errors import PointsError
from points_core.migrations import guards
from tests.core.conftest import ADA, GRACE, NOON

ROOT = Path(__file__).parents[2]


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return the one document on standard output."""
        return json.loads(self.out)


class Terminal:
    """Types `points …` at the host."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, *arguments: str) -> Ended:
        ran = CliRunner().invoke(app, list(arguments))
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        return Ended(ran.exit_code, ran.stdout, ran.stderr)

    def done(self, *arguments: str) -> str:
        """Type a command that has to succeed, and return what it says."""
        ended = self(*arguments)
        assert (ended.code, ended.err) == (0, ""), ended
        return ended.out

    def tampered(self, statement: str) -> None:
        """Run a statement as somebody would who opens the database with another program."""
        engine = create_engine(make_url(self.url), poolclass=NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)


@pytest.fixture
def points(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("POINTS_DATABASE_URL", database_url)
    return Terminal(database_url)


@pytest.fixture
def on_sqlite(points: Terminal) -> Terminal:
    if not points.url.startswith("sqlite"):
        pytest.skip("about an SQLite file")
    return points


def process(*arguments: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run `python -m points_core …` as a process of its own."""
    return subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-m", "points_core", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


# ── moving points ──


def test_an_award_says_its_number_and_the_balance_before_and_after(points: Terminal) -> None:
    said = points.done("award", ADA, "25", "Helped", "--category", "helping", "--name", "Ada")

    assert said == f"#1 award +25 for {ADA}: 0 → 25\n"
    assert points.done("deduct", ADA, "5", "Late") == f"#2 deduction -5 for {ADA}: 25 → 20\n"


def test_an_undo_is_linked_and_happens_once(points: Terminal) -> None:
    points.done("award", ADA, "25", "Helped")

    assert points.done("undo", "1", "Wrong person") == f"#2 reversal -25 for {ADA}: 25 → 0\n"
    again = points("undo", "1", "Wrong person")
    assert (again.code, again.out) == (1, "")
    assert again.err == "Transaction #1 was taken back before, by #2.\n"
    assert points("undo", "2", "No").err.startswith("Transaction #2 is itself a reversal")
    assert points("undo", "99", "No").err.startswith("There is no transaction #99")


def test_one_key_moves_points_once(points: Terminal) -> None:
    points.done("award", ADA, "25", "Helped", "--key", "job-1")

    assert "nothing new was written" in points.done("award", ADA, "25", "Helped", "--key", "job-1")
    assert points("award", ADA, "26", "Helped", "--key", "job-1").code == 1
    assert json.loads(points.done("balance", ADA, "--json"))["current"] == 25


def test_many_points_wait_and_the_command_says_so(points: Terminal) -> None:
    said = points.done("award", ADA, "500", "A big one")

    assert said.startswith(f"Request 1 for +500 to {ADA} is pending: 0 of 1 agreed, it expires 20")
    assert "request 1 waits: +500, A big one" in points.done("balance", ADA)


def test_a_community_is_named_or_the_environments(points: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    points.done("award", ADA, "5", "Helped", "--community", "town")
    monkeypatch.setenv("POINTS_COMMUNITY", "town")

    assert json.loads(points.done("balance", ADA, "--json"))["current"] == 5
    assert json.loads(points.done("balance", ADA, "-c", "village", "--json"))["current"] == 0


@pytest.mark.parametrize(
    "amount",
    [
        "1e3",
        "true",
        "１２",
        "1_000",
        "0",
        "-5",
        "+5",
        "05",
        "5.0",
        "",
        str(10**12 + 1),
        str(2**63),
        "9" * 5_000,
    ],
    ids=lambda amount: ascii(amount)[:20],
)
def test_what_is_no_amount_is_refused_in_a_sentence(points: Terminal, amount: str) -> None:
    refused = (
        points("award", ADA, "--", amount, "x")
        if amount.startswith("-")
        else points("award", ADA, amount, "x")
    )

    assert (refused.code, refused.out) == (1, "")
    assert "give a whole number from 1 to 1000000000000, in plain digits." in refused.err
    assert len(refused.err) < 200
    assert points.done("history") == ""


@pytest.mark.parametrize(
    "arguments,said",
    [
        (["award", ADA, "1001", "x"], "from 1 to 1000,"),
        (["award", ADA, "5", " "], "The reason must have 1 to 300 characters"),
        (["award", "two words", "5", "x"], "The user_id must have"),
        (["award", ADA, "5", "x", "--category", "sport"], "there are: events, helping, content, moderation."),
        (["award", ADA, "5", "x", "--evidence", "no link"], "The evidence must have"),
        (["award", ADA, "5", "x", "--key", "two words"], "The key must have"),
        (["award", ADA, "5", "x", "-c", "two words"], "The community must have"),
        (["deduct", ADA, "5", "x"], "That takes 5 points; the balance is 0."),
        (["history", "--since", "q3 2026"], "write it as 2026-01-31"),
        (["history", "--until", "0001-01-01"], "write it as 2026-01-31"),
        (["history", "--category", "sport"], "no category 'sport'"),
        (["leaderboard", "--as-of", "9999-12-31"], "write it as 2026-01-31"),
        (["leaderboard", "--category", "sport"], "no category 'sport'"),
        (["undo", str(10**30), "x"], f"no transaction #{10**30};"),
        (["balance", "Ada Lovelace"], "The user_id must have"),
        (["balance", "\udcff"], "The user_id must have"),
        (["history", "-c", "\udcff"], "The community must have"),
        (["leaderboard", "-c", "two words"], "The community must have"),
        (["verify", "-c", "typo"], "The community cannot be 'typo': it has to be one that has books."),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_a_refusal_is_one_sentence_on_standard_error(
    points: Terminal, arguments: list[str], said: str
) -> None:
    refused = points(*arguments)

    assert (refused.code, refused.out) == (1, "")
    assert said in refused.err
    assert refused.err.count("\n") == 1
    assert points.done("history") == ""


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["award"],
        ["award", ADA, "5"],
        ["award", ADA, "5", "x", "--resaon", "y"],
        ["award", ADA, "-5", "--resaon"],
        ["award", "-5", "5", "--resaon"],
        ["award", ADA, "5", "-x"],
        ["undo", "0", "x"],
        ["undo", "1e3", "x"],
        ["history", "--limit", "0"],
        ["history", "--kind", "theft"],
        ["leaderboard", "--top", "0"],
        ["leaderboard", "--window", "fortnight"],
        ["dance"],
        ["db"],
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_two(points: Terminal, arguments: list[str]) -> None:
    assert points(*arguments).code == 2


@pytest.mark.parametrize("amount", ["-5", "-5.5", "-1e3", "-0", "−5"])
@pytest.mark.parametrize("command", ["award", "deduct"])
def test_a_negative_amount_is_refused_with_the_reason(points: Terminal, command: str, amount: str) -> None:
    for arguments in ((ADA, amount, "x"), ("--name", "Ada", ADA, amount, "x", "--json")):
        refused = points(command, *arguments)
        assert (refused.code, refused.out) == (1, "")
        assert refused.err.startswith(f"{amount} is not an amount: give a whole number from 1 to ")


def test_a_reason_may_begin_with_a_dash_and_a_digit(points: Terminal) -> None:
    points.done("award", ADA, "5", "-5 would be mean")
    points.done("award", ADA, "5", "--key", "-7", "--", "--really")
    assert [line.split(" ", 7)[-1] for line in points.done("history").splitlines()] == [
        f"for {ADA} --really",
        f"for {ADA} -5 would be mean",
    ]


# ── looking up ──


def test_a_balance_says_where_it_came_from(points: Terminal) -> None:
    points.done("award", ADA, "25", "Helped", "--category", "helping", "--name", "Ada")
    points.done("award", GRACE, "30", "Spoke")
    points.done("deduct", ADA, "5", "Late")

    lines = points.done("balance", ADA).splitlines()
    assert lines[0] == "Ada: 20 points (earned 25, spent 5), rank 2 of 2"
    assert lines[1] == "  helping: 25"
    assert [line.split()[0] for line in lines[2:]] == ["#3", "#1"]
    assert points.done("balance", "nobody") == "nobody: 0 points (earned 0, spent 0)\n"


def test_history_comes_in_pages_that_lead_to_the_next(points: Terminal) -> None:
    for number in range(5):
        points.done("award", ADA, "1", f"review {number}")

    first = points.done("history", "--limit", "3").splitlines()
    assert [line.split()[0] for line in first[:-1]] == ["#5", "#4", "#3"]
    assert first[-1] == "Older ones: --before 3"
    second = points.done("history", "--limit", "3", "--before", "3").splitlines()
    assert [line.split()[0] for line in second] == ["#2", "#1"]


def test_nobodys_words_make_a_line_of_their_own(points: Terminal) -> None:
    points.done("award", ADA, "5", "Helped\n#99 award +500\tfor me", "--name", "Ada\n    1. 500 Eve")

    for arguments in (
        ["history"],
        ["balance", ADA],
        ["leaderboard"],
        ["privacy", "export", ADA],
        ["report", "transactions"],
        ["report", "member", "--member", ADA],
    ):
        lines = points.done(*arguments).splitlines()
        assert not [line for line in lines if line.lstrip().startswith(("#99", "1. 500 Eve"))], arguments
    assert points.done("history").rstrip().endswith("Helped #99 award +500 for me")


def test_history_has_filters(points: Terminal) -> None:
    points.done("award", ADA, "5", "Spoke", "--category", "events")
    points.done("award", GRACE, "6", "Helped", "--category", "helping")
    points.done("undo", "1", "Wrong")

    def numbers(*arguments: str) -> list[int]:
        return [
            receipt["number"]
            for receipt in json.loads(points.done("history", *arguments, "--json"))["receipts"]
        ]

    assert numbers() == [3, 2, 1]
    assert numbers(ADA) == [3, 1]
    assert numbers("--category", "HELPING") == [2]
    assert numbers("--kind", "reversal") == [3]
    assert numbers("--since", "2020-01-01") == [3, 2, 1]
    assert numbers("--until", "2020-01-01") == []
    assert "takes back #1: Wrong" in points.done("history", "--kind", "reversal")


def test_a_leaderboard_has_windows_and_categories(points: Terminal) -> None:
    with time_machine.travel(NOON, tick=True):
        points.done("award", ADA, "10", "Spoke", "--category", "events", "--name", "Ada")
    with time_machine.travel(NOON + timedelta(days=7), tick=True):
        points.done("award", GRACE, "10", "Helped", "--category", "helping")

        assert points.done("leaderboard") == f"    1.           10 Ada\n    1.           10 {GRACE}\n"
        assert points.done("leaderboard", "--window", "week") == f"    1.           10 {GRACE}\n"
        assert points.done("leaderboard", "--window", "last-week") == "    1.           10 Ada\n"
        assert points.done("leaderboard", "--category", "events") == "    1.           10 Ada\n"
        assert points.done("leaderboard", "--window", "yesterday") == "Nobody has points here yet.\n"


def test_a_leaderboard_as_of_a_day_is_as_it_stood_or_as_corrected_since(points: Terminal) -> None:
    with time_machine.travel(NOON, tick=True):
        points.done("award", ADA, "10", "Spoke", "--name", "Ada")
    with time_machine.travel(NOON + timedelta(days=7), tick=True):
        points.done("undo", "1", "It was Grace")

    day_after = ("leaderboard", "--as-of", (NOON + timedelta(days=1)).date().isoformat())
    assert points.done(*day_after) == "    1.           10 Ada\n"
    assert points.done(*day_after, "--corrected") == "Nobody has points here yet.\n"
    assert points.done("leaderboard", "--as-of", "2026-01-01") == "Nobody has points here yet.\n"


def test_every_answer_can_be_json(points: Terminal) -> None:
    moved = json.loads(points.done("award", ADA, "5", "Zoë\n\u202e!", "--name", "Ada", "--json"))
    assert (moved["number"], moved["kind"], moved["user_id"], moved["reason"]) == (
        1,
        "award",
        ADA,
        "Zoë\n\u202e!",
    )
    assert datetime.fromisoformat(moved["recorded_at"]).utcoffset() == timedelta(0)
    assert moved["actor"] == {"kind": "operator", "user_id": None, "name": None, "client": None}

    waiting = json.loads(points.done("award", ADA, "500", "x", "--json"))
    assert (waiting["state"], waiting["card"], waiting["votes"]) == ("pending", None, [])
    undone = json.loads(points.done("undo", "1", "x", "--json"))
    assert undone["reverses"] == 1
    assert json.loads(points.done("balance", ADA, "--json"))["pending"][0]["amount"] == 500
    assert json.loads(points.done("history", "--json"))["older"] is None
    board = json.loads(points.done("leaderboard", "--window", "week", "--json"))
    assert (board["name"], board["standings"], board["window"]["span"]) == ("week", [], 4)
    assert json.loads(points.done("verify", "--json")) == []
    assert {finding["health"] for finding in points("doctor", "--json").json} <= {"ok", "warn", "ill"}


# ── operating ──


def ill(found: Ended) -> list[str]:
    """Return what the doctor calls ill, but for the tests' own server, which need not survive a power cut."""
    return [line for line in found.out.splitlines() if line.startswith("ILL") and line != "ILL  fsync: off"]


def test_books_in_order_are_said_to_be(points: Terminal) -> None:
    assert points.done("verify") == "The books are in order.\n", "there are none yet"
    points.done("award", ADA, "5", "x")
    assert points.done("verify") == "The books are in order.\n"
    assert points.done("verify", "--community", "default") == "The books are in order.\n"


def test_broken_books_are_named_and_end_with_one(points: Terminal) -> None:
    points.done("award", ADA, "5", "x")
    points.done("award", GRACE, "6", "x", "--community", "village")
    points.tampered("UPDATE point_balances SET current = current + 1, earned = earned + 1 WHERE current = 5")

    broken = points("verify")
    assert (broken.code, broken.err) == (1, "")
    assert "BROKEN in default: balances equal the transactions: " in broken.out
    assert "village" not in broken.out
    assert points("verify", "--json").json[0]["community"] == "default"
    assert points("verify", "--json").code == 1
    assert points.done("verify", "--community", "village") == "The books are in order.\n"


def test_a_well_installation_is_said_to_be(points: Terminal) -> None:
    found = points("doctor")

    assert (ill(found), found.err) == ([], "")
    assert "OK   append-only triggers: all there" in found.out
    assert f"OK   the tables' revision: {migrations.HEAD}" in found.out
    if points.url.startswith("sqlite"):
        assert points.done("doctor", "--quiet") == ""


def test_the_quick_examination_does_not_read_the_whole_file(on_sqlite: Terminal) -> None:
    assert "OK   the file's structure: ok" in on_sqlite.done("doctor")
    assert "the file's structure" not in on_sqlite.done("doctor", "--quick")


def test_a_missing_trigger_is_ill(points: Terminal) -> None:
    name = "point_transactions_no_delete"
    assert name in guards.names(make_url(points.url).get_backend_name())
    of_table = "" if points.url.startswith("sqlite") else " ON point_transactions"
    points.tampered(f"DROP TRIGGER {name}{of_table}")

    found = points("doctor", "--quiet", "--quick")
    assert (found.code, found.err) == (1, "")
    assert ill(found) == [f"ILL  append-only triggers: missing: {name}"]


def test_a_clock_that_went_back_is_ill(points: Terminal) -> None:
    points.done("award", ADA, "5", "x")

    with time_machine.travel(datetime.now(UTC) - timedelta(days=1), tick=True):
        found = points("doctor", "--quiet")
    assert found.code == 1
    assert [line.split(":")[0] for line in ill(found)] == ["ILL  the clock"]
    assert ill(points("doctor", "--quiet")) == []


def test_books_never_verified_are_worth_a_look_and_verified_ones_are_not(points: Terminal) -> None:
    assert "OK   the last verify: no books yet" in points("doctor").out
    points.done("award", ADA, "5", "x")
    assert "WARN the last verify: never; run `points verify`" in points("doctor").out
    points.done("verify")
    assert "OK   the last verify: " in points("doctor").out
    with time_machine.travel(datetime.now(UTC) + timedelta(days=9), tick=True):
        assert "WARN the last verify: " in points("doctor").out


def test_a_file_that_others_can_read_is_worth_a_look(on_sqlite: Terminal) -> None:
    file = Path(on_sqlite.url.removeprefix("sqlite:///"))
    file.chmod(0o644)
    assert "WARN the file's permissions: 644, should be 600" in on_sqlite.done("doctor")
    file.chmod(0o600)
    assert "OK   the file's permissions: 600" in on_sqlite.done("doctor")


@pytest.mark.parametrize(
    "version,fixed",
    [
        ((3, 40, 1), False),
        ((3, 44, 5), False),
        ((3, 44, 6), True),
        ((3, 45, 0), False),
        ((3, 50, 6), False),
        ((3, 50, 7), True),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 52, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_an_old_sqlite_that_can_corrupt_the_file_is_known(version: tuple[int, ...], fixed: bool) -> None:
    assert doctor.has_wal_reset_fix(version) is fixed


def test_this_sqlite_is_examined(on_sqlite: Terminal) -> None:
    well = doctor.has_wal_reset_fix(sqlite3.sqlite_version_info)
    assert f"{'OK' if well else 'WARN':4} SQLite: {sqlite3.sqlite_version}" in on_sqlite.done("doctor")


def test_db_upgrade_makes_the_tables_and_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "points.db"
    monkeypatch.setenv("POINTS_DATABASE_URL", f"sqlite:///{file}")
    points = Terminal(f"sqlite:///{file}")

    for _ in range(2):
        assert points.done("db", "upgrade") == f"The tables are at revision {migrations.HEAD}.\n"
    assert file.stat().st_mode & 0o777 == 0o600


# ── settings and databases that cannot be used ──


def unusable_databases(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield URLs of databases that cannot be used, each with what is said about it."""
    (folder / "text.db").write_text("These are not the books. " * 100, encoding="utf-8")
    yield f"sqlite:///{folder}/nowhere/points.db", "No such file or directory"
    yield f"sqlite:///{folder}", "unable to open database file"
    yield f"sqlite:///{folder}/text.db", "not a database"
    yield "postgresql://points@127.0.0.1:1/points", "refused"


COMMANDS = [
    ["balance", ADA],
    ["award", ADA, "5", "x"],
    ["verify"],
    ["doctor", "--quiet", "--quick"],
    ["db", "upgrade"],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_an_unusable_database_is_one_sentence_and_ends_with_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    for url, why in unusable_databases(tmp_path):
        monkeypatch.setenv("POINTS_DATABASE_URL", url)
        ended = Terminal(url)(*arguments)

        assert (ended.code, ended.out) == (2, ""), url
        assert ended.err.startswith("The database cannot be used: "), ended.err
        assert why in ended.err
        assert ended.err.count("\n") == 1, ended.err


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_wrong_setting_is_named_and_ends_with_two(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("POINTS_TIMEZONE", "Mars/Olympus")
    ended = Terminal("")(*arguments)

    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("POINTS_TIMEZONE cannot be used: ")


# ── as a process ──


def test_a_process_ends_with_the_codes_that_scripts_rely_on(tmp_path: Path) -> None:
    done = process("award", ADA, "5", "Zoë → ✅", folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"#1 award +5 for {ADA}: 0 → 5\n", "")

    refused = process("award", ADA, "1e3", "x", folder=tmp_path)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("1e3 is not an amount")

    wrong = process("verify", folder=tmp_path, POINTS_QUORUM="0")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("POINTS_QUORUM cannot be used")


# ── words ──


def leaves(kind: type[PointsError]) -> Iterator[type[PointsError]]:
    """Yield the error classes that are raised."""
    below = kind.__subclasses__()
    if not below:
        yield kind
    for one in below:
        yield from leaves(one)


def test_every_error_has_words() -> None:
    assert set(leaves(PointsError)) == set(WORDS)


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidAmount("1e3", 1, 1_000),
        errors.InvalidText("reason", 300),
        errors.InvalidTime("10"),
        errors.InvalidSetting("quorum", 0, "at least 1"),
        errors.InsufficientBalance(3, 10),
        errors.BalanceOutOfRange(2**53, 1),
        errors.DuplicateTransaction("k"),
        errors.LooksRepeated(7, NOON),
        errors.LimitExceeded(100, 90, 20, NOON),
        errors.SelfAward(ADA),
        errors.NotAllowed("undo"),
        errors.UnknownCategory("sport", ("events", "helping")),
        errors.UnknownCategory("sport", ()),
        errors.UnknownTransaction(9),
        errors.UnknownRequest(9),
        errors.UnknownSchedule(9),
        errors.AlreadyReversed(9, 12),
        errors.NotReversible(9),
        errors.RequestClosed(9, "approved"),
        errors.OwnRequest(9),
        errors.AlreadyVoted(9, True),
        errors.DatabaseUnavailable("disk I/O error"),
        errors.LedgerCorrupt("#5 does not fit"),
        errors.SettingsInvalid("POINTS_QUORUM", "it is 0"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_words_are_a_sentence_with_the_errors_own_values(error: PointsError) -> None:
    said = words(error)

    assert said.endswith(".")
    assert said[0].isupper() or not said[0].isalpha()
    assert "\n" not in said
    fields = {name: value for name, value in vars(error).items() if isinstance(value, str)}
    for name, value in fields.items():
        assert value in said or (type(error), name) == (errors.SelfAward, "user_id"), name
