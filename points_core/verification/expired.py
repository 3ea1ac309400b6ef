"""What time took: each expiry against the gain that it is of; how far each duty has come, against the books."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select

from points_core import duties, policy
from points_core.duties import DECAY_KEY, EXPIRY_KEY, lot_of_key
from points_core.models import LedgerHead, PointTransaction
from points_core.values import ActorKind, Duty, Kind
from points_core.verification.broken import Problem, readable
from points_core.verification.chained import Replay

LOT: Final = "an expiry takes from its lot, once"
TURN: Final = "what is due is what is switched on"

PART = 1_000  # lots looked up in one statement
NAMED = 5

_NEXT = (
    select(
        PointTransaction.seq,
        PointTransaction.member_id,
        PointTransaction.amount,
        PointTransaction.category_id,
        PointTransaction.key,
        PointTransaction.actor_kind,
    )
    .where(
        PointTransaction.community_id == bindparam("community"),
        PointTransaction.kind == Kind.EXPIRY.value,
        PointTransaction.seq > bindparam("last"),
    )
    .order_by(PointTransaction.seq)
    .limit(PART)
)


def problems(tx: Connection, replay: Replay) -> Iterator[Problem]:
    """Yield what is wrong with the expiries since `replay` began, and with the marks."""
    yield from readable("expiries", _few(_expiries(tx, replay)))
    if not replay.after:
        yield from readable("expiries", _twice(tx, replay.community_id))
    yield from readable("what is due", _marks(tx, replay.community_id))


def _few(found: Iterator[Problem]) -> Iterator[Problem]:
    for count, problem in enumerate(found):
        if count == NAMED:
            return
        yield problem


def _expiries(tx: Connection, replay: Replay) -> Iterator[Problem]:
    last = replay.after
    while rows := tx.execute(_NEXT, {"community": replay.community_id, "last": last}).all():
        lots = _lots(tx, replay.community_id, [lot for row in rows if (lot := lot_of_key(row.key))])
        for row in rows:
            yield from _expiry(row, lots)
        last = rows[-1].seq


def _twice(tx: Connection, community_id: int) -> Iterator[Problem]:
    repeated = (
        select(PointTransaction.key, func.count(), func.max(PointTransaction.seq))
        .where(PointTransaction.community_id == community_id, PointTransaction.kind == Kind.EXPIRY.value)
        .group_by(PointTransaction.key)
        .having(func.count() > 1)
        .order_by(PointTransaction.key)
        .limit(NAMED)
    )
    for key, times, last in tx.execute(repeated):
        yield LOT, f"{key} happened {times} times, the last is #{last}"


def _lots(tx: Connection, community_id: int, numbers: Sequence[int]) -> dict[int, Any]:
    found = select(
        PointTransaction.seq,
        PointTransaction.member_id,
        PointTransaction.amount,
        PointTransaction.category_id,
        PointTransaction.kind,
    ).where(PointTransaction.community_id == community_id, PointTransaction.seq.in_(numbers))
    return {row.seq: row for row in tx.execute(found)} if numbers else {}


def _expiry(row: Any, lots: dict[int, Any]) -> Iterator[Problem]:  # noqa: ANN401 - rows
    name = f"#{row.seq}"
    if row.actor_kind != ActorKind.SYSTEM.value:
        yield LOT, f"{name} expired by the hand of a {row.actor_kind}"
    if row.key.startswith(DECAY_KEY):
        return
    number = lot_of_key(row.key)
    if number is None or row.key != f"{EXPIRY_KEY}{number}":
        yield LOT, f"{name} names no lot"
        return
    lot = lots.get(number)
    if lot is None or lot.seq > row.seq or lot.amount < 0 or lot.kind == Kind.REVERSAL.value:
        yield LOT, f"{name} is of #{number}, which is no gain before it"
    elif (lot.member_id, lot.category_id) != (row.member_id, row.category_id):
        yield LOT, f"{name} is of #{number}, which is somebody else's or of another category"
    elif -row.amount > lot.amount:
        yield LOT, f"{name} takes {-row.amount} of the {lot.amount} of #{number}"


def _marks(tx: Connection, community_id: int) -> Iterator[Problem]:
    programme = policy.by_number(tx, community_id).programme
    marks = duties.marked(tx, community_id)
    for duty in Duty:
        if duties.on(duty, programme) is not (duty in marks):
            yield TURN, f"{duty} is {'off' if duty in marks else 'on'}, its mark says otherwise"
    head = select(LedgerHead.seq, LedgerHead.members).where(LedgerHead.community_id == community_id)
    last, members = tx.execute(head).one()
    for duty, mark in marks.items():
        if mark.seq > last or mark.member > members:
            yield TURN, f"{duty} is ahead of the books: #{mark.seq}, member {mark.member}"
        if mark.goal is not None and mark.goal <= mark.done:
            yield TURN, f"{duty} goes back to day {mark.goal} from {mark.done}"
