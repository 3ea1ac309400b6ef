"""Links whose account outside shows something else than it should: leased, carried out, put off, lost.

Nothing marks a link when points move. What was shown last is compared with what there is: so a restart, a
restore or a lost message leaves nothing stale, and many movements become one change outside.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    delete,
    false,
    func,
    not_,
    or_,
    select,
    true,
    update,
)

from points_core import audit, communities
from points_core.links.setup import Number, settings_of
from points_core.models import Community, LinkedAccount, Member, PointBalance
from points_core.moments import LONGEST_PAUSE, come, free
from points_core.values import Actor, ActorKind, Origin

EARLY: Final = timedelta(days=1)  # a permission is renewed so long before it runs out
MOST: Final = 2**31 - 1  # shown for more, and 0 for a debt: a role asks for "at least so many"
MAX_WHY: Final = 300  # characters kept of why an attempt failed
LOST_KEY: Final = "the permission is sealed with another DISCORD_CLIENT_SECRET; it has to be given again"


@dataclass(frozen=True, slots=True)
class Turn:
    """A link under lease, until `until`: what to do with it.

    `user_id` is None for somebody who was erased. `ended`: take away what is shown. `stale`: renew the
    permission first. `points` and `level` are to be shown, None for nothing; `same` if they are shown already.
    """

    community: str
    community_id: int
    member: int
    user_id: str | None
    sealed: bytes
    expires_at: datetime
    until: datetime
    attempts: int
    ended: bool
    stale: bool
    same: bool
    points: int | None
    level: int | None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many links there are, of them: show what they should not, had a failed attempt, need the permission again."""

    linked: int
    behind: int
    failing: int
    unreadable: int


def due(tx: Connection, now: datetime, *, limit: int = 20) -> list[Number]:
    """Return the links that are due, the longest due first; every link is looked at, so it is read, not written."""
    keys = select(LinkedAccount.community_id, LinkedAccount.member_id)
    found = _joined(keys).where(_due(tx, now)).order_by(LinkedAccount.due_at).limit(limit)
    return [(community_id, member) for community_id, member in tx.execute(found)]


def lease(
    tx: Connection,
    now: datetime,
    among: Sequence[Number],
    *,
    seconds: int = 60,
) -> list[Turn]:
    """Take those of the links `among` which are due still, for `seconds`; nobody else gets them meanwhile."""
    until = now + timedelta(seconds=seconds)
    these = or_(false(), *(and_(*_link(*number)) for number in among))
    taken = _found(tx).where(these, _due(tx, now)).order_by(LinkedAccount.due_at)
    rows = tx.execute(taken.with_for_update(of=LinkedAccount, skip_locked=True)).all()
    for row in rows:
        tx.execute(
            update(LinkedAccount)
            .where(*_link(row.community_id, row.member_id))
            .values(leased_until=until, attempts=LinkedAccount.attempts + 1)
        )
    return [_turn(row, until, now) for row in rows]


def kept(tx: Connection, turn: Turn, sealed: bytes, expires_at: datetime) -> bool:
    """Keep a renewed permission in place of the turn's; return False if its owner gave another one meanwhile.

    Whether the lease is still held does not matter: the old permission is worth nothing any more.
    """
    renewed = update(LinkedAccount).where(*_these(turn), LinkedAccount.sealed == turn.sealed)
    return bool(tx.execute(renewed.values(sealed=sealed, expires_at=expires_at)).rowcount)


def shown(tx: Connection, turn: Turn, now: datetime, not_before: datetime) -> None:
    """Record that the turn's points and level are shown now; nothing more is done before `not_before`."""
    values: dict[str, Any] = {"shown_points": turn.points, "shown_level": turn.level, "shown_at": now}
    due_at = min(not_before, now + LONGEST_PAUSE)
    _settle(tx, turn, due_at=due_at, attempts=0, why=None, **values)


def later(tx: Connection, turn: Turn, until: datetime, why: str | None) -> None:
    """Give a link back, not to be tried before `until`; `why` is kept for the operator, None if nothing failed."""
    failed = {} if why else {"attempts": 0}
    _settle(tx, turn, due_at=until, why=why and why[:MAX_WHY], **failed)


def unreadable(tx: Connection, turn: Turn, until: datetime) -> None:
    """Give a link back whose permission cannot be opened: the right secret may return, or its owner link again."""
    if turn.ended:
        gone(tx, turn)
    else:
        _settle(tx, turn, due_at=until, why=LOST_KEY)


def lost(tx: Connection, turn: Turn, now: datetime, why: str) -> None:
    """Record that a permission is no more, and forget it; of a link that had ended nothing is left."""
    if turn.ended or turn.user_id is None:
        gone(tx, turn)
        return
    head = communities.lock(tx, turn.community)
    values: dict[str, Any] = dict.fromkeys(("sealed", "shown_points", "shown_level", "leased_until"))
    broke_off = (
        update(LinkedAccount)
        .where(*_these(turn), LinkedAccount.leased_until == turn.until)
        .values(lost_at=now, why=why[:MAX_WHY], **values)
    )
    if tx.execute(broke_off).rowcount and head is not None:
        origin = Origin(
            turn.community, Actor(ActorKind.SYSTEM), now, f"link:{turn.member}:{turn.until.isoformat()}"
        )
        audit.record(
            tx, head, origin, action="link.lost", target=f"member {turn.member}", before=None, after=None
        )
        communities.save(tx, head)


