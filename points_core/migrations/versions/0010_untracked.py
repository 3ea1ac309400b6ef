"""Who wants rules to take no notice of them, and since when."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("members", sa.Column("untracked_at", sa.DateTime(timezone=True), nullable=True))
