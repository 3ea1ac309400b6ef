"""`points db copy`: all the books from SQLite to PostgreSQL and back, the same to the last hash, or not at all."""

import json
from itertools import count
from threading import Timer

import pytest
from sqlalchemy import Connection, NullPool, create_engine, func, insert, select, text
from typer.testing import CliRunner

from points_core import approvals, awards, backup, clients, history, policy, privacy, verification
from points_core.cli import app
from points_core.clients import Scope
from points_core.database import Points, migrate, study_engine, writer_engine
from points_core.errors import BackupFailed, DatabaseUnavailable, InvalidSetting, LedgerCorrupt
from points_core.models import Base, Category, PointTransaction
from points_core.settings import database_file, sync_url
from points_core.values import Kind, Origin, Receipt, Request
from tests.conftest import Databases
from tests.core.conftest import ADA, COMMUNITY, GRACE, MOD, OTHER_MOD, by, settings_for
from tests.core.posting import Move, post

_keys = count(1)

ODD = "Zoë 🎉 «\\.» \t tab, =SUM(A1), '; DROP TABLE members; --"


@pytest.fixture(
    params=[("sqlite", "postgresql"), ("postgresql", "sqlite")], ids=["to postgresql", "to sqlite"]
)
async def urls(request: pytest.FixtureRequest, databases: Databases) -> tuple[str, str]:
    """Books that have lived, on one kind of database, and an address of the other kind without any tables."""
    here, there = request.param
    source = databases.new(here)
    async with Points.opened(settings_for(source)) as points:
        await live(points)
    return source, databases.empty(there)


async def live(points: Points) -> None:
    """Let something happen in most tables, in two communities."""
    await points.write(policy.change, asked_by(MOD), quorum=2, log_channel="77", approval_threshold=10)
    await points.write(policy.add_category, asked_by(MOD), "Ünïcode")
    await points.write(
        post, COMMUNITY, [Move(ADA, 5, name=ODD[:40]), Move(GRACE, 9, "Ünïcode"), Move(ADA, -3)]
    )
    await points.write(post, "village", [Move(ADA, 7)])
    await points.write(
        approvals.request,
        asked_by(MOD),
        kind=Kind.AWARD,
        user_id=ADA,
        amount=4,
        reason=ODD,
        evidence="https://example.com/1",
    )
    asked = await points.write(
        approvals.request, asked_by(MOD), kind=Kind.AWARD, user_id=GRACE, amount=40, reason="Big"
    )
    assert isinstance(asked, Request)
    await points.write(approvals.vote, asked_by(OTHER_MOD), asked.number, approve=True)
    number = await points.write(last_number)
    await points.write(take_back, number)
    await points.write(
        clients.create,
        asked_by(MOD),
        token=clients.new_token(),
        name="shop",
        scopes=[Scope.READ, Scope.AWARD],
    )
    await points.write(privacy.hide, asked_by(MOD), GRACE)


def last_number(tx: Connection) -> int:
    return int(
        tx.execute(
            select(func.max(PointTransaction.seq)).where(PointTransaction.community_id == 1)
        ).scalar_one()
    )


def take_back(tx: Connection, number: int) -> None:
    awards.reverse(tx, asked_by(MOD), number, reason="Wrong person")


