"""One-step copies of a live SQLite file, and the restore points that are made of them.

VACUUM INTO reads the source in one transaction: a writer beside it neither waits nor shows halfway. It
leaves out free pages, so that what was erased is not in the copy. Neither `cp` nor a backup in several
steps can say either.
"""

import os
import re
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from points_core.errors import BackupFailed

FOLDER = "points-backups"
"""Where restore points are, beside the database's file."""

KEPT = 5  # restore points: a few mistakes back
BUSY_S = 30.0  # an operator, or a timer, can wait for a long commit
PART = ".part"  # the name of a copy that is not finished
_STAMP = r"\d{8}T\d{12}Z"


def copy(source: Path, target: Path) -> None:
    """Write a consistent copy of the live SQLite file `source` to the new file `target`, durably.

    Raises BackupFailed; then there is no `target`.
    """
    try:
        uri = f"{source.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S)) as live:
            copy_from(live, target)
    except sqlite3.Error as error:
        raise BackupFailed(f"{source} could not be read: {error}") from error


def copy_from(live: sqlite3.Connection, target: Path) -> None:
    """Write what `live`, outside of any transaction, sees to the new file `target`, durably.

    Raises BackupFailed; then there is no `target`.
    """
    part = begun(target)
    try:
        live.execute("VACUUM INTO ?", (str(part),))
        settle(part, target)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        raise BackupFailed(f"{target} could not be written: {error}") from error


def duplicate(source: Path, target: Path) -> None:
    """Write the bytes of a file that nobody writes to the new file `target`, durably. Raises BackupFailed."""
    part = begun(target)
    try:
        shutil.copyfile(source, part)
        settle(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BackupFailed(f"{target} could not be written: {error}") from error


def begun(target: Path) -> Path:
    """Return a new empty file for what will be `target`, readable by its owner alone. Raises BackupFailed."""
    part = target.with_name(target.name + PART)
    try:
        make_folder(part.parent)
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise BackupFailed(f"{part.parent} cannot be written: {error.strerror}") from error
    return part


def settle(part: Path, target: Path) -> None:
    """Give a finished file its name, once its bytes are on disk: VACUUM INTO does not wait for that."""
    with part.open("rb") as written:
        os.fsync(written.fileno())
    part.replace(target)
    sync_names(target.parent)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, unless they are there, durably; only its owner can enter it."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in missing:
        sync_names(each.parent)


def sync_names(folder: Path) -> None:
    """Wait until new names in a folder, and those gone from it, are on disk."""
    if os.name != "posix":
        return  # Windows cannot open a folder
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def restore_point(file: Path, why: str, keep: int = KEPT) -> Path:
    """Copy the SQLite `file` into the folder beside it, drop all but the last `keep`, return the copy.

    `why` goes into its name. Raises BackupFailed.
    """
    target = restore_point_name(file, why)
    copy(file, target)
    forget(file, keep)
    return target


def restore_point_name(file: Path, why: str) -> Path:
    """Return a new name in the folder beside `file`; names sort by time."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")  # a name for people, nothing is decided by it
    return file.resolve().parent / FOLDER / f"{file.stem}.{stamp}.{why}.db"


def restore_points(file: Path) -> list[Path]:
    """Return the restore points of `file`, oldest first."""
    return stamped(file.resolve().parent / FOLDER, file.stem, "db")


def forget(file: Path, keep: int) -> None:
    """Remove all but the last `keep` restore points of `file`."""
    drop_old(restore_points(file), keep)


def stamped(folder: Path, name: str, suffix: str) -> list[Path]:
    """Return the files NAME.STAMP.WHY.SUFFIX in `folder`, oldest first, and those of no other, longer name."""
    ours = re.compile(rf"{re.escape(name)}\.{_STAMP}\.[^.]+\.{re.escape(suffix)}")
    there = folder.iterdir() if folder.is_dir() else ()
    return sorted(each for each in there if ours.fullmatch(each.name))


def drop_old(files: list[Path], keep: int) -> None:
    """Remove all but the last `keep` of `files`, which are in order."""
    for old in files[: max(len(files) - keep, 0)]:
        with suppress(OSError):
            old.unlink()
