"""Triggers that keep the books append-only against any program that opens the database, not only ours.

On SQLite they also stop REPLACE (which deletes without firing delete triggers), on PostgreSQL also
TRUNCATE and the replica role. A refused duplicate raises the name of its constraint.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import Connection, text

ERASABLE = ("reason", "evidence", "salt")
"""What erasure may empty in a ledger row, and nobody may fill again."""

LEDGER_COLUMNS = (
    "community_id, seq, member_id, member_seq, kind, amount, balance_after, floor, category_id, actor_kind, "
    "actor_id, validator_id, request_number, reverses, key, request_hash, effective_at, recorded_at, prev_hash, hash"
)
REQUEST_COLUMNS = (
    "community_id, number, kind, member_id, amount, category_id, actor_kind, actor_id, key, request_hash, quorum, "
    "effective_at, opened_at, expires_at"
)

UNIQUE_KEYS: dict[str, dict[str, tuple[str, ...]]] = {
    "point_transactions": {
        "pk_point_transactions": ("community_id", "seq"),
        "uq_point_transactions_community_id_key": ("community_id", "key"),
        "uq_point_transactions_community_id_reverses": ("community_id", "reverses"),
        "uq_point_transactions_community_id_member_id_member_seq": (
            "community_id",
            "member_id",
            "member_seq",
        ),
    },
    "approval_votes": {"pk_approval_votes": ("community_id", "request_number", "voter_id")},
    "audit_events": {
        "pk_audit_events": ("community_id", "number"),
        "uq_audit_events_community_id_key_action_target": ("community_id", "key", "action", "target"),
    },
}


def _sqlite_replace(table: str) -> str:
    cases = "\n".join(
        f"  SELECT RAISE(ABORT, '{name}') WHERE EXISTS (SELECT 1 FROM {table} WHERE "
        + " AND ".join(f"{column} = NEW.{column}" for column in columns)
        + ");"
        for name, columns in UNIQUE_KEYS[table].items()
    )
    return f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} BEGIN\n{cases}\nEND"


def _sqlite(name: str, when: str, table: str, words: str, condition: str = "") -> str:
    return (
        f"CREATE TRIGGER {name} BEFORE {when} ON {table} {condition}\n"
        f"BEGIN SELECT RAISE(ABORT, '{table}: {words}'); END"
    )


def _sqlite_guards() -> dict[str, str]:
    filled = " OR ".join(f"NEW.{column} IS NOT NULL" for column in ERASABLE)
    guards = {
        "point_transactions_no_update": _sqlite(
            "point_transactions_no_update", f"UPDATE OF {LEDGER_COLUMNS}", "point_transactions", "append-only"
        ),
        "point_transactions_only_erase": _sqlite(
            "point_transactions_only_erase",
            f"UPDATE OF {', '.join(ERASABLE)}",
            "point_transactions",
            "texts can only be erased",
            f"WHEN {filled}",
        ),
        "ledger_heads_forward": _sqlite(
            "ledger_heads_forward", "UPDATE", "ledger_heads", "never goes back", "WHEN NEW.seq < OLD.seq"
        ),
        "ledger_heads_no_delete": _sqlite("ledger_heads_no_delete", "DELETE", "ledger_heads", "append-only"),
        "approval_requests_frozen": _sqlite(
            "approval_requests_frozen",
            f"UPDATE OF {REQUEST_COLUMNS}",
            "approval_requests",
            "what was asked stays",
        ),
        "approval_requests_once": _sqlite(
            "approval_requests_once",
            "UPDATE OF state",
            "approval_requests",
            "decided once",
            "WHEN OLD.state <> 'pending' AND NEW.state <> OLD.state",
        ),
        "approval_requests_no_delete": _sqlite(
            "approval_requests_no_delete", "DELETE", "approval_requests", "append-only"
        ),
    }
    for table in UNIQUE_KEYS:
        guards[f"{table}_no_delete"] = _sqlite(f"{table}_no_delete", "DELETE", table, "append-only")
        guards[f"{table}_no_replace"] = _sqlite_replace(table)
    for table in ("approval_votes", "audit_events"):
        guards[f"{table}_no_update"] = _sqlite(f"{table}_no_update", "UPDATE", table, "append-only")
    return guards


_POSTGRES_REFUSE = """
CREATE FUNCTION points_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '%: append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""

