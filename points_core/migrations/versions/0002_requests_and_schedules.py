"""Points that wait and boards that post themselves: approval requests, votes, schedules, publications."""

import sqlalchemy as sa
from alembic import op

from points_core.migrations import guards

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for counter in ("requests", "schedules"):
        op.add_column("ledger_heads", sa.Column(counter, sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "schedules",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("window_name", sa.String(length=16), nullable=False),
        sa.Column("every", sa.String(length=16), nullable=False),
        sa.Column("at_time", sa.String(length=5), nullable=False),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("top", sa.Integer(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("top BETWEEN 1 AND 25", name=op.f("ck_schedules_top")),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_schedules_community_id")),
        sa.PrimaryKeyConstraint("community_id", "number", name=op.f("pk_schedules")),
        sa.UniqueConstraint("community_id", "key", name=op.f("uq_schedules_community_id_key")),
    )
    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_schedules_next_due_at"), ["next_due_at"], unique=False)
    op.create_table(
        "publications",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("schedule_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("slot", sa.String(length=200), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("channel", sa.String(length=64), nullable=True),
        sa.Column("message", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "state IN ('claimed', 'posted', 'skipped', 'failed')", name=op.f("ck_publications_state")
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "schedule_number"],
            ["schedules.community_id", "schedules.number"],
            name=op.f("fk_publications_community_id_schedule_number"),
        ),
        sa.PrimaryKeyConstraint("community_id", "schedule_number", "slot", name=op.f("pk_publications")),
    )
    op.create_table(
        "approval_requests",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("category_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("quorum", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=True),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("transaction_seq", sa.BigInteger(), nullable=True),
        sa.Column("card_channel", sa.String(length=64), nullable=True),
        sa.Column("card_message", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "(state = 'approved') = (transaction_seq IS NOT NULL)",
            name=op.f("ck_approval_requests_approved_moves_points"),
        ),
        sa.CheckConstraint(
            "(state = 'pending') = (decided_at IS NULL)", name=op.f("ck_approval_requests_decided_once")
        ),
        sa.CheckConstraint(
            "actor_kind IN ('member', 'rule', 'client', 'operator', 'system')",
            name=op.f("ck_approval_requests_actor_kind"),
        ),
        sa.CheckConstraint("kind IN ('award', 'deduction')", name=op.f("ck_approval_requests_kind")),
        sa.CheckConstraint(
            "state IN ('pending', 'approved', 'rejected', 'expired', 'cancelled')",
            name=op.f("ck_approval_requests_state"),
        ),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_approval_requests_amount_moves")),
        sa.CheckConstraint("quorum >= 1", name=op.f("ck_approval_requests_quorum_counts")),
        sa.ForeignKeyConstraint(
            ["community_id", "category_id"],
            ["categories.community_id", "categories.id"],
            name=op.f("fk_approval_requests_community_id_category_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["members.community_id", "members.id"],
            name=op.f("fk_approval_requests_community_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "transaction_seq"],
            ["point_transactions.community_id", "point_transactions.seq"],
            name=op.f("fk_approval_requests_community_id_transaction_seq"),
        ),
        sa.PrimaryKeyConstraint("community_id", "number", name=op.f("pk_approval_requests")),
        sa.UniqueConstraint("community_id", "key", name=op.f("uq_approval_requests_community_id_key")),
        sa.UniqueConstraint(
            "community_id", "transaction_seq", name=op.f("uq_approval_requests_community_id_transaction_seq")
        ),
    )
    with op.batch_alter_table("approval_requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_approval_requests_card_message"), ["card_message"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_approval_requests_community_id_member_id_state"),
            ["community_id", "member_id", "state"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_approval_requests_community_id_state_expires_at"),
            ["community_id", "state", "expires_at"],
            unique=False,
        )
    op.create_table(
        "approval_votes",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("request_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("voter_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("approve", sa.Boolean(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("voted_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "request_number"],
            ["approval_requests.community_id", "approval_requests.number"],
            name=op.f("fk_approval_votes_community_id_request_number"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "voter_id"],
            ["members.community_id", "members.id"],
            name=op.f("fk_approval_votes_community_id_voter_id"),
        ),
        sa.PrimaryKeyConstraint("community_id", "request_number", "voter_id", name=op.f("pk_approval_votes")),
    )
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":
        op.execute(guards.functions()["points_decided_once"])
    for statement in guards.statements(dialect, ("approval_requests", "approval_votes")):
        op.execute(sa.text(statement.replace(":", "\\:")))
