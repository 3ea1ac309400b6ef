"""Boards of any days and as of any date, against the raw scan of the transactions on the same file."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from points_core import history, leaderboard
from points_core.database import study_engine
from points_core.windows import Window, WindowName
from tests.bench.filling import NOW, TOWN, shaped_books, stored
from tests.bench.suite import Bench, Figure, part

PER_MEMBER = 10
UTC = ZoneInfo("UTC")
DAYS_AGO = (1, 30, 180)
RANGES = ((200, 100), (40, 3))
GOAL, LARGE = 0.25, 1_000_000
SCAN = "the raw scan"

Question = tuple[str, Callable[[], object], Callable[[], object], float | None]


def scan(tx: Connection, as_of: datetime, window: Window, column: str) -> list[object]:
    """Return the top ten the plain way: one statement over the ledger."""
    conditions = f"community_id = 1 AND {column} <= ?"
    values = [stored(as_of)]
    if window.start is not None and window.end is not None:
        conditions += " AND effective_at >= ? AND effective_at < ?"
        values += [stored(moment) for moment in (window.start, window.end)]
    statement = (
        f"SELECT member_id, sum(amount) AS points, max(seq) AS reached FROM point_transactions "
        f"WHERE {conditions} GROUP BY member_id HAVING points > 0 ORDER BY points DESC, reached LIMIT 10"
    )
    return list(tx.exec_driver_sql(statement, tuple(values)).all())


@part("ranges")
async def ranges(bench: Bench) -> AsyncIterator[Figure]:
    """Boards whose answer no table holds."""
    for size in bench.sizes:
        engine = study_engine(shaped_books(bench, max(1, size // PER_MEMBER), size))
        rounds = bench.rounds if size < 1_000_000 else min(bench.rounds, 3)
        with engine.connect() as tx:
            for work, ours, raw, most in questions(tx):
                times = await bench.turns(rounds=rounds, ours=ours, raw=raw)
                goal = most if size >= LARGE else None
                yield times.figure(work, size, against="raw", baseline=SCAN, most=goal)
        engine.dispose()


def questions(tx: Connection) -> Iterator[Question]:
    """Yield each question, how the core and how a scan answers it, and the goal."""
    for days in DAYS_AGO:
        as_of = NOW - timedelta(days=days, hours=5)
        for corrected, column in ((False, "recorded_at"), (True, "effective_at")):
            when = f"{days} days ago, {'corrected' if corrected else 'as it stood'}"
            for name in (WindowName.ALL, WindowName.MONTH, WindowName.LAST_MONTH):
                board = partial(leaderboard.named, tx, TOWN, name, NOW, as_of=as_of, corrected=corrected)
                raw = partial(scan, tx, as_of, Window.named(name, as_of, UTC), column)
                yield f"board {name}, {when}", board, raw, GOAL
        balance = partial(history.balance, tx, TOWN, "u7", as_of=as_of)
        everything = partial(scan, tx, as_of, Window.named(WindowName.ALL, as_of, UTC), "recorded_at")
        yield f"balance and rank, {days} days ago", balance, everything, None
    for first, last in RANGES:
        begin, end = ((NOW - timedelta(days=days)).date() for days in (first, last))
        raw = partial(scan, tx, NOW, Window.between(begin, end + timedelta(days=1), UTC), "effective_at")
        work = f"board from {first} to {last} days ago"
        yield work, partial(leaderboard.between, tx, TOWN, begin, end, NOW), raw, GOAL
        compared = partial(leaderboard.between, tx, TOWN, begin, end, NOW, compare=True)
        yield f"{work}, compared", compared, raw, None
