"""The growing tables divided by community: the same books, refusals and guards, in as many parts as were asked."""

import re
from collections.abc import AsyncIterator
from itertools import count

import pytest
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from typer.testing import CliRunner

from points_core import (
    approvals,
    awards,
    backup,
    doctor,
    history,
    leaderboard,
    migrations,
    policy,
    privacy,
    seasons,
    verification,
)
from points_core.cli import app
from points_core.constraints import constraint_name
from points_core.database import Points, migrate
from points_core.errors import InvalidSetting, LooksRepeated
from points_core.migrations.partitions import DIVIDED, divide
from points_core.models import Base
from points_core.settings import sync_url
from points_core.values import Kind, Origin, Receipt, Request
from points_core.windows import Window
from tests.conftest import Databases
from tests.core.conftest import ADA, GRACE, MOD, NOON, OTHER_MOD, by, settings_for
from tests.core.posting import Move, post

PARTS = 4
EVER = Window.all_time()
_keys = count(1)
TOWNS = [f"town-{n}" for n in range(12)]


def of(user_id: str, town: str) -> Origin:
    """Return an origin whose key `post` has not used."""
    return by(user_id, key=f"parts:{next(_keys)}", community=town)


@pytest.fixture
def url(databases: Databases) -> str:
    """An empty database whose tables are divided."""
    made = databases.empty("postgresql")
    migrate(sync_url(made), parts=PARTS)
    return made


@pytest.fixture
async def points(url: str) -> AsyncIterator[Points]:
    async with Points.opened(settings_for(url)) as opened:
        yield opened


def rows(url: str, statement: str, **values: object) -> list[tuple[object, ...]]:
    engine = create_engine(sync_url(url), poolclass=NullPool)
    with engine.begin() as tx:
        found = tx.execute(text(statement), values)
        return [tuple(row) for row in found] if found.returns_rows else []


def test_every_key_of_a_divided_table_has_the_community_in_it() -> None:
    for name in DIVIDED:
        table = Base.metadata.tables[name]
        assert "community_id" in table.primary_key.columns, name
        for index in table.indexes:
            assert not index.unique or "community_id" in index.columns, (name, index.name)


def test_the_divided_tables_are_what_they_were_but_for_their_parts(databases: Databases, url: str) -> None:
    whole = databases.new("postgresql")
    questions = (
        "SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conparentid = 0 AND contype <> 'n' AND conrelid::regclass::text !~ '_p[0-9]+$'"
        " AND connamespace = current_schema()::regnamespace ORDER BY 1, 2",
        "SELECT tablename, indexname, replace(indexdef, ' ON ONLY ', ' ON ') FROM pg_indexes"
        " WHERE schemaname = current_schema() AND tablename !~ '_p[0-9]+$' ORDER BY 1, 2",
        "SELECT tgrelid::regclass::text, tgname, tgenabled::text, pg_get_triggerdef(oid) FROM pg_trigger"
        " WHERE NOT tgisinternal AND tgrelid::regclass::text !~ '_p[0-9]+$' ORDER BY 1, 2",
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND table_name !~ '_p[0-9]+$' ORDER BY 1, 2",
    )
    for question in questions:
        assert rows(url, question) == rows(whole, question)


def test_tables_that_were_divided_before_are_laid_anew_in_their_parts(databases: Databases, url: str) -> None:
    before = databases.empty("postgresql")
    engine = create_engine(sync_url(before), poolclass=NullPool)
    with engine.connect() as connection:
        migrations.upgrade(connection, "0007")
        divide(connection, PARTS)
        migrations.upgrade(connection)
    engine.dispose()

    keys = (
        "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
        " AND tablename ~ '^(point_scores|score_buckets)' ORDER BY 1, 2"
    )
    assert len(rows(url, keys)) == (2 + 1) * (1 + PARTS)
    assert rows(before, keys) == rows(url, keys)


