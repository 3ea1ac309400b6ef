"""What was imported or asked for can no longer be tried against a plain digest of it."""

import hashlib
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from points_core.migrations import guards
from points_core.models.base import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

LIFTED = {"audit_events_no_update": "audit_events", "batches_no_update": "batches"}

communities = sa.table(
    "communities", sa.column("id"), sa.column("key"), sa.column("created_at", UtcDateTime())
)
batches = sa.table(
    "batches",
    *(sa.column(name) for name in ("community_id", "number", "kind", "key", "checksum")),
)
audit_events = sa.table(
    "audit_events", *(sa.column(name) for name in ("community_id", "action", "target", "key"))
)


def upgrade() -> None:
    """Apply."""
    connection = op.get_bind()
    with guards.lifted(connection, LIFTED):
        _forget_rows(connection)
        _mark_files(connection)


def _forget_rows(connection: sa.Connection) -> None:
    """Early batches over HTTP stand on record under an unsalted SHA-256 of their rows, 64 hexadecimal digits."""
    digests = (audit_events.c.action == "batch.award") & (sa.func.length(audit_events.c.target) == 64)
    connection.execute(sa.update(audit_events).where(digests).values(target="rows"))


def _mark_files(connection: sa.Connection) -> None:
    """Imported files were known by their SHA-256, which stood in the batch, in its key and on record.

    The keys of their transactions stay, though they are made of that key: the chain commits to them.
    """
    imported = (
        sa.select(batches.c.community_id, batches.c.number, batches.c.key, batches.c.checksum)
        .add_columns(communities.c.key.label("community"), communities.c.created_at)
        .join(communities, communities.c.id == batches.c.community_id)
        .where(batches.c.checksum.is_not(None))
    )
    for row in connection.execute(imported).all():
        mark = _mark(row.checksum, row.community, row.created_at)
        key = row.key.replace(row.checksum.hex(), mark.hex())
        this = (batches.c.community_id == row.community_id) & (batches.c.number == row.number)
        connection.execute(sa.update(batches).where(this).values(checksum=mark, key=key))
        told = (audit_events.c.community_id == row.community_id) & (audit_events.c.key == row.key)
        connection.execute(sa.update(audit_events).where(told).values(key=key))


def _mark(checksum: bytes, community: str, began: datetime) -> bytes:
    """As `imports.marks` does: what is imported again is known again."""
    since = (began - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return hashlib.scrypt(checksum, salt=f"{community}\n{since}".encode(), n=2**14, r=8, p=1, dklen=32)
