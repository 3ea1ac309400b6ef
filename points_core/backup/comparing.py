"""What going back to a backup would change, and whether it would go behind what others already know."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from points_core.errors import BehindAnchor
from points_core.models import Anchor, Community, LedgerHead, Member, PointBalance
from points_core.verification import Known
from points_core.verification.anchors import hash_at


@dataclass(frozen=True, slots=True)
class Moved:
    """A member whose balance would be another: from `now` to `then`, in points."""

    user_id: str | None
    name: str | None
    now: int
    then: int


@dataclass(frozen=True, slots=True)
class Change:
    """What would change in a community: the last transaction's number `now` and `then`, and whose balances.

    None stands for a community that is not there. Members are in the order of how much they gain or lose.
    """

    community: str
    now: int | None
    then: int | None
    moved: tuple[Moved, ...]


def changes(live: Connection | None, staged: Connection) -> tuple[Change, ...]:
    """Compare the live books, None if they are lost, with those of a backup."""
    before, after = (_ends(live) if live else {}), _ends(staged)
    return tuple(
        Change(community, before.get(community), after.get(community), _moved(live, staged, community))
        for community in sorted(before.keys() | after.keys())
    )


def _ends(tx: Connection) -> dict[str, int]:
    rows = tx.execute(
        select(Community.key, LedgerHead.seq).join(LedgerHead, LedgerHead.community_id == Community.id)
    )
    return {key: seq for key, seq in rows}  # noqa: C416 - rows are no pairs to mypy


Account = tuple[str | None, str | None, int]


def _balances(tx: Connection | None, community: str) -> dict[int, Account]:
    """Return outside id, name and balance by the member's number, which going back does not change."""
    if tx is None:
        return {}
    rows = tx.execute(
        select(Member.id, Member.user_id, Member.name, PointBalance.current)
        .join(Community, Community.id == Member.community_id)
        .join(
            PointBalance,
            (PointBalance.community_id == Member.community_id) & (PointBalance.member_id == Member.id),
        )
        .where(Community.key == community)
    )
    return {number: (user_id, name, current) for number, user_id, name, current in rows}


def _moved(live: Connection | None, staged: Connection, community: str) -> tuple[Moved, ...]:
    before, after = _balances(live, community), _balances(staged, community)
    moved = []
    for number in before.keys() | after.keys():
        user_id, name, now = before.get(number) or (*after[number][:2], 0)
        then = after[number][2] if number in after else 0
        if now != then:
            moved.append((abs(then - now), number, Moved(user_id, name, now, then)))
    return tuple(each for _, _, each in sorted(moved, key=lambda each: (-each[0], each[1])))


def kept_anchors(live: Connection) -> list[Known]:
    """Return the chain heads that the live books know to have been shown outside."""
    rows = live.execute(
        select(Community.key, Anchor.seq, Anchor.hash, Anchor.place)
        .join(Community, Community.id == Anchor.community_id)
        .order_by(Anchor.seq)
    )
    return [Known(key, seq, chain_head, place) for key, seq, chain_head, place in rows]


def behind(staged: Connection, known: Sequence[Known]) -> Iterator[BehindAnchor]:
    """Yield, for each community, the last known chain head that a backup does not hold."""
    missing: dict[str, Known] = {}
    for head in known:
        if hash_at(staged, head.community, head.seq) != head.hash:
            last = missing.get(head.community)
            if last is None or head.seq > last.seq:
                missing[head.community] = head
    ends = _ends(staged)
    for community, head in sorted(missing.items()):
        yield BehindAnchor(community, ends.get(community, 0), head.seq, head.place)