def content(url: str) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table, sorted as text."""
    engine = study_engine(sync_url(url))
    try:
        with engine.connect() as tx:
            return {
                table.name: sorted((tuple(row) for row in tx.execute(select(table))), key=repr)
                for table in Base.metadata.sorted_tables
            }
    finally:
        engine.dispose()


def asked_by(user_id: str) -> Origin:
    """Return an origin whose key `post` has not used."""
    return by(user_id, key=f"moving:{next(_keys)}")


def move(source: str, target: str) -> backup.MovedBooks:
    return backup.move(sync_url(source), sync_url(target))


def spoil(url: str, *statements: str) -> None:
    engine = create_engine(sync_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


async def test_every_row_is_the_same_on_the_other_side(urls: tuple[str, str]) -> None:
    source, target = urls
    before = content(source)

    moved = move(source, target)

    assert content(target) == before
    assert content(source) == before
    assert moved.tables == {table: len(rows) for table, rows in before.items()}
    assert moved.communities == {COMMUNITY: 5, "village": 1}
    assert sum(bool(rows) for rows in before.values()) >= 12


async def test_the_books_go_on_where_they_ended(urls: tuple[str, str]) -> None:
    source, target = urls
    move(source, target)

    async with Points.opened(settings_for(target)) as points:
        receipt = await points.write(
            approvals.request, asked_by(MOD), kind=Kind.AWARD, user_id=ADA, amount=1, reason="After the move"
        )
        await points.write(post, "hamlet", [Move(ADA, 1)])
        assert isinstance(receipt, Receipt)
        assert receipt.number == 6
        assert await points.read(verification.verify) == []
        assert (await points.read(history.balance, COMMUNITY, ADA)).current == 3


async def test_there_and_back_again_is_where_it_began(urls: tuple[str, str], databases: Databases) -> None:
    source, target = urls
    before = content(source)
    move(source, target)
    third = databases.empty("sqlite" if source.startswith("sqlite") else "postgresql")
    move(target, third)

    assert content(third) == before


async def test_a_target_with_books_is_left_alone(urls: tuple[str, str], databases: Databases) -> None:
    source, _ = urls
    target = databases.new("postgresql" if source.startswith("sqlite") else "sqlite")
    async with Points.opened(settings_for(target)) as points:
        await points.write(post, "elsewhere", [Move(ADA, 1)])
    before = content(target)

    with pytest.raises(InvalidSetting) as refused:
        move(source, target)

    assert "empty" in refused.value.expected
    assert content(target) == before


async def test_a_target_with_tables_and_no_rows_is_filled(
    urls: tuple[str, str], databases: Databases
) -> None:
    source, _ = urls
    target = databases.new("postgresql" if source.startswith("sqlite") else "sqlite")

    move(source, target)

    assert content(target) == content(source)


async def test_books_are_not_copied_over_themselves(urls: tuple[str, str]) -> None:
    source, _ = urls
    with pytest.raises(InvalidSetting):
        move(source, source)


async def test_books_that_somebody_uses_are_not_copied(urls: tuple[str, str]) -> None:
    source, target = urls
    async with Points.opened(settings_for(source)) as points:
        await points.read(history.balance, COMMUNITY, ADA)
        with pytest.raises(DatabaseUnavailable, match="stop the bot first"):
            move(source, target)

    assert move(source, target).communities[COMMUNITY] == 5


async def test_whoever_is_about_to_leave_is_waited_for_and_what_they_wrote_last_is_copied(
    urls: tuple[str, str],
) -> None:
    source, target = urls
    engine = writer_engine(sync_url(source))
    leaving = engine.connect()
    categories = leaving.execute(select(func.count()).select_from(Category)).scalar_one()
    leaving.execute(insert(Category).values(community_id=1, id=77, name="late"))

    def leave() -> None:
        leaving.commit()
        leaving.close()
        engine.dispose()

    Timer(0.5, leave).start()
    move(source, target)

    found = study_engine(sync_url(target))
    with found.connect() as there:
        assert there.execute(select(func.count()).select_from(Category)).scalar_one() == categories + 1
    found.dispose()


async def test_books_that_are_not_in_order_are_not_copied(urls: tuple[str, str]) -> None:
    source, target = urls
    spoil(source, "UPDATE point_balances SET current = current + 1, earned = earned + 1 WHERE member_id = 1")

    with pytest.raises(LedgerCorrupt, match="the source"):
        move(source, target)

    assert target_is_without_books(target)


def target_is_without_books(target: str) -> bool:
    file = database_file(sync_url(target))
    if file is not None and not file.exists():
        return True
    engine = create_engine(sync_url(target), poolclass=NullPool)
    with engine.connect() as tx:
        if not engine.dialect.has_table(tx, "communities"):
            return True
        return not tx.execute(text("SELECT count(*) FROM communities")).scalar_one()


async def test_a_row_that_arrives_otherwise_keeps_everything_out(urls: tuple[str, str]) -> None:
    source, target = urls
    migrate(sync_url(target))
    if target.startswith("sqlite"):
        trigger = (
            "CREATE TRIGGER odd AFTER INSERT ON members BEGIN"
            " UPDATE members SET name = 'somebody' WHERE community_id = NEW.community_id AND id = NEW.id; END"
        )
        spoil(target, trigger)
    else:
        spoil(
            target,
            "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN NEW.name = 'somebody'; RETURN NEW; END $$",
            "CREATE TRIGGER odd BEFORE INSERT ON members FOR EACH ROW EXECUTE FUNCTION odd()",
        )

    with pytest.raises(BackupFailed, match="members is not the same"):
        move(source, target)

    assert target_is_without_books(target)


async def test_what_the_target_cannot_hold_keeps_everything_out(databases: Databases) -> None:
    source, target = databases.new("sqlite"), databases.empty("postgresql")
    async with Points.opened(settings_for(source)) as points:
        await live(points)
    spoil(source, "UPDATE members SET name = 'A' || char(0) || 'B' WHERE id = 1 AND community_id = 1")

    with pytest.raises(BackupFailed, match="members could not be copied"):
        move(source, target)

    assert target_is_without_books(target)


async def test_the_command_says_what_to_do_next(
    urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = urls
    monkeypatch.setenv("POINTS_DATABASE_URL", source)

    ran = CliRunner().invoke(app, ["db", "copy", "--to", target])

    assert ran.exit_code == 0, ran.output
    assert "point_transactions: 6 rows" in ran.output
    assert "6 transactions in 2 communities: the same on both sides" in ran.output
    assert "set POINTS_DATABASE_URL to the new database" in ran.output
    again = CliRunner().invoke(app, ["db", "copy", "--from", source, "--to", target])
    assert again.exit_code == 1
    assert "empty" in again.output


async def test_the_command_answers_in_json_and_names_no_password(databases: Databases) -> None:
    source, target = databases.new("sqlite"), databases.new("postgresql")
    ran = CliRunner().invoke(app, ["db", "copy", "--from", source, "--to", target, "--json"])
    assert ran.exit_code == 0, ran.output
    assert json.loads(ran.output)["tables"]["members"] == 0

    wrong = CliRunner().invoke(app, ["db", "copy", "--to", "mysql://ada:secret@host/name"])
    assert wrong.exit_code == 1
    assert "secret" not in wrong.output
