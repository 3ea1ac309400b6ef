"""Seasons on SQLite and PostgreSQL: their days, their seal, and what is dated into them afterwards."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from points_core import approvals, awards, leaderboard, policy, seasons, verification
from points_core.database import writer_engine
from points_core.errors import DuplicateTransaction, InvalidSetting, InvalidText, InvalidTime, UnknownSeason
from points_core.leaderboard import Board
from points_core.models import (
    AuditEvent,
    Community,
    LedgerHead,
    OutboxEntry,
    PointScore,
    ScoreBucket,
    SeasonStanding,
)
from points_core.models import Season as SeasonRow
from points_core.outbox import Topic
from points_core.seasons import Season, results
from points_core.settings import sync_url
from points_core.values import Kind, Receipt
from points_core.windows import midnight
from tests.core.posting import NOON, Move, Town, post
from tests.core.test_leaderboard import CATEGORIES, PEOPLE, lines, movements, naive, post_all

DAY = timedelta(days=1)
TODAY = NOON.date()
_towns = count(1)


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = writer_engine(sync_url(database_url))
    yield made
    made.dispose()


@pytest.fixture
def town(engine: Engine) -> Town:
    return Town(engine)


def start(
    town: Town, name: str = "Spring", last: date = TODAY, first: date | None = None, at: datetime = NOON
) -> Season:
    return town.write(seasons.start, town.origin(at), name=name, last=last, first=first)


def seal_due(town: Town, now: datetime) -> list[tuple[str, int]]:
    return town.write(seasons.seal_due, now)


def board(town: Town, name: str = "Spring", **more: object) -> Board:
    return town.read(leaderboard.of_season, name, **more)  # type: ignore[arg-type]


def problems(town: Town) -> list[str]:
    return town.write(lambda tx: [broken.detail for broken in verification.verify(tx)])


def kept(town: Town) -> int:
    return town.write(lambda tx: tx.execute(select(func.count()).select_from(SeasonStanding)).scalar_one())


# ── days ──


def test_a_season_has_the_communitys_local_days_from_its_first_to_its_last(town: Town) -> None:
    town.set(timezone="Europe/Paris")

    season = start(town, last=TODAY + 2 * DAY)

    assert (season.first, season.last, season.timezone) == (TODAY, TODAY + 2 * DAY, "Europe/Paris")
    assert season.starts_at == datetime(2026, 3, 17, 23, tzinfo=UTC)
    assert season.ends_at == datetime(2026, 3, 20, 23, tzinfo=UTC)
    assert town.read(seasons.listed) == (season,)
    assert town.read(seasons.named, " SPRING ") == season


def test_a_changed_time_zone_moves_no_season(town: Town) -> None:
    season = start(town)
    town.award("ada", 5, effective_at=season.starts_at)
    town.award("bo", 9, effective_at=season.ends_at)
    town.set(timezone="Pacific/Auckland")

    for when in ("running", "sealed"):
        assert lines(board(town).standings) == [(1, "ada", 5)], when
        seal_due(town, NOON + DAY)
    assert board(town).sealed


def test_the_same_key_starts_one_season(town: Town) -> None:
    origin = town.origin()

    first = town.write(seasons.start, origin, name="Spring", last=TODAY)
    again = town.write(seasons.start, origin, name="Spring", last=TODAY)

    assert again == first
    assert len(town.read(seasons.listed)) == 1

    ended = town.write(seasons.end, town.origin(NOON + timedelta(hours=1)), "Spring")
    assert town.write(seasons.start, origin, name="Spring", last=TODAY) == ended


@pytest.mark.parametrize(
    "other",
    [{"name": "Autumn"}, {"last": TODAY + 2 * DAY}, {"first": TODAY + DAY, "last": TODAY + DAY}],
)
def test_the_same_key_does_not_answer_for_another_season(town: Town, other: dict[str, Any]) -> None:
    origin = town.origin()
    town.write(seasons.start, origin, name="Spring", last=TODAY + DAY)

    asked: dict[str, Any] = {"name": "Spring", "last": TODAY + DAY} | other
    with pytest.raises(DuplicateTransaction):
        town.write(seasons.start, origin, **asked)
    assert len(town.read(seasons.listed)) == 1


@pytest.mark.parametrize("name", ["Spring", "SPRING", " spring "])
def test_no_two_seasons_have_the_same_name(town: Town, name: str) -> None:
    start(town)

    with pytest.raises(InvalidSetting):
        start(town, name, first=TODAY + DAY, last=TODAY + DAY)


@pytest.mark.parametrize("first, last", [(0, 0), (-3, 5), (-3, -1), (1, 1), (-1, 0)])
def test_no_day_belongs_to_two_seasons(town: Town, first: int, last: int) -> None:
    start(town, first=TODAY - DAY, last=TODAY + DAY)

    with pytest.raises(InvalidSetting):
        start(town, "Summer", first=TODAY + first * DAY, last=TODAY + last * DAY)
    assert len(town.read(seasons.listed)) == 1


def test_seasons_follow_each_other_and_may_be_planned(town: Town) -> None:
    start(town)
    start(town, "Summer", first=TODAY + DAY, last=TODAY + DAY)
    start(town, "Winter", first=TODAY - DAY, last=TODAY - DAY)

    assert [season.name for season in town.read(seasons.listed)] == ["Winter", "Spring", "Summer"]


def test_the_latest_season_is_the_one_that_runs_or_ran_last(town: Town) -> None:
    def latest(days: int) -> str | None:
        found = town.read(seasons.latest, NOON + days * DAY)
        return found.name if found else None

    start(town, "Spring", first=TODAY, last=TODAY + DAY)
    start(town, "Summer", first=TODAY + 4 * DAY, last=TODAY + 5 * DAY)
    start(town, "Autumn", first=TODAY + 8 * DAY, last=TODAY + 9 * DAY)
    town.write(seasons.end, town.origin(NOON), "Autumn")  # called off

    assert [latest(days) for days in (-1, 0, 1, 2, 3, 4, 7, 9)] == [
        None,
        *["Spring"] * 4,
        *["Summer"] * 3,
    ]


def test_a_season_that_ends_before_it_begins_or_has_no_name_is_refused(town: Town) -> None:
    with pytest.raises(InvalidTime):
        start(town, last=TODAY - DAY)
    with pytest.raises(InvalidText):
        start(town, "  ")


def test_a_season_nobody_started_is_refused_with_those_there_are(town: Town) -> None:
    with pytest.raises(UnknownSeason) as refused:
        board(town)
    assert refused.value.known == ()
    start(town)
    with pytest.raises(UnknownSeason) as refused:
        board(town, "Summer")
    assert refused.value.known == ("Spring",)


# ── the seal ──


def test_a_season_is_sealed_once_when_its_last_day_is_over(town: Town) -> None:
    season = start(town)
    town.post([Move("ada", 5, "events"), Move("bo", 7)])

    assert seal_due(town, season.ends_at - timedelta(microseconds=1)) == []
    assert seal_due(town, season.ends_at) == [("town", 1)]
    assert seal_due(town, season.ends_at + DAY) == []

    sealed = town.read(seasons.named, "Spring")
    assert (sealed.sealed_at, sealed.sealed_seq) == (season.ends_at, 2)
    assert len(sealed.checksum or "") == 64
    assert kept(town) == 3
    with town.engine.begin() as tx:
        effects = tx.execute(select(OutboxEntry.topic, OutboxEntry.subject)).all()
        assert [tuple(row) for row in effects] == [(Topic.SEASON.value, "1")]
        actions = tx.execute(select(AuditEvent.action).order_by(AuditEvent.number)).scalars().all()
        assert actions == ["season.start", "season.seal"]


def test_the_winners_are_named_where_announcements_go_else_in_the_log_else_where_it_was_started(
    town: Town,
) -> None:
    places = []
    for n, channels in enumerate(
        ({}, {"log_channel": "31"}, {"log_channel": "31", "announcements_channel": "32"})
    ):
        there = town.elsewhere(f"town-{n}")
        there.set(**channels)
        there.write(seasons.start, replace(there.origin(), place="30"), name="Spring", last=TODAY)
        seal_due(there, NOON + DAY)
        with there.engine.begin() as tx:
            found = select(OutboxEntry.place).where(OutboxEntry.topic == Topic.SEASON.value)
            places.append(tx.execute(found.order_by(OutboxEntry.id.desc())).scalars().first())

    assert places == ["30", "31", "32"]


def test_processes_that_ask_at_once_seal_a_season_once(town: Town, database_url: str) -> None:
    for n in range(3):
        there = town.elsewhere(f"town-{n}")
        start(there)
        there.award("ada", 5)
    url = sync_url(database_url)
    sealed: list[tuple[str, int]] = []

    def ask() -> None:
        engine = writer_engine(url)
        with engine.begin() as tx:
            sealed.extend(seasons.seal_due(tx, NOON + DAY))
        engine.dispose()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(sealed) == [(f"town-{n}", 1) for n in range(3)]
    assert kept(town) == 3
    assert problems(town) == []


def test_closed_books_wait_for_their_seal_and_keep_nobody_elses_back(town: Town) -> None:
    closed, other = town.elsewhere("closed"), town.elsewhere("other")
    start(closed)
    start(other)
    shut = update(LedgerHead).where(
        LedgerHead.community_id == select(Community.id).where(Community.key == "closed").scalar_subquery()
    )
    town.write(lambda tx: tx.execute(shut.values(closed_because="a test")))

    assert town.write(seasons.seal_due, NOON + DAY, 1) == [("other", 1)]
    town.write(lambda tx: tx.execute(shut.values(closed_because=None)))
    assert town.write(seasons.seal_due, NOON + DAY, 1) == [("closed", 1)]


def test_a_sealed_result_stays_and_a_correction_changes_only_the_corrected_view(town: Town) -> None:
    start(town)
    mistake = town.award("ada", 10, "events")
    town.post([Move("bo", 4), Move("cy", 4)])
    seal_due(town, NOON + DAY)
    before = board(town)
    reversal = town.reverse(mistake.number, NOON + 2 * DAY)
    late = town.award("di", 6, at=NOON + 2 * DAY, effective_at=NOON)
    usual = town.award("di", 6, at=NOON + 2 * DAY)

    assert (mistake.season, reversal.season, late.season, usual.season) == (None, "Spring", "Spring", None)
    assert board(town) == before
    assert lines(before.standings) == [(1, "ada", 10), (2, "bo", 4), (2, "cy", 4)]
    assert (before.sealed, before.season) == (True, "Spring")
    corrected = board(town, corrected=True)
    assert lines(corrected.standings) == [(1, "di", 6), (2, "bo", 4), (2, "cy", 4)]
    assert not corrected.sealed
    assert lines(board(town, category="events").standings) == [(1, "ada", 10)]
    assert board(town, category="events", corrected=True).standings == ()
    assert problems(town) == []


def test_asked_again_with_one_key_a_correction_says_the_same(town: Town) -> None:
    start(town)
    mistake = town.award("ada", 10)
    seal_due(town, NOON + DAY)
    origin = town.origin(NOON + 2 * DAY)

    first = town.write(awards.reverse, origin, mistake.number, reason="a mistake")
    again = town.write(awards.reverse, origin, mistake.number, reason="a mistake")
    back_dated = town.write(
        approvals.request,
        town.origin(NOON + 2 * DAY),
        kind=Kind.AWARD,
        user_id="bo",
        amount=1,
        reason="forgotten",
        effective_at=NOON,
    )

    assert first.season == "Spring"
    assert again == replace(first, replayed=True)
    assert isinstance(back_dated, Receipt)
    assert back_dated.season == "Spring"


def test_a_season_can_be_ended_now_and_the_next_begins_where_it_ended(town: Town) -> None:
    start(town, last=TODAY + 30 * DAY)
    town.award("ada", 3, at=NOON)
    ended = town.write(seasons.end, town.origin(NOON + timedelta(hours=1)), "spring")
    next_one = start(town, "Summer", last=TODAY + 30 * DAY, at=NOON + timedelta(hours=2))
    town.award("bo", 2, at=NOON + timedelta(hours=3))
    late = town.award("cy", 1, at=NOON + timedelta(hours=4), effective_at=NOON)

    assert (ended.last, ended.ends_at) == (TODAY, NOON + timedelta(hours=1))
    assert ended.sealed_at == ended.ends_at
    assert next_one.starts_at == ended.ends_at
    assert late.season == "Spring"
    assert lines(board(town).standings) == [(1, "ada", 3)]
    assert lines(board(town, corrected=True).standings) == [(1, "ada", 3), (2, "cy", 1)]
    assert lines(board(town, "Summer").standings) == [(1, "bo", 2)]
    assert town.write(seasons.end, town.origin(NOON + DAY), "Spring") == ended
    assert problems(town) == []


def test_a_season_to_come_is_called_off_and_nobody_is_told_of_winners(town: Town) -> None:
    start(town, first=TODAY + DAY, last=TODAY + 9 * DAY)
    called_off = town.write(seasons.end, town.origin(), "Spring")
    start(town, "Summer", first=TODAY, last=TODAY + 9 * DAY)

    assert called_off.starts_at == called_off.ends_at == NOON
    assert board(town).standings == ()
    with town.engine.begin() as tx:
        assert tx.execute(select(OutboxEntry.id)).all() == []


def test_a_season_is_compared_with_the_one_before(town: Town) -> None:
    start(town)
    town.post([Move("ada", 5), Move("bo", 3)])
    seal_due(town, NOON + DAY)
    start(town, "Summer", first=TODAY + DAY, last=TODAY + 9 * DAY, at=NOON + DAY)
    town.post([Move("bo", 5, at=NOON + DAY), Move("cy", 3, at=NOON + DAY), Move("ada", 1, at=NOON + DAY)])

    summer = board(town, "Summer", compare=True, around="ada")

    assert [(line.user_id, line.moved, line.new) for line in summer.standings] == [
        ("bo", 1, False),
        ("cy", None, True),
        ("ada", -2, False),
    ]
    assert summer.mine == summer.standings[2]
    assert all(line.moved is None and not line.new for line in board(town, compare=True).standings)


def test_a_season_as_of_a_date_is_how_it_stood(town: Town) -> None:
    start(town, last=TODAY + 9 * DAY)
    town.award("ada", 5)
    town.award("bo", 9, at=NOON + DAY)
    seal_due(town, NOON + 20 * DAY)

    assert lines(board(town, as_of=NOON).standings) == [(1, "ada", 5)]
    assert not board(town, as_of=NOON).sealed


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=movements,
    more=movements,
    zone=st.sampled_from(["UTC", "Europe/Paris", "America/St_Johns"]),
    around=st.sampled_from(PEOPLE),
    days=st.tuples(st.integers(0, 20), st.integers(0, 20)),
)
def test_a_result_is_what_a_simple_model_says_and_stays_so(
    engine: Engine,
    drawn: list[tuple[str, int, str | None, int, int, bool]],
    more: list[tuple[str, int, str | None, int, int, bool]],
    zone: str,
    around: str,
    days: tuple[int, int],
) -> None:
    town = Town(engine, f"town-{next(_towns)}")
    with engine.connect() as tx:  # nothing is kept: thousands of commits would only take time
        policy.change(tx, town.origin(), allow_negative=True, timezone=zone)
        receipts, now = post_all(tx, town, drawn)
        first = now.astimezone(ZoneInfo(zone)).date() - days[0] * DAY
        last = first + days[1] * DAY
        season = seasons.start(tx, town.origin(now), name="Spring", first=first, last=last)
        over = max(now, midnight(last + DAY, ZoneInfo(zone)))
        assert seasons.seal_due(tx, over) == [(town.community, 1)]

        later = post_later(tx, town, more, over, len(receipts))

        for category in CATEGORIES:
            sealed = leaderboard.of_season(tx, town.community, "Spring", category=category, around=around)
            expected = naive(receipts, category, season.window, 10, around, None, False)
            found = (list(sealed.standings), sealed.members, sealed.mine, list(sealed.neighbours))
            assert found == expected
            corrected = leaderboard.of_season(
                tx, town.community, "Spring", category=category, around=around, corrected=True
            )
            expected = naive([*receipts, *later], category, season.window, 10, around, None, False)
            found = (
                list(corrected.standings),
                corrected.members,
                corrected.mine,
                list(corrected.neighbours),
            )
            assert found == expected
        for receipt in later:
            assert (receipt.season is not None) == season.window.holds(receipt.effective_at)
        assert [broken.detail for broken in verification.verify(tx, town.community)] == []


def post_later(
    tx: Connection,
    town: Town,
    drawn: list[tuple[str, int, str | None, int, int, bool]],
    over: datetime,
    before: int,
) -> list[Receipt]:
    """Post what was drawn after the season was sealed."""
    receipts: list[Receipt] = []
    now = over
    for who, amount, category, wait, back, _ in drawn:
        now += timedelta(hours=wait)
        receipts += post(
            tx,
            town.community,
            [Move(who, amount, category, at=now, effective_at=now - timedelta(hours=back))],
        )
    assert [receipt.number for receipt in receipts] == [before + 1 + n for n in range(len(drawn))]
    return receipts


# ── scores kept for it ──


def scores_of(town: Town) -> list[tuple[object, ...]]:
    """Return the rows that are kept for seasons, of scores and of buckets."""

    def read(tx: Connection) -> list[tuple[object, ...]]:
        tables = (PointScore.__table__, ScoreBucket.__table__)
        return [
            tuple(row)
            for table in tables
            for row in tx.execute(select(table).where(table.c.span == 6).order_by(*table.primary_key))
        ]

    return town.write(read)


def test_a_season_begins_with_what_was_earned_on_its_days_before(town: Town) -> None:
    town.post([Move("ada", 5, "events"), Move("bo", 300), Move("cy", 9, effective_at=NOON - 2 * DAY)])

    start(town, first=TODAY - DAY, last=TODAY + DAY)
    town.post([Move("ada", 2, at=NOON + timedelta(hours=1)), Move("cy", 1, at=NOON + timedelta(hours=1))])

    running = board(town, around="ada")
    assert lines(running.standings) == [(1, "bo", 300), (2, "ada", 7), (3, "cy", 1)]
    assert (running.members, running.mine) == (3, running.standings[1])
    assert lines(board(town, category="events").standings) == [(1, "ada", 5)]
    assert problems(town) == []


def test_a_season_ended_early_keeps_no_points_dated_after_its_end(town: Town) -> None:
    start(town, last=TODAY + 9 * DAY)
    town.award("ada", 5)
    town.award("bo", 9, effective_at=NOON + 3 * DAY)
    assert len(scores_of(town)) == 2 + 2 * 8 - 7  # both scores are in one bucket of each level but the lowest

    town.write(seasons.end, town.origin(NOON + timedelta(hours=1)), "Spring")

    assert [row[1] for row in scores_of(town)[:1]] == [1]
    assert len(scores_of(town)) == 1 + 8
    assert lines(board(town, corrected=True).standings) == [(1, "ada", 5)]
    assert problems(town) == []


def test_a_season_called_off_keeps_nothing(town: Town) -> None:
    town.award("ada", 5, effective_at=NOON + 3 * DAY)
    start(town, first=TODAY + 2 * DAY, last=TODAY + 9 * DAY)
    assert scores_of(town)

    town.write(seasons.end, town.origin(), "Spring")

    assert scores_of(town) == []
    assert problems(town) == []


def test_a_changed_time_zone_leaves_the_scores_of_seasons_as_they_are(town: Town) -> None:
    start(town, last=TODAY + 9 * DAY)
    town.post([Move("ada", 5, "events"), Move("bo", 300, effective_at=NOON - timedelta(hours=11))])
    before = scores_of(town)

    town.set(timezone="Pacific/Auckland")

    assert scores_of(town) == before
    assert problems(town) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE point_scores SET points = points + 1 WHERE span = 6",
        "DELETE FROM point_scores WHERE span = 6",
        "UPDATE score_buckets SET members = members + 1 WHERE span = 6 AND level = 0",
        "UPDATE score_buckets SET members = members + 1 WHERE span = 6 AND level = 7",
        "DELETE FROM score_buckets WHERE span = 6 AND level = 3",
    ],
)
def test_a_forged_score_or_bucket_of_a_season_is_found(town: Town, statement: str) -> None:
    start(town)
    town.post([Move("ada", 5, "events"), Move("bo", 300)])
    assert problems(town) == []

    town.write(lambda tx: tx.execute(text(statement)))

    assert problems(town)


# ── tampering ──


@pytest.fixture
def sealed(town: Town) -> Town:
    start(town)
    town.post([Move("ada", 5, "events"), Move("bo", 7)])
    seal_due(town, NOON + DAY)
    return town


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE seasons SET name = 'Summer'",
        "UPDATE seasons SET sealed_at = NULL, checksum = NULL",
        "UPDATE seasons SET place = '1'",
        "DELETE FROM seasons",
        "UPDATE season_standings SET points = 99 WHERE rank = 1",
        "DELETE FROM season_standings",
    ],
)
def test_a_sealed_season_cannot_be_changed_in_the_database(sealed: Town, statement: str) -> None:
    with pytest.raises(DBAPIError), sealed.engine.begin() as tx:
        tx.execute(text(statement))
    assert problems(sealed) == []


def test_a_line_written_into_a_sealed_result_is_found(sealed: Town) -> None:
    with sealed.engine.begin() as tx:
        tx.execute(
            insert(SeasonStanding).values(
                community_id=1,
                season_number=1,
                category_id=3,
                member_id=1,
                rank=1,
                points=99,
                reached_seq=1,
            )
        )

    assert problems(sealed) == ["the result of season 'Spring' was changed"]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Summer"},
        {"first": 739_000},
        {"after": 740_000},
        {"timezone": "Europe/Paris"},
        {"starts_at": NOON - 9 * DAY},
        {"ends_at": NOON + 9 * DAY},
        {"sealed_at": NOON + 9 * DAY},
        {"sealed_seq": 1},
        {"checksum": b"0" * 32},
    ],
)
def test_a_changed_season_is_found_where_its_guard_is_gone(sealed: Town, change: dict[str, object]) -> None:
    with sealed.engine.begin() as tx:
        on_table = " ON seasons" if tx.dialect.name == "postgresql" else ""
        tx.execute(text(f"DROP TRIGGER seasons_stay_sealed{on_table}"))
        tx.execute(update(SeasonRow).values(**change))

    assert len(problems(sealed)) == 1


def test_a_result_that_its_transactions_do_not_make_is_found(town: Town) -> None:
    """Whoever writes a whole season by hand, checksum and all, has the ledger against them."""
    start(town)
    town.post([Move("ada", 5), Move("bo", 7)])
    with town.engine.begin() as tx:
        trigger = "season_standings_no_update"
        on_table = " ON season_standings" if tx.dialect.name == "postgresql" else ""
        seasons.seal_due(tx, NOON + DAY)
        for name, table in ((trigger, " ON season_standings"), ("seasons_stay_sealed", " ON seasons")):
            tx.execute(text(f"DROP TRIGGER {name}{table if on_table else ''}"))
        tx.execute(update(SeasonStanding).where(SeasonStanding.rank == 1).values(points=8))
        row = tx.execute(select(SeasonRow.__table__)).one()
        tx.execute(update(SeasonRow).values(checksum=results.checksum(tx, row, results.lines_kept(tx, row))))

    assert problems(town) == ["season 'Spring' is not what its transactions say"]
