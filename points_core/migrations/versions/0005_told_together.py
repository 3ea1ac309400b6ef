"""What is announced together: which entry of the outbox tells of which."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("outbox", sa.Column("told_with", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_outbox_community_id_done_at",
        "outbox",
        ["community_id", "done_at"],
        unique=False,
        sqlite_where=sa.text("told_with IS NOT NULL"),
        postgresql_where=sa.text("told_with IS NOT NULL"),
    )
