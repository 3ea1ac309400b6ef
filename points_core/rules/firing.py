"""Facts are told, rules decide, points move: all in the writing operation, so that no cap is ever passed.

Facts that wait for the writer together are decided together, in the order in which they were told.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from points_core import policy
from points_core.rules import keeping
from points_core.rules.desk import Desk, Told
from points_core.rules.facts import Fact
from points_core.rules.outcomes import Fired
from points_core.values import Origin
from points_core.writer import Call, planned_together


def _fire_many(tx: Connection, calls: Sequence[Call]) -> list[Any]:
    """Decide about several waiting facts together, community by community, each with its own outcome."""
    outcomes: list[Any] = [None] * len(calls)
    by_community: dict[str, list[tuple[int, Told]]] = {}
    for index, call in enumerate(calls):
        try:
            told = _told(*call.args, **call.kwargs)
        except Exception as error:
            outcomes[index] = error
        else:
            by_community.setdefault(told.origin.community, []).append((index, told))
    for together in by_community.values():
        decided = _decide(tx, [told for _, told in together])
        for (index, _), outcome in zip(together, decided, strict=True):
            outcomes[index] = outcome
    return outcomes


@planned_together(_fire_many)
def fire(tx: Connection, origin: Origin, fact: Fact) -> Fired:
    """Have a community's rules act on a fact, once, whoever tells of it again.

    The fact's own key is what counts, not the origin's; a fact from the future happens now. A check-in makes
    its local day an active one, whether a rule cares or not.
    Raises InvalidText, InvalidTime, BooksClosed.
    """
    (outcome,) = _decide(tx, [_told(origin, fact)])
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _told(origin: Origin, fact: Fact) -> Told:
    clean = keeping.cleaned(origin, fact)
    return Told(origin, clean, keeping.key_of(clean))


def _decide(tx: Connection, told: Sequence[Told]) -> list[Fired | Exception]:
    """Decide about one community's facts in order; if nothing comes of them nothing stays behind."""
    with tx.begin_nested() as savepoint:
        try:
            head, current = policy.locked(tx, told[0].origin)
        except Exception as error:
            savepoint.rollback()
            return [error] * len(told)
        desk = Desk.open(tx, head, current, told)
        fired: list[Fired | Exception] = [desk.decide(each) for each in told]
        if desk.idle:
            savepoint.rollback()
        else:
            desk.save()
    return fired
