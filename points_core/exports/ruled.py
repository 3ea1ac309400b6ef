"""What an export says of rules: each version of each, and what they gave."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, select
from sqlalchemy.orm import aliased

from points_core.models import Member, RuleGrant, RuleVersion
from points_core.values import ActorKind

PAGE: Final = 500  # rows in memory at a time

Pages = Iterator[Sequence[tuple[Any, ...]]]

_Acting, _Other = aliased(Member, name="acting"), aliased(Member, name="other")
_VERSIONS = (
    select(
        RuleVersion.rule_number,
        RuleVersion.version,
        RuleVersion.name,
        RuleVersion.mode,
        RuleVersion.definition,
        RuleVersion.made_at,
        RuleVersion.actor_kind,
        _Acting.user_id,
    )
    .outerjoin(
        _Acting,
        and_(
            RuleVersion.actor_kind == ActorKind.MEMBER.value,
            _Acting.community_id == RuleVersion.community_id,
            _Acting.id == RuleVersion.actor_id,
        ),
    )
    .order_by(RuleVersion.rule_number, RuleVersion.version)
)
_GRANTS = (
    select(
        RuleGrant.rule_number,
        RuleGrant.version,
        Member.user_id,
        Member.name,
        _Other.user_id.label("other_id"),
        RuleGrant.channel,
        RuleGrant.at,
        RuleGrant.amount,
        RuleGrant.shadow,
        RuleGrant.standing,
        RuleGrant.transaction_seq,
        RuleGrant.request_number,
        RuleGrant.undone_batch,
    )
    .join(Member, and_(Member.community_id == RuleGrant.community_id, Member.id == RuleGrant.member_id))
    .outerjoin(_Other, and_(_Other.community_id == RuleGrant.community_id, _Other.id == RuleGrant.other_id))
    .order_by(RuleGrant.at, RuleGrant.rule_number, RuleGrant.fact_key)
)


def versions(tx: Connection, community_id: int, conditions: list[ColumnElement[bool]]) -> Pages:
    """Yield each version of each rule, its definition as JSON."""
    yield from _pages(tx, _VERSIONS.where(RuleVersion.community_id == community_id, *conditions))


def grants(tx: Connection, community_id: int, conditions: list[ColumnElement[bool]]) -> Pages:
    """Yield what rules gave, or in shadow would have given, in the order in which it happened."""
    yield from _pages(tx, _GRANTS.where(RuleGrant.community_id == community_id, *conditions))


def _pages(tx: Connection, statement: Select[*tuple[Any, ...]]) -> Pages:
    for part in tx.execute(statement, execution_options={"yield_per": PAGE}).partitions():
        yield [tuple(row) for row in part]
