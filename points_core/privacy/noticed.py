"""What rules noticed of a member, and gave or would have given: part of the copy that the member gets."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, or_, select

from points_core.models import Fact, RuleGrant


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something that happened to the member, or because of them (`yours` False), and that a rule matched.

    `details` are what rules can ask for: roles, lengths, ages and the like, never what was written.
    """

    at: datetime
    what: str
    yours: bool
    channel: str | None
    message: str | None
    details: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Granted:
    """What a rule gave the member, in points; `shadow` when it only would have, not `standing` when it was undone."""

    at: datetime
    rule: int
    points: int
    shadow: bool
    standing: bool
    transaction: int | None
    request: int | None


def noticed(tx: Connection, community_id: int, member_id: int) -> tuple[Noticed, ...]:
    """Return what is kept of what happened to a member, oldest first; details of others are left out."""
    found = (
        select(Fact.at, Fact.trigger, Fact.member_id, Fact.channel, Fact.message, Fact.data)
        .where(
            Fact.community_id == community_id, or_(Fact.member_id == member_id, Fact.other_id == member_id)
        )
        .order_by(Fact.at, Fact.key)
    )
    return tuple(
        Noticed(at, what, whose == member_id, channel, message, data if whose == member_id else None)
        for at, what, whose, channel, message, data in tx.execute(found)
    )


def granted(tx: Connection, community_id: int, member_id: int) -> tuple[Granted, ...]:
    """Return what rules gave a member, oldest first."""
    found = (
        select(
            RuleGrant.at,
            RuleGrant.rule_number,
            RuleGrant.amount,
            RuleGrant.shadow,
            RuleGrant.standing,
            RuleGrant.transaction_seq,
            RuleGrant.request_number,
        )
        .where(RuleGrant.community_id == community_id, RuleGrant.member_id == member_id)
        .order_by(RuleGrant.at, RuleGrant.rule_number)
    )
    return tuple(Granted(*row) for row in tx.execute(found))
