"""Roles outside that members are to have: which, where each comes from, and how giving it went.

Nothing here speaks to the outside. Whoever does takes what is `due`, gives or takes the roles, and says that
it is `done` or has `failed`; a role that changed meanwhile stays due. A row is a role's whole story with a
member: wanted or not, and whether the outside is known to agree.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, bindparam, func, or_, select, update

from points_core import communities, outbox
from points_core.achievements.badges import Badge
from points_core.models import Community, Member, RoleGrant
from points_core.outbox import Topic
from points_core.prepared import Prepared
from points_core.programme import Programme
from points_core.values import clean_id

DUE, DONE, FAILED = "due", "done", "failed"

MAX_WHY: Final = 300  # characters kept of why a role could not be given
NAMED: Final = 3  # members with whom a role failed in the same way
LEVEL, BADGE = "level", "badge"


@dataclass(frozen=True, slots=True)
class Grant:
    """A role that a member (`user_id` outside, None if erased) is to have, or, not `wanted`, no longer to have.

    `source` is where it comes from (level:2, badge:3), `until` when it ends by itself. `state` is due, done or
    failed, `why` what is missing, after so many `attempts`.
    """

    community: str
    member: int
    user_id: str | None
    role: str
    source: str
    wanted: bool
    until: datetime | None
    state: str
    why: str | None
    attempts: int
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Failing:
    """A role that could not be given (or, not `wanted`, taken) for one reason: `why` says what is missing.

    So it went with `members` members; `some` are outside ids of a few of them.
    """

    role: str
    wanted: bool
    why: str | None
    members: int
    some: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Why a member is to have a role, and until when."""

    source: str
    until: datetime | None = None


# ── which roles ──


def of_level(programme: Programme, level: int) -> dict[str, str]:
    """Return the roles of who has `level`, each with its source; the highest one only, or all up to it."""
    found: dict[str, str] = {}
    for number in range(min(level, len(programme.levels)), 0, -1):
        role = programme.levels[number - 1].role
        if role is not None:
            found.setdefault(role, f"{LEVEL}:{number}")
            if programme.level_roles == "replace":
                break
    return found


def wanted(
    programme: Programme,
    level: int,
    held: Iterable[tuple[Badge, datetime]],
    kept: Iterable[tuple[str, str]],
    now: datetime,
) -> dict[str, Wanted]:
    """Return the roles a member is to have: by level, by the badges held (each with when it was earned).

    kept: the (role, source) pairs the member has; where levels keep their roles, who falls keeps the highest.
    """
    if programme.keep_roles:
        level = max([level, *(_still(programme, role, source) for role, source in kept)])
    roles = {role: Wanted(source) for role, source in of_level(programme, level).items()}
    for badge, earned_at in held:
        until = earned_at + timedelta(days=badge.role_days) if badge.role_days else None
        if badge.role is None or (until is not None and until <= now):
            continue
        there = roles.get(badge.role)
        if there is None or (there.until is not None and (until is None or until > there.until)):
            roles[badge.role] = Wanted(f"{BADGE}:{badge.number}", until)
    return roles


def _still(programme: Programme, role: str, source: str) -> int:
    """Return the level that a role was given for and still stands for, 0 if none."""
    kind, _, number = source.partition(":")
    level = programme.level(int(number)) if kind == LEVEL and number.isdigit() else None
    return int(number) if level is not None and level.role == role else 0


# ── kept, as settling finds and leaves them ──


_ROWS: Final = Prepared(
    select(RoleGrant.__table__).where(
        RoleGrant.community_id == bindparam("community"),
        RoleGrant.member_id.in_(bindparam("members", expanding=True)),
    )
)


