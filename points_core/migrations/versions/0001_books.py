"""The books: communities and members, the ledger and what follows from it, audit and outbox."""

import sqlalchemy as sa
from alembic import op

from points_core.migrations import guards

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "communities",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_communities")),
        sa.UniqueConstraint("key", name=op.f("uq_communities_key")),
    )
    op.create_table(
        "point_scores",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("span", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("category_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("reached_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "community_id", "span", "start", "category_id", "member_id", name=op.f("pk_point_scores")
        ),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("point_scores", schema=None) as batch_op:
        batch_op.create_index(
            "ix_point_scores_standing",
            ["community_id", "span", "start", "category_id", sa.literal_column("points DESC"), "reached_seq"],
            unique=False,
        )
    op.create_table(
        "score_buckets",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("category_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("bucket", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("members", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("members >= 0", name=op.f("ck_score_buckets_members_counted")),
        sa.PrimaryKeyConstraint(
            "community_id", "category_id", "level", "bucket", name=op.f("pk_score_buckets")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_events",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.CheckConstraint(
            "actor_kind IN ('member', 'rule', 'client', 'operator', 'system')",
            name=op.f("ck_audit_events_actor_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id"], ["communities.id"], name=op.f("fk_audit_events_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "number", name=op.f("pk_audit_events")),
        sa.UniqueConstraint(
            "community_id",
            "key",
            "action",
            "target",
            name=op.f("uq_audit_events_community_id_key_action_target"),
        ),
    )
    op.create_table(
        "categories",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["community_id"], ["communities.id"], name=op.f("fk_categories_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_categories")),
        sa.UniqueConstraint("community_id", "name", name=op.f("uq_categories_community_id_name")),
    )
    op.create_table(
        "ledger_heads",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("members", sa.BigInteger(), nullable=False),
        sa.Column("audit_events", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id"], ["communities.id"], name=op.f("fk_ledger_heads_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", name=op.f("pk_ledger_heads")),
    )
    op.create_table(
        "members",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=100), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_members_community_id")),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_members")),
        sa.UniqueConstraint("community_id", "user_id", name=op.f("uq_members_community_id_user_id")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=250), nullable=False),
        sa.Column("topic", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=250), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_outbox_community_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("community_id", "key", name=op.f("uq_outbox_community_id_key")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_done_at_due_at"), ["done_at", "due_at"], unique=False)
    op.create_table(
        "policies",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_policies_community_id")),
        sa.PrimaryKeyConstraint("community_id", name=op.f("pk_policies")),
    )
    op.create_table(
        "point_balances",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("current", sa.BigInteger(), nullable=False),
        sa.Column("earned", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("transactions", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "current = earned - spent", name=op.f("ck_point_balances_current_is_earned_less_spent")
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["members.community_id", "members.id"],
            name=op.f("fk_point_balances_community_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "member_id", name=op.f("pk_point_balances")),
    )
    op.create_table(
        "point_transactions",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("member_seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=True),
        sa.Column("category_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("validator_id", sa.BigInteger(), nullable=True),
        sa.Column("request_number", sa.BigInteger(), nullable=True),
        sa.Column("reverses", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prev_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'reversal') = (reverses IS NOT NULL)",
            name=op.f("ck_point_transactions_reversal_names_original"),
        ),
        sa.CheckConstraint(
            "actor_kind IN ('member', 'rule', 'client', 'operator', 'system')",
            name=op.f("ck_point_transactions_actor_kind"),
        ),
        sa.CheckConstraint("kind <> 'award' OR amount > 0", name=op.f("ck_point_transactions_award_adds")),
        sa.CheckConstraint(
            "kind IN ('award', 'deduction', 'redemption', 'transfer', 'reversal', 'expiry', 'import')",
            name=op.f("ck_point_transactions_kind"),
        ),
        sa.CheckConstraint(
            "kind NOT IN ('deduction', 'redemption', 'expiry') OR amount < 0",
            name=op.f("ck_point_transactions_deduction_takes"),
        ),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_point_transactions_amount_moves")),
        sa.CheckConstraint(
            "amount > 0 OR floor IS NULL OR balance_after >= floor", name=op.f("ck_point_transactions_floor")
        ),
        sa.CheckConstraint(
            "amount BETWEEN -1000000000000 AND 1000000000000", name=op.f("ck_point_transactions_amount_range")
        ),
        sa.CheckConstraint(
            "balance_after BETWEEN -9007199254740992 AND 9007199254740992",
            name=op.f("ck_point_transactions_balance_range"),
        ),
        sa.CheckConstraint(
            "reverses IS NULL OR reverses < seq", name=op.f("ck_point_transactions_reverses_earlier")
        ),
        sa.CheckConstraint("seq > 0", name=op.f("ck_point_transactions_seq_counts")),
        sa.ForeignKeyConstraint(
            ["community_id", "category_id"],
            ["categories.community_id", "categories.id"],
            name=op.f("fk_point_transactions_community_id_category_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["members.community_id", "members.id"],
            name=op.f("fk_point_transactions_community_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "reverses"],
            ["point_transactions.community_id", "point_transactions.seq"],
            name=op.f("fk_point_transactions_community_id_reverses"),
        ),
        sa.PrimaryKeyConstraint("community_id", "seq", name=op.f("pk_point_transactions")),
        sa.UniqueConstraint("community_id", "key", name=op.f("uq_point_transactions_community_id_key")),
        sa.UniqueConstraint(
            "community_id",
            "member_id",
            "member_seq",
            name=op.f("uq_point_transactions_community_id_member_id_member_seq"),
        ),
        sa.UniqueConstraint(
            "community_id", "reverses", name=op.f("uq_point_transactions_community_id_reverses")
        ),
    )
    with op.batch_alter_table("point_transactions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_point_transactions_community_id_actor_id_recorded_at"),
            ["community_id", "actor_id", "recorded_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_point_transactions_community_id_effective_at"),
            ["community_id", "effective_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_point_transactions_community_id_recorded_at"),
            ["community_id", "recorded_at"],
            unique=False,
        )
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":
        for name in ("points_refuse", "points_only_erase", "points_forward"):
            op.execute(guards.functions()[name])
    for statement in guards.statements(dialect, ("point_transactions", "ledger_heads", "audit_events")):
        op.execute(sa.text(statement.replace(":", "\\:")))
