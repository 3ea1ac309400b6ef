"""What must hold after every fault: what was told is there once, what was not asked is not, and the books verify."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, func, select

from points_core import verification
from points_core.database import Points, study_engine
from points_core.models import PointTransaction
from points_core.settings import sync_url
from tests.faults.jobs import ask, settings


async def keep_word(url: str, said: Iterable[Any], again: int | None = None) -> None:
    """Assert that everything said to be done is there as said, when asked for again, and that `verify` is clean.

    again: at most so many of the keys are asked for again, the last ones.
    """
    told = {each[1]: each[2] for each in said if each[0] == "told"}
    asked = list(dict.fromkeys(each[1] for each in said if each[0] == "asking"))
    async with Points.opened(settings(url)) as points:
        before = await points.read(moved)
        for key in asked[-again:] if again else asked:
            answer = await ask(points, key)
            if told.get(key) is not None:
                assert answer == told[key], f"{key}: {answer}, but told was {told[key]}"
        assert await points.read(verification.verify) == []
        if set(told) == set(asked) and None not in told.values():
            assert await points.read(moved) == before, "something that was told was done a second time"


def moved(tx: Connection) -> tuple[int, int]:
    """Return how many transactions there are, and the sum of their amounts."""
    count, amount = tx.execute(
        select(func.count(), func.coalesce(func.sum(PointTransaction.amount), 0)).select_from(
            PointTransaction
        )
    ).one()
    return int(count), int(amount)


def state(url: str) -> tuple[int, int]:
    """Return `moved` of the database at `url`, which nobody may be writing to; and that it verifies."""
    engine = study_engine(sync_url(url))
    try:
        with engine.connect() as connection:
            assert verification.verify(connection) == []
            return moved(connection)
    finally:
        engine.dispose()
