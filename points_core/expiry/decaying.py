"""Points of who has earned nothing for a while melt away, once a week or a month: one transaction a member a turn."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.orm import aliased

from points_core import bulk, duties
from points_core.bulk import Entry
from points_core.communities import Head
from points_core.duties import Mark
from points_core.errors import RowsRefused
from points_core.expiry import stored
from points_core.expiry.stored import MEMBERS
from points_core.models import PointBalance, PointTransaction, UtcDateTime
from points_core.policy import Policy
from points_core.programme import Decay
from points_core.values import ActorKind, Duty, Kind, Origin
from points_core.windows import midnight

_reversal = aliased(PointTransaction)
_EARNED = (
    select(PointTransaction.member_id)
    .distinct()
    .where(
        PointTransaction.community_id == bindparam("community"),
        PointTransaction.member_id.in_(bindparam("members", expanding=True)),
        PointTransaction.effective_at >= bindparam("since", type_=UtcDateTime()),
        PointTransaction.amount > 0,
        PointTransaction.kind != Kind.REVERSAL.value,
        (PointTransaction.actor_kind != ActorKind.MEMBER.value)
        | (PointTransaction.actor_id != PointTransaction.member_id),
        ~select(_reversal.seq)
        .where(
            _reversal.community_id == PointTransaction.community_id,
            _reversal.reverses == PointTransaction.seq,
        )
        .exists(),
    )
)
_KEYS = select(PointTransaction.key).where(
    PointTransaction.community_id == bindparam("community"),
    PointTransaction.key.in_(bindparam("keys", expanding=True)),
)


def step(tx: Connection, origin: Origin, head: Head, rules: Policy, mark: Mark) -> tuple[Mark, int]:
    """Let the points of the next members melt; return how far that goes, and how many transactions it made.

    After some time without the bot only the turn that it is now is carried out.
    """
    decay = rules.programme.decay
    assert decay is not None
    if mark.goal is None:
        turn = duties.turn(Duty.DECAY, rules.programme, origin.at, rules.zone)
        mark = replace(mark, goal=turn if turn > mark.done else None)
    following = duties.next_turn(Duty.DECAY, rules.programme, origin.at, rules.zone)
    if mark.goal is None:
        return replace(mark, due_at=following), 0
    members = stored.with_more_than(tx, head.community_id, decay.keep, mark.member)
    made = _decay(tx, origin, head, rules, members, mark.goal)
    if len(members) < MEMBERS:
        return duties.over(mark, following), made
    return replace(mark, member=members[-1], due_at=origin.at), made


def losses(
    tx: Connection, community_id: int, rules: Policy, decay: Decay, members: Collection[int], now: datetime
) -> dict[int, int]:
    """Return how many points each of `members` who is inactive at `now` (aware) loses in one turn."""
    if not members:
        return {}
    today = now.astimezone(rules.zone).date().toordinal()
    since = midnight(date.fromordinal(today - decay.inactive_days), rules.zone)
    asked = {"community": community_id, "members": sorted(members)}
    active = set(tx.execute(_EARNED, {**asked, "since": since}).scalars())
    balances = select(PointBalance.member_id, PointBalance.current).where(
        PointBalance.community_id == community_id, PointBalance.member_id.in_(set(members) - active)
    )
    lost = (
        (row.member_id, (row.current - decay.keep) * decay.percent // 100) for row in tx.execute(balances)
    )
    return {member_id: points for member_id, points in lost if points > 0}


def _decay(
    tx: Connection, origin: Origin, head: Head, rules: Policy, members: Collection[int], turn: int
) -> int:
    decay = rules.programme.decay
    assert decay is not None
    people = stored.holders(tx, head.community_id, members)
    lost = losses(tx, head.community_id, rules, decay, people.keys(), origin.at)
    slot = date.fromordinal(turn).isoformat()
    keys = {member_id: f"{duties.DECAY_KEY}{slot}:{member_id}" for member_id in lost}
    asked = {"community": head.community_id, "keys": list(keys.values())}
    seen = set(tx.execute(_KEYS, asked).scalars()) if keys else set()
    entries = [
        Entry(
            row=member_id,
            user_id=people[member_id].user_id,
            amount=-points,
            reason=f"inactive: {decay.percent} % after {decay.inactive_days} days without new points",
            kind=Kind.EXPIRY,
            key=keys[member_id],
        )
        for member_id, points in lost.items()
        if keys[member_id] not in seen
    ]
    if not entries:
        return 0
    made = replace(origin, key=f"{duties.DECAY_BATCH}{slot}:{head.batches + 1}")
    try:
        return bulk.post(tx, made, entries, partial=True, why="decay").transactions
    except RowsRefused:
        return 0
