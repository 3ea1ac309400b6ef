"""Whatever a program hands to the functions of `api`: a refusal that says which argument, and what it has to be."""

import inspect
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, get_args, get_type_hints

import pytest

from points_core import api, given
from points_core.cli.words import words
from points_core.errors import InvalidAmount, InvalidSetting, InvalidText, InvalidTime, Refused
from tests.conftest import Databases
from tests.core.test_api import close
from tests.hostile.corpus import DAYS, IDS, NUMBERS, TEXTS

FUNCTIONS = {
    name: getattr(api, name) for name in api.__all__ if inspect.iscoroutinefunction(getattr(api, name))
}
GOOD: dict[str, Any] = {"user_id": "1", "amount": 5, "reason": "review", "number": 1}
NOW = datetime(2026, 3, 18, 12, tzinfo=UTC)

LOOP: list[object] = []
LOOP.append(LOOP)


class Unspeakable:
    """An object that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


WRONG: dict[str, object] = {
    "none": None,
    "true": True,
    "a whole number": 7,
    "a float": 5.0,
    "not a number": float("nan"),
    "a decimal": Decimal(5),
    "a complex number": 1j,
    "text": "text",
    "bytes": b"1",
    "a list": ["1"],
    "a list of itself": LOOP,
    "a dict": {"a": 1},
    "a set": {1},
    "a moment": NOW,
    "a day": NOW.date(),
    "a function": len,
    "a class": str,
    "an object": object(),
    "an object without words": Unspeakable(),
}


def types_of(name: str) -> dict[str, tuple[type, ...]]:
    hints = get_type_hints(FUNCTIONS[name])
    del hints["return"]
    return {n: get_args(hint) if isinstance(hint, UnionType) else (hint,) for n, hint in hints.items()}


def fits(value: object, types: tuple[type, ...]) -> bool:
    return type(value) in types


def required(name: str) -> dict[str, Any]:
    needed = inspect.signature(FUNCTIONS[name]).parameters.values()
    return {each.name: GOOD[each.name] for each in needed if each.default is inspect.Parameter.empty}


@pytest.fixture
async def opened(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setenv("POINTS_DATABASE_URL", databases.new("sqlite"))
    await api.award_points(user_id="1", amount=5, reason="first")
    yield
    await close()


@pytest.mark.parametrize("name", FUNCTIONS)
async def test_every_argument_of_a_wrong_type_is_refused_by_name(name: str, opened: None) -> None:
    for argument, types in types_of(name).items():
        for what, value in WRONG.items():
            if fits(value, types):
                continue
            with pytest.raises(Refused) as refusal:
                await FUNCTIONS[name](**required(name) | {argument: value})

            error = refusal.value
            assert isinstance(error, InvalidAmount | InvalidSetting | InvalidTime), (argument, what, error)
            assert argument in words(error) or isinstance(error, InvalidAmount | InvalidTime), words(error)
            assert len(words(error)) < 300
    page = await api.get_history(limit=50)
    assert [receipt.reason for receipt in page.receipts] == ["first"]


@pytest.mark.parametrize("name", FUNCTIONS)
async def test_every_argument_of_the_right_type_is_taken_or_refused(name: str, opened: None) -> None:
    days = [date.min, date.max, date(1969, 12, 31), date(2026, 2, 28)]
    of_type: dict[type, list[Any]] = {
        str: [*TEXTS.values(), *IDS.values(), *DAYS.values()],
        int: [value for value in NUMBERS.values() if type(value) is int],
        bool: [True, False],
        date: days,
        datetime: [
            datetime(2026, 1, 1),  # noqa: DTZ001 - that is what is tried
            datetime.min,  # noqa: DTZ901
            datetime.min.replace(tzinfo=UTC),
            datetime.max.replace(tzinfo=UTC),
            datetime(1969, 12, 31, tzinfo=UTC),
            NOW,
        ],
        NoneType: [None],
    }
    for argument, types in types_of(name).items():
        for value in [value for each in types for value in of_type[each]]:
            with suppress(Refused):
                await FUNCTIONS[name](**required(name) | {argument: value})


async def test_words_say_what_an_argument_has_to_be(opened: None) -> None:
    for wrong, told in {
        "category": "The category cannot be \"['events']\": it has to be text, or None.",
        "reason": "The reason cannot be \"['events']\": it has to be text.",
        "effective_at": "\"['events']\" is no date or time that can be used here; write it as 2026-01-31.",
    }.items():
        with pytest.raises(Refused) as refusal:
            await api.award_points(**GOOD_AWARD | {wrong: ["events"]})
        assert words(refusal.value) == told
    with pytest.raises(InvalidSetting, match="window"):
        await api.get_leaderboard(window="fortnight")
    with pytest.raises(InvalidText):
        await api.get_balance(user_id="1", community_id="a\x00b")


GOOD_AWARD: dict[str, Any] = {"user_id": "1", "amount": 5, "reason": "review"}


def test_every_function_for_programs_checks_what_it_is_given() -> None:
    assert FUNCTIONS
    for function in FUNCTIONS.values():
        assert hasattr(function, "__wrapped__"), function
        for parameter in inspect.signature(function).parameters.values():
            assert parameter.kind is inspect.Parameter.KEYWORD_ONLY, (function, parameter)
        hints = get_type_hints(function)
        del hints["return"]
        for hint in hints.values():
            known = {*given.EXPECTED, date, datetime, NoneType}
            assert {*(get_args(hint) if isinstance(hint, UnionType) else (hint,))} <= known
