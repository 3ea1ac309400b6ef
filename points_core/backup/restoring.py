"""Go back to a backup: check every bit, prepare beside the live books, say what changes, then change at once.

The live books are held for oneself alone meanwhile: a bot that still runs is told to stop first, so that no
award falls between the restore point and the return. What is put in place is the backup plus what must not
be undone (carrying.py) plus the record that it happened; it was verified before anything is touched.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection

from points_core import migrations, verification
from points_core.backup import carrying, comparing, manifest
from points_core.backup.carrying import Return
from points_core.backup.comparing import Change
from points_core.backup.manifest import Manifest
from points_core.backup.places import PostgresPlace, SqlitePlace
from points_core.backup.retention import listed
from points_core.database import writer_engine
from points_core.errors import BackupDamaged, BehindAnchor
from points_core.settings import Settings, sync_url
from points_core.verification import Known


@dataclass(frozen=True, slots=True)
class Plan:
    """What going back would do: the backup, each community's change, and which known anchors it lacks.

    `lost` when there are no live books to compare with.
    """

    backup: Path
    manifest: Manifest
    changes: tuple[Change, ...]
    behind: tuple[BehindAnchor, ...]
    lost: bool


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done; `restore_point` is where the books of before are (a file, or a database's name)."""

    plan: Plan
    restore_point: str | None


class Place(Protocol):
    """Where the live books are, and where a backup is prepared beside them."""

    def staged(self, backup: Path) -> AbstractContextManager[URL]:
        """Hold a copy of the backup, brought to this version's tables; it is gone afterwards."""

    def seen(self) -> AbstractContextManager[Connection | None]:
        """Hold the live books open for reading, whoever else uses them; None if there are none to read."""

    def held(self) -> AbstractContextManager[Connection | None]:
        """Hold the live books alone, None if there are none or they cannot be read."""

    def restore_point(self) -> str | None:
        """Keep the live books as they are; only while they are held."""

    def put(self, staged: URL) -> None:
        """Put what was prepared in the place of the live books; only while they are held."""


def place_of(settings: Settings) -> Place:
    """Return the place that the settings name."""
    url = sync_url(settings.database_url)
    return (
        SqlitePlace(url, settings.restore_points)
        if url.get_backend_name() == "sqlite"
        else PostgresPlace(url)
    )


def preview(settings: Settings, file: Path) -> Plan:
    """Say what `restore` would do. Raises BackupDamaged, BackupFailed, DatabaseUnavailable."""
    place = place_of(settings)
    backup, found = _checked(settings, file)
    with place.staged(backup) as url, _open(url) as staged, place.seen() as live:
        return _plan(settings, backup, found, live, staged)


def restore(settings: Settings, file: Path, now: datetime, *, force: bool = False) -> Restored:
    """Go back to the backup `file`, or its manifest's. Everybody else has to have let go of the database.

    Raises BackupDamaged; BehindAnchor unless `force`; BackupFailed, DatabaseUnavailable. Then nothing changed.
    """
    place = place_of(settings)
    backup, found = _checked(settings, file)
    if found.broken and not force:
        raise BackupDamaged(str(backup), f"its books were broken when it was made: {'; '.join(found.broken)}")
    with place.staged(backup) as url, place.held() as live:
        with _open(url) as staged:
            plan = _plan(settings, backup, found, live, staged)
            if plan.behind and not force:
                raise plan.behind[0]
            _prepare(live, staged, plan, now)
        kept = place.restore_point()
        place.put(url)
    return Restored(plan, kept)


def _checked(settings: Settings, file: Path) -> tuple[Path, Manifest]:
    backup, found = manifest.check(file)
    backend = sync_url(settings.database_url).get_backend_name()
    if found.backend != backend:
        raise BackupDamaged(str(backup), f"it is of {found.backend}, POINTS_DATABASE_URL names {backend}")
    if found.revision > migrations.HEAD:
        raise BackupDamaged(str(backup), f"it is of a newer version of points, revision {found.revision}")
    return backup, found


@contextmanager
def _open(url: URL) -> Iterator[Connection]:
    engine = writer_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _plan(
    settings: Settings, backup: Path, found: Manifest, live: Connection | None, staged: Connection
) -> Plan:
    _is_what_it_says(backup, found, staged)
    known = comparing.kept_anchors(live) if live is not None else []
    known += _manifests_beside(settings, backup)
    return Plan(
        backup,
        found,
        comparing.changes(live, staged),
        tuple(comparing.behind(staged, known)),
        lost=live is None,
    )


def _is_what_it_says(backup: Path, found: Manifest, staged: Connection) -> None:
    outcome = verification.examine(staged, known=manifest.known(found))
    if outcome.broken and not found.broken:
        first = outcome.broken[0]
        raise BackupDamaged(str(backup), f"{first.community}: {first.invariant}: {first.detail}")


def _manifests_beside(settings: Settings, backup: Path) -> Sequence[Known]:
    folders = {backup.parent.resolve()}
    folders |= {folder.resolve() for folder in (settings.backup_directory, settings.backup_second) if folder}
    return [
        head
        for folder in sorted(folders)
        for each in listed(folder)
        if not each.broken
        for head in manifest.known(each)
    ]


def _prepare(live: Connection | None, staged: Connection, plan: Plan, now: datetime) -> None:
    carrying.carry(live, staged, now)
    going = Return(plan.manifest.file, plan.manifest.made_at, bool(plan.behind), now)
    carrying.record_return(live, staged, going)
