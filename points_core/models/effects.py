"""What happens outside and on record: schedules, publications, the outbox, the audit."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from points_core.models.base import Base, one_of
from points_core.models.communities import Community
from points_core.values import ActorKind


class Schedule(Base):
    """A leaderboard that posts itself; `next_due_at` is its next slot, NULL once removed.

    `report` names the report that it posts instead of a leaderboard.
    """

    __tablename__ = "schedules"
    __table_args__ = (
        UniqueConstraint("community_id", "key"),
        Index(None, "next_due_at"),
        CheckConstraint("top BETWEEN 1 AND 25", name="top"),
    )

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(200))
    channel: Mapped[str] = mapped_column(String(64))
    window: Mapped[str] = mapped_column("window_name", String(16))
    every: Mapped[str] = mapped_column(String(16))
    at: Mapped[str] = mapped_column("at_time", String(5))
    categories: Mapped[list[int]] = mapped_column(JSON)
    top: Mapped[int] = mapped_column(Integer)
    live: Mapped[bool] = mapped_column(Boolean)
    report: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime]
    next_due_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]


class Publication(Base):
    """One scheduled post for one slot (a local day, or a `post-now` key), claimed once."""

    __tablename__ = "publications"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "schedule_number"], [Schedule.community_id, Schedule.number]),
        CheckConstraint("state IN ('claimed', 'posted', 'skipped', 'failed')", name="state"),
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    schedule_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    slot: Mapped[str] = mapped_column(String(200), primary_key=True)
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(16))
    claimed_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    channel: Mapped[str | None] = mapped_column(String(64))
    message: Mapped[str | None] = mapped_column(String(64))


class Announcement(Base):
    """A message that announced a transaction outside, to be marked when that is taken back."""

    __tablename__ = "announcements"

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    channel: Mapped[str] = mapped_column(String(64))
    message: Mapped[str] = mapped_column(String(64), primary_key=True)


class OutboxEntry(Base):
    """An effect that must happen outside, written in the commit that causes it, delivered after it.

    `topic` says what happened, `subject` which one. A worker leases it until `leased_until`; `attempts`
    counts the leases. `done_at` with `outcome` 'delivered' or 'given up: why' ends it. `told_with` is the entry
    (itself, or one before it) whose message tells of this one, from when that message was begun.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        UniqueConstraint("community_id", "key"),
        Index(None, "done_at", "due_at"),
        Index(
            "ix_outbox_community_id_done_at",
            "community_id",
            "done_at",
            sqlite_where=text("told_with IS NOT NULL"),
            postgresql_where=text("told_with IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id))
    key: Mapped[str] = mapped_column(String(250))
    topic: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(250))
    place: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    done_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(Text)
    told_with: Mapped[int | None] = mapped_column(BigInteger)


class AuditEvent(Base):
    """One change that is not a movement of points: who, what, before and after; append-only."""

    __tablename__ = "audit_events"
    __table_args__ = (
        UniqueConstraint("community_id", "key", "action", "target"),
        one_of("actor_kind", ActorKind, "actor_kind"),
    )

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    recorded_at: Mapped[datetime]
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    action: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(200))
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    key: Mapped[str] = mapped_column(String(200))
