"""What counts as an amount, a text, a link, an id, a key, a name: at the doors, and in the rows behind them."""

import re
import sys
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from sqlalchemy import DateTime
from sqlalchemy.dialects import sqlite

from points_core import approvals, audit, awards, bulk, history, leaderboard, policy, schedules, verification
from points_core.database import Points
from points_core.errors import (
    InvalidAmount,
    InvalidSetting,
    InvalidText,
    InvalidTime,
    UnknownBatch,
    UnknownRequest,
    UnknownSchedule,
    UnknownTransaction,
)
from points_core.http.schemas import STORABLE
from points_core.models import UtcDateTime
from points_core.values import (
    _VISIBLE,
    MAX_AMOUNT,
    MAX_KEY,
    MAX_LINK,
    MAX_NAME,
    MAX_REASON,
    Actor,
    ActorKind,
    Kind,
    Origin,
    clean_id,
    clean_instant,
    clean_key,
    clean_link,
    clean_name,
    clean_text,
    parse_amount,
    whole_amount,
)
from points_core.windows import Window
from tests.core.conftest import ADA, COMMUNITY, MOD, NOON, by, row_counts

UNSTORABLE = ("\0", "a\0b", "\ud800", "a\udfffb", "bell\x07", "\x7f", "\x1b[31m")
ODD_BUT_STORABLE = (
    "\u202egnp.exe\u202c",  # right to left
    "\u2066isolate\u2069 \u200f\u200e",
    "a\u200bb\u200db",
    "two\nlines\tand a tab",
    "👩🏽‍🚀 Zoë ﷽ 漢字 e\u0301",
    "**bold** [link](https://example.org) @everyone <@1001>",
    "'; DROP TABLE members; --",
    "=1+1",
    "\ufeffmark",
)
BLANK = (
    "\u200b",  # zero width space
    "\u200b\u200d \ufeff",
    "\u2060\u2066\u2069\u202e",
    "\u3164",  # Hangul filler: a letter, and nothing to see
    "\u115f\u1160\uffa0",
    "\u2800",  # a Braille pattern without dots
    "\ufe0f\u034f\U000e0100",
    "\u00ad",
)
NO_AMOUNT_WORDS = (
    *(
        "1e3",
        "true",
        "１２",
        "1_000",
        "0",
        "-5",
        "−5",
        "+5",
        " 5",
        "5 ",
        "05",
        "",
        "5.0",
        "1,000",
        "0x10",
        "٣",
        "1٣",
        "1２",
        "1²",
    ),
    *("½", "five", "None", "nan", "inf", "5\n", "5\0", str(10**12 + 1), str(2**63), "9" * 1_000_000),
)


# ── amounts ──


@pytest.mark.parametrize("text", NO_AMOUNT_WORDS, ids=lambda text: ascii(text)[:20])
def test_a_written_amount_is_plain_digits_or_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(InvalidAmount) as refused:
        parse_amount(text)

    assert (refused.value.minimum, refused.value.maximum) == (1, MAX_AMOUNT)
    assert len(str(refused.value.amount)) <= 40


@pytest.mark.parametrize(
    "value",
    [True, False, 1.0, 1e3, "5", "", None, 0, -5, 10**12 + 1, 2**63, 2**10_000, b"5", [5], float("nan")],
    ids=lambda value: repr(value)[:20],
)
def test_an_amount_is_an_int_in_range_or_refused(value: object) -> None:
    with pytest.raises(InvalidAmount):
        whole_amount(value)


def test_the_smallest_and_the_largest_amount_are_amounts() -> None:
    assert [parse_amount("1"), parse_amount("1000000000000")] == [1, 10**12]
    assert [whole_amount(1), whole_amount(10**12), whole_amount(0, minimum=0)] == [1, 10**12, 0]


@given(st.integers(1, MAX_AMOUNT))
def test_every_amount_is_read_as_it_is_written(amount: int) -> None:
    assert parse_amount(str(amount)) == amount


