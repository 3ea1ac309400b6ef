"""A link made, ended by its owner, by an erasure or by time; and what its owner is told of it."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, delete, or_, select, update

from points_core import audit, communities, policy
from points_core.communities import Head
from points_core.links.setup import Number, settings_of
from points_core.models import Community, LinkedAccount, Member
from points_core.statements import upsertable
from points_core.values import Origin, clean_id

ENDED_KEPT: Final = timedelta(days=1)  # for so long what is shown outside is tried to be taken away
LOST_KEPT: Final = timedelta(days=30)  # for so long its owner can see that and why a link broke off


@dataclass(frozen=True, slots=True)
class Account:
    """A member's link: what is shown outside, since when; `ended_at` or `lost_at` when it is no more, and `why`."""

    community: str
    linked_at: datetime
    shown_points: int | None
    shown_level: int | None
    shown_at: datetime | None
    ended_at: datetime | None
    lost_at: datetime | None
    why: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A link that its owner ended; `lost` if it had broken off before."""

    number: Number
    community: str
    lost: bool


def link(
    tx: Connection, origin: Origin, user_id: str, *, name: str | None, sealed: bytes, expires_at: datetime
) -> Number:
    """Link a person's account outside to the origin's community, and return which link it is.

    Somebody without points begins with none. An earlier link of theirs, in whichever community, is replaced.
    `sealed` is the permission, which lasts until `expires_at` unless it is renewed. Raises BooksClosed, InvalidText.
    """
    head, _ = policy.locked(tx, origin)
    known = communities.people(tx, head.community_id, [clean_id("user_id", user_id)])
    # a name in the community, where there is one, is better than the one outside
    member = communities.enrol(tx, head, user_id, None if user_id in known else name, origin.at)
    for elsewhere in _rows_of(tx, user_id):
        if elsewhere.community_id != head.community_id:
            tx.execute(delete(LinkedAccount).where(*_this(elsewhere.community_id, elsewhere.member_id)))
    _write(tx, head.community_id, member, sealed, origin.at, expires_at)
    _put_on_record(tx, head, origin, "link.made", member)
    return head.community_id, member


def _write(
    tx: Connection, community_id: int, member: int, sealed: bytes, at: datetime, expires_at: datetime
) -> None:
    fresh: dict[str, Any] = {
        "sealed": sealed,
        "linked_at": at,
        "expires_at": expires_at,
        "due_at": at,
        "attempts": 0,
    }
    emptied = ("shown_points", "shown_level", "shown_at", "leased_until", "why", "ended_at", "lost_at")
    values = fresh | dict.fromkeys(emptied)
    insertion = upsertable(tx.dialect.name, LinkedAccount).values(
        community_id=community_id, member_id=member, **values
    )
    tx.execute(insertion.on_conflict_do_update(index_elements=["community_id", "member_id"], set_=values))


def end(tx: Connection, origin: Origin, user_id: str) -> Ended | None:
    """End a person's link, in whichever community it is, and return it; None if there is none.

    Whoever left a server can end their link from another one. What is shown outside is then to be taken
    away. Closed books do not stand in the way: it is a permission taken back.
    """
    for row in _rows_of(tx, user_id):
        head = communities.lock(tx, row.key)
        if head is None or row.ended_at is not None:
            continue
        if row.lost_at is not None:
            tx.execute(delete(LinkedAccount).where(*_this(row.community_id, row.member_id)))
        else:
            tx.execute(
                update(LinkedAccount)
                .where(*_this(row.community_id, row.member_id))
                .values(ended_at=origin.at, due_at=origin.at, attempts=0, why=None)
            )
        _put_on_record(tx, head, replace(origin, community=row.key), "link.ended", row.member_id)
        return Ended((row.community_id, row.member_id), row.key, lost=row.lost_at is not None)
    return None


def erase(tx: Connection, community_id: int, member_id: int, at: datetime) -> None:
    """End the link of a member who is erased; where nobody could take away what is shown, it goes at once."""
    this = _this(community_id, member_id)
    if settings_of(tx).discord_client_secret is None:
        tx.execute(delete(LinkedAccount).where(*this))
        return
    tx.execute(delete(LinkedAccount).where(*this, LinkedAccount.sealed.is_(None)))
    tx.execute(update(LinkedAccount).where(*this).values(ended_at=at, due_at=at, attempts=0, why=None))


def forget(tx: Connection, now: datetime) -> int:
    """Drop what ended a day ago and is shown outside still, and what broke off a month ago; return how many."""
    over = or_(LinkedAccount.ended_at < now - ENDED_KEPT, LinkedAccount.lost_at < now - LOST_KEPT)
    return tx.execute(delete(LinkedAccount).where(over)).rowcount


def of(tx: Connection, user_id: str, community: str | None = None) -> Account | None:
    """Return a person's link, in whichever community it is, or only in `community`; None without one."""
    rows = [row for row in _rows_of(tx, user_id) if community in (None, row.key)]
    if not rows:
        return None
    row = rows[0]
    return Account(
        community=row.key,
        linked_at=row.linked_at,
        shown_points=row.shown_points,
        shown_level=row.shown_level,
        shown_at=row.shown_at,
        ended_at=row.ended_at,
        lost_at=row.lost_at,
        why=row.why,
    )


def _rows_of(tx: Connection, user_id: str) -> list[Any]:
    rows = (
        select(
            Community.key,
            LinkedAccount.community_id,
            LinkedAccount.member_id,
            LinkedAccount.linked_at,
            LinkedAccount.shown_points,
            LinkedAccount.shown_level,
            LinkedAccount.shown_at,
            LinkedAccount.ended_at,
            LinkedAccount.lost_at,
            LinkedAccount.why,
        )
        .join(
            Member,
            (Member.community_id == LinkedAccount.community_id) & (Member.id == LinkedAccount.member_id),
        )
        .join(Community, Community.id == LinkedAccount.community_id)
        .where(Member.user_id == user_id)
        .order_by(LinkedAccount.community_id)
    )
    return list(tx.execute(rows))


def _this(community_id: int, member_id: int) -> tuple[Any, Any]:
    return (LinkedAccount.community_id == community_id, LinkedAccount.member_id == member_id)


def _put_on_record(tx: Connection, head: Head, origin: Origin, action: str, member: int) -> None:
    audit.record(tx, head, origin, action=action, target=f"member {member}", before=None, after=None)
    communities.save(tx, head)