def rows(tx: Connection, community_id: int, member_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the stored rows of `member_ids`, by member and role."""
    found: dict[int, dict[str, Any]] = {}
    if not member_ids:
        return found
    for row in _ROWS.rows(tx, {"community": community_id, "members": member_ids}):
        found.setdefault(row.member_id, {})[row.role] = row
    return found


def changes(
    there: Mapping[str, Any], roles: Mapping[str, Wanted], now: datetime
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows that make `there` what is wanted: new ones, and new values by role of those there.

    Roles that neither levels nor badges gave are left alone, unless a level or badge wants them too.
    """
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for role, why in roles.items():
        row = there.get(role)
        values = {"role": role, "source": why.source, "until": why.until, "wanted": True}
        if row is None:
            new.append({**values, "state": DUE, "attempts": 0, "changed_at": now})
        elif not row.wanted:
            changed.append({**values, "state": DUE, "why": None, "attempts": 0, "changed_at": now})
        elif (row.source, row.until) != (why.source, why.until):
            changed.append({**values, "state": row.state, "why": row.why, "attempts": row.attempts})
    for role, row in there.items():
        if role not in roles and row.wanted and row.source.startswith((f"{LEVEL}:", f"{BADGE}:")):
            changed.append(
                {
                    "role": role,
                    "source": row.source,
                    "until": None,
                    "wanted": False,
                    "state": DUE,
                    "why": None,
                    "attempts": 0,
                    "changed_at": now,
                }
            )
    return new, changed


# ── for whoever gives them ──

_GRANTS: Final = (
    select(
        Community.key,
        RoleGrant.member_id,
        Member.user_id,
        RoleGrant.role,
        RoleGrant.source,
        RoleGrant.wanted,
        RoleGrant.until,
        RoleGrant.state,
        RoleGrant.why,
        RoleGrant.attempts,
        RoleGrant.changed_at,
    )
    .join(Community, Community.id == RoleGrant.community_id)
    .join(Member, (Member.community_id == RoleGrant.community_id) & (Member.id == RoleGrant.member_id))
)


def due(tx: Connection, community: str | None = None, limit: int = 50) -> tuple[Grant, ...]:
    """Return up to `limit` roles to be given or taken, of `community` or of all, the longest waiting first."""
    waiting = _GRANTS.where(RoleGrant.state == DUE, Member.user_id.is_not(None))
    return _found(tx, waiting if community is None else waiting.where(Community.key == community), limit)


def failures(tx: Connection, community: str, limit: int = 200) -> tuple[Failing, ...]:
    """Return up to `limit` kinds of failures in a community, those of most members first."""
    community_id = communities.find(tx, community)
    failed = (
        select(RoleGrant.role, RoleGrant.wanted, RoleGrant.why, func.count(), func.min(RoleGrant.changed_at))
        .join(Member, (Member.community_id == RoleGrant.community_id) & (Member.id == RoleGrant.member_id))
        .where(RoleGrant.community_id == community_id, RoleGrant.state == FAILED, Member.user_id.is_not(None))
        .group_by(RoleGrant.role, RoleGrant.wanted, RoleGrant.why)
        .order_by(func.count().desc(), func.min(RoleGrant.changed_at), RoleGrant.role)
        .limit(limit)
    )
    return tuple(
        Failing(role, wanted, why, members, _some(tx, community_id, role, wanted, why))
        for role, wanted, why, members, _ in tx.execute(failed)
    )


def _some(
    tx: Connection, community_id: int | None, role: str, wanted: bool, why: str | None
) -> tuple[str, ...]:
    """Return the ids of a few members with whom a role failed in that way, the longest waiting first."""
    theirs = (
        select(Member.user_id)
        .join(RoleGrant, (Member.community_id == RoleGrant.community_id) & (Member.id == RoleGrant.member_id))
        .where(
            RoleGrant.community_id == community_id,
            RoleGrant.state == FAILED,
            RoleGrant.role == role,
            RoleGrant.wanted == wanted,
            RoleGrant.why == why,
            Member.user_id.is_not(None),
        )
        .order_by(RoleGrant.changed_at, RoleGrant.member_id)
        .limit(NAMED)
    )
    return tuple(str(user_id) for user_id in tx.execute(theirs).scalars())


def of(tx: Connection, community: str, user_id: str) -> tuple[Grant, ...]:
    """Return every role a member was ever to have, in the order of the last change."""
    return _found(tx, _GRANTS.where(Community.key == community, Member.user_id == user_id), None)


def done(tx: Connection, grant: Grant, now: datetime) -> bool:
    """Say that the outside is as `grant` wants it, or knows no such person.

    Returns False if something else is wanted by now.
    """
    return _settle(tx, grant, {"state": DONE, "why": None, "changed_at": now})


def failed(tx: Connection, grant: Grant, why: str, now: datetime) -> bool:
    """Say that a role could not be given or taken, and what is missing; return False if it changed meanwhile."""
    values = {"state": FAILED, "why": why[:MAX_WHY], "attempts": grant.attempts + 1, "changed_at": now}
    return _settle(tx, grant, values)


def retry(tx: Connection, community: str, now: datetime, *, role: str | None = None) -> int:
    """Have what failed tried again, all of it or one role; return how many."""
    condition = RoleGrant.state == FAILED
    return _make_due(tx, community, now, condition if role is None else condition & (RoleGrant.role == role))


def given_before(tx: Connection, community: str, user_id: str, joined_at: datetime) -> bool:
    """Return whether a member is to have a role that was given, or could not be, before they joined."""
    member = _member(tx, community, user_id)
    if member is None:
        return False
    lost = select(RoleGrant.role).where(
        *_wanted_by(member), RoleGrant.state != DUE, RoleGrant.changed_at < joined_at
    )
    return tx.execute(lost.limit(1)).first() is not None


def rejoined(tx: Connection, community: str, user_id: str, now: datetime) -> int:
    """Have a member who is back get every role again that they are to have; return how many."""
    member = _member(tx, community, user_id)
    if member is None:
        return 0
    again = update(RoleGrant).where(*_wanted_by(member)).values(state=DUE, why=None, changed_at=now)
    count = tx.execute(again).rowcount
    if count:
        moment = int(now.timestamp() * 1_000_000)
        outbox.add(tx, member[0], Topic.ROLES, f"{member[1]}:rejoined:{moment}", at=now)
    return count


def _member(tx: Connection, community: str, user_id: str) -> tuple[int, int] | None:
    """Return the numbers of a community and of a member of it, None for who is not known."""
    community_id = communities.find(tx, community)
    if community_id is None:
        return None
    known = communities.people(tx, community_id, [clean_id("user_id", user_id)]).get(user_id)
    return (community_id, known.id) if known else None


def _wanted_by(member: tuple[int, int]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the roles that a member (of `_member`) is to have."""
    return (
        RoleGrant.community_id == member[0],
        RoleGrant.member_id == member[1],
        RoleGrant.wanted.is_(True),
    )


def sync(tx: Connection, community: str, now: datetime) -> int:
    """Have every role that is wanted, or could not be taken, looked at outside again; return how many."""
    return _make_due(tx, community, now, or_(RoleGrant.wanted.is_(True), RoleGrant.state == FAILED))


def _found(tx: Connection, statement: Select[*tuple[Any, ...]], limit: int | None) -> tuple[Grant, ...]:
    ordered = statement.order_by(RoleGrant.changed_at, RoleGrant.member_id, RoleGrant.role).limit(limit)
    return tuple(Grant(*row) for row in tx.execute(ordered))


def _settle(tx: Connection, grant: Grant, values: dict[str, Any]) -> bool:
    community_id = communities.find(tx, grant.community)
    this = (
        RoleGrant.community_id == community_id,
        RoleGrant.member_id == grant.member,
        RoleGrant.role == grant.role,
        RoleGrant.wanted == grant.wanted,
        RoleGrant.changed_at == grant.changed_at,
    )
    return bool(tx.execute(update(RoleGrant).where(*this).values(**values)).rowcount)


def _make_due(tx: Connection, community: str, now: datetime, condition: ColumnElement[bool]) -> int:
    community_id = communities.find(tx, community)
    there = update(RoleGrant).where(RoleGrant.community_id == community_id, condition)
    return tx.execute(there.values(state=DUE, why=None, changed_at=now)).rowcount
