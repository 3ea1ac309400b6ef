"""The tables, one mapping for SQLite and PostgreSQL; names of constraints are part of the contract.

Community, LedgerHead, Policy, Category, Member    who and by which numbers
PointTransaction                                   the ledger: append-only, hash-chained
PointBalance, PointScore, ScoreBucket              what follows from it, kept in the same commit
ApprovalRequest, ApprovalVote                      points that wait
Schedule, Publication                              boards that post themselves
OutboxEntry, AuditEvent                            effects to deliver; every other change

Every key begins with the community. Numbers of transactions, requests, members, schedules and audit
events are dense within it and handed out from its LedgerHead row, under that row's lock. Columns holding
something a person wrote, or who a person is, can be emptied by erasure; nothing else ever changes in the
ledger, and triggers (migrations/guards.py) hold that against any other program too.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from points_core.values import MAX_AMOUNT, MAX_BALANCE, ActorKind, Kind, RequestState


class UtcDateTime(TypeDecorator[datetime]):
    """An instant in UTC: naive values are refused going in, and none come out.

    SQLite stores the wall clock of whatever it is given and forgets the zone; so it is given UTC.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return `value` in UTC. Raises ValueError for a naive one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime: {value}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return `value` with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def one_of(
    column: str, values: type[Kind] | type[ActorKind] | type[RequestState], name: str
) -> CheckConstraint:
    """Return the CHECK that keeps `column` within a closed list."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=name)


class Base(DeclarativeBase):
    """The mapping's root: naming convention for constraints, types for annotations."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own idiom
        datetime: UtcDateTime(),
        bytes: LargeBinary(),
        dict[str, Any]: JSON(),
    }


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
    """A person in a community: the only place that knows who; `user_id` and `name` can be erased."""

    __tablename__ = "members"
    __table_args__ = (UniqueConstraint("community_id", "user_id"),)

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    user_id: Mapped[str | None] = mapped_column(String(64))
    name: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime]


class PointTransaction(Base):
    """One immutable signed movement of a member's points.

    `floor` is the floor that was in force (NULL where balances may go negative). `request_hash` commits,
    with `salt`, to the key and everything that was asked; `hash` chains the row to the one before.
    Erasure empties `reason`, `evidence` and `salt`.
    """

    __tablename__ = "point_transactions"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "member_id"], [Member.community_id, Member.id]),
        ForeignKeyConstraint(["community_id", "category_id"], [Category.community_id, Category.id]),
        ForeignKeyConstraint(
            ["community_id", "reverses"], ["point_transactions.community_id", "point_transactions.seq"]
        ),
        UniqueConstraint("community_id", "key"),
        UniqueConstraint("community_id", "reverses"),
        UniqueConstraint("community_id", "member_id", "member_seq"),
        Index(None, "community_id", "actor_id", "recorded_at"),
        Index(None, "community_id", "effective_at"),
        Index(None, "community_id", "recorded_at"),
        CheckConstraint("amount <> 0", name="amount_moves"),
        CheckConstraint(f"amount BETWEEN -{MAX_AMOUNT} AND {MAX_AMOUNT}", name="amount_range"),
        CheckConstraint(f"balance_after BETWEEN -{MAX_BALANCE} AND {MAX_BALANCE}", name="balance_range"),
        CheckConstraint("amount > 0 OR floor IS NULL OR balance_after >= floor", name="floor"),
        CheckConstraint("(kind = 'reversal') = (reverses IS NOT NULL)", name="reversal_names_original"),
        CheckConstraint("kind <> 'award' OR amount > 0", name="award_adds"),
        CheckConstraint(
            "kind NOT IN ('deduction', 'redemption', 'expiry') OR amount < 0", name="deduction_takes"
        ),
        CheckConstraint("seq > 0", name="seq_counts"),
        CheckConstraint("reverses IS NULL OR reverses < seq", name="reverses_earlier"),
        one_of("kind", Kind, "kind"),
        one_of("actor_kind", ActorKind, "actor_kind"),
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(BigInteger)
    member_seq: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(16))
    amount: Mapped[int] = mapped_column(BigInteger)
    balance_after: Mapped[int] = mapped_column(BigInteger)
    floor: Mapped[int | None] = mapped_column(BigInteger)
    category_id: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str | None] = mapped_column(Text)
    evidence: Mapped[str | None] = mapped_column(Text)
    salt: Mapped[bytes | None]
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    validator_id: Mapped[int | None] = mapped_column(BigInteger)
    request_number: Mapped[int | None] = mapped_column(BigInteger)
    reverses: Mapped[int | None] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(200))
    request_hash: Mapped[bytes]
    effective_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes]


class PointBalance(Base):
    """What a member has: current = earned − spent, as of transaction `last_seq`."""

    __tablename__ = "point_balances"
    __table_args__ = (
        ForeignKeyConstraint(["community_id", "member_id"], [Member.community_id, Member.id]),
        CheckConstraint("current = earned - spent", name="current_is_earned_less_spent"),
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    current: Mapped[int] = mapped_column(BigInteger)
    earned: Mapped[int] = mapped_column(BigInteger)
    spent: Mapped[int] = mapped_column(BigInteger)
    transactions: Mapped[int] = mapped_column(BigInteger)
    last_seq: Mapped[int] = mapped_column(BigInteger)
    updated_at: Mapped[datetime]


class PointScore(Base):
    """A member's points in one stored span and category (0: all of them); transaction `reached_seq` made it so."""

    __tablename__ = "point_scores"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own idiom

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    span: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    start: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    category_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    points: Mapped[int] = mapped_column(BigInteger)
    reached_seq: Mapped[int] = mapped_column(BigInteger)


Index(  # in the order of a board, so that a top ten is read off it without sorting
    "ix_point_scores_standing",
    *(PointScore.community_id, PointScore.span, PointScore.start, PointScore.category_id),
    PointScore.points.desc(),
    PointScore.reached_seq,
)


class ScoreBucket(Base):
    """How many members' all-time scores in a category (0: all) fall in `bucket` = score >> 8·level; only above 0."""

    __tablename__ = "score_buckets"
    __table_args__ = (
        CheckConstraint("members >= 0", name="members_counted"),
        {"sqlite_with_rowid": False},
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    category_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    bucket: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    members: Mapped[int] = mapped_column(BigInteger)


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


class Schedule(Base):
    """A leaderboard that posts itself; `next_due_at` is its next slot, NULL once removed."""

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


class OutboxEntry(Base):
    """An effect that must happen outside, written in the commit that causes it, delivered after it.

    `topic` says what happened, `subject` which one. A worker leases it until `leased_until`; `attempts`
    counts the leases. `done_at` with `outcome` 'delivered' or 'given up: why' ends it.
    """

    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("community_id", "key"), Index(None, "done_at", "due_at"))

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
