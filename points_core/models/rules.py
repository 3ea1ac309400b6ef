"""What moves points by itself: rules and their versions, the facts they saw, what they gave for them."""

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
    SmallInteger,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from points_core.models.base import Base, one_of
from points_core.models.books import PointTransaction
from points_core.models.communities import Community, Member
from points_core.values import ActorKind, Duty, Mode


class PointRule(Base):
    """A rule as it is now: its newest version's number, name and mode; what it does stands in the version."""

    __tablename__ = "point_rules"
    __table_args__ = (UniqueConstraint("community_id", "key"), one_of("mode", Mode, "mode"))

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(50))
    mode: Mapped[str] = mapped_column(String(16))
    version: Mapped[int] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class RuleVersion(Base):
    """What a rule was from `made_at` on, until its next version: mode and definition; append-only."""

    __tablename__ = "rule_versions"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "rule_number"], [PointRule.community_id, PointRule.number]),
        one_of("mode", Mode, "mode"),
        one_of("actor_kind", ActorKind, "actor_kind"),
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    rule_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(50))
    mode: Mapped[str] = mapped_column(String(16))
    definition: Mapped[dict[str, Any]]
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime]


class Fact(Base):
    """Something that happened outside and that a rule matched: kept for a while to explain and to try rules on.

    `key` is a digest of the outside's own, in which people's ids may stand. `data` holds roles, lengths and the
    like, never what somebody wrote; `outcomes` what each rule's number decided, and which version of it.
    Erasure drops a member's facts.
    """

    __tablename__ = "facts"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "member_id"], [Member.community_id, Member.id]),
        Index(None, "community_id", "at"),
        Index(None, "community_id", "member_id", "at"),
        Index(None, "community_id", "message"),
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(String(150), primary_key=True)
    trigger: Mapped[str] = mapped_column("trigger_name", String(32))
    at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    member_id: Mapped[int] = mapped_column(BigInteger)
    other_id: Mapped[int | None] = mapped_column(BigInteger)
    channel: Mapped[str | None] = mapped_column(String(64))
    message: Mapped[str | None] = mapped_column(String(64))
    data: Mapped[dict[str, Any]]
    outcomes: Mapped[dict[str, Any]]


class RuleGrant(Base):
    """What a rule gave for a fact, once; `shadow` when it only would have.

    A live grant has its transaction, or the approval request it waits in. It is `standing`, and counts for caps
    and cooldowns, until the rule's undo takes it back (`undone_batch`) or its request comes to nothing.
    """

    __tablename__ = "rule_grants"
    __table_args__ = (
        ForeignKeyConstraint(
            ["community_id", "rule_number", "version"],
            [RuleVersion.community_id, RuleVersion.rule_number, RuleVersion.version],
        ),
        ForeignKeyConstraint(["community_id", "member_id"], [Member.community_id, Member.id]),
        ForeignKeyConstraint(
            ["community_id", "transaction_seq"], [PointTransaction.community_id, PointTransaction.seq]
        ),
        Index(None, "community_id", "rule_number", "member_id", "at"),
        Index(None, "community_id", "rule_number", "channel", "at"),
        Index(None, "community_id", "rule_number", "at"),
        Index(None, "community_id", "transaction_seq"),
        Index(None, "community_id", "request_number"),
        CheckConstraint("amount > 0", name="amount_gives"),
        CheckConstraint(
            "shadow = (transaction_seq IS NULL AND request_number IS NULL)", name="live_moves_points"
        ),
        CheckConstraint("undone_batch IS NULL OR NOT standing", name="undone_does_not_stand"),
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    fact_key: Mapped[str] = mapped_column(String(150), primary_key=True)
    rule_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger)
    shadow: Mapped[bool] = mapped_column(Boolean)
    member_id: Mapped[int] = mapped_column(BigInteger)
    other_id: Mapped[int | None] = mapped_column(BigInteger)
    channel: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]
    amount: Mapped[int] = mapped_column(BigInteger)
    transaction_seq: Mapped[int | None] = mapped_column(BigInteger)
    request_number: Mapped[int | None] = mapped_column(BigInteger)
    standing: Mapped[bool] = mapped_column(Boolean)
    undone_batch: Mapped[int | None] = mapped_column(BigInteger)


class RuleUse(Base):
    """What was given in a day or week: by a rule (0: by any) to a member (0: to all); shadow and live apart.

    `span` and `start` are those of scores. What a rule's undo took back is not in it.
    """

    __tablename__ = "rule_uses"
    __table_args__ = (
        CheckConstraint("points >= 0 AND times >= 0", name="counts"),
        {"sqlite_with_rowid": False},
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    rule_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    shadow: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    span: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    start: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    points: Mapped[int] = mapped_column(BigInteger)
    times: Mapped[int] = mapped_column(BigInteger)


class RuleSlot(Base):
    """One turn of a scheduled rule (a local day), claimed once and done once."""

    __tablename__ = "rule_slots"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "rule_number"], [PointRule.community_id, PointRule.number]),
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    rule_number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    slot: Mapped[str] = mapped_column(String(32), primary_key=True)
    due_at: Mapped[datetime]
    leased_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]


class ActiveDay(Base):
    """A local day on which a member did something that counts for streaks: checked in (source 0), or met a rule.

    `day` is the ordinal of the date in the community's zone at that time, `source` the rule's number.
    """

    __tablename__ = "active_days"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "member_id"], [Member.community_id, Member.id]),
        {"sqlite_with_rowid": False},
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    day: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    source: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class ExpiryMark(Base):
    """How far what time does to a community's points has come, duty by duty: expiry, notices of it, decay.

    Turns are local days (ordinals): those up to `done` are over; `goal` is the one under way, in the order of
    members, up to number `member`. Back-dated points are known up to transaction `seq`. Absent: switched off.
    """

    __tablename__ = "expiry_marks"
    __table_args__ = (Index(None, "due_at"), one_of("duty", Duty, "duty"))

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    duty: Mapped[str] = mapped_column(String(16), primary_key=True)
    due_at: Mapped[datetime]
    done: Mapped[int] = mapped_column(Integer)
    goal: Mapped[int | None] = mapped_column(Integer)
    member: Mapped[int] = mapped_column(BigInteger)
    seq: Mapped[int] = mapped_column(BigInteger)
