"""What earns by itself: rules, facts, grants, active days; badges, levels, roles outside."""

import sqlalchemy as sa
from alembic import op

from points_core.migrations import guards

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "achievement_dues",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("quiet", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("community_id", "member_id", name=op.f("pk_achievement_dues")),
    )
    with op.batch_alter_table("achievement_dues", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_achievement_dues_quiet_due_at"), ["quiet", "due_at"], unique=False
        )

    op.create_table(
        "rule_uses",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rule_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("shadow", sa.Boolean(), nullable=False),
        sa.Column("span", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("start", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("points >= 0 AND times >= 0", name=op.f("ck_rule_uses_counts")),
        sa.PrimaryKeyConstraint(
            "community_id", "rule_number", "member_id", "shadow", "span", "start", name=op.f("pk_rule_uses")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "badges",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("description", sa.String(length=200), nullable=True),
        sa.Column("goal", sa.JSON(), nullable=False),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=True),
        sa.Column("role_days", sa.Integer(), nullable=True),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_badges_community_id")),
        sa.PrimaryKeyConstraint("community_id", "number", name=op.f("pk_badges")),
        sa.UniqueConstraint("community_id", "key", name=op.f("uq_badges_community_id_key")),
    )
    op.create_table(
        "expiry_marks",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("duty", sa.String(length=16), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("goal", sa.Integer(), nullable=True),
        sa.Column("member", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("duty IN ('expiry', 'notice', 'decay')", name=op.f("ck_expiry_marks_duty")),
        sa.ForeignKeyConstraint(
            ["community_id"], ["communities.id"], name=op.f("fk_expiry_marks_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "duty", name=op.f("pk_expiry_marks")),
    )
    with op.batch_alter_table("expiry_marks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_expiry_marks_due_at"), ["due_at"], unique=False)

    op.create_table(
        "point_rules",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "mode IN ('draft', 'shadow', 'live', 'paused', 'retired')", name=op.f("ck_point_rules_mode")
        ),
        sa.ForeignKeyConstraint(
            ["community_id"], ["communities.id"], name=op.f("fk_point_rules_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "number", name=op.f("pk_point_rules")),
        sa.UniqueConstraint("community_id", "key", name=op.f("uq_point_rules_community_id_key")),
    )
    op.create_table(
        "active_days",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["members.community_id", "members.id"],
            name=op.f("fk_active_days_community_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "member_id", "day", "source", name=op.f("pk_active_days")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "badge_holdings",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("badge_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("nth", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("earned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("earned_seq", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_because", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(revoked_at IS NULL) = (revoked_because IS NULL)",
            name=op.f("ck_badge_holdings_revoked_with_reason"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "badge_number"],
            ["badges.community_id", "badges.number"],
            name=op.f("fk_badge_holdings_community_id_badge_number"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["members.community_id", "members.id"],
            name=op.f("fk_badge_holdings_community_id_member_id"),
        ),
        sa.PrimaryKeyConstraint(
            "community_id", "badge_number", "member_id", "step", "nth", name=op.f("pk_badge_holdings")
        ),
    )
    with op.batch_alter_table("badge_holdings", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_badge_holdings_community_id_member_id"),
            ["community_id", "member_id"],
            unique=False,
        )

    op.create_table(
        "facts",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=150), nullable=False),
        sa.Column("trigger_name", sa.String(length=32), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("other_id", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.String(length=64), nullable=True),
        sa.Column("message", sa.String(length=64), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("outcomes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["members.community_id", "members.id"],
            name=op.f("fk_facts_community_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "key", name=op.f("pk_facts")),
    )
    with op.batch_alter_table("facts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_facts_community_id_at"), ["community_id", "at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_facts_community_id_member_id_at"),
            ["community_id", "member_id", "at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_facts_community_id_message"), ["community_id", "message"], unique=False
        )

    op.create_table(
        "role_grants",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('due', 'done', 'failed')", name=op.f("ck_role_grants_state")),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["members.community_id", "members.id"],
            name=op.f("fk_role_grants_community_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "member_id", "role", name=op.f("pk_role_grants")),
    )
    with op.batch_alter_table("role_grants", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_role_grants_community_id_state"), ["community_id", "state"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_role_grants_until"), ["until"], unique=False)

    op.create_table(
        "rule_slots",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rule_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slot", sa.String(length=32), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["community_id", "rule_number"],
            ["point_rules.community_id", "point_rules.number"],
            name=op.f("fk_rule_slots_community_id_rule_number"),
        ),
        sa.PrimaryKeyConstraint("community_id", "rule_number", "slot", name=op.f("pk_rule_slots")),
    )
    op.create_table(
        "rule_versions",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rule_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "actor_kind IN ('member', 'rule', 'client', 'operator', 'system')",
            name=op.f("ck_rule_versions_actor_kind"),
        ),
        sa.CheckConstraint(
            "mode IN ('draft', 'shadow', 'live', 'paused', 'retired')", name=op.f("ck_rule_versions_mode")
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "rule_number"],
            ["point_rules.community_id", "point_rules.number"],
            name=op.f("fk_rule_versions_community_id_rule_number"),
        ),
        sa.PrimaryKeyConstraint("community_id", "rule_number", "version", name=op.f("pk_rule_versions")),
    )
    op.create_table(
        "rule_grants",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fact_key", sa.String(length=150), nullable=False),
        sa.Column("rule_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("shadow", sa.Boolean(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("other_id", sa.BigInteger(), nullable=True),
        sa.Column("channel", sa.String(length=64), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("transaction_seq", sa.BigInteger(), nullable=True),
        sa.Column("request_number", sa.BigInteger(), nullable=True),
        sa.Column("standing", sa.Boolean(), nullable=False),
        sa.Column("undone_batch", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("amount > 0", name=op.f("ck_rule_grants_amount_gives")),
        sa.CheckConstraint(
            "shadow = (transaction_seq IS NULL AND request_number IS NULL)",
            name=op.f("ck_rule_grants_live_moves_points"),
        ),
        sa.CheckConstraint(
            "undone_batch IS NULL OR NOT standing", name=op.f("ck_rule_grants_undone_does_not_stand")
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["members.community_id", "members.id"],
            name=op.f("fk_rule_grants_community_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "rule_number", "version"],
            ["rule_versions.community_id", "rule_versions.rule_number", "rule_versions.version"],
            name=op.f("fk_rule_grants_community_id_rule_number_version"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "transaction_seq"],
            ["point_transactions.community_id", "point_transactions.seq"],
            name=op.f("fk_rule_grants_community_id_transaction_seq"),
        ),
        sa.PrimaryKeyConstraint("community_id", "fact_key", "rule_number", name=op.f("pk_rule_grants")),
    )
    with op.batch_alter_table("rule_grants", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_rule_grants_community_id_rule_number_at"),
            ["community_id", "rule_number", "at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_rule_grants_community_id_rule_number_channel_at"),
            ["community_id", "rule_number", "channel", "at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_rule_grants_community_id_rule_number_member_id_at"),
            ["community_id", "rule_number", "member_id", "at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_rule_grants_community_id_transaction_seq"),
            ["community_id", "transaction_seq"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_rule_grants_community_id_request_number"),
            ["community_id", "request_number"],
            unique=False,
        )

    with op.batch_alter_table("approval_requests", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rule_number", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("rule_version", sa.BigInteger(), nullable=True))

    with op.batch_alter_table("ledger_heads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rules", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("rule_changes", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("badges", sa.BigInteger(), nullable=False, server_default="0"))

    with op.batch_alter_table("point_balances", schema=None) as batch_op:
        batch_op.add_column(sa.Column("level", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("told_level", sa.Integer(), server_default="0", nullable=False))

    with op.batch_alter_table("point_transactions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rule_number", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("rule_version", sa.BigInteger(), nullable=True))
        batch_op.create_index(
            "ix_point_transactions_community_id_rule_number",
            ["community_id", "rule_number", "effective_at"],
            unique=False,
            sqlite_where=sa.text("rule_number IS NOT NULL"),
            postgresql_where=sa.text("rule_number IS NOT NULL"),
        )

    for statement in guards.rule_statements(op.get_bind().dialect.name):
        op.execute(sa.text(statement.replace(":", "\\:")))