@given(st.text(max_size=15))
def test_whatever_is_read_as_an_amount_was_written_in_its_one_way(text: str) -> None:
    try:
        amount = parse_amount(text)
    except InvalidAmount:
        return
    assert str(amount) == text


# ── texts ──


@pytest.mark.parametrize(
    "text", [*UNSTORABLE, "", "   ", "\n\t\u3000", "x" * 301, "x" * 10**6, None, 5, b"x"]
)
def test_a_text_that_cannot_be_stored_or_says_nothing_is_refused(text: object) -> None:
    with pytest.raises(InvalidText) as refused:
        clean_text("reason", text)
    assert (refused.value.field, refused.value.limit) == ("reason", MAX_REASON)


@pytest.mark.parametrize("text", BLANK)
def test_a_text_that_nobody_can_see_is_no_text(text: str) -> None:
    with pytest.raises(InvalidText):
        clean_text("reason", text)
    assert re.match(STORABLE, text) is None
    assert clean_name(text) is None
    assert clean_text("reason", f"{text}a{text}").count("a") == 1


def test_spaces_controls_and_formats_are_all_known_to_be_invisible() -> None:
    hidden = {"Cc", "Cf", "Zl", "Zp", "Zs"}
    for number in range(sys.maxunicode + 1):
        letter = chr(number)
        if unicodedata.category(letter) in hidden:
            assert not _VISIBLE.match(letter), f"U+{number:04X}"
        elif unicodedata.category(letter)[0] in "NP" or letter in "a漢é👩◌":
            assert _VISIBLE.match(letter), f"U+{number:04X}"


@pytest.mark.parametrize("text", ODD_BUT_STORABLE)
def test_an_odd_text_is_kept_as_it_is(text: str) -> None:
    assert clean_text("reason", text) == text


def test_white_space_around_a_text_does_not_count() -> None:
    assert clean_text("reason", " \n\u3000" + "x" * 300 + "\u2003\t ") == "x" * 300


@given(st.text(max_size=400))
def test_a_clean_text_stays_clean_and_can_be_written(text: str) -> None:
    try:
        clean = clean_text("reason", text)
    except InvalidText:
        return
    assert clean == text.strip()
    assert clean_text("reason", clean) == clean
    assert "\0" not in clean.encode().decode()


@pytest.mark.parametrize("text", ODD_BUT_STORABLE)
async def test_an_odd_text_comes_back_from_the_books_as_it_went_in(points: Points, text: str) -> None:
    await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=5, reason=text)

    (receipt,) = (await points.read(history.page, COMMUNITY)).receipts
    assert receipt.reason == text


async def test_an_unstorable_text_is_refused_before_anything_is_written(points: Points) -> None:
    before = await row_counts(points)
    for text in (*UNSTORABLE, "x" * 10**6):
        with pytest.raises(InvalidText):
            await points.write(
                approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=5, reason=text
            )
    assert await row_counts(points) == before


@pytest.mark.parametrize("amount", [True, 0, -5, 10**12 + 1, 2**63, 5.0, "5"])
async def test_no_amount_moves_nothing(points: Points, amount: int) -> None:
    before = await row_counts(points)
    with pytest.raises(InvalidAmount):
        await points.write(
            approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=amount, reason="x"
        )
    assert await row_counts(points) == before


# ── links ──


