"""What programs give to the functions of `api`, held against the annotations of these functions.

A program without a type checker hands over a list for a name, or None: the core would trip over it somewhere
deep, in words of Python or of a database's driver.
"""

import reprlib
from collections.abc import Callable, Coroutine, Mapping
from datetime import date, datetime
from functools import wraps
from types import NoneType, UnionType
from typing import Any, Final, ParamSpec, TypeVar, get_args, get_type_hints

from points_core.errors import InvalidAmount, InvalidSetting, InvalidText, InvalidTime
from points_core.values import MAX_AMOUNT, MAX_REASON, is_storable

P = ParamSpec("P")
T = TypeVar("T")
Operation = Callable[P, Coroutine[Any, Any, T]]

EXPECTED: Final = {str: "text", int: "a whole number", bool: "True or False"}


def checked(operation: Operation[P, T]) -> Operation[P, T]:
    """Refuse arguments that are not of the types that `operation`, of keywords alone, is annotated with.

    Raises InvalidAmount, InvalidTime where a date or a time should be, InvalidText for text that no database can store,
    InvalidSetting for anything else.
    """
    hints = get_type_hints(operation)
    hints.pop("return", None)
    allowed = {name: frozenset(_types(hint)) for name, hint in hints.items()}

    @wraps(operation)
    async def refusing(*args: P.args, **kwargs: P.kwargs) -> T:
        _check(allowed, kwargs)
        return await operation(*args, **kwargs)

    return refusing


def _types(hint: Any) -> tuple[type, ...]:  # noqa: ANN401 - an annotation
    return get_args(hint) if isinstance(hint, UnionType) else (hint,)


def _check(allowed: Mapping[str, frozenset[type]], given: Mapping[str, object]) -> None:
    for name, value in given.items():
        types = allowed.get(name)
        if types is None:
            continue  # Python says which names there are
        if not any(_is(value, each) for each in types):
            _refuse(name, value, types)
        if isinstance(value, str) and not is_storable(value):
            raise InvalidText(name, MAX_REASON)


def _is(value: object, expected: type) -> bool:
    """Tell whether a value is what was asked for: True is no number here, a moment no day."""
    if expected in (bool, date):
        return type(value) is expected
    return isinstance(value, expected) and not (expected is int and isinstance(value, bool))


def _refuse(name: str, value: object, types: frozenset[type]) -> None:
    shown = reprlib.repr(value)
    if name == "amount":
        raise InvalidAmount(shown, 1, MAX_AMOUNT)
    if types & {date, datetime}:
        raise InvalidTime(shown)
    words = " or ".join(EXPECTED[each] for each in sorted(types - {NoneType}, key=lambda each: each.__name__))
    raise InvalidSetting(name, shown, words + (", or None" if NoneType in types else ""))
