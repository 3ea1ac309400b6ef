"""A rule's life: made, changed, renamed, switched; each change is a version of its own and on record."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from points_core import communities, policy
from points_core.changes import What, notify
from points_core.communities import Head
from points_core.errors import (
    DuplicateTransaction,
    InvalidSetting,
    RuleMode,
    RuleRetired,
    UnknownCategory,
)
from points_core.models import PointRule, RuleVersion
from points_core.policy import Policy
from points_core.rules import reading
from points_core.rules.checking import checked
from points_core.rules.conditions import asked
from points_core.rules.definition import Definition, Rule
from points_core.rules.reading import RuleView
from points_core.values import Mode, Origin, clean_text

MAX_RULES = 100  # of a community, retired ones aside: every process keeps all of them in memory
MAX_RULE_NAME = 50  # characters

STEPS: Final[Mapping[Mode, frozenset[Mode]]] = {
    Mode.DRAFT: frozenset({Mode.SHADOW, Mode.LIVE, Mode.RETIRED}),
    Mode.SHADOW: frozenset({Mode.DRAFT, Mode.LIVE, Mode.PAUSED, Mode.RETIRED}),
    Mode.LIVE: frozenset({Mode.PAUSED, Mode.SHADOW, Mode.RETIRED}),
    Mode.PAUSED: frozenset({Mode.LIVE, Mode.SHADOW, Mode.RETIRED}),
    Mode.RETIRED: frozenset(),
}
"""The modes that a rule can be switched to from each."""


def create(
    tx: Connection,
    origin: Origin,
    *,
    name: str,
    definition: Definition | Mapping[str, Any],
    mode: Mode = Mode.DRAFT,
) -> RuleView:
    """Make a rule and return it; for a key used before, the rule that was made then.

    mode: DRAFT, SHADOW or LIVE. Raises InvalidText, InvalidSetting, UnknownCategory, RuleMode,
    DuplicateTransaction.
    """
    name = clean_text("name", name, MAX_RULE_NAME)
    wanted = checked(definition, origin.at)
    head, current = policy.locked(tx, origin)
    made = select(PointRule.number).where(
        PointRule.community_id == head.community_id, PointRule.key == origin.key
    )
    earlier = tx.execute(made).scalar()
    if earlier is not None:
        return _made_before(tx, head, origin, earlier, name, wanted)
    if mode is not Mode.DRAFT and mode not in STEPS[Mode.DRAFT] - {Mode.RETIRED}:
        raise RuleMode(0, Mode.DRAFT.value, mode.value)
    _check_room(tx, head)
    _check_name(tx, head, name)
    _check_categories(current, wanted)
    head.rules += 1
    rule = Rule(head.rules, 1, name, mode, wanted)
    tx.execute(
        insert(PointRule).values(
            community_id=head.community_id,
            number=rule.number,
            name=name,
            mode=mode.value,
            version=1,
            key=origin.key,
            created_at=origin.at,
            updated_at=origin.at,
        )
    )
    after = {"name": name, "mode": mode.value, "definition": wanted.document}
    return _put_down(tx, origin, (head, current), rule, "rule.create", None, after)


def edit(tx: Connection, origin: Origin, number: int, definition: Definition | Mapping[str, Any]) -> RuleView:
    """Give a rule another definition, from now on; what it gave before stays as it is.

    Raises UnknownRule, RuleRetired, InvalidSetting, InvalidText, UnknownCategory.
    """
    wanted = checked(definition, origin.at)
    held, rule, done = _held(tx, origin, number)
    if done or wanted == rule.definition:
        return reading.numbered(tx, held[0].community_id, number)
    _check_categories(held[1], wanted)
    before, after = {"definition": rule.definition.document}, {"definition": wanted.document}
    new = Rule(number, rule.version + 1, rule.name, rule.mode, wanted)
    return _put_down(tx, origin, held, new, "rule.edit", before, after)


def rename(tx: Connection, origin: Origin, number: int, name: str) -> RuleView:
    """Give a rule another name. Raises UnknownRule, RuleRetired, InvalidText, InvalidSetting."""
    name = clean_text("name", name, MAX_RULE_NAME)
    held, rule, done = _held(tx, origin, number)
    if done or name == rule.name:
        return reading.numbered(tx, held[0].community_id, number)
    _check_name(tx, held[0], name, but=number)
    new = Rule(number, rule.version + 1, name, rule.mode, rule.definition)
    return _put_down(tx, origin, held, new, "rule.rename", {"name": rule.name}, {"name": name})


def set_mode(tx: Connection, origin: Origin, number: int, mode: Mode) -> RuleView:
    """Switch a rule to another mode; RETIRED is for good.

    Raises UnknownRule, RuleRetired, RuleMode for a step that a rule cannot take.
    """
    held, rule, done = _held(tx, origin, number, retired=mode is Mode.RETIRED)
    if done or mode is rule.mode:
        return reading.numbered(tx, held[0].community_id, number)
    if mode not in STEPS[rule.mode]:
        raise RuleMode(number, rule.mode.value, mode.value)
    if mode in reading.ACTING:
        checked(rule.definition, origin.at)  # one that was over before it began
        _check_categories(held[1], rule.definition)
    new = Rule(number, rule.version + 1, rule.name, mode, rule.definition)
    return _put_down(
        tx, origin, held, new, f"rule.{mode.value}", {"mode": rule.mode.value}, {"mode": mode.value}
    )


Held = tuple[Head, Policy]


def _held(tx: Connection, origin: Origin, number: int, *, retired: bool = False) -> tuple[Held, Rule, bool]:
    """Lock the community and return what is locked, the rule, and whether this change was made before.

    Raises UnknownRule, RuleRetired.
    """
    held = policy.locked(tx, origin)
    community_id = held[0].community_id
    rule = reading.numbered(tx, community_id, number).rule
    same = select(RuleVersion.version).where(
        RuleVersion.community_id == community_id,
        RuleVersion.rule_number == number,
        RuleVersion.key == origin.key,
    )
    done = tx.execute(same).first() is not None
    if rule.mode is Mode.RETIRED and not done and not retired:
        raise RuleRetired(number)
    return held, rule, done


def _put_down(
    tx: Connection,
    origin: Origin,
    held: Held,
    rule: Rule,
    action: str,
    before: dict[str, Any] | None,
    after: dict[str, Any],
) -> RuleView:
    """Keep a new version of a rule, put it on record, and have everyone who keeps rules in memory told."""
    head, current = held
    tx.execute(
        insert(RuleVersion).values(
            community_id=head.community_id,
            rule_number=rule.number,
            version=rule.version,
            name=rule.name,
            mode=rule.mode.value,
            definition=rule.definition.document,
            actor_kind=origin.actor.kind.value,
            actor_id=communities.actor_number(tx, head, origin.actor, origin.at),
            key=origin.key,
            made_at=origin.at,
        )
    )
    tx.execute(
        update(PointRule)
        .where(PointRule.community_id == head.community_id, PointRule.number == rule.number)
        .values(name=rule.name, mode=rule.mode.value, version=rule.version, updated_at=origin.at)
    )
    head.rule_changes += 1
    reading.changing(tx)
    notify(tx, head.community_id, What.RULES)
    policy.put_on_record(
        tx, head, origin, current, action=action, target=str(rule.number), before=before, after=after
    )
    return reading.numbered(tx, head.community_id, rule.number)


def _made_before(
    tx: Connection, head: Head, origin: Origin, number: int, name: str, definition: Definition
) -> RuleView:
    first = reading.versions(tx, head.community_id, [(number, 1)])[number, 1]
    if (first.name, first.definition) != (name, definition):
        raise DuplicateTransaction(origin.key)
    return reading.numbered(tx, head.community_id, number)


def _check_room(tx: Connection, head: Head) -> None:
    kept = select(func.count()).where(
        PointRule.community_id == head.community_id, PointRule.mode != Mode.RETIRED.value
    )
    count = tx.execute(kept).scalar_one()
    if count >= MAX_RULES:
        raise InvalidSetting("rules", count + 1, f"at most {MAX_RULES} that are not retired")


def _check_name(tx: Connection, head: Head, name: str, but: int | None = None) -> None:
    names = select(PointRule.number, PointRule.name).where(
        PointRule.community_id == head.community_id, PointRule.mode != Mode.RETIRED.value
    )
    taken = {other.casefold() for number, other in tx.execute(names) if number != but}
    if name.casefold() in taken:
        raise InvalidSetting("name", name, "one that no other rule has")


def _check_categories(current: Policy, definition: Definition) -> None:
    """Hold the categories that a definition names against the community's. Raises UnknownCategory."""
    open_ids = {category.id for category in current.categories if not category.retired}
    all_ids = {category.id for category in current.categories}
    looked_at = asked(definition).totals - {None}
    wrong = {definition.category_id} - {None} - open_ids | looked_at - all_ids
    for category_id in sorted(each for each in wrong if each is not None):
        name = current.category_name(category_id) or str(category_id)
        raise UnknownCategory(name, current.open_categories)
