"""Reports on SQLite and PostgreSQL, against the same counted one by one; and what each of them means."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, select, update

from points_core import approvals, communities, history, ledger, policy, privacy, reports
from points_core.database import writer_engine
from points_core.errors import InvalidSetting, InvalidTime, UnknownCategory, UnknownMember
from points_core.models import Member, PointTransaction
from points_core.reports import ReportKind
from points_core.reports.days import first_of, local_day, offsets, period
from points_core.settings import sync_url
from points_core.values import Actor, Kind, Origin, Receipt
from points_core.windows import Span, Window, WindowName
from tests.conftest import BACKENDS, Databases
from tests.core import plain_reports as plain
from tests.core.posting import NOON, OPERATOR, Move, Town, post

PEOPLE = ("ada", "bo", "cy", "di")
CATEGORIES = ("events", "helping", None)
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Pacific/Auckland", "Asia/Kolkata")
CLOCKS_CHANGE = datetime(2026, 3, 28, 22, tzinfo=UTC)  # next morning in Paris; two weeks after New York


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = writer_engine(sync_url(database_url))
    yield made
    made.dispose()


@pytest.fixture
def town(engine: Engine) -> Town:
    return Town(engine)


@pytest.fixture(scope="module")
def engines(databases: Databases) -> Iterator[dict[str, Engine]]:
    """One engine per backend, each on a database of its own; tests roll back what they write."""
    urls = {backend: databases.new(backend) for backend in BACKENDS}
    made = {backend: writer_engine(sync_url(url)) for backend, url in urls.items()}
    yield made
    for backend, url in urls.items():
        made[backend].dispose()
        databases.drop(url)


# ── against the same counted one by one ──


@dataclass
class History:
    """What a test told both databases."""

    zone: str
    moves: list[Move]
    undone: list[int]


moves = st.builds(
    Move,
    user_id=st.sampled_from(PEOPLE),
    amount=st.integers(1, 20) | st.integers(-9, -1),
    category=st.sampled_from(CATEGORIES),
    at=st.just(CLOCKS_CHANGE),
    effective_at=st.integers(-70 * 96, 4 * 96).map(
        lambda quarters: CLOCKS_CHANGE + timedelta(minutes=15 * quarters) - timedelta(microseconds=1)
    ),
    by=st.sampled_from((*PEOPLE, None)),
)
histories = st.builds(
    History,
    zone=st.sampled_from(ZONES),
    moves=st.lists(moves, min_size=3, max_size=25),
    undone=st.lists(st.integers(1, 10), unique=True, max_size=6),
)
windows: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.sampled_from(WindowName).map(lambda name: {"window": name}),
    st.tuples(st.integers(-80, 10), st.integers(0, 90)).map(
        lambda days: {
            "first": CLOCKS_CHANGE.date() + timedelta(days=days[0]),
            "last": CLOCKS_CHANGE.date() + timedelta(days=sum(days)),
        }
    ),
)


def told(tx: Connection, told_history: History) -> list[Receipt]:
    """Write a history and return it as receipts, the oldest first."""
    policy.change(tx, origin(), timezone=told_history.zone, allow_negative=True)
    post(tx, "town", told_history.moves)
    for place, number in enumerate(told_history.undone):
        if number <= len(told_history.moves):
            by = Origin("town", Actor.member(PEOPLE[place % 4]), CLOCKS_CHANGE, f"undo:{number}")
            ledger.reverse(tx, by, number, reason="a mistake")
    return list(reversed(history.page(tx, "town", limit=1_000).receipts))


def origin(community: str = "town") -> Origin:
    return Origin(community, OPERATOR, CLOCKS_CHANGE, "test:zone")


def everywhere(
    engines: dict[str, Engine], told_history: History, compare: Callable[[Connection, list[Receipt]], None]
) -> None:
    """Tell each database the history, compare, and forget it again."""
    for engine in engines.values():
        with engine.connect() as tx:
            compare(tx, told(tx, told_history))
            tx.rollback()


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(told_history=histories, days=windows)
def test_a_summary_is_what_counting_one_by_one_gives(
    engines: dict[str, Engine], told_history: History, days: dict[str, Any]
) -> None:
    def compare(tx: Connection, receipts: list[Receipt]) -> None:
        found = reports.summary(tx, "town", CLOCKS_CHANGE, **days)
        zone = ZoneInfo(told_history.zone)
        held = plain.held(receipts, found.during.window)
        assert found.totals == plain.totals(held)
        assert (found.members, found.givers) == (plain.members(held), plain.givers(held))
        by_category = {name: [r for r in held if r.category == name] for name in {r.category for r in held}}
        assert {each.category: (each.totals, each.members) for each in found.categories} == {
            name: (plain.totals(part), plain.members(part)) for name, part in by_category.items()
        }
        assert [each.weekday for each in found.weekdays] == list(range(7))
        for each in found.weekdays:
            same = [r for r in held if plain.local_day(r, zone).weekday() == each.weekday]
            assert each.totals == plain.totals(same)

    everywhere(engines, told_history, compare)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(told_history=histories, days=windows, every=st.sampled_from([*reports.EVERY, None]))
def test_activity_is_what_counting_one_by_one_gives(
    engines: dict[str, Engine], told_history: History, days: dict[str, Any], every: str | None
) -> None:
    def compare(tx: Connection, receipts: list[Receipt]) -> None:
        found = reports.activity(tx, "town", CLOCKS_CHANGE, **days, every=every)
        held = plain.held(receipts, found.during.window)
        expected = plain.by_period(held, found.every, ZoneInfo(told_history.zone))
        assert found.totals == plain.totals(held)
        busy = {each.first: each for each in found.periods if each.totals.transactions}
        assert busy.keys() == expected.keys()
        for first, same in expected.items():
            each = busy[first]
            assert each.totals == plain.totals(same)
            assert (each.members, each.givers) == (plain.members(same), plain.givers(same))
        starts = [each.first for each in found.periods]
        assert starts == sorted(set(starts))
        assert {plain.STARTS[found.every](first) for first in starts} == set(starts)

    everywhere(engines, told_history, compare)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(told_history=histories, days=windows)
def test_the_givers_report_is_what_counting_one_by_one_gives(
    engines: dict[str, Engine], told_history: History, days: dict[str, Any]
) -> None:
    def compare(tx: Connection, receipts: list[Receipt]) -> None:
        found = reports.givers(tx, "town", CLOCKS_CHANGE, **days, top=100)
        window = found.during.window
        held = plain.held(receipts, window)
        pairs, stand = plain.given(held), plain.standing(held)
        people = [r for r in stand if plain.by_member(r)]
        assert (found.awards, found.points) == (len(people), sum(r.amount for r in people))
        assert found.by_others == sum(r.amount for r in stand if not plain.by_member(r))
        assert {(e.giver.user_id, e.member.user_id): (e.points, e.back) for e in found.pairs} == {
            (giver, member): (points, pairs.get((member, giver), 0))
            for (giver, member), points in pairs.items()
        }
        by_giver = {
            giver: sum(points for (one, _), points in pairs.items() if one == giver) for giver, _ in pairs
        }
        assert {each.giver.user_id: each.points for each in found.givers} == by_giver
        for each in found.givers:
            assert each.share == pytest.approx(each.points / found.points, abs=1e-4)
            best = pairs[str(each.giver.user_id), str(each.top.user_id)]
            assert best == max(points for (one, _), points in pairs.items() if one == each.giver.user_id)
        if pairs:
            shares = plain.shares(by_giver.values())
            assert found.giving.people == len(shares)
            assert found.giving.top_share == pytest.approx(max(shares), abs=1e-4)
            assert found.giving.hhi == pytest.approx(sum(share**2 for share in shares), abs=1e-4)
        mutual = {
            frozenset((one, other)): sorted((points, pairs[other, one]))
            for (one, other), points in pairs.items()
            if one != other and (other, one) in pairs
        }
        assert {
            frozenset((str(e.one.user_id), str(e.other.user_id))): sorted((e.given, e.back))
            for e in found.reciprocal
        } == mutual
        assert found.reciprocal_pairs == len(mutual)
        there = {r.user_id for r in receipts} | {r.actor.user_id for r in receipts if plain.by_member(r)}
        if window.end is not None and window.end <= CLOCKS_CHANGE:
            there = set()  # all of them were first seen after it
        without = there - {r.user_id for r in stand}
        assert {each.user_id for each in found.never} == without
        assert (found.never_recognised, found.members) == (len(without), len(there))
        assert set(found.unused) == {"content", "events", "helping", "moderation"} - {
            r.category for r in stand
        }
        work = [r for r in receipts if plain.by_member(r) and window.holds(r.recorded_at)]
        assert {e.moderator.user_id: (e.awards, e.deductions, e.reversals) for e in found.workload} == {
            who: (mine.awards, mine.deductions, mine.reversals)
            for who in {r.actor.user_id for r in work}
            for mine in [plain.totals(r for r in work if r.actor.user_id == who)]
        }

    everywhere(engines, told_history, compare)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(told_history=histories, days=windows, user_id=st.sampled_from(PEOPLE))
def test_a_members_report_is_what_counting_one_by_one_gives(
    engines: dict[str, Engine], told_history: History, days: dict[str, Any], user_id: str
) -> None:
    def compare(tx: Connection, receipts: list[Receipt]) -> None:
        known = {r.user_id for r in receipts} | {r.actor.user_id for r in receipts}
        if user_id not in known:
            with pytest.raises(UnknownMember):
                reports.member(tx, "town", CLOCKS_CHANGE, user_id=user_id, **days)
            return
        found = reports.member(tx, "town", CLOCKS_CHANGE, user_id=user_id, **days)
        held = plain.held(receipts, found.during.window)
        mine = [r for r in held if r.user_id == user_id]
        assert found.current == sum(r.amount for r in receipts if r.user_id == user_id)
        assert found.totals == plain.totals(mine)
        pairs = plain.given(held)
        assert {each.giver.user_id: each.points for each in found.givers} == {
            giver: points for (giver, member), points in pairs.items() if member == user_id
        }
        assert found.given == sum(points for (giver, _), points in pairs.items() if giver == user_id)
        sums = [
            plain.totals(same).net
            for same in plain.by_period(mine, found.every, ZoneInfo(told_history.zone)).values()
        ]
        best = max(sums, default=0)
        assert (found.best.totals.net if found.best else 0) == max(best, 0)

    everywhere(engines, told_history, compare)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    told_history=histories,
    days=windows,
    user_id=st.sampled_from((*PEOPLE, None)),
    actor=st.sampled_from((*PEOPLE, None)),
    category=st.sampled_from(CATEGORIES),
    kind=st.sampled_from((Kind.AWARD, Kind.REVERSAL, None)),
)
def test_a_transaction_report_is_what_counting_one_by_one_gives(
    engines: dict[str, Engine],
    told_history: History,
    days: dict[str, Any],
    user_id: str | None,
    actor: str | None,
    category: str | None,
    kind: Kind | None,
) -> None:
    def compare(tx: Connection, receipts: list[Receipt]) -> None:
        found = reports.transactions(
            tx, "town", CLOCKS_CHANGE, **days, user_id=user_id, actor=actor, category=category, kind=kind
        )
        chosen = [
            r
            for r in plain.held(receipts, found.during.window)
            if user_id in (None, r.user_id)
            and (actor is None or r.actor.user_id == actor)
            and category in (None, r.category)
            and kind in (None, r.kind)
        ]
        assert found.totals == plain.totals(chosen)
        assert found.latest == tuple(reversed(chosen))[:10]
        assert {each.kind: (each.transactions, each.points) for each in found.kinds} == {
            each: (len(same), sum(r.amount for r in same))
            for each in {r.kind for r in chosen}
            for same in [[r for r in chosen if r.kind is each]]
        }
        if not chosen:
            assert found.sized is None
            return
        sizes = [abs(r.amount) for r in chosen]
        assert found.sized is not None
        assert found.sized.median == plain.middle(sizes)
        assert found.sized.p90 == pytest.approx(plain.p90(sizes))
        assert found.sized.largest == max(sizes)

    everywhere(engines, told_history, compare)


# ── local days ──


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    zone=st.sampled_from(
        (*ZONES, "Africa/Monrovia", "America/Havana", "Asia/Kathmandu", "Australia/Lord_Howe")
    ),
    moment=st.integers(2 * 86_400, 2**31 - 86_400).map(lambda second: datetime.fromtimestamp(second, UTC))
    | st.sampled_from([0, 1, 2, 3, 22, 23]).map(lambda hour: CLOCKS_CHANGE.replace(hour=hour)),
    before=st.integers(0, 400),
    microsecond=st.sampled_from([0, 1, 999_499, 999_500, 999_999]),
)
def test_local_days_weeks_months_and_years_are_those_of_the_wall_clock(
    engines: dict[str, Engine], zone: str, moment: datetime, before: int, microsecond: int
) -> None:
    moment = moment.replace(microsecond=microsecond)
    local = moment.astimezone(ZoneInfo(zone)).date()
    start = max(moment - timedelta(days=before), datetime(1970, 1, 2, tzinfo=UTC))
    end = moment + timedelta(days=before) + timedelta(microseconds=1)
    for dialect, engine in engines.items():
        with engine.connect() as tx:
            post(tx, "town", [Move("ada", 1, effective_at=moment)])
            day = local_day(dialect, ZoneInfo(zone), start, end)
            spans = (Span.DAY, Span.WEEK, Span.MONTH, Span.YEAR)
            row = tx.execute(select(*(period(dialect, day, span) for span in spans))).one()
            tx.rollback()
        firsts = [first_of(span, number) for span, number in zip(spans, row, strict=True)]
        assert firsts == [plain.STARTS[every](local) for every in ("day", "week", "month", "year")]


def test_a_zones_offsets_change_at_the_second_its_clocks_do() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)

    assert offsets(ZoneInfo("Europe/Paris"), start, end) == [
        (datetime(2026, 3, 29, 1, tzinfo=UTC), 3_600),
        (datetime(2026, 10, 25, 1, tzinfo=UTC), 7_200),
        (end, 3_600),
    ]


@pytest.mark.parametrize("zone, hour", [("UTC", 23), ("Africa/Monrovia", 23), ("Asia/Kolkata", 18)])
def test_the_last_microseconds_of_a_day_are_still_its_own(town: Town, zone: str, hour: int) -> None:
    town.set(timezone=zone)
    minute = 29 if zone == "Asia/Kolkata" else 59
    last = datetime(2026, 3, 17, hour, minute, 59, 999_600, tzinfo=UTC)
    town.award("ada", 5, effective_at=last)

    found = town.read(reports.activity, NOON, window=WindowName.WEEK)

    assert [each.first for each in found.periods if each.members] == [date(2026, 3, 17)]


# ── which days ──


def test_without_days_a_report_is_about_this_month(town: Town) -> None:
    during = town.read(reports.summary, NOON).during

    assert (during.name, during.timezone) == (WindowName.MONTH, "UTC")
    assert (during.window.first, during.window.after) == (date(2026, 3, 1), date(2026, 4, 1))


def test_one_end_alone_reaches_to_today_or_back_to_the_first_points(town: Town) -> None:
    town.award("ada", 5, effective_at=NOON - timedelta(days=100))

    since = town.read(reports.summary, NOON, first=date(2026, 3, 1)).during.window
    until = town.read(reports.summary, NOON, last=date(2026, 3, 1)).during.window

    assert (since.first, since.after) == (date(2026, 3, 1), date(2026, 3, 19))
    assert (until.first, until.after) == (date(2025, 12, 8), date(2026, 3, 2))


def test_days_that_cannot_be_are_refused(town: Town) -> None:
    with pytest.raises(InvalidTime):
        town.read(reports.summary, NOON, first=date(2026, 3, 2), last=date(2026, 3, 1))
    with pytest.raises(InvalidSetting):
        town.read(reports.summary, NOON, window=WindowName.WEEK, last=date(2026, 3, 1))
    with pytest.raises(InvalidSetting):
        town.read(reports.activity, NOON, every="hour")
    with pytest.raises(UnknownCategory):
        town.read(reports.transactions, NOON, category="juggling")


def test_too_many_days_to_tell_one_by_one_are_refused(town: Town) -> None:
    town.award("ada", 5, effective_at=NOON - timedelta(days=900))
    town.award("ada", 5)

    with pytest.raises(InvalidSetting):
        town.read(reports.activity, NOON, window=WindowName.ALL, every="day")
    assert town.read(reports.activity, NOON, window=WindowName.ALL).every == "month"


@pytest.mark.parametrize("year", [1970, 2600])
def test_one_odd_date_does_not_keep_all_time_from_being_told(town: Town, year: int) -> None:
    town.set(timezone="Europe/Paris")
    town.award("ada", 5, effective_at=datetime(year, 6, 1, tzinfo=UTC))
    town.award("ada", 7)

    found = town.read(reports.activity, NOON, window=WindowName.ALL)
    ada = town.read(reports.member, NOON, window=WindowName.ALL, user_id="ada")
    every = town.read(reports.transactions, NOON, window=WindowName.ALL)

    assert found.every == ada.every == every.every == "year"
    told = {each.first.year: each.totals.net for each in found.periods if each.totals.transactions}
    assert told == {year: 5, 2026: 7}
    assert found.totals.net == ada.totals.net == every.totals.net == 12
    assert len(found.periods) <= 575
    assert reports.chart(found) is not None


def test_days_to_come_are_not_told_as_quiet_ones(town: Town) -> None:
    town.award("ada", 5, effective_at=NOON - timedelta(days=16))

    found = town.read(reports.activity, NOON)

    assert [each.first.day for each in found.periods] == list(range(1, 19))


@pytest.mark.parametrize("kind", [kind for kind in ReportKind if kind is not ReportKind.MEMBER])
def test_a_community_never_seen_has_empty_reports_without_a_picture(town: Town, kind: ReportKind) -> None:
    found = town.elsewhere("nowhere").read(reports.OPERATIONS[kind], NOON)

    assert reports.chart(found) is None


def test_nothing_crosses_communities(town: Town) -> None:
    town.award("ada", 5, by="bo")
    town.elsewhere("village").award("cy", 7, by="di")

    found = town.read(reports.givers, NOON)

    assert [(each.giver.user_id, each.points) for each in found.givers] == [("bo", 5)]
    assert [each.user_id for each in found.never] == ["bo"]
    assert town.read(reports.summary, NOON).totals.net == 5


# ── people ──


def test_work_counts_when_it_was_done_and_points_when_they_count(town: Town) -> None:
    town.award("ada", 5, by="bo", effective_at=NOON - timedelta(days=40))

    this, before = (
        town.read(reports.givers, NOON, window=name) for name in (WindowName.MONTH, WindowName.YEAR)
    )

    assert (this.points, [each.awards for each in this.workload]) == (0, [1])
    assert (before.points, [each.awards for each in before.workload]) == (5, [1])


def test_who_left_or_is_erased_is_not_missed_and_a_retired_category_is_not_unused(town: Town) -> None:
    for user_id in ("ada", "bo", "cy"):
        town.award(user_id, 5, effective_at=NOON - timedelta(days=60))
    with town.engine.begin() as tx:
        gone: dict[str, dict[str, Any]] = {
            "bo": {"left_at": NOON},
            "cy": {"erased_at": NOON, "user_id": None},
        }
        for user_id, values in gone.items():
            tx.execute(update(Member).where(Member.user_id == user_id).values(**values))
        policy.retire_category(tx, town.origin(), "content")

    found = town.read(reports.givers, NOON)

    assert [each.user_id for each in found.never] == ["ada"]
    assert (found.never_recognised, found.members) == (1, 1)
    assert found.unused == ("events", "helping", "moderation")


def test_a_public_report_names_nobody_who_hid(town: Town) -> None:
    town.award("ada", 5, by="bo", name="Ada")
    town.award("cy", 5, by="ada", name="Cy")
    town.write(privacy.hide, Origin("town", Actor.member("ada"), NOON, "hide"), "ada")
    town.write(privacy.hide, Origin("town", Actor.member("bo"), NOON, "hide-2"), "bo")

    shown, private = (town.read(reports.givers, NOON, public=public) for public in (True, False))

    assert "ada" not in repr(shown).casefold()
    assert "'bo'" not in repr(shown)
    assert [each.giver.hidden for each in shown.givers] == [True, True]
    assert (shown.never, shown.never_recognised) == ((), 1)
    assert "Ada" in repr(private)
    drawn = reports.chart(shown)
    assert drawn is not None
    assert "Ada" not in drawn.words


def test_lists_are_cut_and_the_numbers_beside_them_are_not(town: Town) -> None:
    town.post([Move(f"m{n}", n + 1, by=f"g{n}") for n in range(12)])

    found = town.read(reports.givers, NOON, top=3)

    assert [each.points for each in found.givers] == [12, 11, 10]
    assert (len(found.pairs), len(found.never), len(found.workload)) == (3, 3, 3)
    assert (found.giving.people, found.never_recognised, found.moderators) == (12, 12, 12)


def test_approval_latency_is_of_what_people_decided(town: Town) -> None:
    town.set(approval_threshold=10)
    asker = Actor.member("ada")

    def ask(number: int) -> None:
        asked = Origin("town", asker, NOON, f"ask:{number}")
        town.write(
            approvals.request, asked, kind=Kind.AWARD, user_id="cy", amount=50 + number, reason="because"
        )

    def decide(number: int, minutes: int, *, approve: bool) -> None:
        at = NOON + timedelta(minutes=minutes)
        town.write(
            approvals.vote, Origin("town", Actor.member("bo"), at, f"v:{number}"), number, approve=approve
        )

    for number in range(1, 7):
        ask(number)
    for number, minutes in ((1, 1), (2, 2), (3, 3), (4, 10)):
        decide(number, minutes, approve=number != 4)
    town.write(approvals.cancel, Origin("town", asker, NOON + timedelta(hours=9), "cancel"), 5)

    found = town.read(reports.givers, NOON)

    waits = found.latency
    assert (waits.decided, waits.lapsed, waits.waiting) == (4, 1, 1)
    assert waits.median_s == 150.0
    assert waits.p90_s == pytest.approx(60 * (3 + 7 * 0.7))
    load = {each.moderator.user_id: (each.awards, each.votes, each.total) for each in found.workload}
    assert load == {"bo": (0, 4, 4), "ada": (3, 0, 3)}


def test_an_award_that_was_taken_back_counts_for_nobody(town: Town) -> None:
    town.award("ada", 7, "events", by="bo")
    town.award("ada", 5, "helping", by="bo")
    town.reverse(1)

    found = town.read(reports.givers, NOON)

    assert (found.points, found.awards, found.givers[0].points) == (5, 1, 5)
    assert "events" in found.unused


def test_awards_by_programs_and_the_host_are_nobodys(town: Town) -> None:
    town.award("ada", 7)
    town.award("ada", 5, by="bo")

    found = town.read(reports.givers, NOON)

    assert (found.points, found.by_others) == (5, 7)
    assert found.giving.hhi == 1.0


def test_the_communitys_own_number_of_an_unknown_person_is_never_guessed(town: Town) -> None:
    town.award("ada", 7)

    assert town.read(reports.transactions, NOON, user_id="nobody").totals.transactions == 0
    assert town.read(reports.transactions, NOON, actor="nobody").latest == ()
    with pytest.raises(UnknownMember):
        town.elsewhere("nowhere").read(reports.member, NOON, user_id="ada")
    with town.engine.begin() as tx:
        assert communities.find(tx, "nowhere") is None


def test_points_of_all_time_have_no_days_before_the_first(town: Town) -> None:
    town.award("ada", 7, effective_at=NOON - timedelta(days=3))
    town.award("ada", 7)

    found = town.read(reports.activity, NOON + timedelta(days=9), window=WindowName.ALL)

    assert [each.first for each in found.periods] == [date(2026, 3, 15 + n) for n in range(4)]
    with town.engine.begin() as tx:
        assert len(tx.execute(select(PointTransaction.seq)).all()) == 2
    assert found.during.window == Window.all_time()
