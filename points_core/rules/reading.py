"""Rules read back: as they are, as they were, and ready to decide."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RootTransaction, bindparam, func, select, tuple_

from points_core import communities, policy
from points_core.communities import Head
from points_core.errors import UnknownRule
from points_core.models import ApiClient, Community, LedgerHead, Member, PointRule, RuleVersion
from points_core.rules.conditions import Need, needs
from points_core.rules.definition import Definition, Rule
from points_core.rules.matching import Compiled
from points_core.values import Actor, ActorKind, Mode, bounded

ACTING = (Mode.SHADOW, Mode.LIVE)
MAX_KEPT = 1_000  # communities whose rules the writer keeps ready between operations

_KEPT = "points_rules"
_CHANGING = "points_rules_changing"


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule as it is now, when it was made and when it was last changed."""

    rule: Rule
    created_at: datetime
    updated_at: datetime

    @property
    def needs(self) -> frozenset[Need]:
        """Return the privileged intents without which it would not see what it asks for."""
        return needs(self.rule.definition)


@dataclass(frozen=True, slots=True)
class VersionView:
    """What a rule was from `made_at` on, until its next version, and who made it so."""

    rule: Rule
    actor: Actor
    made_at: datetime


_NOW = (RuleVersion.community_id == PointRule.community_id) & (RuleVersion.rule_number == PointRule.number)
_RULES = select(
    PointRule.number,
    PointRule.version,
    PointRule.name,
    PointRule.mode,
    RuleVersion.definition,
    PointRule.created_at,
    PointRule.updated_at,
).join(RuleVersion, _NOW & (RuleVersion.version == PointRule.version))
_ACTING = _RULES.where(
    PointRule.community_id == bindparam("community"), PointRule.mode.in_([mode.value for mode in ACTING])
)


def listed(tx: Connection, community: str, *, retired: bool = False) -> tuple[RuleView, ...]:
    """Return the community's rules by number; those for good out of use only if `retired`."""
    found = _RULES.join(Community, Community.id == PointRule.community_id).where(Community.key == community)
    if not retired:
        found = found.where(PointRule.mode != Mode.RETIRED.value)
    return tuple(_view(row) for row in tx.execute(found.order_by(PointRule.number)))


def get(tx: Connection, community: str, number: int) -> RuleView:
    """Return the community's rule `number`. Raises UnknownRule."""
    community_id = communities.find(tx, community)
    if community_id is None:
        raise UnknownRule(number)
    return numbered(tx, community_id, number)


def numbered(tx: Connection, community_id: int, number: int) -> RuleView:
    """Return rule `number` of the community with that number. Raises UnknownRule."""
    found = _RULES.where(PointRule.community_id == community_id, PointRule.number == bounded(number))
    row = tx.execute(found).one_or_none()
    if row is None:
        raise UnknownRule(number)
    return _view(row)


def history(tx: Connection, community: str, number: int) -> tuple[VersionView, ...]:
    """Return every version of a rule, newest first. Raises UnknownRule."""
    rows = tx.execute(
        _VERSIONS.where(Community.key == community, RuleVersion.rule_number == bounded(number)).order_by(
            RuleVersion.version.desc()
        )
    ).all()
    if not rows:
        raise UnknownRule(number)
    return tuple(VersionView(_rule(row), _actor(row), row.made_at) for row in rows)


def versions(
    tx: Connection, community_id: int, wanted: Iterable[tuple[int, int]]
) -> dict[tuple[int, int], Rule]:
    """Return the rules as they were in the `wanted` (number, version)s."""
    pairs = sorted(set(wanted))
    if not pairs:
        return {}
    found = select(
        RuleVersion.rule_number.label("number"),
        RuleVersion.version,
        RuleVersion.name,
        RuleVersion.mode,
        RuleVersion.definition,
    ).where(
        RuleVersion.community_id == community_id,
        tuple_(RuleVersion.rule_number, RuleVersion.version).in_(pairs),
    )
    rules = (_rule(row) for row in tx.execute(found))
    return {(rule.number, rule.version): rule for rule in rules}


def changes(tx: Connection, community: str) -> int:
    """Return how often the community's rules were changed: what was made of them is old when it differs."""
    found = select(LedgerHead.rule_changes).join(Community).where(Community.key == community)
    return int(tx.execute(found).scalar() or 0)


def compiled(tx: Connection, community: str) -> tuple[int, Compiled]:
    """Return how often the community's rules were changed, and those that act, ready to be asked."""
    community_id = communities.find(tx, community)
    zone = policy.of(tx, community).zone
    if community_id is None:
        return 0, Compiled((), zone)
    return changes(tx, community), Compiled(_acting(tx, community_id), zone)


def ready(tx: Connection, head: Head, zone: ZoneInfo) -> Compiled:
    """Return the acting rules of a locked community, kept on the connection until one of them changes."""
    if tx.info.get(_CHANGING) is _root(tx):
        return Compiled(_acting(tx, head.community_id), zone)  # what is not committed may come to nothing
    kept: dict[int, tuple[int, Compiled]] = tx.info.setdefault(_KEPT, {})
    known = kept.get(head.community_id)
    if known is not None and known[0] == head.rule_changes and known[1].zone == zone:
        return known[1]
    if len(kept) >= MAX_KEPT:
        kept.clear()
    made = Compiled(_acting(tx, head.community_id), zone)
    kept[head.community_id] = (head.rule_changes, made)
    return made


def changing(tx: Connection) -> None:
    """Have nothing kept of the rules in this transaction: it changes them, and may still be undone."""
    tx.info[_CHANGING] = _root(tx)


def _root(tx: Connection) -> RootTransaction | None:
    return tx.get_transaction()


def _acting(tx: Connection, community_id: int) -> list[Rule]:
    return [_rule(row) for row in tx.execute(_ACTING, {"community": community_id})]


_VERSIONS = (
    select(
        RuleVersion.rule_number.label("number"),
        RuleVersion.version,
        RuleVersion.name,
        RuleVersion.mode,
        RuleVersion.definition,
        RuleVersion.made_at,
        RuleVersion.actor_kind,
        RuleVersion.actor_id,
        Member.user_id,
        func.coalesce(Member.name, ApiClient.name).label("actor_name"),
    )
    .join(Community, Community.id == RuleVersion.community_id)
    .outerjoin(
        Member,
        (RuleVersion.actor_kind == ActorKind.MEMBER.value)
        & (Member.community_id == RuleVersion.community_id)
        & (Member.id == RuleVersion.actor_id),
    )
    .outerjoin(
        ApiClient,
        (RuleVersion.actor_kind == ActorKind.CLIENT.value)
        & (ApiClient.community_id == RuleVersion.community_id)
        & (ApiClient.id == RuleVersion.actor_id),
    )
)


def _view(row: Any) -> RuleView:  # noqa: ANN401 - a row of _RULES
    return RuleView(_rule(row), row.created_at, row.updated_at)


def _rule(row: Any) -> Rule:  # noqa: ANN401 - a row of _RULES or _VERSIONS
    definition = Definition.model_validate(row.definition)
    return Rule(row.number, row.version, row.name, Mode(row.mode), definition)


def _actor(row: Any) -> Actor:  # noqa: ANN401 - a row of _VERSIONS
    kind = ActorKind(row.actor_kind)
    return Actor(kind, row.user_id, row.actor_name, row.actor_id if kind is ActorKind.CLIENT else None)
