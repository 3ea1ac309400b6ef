"""A mark of verification knows what all members together had and had spent."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Marks of before know nothing of it: a verification from there does not compare it."""
    with op.batch_alter_table("verified_marks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("totals", sa.BigInteger(), nullable=True))
