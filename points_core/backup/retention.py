"""Which backups stay: those of a day back, the last of each of some days, and of each of some weeks."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from points_core.backup.manifest import SUFFIX, Manifest, path_of, read_manifest
from points_core.copies import PART
from points_core.errors import BackupDamaged
from points_core.moments import SKEW

A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Keep:
    """Of how many days and of how many weeks (Monday to Sunday, UTC) the last backup stays."""

    daily: int
    weekly: int


def listed(directory: Path) -> list[Manifest]:
    """Return the backups in `directory`, oldest first; what has no sound manifest is not one."""
    found = []
    for path in directory.glob(f"points-*{SUFFIX}"):
        try:
            found.append(read_manifest(path))
        except BackupDamaged:
            continue
    return sorted(found, key=lambda each: (each.made_at, each.file))


def latest(directory: Path, now: datetime) -> datetime | None:
    """Return when the last backup in `directory` was made up to `now` (aware), None if there is none."""
    made = (each.made_at for each in listed(directory) if each.made_at <= now + SKEW)
    return max(made, default=None)


def prune(directory: Path, keep: Keep, now: datetime) -> list[Path]:
    """Remove the backups that `keep` does not keep at `now` (aware), and return them.

    Those of broken books are counted apart: they never push a sound one out. Those that a clock which was ahead
    dated stay, uncounted, until their time comes.
    """
    _sweep(directory)
    there = [each for each in listed(directory) if each.made_at <= now + SKEW]
    stays = kept([each for each in there if not each.broken], keep)
    stays |= kept([each for each in there if each.broken], keep)
    removed = []
    for each in there:
        if each.file not in stays:
            backup = directory / each.file
            backup.unlink(missing_ok=True)
            path_of(backup).unlink(missing_ok=True)
            removed.append(backup)
    return removed


def kept(there: Iterable[Manifest], keep: Keep) -> set[str]:
    """Return the names of the backups that stay: those of the newest's last 24 hours, and what `keep` says."""
    there = sorted(there, key=lambda each: (each.made_at, each.file))
    recent = {each.file for each in there if each.made_at > there[-1].made_at - A_DAY}
    days: dict[date, str] = {}
    weeks: dict[tuple[int, int], str] = {}
    for each in there:
        day = each.made_at.astimezone(UTC).date()
        days[day] = each.file
        weeks[day.isocalendar()[:2]] = each.file
    last_days = sorted(days)[-max(keep.daily, 1) :]
    last_weeks = sorted(weeks)[-keep.weekly :] if keep.weekly else []
    return recent | {days[day] for day in last_days} | {weeks[week] for week in last_weeks}


def _sweep(directory: Path) -> None:
    """Remove what a process left unfinished that was killed while it wrote."""
    for part in directory.glob(f"points-*{PART}"):
        if part.stat().st_mtime < time.time() - A_DAY.total_seconds():
            part.unlink(missing_ok=True)
