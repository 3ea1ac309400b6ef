"""The same communities on both databases and in plain lists, what may be asked there, and whether all agree."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from sqlalchemy import Connection

from points_core.errors import InvalidSetting, LooksRepeated, PointsError
from points_core.values import Actor, ActorKind, Kind, Origin, Request
from tests.core.plain_books import PlainBooks

HISTORIES = int(os.environ.get("POINTS_TEST_HISTORIES", "60"))

BEGINNING = datetime(
    2026, 3, 27, 21, 30, tzinfo=UTC
)  # before clocks change in Paris, a month and a quarter end
TOWNS = ("town", "village")
PEOPLE = ("ada", "bob", "cyd", "mia")
MODERATORS = ("mia", "ned", "oli", "pia")
CATEGORIES = ("events", "helping", "talks")
ZONES = ("UTC", "Europe/Paris", "America/New_York", "Pacific/Auckland")
CHANGES: tuple[dict[str, Any], ...] = (
    *({"daily_limit": limit} for limit in (None, 10, 25)),
    *({"approval_threshold": threshold} for threshold in (None, 0, 5, 12)),
    *({"quorum": quorum} for quorum in (1, 2, 3)),
    *({"allow_negative": allowed} for allowed in (False, True)),
    *({"timezone": zone} for zone in ZONES),
    *({"min_award": least} for least in (1, 3)),
    *({"max_award": most} for most in (2, 10, 1_000)),
    {"request_hours": 1},
    {"request_hours": 72, "quorum": 2},
)
STEPS_OF_THE_CLOCK = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 30, 61, 3_600, 6 * 3_600, 26 * 3_600, 9 * 86_400, -1, -90, -7_200, -25 * 3_600)
)
towns = st.sampled_from(("town", "town", "town", "village"))
people = st.sampled_from(PEOPLE)
moderators = st.sampled_from(MODERATORS)
actors = st.sampled_from([*map(Actor.member, MODERATORS), Actor.member("ada"), Actor(ActorKind.OPERATOR)])
amounts = st.integers(1, 12) | st.integers(1, 30) | st.sampled_from([250, 256])  # past one bucket's end
recent = st.integers(0, 4) | st.integers(
    0, 40
)  # how far back: things that happen soon after are the harder ones
steps = st.sampled_from(STEPS_OF_THE_CLOCK)
votes = st.tuples(moderators, st.sampled_from([True, True, True, False]), st.just(timedelta()) | steps)
asks = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([Kind.AWARD, Kind.AWARD, Kind.AWARD, Kind.DEDUCTION]),
        "user_id": people,
        "amount": amounts,
        "reason": st.sampled_from(["helped", "gave a talk"]),
    },
    optional={
        "category": st.sampled_from(["events", "events", *CATEGORIES, None]),
        "evidence": st.just("https://example.com/1"),
        "effective_at": st.integers(-60, 2).map(lambda days: BEGINNING + timedelta(days=days)),
        "again": st.just(True),
    },
)


@dataclass
class Told:
    """One operation that was called, to be called again."""

    operation: str
    origin: Origin
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass
class Worlds:
    """The same communities three times: on each database, and in plain lists."""

    databases: dict[str, Connection]
    plain: dict[str, PlainBooks] = field(default_factory=lambda: {town: PlainBooks() for town in TOWNS})

    def everywhere(self, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run an operation in a savepoint of each database and return its outcome, the same on both."""
        first, second = (
            said(within_savepoint, tx, operation, *args, **kwargs) for tx in self.databases.values()
        )
        assert first == second, f"{operation}: {first} on SQLite, {second} on PostgreSQL"
        return first


def within_savepoint(tx: Connection, operation: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with tx.begin_nested():
        return operation(tx, *args, **kwargs)


def said(ask: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return the answer, or the refusal in its place."""
    try:
        return shape(ask(*args, **kwargs))
    except PointsError as refusal:
        return shape(refusal)


def shape(answer: Any) -> Any:
    """Return what can be compared of an answer: votes of one moment in the voters' order, refusals' fields."""
    if isinstance(answer, list | tuple):
        return type(answer)(map(shape, answer))
    if isinstance(answer, Request):
        return replace(answer, votes=tuple(sorted(answer.votes, key=lambda v: (v.at, v.user_id or ""))))
    if isinstance(answer, InvalidSetting):
        return InvalidSetting  # its words come from pydantic
    if isinstance(answer, PointsError):
        return type(answer), vars(answer)
    return answer


def alike(real: Any, plain: Any) -> bool:
    """Return whether the books and the plain lists say the same; of several repeated asks either may be named."""
    if isinstance(real, list):
        return len(real) == len(plain) and all(map(alike, real, plain))
    repeated = isinstance(plain, tuple) and plain[0] is LooksRepeated
    return bool(real[0] is LooksRepeated if repeated and isinstance(real, tuple) else real == plain)
