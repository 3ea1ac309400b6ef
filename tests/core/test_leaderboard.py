"""Boards on SQLite and PostgreSQL: ranks, ties, windows, as of a date, and what they cost."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, update

from points_core import leaderboard, ledger, policy, ranks, seasons
from points_core.database import writer_engine
from points_core.errors import InvalidSetting, UnknownCategory
from points_core.leaderboard import Board, Standing
from points_core.models import Member
from points_core.settings import sync_url
from points_core.values import MAX_AMOUNT, Receipt
from points_core.windows import CALENDAR, Window, WindowName
from tests.conftest import Databases
from tests.core.plans import effort, plans
from tests.core.posting import NOON, Move, Town, post

ALL = Window.all_time()
UTC_ZONE = ZoneInfo("UTC")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = writer_engine(sync_url(database_url))
    yield made
    made.dispose()


@pytest.fixture
def town(engine: Engine) -> Town:
    return Town(engine)


def lines(standings: tuple[Standing, ...]) -> list[tuple[int, str | None, int]]:
    return [(line.rank, line.user_id, line.points) for line in standings]


def board(town: Town, window: Window = ALL, **more: object) -> Board:
    return town.read(leaderboard.standings, window=window, **more)  # type: ignore[arg-type]


# ── ranks and ties ──


def test_equal_points_share_a_rank_and_the_next_rank_is_skipped(town: Town) -> None:
    town.post([Move("ada", 9), Move("bo", 5), Move("cy", 5), Move("di", 1)])

    assert lines(board(town).standings) == [(1, "ada", 9), (2, "bo", 5), (2, "cy", 5), (4, "di", 1)]


def test_among_equals_who_got_there_first_stands_first(town: Town) -> None:
    town.post([Move("ada", 3), Move("bo", 5), Move("ada", 2)])

    assert lines(board(town).standings) == [(1, "bo", 5), (1, "ada", 5)]


def test_a_board_is_cut_by_rank_and_never_splits_a_tie(town: Town) -> None:
    town.post([Move("ada", 9), Move("bo", 5), Move("cy", 5), Move("di", 5), Move("ed", 1)])

    seen = board(town, top=2)

    assert lines(seen.standings) == [(1, "ada", 9), (2, "bo", 5), (2, "cy", 5), (2, "di", 5)]
    assert seen.more_tied == 0
    assert seen.members == 5


def test_a_long_tie_is_bounded_and_says_how_many_more_share_its_rank(town: Town) -> None:
    for tied in (15, 16, 17, 40):
        there = town.elsewhere(f"town-{tied}")
        there.post([Move("ada", 9), Move("bo", 8), *(Move(f"u{n}", 5) for n in range(tied)), Move("ed", 4)])
        shown = min(tied, 3 + leaderboard.TIED - 2)

        for as_of in (None, NOON):
            seen = board(there, top=3, as_of=as_of)
            assert lines(seen.standings[2:]) == [(3, f"u{n}", 5) for n in range(shown)]
            assert seen.more_tied == tied - shown
            assert seen.members == tied + 3


def test_only_members_with_more_than_no_points_stand(town: Town) -> None:
    town.set(allow_negative=True)
    town.post([Move("ada", 2), Move("bo", 2), Move("bo", -2), Move("cy", -4)])

    for seen in (board(town), board(town, Window.today(NOON, UTC_ZONE)), board(town, as_of=NOON)):
        assert lines(seen.standings) == [(1, "ada", 2)]
        assert seen.members == 1
    assert board(town, around="bo").mine is None
    assert board(town, around="cy").neighbours == ()


def test_my_own_line_comes_with_the_one_above_and_the_one_below(town: Town) -> None:
    town.post([Move("ada", 9), Move("bo", 5), Move("cy", 5), Move("di", 5), Move("ed", 1)])
    ada, bo, cy, di, ed = every = board(town).standings
    near = {"ada": (ada, bo), "bo": (ada, bo, cy), "cy": (bo, cy, di), "ed": (di, ed)}

    for mine in (ada, bo, cy, ed):
        assert mine.user_id is not None
        for window in (ALL, Window.week(NOON, UTC_ZONE)):
            for as_of in (None, NOON):
                seen = board(town, window, top=1, around=mine.user_id, as_of=as_of)
                assert seen.standings == (ada,)
                assert seen.mine == mine
                assert seen.neighbours == near[mine.user_id]
    assert [line.rank for line in every] == [1, 2, 2, 2, 5]


def test_who_was_never_seen_has_no_line(town: Town) -> None:
    town.award("ada", 1)

    assert board(town, around="nobody").mine is None
    assert board(town, around="nobody", as_of=NOON).mine is None


def test_a_rank_is_one_more_than_the_members_with_more_points_at_every_edge_of_the_buckets(
    town: Town,
) -> None:
    scores = [1, 2, 254, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 2**24, 2**24 + 1, 10**12]
    town.set(max_award=10**12)
    town.post([Move(f"u{score}", score) for score in scores])

    with town.engine.begin() as tx:
        for asked in sorted(
            {0, *scores, *(score - 1 for score in scores), *(score + 1 for score in scores), 2**53}
        ):
            assert ranks.rank(tx, 1, 0, asked) == 1 + sum(score > asked for score in scores), asked
        assert ranks.count(tx, 1, 0) == len(scores)


# ── whose, and which points ──


def test_a_community_never_seen_has_an_empty_board(town: Town) -> None:
    seen = board(town, category="events", around="ada")

    assert seen == Board(ALL, None, "events", None)


def test_a_board_shows_one_community_only(town: Town) -> None:
    town.award("ada", 1)
    town.elsewhere("other").award("bo", 2)

    assert lines(board(town).standings) == [(1, "ada", 1)]
    assert lines(board(town, as_of=NOON).standings) == [(1, "ada", 1)]


def test_a_category_has_its_own_board_and_a_retired_one_keeps_it(town: Town) -> None:
    town.post([Move("ada", 9), Move("ada", 2, "events"), Move("bo", 3, "events")])
    town.write(policy.retire_category, town.origin(), "events")

    for as_of in (None, NOON):
        seen = board(town, category="EVENTS", as_of=as_of, around="ada")
        assert seen.category == "events"
        assert lines(seen.standings) == [(1, "bo", 3), (2, "ada", 2)]
        assert lines(seen.neighbours) == [(1, "bo", 3), (2, "ada", 2)]


def test_a_category_nobody_made_is_refused_with_those_there_are(town: Town) -> None:
    town.award("ada", 1)

    with pytest.raises(UnknownCategory) as refused:
        board(town, category="juggling")

    assert "events" in refused.value.known


@pytest.mark.parametrize("top", [0, -1, 1_001])
def test_a_board_of_no_lines_or_too_many_is_refused(town: Town, top: int) -> None:
    with pytest.raises(InvalidSetting):
        board(town, top=top)


def test_lines_carry_names_and_an_erased_member_keeps_the_place_without_one(town: Town) -> None:
    town.post([Move("ada", 2, name="Ada"), Move("bo", 1, name="Bo")])
    with town.engine.begin() as tx:
        tx.execute(update(Member).where(Member.user_id == "ada").values(user_id=None, name=None))

    for seen in (board(town), board(town, as_of=NOON)):
        assert seen.standings == (Standing(1, None, None, 2), Standing(2, "bo", "Bo", 1))


# ── windows and dates ──


def test_a_window_counts_points_where_they_are_effective_in_the_communitys_zone(town: Town) -> None:
    town.set(timezone="Europe/Berlin")
    monday = datetime(2026, 3, 15, 23, 30, tzinfo=UTC)  # 00:30 on Monday in Berlin
    town.post([Move("ada", 5, effective_at=monday), Move("bo", 3, effective_at=monday - timedelta(hours=1))])

    this_week = town.read(leaderboard.named, WindowName.WEEK, NOON)
    last_week = town.read(leaderboard.named, WindowName.LAST_WEEK, NOON)

    assert this_week.name is WindowName.WEEK
    assert lines(this_week.standings) == [(1, "ada", 5)]
    assert lines(last_week.standings) == [(1, "bo", 3)]


def test_days_from_and_to_are_summed_up(town: Town) -> None:
    moves = [Move("ada", 1, effective_at=NOON - timedelta(days=n)) for n in range(10)]
    town.post([*moves, Move("bo", 3, "events", effective_at=NOON - timedelta(days=3)), Move("cy", 7)])

    window = Window.between(date(2026, 3, 14), date(2026, 3, 18), UTC_ZONE)

    assert lines(board(town, window).standings) == [(1, "ada", 4), (2, "bo", 3)]
    assert lines(board(town, window, category="events").standings) == [(1, "bo", 3)]


def test_as_it_stood_forgets_what_was_written_later_and_as_corrected_knows_it(town: Town) -> None:
    then = NOON + timedelta(days=2)
    mistake = town.award("ada", 10, at=NOON)
    town.award("bo", 4, at=NOON)
    town.reverse(mistake.number, NOON + timedelta(days=5))
    town.award("cy", 6, at=NOON + timedelta(days=6), effective_at=NOON + timedelta(days=1))
    town.award("di", 99, at=NOON + timedelta(days=6))

    assert lines(board(town, as_of=then).standings) == [(1, "ada", 10), (2, "bo", 4)]
    assert lines(board(town, as_of=then, corrected=True).standings) == [(1, "cy", 6), (2, "bo", 4)]
    assert lines(board(town).standings) == [(1, "di", 99), (2, "cy", 6), (3, "bo", 4)]


def test_a_named_window_as_of_a_date_is_the_one_that_was_current_then(town: Town) -> None:
    town.award("ada", 1, at=NOON)
    town.award("bo", 1, at=NOON + timedelta(days=7))

    seen = town.read(
        leaderboard.named, WindowName.WEEK, NOON + timedelta(days=8), as_of=NOON + timedelta(days=1)
    )

    assert seen.window == Window.week(NOON, UTC_ZONE)
    assert seen.as_of == NOON + timedelta(days=1)
    assert lines(seen.standings) == [(1, "ada", 1)]


# ── what it costs ──


@pytest.mark.parametrize("analyzed", [False, True])
@pytest.mark.parametrize("window", [ALL, Window.month(NOON, UTC_ZONE), Window.today(NOON, UTC_ZONE)])
@pytest.mark.parametrize("category", [None, "events"])
def test_no_board_reads_all_members_or_sorts_on_sqlite(
    databases: Databases, analyzed: bool, window: Window, category: str | None
) -> None:
    url = databases.new("sqlite")
    engine = writer_engine(sync_url(url))
    town = Town(engine)
    town.post(
        [
            Move(f"u{n}", 1 + n % 50, "events" if n % 3 else None, effective_at=NOON - timedelta(days=n % 40))
            for n in range(1_000)
        ]
    )
    if analyzed:
        with engine.begin() as tx:
            tx.exec_driver_sql("ANALYZE")
    engine.dispose()  # a new connection reads the statistics

    steps = plans(engine, lambda: board(town, window, category=category, around="u520"))
    engine.dispose()

    about_scores = [step for step in steps if "point_scores" in step]
    assert len(about_scores) >= 4
    for step in about_scores:
        assert "TEMP B-TREE" not in step
        assert "SCAN" not in step
        assert "ix_point_scores_standing" in step or "PRIMARY KEY" in step
        assert "category_id=?" in step
    assert not [
        step for step in steps if "SCAN point" in step or "SCAN members" in step or "SCAN score" in step
    ]
    if window is ALL:
        counted = [step for step in steps if "score_buckets" in step]
        assert counted
        assert all("bucket>? AND bucket<?" in step or "level=?)" in step for step in counted)


def test_six_times_the_members_cost_a_board_with_buckets_no_more_on_sqlite(databases: Databases) -> None:
    engine = writer_engine(sync_url(databases.new("sqlite")))
    sizes = {"village": 1_000, "city": 6_000}  # in both, every score from 1 to 700 is somebody's
    for community, members in sizes.items():
        town = Town(engine, community)
        town.post([Move(f"u{n}", 1 + n * 7919 % 700) for n in range(members)])
        town.write(seasons.start, town.origin(), name="Spring", last=NOON.date())
    year, month = (Window.named(name, NOON, UTC_ZONE) for name in (WindowName.YEAR, WindowName.MONTH))

    def cost(community: str, window: Window | None, around: str | None) -> int:
        def look() -> object:
            if window is None:
                return leaderboard.of_season(tx, community, "Spring", around=around)
            return leaderboard.standings(tx, community, window=window, around=around)

        with engine.connect() as tx:
            return effort(tx, look)

    for around in (None, "u7", "u150", "u699"):
        for window in (ALL, year, None):
            assert cost("city", window, around) <= 1.2 * cost("village", window, around), (window, around)
    assert cost("city", month, None) <= 1.2 * cost("village", month, None)
    engine.dispose()


# ── against a simple model ──

PEOPLE = ("ada", "bo", "cy", "di", "ed")
CATEGORIES = (None, "events", "helping")
BEGIN = datetime(2025, 12, 20, 3, tzinfo=UTC)
_towns = count(1)

amounts = st.integers(-9, 12).filter(bool)
movements = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE),
        amounts,
        st.sampled_from(CATEGORIES),
        st.integers(0, 90),  # hours since the last one
        st.integers(0, 60 * 24),  # hours that it is dated back
        st.booleans(),  # taken back by the next
    ),
    min_size=1,
    max_size=25,
)


def naive(
    receipts: list[Receipt],
    category: str | None,
    window: Window,
    top: int,
    around: str,
    as_of: datetime | None,
    corrected: bool,
) -> tuple[list[Standing], int, Standing | None, list[Standing]]:
    """Return (lines, members, mine, neighbours) the slow and obvious way."""
    points: dict[str, int] = {}
    reached: dict[str, int] = {}
    for receipt in receipts:
        seen = as_of is None or (receipt.effective_at if corrected else receipt.recorded_at) <= as_of
        if seen and window.holds(receipt.effective_at) and category in (None, receipt.category):
            assert receipt.user_id is not None
            points[receipt.user_id] = points.get(receipt.user_id, 0) + receipt.amount
            reached[receipt.user_id] = receipt.number
    order = sorted((who for who in points if points[who] > 0), key=lambda who: (-points[who], reached[who]))
    every = [
        Standing(1 + sum(points[other] > points[who] for other in order), who, None, points[who])
        for who in order
    ]
    mine = next((place for place, line in enumerate(every) if line.user_id == around), None)
    near = every[max(mine - 1, 0) : mine + 2] if mine is not None else []
    return (
        [line for line in every if line.rank <= top],
        len(every),
        every[mine] if mine is not None else None,
        near,
    )


def post_all(
    tx: Connection, town: Town, drawn: list[tuple[str, int, str | None, int, int, bool]]
) -> tuple[list[Receipt], datetime]:
    receipts: list[Receipt] = []
    now = BEGIN
    for who, amount, category, wait, back, mistaken in drawn:
        now += timedelta(hours=wait)
        move = Move(who, amount, category, at=now, effective_at=now - timedelta(hours=back))
        receipts += post(tx, town.community, [move])
        if mistaken:
            now += timedelta(hours=1)
            number = receipts[-1].number
            receipts.append(ledger.reverse(tx, town.origin(now), number, reason="a mistake"))
    return receipts, now


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=movements,
    zone=st.sampled_from(["UTC", "Europe/Paris", "Pacific/Apia", "America/St_Johns"]),
    top=st.integers(1, 5),
    around=st.sampled_from(PEOPLE),
    category=st.sampled_from(CATEGORIES),
    ago=st.integers(0, 24 * 40),
    length=st.integers(1, 45),
)
def test_every_board_is_what_a_simple_model_says(
    engine: Engine,
    drawn: list[tuple[str, int, str | None, int, int, bool]],
    zone: str,
    top: int,
    around: str,
    category: str | None,
    ago: int,
    length: int,
) -> None:
    town = Town(engine, f"town-{next(_towns)}")
    with engine.connect() as tx:  # nothing is kept: thousands of commits would only take time
        policy.change(tx, town.origin(), allow_negative=True, timezone=zone)
        receipts, now = post_all(tx, town, drawn)
        moment = now - timedelta(hours=ago)
        first = moment.astimezone(ZoneInfo(zone)).date()
        windows = [Window.named(name, moment, ZoneInfo(zone)) for name in WindowName]
        windows.append(Window.between(first, first + timedelta(days=length), ZoneInfo(zone)))

        for window in windows:
            for as_of, corrected in ((None, False), (moment, False), (moment, True)):
                seen = leaderboard.standings(
                    tx,
                    town.community,
                    window=window,
                    category=category,
                    top=top,
                    around=around,
                    as_of=as_of,
                    corrected=corrected,
                )
                expected = naive(receipts, category, window, top, around, as_of, corrected)
                found = (list(seen.standings), seen.members, seen.mine, list(seen.neighbours))
                assert found == expected, (window.span, as_of, corrected)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scores=st.lists(st.integers(1, MAX_AMOUNT) | st.integers(1, 700), min_size=1, max_size=40))
def test_ranks_by_buckets_are_ranks_by_counting(engine: Engine, scores: list[int]) -> None:
    town = Town(engine, f"town-{next(_towns)}")
    with engine.connect() as tx:
        post(tx, town.community, [Move(f"u{n}", score) for n, score in enumerate(scores)])
        for window in (
            ALL,
            *(Window.named(name, NOON, UTC_ZONE) for name in (WindowName.YEAR, WindowName.TODAY)),
        ):
            for n, score in enumerate(scores):
                seen = leaderboard.standings(tx, town.community, window=window, top=1, around=f"u{n}")
                assert seen.mine is not None
                assert seen.members == len(scores)
                assert (seen.mine.rank, seen.mine.points) == (
                    1 + sum(other > score for other in scores),
                    score,
                )


def test_the_spans_of_the_calendar_are_all_tested() -> None:  # seasons are, beside their seal
    assert {Window.named(name, NOON, UTC_ZONE).span for name in WindowName} == set(CALENDAR)
