"""What SQLite intends to do, and how much it does: the plans of a read's statements, and its steps."""

from collections.abc import Callable

from sqlalchemy import Connection, Engine, event


def plans(engine: Engine, read: Callable[[], object]) -> list[str]:
    """Return the plan of each statement that `read` sends over `engine`."""
    sent: list[tuple[str, tuple[object, ...]]] = []

    def remember(
        connection: object, cursor: object, statement: str, parameters: tuple[object, ...], *rest: object
    ) -> None:
        sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", remember)
    try:
        read()
    finally:
        event.remove(engine, "before_cursor_execute", remember)
    with engine.begin() as tx:
        return [
            "; ".join(row.detail for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters))
            for statement, parameters in sent
            if statement.startswith(("SELECT", "WITH"))
        ]


def effort(tx: Connection, read: Callable[[], object]) -> int:
    """Return how many tens of instructions SQLite's machine runs for `read`: a measure that no busy host changes."""
    driver = tx.connection.driver_connection
    assert driver is not None
    calls = 0

    def called() -> None:
        nonlocal calls
        calls += 1

    read()  # statements are compiled once
    driver.set_progress_handler(called, 10)
    try:
        read()
    finally:
        driver.set_progress_handler(None, 10)
    return calls
