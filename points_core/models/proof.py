"""What proves the books: anchors outside, marks of verification, sealed seasons."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from points_core.models.base import Base
from points_core.models.communities import Community, Member


class Anchor(Base):
    """A chain head that was shown outside the database: no later chain may be shorter or other there."""

    __tablename__ = "anchors"

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    place: Mapped[str] = mapped_column(String(200), primary_key=True)
    hash: Mapped[bytes]
    made_at: Mapped[datetime]


class VerifiedMark(Base):
    """Up to which transaction the books were found in order, and the hash there.

    `totals` is one number for what all members together had and had spent by then (verification.recent).
    """

    __tablename__ = "verified_marks"

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[bytes]
    verified_at: Mapped[datetime]
    full_at: Mapped[datetime]
    totals: Mapped[int | None] = mapped_column(BigInteger)


class Season(Base):
    """A named span of local days; once sealed, its result stands with a checksum.

    `starts_at` and `ends_at` are its instants, `place` is where it was started.
    """

    __tablename__ = "seasons"
    __table_args__ = (
        UniqueConstraint("community_id", "key"),
        UniqueConstraint("community_id", "name"),
        Index(None, "sealed_at", "ends_at"),
        CheckConstraint("first < after", name="has_days"),
        CheckConstraint("(sealed_at IS NULL) = (checksum IS NULL)", name="sealed_with_checksum"),
    )

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(50))
    first: Mapped[int] = mapped_column(Integer)
    after: Mapped[int] = mapped_column(Integer)
    timezone: Mapped[str] = mapped_column(String(64))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    place: Mapped[str | None] = mapped_column(String(64))
    key: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    sealed_at: Mapped[datetime | None]
    sealed_seq: Mapped[int | None] = mapped_column(BigInteger)
    checksum: Mapped[bytes | None]


class SeasonStanding(Base):
    """One line of a sealed season's result; category 0 stands for all of them."""

    __tablename__ = "season_standings"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "season_number"], [Season.community_id, Season.number]),
        ForeignKeyConstraint(["community_id", "member_id"], [Member.community_id, Member.id]),
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    season_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    category_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    rank: Mapped[int] = mapped_column(BigInteger)
    points: Mapped[int] = mapped_column(BigInteger)
    reached_seq: Mapped[int] = mapped_column(BigInteger)
