"""Backups that nobody has to think of: by the clock, and before what cannot be taken back."""

from datetime import datetime, timedelta
from pathlib import Path

from points_core import copies, dumps
from points_core.backup.making import Made, make
from points_core.backup.retention import Keep, latest
from points_core.database import Points, aside
from points_core.errors import BackupFailed
from points_core.settings import Settings, database_file, sync_url
from points_core.verification import anchors


def due(settings: Settings, now: datetime) -> bool:
    """Return whether the settings want a backup at `now`."""
    if settings.backup_directory is None:
        return False
    last = latest(settings.backup_directory, now)
    return last is None or last <= now - timedelta(hours=settings.backup_every_hours)


def scheduled(settings: Settings, now: datetime, directory: Path, second: Path | None = None) -> Made:
    """Make a backup at `now` and keep as many as the settings say. Raises BackupFailed."""
    keep = Keep(settings.backup_daily, settings.backup_weekly)
    return make(sync_url(settings.database_url), directory, now, second=second, keep=keep)


async def make_due(
    points: Points, now: datetime, directory: Path | None = None, second: Path | None = None
) -> Made:
    """Make a backup, to the settings' directories if none are given, and anchor it in the books.

    Raises BackupFailed, DatabaseUnavailable.
    """
    directory = directory or points.settings.backup_directory
    if directory is None:
        raise BackupFailed("no directory is given; name one, or set POINTS_BACKUP_DIRECTORY")
    second = second or points.settings.backup_second
    made = await aside(scheduled, points.settings, now, directory, second)
    if not made.manifest.broken:
        await points.write(anchors.keep, made.known(), now)
    return made


async def before(points: Points, what: str, now: datetime) -> Path | None:
    """Keep the books as they are before `what` (a word) is done to them; return where, None if that is off.

    A copy beside an SQLite file, a dump in the backups' directory for PostgreSQL: call it before imports and
    whatever else changes much; not before erasures, which it would undo. Raises BackupFailed: then do not begin.
    """
    keep = points.settings.restore_points
    if not keep:
        return None
    file = database_file(sync_url(points.settings.database_url))
    if file is not None:
        return await aside(copies.restore_point, file, what, keep)
    folder = (points.settings.backup_directory or Path()) / copies.FOLDER
    return await aside(dumps.restore_point, sync_url(points.settings.database_url), folder, what, keep)
