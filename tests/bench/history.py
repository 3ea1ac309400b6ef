"""History pages of a member with very many transactions, against raw SQL that reads the same rows off the index."""

from collections.abc import AsyncIterator
from functools import partial

from sqlalchemy import Connection

from points_core import history
from points_core.database import study_engine
from tests.bench.boards import often
from tests.bench.filling import TOWN, true_books
from tests.bench.suite import Bench, Figure, Work, part

MEMBERS = 1_000
PAGE = 10
RAW = (
    "SELECT * FROM point_transactions WHERE community_id = 1 AND member_id = ? AND member_seq <= ? "
    f"ORDER BY member_seq DESC LIMIT {PAGE}"
)
BUSIEST = "SELECT member_id, transactions FROM point_balances ORDER BY transactions DESC LIMIT 1"
NUMBER = "SELECT seq FROM point_transactions WHERE community_id = 1 AND member_id = ? AND member_seq = ?"


def rows(tx: Connection, member: int, upto: int) -> object:
    """Read a page by raw SQL."""
    return tx.exec_driver_sql(RAW, (member, upto)).all()


@part("history")
async def pages(bench: Bench) -> AsyncIterator[Figure]:
    """The first, a middle and the last page of the busiest member."""
    for size in bench.sizes:
        engine = study_engine(true_books(bench, min(MEMBERS, size), size))
        with engine.connect() as tx:
            member, count = tx.exec_driver_sql(BUSIEST).one()
            works: dict[str, Work] = {}
            for name, upto in (("first", count), ("middle", count // 2), ("last", PAGE)):
                before = (
                    None if upto == count else tx.exec_driver_sql(NUMBER, (member, upto + 1)).scalar_one()
                )
                works[name] = often(
                    partial(history.page, tx, TOWN, user_id=f"u{member}", before=before, limit=PAGE)
                )
                works[f"raw {name}"] = often(partial(rows, tx, member, upto))
            times = await bench.turns(works)
        engine.dispose()
        note = f"of {count:,}"
        for name in ("first", "middle", "last"):
            work = f"{name} page of a history"
            yield times.figure(
                work, size, ours=name, against=f"raw {name}", baseline="the same rows by raw SQL", note=note
            )
        yield times.figure(
            "last page of a history", size, ours="last", against="first", baseline="the first page", most=1.5
        )
