"""A change of one part of a rule, made to what the rule is at that moment: two people's changes both stand."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from points_core import policy
from points_core.rules import reading, stored
from points_core.rules.definition import Definition
from points_core.rules.reading import RuleView
from points_core.values import Origin

Change = Callable[[Definition], Definition | Mapping[str, Any]]
"""Makes of a definition another one, or the document of one."""


def amend(tx: Connection, origin: Origin, number: int, change: Change) -> RuleView:
    """Make `change` to the rule's definition and return the rule.

    Raises UnknownRule, RuleRetired, InvalidSetting, InvalidText, UnknownCategory, and what `change` raises.
    """
    head, _ = policy.locked(tx, origin)
    rule = reading.numbered(tx, head.community_id, number).rule
    return stored.edit(tx, origin, number, change(rule.definition))
