"""Days on which members were active, on SQLite and PostgreSQL, and the streaks that are read from them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Engine

from points_core import active_days, history, privacy, verification
from points_core.active_days import CHECK_IN
from points_core.database import writer_engine
from points_core.exports.rows import Scope, pages
from points_core.history import OtherFreezes
from points_core.portable import Table
from points_core.programme import Programme
from points_core.settings import sync_url
from tests.core.conftest import by
from tests.core.posting import NOON, Town

DAY = timedelta(days=1)
TODAY = NOON.date().toordinal()
ADA, GRACE, JOAN = "1001", "1002", "1003"


@pytest.fixture
def town(database_url: str) -> Iterator[Town]:
    engine: Engine = writer_engine(sync_url(database_url))
    made = Town(engine)
    for user_id in (ADA, GRACE, JOAN):
        made.award(user_id, 1)
    yield made
    engine.dispose()


def keep(town: Town, member_id: int, *days: int, source: int = CHECK_IN) -> list[bool]:
    return [town.write(active_days.keep, 1, member_id, day, source) for day in days]


def test_a_day_is_kept_once_for_each_reason_and_is_new_once(town: Town) -> None:
    assert keep(town, 1, TODAY, TODAY) == [True, False]
    assert keep(town, 1, TODAY, source=7) == [False]
    assert keep(town, 2, TODAY, source=7) == [True]
    assert town.write(active_days.of, 1, [1, 2, 3]) == {1: (TODAY,), 2: (TODAY,), 3: ()}


def test_a_day_is_what_the_communitys_clocks_show() -> None:
    at = datetime(2026, 3, 18, 23, 30, tzinfo=UTC)

    assert active_days.local_day(at, ZoneInfo("UTC")) == date(2026, 3, 18).toordinal()
    assert active_days.local_day(at, ZoneInfo("Europe/Berlin")) == date(2026, 3, 19).toordinal()


def test_streaks_are_read_with_the_communitys_freezes_and_zone(town: Town) -> None:
    keep(town, 1, TODAY - 3, TODAY - 1, TODAY)
    town.set(programme=Programme(streak_freezes=1))

    found = town.read(history.streaks, ADA, NOON)

    assert (found.daily.current, found.daily.freezes_left, found.weekly.current) == (3, 0, 2)
    assert town.read(history.streaks, ADA, NOON + 2 * DAY).daily.current == 0


def test_who_is_not_known_has_no_streak(town: Town) -> None:
    assert town.read(history.streaks, "4242", NOON).daily.current == 0
    assert town.elsewhere("nowhere").read(history.streaks, ADA, NOON).weekly.best == 0


def test_other_freezes_end_and_revive_streaks_in_the_preview_only(town: Town) -> None:
    keep(town, 1, TODAY - 2, TODAY - 1, TODAY)
    keep(town, 2, TODAY - 3, TODAY - 1)
    keep(town, 3, TODAY - 6, TODAY - 5)
    town.set(programme=Programme(streak_freezes=1))

    assert town.read(history.with_freezes, 1, NOON) == OtherFreezes(2, 0, 0)
    assert town.read(history.with_freezes, 0, NOON) == OtherFreezes(2, 1, 0)
    assert town.read(history.with_freezes, 5, NOON) == OtherFreezes(2, 0, 1)
    assert town.elsewhere("nowhere").read(history.with_freezes, 5, NOON) == OtherFreezes(0, 0, 0)


def test_who_was_here_when_is_in_their_copy_in_exports_and_goes_with_them(town: Town) -> None:
    keep(town, 1, TODAY - 1, TODAY)
    keep(town, 1, TODAY, source=7)
    keep(town, 2, TODAY)

    copied = town.read(privacy.copy, ADA, NOON)
    assert copied.days == (NOON.date() - DAY, NOON.date())
    assert privacy.document(copied)["days"] == ["2026-03-17", "2026-03-18"]
    assert "Days that count for streaks (2)\n  2026-03-17\n  2026-03-18\n" in town.write(privacy.text, copied)
    assert exported(town) == [
        (ADA, None, "2026-03-17", None),
        (ADA, None, "2026-03-18", None),
        (ADA, None, "2026-03-18", 7),
        (GRACE, None, "2026-03-18", None),
    ]

    town.set(erasure_days=0)
    town.write(privacy.ask, by(ADA), ADA)
    town.write(privacy.erase_due, NOON)

    assert exported(town) == [(GRACE, None, "2026-03-18", None)]
    assert town.write(verification.verify) == []


def exported(town: Town) -> list[tuple[object, ...]]:
    def rows(tx: Connection) -> list[tuple[object, ...]]:
        return [tuple(row) for page in pages(tx, town.community, Table.DAYS, Scope()) for row in page]

    return town.write(rows)
