"""Spans of time in a community's zone: where they begin, where they end, what lies in them."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import pytz
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from points_core.errors import InvalidSetting, InvalidTime
from points_core.windows import (
    CALENDAR,
    Span,
    Window,
    WindowName,
    first_day,
    local_instant,
    midnight,
    ordinals,
    parse_day,
    parse_instant,
    zone_named,
)

PARIS, TOKYO, LORD_HOWE = ZoneInfo("Europe/Paris"), ZoneInfo("Asia/Tokyo"), ZoneInfo("Australia/Lord_Howe")
CAIRO, HAVANA, APIA = ZoneInfo("Africa/Cairo"), ZoneInfo("America/Havana"), ZoneInfo("Pacific/Apia")
WEDNESDAY = datetime(2026, 3, 18, 12, tzinfo=UTC)

zones = st.sampled_from(sorted(pytz.all_timezones)).map(ZoneInfo)
# Until 2010 Newfoundland set its clocks back at 00:01, so that a day could come twice
instants = st.datetimes(datetime(2011, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


# ── named windows ──


@pytest.mark.parametrize(
    "name,first,after",
    [
        ("today", "2026-03-18", "2026-03-19"),
        ("yesterday", "2026-03-17", "2026-03-18"),
        ("week", "2026-03-16", "2026-03-23"),
        ("last-week", "2026-03-09", "2026-03-16"),
        ("month", "2026-03-01", "2026-04-01"),
        ("last-month", "2026-02-01", "2026-03-01"),
        ("quarter", "2026-01-01", "2026-04-01"),
        ("last-quarter", "2025-10-01", "2026-01-01"),
        ("year", "2026-01-01", "2027-01-01"),
        ("last-year", "2025-01-01", "2026-01-01"),
    ],
)
def test_a_window_has_its_days(name: str, first: str, after: str) -> None:
    window = Window.named(WindowName(name), WEDNESDAY, PARIS)

    assert (window.first, window.after) == (date.fromisoformat(first), date.fromisoformat(after))
    assert window == Window.between(parse_day(first), parse_day(after), PARIS, window.span)


def test_every_window_but_all_time_has_ends() -> None:
    for name in WindowName:
        window = Window.named(name, WEDNESDAY, PARIS)
        assert (window.start is None) == (window.end is None) == (name is WindowName.ALL)
        assert window.ordinal == (window.first.toordinal() if window.first else 0)


def test_a_week_is_monday_to_sunday() -> None:
    for day in range(16, 23):
        assert first_day(Span.WEEK, date(2026, 3, day)) == date(2026, 3, 16)
    assert first_day(Span.WEEK, date(2026, 1, 1)) == date(2025, 12, 29)


def test_a_quarter_begins_with_january_april_july_october() -> None:
    begins = [first_day(Span.QUARTER, date(2026, month, 15)).month for month in range(1, 13)]
    assert begins == [1, 1, 1, 4, 4, 4, 7, 7, 7, 10, 10, 10]


def test_the_month_before_the_last_of_march_is_february() -> None:
    for year, days in ((2026, 28), (2028, 29)):
        window = Window.named(WindowName.LAST_MONTH, datetime(year, 3, 31, 12, tzinfo=UTC), PARIS)
        assert window.first is not None
        assert window.after is not None
        assert (window.first.month, (window.after - window.first).days) == (2, days)


def test_a_month_after_the_last_of_january_is_the_last_of_february() -> None:
    assert date(2026, 1, 31) + relativedelta(months=1) == date(2026, 2, 28)
    assert Window.month(datetime(2026, 1, 31, 23, tzinfo=UTC), PARIS).first == date(2026, 2, 1)


def test_a_window_is_half_open() -> None:
    today = Window.today(WEDNESDAY, PARIS)
    assert today.start is not None
    assert today.end is not None

    assert today.holds(today.start)
    assert not today.holds(today.end)
    assert today.holds(today.end - timedelta(microseconds=1))
    assert not today.holds(today.start - timedelta(microseconds=1))
    assert Window.all_time().holds(today.end)


def test_the_same_instant_is_another_day_elsewhere() -> None:
    late = datetime(2026, 3, 17, 23, 30, tzinfo=UTC)

    assert Window.today(late, ZoneInfo("UTC")).first == date(2026, 3, 17)
    assert Window.today(late, PARIS).first == date(2026, 3, 18)
    assert Window.week(datetime(2026, 3, 15, 15, tzinfo=UTC), TOKYO).first == date(2026, 3, 16)


@pytest.mark.parametrize("after", ["2026-03-18", "2026-03-17"])
def test_a_window_without_days_is_refused(after: str) -> None:
    with pytest.raises(InvalidTime):
        Window.between(date(2026, 3, 18), parse_day(after), PARIS)


# ── clocks that change ──


@pytest.mark.parametrize(
    "zone,day,hours",
    [
        (PARIS, "2026-03-28", 24),
        (PARIS, "2026-03-29", 23),
        (PARIS, "2026-10-25", 25),
        (TOKYO, "2026-03-29", 24),
        (LORD_HOWE, "2026-04-05", 24.5),
        (LORD_HOWE, "2026-10-04", 23.5),
        (CAIRO, "2026-04-24", 23),  # begins at 01:00
        (HAVANA, "2026-11-01", 25),  # has 00:30 twice
        (APIA, "2011-12-30", 0),  # Samoa jumped over it
    ],
    ids=str,
)
def test_a_day_is_as_long_as_its_clocks_say(zone: ZoneInfo, day: str, hours: float) -> None:
    window = Window.of_span(Span.DAY, parse_day(day), zone)
    assert window.start is not None
    assert window.end is not None
    assert window.end - window.start == timedelta(hours=hours)


def test_a_midnight_that_does_not_come_is_the_first_moment_after_it() -> None:
    assert midnight(date(2026, 4, 24), CAIRO) == datetime(2026, 4, 23, 22, tzinfo=UTC)
    assert midnight(date(2026, 4, 24), CAIRO).astimezone(CAIRO).hour == 1


def test_a_midnight_that_comes_twice_is_the_first() -> None:
    assert midnight(date(2026, 11, 1), HAVANA) == datetime(2026, 11, 1, 4, tzinfo=UTC)


def test_a_wall_clock_in_the_skipped_hour_is_as_long_after_it_and_in_the_repeated_one_the_first() -> None:
    skipped, repeated = datetime(2026, 3, 29, 2, 30), datetime(2026, 10, 25, 2, 30)  # noqa: DTZ001

    assert local_instant(skipped, PARIS) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert local_instant(repeated, PARIS) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert local_instant(repeated.replace(fold=1), PARIS) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(instants, zones)
def test_every_instant_lies_in_the_spans_under_which_it_is_counted(instant: datetime, zone: ZoneInfo) -> None:
    for number, ordinal in ordinals(instant, zone).items():
        span = Span(number)
        window = (
            Window.all_time() if span is Span.ALL else Window.of_span(span, date.fromordinal(ordinal), zone)
        )
        assert window.holds(instant)
        assert window.ordinal == ordinal


@given(instants, zones, st.sampled_from([s for s in CALENDAR if s is not Span.ALL]))
def test_a_span_ends_where_the_next_begins(instant: datetime, zone: ZoneInfo, span: Span) -> None:
    window = Window.of_span(span, first_day(span, instant.astimezone(zone).date()), zone)
    assert window.after is not None

    following = Window.of_span(span, window.after, zone)
    assert following.start == window.end
    assert first_day(span, window.after) == window.after
    assert first_day(span, window.after - timedelta(days=1)) == window.first


# ── what people write ──


@pytest.mark.parametrize("text", ["2026-01-31", "1970-01-01", "9998-12-31", "2028-02-29"])
def test_a_day_is_read_as_it_is_written(text: str) -> None:
    assert parse_day(text).isoformat() == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "10", "now", "today", "q3 2026", "2026", "2026-01", "20260131", "2026-1-31", "31.01.2026"),
        *("2026-02-30", "2026-13-01", "2026-W05-1", "2026-031", " 2026-01-31", "2026-01-31 ", "2026-01-31\n"),
        *(
            "२०२६-01-31",
            "2026-01-3１",
            "0001-01-01",
            "9999-12-31",
            "2026-01-31T00:00",
            "2026-01-31\0",
            "\ud800",
        ),
        "2" * 10**6,
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(InvalidTime) as refused:
        parse_day(text)
    assert len(refused.value.text) <= 40


@pytest.mark.parametrize(
    "text,instant",
    [
        ("2026-01-31", "2026-01-30T23:00+00:00"),
        ("2026-07-31", "2026-07-30T22:00+00:00"),
        ("2026-01-31T10:00", "2026-01-31T09:00+00:00"),
        ("2026-01-31 10:00", "2026-01-31T09:00+00:00"),
        ("2026-01-31T10:00Z", "2026-01-31T10:00+00:00"),
        ("2026-01-31T10:00:30.25+05:30", "2026-01-31T04:30:30.250000+00:00"),
        ("2026-01-31T24:00", "2026-01-31T23:00+00:00"),
        ("2026-03-29T02:30", "2026-03-29T01:30+00:00"),
        ("2026-10-25T02:30", "2026-10-25T00:30+00:00"),
        ("2026-10-25T02:30+01:00", "2026-10-25T01:30+00:00"),
    ],
)
def test_an_instant_without_an_offset_is_in_the_communitys_zone(text: str, instant: str) -> None:
    assert parse_instant(text, PARIS) == datetime.fromisoformat(instant)
    assert parse_instant(text, PARIS).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        *("", "10", "now", "q3 2026", "31.01.2026", "2026-02-30", "2026-01-31T25:00", "2026-01-31T10:00:60"),
        *("2026-01-31T10:00+25:00", "2026-01-31T10:00 CET", "0001-01-01", "0001-01-01T00:00+14:00"),
        *("9999-12-31", "9999-12-31T23:59-14:00", "1969-12-31T23:59Z", "2026-01-31\0", "\ud800", "１" * 10),
        "2" * 10**6,
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(InvalidTime) as refused:
        parse_instant(text, PARIS)
    assert len(refused.value.text) <= 40


@given(st.text(max_size=30))
def test_any_text_is_an_instant_or_refused(text: str) -> None:
    with suppress(InvalidTime):
        assert parse_instant(text, PARIS).tzinfo is UTC


@pytest.mark.parametrize("text", ["1970-01-01", "9998-12-31"])
@pytest.mark.parametrize("name", list(WindowName))
@pytest.mark.parametrize(
    "zone", [PARIS, TOKYO, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago")], ids=str
)
def test_every_window_can_be_seen_from_every_day_that_can_be_written(
    text: str, name: WindowName, zone: ZoneInfo
) -> None:
    seen_from = midnight(parse_day(text), zone)
    window = Window.named(name, seen_from, zone)
    if name is WindowName.YESTERDAY or name.startswith("last-"):
        assert window.end is not None
        assert window.end <= seen_from
    else:
        assert window.holds(seen_from)


# ── zones ──


def test_every_zone_that_is_offered_can_be_used() -> None:
    for name in pytz.all_timezones:
        assert Window.today(WEDNESDAY, zone_named(name)).holds(WEDNESDAY)


def test_a_zone_is_an_hour_not_local_mean_time() -> None:
    assert local_instant(datetime(2026, 1, 31, 9), zone_named("Europe/Paris")).minute == 0  # noqa: DTZ001


@pytest.mark.parametrize(
    "name", ["", "CEST", "europe/paris", "Mars/Olympus", "+02:00", "../UTC", "/etc/passwd", "\0"]
)
def test_a_name_nobody_keeps_is_refused(name: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        zone_named(name)
    assert refused.value.name == "timezone"