_POSTGRES_ONLY_ERASE = """
CREATE FUNCTION points_only_erase() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF to_jsonb(NEW) - '{reason,evidence,salt}'::text[] = to_jsonb(OLD) - '{reason,evidence,salt}'::text[]
     AND NEW.reason IS NULL AND NEW.evidence IS NULL AND NEW.salt IS NULL THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION '%: append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""

_POSTGRES_FORWARD = """
CREATE FUNCTION points_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.seq < OLD.seq THEN
    RAISE EXCEPTION 'ledger_heads: never goes back' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$
"""

_POSTGRES_ONCE = f"""
CREATE FUNCTION points_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> 'pending' AND NEW.state <> OLD.state
     OR ({", ".join("OLD." + name.strip() for name in REQUEST_COLUMNS.split(","))})
        IS DISTINCT FROM ({", ".join("NEW." + name.strip() for name in REQUEST_COLUMNS.split(","))}) THEN
    RAISE EXCEPTION 'approval_requests: decided once' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NEW;
END $$
"""


def _postgres(name: str, when: str, table: str, function: str, each: str = "ROW") -> str:
    return (
        f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}();\n"
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"
    )


def _postgres_guards() -> dict[str, str]:
    guards = {
        "point_transactions_only_erase": _postgres(
            "point_transactions_only_erase", "UPDATE", "point_transactions", "points_only_erase"
        ),
        "ledger_heads_forward": _postgres("ledger_heads_forward", "UPDATE", "ledger_heads", "points_forward"),
        "approval_requests_once": _postgres(
            "approval_requests_once", "UPDATE", "approval_requests", "points_decided_once"
        ),
    }
    for table in ("approval_votes", "audit_events"):
        guards[f"{table}_no_update"] = _postgres(f"{table}_no_update", "UPDATE", table, "points_refuse")
    for table in (*UNIQUE_KEYS, "ledger_heads", "approval_requests"):
        guards[f"{table}_no_delete"] = _postgres(f"{table}_no_delete", "DELETE", table, "points_refuse")
        guards[f"{table}_no_truncate"] = _postgres(
            f"{table}_no_truncate", "TRUNCATE", table, "points_refuse", "STATEMENT"
        )
    return guards


KEPT = ("batches", "anchors", "season_standings")
"""Tables of revision 0003 whose rows stay as they were written."""


REFERRED = ("members", "categories")
"""Tables whose numbers the ledger names for good: texts in them change, rows stay."""


def _record_guards(dialect: str) -> dict[str, str]:
    """The guards that came with revision 0003."""
    guards: dict[str, str] = {}
    for table in KEPT:
        for what in ("UPDATE", "DELETE"):
            name = f"{table}_no_{what.lower()}"
            guards[name] = (
                _sqlite(name, what, table, "append-only")
                if dialect == "sqlite"
                else _postgres(name, what, table, "points_refuse")
            )
    for table in REFERRED:
        name = f"{table}_no_delete"
        guards[name] = (
            _sqlite(name, "DELETE", table, "append-only")
            if dialect == "sqlite"
            else _postgres(name, "DELETE", table, "points_refuse")
        )
    sealed = "WHEN OLD.sealed_at IS NOT NULL" if dialect == "sqlite" else "WHEN (OLD.sealed_at IS NOT NULL)"
    for name, what, condition in (
        ("seasons_stay_sealed", "UPDATE", sealed),
        ("seasons_no_delete", "DELETE", ""),
    ):
        guards[name] = (
            _sqlite(name, what, "seasons", "append-only", condition)
            if dialect == "sqlite"
            else _postgres(name, what, "seasons", "points_refuse", f"ROW {condition}".rstrip())
        )
    if dialect == "sqlite":
        name = "point_transactions_batch_stays"
        guards[name] = _sqlite(name, "UPDATE OF batch", "point_transactions", "append-only")
    return guards


GRANTED = (
    "community_id, rule_number, fact_key, version, shadow, member_id, other_id, channel, at, amount, "
    "transaction_seq, request_number"
)
HELD = "community_id, badge_number, member_id, step, nth, earned_at, earned_seq"


def _rule_guards(dialect: str) -> dict[str, str]:
    """The guards that came with revision 0004."""
    wanted = [
        ("rule_versions_no_update", "UPDATE", "rule_versions"),
        ("rule_grants_stay", f"UPDATE OF {GRANTED}", "rule_grants"),
        ("badge_holdings_stay", f"UPDATE OF {HELD}", "badge_holdings"),
        ("approval_requests_rule_stays", "UPDATE OF rule_number, rule_version", "approval_requests"),
    ]
    stay = ("point_rules", "rule_versions", "rule_grants", "badges", "badge_holdings")
    wanted.extend((f"{table}_no_delete", "DELETE", table) for table in stay)
    if dialect == "sqlite":  # on PostgreSQL one trigger minds every column
        wanted.append(
            ("point_transactions_rule_stays", "UPDATE OF rule_number, rule_version", "point_transactions")
        )
        return {name: _sqlite(name, when, table, "append-only") for name, when, table in wanted}
    return {name: _postgres(name, when, table, "points_refuse") for name, when, table in wanted}


def names(dialect: str) -> frozenset[str]:
    """Return the names of the triggers a database of `dialect` must have."""
    first = _sqlite_guards() if dialect == "sqlite" else _postgres_guards()
    return frozenset(first | _record_guards(dialect) | _rule_guards(dialect))


def rule_statements(dialect: str) -> Iterator[str]:
    """Yield the DDL of the guards that came with revision 0004."""
    for ddl in _rule_guards(dialect).values():
        yield from [ddl] if dialect == "sqlite" else ddl.split(";\n")


def record_statements(dialect: str) -> Iterator[str]:
    """Yield the DDL of the guards that came with revision 0003."""
    for ddl in _record_guards(dialect).values():
        yield from [ddl] if dialect == "sqlite" else ddl.split(";\n")


def statements(dialect: str, tables: Collection[str]) -> Iterator[str]:
    """Yield the DDL that guards `tables`, one statement at a time, as a migration runs it."""
    guards = _sqlite_guards() if dialect == "sqlite" else _postgres_guards()
    for name, ddl in guards.items():
        if name.startswith(tuple(tables)):
            yield from [ddl] if dialect == "sqlite" else ddl.split(";\n")


@contextmanager
def lifted(connection: Connection, guards: Mapping[str, str]) -> Iterator[None]:
    """Take guards (the table of each by its name) away for a correction, within its transaction; put them back."""
    if connection.dialect.name == "sqlite":
        stored = text("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND name = :name")
        again = [str(connection.execute(stored, {"name": name}).scalar_one()) for name in guards]
        away = [f"DROP TRIGGER {name}" for name in guards]
    else:
        away = [f"ALTER TABLE {table} DISABLE TRIGGER {name}" for name, table in guards.items()]
        again = [f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}" for name, table in guards.items()]
    for statement in away:
        connection.exec_driver_sql(statement)
    yield
    for statement in again:
        connection.exec_driver_sql(statement)


def functions() -> dict[str, str]:
    """Return the functions behind the triggers of PostgreSQL, by name."""
    return {
        "points_refuse": _POSTGRES_REFUSE,
        "points_only_erase": _POSTGRES_ONLY_ERASE,
        "points_forward": _POSTGRES_FORWARD,
        "points_decided_once": _POSTGRES_ONCE,
    }
