"""Who, and by which numbers: communities, their heads, policies, categories, members, and erasures asked for."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from points_core.models.base import Base


class Community(Base):
    """A Discord server, or any other place with members; `key` is its outside id."""

    __tablename__ = "communities"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime]


class LedgerHead(Base):
    """Where a community's books end, and the counters its numbers come from; every writer locks this row."""

    __tablename__ = "ledger_heads"

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, default=0)
    hash: Mapped[bytes]
    recorded_at: Mapped[datetime | None]
    members: Mapped[int] = mapped_column(BigInteger, default=0)
    requests: Mapped[int] = mapped_column(BigInteger, default=0)
    schedules: Mapped[int] = mapped_column(BigInteger, default=0)
    audit_events: Mapped[int] = mapped_column(BigInteger, default=0)
    batches: Mapped[int] = mapped_column(BigInteger, default=0)
    seasons: Mapped[int] = mapped_column(BigInteger, default=0)
    clients: Mapped[int] = mapped_column(BigInteger, default=0)
    webhooks: Mapped[int] = mapped_column(BigInteger, default=0)
    rules: Mapped[int] = mapped_column(BigInteger, default=0)
    rule_changes: Mapped[int] = mapped_column(BigInteger, default=0)
    badges: Mapped[int] = mapped_column(BigInteger, default=0)
    closed_because: Mapped[str | None] = mapped_column(Text)


class Policy(Base):
    """A community's own numbers, as one document; `version` counts its changes."""

    __tablename__ = "policies"

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    document: Mapped[dict[str, Any]]
    updated_at: Mapped[datetime]


class Category(Base):
    """A community's own heading for points; a retired one keeps its past and takes no new points."""

    __tablename__ = "categories"
    __table_args__ = (UniqueConstraint("community_id", "name"),)

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(50))
    retired_at: Mapped[datetime | None]


class Member(Base):
    """A person in a community: the only place that knows who; `user_id` and `name` can be erased.

    Since `untracked_at` rules take no notice of what they do.
    """

    __tablename__ = "members"
    __table_args__ = (UniqueConstraint("community_id", "user_id"),)

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    user_id: Mapped[str | None] = mapped_column(String(64))
    name: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime]
    hidden_at: Mapped[datetime | None]
    left_at: Mapped[datetime | None]
    erased_at: Mapped[datetime | None]
    untracked_at: Mapped[datetime | None]


class Erasure(Base):
    """A member's wish to be forgotten: done at `due_at` unless cancelled before.

    `scrubbed_at` is when the file was rewritten so that nothing of it is left between its rows.
    """

    __tablename__ = "erasures"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "member_id"], [Member.community_id, Member.id]),
        UniqueConstraint("community_id", "key"),
        Index(None, "done_at", "due_at"),
        CheckConstraint("cancelled_at IS NULL OR done_at IS NULL", name="one_end"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    community_id: Mapped[int] = mapped_column(BigInteger)
    member_id: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(200))
    asked_at: Mapped[datetime]
    due_at: Mapped[datetime]
    cancelled_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    scrubbed_at: Mapped[datetime | None]
