"""A community whose books a test writes in a line and reads back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine

from points_core import ledger, policy
from points_core.ledger import Books, Movement, Wanted
from points_core.values import Actor, ActorKind, Kind, Origin, Receipt

P = ParamSpec("P")
T = TypeVar("T")

NOON = datetime(2026, 3, 18, 12, tzinfo=UTC)  # a Wednesday
OPERATOR = Actor(ActorKind.OPERATOR)
_keys = count(1)


@dataclass(frozen=True)
class Move:
    """Points that a test moves; positive ones are an award, negative ones a deduction."""

    user_id: str
    amount: int
    category: str | None = None
    at: datetime = NOON
    effective_at: datetime | None = None
    by: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Town:
    """One community on one database."""

    engine: Engine
    community: str = "town"

    def origin(self, at: datetime = NOON) -> Origin:
        return Origin(self.community, OPERATOR, at, f"test:{next(_keys)}")

    def write(
        self, operation: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        with self.engine.begin() as tx:
            return operation(tx, *args, **kwargs)

    def read(
        self, operation: Callable[Concatenate[Connection, str, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        with self.engine.begin() as tx:
            return operation(tx, self.community, *args, **kwargs)

    def set(self, **changes: object) -> None:
        with self.engine.begin() as tx:
            policy.change(tx, self.origin(), **changes)

    def award(
        self,
        user_id: str,
        amount: int,
        category: str | None = None,
        *,
        at: datetime = NOON,
        effective_at: datetime | None = None,
        by: str | None = None,
        name: str | None = None,
    ) -> Receipt:
        return self.post([Move(user_id, amount, category, at, effective_at, by, name)])[0]

    def post(self, moves: Sequence[Move]) -> list[Receipt]:
        """Move points in one commit, in order."""
        return self.write(post, self.community, moves)

    def reverse(self, number: int, at: datetime = NOON) -> Receipt:
        return self.write(ledger.reverse, self.origin(at), number, reason="a mistake")

    def elsewhere(self, community: str) -> "Town":
        return replace(self, community=community)


def post(tx: Connection, community: str, moves: Sequence[Move]) -> list[Receipt]:
    """Move points as one batch, in order."""
    head, current = policy.locked(tx, Origin(community, OPERATOR, moves[0].at, f"test:{next(_keys)}"))
    categories = {move: current.category(move.category) for move in moves}
    wanted = Wanted(
        user_ids=frozenset({move.user_id for move in moves} | {move.by for move in moves if move.by}),
        keys=frozenset(),
    )
    books = Books.load(tx, head, current, wanted)
    receipts = [
        books.post(
            Movement(
                kind=Kind.AWARD if move.amount > 0 else Kind.DEDUCTION,
                user_id=move.user_id,
                amount=move.amount,
                reason="because",
                actor=Actor.member(move.by) if move.by else OPERATOR,
                key=f"test:{next(_keys)}",
                at=move.at,
                name=move.name,
                category=categories[move],
                effective_at=move.effective_at,
            )
        )
        for move in moves
    ]
    books.save(tx)
    return receipts
