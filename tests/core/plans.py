"""What SQLite intends to do: the plan of every statement that a read sends."""

from collections.abc import Callable

from sqlalchemy import Engine, event


def plans(engine: Engine, read: Callable[[], object]) -> list[str]:
    """Return the steps of each statement that `read` sends over `engine`, one line per statement."""
    sent: list[tuple[str, object]] = []

    def remember(
        connection: object, cursor: object, statement: str, parameters: object, *rest: object
    ) -> None:
        sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", remember)
    try:
        read()
    finally:
        event.remove(engine, "before_cursor_execute", remember)
    with engine.begin() as tx:
        return [
            "; ".join(row.detail for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))  # type: ignore[arg-type]
            for statement, parameters in sent
            if statement.startswith(("SELECT", "WITH"))
        ]
