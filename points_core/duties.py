"""What time does to a community's points, duty by duty: which are on, what turn it is, how far each has come.

Expiry has a turn every local day, its notices every week, decay every week or month. A mark is kept for each
duty that is on; whoever carries one out goes through the members in the order of their numbers.
"""

from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from points_core.models import Community, ExpiryMark, LedgerHead
from points_core.moments import LONGEST_TURN, come
from points_core.programme import Programme
from points_core.values import Duty
from points_core.windows import Span, first_day, midnight

EXPIRY_KEY: Final = "expiry:"
"""How the idempotency key of an expiry begins; the number of its lot's transaction follows."""

DECAY_KEY: Final = "decay:"
"""How the idempotency key of a decay begins; its turn's first day and the member's number follow."""

DECAY_BATCH: Final = "decayed:"
"""How the key of a batch of decays begins; its turn's first day and its number follow."""

_LENGTHS = {
    Span.DAY: relativedelta(days=1),
    Span.WEEK: relativedelta(weeks=1),
    Span.MONTH: relativedelta(months=1),
}


@dataclass(slots=True)
class Mark:
    """How far a duty has come: turns (ordinals of local days) up to `done`; `goal` up to member `member`.

    Back-dated points are known up to transaction `seq`. It is due again at `due_at`.
    """

    due_at: datetime
    done: int
    goal: int | None = None
    member: int = 0
    seq: int = 0


def lot_of_key(key: str | None) -> int | None:
    """Return which lot the expiry with this idempotency key is of, None if it is of none."""
    number = key.removeprefix(EXPIRY_KEY) if key and key.startswith(EXPIRY_KEY) else ""
    return int(number) if number.isascii() and number.isdigit() else None


def on(duty: Duty, programme: Programme) -> bool:
    """Return whether a programme asks for a duty."""
    if duty is Duty.DECAY:
        return programme.decay is not None
    if duty is Duty.NOTICE:
        return any(expiry.notice_days for expiry in programme.expiry)
    return bool(programme.expiry)


def turn(duty: Duty, programme: Programme, now: datetime, zone: ZoneInfo) -> int:
    """Return the turn (the ordinal of its first local day) that `now` (aware) lies in."""
    return first_day(_span(duty, programme), now.astimezone(zone).date()).toordinal()


def next_turn(duty: Duty, programme: Programme, now: datetime, zone: ZoneInfo) -> datetime:
    """Return when the turn after the one of `now` begins."""
    span = _span(duty, programme)
    first = date.fromordinal(turn(duty, programme, now, zone))
    return midnight(first + _LENGTHS[span], zone)


def _span(duty: Duty, programme: Programme) -> Span:
    if duty is Duty.EXPIRY:
        return Span.DAY
    monthly = duty is Duty.DECAY and programme.decay is not None and programme.decay.every == "month"
    return Span.MONTH if monthly else Span.WEEK


def change(
    tx: Connection,
    community_id: int,
    old: tuple[Programme, ZoneInfo],
    new: tuple[Programme, ZoneInfo],
    at: datetime,
) -> None:
    """Begin the duties that a change of programme or zone switches on or alters, end those it switches off.

    Expiry then looks at all points again; decay waits for its next turn, so that switching it on takes nothing.
    """
    for duty in Duty:
        if _terms(duty, *old) == _terms(duty, *new):
            continue
        tx.execute(delete(ExpiryMark).where(*_this(community_id, duty)))
        if on(duty, new[0]):
            mark = _fresh(duty, *new, at)
            tx.execute(insert(ExpiryMark).values(community_id=community_id, duty=duty.value, **asdict(mark)))


def _terms(duty: Duty, programme: Programme, zone: ZoneInfo) -> object:
    if duty is Duty.DECAY:
        return programme.decay
    days = zone.key if duty is Duty.EXPIRY else None  # by which lots fell due
    return (on(duty, programme), programme.expiry, days)


def _fresh(duty: Duty, programme: Programme, zone: ZoneInfo, at: datetime) -> Mark:
    now = turn(duty, programme, at, zone)
    match duty:
        case Duty.EXPIRY:
            return Mark(at, done=0)
        case Duty.NOTICE:
            return Mark(at, done=now - 7)
        case Duty.DECAY:
            return Mark(next_turn(duty, programme, at, zone), done=now)


def due(tx: Connection, now: datetime, community: str | None = None) -> tuple[str, Duty] | None:
    """Return a community (its outside id, `community` if given) and a duty of its that is due, the longest first."""
    found = (
        select(Community.key, ExpiryMark.duty)
        .join(Community, Community.id == ExpiryMark.community_id)
        .join(LedgerHead, LedgerHead.community_id == ExpiryMark.community_id)
        .where(come(ExpiryMark.due_at, now, LONGEST_TURN), LedgerHead.closed_because.is_(None))
        .order_by(ExpiryMark.due_at, ExpiryMark.community_id, ExpiryMark.duty)
        .limit(1)
    )
    if community is not None:
        found = found.where(Community.key == community)
    row = tx.execute(found).one_or_none()
    return (row.key, Duty(row.duty)) if row else None


def find(tx: Connection, community_id: int, duty: Duty) -> Mark | None:
    """Return how far a duty has come, None if it is switched off."""
    columns = (ExpiryMark.due_at, ExpiryMark.done, ExpiryMark.goal, ExpiryMark.member, ExpiryMark.seq)
    row = tx.execute(select(*columns).where(*_this(community_id, duty))).one_or_none()
    return Mark(*row) if row else None


def marked(tx: Connection, community_id: int) -> dict[Duty, Mark]:
    """Return how far every duty that is on has come."""
    marks = ((duty, find(tx, community_id, duty)) for duty in Duty)
    return {duty: mark for duty, mark in marks if mark is not None}


def save(tx: Connection, community_id: int, duty: Duty, mark: Mark) -> None:
    """Write down how far a duty has come."""
    tx.execute(update(ExpiryMark).where(*_this(community_id, duty)).values(**asdict(mark)))


def by_now(mark: Mark, turn: int, now: datetime) -> Mark:
    """Return the mark as it is in `turn`, that of `now`: what a clock that was ahead did beyond is not done."""
    if mark.due_at > now + LONGEST_TURN:
        mark = replace(mark, due_at=now)
    if max(mark.done, mark.goal or 0) > turn:
        mark = replace(mark, done=min(mark.done, turn), goal=None, member=0)
    return mark


def over(mark: Mark, due_at: datetime) -> Mark:
    """Return the mark once its goal is reached; `due_at` is when to look again."""
    done = mark.done if mark.goal is None else mark.goal
    return replace(mark, done=done, goal=None, member=0, due_at=due_at)


def _this(community_id: int, duty: Duty) -> tuple[ColumnElement[bool], ...]:
    return (ExpiryMark.community_id == community_id, ExpiryMark.duty == duty.value)
