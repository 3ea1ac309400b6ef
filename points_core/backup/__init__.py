"""Backups that can be trusted, and the way back from them.

manifest.py     what a backup is, sealed: no bit of it changes unnoticed
making.py       copy in one step, verify what was written
retention.py    which backups stay
comparing.py    what going back would change, and what others already know
carrying.py     what must not be undone by going back
restoring.py    check, prepare beside, say what changes, change at once
places.py       an SQLite file, a PostgreSQL database
postgres.py     pg_dump and pg_restore
moving.py       all the books into another database, SQLite or PostgreSQL
keeping.py      backups by the clock, restore points before dangerous moments

These functions take as long as a disk does: run them with `database.aside`.
"""

from points_core.backup.carrying import RESTORED
from points_core.backup.comparing import Change, Moved
from points_core.backup.keeping import before, due, make_due, scheduled
from points_core.backup.making import Made, make
from points_core.backup.manifest import Head, Manifest, check, known, read_manifest
from points_core.backup.moving import MovedBooks, move
from points_core.backup.restoring import Plan, Restored, preview, restore
from points_core.backup.retention import Keep, latest, listed

__all__ = [
    "RESTORED",
    "Change",
    "Head",
    "Keep",
    "Made",
    "Manifest",
    "Moved",
    "MovedBooks",
    "Plan",
    "Restored",
    "before",
    "check",
    "due",
    "known",
    "latest",
    "listed",
    "make",
    "make_due",
    "move",
    "preview",
    "read_manifest",
    "restore",
    "scheduled",
]
