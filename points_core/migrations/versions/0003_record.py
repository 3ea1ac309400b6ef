"""The record: batches, anchors, seasons, API clients, webhooks, erasures."""

import sqlalchemy as sa
from alembic import op

from points_core.migrations import guards

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "anchors",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("place", sa.String(length=200), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_anchors_community_id")),
        sa.PrimaryKeyConstraint("community_id", "seq", "place", name=op.f("pk_anchors")),
    )
    op.create_table(
        "api_clients",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("per_minute", sa.Integer(), nullable=False),
        sa.Column("max_amount", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("per_minute >= 1", name=op.f("ck_api_clients_per_minute")),
        sa.ForeignKeyConstraint(
            ["community_id"], ["communities.id"], name=op.f("fk_api_clients_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", "id", name=op.f("pk_api_clients")),
        sa.UniqueConstraint("community_id", "key", name=op.f("uq_api_clients_community_id_key")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_clients_token_hash")),
    )
    op.create_table(
        "batches",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("actor_kind", sa.String(length=16), nullable=False),
        sa.Column("actor_id", sa.BigInteger(), nullable=True),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("checksum", sa.LargeBinary(), nullable=True),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("transactions", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind = 'undo') = (undoes IS NOT NULL)", name=op.f("ck_batches_undo_names_its_batch")
        ),
        sa.CheckConstraint(
            "actor_kind IN ('member', 'rule', 'client', 'operator', 'system')",
            name=op.f("ck_batches_actor_kind"),
        ),
        sa.CheckConstraint("kind IN ('bulk', 'import', 'undo')", name=op.f("ck_batches_kind")),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_batches_community_id")),
        sa.PrimaryKeyConstraint("community_id", "number", name=op.f("pk_batches")),
        sa.UniqueConstraint("community_id", "key", name=op.f("uq_batches_community_id_key")),
        sa.UniqueConstraint("community_id", "undoes", name=op.f("uq_batches_community_id_undoes")),
    )
    op.create_table(
        "seasons",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=50), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=True),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sealed_seq", sa.BigInteger(), nullable=True),
        sa.Column("checksum", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "(sealed_at IS NULL) = (checksum IS NULL)", name=op.f("ck_seasons_sealed_with_checksum")
        ),
        sa.CheckConstraint("first < after", name=op.f("ck_seasons_has_days")),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_seasons_community_id")),
        sa.PrimaryKeyConstraint("community_id", "number", name=op.f("pk_seasons")),
        sa.UniqueConstraint("community_id", "key", name=op.f("uq_seasons_community_id_key")),
        sa.UniqueConstraint("community_id", "name", name=op.f("uq_seasons_community_id_name")),
    )
    with op.batch_alter_table("seasons", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_seasons_sealed_at_ends_at"), ["sealed_at", "ends_at"], unique=False
        )

    op.create_table(
        "verified_marks",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("full_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id"], ["communities.id"], name=op.f("fk_verified_marks_community_id")
        ),
        sa.PrimaryKeyConstraint("community_id", name=op.f("pk_verified_marks")),
    )
    op.create_table(
        "webhooks",
        sa.Column("community_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("secret", sa.String(length=100), nullable=False),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["community_id"], ["communities.id"], name=op.f("fk_webhooks_community_id")),
        sa.PrimaryKeyConstraint("community_id", "number", name=op.f("pk_webhooks")),
        sa.UniqueConstraint("community_id", "key", name=op.f("uq_webhooks_community_id_key")),
    )
    op.create_table(
        "erasures",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("community_id", sa.BigInteger(), nullable=False),
        sa.Column("member_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("scrubbed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("cancelled_at IS NULL OR done_at IS NULL", name=op.f("ck_erasures_one_end")),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["members.community_id", "members.id"],
            name=op.f("fk_erasures_community_id_member_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
        sa.UniqueConstraint("community_id", "key", name=op.f("uq_erasures_community_id_key")),
    )
    with op.batch_alter_table("erasures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_erasures_done_at_due_at"), ["done_at", "due_at"], unique=False)

    op.create_table(
        "season_standings",
        sa.Column("community_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("season_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("category_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("member_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("reached_seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["community_id", "member_id"],
            ["members.community_id", "members.id"],
            name=op.f("fk_season_standings_community_id_member_id"),
        ),
        sa.ForeignKeyConstraint(
            ["community_id", "season_number"],
            ["seasons.community_id", "seasons.number"],
            name=op.f("fk_season_standings_community_id_season_number"),
        ),
        sa.PrimaryKeyConstraint(
            "community_id", "season_number", "category_id", "member_id", name=op.f("pk_season_standings")
        ),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("community_id", sa.BigInteger(), nullable=False),
        sa.Column("webhook_number", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.String(length=250), nullable=False),
        sa.Column("topic", sa.String(length=32), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["community_id", "webhook_number"],
            ["webhooks.community_id", "webhooks.number"],
            name=op.f("fk_webhook_deliveries_community_id_webhook_number"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint(
            "community_id",
            "webhook_number",
            "event",
            name=op.f("uq_webhook_deliveries_community_id_webhook_number_event"),
        ),
    )
    with op.batch_alter_table("webhook_deliveries", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_webhook_deliveries_done_at_due_at"), ["done_at", "due_at"], unique=False
        )

    with op.batch_alter_table("ledger_heads", schema=None) as batch_op:
        batch_op.add_column(sa.Column("batches", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("seasons", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("clients", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("webhooks", sa.BigInteger(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("closed_because", sa.Text(), nullable=True))

    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("left_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("point_transactions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("batch", sa.BigInteger(), nullable=True))
        batch_op.create_index(
            "ix_point_transactions_community_id_batch",
            ["community_id", "batch"],
            unique=False,
            sqlite_where=sa.text("batch IS NOT NULL"),
            postgresql_where=sa.text("batch IS NOT NULL"),
        )

    with op.batch_alter_table("schedules", schema=None) as batch_op:
        batch_op.add_column(sa.Column("report", sa.String(length=32), nullable=True))
    dialect = op.get_bind().dialect.name
    for statement in guards.record_statements(dialect):
        op.execute(sa.text(statement.replace(":", "\\:")))