def test_there_are_as_many_parts_as_were_asked(url: str) -> None:
    counted = rows(
        url,
        "SELECT inhparent::regclass::text, count(*) FROM pg_inherits i JOIN pg_class c ON c.oid ="
        " inhrelid WHERE c.relkind = 'r' GROUP BY 1 ORDER BY 1",
    )
    assert counted == [(table, PARTS) for table in sorted(DIVIDED)]


async def live(points: Points, town: str) -> None:
    """Let in one community happen what can happen to points."""
    await points.write(policy.change, of(MOD, town), quorum=1, approval_threshold=50)
    await points.write(seasons.start, of(MOD, town), name="Spring", last=NOON.date())
    await points.write(post, town, [Move(ADA, 9), Move(GRACE, 5), Move(ADA, -2)])
    given = await points.write(
        approvals.request, of(MOD, town), kind=Kind.AWARD, user_id=ADA, amount=7, reason="Hoeing"
    )
    assert isinstance(given, Receipt)
    await points.write(awards.reverse, of(MOD, town), given.number, reason="Wrong bed")
    asked = await points.write(
        approvals.request, of(MOD, town), kind=Kind.AWARD, user_id=GRACE, amount=70, reason="Big"
    )
    assert isinstance(asked, Request)
    await points.write(approvals.vote, of(OTHER_MOD, town), asked.number, approve=True)
    await points.write(privacy.ask, of(ADA, town), ADA, at_once=True)
    await points.write(privacy.erase_due, NOON)


async def test_books_are_kept_in_parts_as_in_one(points: Points) -> None:
    for town in TOWNS:
        await live(points, town)

    for town in TOWNS:
        assert (await points.read(history.balance, town, GRACE)).current == 75
        board = await points.read(leaderboard.standings, town, window=EVER)
        assert [line.points for line in board.standings] == [75, 7]
    assert await points.read(verification.verify) == []
    spread = await points.read(
        lambda tx: tx.execute(text("SELECT count(DISTINCT tableoid) FROM point_transactions")).scalar_one()
    )
    assert spread > 1


async def test_what_the_core_refuses_is_refused_in_parts_too(points: Points) -> None:
    await points.write(post, "town-1", [Move(ADA, 5)])
    ask = {"kind": Kind.AWARD, "user_id": ADA, "amount": 5, "reason": "Raking"}
    await points.write(approvals.request, of(MOD, "town-1"), **ask)  # type: ignore[arg-type]
    with pytest.raises(LooksRepeated):
        await points.write(approvals.request, of(MOD, "town-1"), **ask)  # type: ignore[arg-type]


async def test_a_violated_constraint_has_the_name_it_has_elsewhere(points: Points, url: str) -> None:
    await points.write(post, "town-1", [Move(ADA, 5), Move(ADA, 3)])
    columns = [
        name
        for (name,) in rows(
            url,
            "SELECT column_name FROM information_schema.columns WHERE table_name ="
            " 'point_transactions' ORDER BY ordinal_position",
        )
    ]
    for changed, violated in (
        ({"member_seq": "9"}, "pk_point_transactions"),
        ({"member_seq": "9", "seq": "9"}, "uq_point_transactions_community_id_key"),
        ({"seq": "9", "key": "'new'"}, "uq_point_transactions_community_id_member_id_member_seq"),
        (
            {"seq": "9", "key": "'new'", "member_seq": "9", "amount": "0"},
            "ck_point_transactions_amount_moves",
        ),
        (
            {"seq": "9", "key": "'new'", "member_seq": "9", "member_id": "77"},
            "fk_point_transactions_community_id_member_id",
        ),
    ):
        picked = ", ".join(changed.get(str(name), f'"{name}"') for name in columns)
        with pytest.raises(IntegrityError) as refused:
            rows(url, f"INSERT INTO point_transactions SELECT {picked} FROM point_transactions WHERE seq = 1")
        assert constraint_name(refused.value) == violated


