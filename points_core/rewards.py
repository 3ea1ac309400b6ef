"""Roles that rules give: kept beside the grant, for whoever speaks to the outside to give and take.

One row stands for a role and a member, whoever wants it. What a level or a badge wants is theirs: a rule's
role adds nothing to it, and a rule's undo takes only what a rule gave. A role for which another grant still
stands stays, for as long as that one gives it.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from points_core import outbox
from points_core.models import ApprovalRequest, PointTransaction, RoleGrant, RuleGrant, RuleVersion
from points_core.outbox import Topic
from points_core.statements import portions

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
    every = _roles_of_versions(tx, community_id)
    return {version: role for (number, version), (role, _) in every.items() if number == rule}


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


@dataclass(frozen=True, slots=True)
class Ground:
    """A rule's grants for which a member is to have a role: where it comes from, and until when (None: for good)."""

    source: str
    until: datetime | None

    def outlasts(self, other: "Ground | None") -> bool:
        """Return whether the role stays longer by this than by the other."""
        if other is None or other.until is None:
            return other is None
        return self.until is None or self.until > other.until


def grounds(
    tx: Connection, community_id: int, member_ids: Collection[int], now: datetime
) -> dict[int, dict[str, Ground]]:
    """Return why members are to have roles by rules' grants that stand at `now`, by member and role."""
    given = _roles_of_versions(tx, community_id)
    found: dict[int, dict[str, Ground]] = {}
    if given:
        for member_id, rule, version, at in _granted(tx, community_id, member_ids, {r for r, _ in given}):
            if (rule, version) in given:
                role, days = given[rule, version]
                ground = Ground(source(rule), at + timedelta(days=days) if days else None)
                theirs = found.setdefault(member_id, {})
                over = ground.until is not None and ground.until <= now
                if not over and ground.outlasts(theirs.get(role)):
                    theirs[role] = ground
    return found


def take(tx: Connection, community_id: int, rule: int, member_ids: Collection[int], now: datetime) -> int:
    """Have the roles taken that a rule gave `member_ids` and no grant stands for any more; return how many."""
    stands = grounds(tx, community_id, member_ids, now)
    taken = 0
    for member_id, role, until in list(_theirs(tx, community_id, rule, member_ids)):
        this = update(RoleGrant).where(
            RoleGrant.community_id == community_id, RoleGrant.member_id == member_id, RoleGrant.role == role
        )
        ground = stands.get(member_id, {}).get(role)
        if ground is None:
            unwanted = {"wanted": False, "until": None, "state": DUE, "why": None, "attempts": 0}
            tx.execute(this.values(**unwanted, changed_at=now))
            _tell(tx, community_id, member_id, rule, now)
            taken += 1
        elif ground != Ground(source(rule), until):
            tx.execute(this.values(source=ground.source, until=ground.until))
    return taken


def _theirs(
    tx: Connection, community_id: int, rule: int, member_ids: Collection[int]
) -> Iterator[tuple[int, str, datetime | None]]:
    """Yield the roles that members have by a rule, and until when."""
    for some in portions(member_ids):
        yield from tx.execute(
            select(RoleGrant.member_id, RoleGrant.role, RoleGrant.until)
            .where(
                RoleGrant.community_id == community_id,
                RoleGrant.member_id.in_(some),
                RoleGrant.source == source(rule),
                RoleGrant.wanted.is_(True),
            )
            .order_by(RoleGrant.member_id, RoleGrant.role)
        )


def _roles_of_versions(tx: Connection, community_id: int) -> dict[tuple[int, int], tuple[str, int | None]]:
    """Return which role each version of a rule gives, and for how many days, of those that give one."""
    every = select(RuleVersion.rule_number, RuleVersion.version, RuleVersion.definition).where(
        RuleVersion.community_id == community_id, RuleVersion.definition["role"].as_string().is_not(None)
    )
    return {
        (rule, version): (str(definition["role"]), definition.get("role_days"))
        for rule, version, definition in tx.execute(every)
    }


def _granted(
    tx: Connection, community_id: int, member_ids: Collection[int], rules: Collection[int]
) -> Iterator[tuple[int, int, int, datetime]]:
    """Yield (member, rule, version, when) of the grants of `rules` that stand and moved points."""
    seq = func.coalesce(RuleGrant.transaction_seq, ApprovalRequest.transaction_seq)
    for some in portions(member_ids):
        yield from tx.execute(
            select(
                RuleGrant.member_id, RuleGrant.rule_number, RuleGrant.version, PointTransaction.recorded_at
            )
            .outerjoin(
                ApprovalRequest,
                (ApprovalRequest.community_id == RuleGrant.community_id)
                & (ApprovalRequest.number == RuleGrant.request_number),
            )
            .join(
                PointTransaction,
                (PointTransaction.community_id == RuleGrant.community_id) & (PointTransaction.seq == seq),
            )
            .where(
                RuleGrant.community_id == community_id,
                RuleGrant.rule_number.in_(sorted(rules)),
                RuleGrant.member_id.in_(some),
                RuleGrant.standing,
            )
        )


def _tell(tx: Connection, community_id: int, member_id: int, rule: int, now: datetime) -> None:
    """Leave one effect for the roles of this moment; its subject is only a name."""
    moment = int(now.timestamp() * 1_000_000)
    outbox.add(tx, community_id, Topic.ROLES, f"{member_id}:rule:{rule}:{moment}", at=now)
