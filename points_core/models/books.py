"""The ledger, append-only and hash-chained, and what follows from it, kept in the same commit."""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from points_core.models.base import Base, one_of
from points_core.models.communities import Category, Community, Member
from points_core.values import MAX_AMOUNT, MAX_BALANCE, ActorKind, Kind


class PointTransaction(Base):
    """One immutable signed movement of a member's points.

    `floor` is the floor that was in force (NULL where balances may go negative). `request_hash` commits,
    with `salt`, to the key and everything that was asked; `hash` chains the row to the one before.
    `rule_number` and `rule_version` name the rule that gave it.
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
        Index(
            "ix_point_transactions_community_id_batch",
            "community_id",
            "batch",
            sqlite_where=text("batch IS NOT NULL"),
            postgresql_where=text("batch IS NOT NULL"),
        ),
        Index(None, "community_id", "recorded_at"),
        Index(
            "ix_point_transactions_community_id_rule_number",
            "community_id",
            "rule_number",
            "effective_at",
            sqlite_where=text("rule_number IS NOT NULL"),
            postgresql_where=text("rule_number IS NOT NULL"),
        ),
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
    batch: Mapped[int | None] = mapped_column(BigInteger)
    reverses: Mapped[int | None] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(200))
    request_hash: Mapped[bytes]
    effective_at: Mapped[datetime]
    recorded_at: Mapped[datetime]
    prev_hash: Mapped[bytes]
    hash: Mapped[bytes]
    rule_number: Mapped[int | None] = mapped_column(BigInteger)
    rule_version: Mapped[int | None] = mapped_column(BigInteger)


class PointBalance(Base):
    """What a member has: current = earned − spent, as of transaction `last_seq`; the level that `earned` reaches.

    `told_level` is the last level that was told and whose roles were given: it follows `level`.
    """

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
    level: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    told_level: Mapped[int] = mapped_column(Integer, default=0, server_default="0")


class PointScore(Base):
    """A member's points in one stored span and category (0: all of them); transaction `reached_seq` made it so.

    `start` is the ordinal of the span's first day, a season's number, 0 for all time. The key begins with the
    member: what one movement changes lies side by side, and a commit writes few pages.
    """

    __tablename__ = "point_scores"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy's own idiom

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    member_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    span: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    start: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    category_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    points: Mapped[int] = mapped_column(BigInteger)
    reached_seq: Mapped[int] = mapped_column(BigInteger)


Index(  # in the order of a board, so that a top ten is read off it without sorting
    "ix_point_scores_standing",
    *(PointScore.community_id, PointScore.span, PointScore.start, PointScore.category_id),
    PointScore.points.desc(),
    PointScore.reached_seq,
)


class ScoreBucket(Base):
    """How many members' scores in a span and category (0: all) fall in `bucket` = score >> 8·level; only above 0.

    Spans whose ranks are counted over the scores themselves have the top level alone: how many stand on the board.
    """

    __tablename__ = "score_buckets"
    __table_args__ = (
        CheckConstraint("members >= 0", name="members_counted"),
        {"sqlite_with_rowid": False},
    )

    community_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    span: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    start: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    category_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    bucket: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    members: Mapped[int] = mapped_column(BigInteger)


class Batch(Base):
    """Transactions made together and undone together; `undoes` is the batch that this one takes back, once.

    `checksum` is the mark of the file an import came from (`imports.marks`): the same file again is the same batch.
    """

    __tablename__ = "batches"
    __table_args__ = (
        UniqueConstraint("community_id", "key"),
        UniqueConstraint("community_id", "undoes"),
        one_of("actor_kind", ActorKind, "actor_kind"),
        CheckConstraint("kind IN ('bulk', 'import', 'undo')", name="kind"),
        CheckConstraint("(kind = 'undo') = (undoes IS NOT NULL)", name="undo_names_its_batch"),
    )

    community_id: Mapped[int] = mapped_column(ForeignKey(Community.id), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16))
    actor_kind: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[int | None] = mapped_column(BigInteger)
    key: Mapped[str] = mapped_column(String(200))
    checksum: Mapped[bytes | None]
    undoes: Mapped[int | None] = mapped_column(BigInteger)
    transactions: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]
