"""Damaged books are reported, not stumbled over; and who looks at books that are not there makes none."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from points_core import migrations, verification
from points_core.database import Points, writer_engine
from points_core.settings import sync_url
from points_core.verification.references import THERE
from tests.conftest import BACKENDS, Databases
from tests.core.conftest import ADA, COMMUNITY, NOON, settings_for
from tests.core.forging import strip, tell
from tests.core.test_cli import Terminal


@pytest.fixture(scope="module", params=BACKENDS)
def told(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Engine]:
    """A database with one of everything, stripped of every guard, key and constraint."""
    url = databases.new(request.param)
    engine = writer_engine(sync_url(url)).execution_options(points_settings=settings_for(url))
    with engine.begin() as tx:
        tell(tx)
    strip(url)
    yield engine
    engine.dispose()
    databases.drop(url)


def found_after(told: Engine, statements: str, *, incremental: bool = False) -> set[tuple[str, str]]:
    """Return the invariants, each with its community, that do not hold after `statements`; and undo them."""
    with told.connect() as tx, tx.begin() as undone:
        for statement in statements.split("; "):
            tx.execute(text(statement))
        outcome = verification.examine(tx, incremental=incremental)
        verification.settle(tx, NOON, outcome)
        undone.rollback()
    assert all(each.detail and "\n" not in each.detail for each in outcome.broken)
    return {(each.invariant, each.community) for each in outcome.broken}


@pytest.fixture
def typed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("POINTS_DATABASE_URL", database_url)
    return Terminal(database_url)


@pytest.fixture
def on_a_file(typed: Terminal) -> Terminal:
    if not typed.url.startswith("sqlite"):
        pytest.skip("about an SQLite file")
    return typed


# ── who and what is named ──

LAST_MEMBER = "(SELECT MAX(id) FROM members WHERE community_id = 1)"
NAMED = {
    "the last member gone, and counted off": (
        f"DELETE FROM members WHERE community_id = 1 AND id = {LAST_MEMBER}; "
        "UPDATE ledger_heads SET members = members - 1 WHERE community_id = 1"
    ),
    "the categories gone": "DELETE FROM categories WHERE community_id = 1",
    "a giver nobody is": "UPDATE point_transactions SET actor_id = 99 WHERE community_id = 1 AND seq = 8",
    "a validator nobody is": "UPDATE point_transactions SET validator_id = 99 WHERE community_id = 1 AND seq = 8",
    "a voter nobody is": "UPDATE approval_votes SET voter_id = 99 WHERE request_number = 3",
    "a requester nobody is": "UPDATE approval_requests SET actor_id = 99 WHERE number = 3",
    "a requested receiver nobody is": "UPDATE approval_requests SET member_id = 99 WHERE number = 3",
    "a requested category nobody made": "UPDATE approval_requests SET category_id = 99 WHERE number = 3",
    "somebody on record nobody is": "UPDATE audit_events SET actor_id = 99 WHERE actor_kind = 'member'",
}


@pytest.mark.parametrize("statements", [pytest.param(s, id=name) for name, s in NAMED.items()])
def test_who_is_named_and_not_there_is_missed(told: Engine, statements: str) -> None:
    found = found_after(told, statements)
    assert (THERE, COMMUNITY) in found
    assert {community for _, community in found} == {COMMUNITY}


def test_member_numbers_begin_at_one(told: Engine) -> None:
    minus = f"UPDATE members SET id = -1 WHERE community_id = 1 AND id = {LAST_MEMBER} - 1"
    assert ("numbers are dense", COMMUNITY) in found_after(told, minus)


@pytest.mark.parametrize("community_id", [1, 2])
@pytest.mark.parametrize("moment", ["'2099-01-01 00:00:00+00:00'", "NULL"])
def test_the_head_was_recorded_with_its_last_transaction(
    told: Engine, community_id: int, moment: str
) -> None:
    names = {1: COMMUNITY, 2: "village"}
    changed = f"UPDATE ledger_heads SET recorded_at = {moment} WHERE community_id = {community_id}"
    assert found_after(told, changed) == {("numbers end at the head", names[community_id])}


@pytest.mark.parametrize("table", ["members", "categories"])
async def test_who_and_what_can_be_named_cannot_be_deleted(points: Points, table: str) -> None:
    await points.write(tell)

    def deletion(tx: Connection) -> None:
        if tx.dialect.name == "sqlite":
            tx.exec_driver_sql("PRAGMA defer_foreign_keys = ON")  # the guard, not the key, shall refuse
        tx.execute(text(f"DELETE FROM {table}"))

    with pytest.raises(Exception, match="append-only"):
        await points.write(deletion)


# ── rows that cannot be read ──

EVERYWHERE = {
    "the head gone": "DELETE FROM ledger_heads WHERE community_id = 1",
    "the policy gone": "DELETE FROM policies WHERE community_id = 1",
    "a zone on Mars": (
        "UPDATE policies SET document = REPLACE(CAST(document AS TEXT), '\"UTC\"', '\"Mars\"'){json} "
        "WHERE community_id = 1"
    ),
    "a policy that is none": "UPDATE policies SET document = '7' WHERE community_id = 1",
}
ON_SQLITE = {  # whose columns take anything
    f"{column} of {table}": f"UPDATE {table} SET {column} = {value} WHERE community_id = 1{beside}"
    for table, column, value, beside in (
        ("point_transactions", "recorded_at", "'garbage'", " AND seq = 3"),
        ("point_transactions", "effective_at", "7", " AND seq = 3"),
        ("point_transactions", "amount", "'abc'", " AND seq = 3"),
        ("point_transactions", "seq", "'abc'", " AND seq = 8"),
        ("point_transactions", "hash", "'abc'", " AND seq = 3"),
        ("ledger_heads", "recorded_at", "'garbage'", ""),
        ("ledger_heads", "seq", "'abc'", ""),
        ("ledger_heads", "members", "'abc'", ""),
        ("point_balances", "current", "'abc'", ""),
        ("point_scores", "points", "'abc'", ""),
        ("score_buckets", "members", "'abc'", ""),
        ("approval_requests", "opened_at", "'garbage'", ""),
        ("approval_requests", "amount", "'abc'", ""),
        ("approval_votes", "voted_at", "'garbage'", ""),
        ("policies", "document", "'{'", ""),
        ("members", "id", "'abc'", " AND id = 1"),
    )
}


@pytest.mark.parametrize("incremental", [False, True], ids=["full", "incremental"])
@pytest.mark.parametrize("damage", [pytest.param(s, id=name) for name, s in EVERYWHERE.items()])
def test_damage_is_reported_and_the_next_community_is_looked_at(
    told: Engine, damage: str, incremental: bool
) -> None:
    damage = damage.replace("{json}", "" if told.dialect.name == "sqlite" else "::json")
    both = f"{damage}; UPDATE point_balances SET current = current + 1, earned = earned + 1 WHERE community_id = 2"
    found = found_after(told, both, incremental=incremental)

    assert ("rows can be read", COMMUNITY) in found
    assert ("balances equal the transactions", "village") in found


@pytest.mark.parametrize("damage", [pytest.param(s, id=name) for name, s in ON_SQLITE.items()])
def test_damage_that_only_a_file_can_have_is_reported_too(told: Engine, damage: str) -> None:
    if told.dialect.name != "sqlite":
        pytest.skip("the server's columns take nothing but what they are for")
    both = f"{damage}; UPDATE point_balances SET current = current + 1, earned = earned + 1 WHERE community_id = 2"
    found = found_after(told, both)

    assert COMMUNITY in {community for _, community in found}
    assert ("balances equal the transactions", "village") in found


def test_verify_says_where_it_cannot_read(on_a_file: Terminal) -> None:
    on_a_file.done("award", ADA, "5", "x")
    on_a_file.tampered("UPDATE ledger_heads SET recorded_at = 'garbage'")

    said = on_a_file("verify")
    assert (said.code, said.err) == (1, "")
    assert "BROKEN in default: rows can be read: looking at the head ends with ValueError" in said.out


# ── a database that is not there, or of another version ──

LOOKS = [
    ["verify"],
    ["doctor"],
    ["balance", ADA],
    ["history"],
    ["leaderboard"],
    ["export", "policy", "-o", "-"],
    ["report", "summary"],
    ["backup", "copies"],
    ["season", "list"],
    ["batch", "list"],
    ["token", "list"],
    ["privacy", "export", ADA],
]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POINTS_DATABASE_URL", f"sqlite:///{tmp_path}/points.db")
    return tmp_path


@pytest.mark.parametrize("arguments", LOOKS, ids=" ".join)
def test_a_look_at_a_mistyped_path_makes_no_database(here: Path, arguments: list[str]) -> None:
    for empty in (False, True):
        if empty:
            (here / "points.db").touch()
        looked = Terminal("")(*arguments)
        assert (looked.code, looked.out) == (2, "")
        assert looked.err.startswith("The database cannot be used: ")
        assert looked.err.count("\n") == 1
        assert [each.name for each in here.iterdir() if each.stat().st_size] == []


@pytest.fixture
def older(here: Path) -> Path:
    """An SQLite file with the tables of the first revision."""
    engine = writer_engine(sync_url(f"sqlite:///{here}/points.db"))
    with engine.connect() as connection:
        migrations.upgrade(connection, "0001")
    engine.dispose()
    return here / "points.db"


@pytest.mark.parametrize("arguments", [each for each in LOOKS if each != ["doctor"]], ids=" ".join)
def test_a_look_at_older_tables_asks_for_the_upgrade(older: Path, arguments: list[str]) -> None:
    looked = Terminal("")(*arguments)

    assert (looked.code, looked.out) == (2, "")
    assert "revision 0001" in looked.err
    assert "run `points db upgrade`" in looked.err
    assert revision(older) == "0001"
    Terminal("").done("db", "upgrade")
    assert Terminal("").done("history") == ""


def test_older_tables_are_ill_and_left_alone(older: Path) -> None:
    examined = Terminal("")("doctor", "--quiet")

    assert (examined.code, examined.err) == (1, "")
    assert examined.out.startswith("ILL  the tables' revision: 0001, this version's is ")
    assert examined.out.endswith("; run `points db upgrade`\n")
    assert revision(older) == "0001"


def revision(file: Path) -> str:
    with sqlite3.connect(file) as books:
        found = books.execute("SELECT version_num FROM alembic_version").fetchone()
    books.close()
    return str(found[0])


@pytest.mark.parametrize("arguments", [["award", ADA, "5", "x"], ["db", "upgrade"], *LOOKS], ids=" ".join)
def test_a_newer_versions_database_is_refused_in_a_sentence(
    typed: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    typed.tampered("UPDATE alembic_version SET version_num = '9999'")

    refused = typed(*arguments)
    if arguments == ["doctor"]:
        assert refused.code == 1
        assert f"ILL  the tables' revision: 9999, this version's is {migrations.HEAD}; a newer" in refused.out
    else:
        assert (refused.code, refused.out) == (2, "")
        assert "made by a newer version: its tables are at revision 9999" in refused.err
        assert refused.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_is_no_wal_is_ill_and_a_look_leaves_it(on_a_file: Terminal) -> None:
    file = Path(on_a_file.url.removeprefix("sqlite:///"))
    with sqlite3.connect(file) as books:
        books.execute("PRAGMA journal_mode = DELETE")
    books.close()

    for _ in range(2):
        assert "ILL  PRAGMA journal_mode: delete\n" in on_a_file("doctor", "--quiet").out
    on_a_file.done("award", ADA, "5", "x")
    assert on_a_file.done("doctor", "--quiet") == ""
