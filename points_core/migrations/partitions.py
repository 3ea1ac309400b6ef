"""The tables that grow, divided by community into so many parts; on PostgreSQL, and while they are empty.

Each table is made anew from what the database itself says of it: columns, constraints, indexes, triggers keep
their names. What a part adds to a name is "_p" and its number.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from points_core.errors import InvalidSetting

DIVIDED = (
    "members",
    "point_transactions",
    "point_balances",
    "point_scores",
    "score_buckets",
    "approval_requests",
    "approval_votes",
    "audit_events",
    "facts",
    "rule_grants",
    "rule_uses",
    "active_days",
)
"""What grows with members and with what happens; every key of these tables has the community in it."""

FEWEST, MOST = 2, 64  # at 64 a query of every community locks as much as PostgreSQL grants without being told
LONGEST_NAME = 63  # bytes of a name in PostgreSQL

_CONSTRAINTS = text(
    "SELECT conname AS name, contype::text AS kind, conrelid::regclass::text AS owner, pg_get_constraintdef(oid) AS sql"
    " FROM pg_constraint WHERE contype IN ('p', 'u', 'f') AND conparentid = 0"
    " AND (conrelid = ANY(:tables) OR confrelid = ANY(:tables)) ORDER BY position(contype::text IN 'puf'), oid"
)
_INDEXES = text(
    "SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = ANY(:tables)"
    " AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid) ORDER BY i.indexrelid"
)
_TRIGGERS = text(
    "SELECT tgname AS name, tgrelid::regclass::text AS owner, tgenabled::text AS enabled,"
    " pg_get_triggerdef(oid) AS sql, (tgtype & 1) = 0 AS once FROM pg_trigger"
    " WHERE NOT tgisinternal AND tgrelid = ANY(:tables) ORDER BY tgname"
)
_PARTS_OF_INDEXES = text(
    "SELECT part.relname, whole.relname FROM pg_inherits"
    " JOIN pg_class part ON part.oid = inhrelid AND part.relkind = 'i'"
    " JOIN pg_class whole ON whole.oid = inhparent"
    " JOIN pg_index i ON i.indexrelid = inhparent WHERE i.indrelid = ANY(:tables)"
)
_EMPTY = "SELECT NOT EXISTS (SELECT 1 FROM communities)"
_IS_DIVIDED = "SELECT relkind = 'p' FROM pg_class WHERE oid = 'point_transactions'::regclass"


def check(dialect: str, parts: int) -> None:
    """Raise InvalidSetting for what cannot be, whatever the database holds."""
    if dialect != "postgresql":
        raise InvalidSetting("partitions", parts, "for PostgreSQL only; SQLite keeps one file")
    if not FEWEST <= parts <= MOST:
        raise InvalidSetting("partitions", parts, f"from {FEWEST} to {MOST}")


def divide(connection: Connection, parts: int) -> None:
    """Divide the tables of a database without books into `parts`, in one transaction.

    Raises InvalidSetting, also for books that exist and for tables that are divided already.
    """
    check(connection.dialect.name, parts)
    with connection.begin():
        if not connection.exec_driver_sql(_EMPTY).scalar_one():
            raise InvalidSetting(
                "partitions", parts, "for an empty database; make one and have `points db copy` fill it"
            )
        if divided(connection):
            raise InvalidSetting("partitions", parts, "asked once; these tables are divided already")
        _divide(connection, parts)


def _divide(tx: Connection, parts: int) -> None:
    tables = _numbers(tx)
    constraints, indexes, triggers = (
        tx.execute(statement, {"tables": tables}).all() for statement in (_CONSTRAINTS, _INDEXES, _TRIGGERS)
    )
    for table in DIVIDED:
        _make_anew(tx, table, parts)
    for row in constraints:  # keys come before what refers to them
        tx.exec_driver_sql(f'ALTER TABLE {row.owner} ADD CONSTRAINT "{row.name}" {row.sql}')
    for (sql,) in indexes:
        tx.exec_driver_sql(sql)
    name_parts(tx)
    for trigger in triggers:
        _guard(tx, trigger, parts)


def _numbers(tx: Connection) -> list[int]:
    found = "SELECT oid::bigint FROM pg_class WHERE relname = ANY(%s) AND relnamespace = current_schema()::regnamespace"
    return list(tx.exec_driver_sql(found, (list(DIVIDED),)).scalars())


def _make_anew(tx: Connection, table: str, parts: int) -> None:
    tx.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {table}_whole")
    tx.exec_driver_sql(
        f"CREATE TABLE {table} (LIKE {table}_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        " PARTITION BY HASH (community_id)"
    )
    for part in range(parts):
        tx.exec_driver_sql(
            f"CREATE TABLE {table}_p{part} PARTITION OF {table}"
            f" FOR VALUES WITH (MODULUS {parts}, REMAINDER {part})"
        )
    tx.exec_driver_sql(
        f"DROP TABLE {table}_whole CASCADE"
    )  # with the keys that refer to it, which come again


def divided(tx: Connection) -> bool:
    """Return whether the tables of a PostgreSQL database are divided."""
    return bool(tx.exec_driver_sql(_IS_DIVIDED).scalar_one())


def name_parts(tx: Connection) -> None:
    """Name each part's indexes after the whole's: a violated constraint is known by its name."""
    for part, whole in tx.execute(_PARTS_OF_INDEXES, {"tables": _numbers(tx)}).all():
        number = _number_of(tx, part)
        name = f"{whole}_p{number}"
        assert len(name) <= LONGEST_NAME, name
        if part == name:
            continue
        tx.exec_driver_sql(f'ALTER INDEX "{part}" RENAME TO "{name}"')


def _number_of(tx: Connection, index: str) -> str:
    owner = tx.exec_driver_sql("SELECT tablename FROM pg_indexes WHERE indexname = %s", (index,)).scalar_one()
    return str(owner).rpartition("_p")[2]


def _guard(tx: Connection, trigger: Any, parts: int) -> None:  # noqa: ANN401 - a row of _TRIGGERS
    """Make a trigger again; one for whole statements is made for each part too, where it is not passed on."""
    owners: Sequence[str] = [trigger.owner]
    if trigger.once:
        owners = [trigger.owner, *(f"{trigger.owner}_p{part}" for part in range(parts))]
    for owner in owners:
        tx.exec_driver_sql(trigger.sql.replace(f" ON {_qualified(trigger)} ", f" ON {owner} ", 1))
        if trigger.enabled == "A":
            tx.exec_driver_sql(f"ALTER TABLE {owner} ENABLE ALWAYS TRIGGER {trigger.name}")


def _qualified(trigger: Any) -> str:  # noqa: ANN401 - a row of _TRIGGERS
    """Return the table as the trigger's own text has it, with its schema or without."""
    return str(trigger.sql.partition(" ON ")[2].partition(" FOR ")[0].strip())
