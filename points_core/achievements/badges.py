"""Badges as they are kept: made, changed, retired, on record.

A goal never changes once somebody holds the badge: what was earned was earned for that goal.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from points_core import audit, changes, communities, levels, policy
from points_core.achievements.goals import Goal, LevelReached, Points, Team, document_of, goal_of
from points_core.changes import What
from points_core.communities import Head
from points_core.errors import InvalidSetting, UnknownBadge
from points_core.models import Badge as BadgeRow
from points_core.models import BadgeHolding
from points_core.policy import Policy
from points_core.prepared import Prepared
from points_core.values import Origin, bounded, clean_id, clean_text

MAX_NAME: Final = 50  # characters
MAX_DESCRIPTION: Final = 200  # characters
MAX_BADGES: Final = 100  # not retired: each is looked at for everyone who moves
MAX_ROLE_DAYS: Final = 3_650


@dataclass(frozen=True, slots=True)
class Badge:
    """A badge: what it is called, what it is given for, whether it is hidden until it is earned.

    `role` is the outside's role that comes with it, for `role_days` days or (None) while the badge is held.
    """

    number: int
    name: str
    description: str | None
    goal: Goal
    hidden: bool
    role: str | None
    role_days: int | None
    created_at: datetime
    retired_at: datetime | None

    @property
    def retired(self) -> bool:
        """Return whether nobody can earn it any more."""
        return self.retired_at is not None


def listed(tx: Connection, community: str, *, retired: bool = True) -> tuple[Badge, ...]:
    """Return the community's badges in the order they were made; those that can be earned unless `retired`."""
    community_id = communities.find(tx, community)
    every = () if community_id is None else of_community(tx, community_id)
    return tuple(badge for badge in every if retired or not badge.retired)


def numbered(tx: Connection, community: str, number: int) -> Badge:
    """Return the community's badge `number`. Raises UnknownBadge."""
    community_id = communities.find(tx, community)
    if community_id is None:
        raise UnknownBadge(number)
    return found(tx, community_id, number)


def holders(tx: Connection, community: str) -> dict[int, int]:
    """Return how many members hold each of the community's badges that anybody holds, by its number."""
    community_id = communities.find(tx, community)
    counted = (
        select(BadgeHolding.badge_number, func.count(BadgeHolding.member_id.distinct()))
        .where(BadgeHolding.community_id == community_id, BadgeHolding.revoked_at.is_(None))
        .group_by(BadgeHolding.badge_number)
    )
    return {number: count for number, count in tx.execute(counted)}  # noqa: C416 - rows are no pairs to mypy


def add(
    tx: Connection,
    origin: Origin,
    *,
    name: str,
    goal: Goal,
    description: str | None = None,
    hidden: bool = False,
    role: str | None = None,
    role_days: int | None = None,
) -> Badge:
    """Make a badge. Who has reached its goal already gets it when what is due is settled, without a fanfare.

    name: up to 50 characters, unlike that of any badge not retired. description: up to 200 characters. role:
    the outside id of a role that comes with it, for `role_days` days (None: as long as the badge is held).
    Returns the first one's badge when the origin's key was used before.
    Raises InvalidText, InvalidSetting, UnknownCategory.
    """
    head, current = policy.locked(tx, origin)
    if (again := _by_key(tx, head.community_id, origin.key)) is not None:
        return again
    there = of_community(tx, head.community_id)
    values = _clean(name=name, description=description, hidden=hidden, role=role, role_days=role_days)
    _check_name(there, values["name"])
    _check_goal(current, goal)
    if sum(not badge.retired for badge in there) >= MAX_BADGES:
        raise InvalidSetting("badges", len(there) + 1, f"at most {MAX_BADGES} that are not retired")
    head.badges += 1
    tx.execute(
        insert(BadgeRow).values(
            community_id=head.community_id,
            number=head.badges,
            goal=document_of(goal),
            key=origin.key,
            created_at=origin.at,
            **values,
        )
    )
    badge = found(tx, head.community_id, head.badges)
    _record(tx, head, origin, current, "badge.add", badge.number, None, _document(badge))
    levels.mark_everyone(tx, head.community_id, origin.at)
    return badge


def change(tx: Connection, origin: Origin, number: int, /, **fields: Any) -> Badge:  # noqa: ANN401 - each field has its own type
    """Change a badge's name, description, hidden, role, role_days, or, while nobody ever held it, its goal.

    Raises UnknownBadge, InvalidText, InvalidSetting, UnknownCategory.
    """
    head, current = policy.locked(tx, origin)
    badge = found(tx, head.community_id, number)
    if audit.was_done(tx, head, origin, "badge.change", str(number)):
        return badge
    values = _changes(tx, head, current, badge, fields)
    if not values:
        return badge
    _update(tx, head, number, values)
    new = found(tx, head.community_id, number)
    before, after = _document(badge), _document(new)
    changed = [name for name in after if before[name] != after[name]]
    _record(
        tx,
        head,
        origin,
        current,
        "badge.change",
        number,
        {name: before[name] for name in changed},
        {name: after[name] for name in changed},
    )
    if {"goal", "role", "role_days"} & set(changed):
        levels.mark_everyone(tx, head.community_id, origin.at)
    return new


def require_unearned(tx: Connection, community: str, number: int) -> None:
    """Refuse another goal for a badge that somebody earned. Raises UnknownBadge, InvalidSetting."""
    badge = numbered(tx, community, number)
    community_id = communities.find(tx, community)
    assert community_id is not None
    _check_unheld(tx, community_id, badge)


