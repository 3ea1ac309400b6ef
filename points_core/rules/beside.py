"""What stays as it is when what a rule gave is taken back: what others decided while its points were there.

Nobody can say what other rules would have given instead: what no rule matched is kept nowhere. So it is said
which of them may have decided otherwise, before the undo and after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, func, select

from points_core.duties import DECAY_BATCH
from points_core.models import Batch, RuleGrant, RuleVersion
from points_core.rules.conditions import asked
from points_core.rules.definition import Definition, Limits
from points_core.values import Mode

SHARED: Final = ("community_day", "community_week", "every_rule_member_day")
"""The caps that count what all rules give."""


@dataclass(frozen=True, slots=True)
class Beside:
    """Numbers of the other live rules that asked for a total or a streak, or had a cap that all rules share.

    decayed: whether points of inactive members melted meanwhile, of which some may have been these.
    """

    asked: tuple[int, ...] = ()
    capped: tuple[int, ...] = ()
    decayed: bool = False


def beside(tx: Connection, community_id: int, number: int, grants: Sequence[Any]) -> Beside:
    """Return what stays as it is if the standing `grants` (clauses) of rule `number` are taken back."""
    begin = tx.execute(select(func.min(RuleGrant.at)).where(*grants)).scalar()
    if begin is None:
        return Beside()
    others = _others(tx, community_id, number, begin)
    return Beside(
        asked=tuple(sorted({rule for rule, definition in others if _asks(definition)})),
        capped=tuple(sorted({rule for rule, definition in others if _shares(definition.limits)})),
        decayed=_decayed(tx, community_id, begin),
    )


def _others(tx: Connection, community_id: int, number: int, begin: datetime) -> list[tuple[int, Definition]]:
    """Return the other rules as they were while live, since `begin`."""
    versions = (
        select(RuleVersion.rule_number, RuleVersion.mode, RuleVersion.definition, RuleVersion.made_at)
        .where(RuleVersion.community_id == community_id, RuleVersion.rule_number != number)
        .order_by(RuleVersion.rule_number, RuleVersion.version.desc())
    )
    found: list[tuple[int, Definition]] = []
    later: int | None = (
        None  # of which rule a version from before `begin` was seen: older ones were over by then
    )
    for rule, mode, document, made_at in tx.execute(versions):
        if rule == later:
            continue
        if mode == Mode.LIVE:
            found.append((rule, Definition.model_validate(document)))
        if made_at <= begin:
            later = rule
    return found


def _asks(definition: Definition) -> bool:
    wanted = asked(definition)
    return bool(wanted.totals or wanted.streaks)


def _shares(limits: Limits) -> bool:
    return any(getattr(limits, name) is not None for name in SHARED)


def _decayed(tx: Connection, community_id: int, begin: datetime) -> bool:
    melted = select(Batch.number).where(
        Batch.community_id == community_id,
        Batch.key.startswith(DECAY_BATCH),
        Batch.created_at >= begin,
    )
    return tx.execute(melted.limit(1)).first() is not None
