"""What time takes: points expire, points of who is inactive melt away, and people are told before.

lots.py        what is left of each gain (pure)
stored.py      lots and members, read from the books
expiring.py    points that are too old become a transaction
decaying.py    points of who has earned nothing for a while become less
noticing.py    who is told that points expire soon
soon.py        which points those are
preview.py     who would lose what, before it is switched on
switching.py   on, changed and off

Everything here is off until a community's programme says otherwise. Undoing an expiry keeps those points for good.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from points_core import duties, policy
from points_core.communities import Head
from points_core.duties import Mark
from points_core.expiry import decaying, expiring, noticing, preview
from points_core.expiry.noticing import Notice, notice
from points_core.expiry.soon import SOON_DAYS, Going, soon
from points_core.expiry.switching import NOTICE_DAYS, keep_for, melt, terms
from points_core.policy import Policy
from points_core.values import Actor, ActorKind, Duty, Origin

__all__ = [
    "NOTICE_DAYS",
    "SOON_DAYS",
    "Going",
    "Notice",
    "Taken",
    "keep_for",
    "melt",
    "notice",
    "preview",
    "soon",
    "take_due",
    "terms",
]

_Step = Callable[[Connection, Origin, Head, Policy, Mark], tuple[Mark, int]]
_STEPS: dict[Duty, _Step] = {
    Duty.EXPIRY: expiring.step,
    Duty.NOTICE: noticing.step,
    Duty.DECAY: decaying.step,
}


@dataclass(frozen=True, slots=True)
class Taken:
    """One portion of a duty carried out in a community; `transactions` were made for it."""

    community: str
    duty: Duty
    transactions: int


def take_due(tx: Connection, now: datetime, community: str | None = None) -> Taken | None:
    """Carry out a portion of what is due at `now` (aware), in `community` (its outside id) or anywhere.

    Returns what it was, None if nothing is due; call it again until then. Two processes do no part twice.
    """
    found = duties.due(tx, now, community)
    if found is None:
        return None
    key, duty = found
    origin = Origin(key, Actor(ActorKind.SYSTEM), now, f"due:{duty}")
    head, rules = policy.locked(tx, origin)
    mark = duties.find(tx, head.community_id, duty)
    if mark is not None:
        mark = duties.by_now(mark, duties.turn(duty, rules.programme, now, rules.zone), now)
    if mark is None or mark.due_at > now:
        return Taken(key, duty, 0)  # another process was first
    after, made = _STEPS[duty](tx, origin, head, rules, mark)
    duties.save(tx, head.community_id, duty, after)
    return Taken(key, duty, made)
