"""Statements that are compiled once say and do what SQLAlchemy's own execution does, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Connection, Engine, bindparam, delete, event, insert, make_url, select, update
from sqlalchemy.exc import IntegrityError

from points_core.engines import writer_engine
from points_core.models import Community, Member, UtcDateTime
from points_core.prepared import LONGEST_KEPT, Prepared

NEW = Prepared(insert(Community))
NEW_MEMBER = Prepared(insert(Member))
BY_KEYS = Prepared(
    select(Community.id, Community.key, Community.created_at)
    .where(Community.key.in_(bindparam("keys", expanding=True)), Community.id > 0)
    .order_by(Community.id)
)
RENAME = Prepared(update(Community).where(Community.key == bindparam("old")).values(key=bindparam("new")))
NOON = datetime(2026, 3, 18, 12, 0, 0, 5, tzinfo=UTC)


@pytest.fixture
def tx(database_url: str) -> Iterator[Connection]:
    engine: Engine = writer_engine(make_url(database_url))
    with engine.connect() as connection, connection.begin():
        yield connection
    engine.dispose()


def communities(tx: Connection, count: int) -> list[str]:
    keys = [f"place-{n:04}" for n in range(count)]
    NEW.run(tx, [{"id": n, "key": key, "created_at": NOON} for n, key in enumerate(keys, start=1)])
    return keys


def test_rows_come_back_as_they_do_from_sqlalchemy(tx: Connection) -> None:
    keys = communities(tx, 5)

    found = BY_KEYS.rows(tx, {"keys": keys[1:3]})

    assert [tuple(row) for row in found] == [
        tuple(row) for row in tx.execute(BY_KEYS.statement, {"keys": keys[1:3]})
    ]
    assert (found[0].key, found[0].created_at) == ("place-0001", NOON)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, LONGEST_KEPT - 1, LONGEST_KEPT, LONGEST_KEPT + 1])
def test_a_list_may_have_any_length(tx: Connection, count: int) -> None:
    keys = communities(tx, LONGEST_KEPT + 2)

    assert [row.key for row in BY_KEYS.rows(tx, {"keys": keys[:count]})] == keys[:count]


def test_no_row_is_none(tx: Connection) -> None:
    assert BY_KEYS.row(tx, {"keys": ["nowhere"]}) is None


def test_instants_are_stored_in_utc(tx: Connection) -> None:
    there = timezone(timedelta(hours=5))
    NEW.run(tx, {"id": 1, "key": "place", "created_at": NOON.astimezone(there)})

    assert tx.execute(select(Community.created_at)).scalar_one() == NOON


def test_values_are_stored_as_sqlalchemy_stores_them(tx: Connection) -> None:
    communities(tx, 1)
    row = {"community_id": 1, "name": None, "created_at": NOON, "left_at": None}

    NEW_MEMBER.run(tx, {**row, "id": 1, "user_id": "ada"})
    NEW_MEMBER.run(tx, [{**row, "id": 2, "user_id": "bob"}, {**row, "id": 3, "user_id": "eve"}])
    tx.execute(insert(Member), [{**row, "id": 4, "user_id": "mia"}])

    stored = tx.exec_driver_sql("SELECT CAST(created_at AS TEXT) FROM members").scalars().all()
    assert len(stored) == 4
    assert len(set(stored)) == 1


def test_values_are_compared_as_sqlalchemy_stores_them(tx: Connection) -> None:
    communities(tx, 1)
    since = Prepared(
        select(Community.key).where(Community.created_at >= bindparam("since", type_=UtcDateTime()))
    )

    assert len(since.rows(tx, {"since": NOON})) == 1
    assert since.rows(tx, {"since": NOON + timedelta(microseconds=1)}) == []


def test_an_update_reaches_the_rows_it_names(tx: Connection) -> None:
    communities(tx, 3)

    RENAME.run(tx, [{"old": "place-0000", "new": "here"}, {"old": "place-0002", "new": "there"}])

    assert set(tx.execute(select(Community.key)).scalars()) == {"here", "place-0001", "there"}


def test_nothing_to_write_is_nothing_written(tx: Connection) -> None:
    NEW.run(tx, [])

    assert tx.execute(select(Community.key)).first() is None


def test_a_violated_constraint_is_sqlalchemys_own_error(tx: Connection) -> None:
    communities(tx, 1)

    with pytest.raises(IntegrityError), tx.begin_nested():
        NEW.run(tx, {"id": 2, "key": "place-0000", "created_at": NOON})

    assert len(tx.execute(select(Community.key)).all()) == 1


def test_columns_that_are_not_given_are_empty(tx: Connection) -> None:
    communities(tx, 1)

    NEW_MEMBER.run(tx, {"community_id": 1, "id": 1, "user_id": "ada", "created_at": NOON})

    assert tx.execute(select(Member.user_id, Member.name, Member.hidden_at)).one() == ("ada", None, None)


def test_who_listens_to_statements_hears_these_too(tx: Connection) -> None:
    heard: list[str] = []
    event.listen(tx, "before_cursor_execute", lambda *given: heard.append(given[2]))

    communities(tx, 2)
    BY_KEYS.rows(tx, {"keys": ["place-0000"]})

    assert [statement.split()[0] for statement in heard] == ["INSERT", "SELECT"]


def test_a_read_that_begins_a_transaction_begins_it(database_url: str) -> None:
    engine = writer_engine(make_url(database_url))
    with engine.connect() as connection:
        assert BY_KEYS.rows(connection, {"keys": ["place-0000"]}) == []
        assert connection.in_transaction()
    engine.dispose()


def test_what_is_deleted_is_gone(tx: Connection) -> None:
    keys = communities(tx, 2)

    Prepared(delete(Community).where(Community.key == bindparam("gone"))).run(tx, {"gone": keys[0]})

    assert [row.key for row in BY_KEYS.rows(tx, {"keys": keys})] == keys[1:]
