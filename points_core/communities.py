"""Communities and their members: outside ids come in, dense numbers come out.

Whoever writes holds the community's `Head` (locked until the commit) and takes the next numbers from it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from points_core.models import Community, LedgerHead, Member
from points_core.prepared import Prepared
from points_core.statements import insert_unless_there, portions
from points_core.values import Actor, ActorKind, clean_id, clean_name

GENESIS = bytes(32)
"""The hash before the first transaction."""


@dataclass(slots=True)
class Head:
    """A community's locked head row: where the books end, and the counters for the next numbers."""

    community_id: int
    seq: int
    hash: bytes
    recorded_at: datetime | None
    members: int
    requests: int
    schedules: int
    audit_events: int
    batches: int
    seasons: int
    clients: int
    webhooks: int
    rules: int
    rule_changes: int
    badges: int
    closed_because: str | None


@dataclass(slots=True)
class Person:
    """A member's number and last known name."""

    id: int
    name: str | None


_HEAD = Prepared(
    select(*[getattr(LedgerHead, field.name) for field in fields(Head)])
    .join(Community, Community.id == LedgerHead.community_id)
    .where(Community.key == bindparam("key"))
    .with_for_update(of=LedgerHead)
)
_COUNTERS = tuple(field.name for field in fields(Head) if field.name != "community_id")
_SAVE = Prepared(
    update(LedgerHead)
    .where(LedgerHead.community_id == bindparam("head"))
    .values({name: bindparam(name) for name in _COUNTERS})
)
_PEOPLE = Prepared(
    select(Member.user_id, Member.id, Member.name).where(
        Member.community_id == bindparam("community"), Member.user_id.in_(bindparam("users", expanding=True))
    )
)


_UNTRACKED = Prepared(
    select(Member.user_id, Member.untracked_at).where(
        Member.community_id == bindparam("community"),
        Member.user_id.in_(bindparam("users", expanding=True)),
        Member.untracked_at.is_not(None),
    )
)


def find(tx: Connection, key: str) -> int | None:
    """Return the number of the community whose outside id is `key`, None if it was never seen.

    Raises InvalidText for what can be no id.
    """
    return tx.execute(select(Community.id).where(Community.key == clean_id("community", key))).scalar()


def lock(tx: Connection, key: str) -> Head | None:
    """Lock and return the head of the community called `key`, None if it was never seen."""
    row = _HEAD.row(tx, {"key": key})
    return Head(*row) if row else None


def create(tx: Connection, key: str, at: datetime) -> bool:
    """Write the community called `key`; return False if another process did so first (on PostgreSQL)."""
    insertion = insert_unless_there(tx.dialect.name, Community).returning(Community.id)
    made = tx.execute(insertion, {"key": key, "created_at": at}).scalar()
    if made is None:
        return False
    tx.execute(
        insert(LedgerHead).values(
            community_id=made,
            seq=0,
            hash=GENESIS,
            members=0,
            requests=0,
            schedules=0,
            audit_events=0,
            batches=0,
            seasons=0,
            clients=0,
            webhooks=0,
            rules=0,
            rule_changes=0,
            badges=0,
        )
    )
    return True


def save(tx: Connection, head: Head) -> None:
    """Write the head's counters back; part of every change that took a number."""
    _SAVE.run(tx, {"head": head.community_id, **{name: getattr(head, name) for name in _COUNTERS}})


def people(tx: Connection, community_id: int, user_ids: Iterable[str]) -> dict[str, Person]:
    """Return the members among `user_ids` (outside ids) that the community knows."""
    wanted = sorted(set(user_ids))
    if not wanted:
        return {}
    rows = _PEOPLE.rows(tx, {"community": community_id, "users": wanted})
    return {str(user_id): Person(id, name) for user_id, id, name in rows}


def untracked(tx: Connection, community_id: int, user_ids: Iterable[str]) -> dict[str, datetime]:
    """Return those among `user_ids` of whom rules are to take no notice, each with since when."""
    wanted = sorted(set(user_ids))
    found: dict[str, datetime] = {}
    for part in portions(wanted):
        for row in _UNTRACKED.rows(tx, {"community": community_id, "users": part}):
            found[str(row.user_id)] = row.untracked_at
    return found


def enrol(tx: Connection, head: Head, user_id: str, name: str | None, at: datetime) -> int:
    """Return the member number of `user_id`, making one and remembering the name where needed."""
    clean_id("user_id", user_id)
    known = people(tx, head.community_id, [user_id]).get(user_id)
    name = clean_name(name)
    if known is None:
        head.members += 1
        tx.execute(
            insert(Member).values(
                community_id=head.community_id, id=head.members, user_id=user_id, name=name, created_at=at
            )
        )
        return head.members
    if name and name != known.name:
        rename(tx, head.community_id, {known.id: name})
    return known.id


def rename(tx: Connection, community_id: int, names: dict[int, str]) -> None:
    """Remember the names by which members were last seen."""
    for member_id, name in names.items():
        tx.execute(
            update(Member)
            .where(Member.community_id == community_id, Member.id == member_id)
            .values(name=name)
        )


def actor_number(tx: Connection, head: Head, actor: Actor, at: datetime) -> int | None:
    """Return an acting member's number, a program's, None for every other kind of actor."""
    if actor.kind is ActorKind.CLIENT:
        return actor.client
    if actor.kind is not ActorKind.MEMBER or actor.user_id is None:
        return None
    return enrol(tx, head, actor.user_id, actor.name, at)
