"""Programs and their doors: API clients with their tokens, webhooks with their deliveries."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
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
from points_core.models.communities import Community


class ApiClient(Base):
    """A program that may use a community's points: `token_hash` is all that is kept of its token."""

    __tablename__ = "api_clients"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        UniqueConstraint("community_id", "key"),
        CheckConstraint("per_minute >= 1", name="per_minute"),
    )

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(100))
    token_hash: Mapped[bytes]
    scopes: Mapped[list[str]] = mapped_column(JSON)
    per_minute: Mapped[int] = mapped_column(Integer)
    max_amount: Mapped[int | None] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Webhook(Base):
    """An address that is told what happens in a community; `secret` signs each delivery."""

    __tablename__ = "webhooks"
    __table_args__ = (UniqueConstraint("community_id", "key"),)

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    url: Mapped[str] = mapped_column(String(500))
    secret: Mapped[str] = mapped_column(String(100))
    topics: Mapped[list[str]] = mapped_column(JSON)
    key: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class WebhookDelivery(Base):
    """One event on its way to one webhook: leased, tried, delivered or given up; kept as the delivery log."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "webhook_number"], [Webhook.community_id, Webhook.number]),
        UniqueConstraint("community_id", "webhook_number", "event"),
        Index(None, "done_at", "due_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    community_id: Mapped[int] = mapped_column(BigInteger)
    webhook_number: Mapped[int] = mapped_column(BigInteger)
    event: Mapped[str] = mapped_column(String(250))
    topic: Mapped[str] = mapped_column(String(32))
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    done_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(Text)
