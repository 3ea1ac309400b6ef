"""Recompute what can be recomputed and compare: every invariant of the books, each with a name of its own.

Nothing here trusts a projection: balances, scores and buckets are summed up again from the transactions,
the chain is hashed again from its first row, or, incrementally, from where it was last found in order.

broken.py        what a check says: an invariant and where it fails
chained.py       each transaction alone and after the one before it: hashes, commitments, running sums
projections.py   what is kept beside the transactions: head, balances, scores, buckets
recent.py        the same of what new transactions touched, where older ones are trusted
achieved.py      levels, badges, roles
expired.py       what time took, and how far it has come
ruled.py         rules, what they gave, what their caps count
waiting.py       requests, votes, publications, counters
references.py    members and categories that are named and must be there
batches.py       batches against the transactions that name them
anchors.py       chain heads shown outside: made, kept, compared
record.py        what follows from an outcome: marks, the audit, closed and reopened books
"""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from points_core import communities, seasons
from points_core.errors import InvalidSetting
from points_core.models import Community
from points_core.verification import (
    achieved,
    anchors,
    batches,
    chained,
    expired,
    projections,
    recent,
    record,
    references,
    ruled,
    waiting,
)
from points_core.verification.anchors import Known
from points_core.verification.broken import Broken, Outcome, Problem, Reached, readable
from points_core.verification.record import CLOSED, REOPENED, VERIFIED, reopen, settle

__all__ = [
    "CLOSED",
    "REOPENED",
    "VERIFIED",
    "Broken",
    "Known",
    "Outcome",
    "Reached",
    "anchors",
    "examine",
    "record",
    "reopen",
    "settle",
    "verify",
]


def verify(tx: Connection, community: str | None = None) -> list[Broken]:
    """Check the books of `community` (its outside id), or of all; an empty list means all is well.

    Raises InvalidSetting for a community without books.
    """
    return list(examine(tx, community).broken)


def examine(
    tx: Connection,
    community: str | None = None,
    *,
    incremental: bool = False,
    known: Sequence[Known] = (),
) -> Outcome:
    """Check the books of `community`, or of all, and say how far they reach; write nothing.

    `incremental` begins after the transactions that were found in order before, `known` are chain heads
    known from outside, beside the anchors in the database. Hand the outcome to `settle`.
    Raises InvalidSetting for a community without books that is not known from outside either.
    """
    shown = {head.community for head in known}
    if community is not None and community not in shown and communities.find(tx, community) is None:
        raise InvalidSetting("community", community, "one that has books")
    found = select(Community.id, Community.key).order_by(Community.id)
    if community is not None:
        found = found.where(Community.key == community)
    there = tx.execute(found).all()
    broken: list[Broken] = []
    reached: list[Reached] = []
    all_there = incremental and projections.all_there(tx)
    for community_id, key in there:
        known_mark = record.mark(tx, community_id) if incremental else None
        mark = known_mark or record.BEGINNING
        replay = chained.Replay(community_id, mark.seq, mark.hash)
        problems = _problems(tx, replay, key, known, totals=mark.totals, all_there=all_there)
        broken += [Broken(name, key, detail) for name, detail in problems]
        totals = recent.totals_of(tx, community_id)
        reached.append(Reached(key, replay.seq, replay.hash, full=known_mark is None, totals=totals))
    broken += [
        Broken("anchors are in the chain", head.community, f"#{head.seq} is known from {head.place}")
        for head in known
        if head.community not in {key for _, key in there} and community in {None, head.community}
    ]
    return Outcome(tuple(broken), tuple(reached))


def _problems(
    tx: Connection,
    replay: chained.Replay,
    key: str,
    known: Sequence[Known],
    *,
    totals: int | None,
    all_there: bool,
) -> Iterator[Problem]:
    community_id, full = replay.community_id, replay.seq == 0
    shown = [head for head in known if head.community == key]
    yield from readable("the transactions", chained.problems(tx, replay))
    if full:
        yield from projections.problems(tx, replay)
    else:
        yield from recent.problems(tx, replay, all_there=all_there, totals=totals)
    yield from readable("what was earned", achieved.problems(tx, replay))
    yield from expired.problems(tx, replay)
    yield from ruled.problems(tx, community_id, replay.after, recount=full)
    yield from waiting.problems(tx, community_id, replay.after)
    yield from references.problems(tx, community_id, replay.after)
    yield from readable("batches", batches.problems(tx, community_id))
    yield from readable("anchors", anchors.problems(tx, community_id, shown))
    yield from readable("the record", record.problems(tx, community_id))
    yield from readable("seasons", seasons.problems(tx, community_id, recount=full))