def gone(tx: Connection, turn: Turn) -> None:
    """Forget a link that ended, now that nothing is shown any more; one that was made anew stays."""
    over = (LinkedAccount.ended_at.is_not(None), LinkedAccount.leased_until == turn.until)
    tx.execute(delete(LinkedAccount).where(*_these(turn), *over))


def counts(tx: Connection, now: datetime) -> Counts:
    """Return how links stand, for the operator."""
    behind = case((and_(_due(tx, now), LinkedAccount.due_at <= now - timedelta(minutes=15)), 1), else_=0)
    failing = case((and_(LinkedAccount.lost_at.is_(None), LinkedAccount.why.is_not(None)), 1), else_=0)
    sealed_otherwise = case((LinkedAccount.why == LOST_KEY, 1), else_=0)
    linked = case((and_(LinkedAccount.lost_at.is_(None), LinkedAccount.ended_at.is_(None)), 1), else_=0)
    row = tx.execute(
        _joined(
            select(
                *(func.coalesce(func.sum(each), 0) for each in (linked, behind, failing, sealed_otherwise))
            )
        )
    ).one()
    return Counts(*map(int, row))


# ── what is due ──


def _points() -> ColumnElement[int]:
    current = func.coalesce(PointBalance.current, 0)
    return case((current < 0, 0), (current > MOST, MOST), else_=current)


def _level() -> ColumnElement[int]:
    return func.coalesce(PointBalance.level, 0)


def _ours(tx: Connection) -> ColumnElement[bool]:
    """Of the community whose points are shown; without a setting each link is of its own."""
    named = settings_of(tx).linked_community
    return true() if named is None else Community.key == named


def _same(tx: Connection) -> ColumnElement[bool]:
    ours = _ours(tx)
    there = LinkedAccount.shown_points.is_not(None)
    right = and_(there, LinkedAccount.shown_points == _points(), LinkedAccount.shown_level == _level())
    return or_(and_(ours, right), and_(not_(ours), not_(there)))


def _due(tx: Connection, now: datetime) -> ColumnElement[bool]:
    return and_(
        LinkedAccount.sealed.is_not(None),
        come(LinkedAccount.due_at, now),
        free(LinkedAccount.leased_until, now),
        or_(
            LinkedAccount.ended_at.is_not(None),
            LinkedAccount.expires_at <= now + EARLY,
            not_(_same(tx)),
        ),
    )


def _joined(found: Any) -> Any:  # noqa: ANN401 - a SELECT of linked accounts
    member = (Member.community_id == LinkedAccount.community_id) & (Member.id == LinkedAccount.member_id)
    balance = (PointBalance.community_id == LinkedAccount.community_id) & (
        PointBalance.member_id == LinkedAccount.member_id
    )
    return (
        found.select_from(LinkedAccount)
        .join(Community, Community.id == LinkedAccount.community_id)
        .join(Member, member)
        .outerjoin(PointBalance, balance)
    )


def _found(tx: Connection) -> Any:  # noqa: ANN401 - a SELECT
    return _joined(
        select(
            LinkedAccount.community_id,
            LinkedAccount.member_id,
            LinkedAccount.sealed,
            LinkedAccount.expires_at,
            LinkedAccount.attempts,
            LinkedAccount.ended_at,
            Community.key,
            Member.user_id,
            _points().label("points"),
            _level().label("level"),
            _ours(tx).label("ours"),
            _same(tx).label("same"),
        )
    )


def _turn(row: Any, until: datetime, now: datetime) -> Turn:  # noqa: ANN401 - a row of _found
    return Turn(
        community=row.key,
        community_id=row.community_id,
        member=row.member_id,
        user_id=row.user_id,
        sealed=row.sealed,
        expires_at=row.expires_at,
        until=until,
        attempts=row.attempts + 1,
        ended=row.ended_at is not None,
        stale=row.expires_at <= now + EARLY,
        same=bool(row.same),
        points=int(row.points) if row.ours else None,
        level=int(row.level) if row.ours else None,
    )


def _these(turn: Turn) -> tuple[Any, Any]:
    return _link(turn.community_id, turn.member)


def _link(community_id: int, member: int) -> tuple[Any, Any]:
    return (LinkedAccount.community_id == community_id, LinkedAccount.member_id == member)


def _settle(tx: Connection, turn: Turn, **values: Any) -> None:  # noqa: ANN401 - each column has its own
    """Give a link back, unless the lease ran out and another worker has it, or its owner linked anew."""
    held = update(LinkedAccount).where(*_these(turn), LinkedAccount.leased_until == turn.until)
    tx.execute(held.values(leased_until=None, **values))