@pytest.mark.parametrize(
    "link",
    [
        "https://example.org",
        "http://example.org/a?b=c#d",
        "HTTPS://EXAMPLE.ORG/%20",
        "https://discord.com/channels/1/2/3",
        "https://例え.jp/道",
        "https://example.org/" + "x" * (MAX_LINK - 20),
    ],
)
def test_a_link_is_an_address_of_the_web(link: str) -> None:
    assert clean_link("evidence", f" {link} ") == link


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "ftp://example.org",
        "https://",
        "https://a b",
        "https://a\nb",
        'https://a"b',
        "https://a>b",
        "see https://example.org",
        "https://a\0",
        "https://a\ud800",
        "https://example.org/\u202egpj.exe",  # turns what follows around
        "https://exa\u200bmple.org",  # no width
        "https://example.org/\u2066x\u2069",
        "https://example.org/\ufeffx",
        "https://example.org/\u00adx",
        "https://example.org/\u2028x",
        "https://example.org/\u2029x",
        "https://example.org/\u3000x",
        "https://example.org/\x85x",
        "https://example.org/" + "x" * (MAX_LINK - 19),
    ],
)
def test_what_is_no_link_is_refused(text: str) -> None:
    with pytest.raises(InvalidText):
        clean_link("evidence", text)


# ── ids, keys, names, instants ──


@pytest.mark.parametrize("text", ["1", "81384788765712384", "ada@example.org", "a.b:c-d_e", "x" * 64])
def test_an_id_from_outside_is_kept_as_it_is(text: str) -> None:
    assert clean_id("user_id", text) == text


@pytest.mark.parametrize("text", ["", " ", "a b", "１２", "a\n", "é", "a/b", "x" * 65, "\0", 123, None, True])
def test_what_is_no_id_is_refused(text: object) -> None:
    with pytest.raises(InvalidText):
        clean_id("user_id", text)


@pytest.mark.parametrize("text", ["", " ", "a b", "a\n", "é", "x" * (MAX_KEY + 1), None, 5])
def test_what_is_no_key_is_refused(text: object) -> None:
    with pytest.raises(InvalidText):
        clean_key(text)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=MAX_KEY))
def test_any_visible_ascii_is_a_key(text: str) -> None:
    assert clean_key(text) == text


@pytest.mark.parametrize(
    "name,kept",
    [
        (None, None),
        ("", None),
        (" \0\ud800 ", None),
        ("Zoë", "Zoë"),
        ("a\0b", "ab"),
        ("x" * 99 + " y", "x" * 99),
        ("y" * 10**6, "y" * MAX_NAME),
    ],
)
def test_a_name_is_made_to_fit_and_never_refused(name: str | None, kept: str | None) -> None:
    assert clean_name(name) == kept


@given(st.text(st.characters(codec=None), max_size=150))
def test_a_name_once_fit_stays_as_it_is(name: str) -> None:
    fit = clean_name(name)
    assert clean_name(fit) == fit
    assert fit is None or (0 < len(fit.encode().decode()) <= MAX_NAME)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1),  # noqa: DTZ001 - naive on purpose
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime(9999, 12, 31, tzinfo=timezone(timedelta(hours=-14))),
        datetime(1969, 12, 31, tzinfo=UTC),
    ],
)
def test_an_instant_that_clocks_cannot_show_is_refused(moment: datetime) -> None:
    with pytest.raises(InvalidTime):
        clean_instant(moment)
    with pytest.raises(InvalidTime):
        Origin(COMMUNITY, Actor(ActorKind.SYSTEM), moment, "k")


def test_an_origin_needs_an_id_a_key_and_an_actor_with_an_id() -> None:
    with pytest.raises(InvalidText):
        Origin("no community", Actor(ActorKind.SYSTEM), NOON, "k")
    with pytest.raises(InvalidText):
        Origin(COMMUNITY, Actor(ActorKind.SYSTEM), NOON, "")
    with pytest.raises(InvalidText):
        Actor.member("not an id")


@pytest.mark.parametrize(
    "effective_at",
    [datetime(2026, 1, 1), datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)],  # noqa: DTZ001
)
async def test_points_do_not_count_at_an_impossible_time(points: Points, effective_at: datetime) -> None:
    before = await row_counts(points)
    with pytest.raises(InvalidTime):
        await points.write(
            approvals.request,
            by(MOD),
            kind=Kind.AWARD,
            user_id=ADA,
            amount=5,
            reason="x",
            effective_at=effective_at,
        )
    assert await row_counts(points) == before


