"""Roles that rules give: kept beside the grant, for whoever speaks to the outside to give and take.

One row stands for a role and a member, whoever wants it. What a level or a badge wants is theirs: a rule's
role adds nothing to it, and a rule's undo takes only what a rule gave.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from points_core import outbox
from points_core.models import RoleGrant, RuleVersion
from points_core.outbox import Topic

DUE: Final = "due"


RULE: Final = "rule:"
"""What the source of a rule's roles begins with."""


def source(rule_number: int) -> str:
    """Return what stands as the source of a rule's roles."""
    return f"{RULE}{rule_number}"


def of_version(tx: Connection, community_id: int, rule: tuple[int, int]) -> tuple[str, int | None] | None:
    """Return the role that a rule gave in that version, and for how many days; None for no role."""
    found = select(RuleVersion.definition).where(
        RuleVersion.community_id == community_id,
        RuleVersion.rule_number == rule[0],
        RuleVersion.version == rule[1],
    )
    definition: dict[str, Any] = tx.execute(found).scalar_one()
    role = definition.get("role")
    return None if role is None else (str(role), definition.get("role_days"))


def of_versions(tx: Connection, community_id: int, rule: int) -> dict[int, str]:
    """Return the role that each version of a rule gave, of those that gave one."""
    role = RuleVersion.definition["role"].as_string()
    found = select(RuleVersion.version, role).where(
        RuleVersion.community_id == community_id, RuleVersion.rule_number == rule, role.is_not(None)
    )
    return {version: name for version, name in tx.execute(found)}  # noqa: C416 - rows are no pairs to mypy


def give(
    tx: Connection,
    community_id: int,
    member_id: int,
    *,
    rule: int,
    role: str,
    days: int | None,
    now: datetime,
) -> None:
    """Have a member given a role by a rule, for `days` from `now` or for good; a longer time wins."""
    until = now + timedelta(days=days) if days else None
    this = (
        RoleGrant.community_id == community_id,
        RoleGrant.member_id == member_id,
        RoleGrant.role == role,
    )
    there = tx.execute(select(RoleGrant.source, RoleGrant.wanted, RoleGrant.until).where(*this)).one_or_none()
    wanted = {"source": source(rule), "wanted": True, "until": until}
    anew = {"state": DUE, "why": None, "attempts": 0, "changed_at": now}
    if there is None:
        row = {"community_id": community_id, "member_id": member_id, "role": role}
        tx.execute(insert(RoleGrant).values(**row, **wanted, **anew))
    elif not there.wanted:
        tx.execute(update(RoleGrant).where(*this).values(**wanted, **anew))
    elif there.until is not None and (until is None or until > there.until):
        tx.execute(update(RoleGrant).where(*this).values(**wanted))
        return  # they have it; it only lasts longer
    else:
        return
    _tell(tx, community_id, member_id, rule, now)


def take(
    tx: Connection,
    community_id: int,
    rule: int,
    member_ids: Iterable[int],
    kept: Collection[tuple[int, str]],
    now: datetime,
) -> int:
    """Have the roles taken that a rule gave to `member_ids`, but those `kept` (member and role); return how many."""
    taken = 0
    for member_id in sorted(set(member_ids)):
        this = (
            RoleGrant.community_id == community_id,
            RoleGrant.member_id == member_id,
            RoleGrant.source == source(rule),
            RoleGrant.wanted.is_(True),
        )
        theirs = tx.execute(select(RoleGrant.role).where(*this)).scalars()
        gone = [role for role in theirs if (member_id, role) not in kept]
        if gone:
            unwanted = {"wanted": False, "until": None, "state": DUE, "why": None, "attempts": 0}
            no_more = update(RoleGrant).where(*this, RoleGrant.role.in_(gone))
            tx.execute(no_more.values(**unwanted, changed_at=now))
            taken += len(gone)
            _tell(tx, community_id, member_id, rule, now)
    return taken


def _tell(tx: Connection, community_id: int, member_id: int, rule: int, now: datetime) -> None:
    """Leave one effect for the roles of this moment; its subject is only a name."""
    moment = int(now.timestamp() * 1_000_000)
    outbox.add(tx, community_id, Topic.ROLES, f"{member_id}:rule:{rule}:{moment}", at=now)
