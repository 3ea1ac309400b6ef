"""Points that wait: approval requests and their votes."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from points_core.models.base import Base, one_of
from points_core.models.books import PointTransaction
from points_core.models.communities import Category, Member
from points_core.values import ActorKind, RequestState


class ApprovalRequest(Base):
    """Points that wait for other moderators; `transaction_seq` is the movement it became."""

    __tablename__ = "approval_requests"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "member_id"], [Member.community_id, Member.id]),
        ForeignKeyConstraint(["community_id", "category_id"], [Category.community_id, Category.id]),
        ForeignKeyConstraint(
            ["community_id", "transaction_seq"], [PointTransaction.community_id, PointTransaction.seq]
        ),
        UniqueConstraint("community_id", "key"),
        UniqueConstraint("community_id", "transaction_seq"),
        Index(None, "community_id", "state", "expires_at"),
        Index(None, "community_id", "member_id", "state"),
        Index(None, "card_message"),
        CheckConstraint("amount <> 0", name="amount_moves"),
        CheckConstraint("quorum >= 1", name="quorum_counts"),
        CheckConstraint("(state = 'approved') = (transaction_seq IS NOT NULL)", name="approved_moves_points"),
        CheckConstraint("(state = 'pending') = (decided_at IS NULL)", name="decided_once"),
        one_of("state", RequestState, "state"),
        one_of("actor_kind", ActorKind, "actor_kind"),
        CheckConstraint("kind IN ('award', 'deduction')", name="kind"),
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(String(16))
    kind: Mapped[str] = mapped_column(String(16))
    member_id: Mapped[int] = mapped_column(BigInteger)
    amount: Mapped[int] = mapped_column(BigInteger)
    category_id: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str | None] = mapped_column(Text)
    evidence: Mapped[str | None] = mapped_column(Text)
    salt: Mapped[bytes | None]
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(200))
    request_hash: Mapped[bytes]
    quorum: Mapped[int] = mapped_column(Integer)
    place: Mapped[str | None] = mapped_column(String(64))
    effective_at: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    note: Mapped[str | None] = mapped_column(Text)
    transaction_seq: Mapped[int | None] = mapped_column(BigInteger)
    card_channel: Mapped[str | None] = mapped_column(String(64))
    card_message: Mapped[str | None] = mapped_column(String(64))
    rule_number: Mapped[int | None] = mapped_column(BigInteger)
    rule_version: Mapped[int | None] = mapped_column(BigInteger)


class ApprovalVote(Base):
    """One moderator's yes or no, once; append-only."""

    __tablename__ = "approval_votes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["community_id", "request_number"], [ApprovalRequest.community_id, ApprovalRequest.number]
        ),
        ForeignKeyConstraint(["community_id", "voter_id"], [Member.community_id, Member.id]),
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    request_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    voter_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    approve: Mapped[bool] = mapped_column(Boolean)
    key: Mapped[str] = mapped_column(String(200))
    voted_at: Mapped[datetime]
