"""What members achieve: badges, who holds them, the roles that come of it, what is to be looked at anew."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
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
)
from sqlalchemy.orm import Mapped, mapped_column

from points_core.models.base import Base
from points_core.models.communities import Community, Member


class Badge(Base):
    """A badge and its goal, in one or more steps; a retired one is kept by who holds it and earned by nobody.

    `role` is given for it, for `role_days` days or for as long as the badge is held.
    """

    __tablename__ = "badges"
    __table_args__ = (UniqueConstraint("community_id", "key"),)

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(50))
    description: Mapped[str | None] = mapped_column(String(200))
    goal: Mapped[dict[str, Any]]
    hidden: Mapped[bool] = mapped_column(Boolean)
    role: Mapped[str | None] = mapped_column(String(64))
    role_days: Mapped[int | None] = mapped_column(Integer)
    key: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class BadgeHolding(Base):
    """A member's badge, or a step of it; `nth` counts how often it was earned, each may be revoked once."""

    __tablename__ = "badge_holdings"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "badge_number"], [Badge.community_id, Badge.number]),
        ForeignKeyConstraint(["community_id", "member_id"], [Member.community_id, Member.id]),
        Index(None, "community_id", "member_id"),
        CheckConstraint("(revoked_at IS NULL) = (revoked_because IS NULL)", name="revoked_with_reason"),
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    badge_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    step: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    nth: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    earned_at: Mapped[datetime]
    earned_seq: Mapped[int] = mapped_column(BigInteger)
    revoked_at: Mapped[datetime | None]
    revoked_because: Mapped[str | None] = mapped_column(Text)


class AchievementDue(Base):
    """A member whose achievements and roles are to be looked at anew, because points, days or goals changed.

    Member 0 stands for all together: goals that a community reaches as one. `quiet` when only the settings
    changed, which nobody needs to be congratulated on.
    """

    __tablename__ = "achievement_dues"
    __table_args__ = (Index(None, "quiet", "due_at"),)

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    due_at: Mapped[datetime]
    quiet: Mapped[bool] = mapped_column(Boolean)


class RoleGrant(Base):
    """A role outside that a member is to have (or no longer): where it comes from, and how that went.

    state: due, done, failed (`why` says what is missing). `until` ends a temporary role. `source` is
    `level:2`, `badge:3` or `rule:4`.
    """

    __tablename__ = "role_grants"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "member_id"], [Member.community_id, Member.id]),
        Index(None, "community_id", "state"),
        Index(None, "until"),
        CheckConstraint("state IN ('due', 'done', 'failed')", name="state"),
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    role: Mapped[str] = mapped_column(String(64), primary_key=True)
    source: Mapped[str] = mapped_column(String(32))
    wanted: Mapped[bool] = mapped_column(Boolean)
    until: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(16))
    why: Mapped[str | None] = mapped_column(Text)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    changed_at: Mapped[datetime]
