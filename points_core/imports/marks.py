"""The mark under which an imported file is known again, and from which nobody finds out what was in it.

A plain digest would say for good, also of members who are erased, whether a list that somebody makes up is the
one that was imported. So the mark is slow to compute (scrypt: about 40 ms and 16 MB for each try) and salted with
the community's own beginning: no list of digests made elsewhere helps, and no two communities share one.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select

from points_core.models import Community

COST: Final = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}
"""What one try costs; a mark is kept, so this never changes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def mark(tx: Connection, community_id: int, checksum: bytes) -> bytes:
    """Return the mark, 32 bytes, of the file with this SHA-256 in a community."""
    key, began = tx.execute(
        select(Community.key, Community.created_at).where(Community.id == community_id)
    ).one()
    salt = f"{key}\n{(began - _EPOCH) // timedelta(microseconds=1)}"
    return hashlib.scrypt(checksum, salt=salt.encode(), **COST)
