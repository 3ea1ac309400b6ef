"""PostgreSQL's own programs, found on PATH: pg_dump and pg_restore; and restore points made with them."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError

from points_core import copies
from points_core.engines import statement_engine, without_ours
from points_core.errors import BackupFailed

MISSING = "pg_dump is not on PATH; it comes with PostgreSQL's client programs"


@dataclass(frozen=True, slots=True)
class Client:
    """The pg_dump that was found, beside the server it is for: what each says its version is."""

    version: str
    server: str
    major: int
    server_major: int

    @property
    def fits(self) -> bool:
        """Return whether it can dump that server: one of its own major version or an older one."""
        return self.major >= self.server_major


def client(tx: Connection) -> Client | None:
    """Return the pg_dump that is there for the server behind `tx`, None if there is none. Raises BackupFailed."""
    found = shutil.which("pg_dump")
    if found is None:
        return None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found on PATH
    version = re.search(r"\d+(\.\d+|devel|beta\d+|rc\d+)?", said.stdout)
    if said.returncode or version is None:
        raise BackupFailed(f"{found} does not say its version: {' '.join(said.stderr.split())[:300]}")
    server = str(tx.exec_driver_sql("SHOW server_version").scalar_one()).split()[0]
    return Client(version[0], server, _major(version[0]), _major(server))


def too_old(found: Client) -> str:
    """Return what is to be said where the pg_dump that was found is older than the server."""
    return (
        f"pg_dump is {found.version} and the server {found.server}: an older pg_dump cannot dump a newer server; "
        f"put PostgreSQL's client programs of version {found.server_major} or later on PATH"
    )


def check(url: URL) -> None:
    """Raise BackupFailed if there is no pg_dump, or an older one than the server at `url`."""
    try:
        with statement_engine(url).connect() as connection:
            found = client(connection)
    except DBAPIError as error:
        raise BackupFailed(str(error.orig).strip()) from error
    if found is None:
        raise BackupFailed(MISSING)
    if not found.fits:
        raise BackupFailed(too_old(found))


def _major(version: str) -> int:
    return int(re.match(r"\d+", version)[0])  # type: ignore[index]


def dump(url: URL, target: Path, snapshot: str | None = None) -> None:
    """Write the database, or what `snapshot` shows of it, to `target`, compressed. Raises BackupFailed."""
    check(url)
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
    copies.drop_old(copies.stamped(folder, str(url.database), "dump"), keep)
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
