"""Text from people is only text, whatever is in it; numbers and people read well."""

import re
from datetime import UTC, datetime

import pytest

from bot.messages.text import category, points, shown, signed, when, who

INVISIBLE = re.compile(
    "[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)


@pytest.mark.parametrize(
    "hostile",
    [
        "@everyone",
        "@here",
        "@Everyone",
        "<@1>",
        "<@!1>",
        "<@&1>",
        "a@everyone",
        "https://a.example/@everyone",
    ],
)
def test_mentions_are_broken(hostile: str) -> None:
    assert not re.search(r"(?<!\\)<@|@(everyone|here|[!&]?\d)", shown(hostile), re.IGNORECASE)


@pytest.mark.parametrize(
    "hostile, harmless",
    [
        ("**b**", r"\*\*b\*\*"),
        ("_i_ __u__", r"\_i\_ \_\_u\_\_"),
        ("~~s~~ ||spoiler||", r"\~\~s\~\~ \|\|spoiler\|\|"),
        ("`code` ```block```", r"\`code\` \`\`\`block\`\`\`"),
        ("<#5> </award:1> <t:1:R> <:a:1>", r"\<#5\> \</award:1\> \<t:1:R\> \<:a:1\>"),
        (r"\*already\*", r"\\\*already\\\*"),
        ("# heading", r"\# heading"),
        ("-# small print", r"\-# small print"),
        ("> quote", r"\> quote"),
        ("- item", r"\- item"),
        ("1. item", r"1\. item"),
        ("3.5 hours, 2 - 1, C# and a-b", "3.5 hours, 2 - 1, C# and a-b"),
    ],
)
def test_markdown_is_shown_and_not_obeyed(hostile: str, harmless: str) -> None:
    assert shown(hostile) == harmless


def test_a_masked_link_shows_where_it_leads_and_a_plain_link_stays_one() -> None:
    assert shown("[your prize](https://evil.example/a_b)") == r"\[your prize\](https://evil.example/a_b)"
    assert shown("see https://a.example/x_y?z=*1, ok_") == r"see https://a.example/x_y?z=\*1, ok\_"


def test_text_takes_one_line() -> None:
    assert shown("a\n\n# b\r\n\t- c\u2028d") == "a # b - c d"


@pytest.mark.parametrize(
    "hidden",
    ["\u202e", "\u2066", "\u200b", "\u200e", "\ufeff", "\u00ad", "\x00", "\x1b", "\ud800", "\U000e0041"],
)
def test_what_cannot_be_seen_is_removed(hidden: str) -> None:
    assert shown(f"a{hidden}b") == "ab"


@pytest.mark.parametrize("nothing", [None, "", "   ", "\u200b\u2060", "\u3164", "\x00\ud800"])
def test_nothing_to_see_is_a_dash(nothing: str | None) -> None:
    assert shown(nothing) == "—"


def test_letters_of_all_scripts_and_joined_emoji_stay() -> None:
    text = "Zoë 李明 يوسف नमस्ते 👩‍💻 👍🏽 ﷽"

    assert shown(text) == text


def test_marks_cannot_climb_into_other_lines() -> None:
    assert shown("z" + "\u0334" * 50) == "z" + "\u0334" * 3


def test_a_megabyte_is_cut_to_what_fits() -> None:
    assert shown("a" * 2**20) == "a" * 299 + "…"
    assert shown("word " * 9, limit=9) == "word wor…"


def test_what_is_shown_can_always_be_sent() -> None:
    hostile = "".join(chr(point) for point in (*range(0x250), *range(0xD7F0, 0xE010), *range(0x2000, 0x2070)))

    shown(hostile, 10_000).encode()


def test_points_are_counted_in_words() -> None:
    assert [points(n) for n in (0, 1, -1, 1042, -5)] == [
        "0 points",
        "1 point",
        "−1 point",
        "1,042 points",
        "−5 points",
    ]


def test_signs_are_true_signs() -> None:
    assert [signed(n) for n in (10, -10, 0, -1042)] == ["+10", "−10", "0", "−1,042"]


@pytest.mark.parametrize(
    "user_id, name, said",
    [
        ("123", "Ada", "<@123>"),
        ("ada@club", "Ada *A*", r"Ada \*A\*"),
        ("ada@club", None, "ada@club"),
        (None, None, "someone erased"),
        ("１２３", None, "１２３"),
    ],
)
def test_a_person_is_mentioned_named_or_gone(user_id: str | None, name: str | None, said: str) -> None:
    assert who(user_id, name) == said


def test_times_are_left_to_the_readers_clock() -> None:
    assert when(datetime(2026, 1, 1, tzinfo=UTC)) == "<t:1767225600:R>"
    assert when(datetime(2026, 1, 1, tzinfo=UTC), "D") == "<t:1767225600:D>"


def test_categories_have_a_name_or_none() -> None:
    assert (category("helping"), category(None), category("*a*")) == ("helping", "no category", r"\*a\*")
