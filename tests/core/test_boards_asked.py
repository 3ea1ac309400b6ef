"""A board is asked for by name, by days or by season: each with every choice it offers, one at a time."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from points_core import leaderboard, seasons
from points_core.database import writer_engine
from points_core.errors import InvalidSetting
from points_core.leaderboard import Board
from points_core.settings import sync_url
from points_core.windows import WindowName
from tests.core.posting import NOON, Move, Town

DAY = timedelta(days=1)
NOW = NOON + 3 * DAY
FIRST, LAST = date(2026, 3, 17), date(2026, 3, 19)

CHOICES: list[dict[str, Any]] = [
    {},
    {"category": "events"},
    {"top": 1},
    {"around": "cy"},
    {"as_of": NOON + DAY},
    {"as_of": NOON + DAY, "corrected": True},
    {"compare": True},
]


@pytest.fixture
def town(database_url: str) -> Iterator[Town]:
    engine: Engine = writer_engine(sync_url(database_url))
    there = Town(engine)
    # The season before: cy led. This one: a tie below the first, a category, a mistake taken back later.
    there.write(
        seasons.start,
        there.origin(NOON - 40 * DAY),
        name="winter",
        first=date(2026, 2, 1),
        last=date(2026, 2, 28),
    )
    there.write(
        seasons.start,
        there.origin(NOON - 20 * DAY),
        name="spring",
        first=date(2026, 3, 1),
        last=date(2026, 3, 31),
    )
    there.award("cy", 50, effective_at=NOON - 30 * DAY)
    there.post(
        [Move("ada", 9), Move("bo", 5, "events"), Move("cy", 5), Move("di", 1, effective_at=NOON - 3 * DAY)]
    )
    mistake = there.award("ada", 4, "events")
    there.reverse(mistake.number, NOON + 2 * DAY)
    yield there
    engine.dispose()


def asked(town: Town, **more: Any) -> Board:
    return town.read(leaderboard.asked, NOW, **more)


@pytest.mark.parametrize("choice", CHOICES, ids=str)
def test_a_board_that_is_asked_for_is_the_one_of_that_kind(town: Town, choice: dict[str, Any]) -> None:
    plain = {"category": None, "top": 10, "around": None, "as_of": None, "corrected": False, "compare": False}
    all_said = plain | choice

    assert asked(town, **choice) == town.read(leaderboard.named, WindowName.ALL, NOW, **all_said)
    for window in WindowName:
        assert asked(town, window=window, **choice) == town.read(leaderboard.named, window, NOW, **all_said)
    for first, last in ((FIRST, LAST), (FIRST, None), (None, LAST)):
        assert asked(town, first=first, last=last, **choice) == town.read(
            leaderboard.between, first, last, NOW, **all_said
        )
    assert asked(town, season="spring", **choice) == town.read(leaderboard.of_season, "spring", **all_said)


@pytest.mark.parametrize(
    "kind", [{}, {"window": WindowName.MONTH}, {"first": FIRST}, {"season": "spring"}], ids=str
)
def test_no_choice_is_without_effect(town: Town, kind: dict[str, Any]) -> None:
    boards = [asked(town, **kind, **choice) for choice in CHOICES]
    compared = boards.pop()

    for one in boards[1:]:
        assert one != boards[0]
    if kind != {}:  # nothing is before all time
        assert compared != boards[0]


def test_without_a_choice_the_ten_best_of_all_time_are_shown(town: Town) -> None:
    town.post([Move(f"m{n}", 100 + n) for n in range(20)])

    seen = asked(town)

    assert (seen.name, len(seen.standings), seen.as_of, seen.corrected) == (WindowName.ALL, 10, None, False)
    assert seen == asked(town, top=10)
    for kind in ({"window": WindowName.WEEK}, {"first": FIRST}, {"season": "spring"}):
        assert asked(town, **kind) == asked(town, **kind, top=10)


@pytest.mark.parametrize(
    "both, shown",
    [
        ({"window": WindowName.WEEK, "first": FIRST}, WindowName.WEEK),
        ({"window": WindowName.WEEK, "last": LAST}, WindowName.WEEK),
        ({"window": WindowName.WEEK, "season": "spring"}, "spring"),
        ({"season": "spring", "first": FIRST}, "spring"),
        ({"season": "spring", "last": LAST}, "spring"),
        ({"season": "spring", "last": LAST, "window": WindowName.ALL}, "spring"),
    ],
    ids=str,
)
def test_two_kinds_at_once_are_refused_in_words(town: Town, both: dict[str, Any], shown: object) -> None:
    with pytest.raises(InvalidSetting) as refused:
        asked(town, **both)

    assert refused.value.name == "window"
    assert refused.value.value == shown
    assert refused.value.expected == "the only one of window, days and season"


# ── the season before ──


def moves_of(board: Board) -> list[tuple[str | None, int | None, bool]]:
    return [(line.user_id, line.moved, line.new) for line in board.standings]


def test_a_season_is_compared_with_the_one_before_it(town: Town) -> None:
    seen = asked(town, season="spring", compare=True)

    assert moves_of(seen) == [("ada", None, True), ("bo", None, True), ("cy", -1, False), ("di", None, True)]
    assert moves_of(asked(town, season="winter", compare=True)) == [("cy", None, False)]


def test_ranks_in_the_season_before_are_those_of_its_board(town: Town) -> None:
    lines = asked(town, season="winter").standings
    assert [(line.rank, line.user_id) for line in lines] == [(1, "cy")]
    window = asked(town, season="spring").window
    members = range(1, 10)

    def before(**more: Any) -> dict[int, int] | None:
        return town.read(leaderboard.ranks_before, members, window=window, **more)

    ranks = before(season="spring")
    assert ranks is not None
    assert list(ranks.values()) == [1]
    assert before(season="spring", category="events") == {}
    assert before(season="spring", as_of=NOON - 35 * DAY) == {}
    assert before(season="spring", as_of=NOON - 35 * DAY, corrected=True) == {}
    assert before(season="winter") is None
    assert town.elsewhere("nowhere").read(leaderboard.ranks_before, members, window=window) is None
