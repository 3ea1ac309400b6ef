"""Boards and balances as of any date: what they are worth against copies of the database made at that moment."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from points_core import approvals, history, leaderboard, policy, sums
from points_core.database import writer_engine
from points_core.errors import InvalidSetting, InvalidTime
from points_core.history import Balance
from points_core.leaderboard import Board
from points_core.settings import sync_url
from points_core.sums import Wanted
from points_core.values import Kind, Receipt
from points_core.windows import Span, Window, WindowName, first_day, whole_spans
from tests.conftest import Databases
from tests.core.plans import effort
from tests.core.posting import NOON, Move, Town, post
from tests.core.test_leaderboard import BEGIN, CATEGORIES, PEOPLE, lines, movements, naive, post_all

UTC_ZONE = ZoneInfo("UTC")
DAY = timedelta(days=1)
_towns = count(1)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = writer_engine(sync_url(database_url))
    yield made
    made.dispose()


@pytest.fixture
def town(engine: Engine) -> Town:
    return Town(engine)


# ── against copies made at that moment ──

Looks = tuple[list[Board], list[Balance], list[tuple[int, ...]]]


def looks(town: Town, now: datetime, as_of: datetime | None) -> Looks:
    """Return every board, balance and first page there is, as of a date or now."""
    boards = [
        town.read(
            leaderboard.named, name, now, category=category, top=3, around="bo", as_of=as_of, compare=True
        )
        for name in WindowName
        for category in CATEGORIES
    ]
    days = (as_of or now).date()
    boards.append(
        town.read(leaderboard.between, days - 20 * DAY, days, now, around="cy", as_of=as_of, compare=True)
    )
    boards.append(town.read(leaderboard.between, None, None, now, as_of=as_of))
    balances = [town.read(history.balance, who, as_of=as_of) for who in PEOPLE]
    pages = [
        tuple(receipt.number for receipt in town.read(history.page, user_id=who, as_of=as_of).receipts)
        for who in (None, *PEOPLE)
    ]
    return (
        [replace(board, as_of=None, corrected=False) for board in boards],
        [replace(balance, as_of=None, corrected=False) for balance in balances],
        pages,
    )


class Story:
    """A town's history, drawn: awards, some dated back, deductions, undone things, requests, other zones."""

    def __init__(self, town: Town, seed: int) -> None:
        self.town = town
        self.draw = random.Random(seed)
        self.now = datetime(2025, 12, 20, 3, tzinfo=UTC)
        self.receipts: list[Receipt] = []
        self.waiting: list[int] = []
        town.set(allow_negative=True, approval_threshold=8)

    def go_on(self) -> None:
        self.now += timedelta(minutes=self.draw.randrange(1, 60 * 40))
        what = self.draw.random()
        if what < 0.08:
            self.town.write(
                policy.change,
                self.town.origin(self.now),
                timezone=self.draw.choice(["UTC", "Europe/Paris", "Pacific/Apia", "America/St_Johns"]),
            )
        elif what < 0.25 and self.receipts:
            original = self.receipts.pop(self.draw.randrange(len(self.receipts)))
            self.town.reverse(original.number, self.now)
        elif what < 0.35:
            self.ask()
        elif what < 0.4 and self.waiting:
            self.town.write(
                approvals.cancel, self.town.origin(self.now), self.waiting.pop(0), any_request=True
            )
        else:
            self.move()

    def move(self) -> None:
        back = timedelta(hours=self.draw.choice([0, 0, 0, 5, 30, 24 * 40, -24 * 3]))
        amount = self.draw.choice([-4, -1, 1, 2, 3, 5, 8])
        category = self.draw.choice(CATEGORIES)
        self.receipts.append(
            self.town.award(
                self.draw.choice(PEOPLE), amount, category, at=self.now, effective_at=self.now - back
            )
        )

    def ask(self) -> None:
        request = self.town.write(
            approvals.request,
            self.town.origin(self.now),
            kind=Kind.AWARD,
            user_id=self.draw.choice(PEOPLE),
            amount=9,
            reason="much",
        )
        self.waiting.append(request.number)


@pytest.mark.parametrize("seed", range(4))
def test_what_stood_then_is_what_a_copy_made_then_says(
    databases: Databases, database_url: str, seed: int
) -> None:
    engine = writer_engine(sync_url(database_url))
    story = Story(Town(engine), seed)
    copies: list[tuple[datetime, str]] = []
    for step in range(72):
        story.go_on()
        if step % 9 == 4:
            engine.dispose()  # a copy is made of a database that nobody uses
            copies.append((story.now, databases.copy(database_url)))

    for then, url in copies:
        copied = writer_engine(sync_url(url))
        assert looks(story.town, story.now, then) == looks(Town(copied), then, None), then
        copied.dispose()
        databases.drop(url)
    engine.dispose()


# ── against a simple model ──


