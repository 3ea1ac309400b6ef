"""Accounts outside to which members had their points linked."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from points_core.models.base import Base
from points_core.models.communities import Member


class LinkedAccount(Base):
    """A member's account outside, where their points and level are to be shown; what is shown there now.

    `sealed` holds the permission to do so, encrypted: nothing here can open it. It is gone once the
    permission is (`lost_at`, `why`). `ended_at` is set while what is shown is still to be taken away; then the row
    goes. Nothing is tried before `due_at`; a worker leases the row until `leased_until`.
    """

    __tablename__ = "linked_accounts"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "member_id"], [Member.community_id, Member.id]),
        CheckConstraint("(sealed IS NULL) = (lost_at IS NOT NULL)", name="lost_without_permission"),
        CheckConstraint("(shown_points IS NULL) = (shown_level IS NULL)", name="shown_together"),
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    sealed: Mapped[bytes | None]
    linked_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    shown_points: Mapped[int | None] = mapped_column(BigInteger)
    shown_level: Mapped[int | None] = mapped_column(Integer)
    shown_at: Mapped[datetime | None]
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    why: Mapped[str | None] = mapped_column(Text)
    ended_at: Mapped[datetime | None]
    lost_at: Mapped[datetime | None]