def retire(tx: Connection, origin: Origin, number: int) -> Badge:
    """Have a badge earned by nobody any more; who holds it keeps it. Raises UnknownBadge."""
    head, current = policy.locked(tx, origin)
    badge = found(tx, head.community_id, number)
    if badge.retired:
        return badge
    _update(tx, head, number, {"retired_at": origin.at})
    _record(tx, head, origin, current, "badge.retire", number, {"name": badge.name}, None)
    return found(tx, head.community_id, number)


# ── rows ──


_EVERY: Final = Prepared(
    select(BadgeRow.__table__)
    .where(BadgeRow.community_id == bindparam("community"))
    .order_by(BadgeRow.number)
)


def of_community(tx: Connection, community_id: int) -> tuple[Badge, ...]:
    """Return the badges of a community that exists, in the order they were made."""
    return tuple(_badge(row) for row in _EVERY.rows(tx, {"community": community_id}))


def found(tx: Connection, community_id: int, number: int) -> Badge:
    """Return badge `number` of a community that exists. Raises UnknownBadge."""
    this = (BadgeRow.community_id == community_id, BadgeRow.number == bounded(number))
    row = tx.execute(select(BadgeRow.__table__).where(*this)).one_or_none()
    if row is None:
        raise UnknownBadge(number)
    return _badge(row)


def _by_key(tx: Connection, community_id: int, key: str) -> Badge | None:
    this = (BadgeRow.community_id == community_id, BadgeRow.key == key)
    row = tx.execute(select(BadgeRow.__table__).where(*this)).one_or_none()
    return _badge(row) if row else None


def _badge(row: Row[Any]) -> Badge:
    return Badge(
        number=row.number,
        name=row.name,
        description=row.description,
        goal=goal_of(row.goal),
        hidden=row.hidden,
        role=row.role,
        role_days=row.role_days,
        created_at=row.created_at,
        retired_at=row.retired_at,
    )


def _update(tx: Connection, head: Head, number: int, values: dict[str, Any]) -> None:
    this = (BadgeRow.community_id == head.community_id, BadgeRow.number == number)
    tx.execute(update(BadgeRow).where(*this).values(**values))


def _document(badge: Badge) -> dict[str, Any]:
    """Return what goes on record of a badge."""
    return {
        "name": badge.name,
        "description": badge.description,
        "goal": document_of(badge.goal),
        "hidden": badge.hidden,
        "role": badge.role,
        "role_days": badge.role_days,
    }


def _record(
    tx: Connection,
    head: Head,
    origin: Origin,
    current: Policy,
    action: str,
    number: int,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    policy.put_on_record(
        tx, head, origin, current, action=action, target=str(number), before=before, after=after
    )
    changes.notify(tx, head.community_id, What.RULES)


# ── what can be ──


def _clean(**given: Any) -> dict[str, Any]:  # noqa: ANN401 - each field has its own type
    """Return the fields that are given, clean. Raises InvalidText, InvalidSetting."""
    if "name" in given:
        given["name"] = clean_text("name", given["name"], MAX_NAME)
    if given.get("description") is not None:
        given["description"] = clean_text("description", given["description"], MAX_DESCRIPTION)
    if given.get("role") is not None:
        given["role"] = clean_id("role", given["role"])
    days = given.get("role_days")
    if days is not None and (type(days) is not int or not 1 <= days <= MAX_ROLE_DAYS):
        raise InvalidSetting("role_days", days, f"from 1 to {MAX_ROLE_DAYS:,} days")
    if "hidden" in given and type(given["hidden"]) is not bool:
        raise InvalidSetting("hidden", given["hidden"], "true or false")
    return given


def _changes(
    tx: Connection, head: Head, current: Policy, badge: Badge, fields: dict[str, Any]
) -> dict[str, Any]:
    known = {"name", "description", "goal", "hidden", "role", "role_days"}
    if unknown := sorted(set(fields) - known):
        raise InvalidSetting(unknown[0], fields[unknown[0]], "one of " + ", ".join(sorted(known)))
    goal = fields.pop("goal", badge.goal)
    values = _clean(**fields)
    if "name" in values:
        others = [b for b in of_community(tx, head.community_id) if b.number != badge.number]
        _check_name(others, values["name"])
    if goal != badge.goal:
        _check_goal(current, goal)
        _check_unheld(tx, head.community_id, badge)
        values["goal"] = document_of(goal)
    return values


def _check_name(there: "tuple[Badge, ...] | list[Badge]", name: str) -> None:
    if any(not badge.retired and badge.name.casefold() == name.casefold() for badge in there):
        raise InvalidSetting("name", name, "a name that no other badge has")


def _check_goal(current: Policy, goal: Goal) -> None:
    category_id = goal.category_id if isinstance(goal, Points | Team) else None
    if category_id is not None and current.category_name(category_id) is None:
        raise InvalidSetting("category", category_id, "a category of this community")
    if isinstance(goal, LevelReached) and goal.steps[-1] > max(len(current.programme.levels), 1):
        count = len(current.programme.levels)
        raise InvalidSetting("level", goal.steps[-1], f"one of the {count} levels there are")


def _check_unheld(tx: Connection, community_id: int, badge: Badge) -> None:
    ever = select(BadgeHolding.member_id).where(
        BadgeHolding.community_id == community_id, BadgeHolding.badge_number == badge.number
    )
    if tx.execute(ever.limit(1)).first() is not None:
        raise InvalidSetting(
            "goal", badge.goal.kind, "as it is: somebody earned the badge; retire it and make another"
        )
