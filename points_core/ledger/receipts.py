"""Transactions read back: one SELECT, and one way from its rows to receipts."""

from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased

from points_core.models import ApiClient, Category, Member, PointTransaction, RuleVersion
from points_core.values import Actor, ActorKind, Kind, Receipt

_Acting = aliased(Member, name="acting")

RECEIPTS = (
    select(
        PointTransaction.seq,
        PointTransaction.kind,
        Member.user_id,
        Member.name,
        PointTransaction.amount,
        PointTransaction.balance_after,
        Category.name.label("category"),
        PointTransaction.reason,
        PointTransaction.evidence,
        PointTransaction.actor_kind,
        _Acting.user_id.label("actor_user_id"),
        func.coalesce(_Acting.name, ApiClient.name, RuleVersion.name).label("actor_name"),
        PointTransaction.effective_at,
        PointTransaction.recorded_at,
        PointTransaction.reverses,
        PointTransaction.request_number,
        PointTransaction.batch,
        PointTransaction.actor_id,
        PointTransaction.rule_number,
        PointTransaction.rule_version,
    )
    .join(
        Member,
        and_(Member.community_id == PointTransaction.community_id, Member.id == PointTransaction.member_id),
    )
    .outerjoin(
        _Acting,
        and_(
            PointTransaction.actor_kind == ActorKind.MEMBER.value,
            _Acting.community_id == PointTransaction.community_id,
            _Acting.id == PointTransaction.actor_id,
        ),
    )
    .outerjoin(
        ApiClient,
        and_(
            PointTransaction.actor_kind == ActorKind.CLIENT.value,
            ApiClient.community_id == PointTransaction.community_id,
            ApiClient.id == PointTransaction.actor_id,
        ),
    )
    .outerjoin(
        RuleVersion,
        and_(
            RuleVersion.community_id == PointTransaction.community_id,
            RuleVersion.rule_number == PointTransaction.rule_number,
            RuleVersion.version == PointTransaction.rule_version,
        ),
    )
    .outerjoin(
        Category,
        and_(
            Category.community_id == PointTransaction.community_id,
            Category.id == PointTransaction.category_id,
        ),
    )
)
"""Transactions with their people and category; add WHERE, ORDER BY and LIMIT, read rows with `receipt_of`."""


def receipt_of(row: Any) -> Receipt:  # noqa: ANN401 - a row of RECEIPTS, whatever was added to it
    """Return the receipt in a row of RECEIPTS (further columns are ignored)."""
    return Receipt(
        number=row.seq,
        kind=Kind(row.kind),
        user_id=row.user_id,
        name=row.name,
        amount=row.amount,
        before=row.balance_after - row.amount,
        after=row.balance_after,
        category=row.category,
        reason=row.reason,
        evidence=row.evidence,
        actor=_actor(row),
        effective_at=row.effective_at,
        recorded_at=row.recorded_at,
        reverses=row.reverses,
        request=row.request_number,
        batch=row.batch,
        rule=None if row.rule_number is None else (row.rule_number, row.rule_version),
    )


def _actor(row: Any) -> Actor:  # noqa: ANN401 - a row of RECEIPTS
    kind = ActorKind(row.actor_kind)
    client = row.actor_id if kind is ActorKind.CLIENT else None
    return Actor(kind, row.actor_user_id, row.actor_name, client)