FORBIDDEN = (
    "UPDATE {table} SET amount = 1",
    "DELETE FROM {table}",
    "TRUNCATE {table} CASCADE",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
@pytest.mark.parametrize("replica", [False, True])
async def test_the_ledger_is_append_only_as_a_whole_and_in_each_part(
    points: Points, url: str, statement: str, replica: bool
) -> None:
    for town in TOWNS:
        await points.write(post, town, [Move(ADA, 5)])

    engine = create_engine(sync_url(url), poolclass=NullPool)
    for table in ("point_transactions", *(f"point_transactions_p{part}" for part in range(PARTS))):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as tx:  # noqa: PT012
            if replica:
                tx.exec_driver_sql("SET session_replication_role = replica")
            tx.exec_driver_sql(statement.format(table=table))
    assert rows(url, "SELECT count(*) FROM point_transactions") == [(len(TOWNS),)]


@pytest.mark.parametrize("table", ["audit_events", "approval_votes"])
async def test_no_part_is_emptied_of_what_nothing_refers_to(points: Points, url: str, table: str) -> None:
    for town in TOWNS:
        await live(points, town)

    for part in range(PARTS):
        with pytest.raises(DBAPIError, match="append-only"):
            rows(url, f"TRUNCATE {table}_p{part}")
    assert rows(url, f"SELECT count(*) > 0 FROM {table}") == [(True,)]


async def test_a_community_s_query_meets_one_part(points: Points, url: str) -> None:
    for town in TOWNS:
        await points.write(post, town, [Move(ADA, 5)])
    plan = "\n".join(
        str(line) for (line,) in rows(url, "EXPLAIN SELECT * FROM point_transactions WHERE community_id = 5")
    )
    assert len(re.findall(r"on point_transactions_p\d+ ", plan)) == 1


async def test_the_doctor_finds_nothing_ill(points: Points) -> None:
    await points.write(post, "town-1", [Move(ADA, 5)])
    findings = await points.read(doctor.examine, NOON)
    assert {finding.what: finding.health for finding in findings}["append-only triggers"] is doctor.Health.OK


async def test_books_are_copied_into_parts_and_out_of_them(databases: Databases, url: str) -> None:
    source = databases.new("sqlite")
    async with Points.opened(settings_for(source)) as points:
        for town in TOWNS:
            await live(points, town)

    there = backup.move(sync_url(source), sync_url(url))
    back = backup.move(sync_url(url), sync_url(databases.empty("sqlite")))

    assert there == back
    assert rows(url, "SELECT count(*) FROM point_transactions") == [(6 * len(TOWNS),)]


def test_what_cannot_be_divided_is_refused(databases: Databases, url: str) -> None:
    with pytest.raises(InvalidSetting, match="divided already"):
        migrate(sync_url(url), parts=PARTS)
    for parts in (0, 1, 65):
        with pytest.raises(InvalidSetting):
            migrate(sync_url(databases.empty("postgresql")), parts=parts)
    file = databases.url("sqlite", "undivided")
    with pytest.raises(InvalidSetting, match="PostgreSQL only"):
        migrate(sync_url(file), parts=PARTS)


async def test_books_that_exist_are_not_divided(databases: Databases) -> None:
    url = databases.new("postgresql")
    async with Points.opened(settings_for(url)) as points:
        await points.write(post, "town", [Move(ADA, 5)])
    with pytest.raises(InvalidSetting, match="points db copy"):
        migrate(sync_url(url), parts=PARTS)


def test_the_command_divides(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    url = databases.empty("postgresql")
    monkeypatch.setenv("POINTS_DATABASE_URL", url)
    ran = CliRunner().invoke(app, ["db", "upgrade", "--partitions", "2"])
    assert ran.exit_code == 0, ran.output
    assert rows(url, "SELECT count(*) FROM pg_class WHERE relname LIKE 'members_p_'") == [(2,)]