def naive_balance(receipts: list[Receipt], who: str, as_of: datetime, corrected: bool) -> tuple[int, int]:
    """Return (current, earned) the slow and obvious way."""
    kinds = {receipt.number: receipt for receipt in receipts}
    current = earned = 0
    for receipt in receipts:
        seen = (receipt.effective_at if corrected else receipt.recorded_at) <= as_of
        if receipt.user_id == who and seen:
            original = kinds[receipt.reverses] if receipt.reverses else receipt
            current += receipt.amount
            earned += receipt.amount if original.amount > 0 else 0
    return current, earned


@example(
    drawn=[("ada", 1, None, 0, 0, False)], zone="America/St_Johns", who="ada", ago=0, length=1, category=None
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=movements,
    zone=st.sampled_from(["UTC", "Europe/Paris", "Pacific/Apia", "America/St_Johns"]),
    who=st.sampled_from(PEOPLE),
    ago=st.integers(0, 24 * 40),
    length=st.integers(1, 400),
    category=st.sampled_from(CATEGORIES),
)
def test_balances_ranks_days_and_movements_are_what_a_simple_model_says(
    engine: Engine,
    drawn: list[tuple[str, int, str | None, int, int, bool]],
    zone: str,
    who: str,
    ago: int,
    length: int,
    category: str | None,
) -> None:
    town = Town(engine, f"town-{next(_towns)}")
    with engine.connect() as tx:  # nothing is kept: thousands of commits would only take time
        long_ago = town.origin(BEGIN - timedelta(days=365))  # boards of then are of the zone of then
        policy.change(tx, long_ago, allow_negative=True, timezone=zone)
        receipts, now = post_all(tx, town, drawn)
        moment = now - timedelta(hours=ago)
        last = moment.astimezone(ZoneInfo(zone)).date()
        days = Window.between(last - timedelta(days=length - 1), last + DAY, ZoneInfo(zone))

        for as_of, corrected in ((moment, False), (moment, True)):
            found = history.balance(tx, town.community, who, as_of=as_of, corrected=corrected)
            current, earned = naive_balance(receipts, who, as_of, corrected)
            ranked = naive(receipts, None, Window.all_time(), 99, who, as_of, corrected)
            assert (found.current, found.earned, found.spent) == (current, earned, earned - current)
            assert found.rank == (ranked[2].rank if ranked[2] else None)
            assert found.members == ranked[1]

            board = leaderboard.between(
                tx,
                town.community,
                days.first,
                last,
                now,
                category=category,
                around=who,
                as_of=as_of,
                corrected=corrected,
                compare=True,
            )
            before = days.previous(ZoneInfo(zone))
            assert before is not None
            then = naive(receipts, category, before, 99, who, as_of, corrected)
            earlier = {line.user_id: line.rank for line in then[0]}
            here = naive(receipts, category, days, 10, who, as_of, corrected)
            assert list(board.standings) == [
                replace(
                    line,
                    moved=earlier[line.user_id] - line.rank if line.user_id in earlier else None,
                    new=line.user_id not in earlier,
                )
                for line in here[0]
            ]


@given(first=st.dates(date(1990, 1, 1), date(2050, 1, 1)), length=st.integers(0, 3_000))
def test_whole_spans_make_up_the_days_and_are_few(first: date, length: int) -> None:
    spans = whole_spans(first, first + length * DAY)

    days = [
        begin + n * DAY
        for span, begins in spans.items()
        for begin in begins
        for n in range(Window.of_span(span, begin, UTC_ZONE).after.toordinal() - begin.toordinal())  # type: ignore[union-attr]
    ]
    assert sorted(days) == [first + n * DAY for n in range(length)]
    assert all(first_day(span, begin) == begin for span, begins in spans.items() for begin in begins)
    assert Span.ALL not in spans
    assert sum(map(len, spans.values())) <= 34 + length // 365


# ── movements ──


def moves(board: Board) -> list[tuple[str | None, int | None, bool]]:
    return [(line.user_id, line.moved, line.new) for line in board.standings]


def test_a_board_says_who_rose_who_fell_and_who_is_new(town: Town) -> None:
    last_week = NOON - timedelta(days=7)
    town.post([Move("ada", 9, at=last_week), Move("bo", 5, at=last_week), Move("cy", 1, at=last_week)])
    town.post([Move("bo", 8), Move("ada", 4), Move("di", 3), Move("cy", 2)])

    week = town.read(leaderboard.named, WindowName.WEEK, NOON, compare=True, around="cy")

    assert moves(week) == [("bo", 1, False), ("ada", -1, False), ("di", None, True), ("cy", -1, False)]
    assert week.mine == week.standings[3]
    assert week.neighbours == week.standings[2:]


def test_who_shares_a_rank_moves_to_and_from_the_shared_one(town: Town) -> None:
    yesterday = NOON - DAY
    town.post([Move("ada", 5, at=yesterday), Move("bo", 5, at=yesterday), Move("cy", 5, at=yesterday)])
    town.post([Move("cy", 9), Move("bo", 2), Move("ada", 2)])

    today = town.read(leaderboard.named, WindowName.TODAY, NOON, compare=True)

    assert [line.rank for line in today.standings] == [1, 2, 2]
    assert moves(today) == [("cy", 0, False), ("bo", -1, False), ("ada", -1, False)]


