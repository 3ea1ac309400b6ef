"""What a member may wish: to be erased after a time to think, hidden from boards, left alone by rules; and back."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.orm import InstrumentedAttribute

from points_core import audit, communities, policy
from points_core.communities import Head
from points_core.errors import NoWish, UnknownMember
from points_core.models import Erasure, Member
from points_core.privacy.erasing import record_wish
from points_core.values import Origin, clean_id


@dataclass(frozen=True, slots=True)
class Wish:
    """Somebody's wish to be erased, carried out at `due_at` unless taken back; `replayed` if it was there."""

    asked_at: datetime
    due_at: datetime
    replayed: bool = False


def ask(tx: Connection, origin: Origin, user_id: str, *, at_once: bool = False) -> Wish:
    """Have the member erased once the community's `erasure_days` are over, or `at_once`.

    Who asks again gets the first wish's answer; `at_once` makes it due. Raises UnknownMember.
    """
    head, rules = policy.locked(tx, origin)
    member_id = _known(tx, head, user_id)
    due_at = origin.at if at_once else origin.at + timedelta(days=rules.erasure_days)
    earlier = _open_wish(tx, head.community_id, member_id)
    if earlier is not None and earlier.due_at <= due_at:
        return Wish(earlier.asked_at, earlier.due_at, replayed=True)
    if earlier is not None:
        tx.execute(update(Erasure).where(Erasure.id == earlier.id).values(due_at=due_at))
        _put_on_record(tx, head, origin, "privacy.erase", member_id)
        return Wish(earlier.asked_at, due_at)
    if delivered := _by_key(tx, head.community_id, origin.key):
        return Wish(delivered.asked_at, delivered.due_at, replayed=True)
    record_wish(tx, head.community_id, member_id, origin.key, origin.at, due_at)
    _put_on_record(tx, head, origin, "privacy.erase", member_id)
    return Wish(origin.at, due_at)


def cancel(tx: Connection, origin: Origin, user_id: str) -> Wish:
    """Take a wish to be erased back, and return it. Raises NoWish if none waits."""
    head, _ = policy.locked(tx, origin)
    person = communities.people(tx, head.community_id, [user_id]).get(user_id)
    waiting = _open_wish(tx, head.community_id, person.id) if person else None
    if person is None or waiting is None:
        raise NoWish(user_id)
    tx.execute(update(Erasure).where(Erasure.id == waiting.id).values(cancelled_at=origin.at))
    _put_on_record(tx, head, origin, "privacy.cancel", person.id)
    return Wish(waiting.asked_at, waiting.due_at)


def wish(tx: Connection, community: str, user_id: str) -> Wish | None:
    """Return the member's wish to be erased that waits, if any."""
    community_id = communities.find(tx, community)
    if community_id is None:
        return None
    person = communities.people(tx, community_id, [user_id]).get(user_id)
    row = _open_wish(tx, community_id, person.id) if person else None
    return Wish(row.asked_at, row.due_at) if row else None


def is_known(tx: Connection, community: str, user_id: str) -> bool:
    """Return whether anything is kept about the person."""
    community_id = communities.find(tx, community)
    return community_id is not None and user_id in communities.people(tx, community_id, [user_id])


def hide(tx: Connection, origin: Origin, user_id: str) -> bool:
    """Leave the member's name out of boards from now on; return whether that is new.

    Somebody without points may hide before they get any.
    """
    return _set(tx, origin, user_id, Member.hidden_at, "privacy.hide", on=True)


def show(tx: Connection, origin: Origin, user_id: str) -> bool:
    """Name the member on boards again; return whether that is new."""
    return _set(tx, origin, user_id, Member.hidden_at, "privacy.show", on=False)


def untrack(tx: Connection, origin: Origin, user_id: str) -> bool:
    """Have rules take no notice of what the member does from now on; return whether that is new.

    Nothing of it is recorded or rewarded, nor what others do with them. What people give them, and what they ask
    for themselves (a check-in), stays possible.
    """
    return _set(tx, origin, user_id, Member.untracked_at, "privacy.untrack", on=True)


def track(tx: Connection, origin: Origin, user_id: str) -> bool:
    """Have rules notice the member again; return whether that is new."""
    return _set(tx, origin, user_id, Member.untracked_at, "privacy.track", on=False)


def untracked(tx: Connection, community: str, user_ids: Collection[str]) -> frozenset[str]:
    """Return those among `user_ids` of whom rules take no notice."""
    community_id = communities.find(tx, community)
    return (
        frozenset() if community_id is None else frozenset(communities.untracked(tx, community_id, user_ids))
    )


def is_hidden(tx: Connection, community: str, user_id: str) -> bool:
    """Return whether the member is hidden from boards."""
    community_id = communities.find(tx, community)
    hidden = select(Member.hidden_at).where(Member.community_id == community_id, Member.user_id == user_id)
    return community_id is not None and tx.execute(hidden).scalar() is not None


def _set(
    tx: Connection,
    origin: Origin,
    user_id: str,
    since: InstrumentedAttribute[datetime | None],
    action: str,
    *,
    on: bool,
) -> bool:
    """Note in the column `since` that a wish stands from now on, or no more; return whether that is new."""
    head, _ = policy.locked(tx, origin)
    name = origin.actor.name if origin.actor.user_id == user_id else None
    member_id = communities.enrol(tx, head, user_id, name, origin.at)
    changed = tx.execute(
        update(Member)
        .where(
            Member.community_id == head.community_id,
            Member.id == member_id,
            since.is_(None) if on else since.is_not(None),
        )
        .values({since: origin.at if on else None})
    ).rowcount
    if changed:
        _put_on_record(tx, head, origin, action, member_id)
    else:
        communities.save(tx, head)
    return bool(changed)


def _known(tx: Connection, head: Head, user_id: str) -> int:
    person = communities.people(tx, head.community_id, [clean_id("user_id", user_id)]).get(user_id)
    if person is None:
        raise UnknownMember(user_id)
    return person.id


def _open_wish(tx: Connection, community_id: int, member_id: int) -> Row[*tuple[Any, ...]] | None:
    return tx.execute(
        select(Erasure.id, Erasure.asked_at, Erasure.due_at).where(
            Erasure.community_id == community_id,
            Erasure.member_id == member_id,
            Erasure.done_at.is_(None),
            Erasure.cancelled_at.is_(None),
        )
    ).one_or_none()


def _by_key(tx: Connection, community_id: int, key: str) -> Row[*tuple[Any, ...]] | None:
    """Return the wish that this very event made before, even if it was taken back since."""
    made = select(Erasure.asked_at, Erasure.due_at).where(
        Erasure.community_id == community_id, Erasure.key == key
    )
    return tx.execute(made).one_or_none()


def _put_on_record(tx: Connection, head: Head, origin: Origin, action: str, member_id: int) -> None:
    """Put a wish on record under the member's number: the record stays when the person is erased."""
    audit.record(tx, head, origin, action=action, target=f"member {member_id}", before=None, after=None)
    communities.save(tx, head)
