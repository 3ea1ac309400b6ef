"""PostgreSQL's own programs, found on PATH: pg_dump and pg_restore; and restore points made with them."""

import os
import shutil
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL

from points_core import copies
from points_core.engines import without_ours
from points_core.errors import BackupFailed


def dump(url: URL, target: Path, snapshot: str | None = None) -> None:
    """Write the database, or what `snapshot` shows of it, to `target`, compressed. Raises BackupFailed."""
    run(
        url,
        "pg_dump",
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        *([f"--snapshot={snapshot}"] if snapshot else []),
        f"--file={target}",
        f"--dbname={without_password(url)}",
    )


def restore_point(url: URL, folder: Path, why: str, keep: int) -> Path:
    """Dump the database into `folder`, drop all but the last `keep` there, return the dump.

    `why` goes into its name. Raises BackupFailed.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")  # a name for people, nothing is decided by it
    target = folder / f"{url.database}.{stamp}.{why}.dump"
    part = copies.begun(target)
    try:
        dump(url, part)
        copies.settle(part, target)
    finally:
        part.unlink(missing_ok=True)
    found = sorted(folder.glob(f"{url.database}.*Z.*.dump"))
    for old in found[: max(len(found) - keep, 0)]:
        with suppress(OSError):
            old.unlink()
    return target


def available() -> bool:
    """Return whether there is a pg_dump to be found."""
    return shutil.which("pg_dump") is not None


def run(url: URL, program: str, *arguments: str) -> None:
    """Run one of the programs to its end. Raises BackupFailed with what it says."""
    found = shutil.which(program)
    if found is None:
        raise BackupFailed(f"{program} is not on PATH; PostgreSQL's client programs have it")
    secret = {"PGPASSWORD": str(url.password)} if url.password else {}
    done = subprocess.run(  # noqa: S603 - arguments of our own, no shell
        [found, *arguments], env=os.environ | secret, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BackupFailed(f"{program}: {' '.join(done.stderr.split())[:500]}")


def without_password(url: URL) -> str:
    """Return the address for a command line, which everybody on the machine can read."""
    query = without_ours(url).query
    plain = URL.create("postgresql", url.username, None, url.host, url.port, url.database, query)
    return plain.render_as_string(hide_password=False)
