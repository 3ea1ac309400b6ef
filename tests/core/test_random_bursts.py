"""Random asks that wait for the writer together: each is answered as if it had come alone, in its turn."""

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from points_core import approvals, policy, verification
from points_core.database import Points
from points_core.values import Actor, ActorKind, Origin
from tests.conftest import BACKENDS, Databases
from tests.core.conftest import settings_for
from tests.core.plain_books import PlainBooks
from tests.core.two_worlds import BEGINNING, HISTORIES, MODERATORS, alike, asks, said, shape

STRICT = {"daily_limit": 20, "approval_threshold": 12}
together = st.lists(st.tuples(st.sampled_from(MODERATORS[:2]), asks), min_size=4, max_size=12)


@settings(max_examples=max(8, HISTORIES // 8))
@given(first=together, second=together)
def test_waiting_operations_that_share_a_commit_answer_as_plain_lists_do(
    databases: Databases, first: list[tuple[str, dict[str, Any]]], second: list[tuple[str, dict[str, Any]]]
) -> None:
    answers = [asyncio.run(asked_at_once(databases, backend, [first, second])) for backend in BACKENDS]

    plain = PlainBooks()
    plain.change(beginning(), **STRICT)
    expected = [said(plain.request, origin, **ask) for origin, ask in named([first, second])]
    for answer in answers:
        assert alike(answer, expected)


Bursts = list[list[tuple[str, dict[str, Any]]]]


def named(bursts: Bursts) -> list[tuple[Origin, dict[str, Any]]]:
    """Give each ask its origin."""
    flat = [each for burst in bursts for each in burst]
    return [
        (Origin("town", Actor.member(actor), BEGINNING, f"key:{n}"), ask)
        for n, (actor, ask) in enumerate(flat)
    ]


def beginning() -> Origin:
    return Origin("town", Actor(ActorKind.OPERATOR), BEGINNING, "beginning")


async def asked_at_once(databases: Databases, backend: str, bursts: Bursts) -> list[Any]:
    """Ask through the seam, each burst at once, and return the outcomes in order."""
    url = databases.new(backend)
    try:
        async with Points.opened(settings_for(url)) as points:
            await points.write(policy.change, beginning(), **STRICT)
            waiting = iter(named(bursts))
            outcomes: list[Any] = []
            for burst in bursts:
                asks = [next(waiting) for _ in burst]
                outcomes += await asyncio.gather(
                    *[points.write(approvals.request, origin, **ask) for origin, ask in asks],
                    return_exceptions=True,
                )
            assert await points.read(verification.verify) == []
            return [shape(outcome) for outcome in outcomes]
    finally:
        databases.drop(url)