def test_nothing_is_before_all_time_and_nothing_is_compared_unasked(town: Town) -> None:
    town.award("ada", 1)

    assert moves(town.read(leaderboard.named, WindowName.ALL, NOON, compare=True)) == [("ada", None, False)]
    assert moves(town.read(leaderboard.named, WindowName.WEEK, NOON)) == [("ada", None, False)]
    assert moves(town.read(leaderboard.named, WindowName.WEEK, NOON, compare=True)) == [("ada", None, True)]


def test_days_are_compared_with_as_many_days_before_them(town: Town) -> None:
    for days, who in ((0, "ada"), (1, "bo"), (2, "ada"), (3, "bo"), (3, "bo"), (4, "cy")):
        town.award(who, 1, at=NOON - DAY * 4, effective_at=NOON - days * DAY)

    board = town.read(leaderboard.between, date(2026, 3, 17), date(2026, 3, 18), NOON, compare=True)

    assert [line.rank for line in board.standings] == [1, 1]
    assert moves(board) == [("ada", 1, False), ("bo", 0, False)]


# ── days ──


def test_the_last_day_of_a_range_is_included_and_ends_may_be_left_open(town: Town) -> None:
    for days in (0, 1, 2, 3):
        town.award(f"u{days}", 1 + days, at=NOON - 4 * DAY, effective_at=NOON - days * DAY)

    def seen(first: date | None, last: date | None) -> list[str | None]:
        board = town.read(leaderboard.between, first, last, NOON)
        return [line.user_id for line in board.standings]

    assert seen(date(2026, 3, 16), date(2026, 3, 17)) == ["u2", "u1"]
    assert seen(date(2026, 3, 17), None) == ["u1", "u0"]
    assert seen(None, date(2026, 3, 16)) == ["u3", "u2"]
    assert seen(None, None) == ["u3", "u2", "u1", "u0"]
    assert town.read(leaderboard.between, None, date(2026, 3, 16), NOON).window.first == date(2026, 3, 15)


def test_days_that_end_before_they_begin_are_refused(town: Town) -> None:
    with pytest.raises(InvalidTime):
        town.read(leaderboard.between, date(2026, 3, 16), date(2026, 3, 15), NOON)


def test_a_window_and_days_at_once_are_refused(town: Town) -> None:
    with pytest.raises(InvalidSetting):
        town.read(leaderboard.asked, NOON, window=WindowName.WEEK, first=date(2026, 3, 16))


def test_a_window_of_another_zone_is_counted_by_its_instants(town: Town) -> None:
    town.award("ada", 1, effective_at=datetime(2026, 3, 17, 23, 30, tzinfo=UTC))
    paris = Window.today(NOON, ZoneInfo("Europe/Paris"))

    assert lines(town.read(leaderboard.standings, window=paris).standings) == [(1, "ada", 1)]
    assert lines(town.read(leaderboard.standings, window=Window.today(NOON, UTC_ZONE)).standings) == []


# ── what it costs ──


def test_a_date_in_the_past_does_not_cost_the_whole_ledger_on_sqlite(databases: Databases) -> None:
    url = databases.new("sqlite")
    engine = writer_engine(sync_url(url))
    town = Town(engine)
    for start in range(0, 12_000, 1_000):
        town.post(
            [
                Move(
                    f"u{n % 300}", 1, at=NOON + timedelta(minutes=n), effective_at=NOON + timedelta(minutes=n)
                )
                for n in range(start, start + 1_000)
            ]
        )
    raw = (
        "SELECT member_id, sum(amount) FROM point_transactions WHERE community_id = 1 AND {} <= '{}' "
        "GROUP BY member_id ORDER BY 2 DESC LIMIT 10"
    )
    with engine.connect() as tx:
        for minutes, corrected, part in ((11_900, False, 0.5), (100, False, 0.5), (11_900, True, 0.5)):
            as_of = NOON + timedelta(minutes=minutes)
            wanted = Wanted(1, 0, Window.all_time(), UTC_ZONE, as_of, corrected)
            ours = effort(tx, lambda wanted=wanted: tx.execute(sums.of(tx, wanted)).all())  # type: ignore[misc]
            column = "effective_at" if corrected else "recorded_at"
            scan = raw.format(column, datetime(2099, 1, 1).isoformat(" "))  # noqa: DTZ001 - as stored
            theirs = effort(tx, lambda scan=scan: tx.exec_driver_sql(scan).all())  # type: ignore[misc]
            assert ours < part * theirs, (minutes, corrected, ours, theirs)
    engine.dispose()


def test_before_anything_happened_nobody_had_points(town: Town) -> None:
    with town.engine.begin() as tx:
        post(tx, town.community, [Move("ada", 3)])

    for corrected in (False, True):
        board = town.read(leaderboard.named, WindowName.ALL, NOON, as_of=NOON - DAY, corrected=corrected)
        balance = town.read(history.balance, "ada", as_of=NOON - DAY, corrected=corrected)
        assert board.standings == ()
        assert (balance.current, balance.rank, balance.members, balance.recent) == (0, None, 0, ())