# ── asking for what there cannot be ──


@pytest.mark.parametrize("number", [-(10**30), 10**30])
async def test_a_list_may_go_on_from_any_number(points: Points, number: int) -> None:
    await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=500, reason="x")
    await points.write(policy.add_category, by(MOD), "art")
    all_or_none = int(number < 0)

    assert len(await points.read(approvals.pending, COMMUNITY, after=number)) == all_or_none
    assert len(await points.read(audit.recent, COMMUNITY, before=number)) == 1 - all_or_none
    assert await points.read(audit.find, COMMUNITY, number) is None
    assert await points.read(bulk.recent, COMMUNITY, before=number) == ()
    with pytest.raises(UnknownBatch):
        await points.read(bulk.get, COMMUNITY, number)


@pytest.mark.parametrize("number", [0, -1, 99, 2**63 - 1, 2**63, 10**30])
async def test_a_number_that_nothing_has_is_unknown_however_large(points: Points, number: int) -> None:
    await points.write(approvals.request, by(MOD), kind=Kind.AWARD, user_id=ADA, amount=5, reason="x")
    before = await row_counts(points)

    with pytest.raises(UnknownTransaction):
        await points.read(history.transaction, COMMUNITY, number)
    with pytest.raises(UnknownTransaction):
        await points.write(awards.reverse, by(MOD), number, reason="x")
    with pytest.raises(UnknownRequest):
        await points.read(approvals.get, COMMUNITY, number)
    with pytest.raises(UnknownRequest):
        await points.write(approvals.vote, by(MOD), number, approve=True)
    with pytest.raises(UnknownRequest):
        await points.write(approvals.cancel, by(MOD), number)
    with pytest.raises(UnknownSchedule):
        await points.write(schedules.remove, by(MOD), number)
    assert await row_counts(points) == before


@pytest.mark.parametrize("odd", ["\ud800", "a\0b", "two words", ""])
async def test_looking_up_an_id_that_nobody_can_have_is_refused(points: Points, odd: str) -> None:
    with pytest.raises(InvalidText):
        await points.read(history.balance, COMMUNITY, odd)
    with pytest.raises(InvalidText):
        await points.read(history.balance, odd, ADA)
    with pytest.raises(InvalidText):
        await points.read(history.page, COMMUNITY, user_id=odd)
    with pytest.raises(InvalidText):
        await points.read(history.page, COMMUNITY, actor=odd)
    with pytest.raises(InvalidText):
        await points.read(leaderboard.standings, odd, window=Window.all_time())
    with pytest.raises(InvalidText):
        await points.read(policy.of, odd)


async def test_books_that_do_not_exist_are_not_called_in_order(points: Points) -> None:
    with pytest.raises(InvalidSetting) as refused:
        await points.read(verification.verify, "typo")
    assert (refused.value.name, refused.value.value) == ("community", "typo")


@given(moment=st.datetimes(timezones=st.timezones()))
def test_sqlite_holds_an_instant_as_sqlalchemy_writes_it(moment: datetime) -> None:
    dialect = sqlite.dialect()
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        reject()  # before the first or after the last year
    write, read = UtcDateTime().bind_processor(dialect), UtcDateTime().result_processor(dialect, None)
    plainly = DateTime().dialect_impl(dialect).bind_processor(dialect)
    assert write is not None
    assert read is not None
    assert plainly is not None

    assert write(moment) == plainly(utc)
    assert read(write(moment)) == utc
    assert read(write(moment)).tzinfo is UTC


def test_a_naive_instant_is_refused_and_none_is_none() -> None:
    write = UtcDateTime().bind_processor(sqlite.dialect())
    assert write is not None

    assert write(None) is None
    with pytest.raises(ValueError, match="naive"):
        write(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point
