"""Make a backup: copy in one step, verify what was written, write the manifest, let old ones go.

Everything here takes as long as the disk does; call it in a thread of its own (`database.aside`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, Connection

from points_core import copies, dumps, verification
from points_core.backup import manifest as manifests
from points_core.backup import postgres, reading
from points_core.backup.manifest import Manifest
from points_core.backup.retention import Keep, prune
from points_core.database import study_engine
from points_core.errors import BackupDamaged, BackupFailed
from points_core.settings import database_file
from points_core.verification import Known, Outcome


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made: where it is, where its second copy is, what its manifest says, what was removed."""

    file: Path
    second: Path | None
    manifest: Manifest
    removed: tuple[Path, ...]

    def known(self) -> list[Known]:
        """Return the chain heads that now stand in a manifest, to be kept as anchors."""
        return manifests.known(self.manifest)


def make(
    url: URL, directory: Path, now: datetime, *, second: Path | None = None, keep: Keep | None = None
) -> Made:
    """Back the database at `url` up into `directory`, and beside into `second`; drop what `keep` does not.

    Broken books are backed up too, and their manifest says so: it is all there is. Raises BackupFailed.
    """
    target = _free(directory, now, "db" if url.get_backend_name() == "sqlite" else "dump")
    try:
        write = _sqlite if url.get_backend_name() == "sqlite" else _postgres
        manifest = write(url, target, now)
        manifests.write_manifest(manifest, directory)
        manifests.check(target)
        twin = _twin(target, manifest, second) if second is not None else None
        removed = [
            file for folder in (directory, second) if folder and keep for file in prune(folder, keep, now)
        ]
    except BackupDamaged as error:
        target.unlink(missing_ok=True)
        manifests.path_of(target).unlink(missing_ok=True)
        raise BackupFailed(f"what was written is not what was read: {error.why}") from error
    except OSError as error:
        raise BackupFailed(f"{error.filename or target}: {error.strerror}") from error
    return Made(target, twin, manifest, tuple(removed))


def _free(directory: Path, now: datetime, suffix: str) -> Path:
    stem = f"points-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    target = directory / f"{stem}.{suffix}"
    number = 1
    while target.exists():
        number += 1
        target = directory / f"{stem}-{number}.{suffix}"
    return target


def _twin(target: Path, manifest: Manifest, second: Path) -> Path:
    twin = second / target.name
    copies.duplicate(target, twin)
    manifests.write_manifest(manifest, second)
    manifests.check(twin)
    return twin


def _sqlite(url: URL, target: Path, now: datetime) -> Manifest:
    file = database_file(url)
    assert file is not None
    if not file.exists():
        raise BackupFailed(f"{file} is not there")
    copies.copy(file, target)
    with reading.opened(target) as tx:
        reading.examine_file(tx, target)
        return _manifest(tx, target, now, verification.examine(tx))


def _postgres(url: URL, target: Path, now: datetime) -> Manifest:
    """Dump and verify one snapshot: what the books are found to be is what the dump holds."""
    part = copies.begun(target)
    try:
        with _snapshot(url) as (tx, snapshot):
            dumps.dump(url, part, snapshot)
            postgres.read_through(url, part)
            copies.settle(part, target)
            return _manifest(tx, target, now, verification.examine(tx))
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _snapshot(url: URL) -> Iterator[tuple[Connection, str]]:
    engine = study_engine(url)
    try:
        with engine.connect() as tx:
            yield tx, str(tx.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one())
    finally:
        engine.dispose()


def _manifest(tx: Connection, target: Path, now: datetime, outcome: Outcome) -> Manifest:
    return Manifest(
        file=target.name,
        backend=tx.dialect.name,
        size=target.stat().st_size,
        sha256=manifests.digest(target),
        revision=reading.revision(tx),
        made_at=now.astimezone(UTC),
        communities=reading.heads(tx),
        broken=tuple(sorted({f"{each.community}: {each.invariant}" for each in outcome.broken})),
    )
