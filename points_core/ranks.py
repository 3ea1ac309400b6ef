"""What place a score takes on a board, counted from buckets, however many members there are."""

from collections.abc import Iterator

from sqlalchemy import BigInteger, Connection, Select, bindparam, cast, func, select, union_all

from points_core.models import ScoreBucket
from points_core.scores import LEVEL_BITS, LEVELS, RANKED
from points_core.windows import Span

_MEMBERS = cast(func.coalesce(func.sum(ScoreBucket.members), 0), BigInteger)


def _counted(level: int) -> Select[int]:
    return select(_MEMBERS.label("members")).where(
        ScoreBucket.community_id == bindparam("community_id"),
        ScoreBucket.span == bindparam("span"),
        ScoreBucket.start == bindparam("start"),
        ScoreBucket.category_id == bindparam("category_id"),
        ScoreBucket.level == level,
    )


def _higher() -> Iterator[Select[int]]:
    """On each level: the buckets above the score's own, under the parent that they share."""
    for level in range(LEVELS):
        yield _counted(level).where(
            ScoreBucket.bucket > bindparam(f"own_{level}"), ScoreBucket.bucket <= bindparam(f"last_{level}")
        )


_parts = union_all(*_higher()).subquery()
_ABOVE = select(cast(func.sum(_parts.c.members), BigInteger))
_EVERYONE = _counted(LEVELS - 1)


def rank(
    tx: Connection, community_id: int, category_id: int, score: int, span: Span = Span.ALL, start: int = 0
) -> int:
    """Return the rank of `score` points, 1 for the best: one more than the members with more points.

    category_id: 0 for all categories together. `score` is 0 or more and need not be anybody's. `span` is one of
    those that buckets are kept for (scores.RANKED), `start` the number under which it is stored.
    """
    assert span in RANKED, span
    bounds = {}
    for level in range(LEVELS):
        own = score >> (LEVEL_BITS * level)
        bounds[f"own_{level}"] = own
        bounds[f"last_{level}"] = own | ((1 << LEVEL_BITS) - 1)
    board = _board(community_id, category_id, span, start)
    return 1 + int(tx.execute(_ABOVE, {**board, **bounds}).scalar_one())


def count(tx: Connection, community_id: int, category_id: int, span: Span = Span.ALL, start: int = 0) -> int:
    """Return how many members stand on the board of a stored span: those with more than 0 points."""
    return int(tx.execute(_EVERYONE, _board(community_id, category_id, span, start)).scalar_one())


def _board(community_id: int, category_id: int, span: Span, start: int) -> dict[str, int]:
    return {"community_id": community_id, "category_id": category_id, "span": int(span), "start": start}
